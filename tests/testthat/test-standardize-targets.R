# Target rows, subgroups, weights, and exposures of all kinds.

quiet <- function(expr) suppressMessages(suppressWarnings(expr))

target_data <- function() {
  set.seed(11)
  data <- data.frame(
    id = rep(letters[1:12], each = 5)[sample(60)], dose = rep(c(1, 2, 4, 8), 15),
    sex = rep(c("f", "m", "f"), 20), age = round(runif(60, 20, 60)), time = runif(60, 0.5, 2)
  )
  data$drug <- factor(c("none", "low", "high")[rep(c(1, 2, 3, 2, 1), 12)], c("none", "low", "high"))
  data$on <- data$drug != "none"
  eta <- -0.5 + 0.3 * log(data$dose) + 0.5 * (data$sex == "f") + 0.6 * data$on
  data$y <- rbinom(60, 1, plogis(eta + rnorm(12)[match(data$id, letters)]))
  data$count <- rpois(60, data$time * exp(eta))
  data
}

# Means of rows with the exposure set, integrated by predict().
row_means <- function(fit, data) {
  unname(predict(fit, newdata = data, type = "response", random_effects = "integrate"))
}

test_that("ATT, ATU, subgroups and weights are averages of the right rows", {
  data <- target_data()
  fit <- quiet(glmm(y ~ drug * sex + age + (1 | id), data, binomial(), nAGQ = 9))
  set <- function(a) {
    data$drug[] <- a
    row_means(fit, data)
  }
  m <- vapply(levels(data$drug), set, numeric(60))
  average <- function(rows, w = rep(1, 60)) {
    colSums(w[rows] * m[rows, , drop = FALSE]) / sum(w[rows])
  }

  all <- quiet(marginal_standardization(fit, "drug"))
  expect_equal(all$means$estimate, unname(average(1:60)))
  expect_equal(all$contrasts$level, rep(c("low", "high"), 3))
  other <- quiet(marginal_standardization(fit, "drug",
    reference = "high", values = c("low", "high")
  ))
  expect_equal(other$contrasts$estimate[1], unname(average(1:60)["low"] - average(1:60)["high"]))

  att <- quiet(marginal_standardization(fit, "drug", estimand = "ATT", contrast = "difference"))
  low <- average(which(data$drug == "low"))
  high <- average(which(data$drug == "high"))
  expect_equal(att$means$estimate, unname(c(low[c("none", "low")], high[c("none", "high")])))
  expect_equal(att$means$rows, c("low", "low", "high", "high"))
  differences <- c(low["low"] - low["none"], high["high"] - high["none"])
  expect_equal(att$contrasts$estimate, unname(differences))
  atu <- quiet(marginal_standardization(fit, "drug", estimand = "ATU"))
  expect_equal(atu$means$estimate, unname(average(which(data$drug == "none"))))

  by <- quiet(marginal_standardization(fit, "drug", by = "sex"))
  expect_equal(
    by$means$estimate, unname(c(average(which(data$sex == "f")), average(which(data$sex == "m"))))
  )
  expect_equal(by$means$sex, rep(c("f", "m"), each = 3))
  same <- quiet(marginal_standardization(fit, "drug", by = ~sex))
  expect_identical(same$contrasts, by$contrasts)
  # a subgroup alone is the same as its rows with the weight of the others 0
  women <- quiet(marginal_standardization(fit, "drug", weights = as.numeric(data$sex == "f")))
  expect_equal(women$contrasts$std.error, by$contrasts$std.error[by$contrasts$sex == "f"])
  expect_equal(women$means$df, by$means$df[by$means$sex == "f"])

  weighted <- quiet(marginal_standardization(fit, "drug", weights = data$time))
  expect_equal(weighted$means$estimate, unname(average(1:60, data$time)))
  named <- quiet(marginal_standardization(fit, "drug", weights = "time"))
  expect_identical(named$means, weighted$means)

  clusters <- quiet(marginal_standardization(fit, "drug", average = "cluster"))
  expect_equal(clusters$means$estimate, unname(colMeans(rowsum(m, data$id) / 5)))
  unequal <- quiet(marginal_standardization(fit, "drug", average = "cluster", weights = "time"))
  of_clusters <- rowsum(m * data$time, data$id) / drop(rowsum(data$time, data$id))
  expect_equal(unequal$means$estimate, unname(colMeans(of_clusters)))
})

test_that("rows of the fit given as new data are the same target", {
  data <- target_data()
  fit <- quiet(glmm(y ~ drug + age + (1 | id), data, binomial(), nAGQ = 9))
  own <- quiet(marginal_standardization(fit, "drug"))
  new <- quiet(marginal_standardization(fit, "drug", newdata = data, covariates = "sampled"))
  columns <- c("level", "weight", "estimate", "std.error", "df")
  expect_equal(new$means[columns], own$means[columns])
  fixed <- quiet(marginal_standardization(fit, "drug", newdata = data["age"]))
  expect_equal(fixed$options$covariates, "fixed")
  expect_equal(fixed$vcov_means, own$vcov_means_fixed)
  expect_equal(vcov(own, "means", covariates = "fixed"), own$vcov_means_fixed)
  # clusters that were not in the fit are further, independent ones
  more <- rbind(data, transform(data, id = toupper(id)))
  both <- quiet(marginal_standardization(fit, "drug", newdata = more, covariates = "sampled"))
  expect_equal(both$means$estimate, own$means$estimate)
  expect_equal(both$vcov_means_fixed, own$vcov_means_fixed)
  joined <- joined_influence(diag(2), rbind(c(1, 2), c(3, 4), c(5, 6)), c(2L, NA, 1L))
  expect_equal(joined, rbind(c(6, 6), c(1, 3), c(3, 4)))
})

test_that("rows, clusters and labels may come in any order", {
  data <- target_data()
  one <- quiet(glmm(y ~ drug + age + (1 | id), data, binomial(), nAGQ = 9))
  data$w <- data$time
  mixed <- data[sample(60), ]
  mixed$id <- chartr("abcdefghijkl", "lkjihgfedcba", mixed$id)
  two <- quiet(glmm(y ~ drug + age + (1 | id), mixed, binomial(), nAGQ = 9))
  first <- quiet(marginal_standardization(one, "drug", weights = data$time, by = "sex"))
  second <- quiet(marginal_standardization(two, "drug", weights = mixed$w, by = "sex"))
  expect_equal(first$contrasts, second$contrasts, tolerance = 1e-5)
})

test_that("the exposure may be transformed, continuous, logical, or several variables", {
  data <- target_data()
  fit <- quiet(glmm(y ~ log(dose) * age + I(dose^2) + (1 | id), data, binomial(), nAGQ = 9))
  r <- quiet(marginal_standardization(fit, "dose", values = c(2, 8)))
  m <- vapply(c(2, 8), function(d) mean(row_means(fit, transform(data, dose = d))), 0)
  expect_equal(r$means$estimate, m)
  expect_equal(r$means$level, c("2", "8"))
  named <- quiet(marginal_standardization(fit, "dose", values = c(few = 2, many = 8)))
  expect_equal(named$means$level, c("few", "many"))

  fit <- quiet(glmm(y ~ poly(dose, 2) + (1 | id), data, binomial(), nAGQ = 9))
  r <- quiet(marginal_standardization(fit, "dose", values = c(1, 4)))
  m <- vapply(c(1, 4), function(d) mean(row_means(fit, transform(data, dose = d))), 0)
  expect_equal(r$means$estimate, m)

  # averages of other variables than the exposure
  fit <- quiet(glmm(y ~ I(dose * age / mean(age)) + (1 | id), data, binomial(), nAGQ = 9))
  r <- quiet(marginal_standardization(fit, "dose", values = c(1, 4)))
  m <- quiet(vapply(c(1, 4), function(d) mean(row_means(fit, transform(data, dose = d))), 0))
  expect_equal(r$means$estimate, m)

  fit <- quiet(glmm(y ~ factor(dose) + (1 | id), data, binomial(), nAGQ = 9))
  r <- quiet(marginal_standardization(fit, "dose", estimand = "ATT", contrast = "difference"))
  expect_equal(r$contrasts$level, c("2", "4", "8"))

  fit <- quiet(glmm(y ~ on + (on | id), data, binomial(), nAGQ = 3))
  r <- quiet(marginal_standardization(fit, "on"))
  expect_equal(r$means$level, c("FALSE", "TRUE"))
  m <- vapply(c(FALSE, TRUE), function(a) mean(row_means(fit, transform(data, on = a))), 0)
  expect_equal(r$means$estimate, m)

  fit <- quiet(glmm(y ~ drug * sex + (1 | id), data, binomial(), nAGQ = 9))
  settings <- expand.grid(drug = c("none", "high"), sex = c("m", "f"))
  r <- quiet(marginal_standardization(fit, c("drug", "sex"), values = settings))
  expect_equal(r$means$level[2], "drug=high, sex=m")
  m <- row_means(fit, transform(settings, drug = factor(drug, levels(data$drug)), id = "a"))
  expect_equal(r$means$estimate, m)
  same <- quiet(marginal_standardization(fit, values = as.list(settings)))
  expect_equal(same$means$estimate, m)
  last <- quiet(marginal_standardization(fit, values = settings, reference = settings[4, ]))
  expect_equal(last$reference, "drug=high, sex=f")
  women <- quiet(marginal_standardization(fit, values = settings[3:4, ]))
  expect_equal(women$means$level, c("drug=none", "drug=high"))
})

test_that("variables may lie beside the formula, in any order and with missing values", {
  data <- target_data()
  data$age[7] <- NA
  within <- quiet(glmm(y ~ I(on * age) + I(age / 10) + (1 | id), data, binomial(), nAGQ = 5))
  list2env(data, environment())
  beside <- quiet(glmm(y ~ I(on * age) + I(age / 10) + (1 | id), family = binomial(), nAGQ = 5))
  results <- lapply(list(within, beside), function(fit) quiet(marginal_standardization(fit, "on")))
  expect_equal(results[[2]]$contrasts, results[[1]]$contrasts)
  m <- vapply(c(FALSE, TRUE), function(a) mean(row_means(within, transform(data[-7, ], on = a))), 0)
  expect_equal(results[[1]]$means$estimate, m)
  # one target row, with a transformation of several columns
  fit <- quiet(glmm(y ~ poly(dose, 2) + (1 | id), data, binomial(), nAGQ = 5))
  r <- quiet(marginal_standardization(fit, "dose", values = c(1, 4), newdata = data[1, ]))
  expect_equal(r$means$estimate, row_means(fit, data.frame(dose = c(1, 4), id = "a")))
})

test_that("offsets are kept, and rates per unit of time can be had", {
  data <- target_data()
  formulas <- list(count ~ drug + offset(log(time)) + (1 | id), count ~ drug + (1 | id))
  fits <- list(
    quiet(glmm(formulas[[1]], data, poisson(), nAGQ = 9)),
    quiet(glmm(formulas[[2]], data, poisson(), offset = log(time), nAGQ = 9))
  )
  for (fit in fits) {
    fixed <- data.frame(drug = levels(data$drug))
    beta <- coef(fit) + c(0, rep(coef(fit)[[1]], 2))
    rate <- unname(exp(beta + VarCorr(fit)[[1]][1] / 2))
    r <- quiet(marginal_standardization(fit, "drug"))
    expect_equal(r$means$estimate, rate * mean(data$time))
    fixed$time <- 1
    unit <- quiet(marginal_standardization(fit, values = fixed, weights = "time"))
    expect_equal(unit$means$estimate, rate)
  }
})

test_that("directions of negative information are left uncorrected", {
  # only a likelihood that is not log-concave, such as cauchit's, has them
  set.seed(2)
  data <- data.frame(id = rep(1:10, each = 6), a = rep(0:1, 30), x = rnorm(60))
  data$y <- rbinom(60, 1, pcauchy(0.2 + 0.3 * data$a + 0.8 * data$x + rnorm(10)[data$id]))
  fit <- quiet(glmm(y ~ a + x + (1 | id), data, binomial("cauchit"), nAGQ = 15))
  pieces <- joint_pieces(fit)
  B <- apply(pieces$information, 1:2, sum)
  lowest <- apply(pieces$information, 3L, function(x) min(eigen(solve(B, x))$values))
  expect_lt(min(lowest), -0.01)
  r <- quiet(marginal_standardization(fit, "a", covariates = "fixed"))
  scores <- cbind(brute_corrected(pieces$scores, pieces$information, -0.5), pieces$scores_theta)
  V <- fit$vcov_full
  expect_equal(
    unname(r$vcov_means), unname(crossprod(scores %*% V %*% t(r$jacobian))), tolerance = 1e-8
  )
  df <- apply(r$map %*% r$jacobian %*% V, 1L, function(d) {
    brute_satterthwaite(pieces$information, d[seq_along(fit$beta)], -0.5)
  })
  expect_equal(r$contrasts$df, df, tolerance = 1e-6)
})
