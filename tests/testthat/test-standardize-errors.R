# Bad input: classed errors that name the value.

quiet <- function(expr) suppressMessages(suppressWarnings(expr))

error_fit <- function() {
  set.seed(5)
  data <- data.frame(
    id = rep(1:10, each = 6), drug = factor(rep(c("none", "low", "high"), 20)), dose = 1:60 / 10,
    sex = factor(rep(c("f", "m"), 30), c("f", "m", "x")), y = rep(c(0, 1, 1, 0, 1, 0, 0), 9)[1:60]
  )
  data$count <- rep(c(0, 3, 1, 2), 15)
  data
}

test_that("bad input is refused with a class and the value", {
  data <- error_fit()
  fit <- quiet(glmm(y ~ drug + log(dose) + (1 | id), data, binomial(), nAGQ = 5))
  standardize <- function(...) marginal_standardization(fit, ...)
  expect_snapshot(error = TRUE, {
    marginal_standardization(lm(y ~ drug, data), "drug")
    standardize()
    standardize("smoke")
    standardize("id")
    standardize("drug", values = c("none", "medium"))
    standardize("drug", values = "none")
    standardize("drug", values = c("none", "none"))
    standardize("drug", reference = "medium")
    standardize("dose")
    standardize("dose", values = c("a", "b"))
    standardize("dose", values = c(0, 1))
    standardize("dose", values = c(1, 2), estimand = "ATT")
    standardize("drug", values = c("none", "low"), estimand = "effect")
    standardize(c("drug", "dose"))
    standardize(c("drug", "dose"), values = data.frame(drug = c("none", "low"), age = 1:2))
    standardize("drug", by = "nothing")
    standardize("drug", by = "drug")
    standardize("drug", by = "sex")
    standardize("drug", weights = c(1, 2))
    standardize("drug", weights = "wealth")
    standardize("drug", weights = rep(0, 60))
    standardize("drug", weights = c(NA, -1, rep(1, 58)))
    standardize("drug", weights = c(-1, rep(1, 59)))
    standardize("drug", vcov = diag(2))
    standardize("drug", vcov = "bootstrap")
    standardize("drug", df = -1)
    standardize("drug", level = 95)
    standardize("drug", covariates = "random")
    standardize("drug", newdata = data["dose"], covariates = "sampled")
    standardize("drug", newdata = data["dose"], average = "cluster")
    standardize("drug", newdata = data.frame(dose = c(1, NA)))
    standardize("drug", newdata = data["drug"])
    standardize("drug", contrast = "slope")
  })
  expect_error(standardize("smoke"), class = "margmix_error_exposure")
  expect_error(standardize("drug", values = c("none", "medium")), class = "margmix_error_values")
  expect_error(standardize("drug", by = "sex"), class = "margmix_error_subgroup")
})

test_that("an estimand without rows, or a contrast that means nothing, is refused", {
  data <- error_fit()
  data$sex <- rep(c("f", "m"), 30)
  data$on <- as.numeric(data$sex == "m" & data$drug == "low")
  fit <- quiet(glmm(y ~ on + sex + (1 | id), data, binomial(), nAGQ = 5))
  expect_snapshot(error = TRUE, {
    marginal_standardization(fit, "on", estimand = "ATT", by = "sex")
    marginal_standardization(fit, "on", estimand = "ATT", weights = 1 - data$on)
  })
  counts <- quiet(glmm(count ~ drug + (1 | id), data, poisson(), nAGQ = 5))
  lmm <- quiet(glmm(y - 0.5 ~ drug + (1 | id), data))
  expect_snapshot(error = TRUE, {
    marginal_standardization(counts, "drug", contrast = "odds_ratio")
    marginal_standardization(lmm, "drug", contrast = "ratio")
  })
})

test_that("a transformation that depends on other rows cannot be set", {
  data <- error_fit()
  for (term in c("I(dose - mean(dose))", "as.integer(factor(dose))", "cut(dose, 3)")) {
    fit <- quiet(glmm(reformulate(c(term, "(1 | id)"), "y"), data, binomial(), nAGQ = 5))
    expect_error(
      marginal_standardization(fit, "dose", values = 1:2), class = "margmix_error_exposure"
    )
  }
  expect_snapshot(error = TRUE, marginal_standardization(fit, "dose", values = 1:2))
})

test_that("what has no standard error is named, as is a fit without a maximum", {
  data <- error_fit()
  data$on <- data$sex == "m"
  fit <- quiet(glmm(y ~ on + dose + (1 | id), data, binomial(), nAGQ = 5))
  one <- data[data$id == 3, ]
  r <- quiet(marginal_standardization(fit, "on", newdata = one, covariates = "sampled"))
  expect_true(all(is.na(r$means$std.error)))
  expect_snapshot(r)
  data$y <- as.numeric(data$on)
  separated <- quiet(glmm(y ~ on + (1 | id), data, binomial(), nAGQ = 5))
  expect_snapshot(r <- marginal_standardization(separated, "on"))
  expect_true("separation" %in% names(r$notes))
})

test_that("changed data are noticed", {
  # a fit that was made in a function keeps its data
  top <- globalenv()
  assign("some_rows", error_fit(), top)
  on.exit(rm(list = intersect("some_rows", names(top)), envir = top))
  call <- quote(glmm(y ~ drug + log(dose) + (1 | id), some_rows, binomial(), nAGQ = 5))
  fit <- quiet(eval(call, top))
  assign("some_rows", transform(top$some_rows, y = 1 - y), top)
  expect_snapshot(error = TRUE, marginal_standardization(fit, "drug", by = "sex"))
  assign("some_rows", top$some_rows[1:10, ], top)
  expect_error(
    marginal_standardization(fit, "dose", values = 1:2), class = "margmix_error_data_changed"
  )
  # what the model frame has needs no data
  rm("some_rows", envir = top)
  expect_s3_class(quiet(marginal_standardization(fit, "drug")), "margmix_standardization")
})

test_that("a fit made in a function is standardized over the data it was made from", {
  data <- error_fit()
  fit <- quiet(glmm(y ~ drug + log(dose) + (1 | id), data, binomial(), nAGQ = 5))
  before <- quiet(marginal_standardization(fit, "dose", values = 1:2))
  data <- transform(data[1:10, ], y = 1 - y)
  after <- quiet(marginal_standardization(fit, "dose", values = 1:2))
  expect_identical(after$means, before$means)
})

test_that("coefficients that the data do not determine are not used", {
  data <- error_fit()
  data$sex <- rep(c("f", "m"), 30)
  data$y[data$sex == "m" & data$drug == "low"] <- NA
  fit <- quiet(glmm(y ~ drug * sex + (1 | id), data, binomial(), nAGQ = 5))
  expect_true(anyNA(coef(fit)))
  expect_snapshot(error = TRUE, marginal_standardization(fit, "drug"))
  expect_s3_class(
    quiet(marginal_standardization(fit, "drug", values = c("none", "high"))),
    "margmix_standardization"
  )
})

test_that("crossed factors have the model-based covariance for fixed covariates only", {
  set.seed(2)
  data <- data.frame(a = gl(12, 12), b = factor(rep(1:12, 12)), t = rep(0:1, 72))
  data$y <- rbinom(144, 1, plogis(0.5 * data$t + rnorm(12)[data$a] + rnorm(12)[data$b]))
  fit <- quiet(glmm(y ~ t + (1 | a) + (1 | b), data, binomial()))
  r <- marginal_standardization(fit, "t")
  expect_equal(r$options[c("covariates", "vcov")], list(covariates = "fixed", vcov = "model"))
  s <- sqrt(sum(fit$theta^2))
  expected <- vapply(0:1, function(t) {
    brute_population_mean(sum(coef(fit) * c(1, t)), s, plogis)
  }, 0)
  expect_equal(r$means$estimate, expected, tolerance = 1e-10)
  expect_true(all(is.finite(r$contrasts$std.error)))
  expect_snapshot(error = TRUE, {
    marginal_standardization(fit, "t", covariates = "sampled")
    marginal_standardization(fit, "t", vcov = "KC")
    marginal_standardization(fit, "t", average = "cluster")
    marginal_standardization(fit, "t", random_effects = "eb")
  })
})

test_that("a link whose inverse has no mean under normal effects has no population mean", {
  set.seed(4)
  data <- data.frame(id = gl(15, 6), t = rep(0:1, 45))
  data$y <- rgamma(90, 5, 5 * (1 + 0.4 * data$t + 0.2 * rnorm(15)[data$id]))
  fit <- quiet(glmm(y ~ t + (1 | id), data, Gamma("inverse")))
  expect_gt(fit$theta, 0)
  expect_snapshot(error = TRUE, marginal_standardization(fit, "t"))
  zero <- quiet(marginal_standardization(fit, "t", random_effects = "zero"))
  expect_equal(zero$means$estimate, unname(1 / cumsum(coef(fit))))
  marginal <- quiet(gee(y ~ t, data, id = id, family = Gamma("inverse")))
  r <- quiet(marginal_standardization(marginal, "t"))
  expect_equal(r$means$estimate, unname(1 / cumsum(coef(marginal))))
})

test_that("a bridge random intercept is integrated in closed form", {
  set.seed(3)
  data <- data.frame(id = gl(30, 6), t = rep(0:1, 90), x = rnorm(180))
  data$y <- rbinom(180, 1, plogis(0.5 * data$t + data$x + 1.5 * rnorm(30)[data$id]))
  fit <- quiet(glmm(y ~ t + x + (1 | id), data, binomial(), random_distribution = "bridge"))
  r <- marginal_standardization(fit, "t")
  phi <- 1 / sqrt(1 + 3 * fit$theta[[1]]^2 / pi^2) # variance pi^2 / 3 (phi^-2 - 1)
  risk <- function(t) mean(plogis(phi * drop(cbind(1, t, data$x) %*% coef(fit))))
  expect_equal(r$means$estimate, c(risk(0), risk(1)), tolerance = 1e-8)
  expect_true(all(is.finite(r$contrasts$std.error)))
  expect_snapshot(error = TRUE, marginal_standardization(fit, "t", random_effects = "eb"))
})

test_that("values beyond the data are noted, with the range of the data", {
  fit <- gee(resp ~ age + smoke, ohio, id = id, family = binomial()) # ages -2 to 1
  expect_snapshot(r <- marginal_standardization(fit, "age", values = c(-2, 0, 4, 500)))
  expect_match(r$notes[["extrapolation"]], "`age` = 4, 500; observed -2 to 1", fixed = TRUE)
  expect_output(print(r), "Beyond the data", fixed = TRUE)
  joint <- data.frame(age = c(0, 5), smoke = 0:1)
  expect_message(
    marginal_standardization(fit, values = joint), class = "margmix_note_extrapolation"
  )
  expect_silent(marginal_standardization(fit, "age", values = c(-2, -0.5, 1)))
  # the rows of the fit are the data, whatever the target rows are
  expect_silent(
    marginal_standardization(fit, "age", values = c(-1, 1), newdata = ohio[ohio$age == 0, ])
  )
  # the time of a rate may be any
  d <- data.frame(id = rep(1:20, each = 5), time = rep(seq(0.2, 0.6, 0.1), 20), a = rep(0:1, 50))
  set.seed(6)
  d$y <- rpois(100, 3 * d$time)
  for (formula in list(y ~ a + offset(log(time)), y ~ a)) {
    rate <- if ("time" %in% all.vars(formula)) {
      gee(formula, d, id, family = poisson())
    } else {
      gee(formula, d, id, family = poisson(), offset = log(time))
    }
    expect_silent(marginal_standardization(rate, values = data.frame(a = 0:1, time = 1)))
  }
})
