quiet <- function(expr) suppressMessages(suppressWarnings(expr))

test_that("standardized risks, their derivatives and both covariances agree with plain R", {
  skip_if_not_installed("numDeriv")
  fit <- result_fit("infection")
  r <- quiet(marginal_standardization(fit, "treatment"))
  set <- function(a) {
    infection$treatment[] <- a
    infection
  }
  brute <- lapply(r$levels, function(a) brute_standardized(fit, set(a), infection$n))
  expect_equal(r$means$estimate, vapply(brute, `[[`, 0, "mean"), tolerance = 1e-11)
  expect_equal(r$means$weight, rep(sum(infection$n), 2))
  J <- t(vapply(r$levels, function(a) {
    numDeriv::grad(function(psi) {
      brute_standardized(fit, set(a), infection$n, psi, grid_population_mean)$mean
    }, c(fit$beta, fit$theta))
  }, numeric(3)))
  expect_equal(r$jacobian, unname(J), tolerance = 1e-7)

  # scores and information of the marginal likelihood, by differences of the trapezoidal rule
  psi <- c(fit$beta, fit$theta)
  m <- cluster_count(fit$design)
  scores <- t(vapply(seq_len(m), function(i) {
    numDeriv::grad(function(psi) one_cluster_loglik(fit, i, psi), psi)
  }, psi))
  hessians <- vapply(seq_len(m), function(i) {
    numDeriv::hessian(function(psi) one_cluster_loglik(fit, i, psi), psi)
  }, diag(3))
  information <- -hessians[1:2, 1:2, ]
  V <- solve(-apply(hessians, 1:2, sum))
  corrected <- cbind(brute_corrected(scores[, 1:2], information, -0.5), scores[, 3])
  direction <- V %*% t(J)
  cluster <- match(infection$clinic, cluster_levels(fit$design))
  N <- sum(infection$n)
  n_i <- drop(rowsum(infection$n, cluster))
  E <- vapply(brute, function(x) {
    drop(rowsum(infection$n * (x$rows - x$mean), cluster)) / N / sqrt(1 - n_i / N)
  }, numeric(8))
  phi <- corrected %*% direction + E
  expect_equal(unname(r$vcov_means), unname(crossprod(phi)), tolerance = 1e-5)
  mu <- r$means$estimate
  maps <- rbind(c(-1, 1), c(-1, 1) / mu, c(-1, 1) / (mu * (1 - mu)))
  expect_equal(unname(r$vcov_contrasts), maps %*% crossprod(phi) %*% t(maps), tolerance = 1e-5)
  odds <- mu / (1 - mu)
  expect_equal(r$contrasts$estimate, c(mu[2] - mu[1], mu[2] / mu[1], odds[2] / odds[1]))
  df <- apply(maps, 1L, function(c) {
    brute_satterthwaite(information, (direction %*% c)[1:2], -0.5)
  })
  expect_equal(r$contrasts$df, df, tolerance = 1e-4)
  v_b <- colSums((corrected %*% direction)^2)
  df_b <- apply(direction, 2L, function(d) brute_satterthwaite(information, d[1:2], -0.5))
  v_x <- colSums(E^2)
  df_x <- max(1, sum(n_i^2)^2 / sum(n_i^4) - 1)
  expect_equal(r$means$df, unname((v_b + v_x)^2 / (v_b^2 / df_b + v_x^2 / df_x)), tolerance = 1e-4)

  fixed <- quiet(marginal_standardization(fit, "treatment", covariates = "fixed"))
  expected <- unname(crossprod(corrected %*% direction))
  expect_equal(unname(fixed$vcov_means), expected, tolerance = 1e-5)
  model <- quiet(marginal_standardization(fit, "treatment", covariates = "fixed", vcov = "model"))
  expect_equal(unname(model$vcov_means), unname(J %*% V %*% t(J)), tolerance = 1e-5)
  matrix <- quiet(marginal_standardization(fit, "treatment",
    covariates = "fixed", vcov = vcov(fit, full = TRUE)
  ))
  expect_equal(matrix$vcov_means, model$vcov_means)
})

test_that("the sampling of covariates enters as written, with Welch's degrees of freedom", {
  set.seed(6)
  data <- data.frame(id = rep(1:9, c(2, 9, 3, 5, 4, 12, 6, 3, 7)), a = rep(0:1, 26)[-1])
  data$x <- rnorm(51) + rnorm(9)[data$id]
  data$y <- rbinom(51, 1, plogis(0.3 * data$a + data$x))
  fit <- gee(y ~ a * x, data, id = id, family = binomial(), corstr = "independence", scale = 1)
  plain <- glm(y ~ a * x, binomial(), data, epsilon = 1e-14)
  expect_equal(coef(fit), coef(plain), tolerance = 1e-7)
  X <- model.matrix(plain)
  p <- fitted(plain)
  scores <- rowsum(X * (data$y - p), data$id)
  information <- vapply(1:9, function(i) {
    in_i <- data$id == i
    crossprod(X[in_i, , drop = FALSE] * sqrt(p * (1 - p))[in_i])
  }, diag(4))
  V <- solve(apply(information, 1:2, sum))
  set <- lapply(0:1, function(a) cbind(1, a, data$x, a * data$x))
  m <- vapply(set, function(X) plogis(drop(X %*% coef(plain))), numeric(51))
  J <- t(vapply(1:2, function(k) colMeans(m[, k] * (1 - m[, k]) * set[[k]]), numeric(4)))
  share <- tabulate(data$id) / 51
  E <- rowsum(sweep(m, 2L, colMeans(m)), data$id) / 51 / sqrt(1 - share)
  direction <- V %*% t(J)
  for (type in c("robust", "KC", "MD")) {
    power <- c(robust = 0, KC = -0.5, MD = -1)[[type]]
    fixed <- brute_corrected(scores, information, power) %*% direction
    r <- quiet(marginal_standardization(fit, "a", vcov = type))
    expect_equal(r$means$estimate, colMeans(m), tolerance = 1e-7)
    expect_equal(r$vcov_means, crossprod(fixed + E), tolerance = 1e-6, ignore_attr = TRUE)
    expect_equal(r$vcov_means_fixed, crossprod(fixed), tolerance = 1e-6, ignore_attr = TRUE)
    df <- apply(direction, 2L, function(d) brute_satterthwaite(information, d, power))
    v <- colSums(fixed^2)
    v_x <- colSums(E^2)
    df_x <- sum(share^2)^2 / sum(share^4) - 1
    expect_gt(df_x, 1)
    expect_equal(r$means$df, (v + v_x)^2 / (v^2 / df + v_x^2 / df_x), tolerance = 1e-6)
    difference <- brute_satterthwaite(information, direction[, 2] - direction[, 1], power)
    expect_equal(r$contrasts$df[1], difference, tolerance = 1e-6)
    half <- qt(0.975, r$means$df) * r$means$std.error
    expect_equal(r$means$conf.high, r$means$estimate + half)
    log_ratio <- r$contrasts[r$contrasts$contrast == "ratio", ]
    limits <- log(log_ratio$estimate) + qt(0.975, log_ratio$df) * log_ratio$std.error
    expect_equal(log_ratio$conf.high, exp(limits))
    expect_equal(log_ratio$p.value, 2 * pt(-abs(log_ratio$statistic), log_ratio$df))
  }
  model <- quiet(marginal_standardization(fit, "a", vcov = "model"))
  expected <- J %*% V %*% t(J) + crossprod(E)
  expect_equal(model$vcov_means, expected, tolerance = 1e-6, ignore_attr = TRUE)
  # a, x and their product vary in clusters; only the constant is one of the clusters
  expect_equal(model$contrasts$df, rep(8, 3))
})

test_that("grouped counts, proportions and single 0/1 rows give the same answer", {
  data <- infection
  data$proportion <- data$success / data$n
  long <- data[rep(seq_len(nrow(data)), data$n), ]
  long$y <- unlist(Map(function(s, n) rep(1:0, c(s, n - s)), data$success, data$n))
  one_of_each <- unique(long[c("clinic", "treatment", "y")])
  counts <- merge(one_of_each, as.data.frame(table(long[c("clinic", "treatment", "y")])))
  fits <- list(
    result_fit("infection"),
    glmm(proportion ~ treatment + (1 | clinic), data, binomial(), weights = n, nAGQ = 25),
    glmm(y ~ treatment + (1 | clinic), long, binomial(), nAGQ = 25),
    glmm(y ~ treatment + (1 | clinic), counts, binomial(),
      weights = Freq, nAGQ = 25, control = glmm_control(weights_type = "frequency")
    )
  )
  tables <- lapply(fits, function(fit) {
    quiet(as.data.frame(marginal_standardization(fit, "treatment")))
  })
  for (other in tables[-1L]) expect_equal(other, tables[[1L]], tolerance = 1e-6)
  # prior weights that are no counts have no part in the average
  half <- quiet(glmm(y ~ treatment + (1 | clinic), long, binomial(),
    weights = rep(0.5, nrow(long)), nAGQ = 25
  ))
  r <- quiet(marginal_standardization(half, "treatment"))
  expect_equal(r$means$weight, rep(nrow(long), 2L))
})

# Of the response of known clusters, with the model-based covariance of all parameters.
model_se <- function(fit, rows) {
  sqrt(predict_rows(fit, new_rows(fit, rows, "eb", na.pass), "response", "eb", TRUE)$variance)
}

test_that("random effects of two nested factors at their modes", {
  d <- nested_data(m = 10L)
  d$t <- factor(rep_len(c("no", "yes"), nrow(d)))
  fit <- quiet(glmm(y ~ t + x + (t | a) + (1 | a:b), d, binomial(), nAGQ = 3))
  r <- quiet(marginal_standardization(fit, "t", random_effects = "eb"))
  at <- function(t, rows = d) {
    rows$t[] <- t
    predict(fit, rows, type = "response", random_effects = "eb", se.fit = TRUE)
  }
  expect_equal(r$means$estimate, c(mean(at("no")$fit), mean(at("yes")$fit)), tolerance = 1e-7)
  # one row: the SE of a prediction with the model-based matrix
  for (row in c(1L, 50L)) {
    one <- quiet(
      marginal_standardization(fit, "t", newdata = d[row, ], random_effects = "eb")
    )
    expected <- vapply(c("no", "yes"), function(t) {
      rows <- d[row, ]
      rows$t[] <- t
      model_se(fit, rows)
    }, 0)
    expect_equal(one$means$std.error, unname(expected), tolerance = 1e-6)
  }
  # all rows: the variance of the random effects is that of the dense information
  rows <- fit$design
  b <- lapply(rows$groups, function(group) outer(group$index, seq_along(group$levels) - 1L, "=="))
  Z <- cbind(b[[1L]] * rows$Z[, 1L], b[[1L]] * rows$Z[, 2L], b[[2L]] * rows$Z[, 3L])
  Lambda <- as.matrix(Matrix::bdiag(
    kronecker(fit$Lambda[1:2, 1:2], diag(10)), fit$Lambda[3L, 3L] * diag(30)
  ))
  modes <- Lambda %*% c(fit$modes[[1L]], fit$modes[[2L]])
  mu <- plogis(drop(rows$X %*% fit$beta + Z %*% modes))
  A <- diag(50) + crossprod(Z %*% Lambda, mu * (1 - mu) * (Z %*% Lambda))
  S <- Lambda %*% solve(A, t(Lambda))
  gradient <- vapply(0:1, function(t) {
    X <- rows$X
    X[, 2L] <- t
    Z[, 11:20] <- b[[1L]] * t
    mu <- plogis(drop(X %*% fit$beta + Z %*% modes))
    colMeans(mu * (1 - mu) * Z)
  }, numeric(50))
  posterior <- crossprod(gradient, S %*% gradient)
  V <- fit$vcov_full
  V[is.na(V)] <- 0
  expect_equal(
    r$vcov_means, posterior + r$jacobian %*% V %*% t(r$jacobian), tolerance = 1e-8,
    ignore_attr = TRUE
  )
  expect_snapshot(error = TRUE, {
    marginal_standardization(fit, "t", newdata = transform(d[1, ], b = 9), random_effects = "eb")
  })
})

test_that("random effects at their modes: estimates, and the variance of predictions", {
  fit <- result_fit("respiratory")
  r <- marginal_standardization(fit, "treat", random_effects = "eb")
  data <- respiratory
  at <- function(a) {
    data$treat[] <- a
    predict(fit, data, type = "response", random_effects = "eb", se.fit = TRUE)
  }
  expect_equal(r$means$estimate, c(mean(at("P")$fit), mean(at("A")$fit)), tolerance = 1e-7)
  # one row as the target: the SE of a prediction with the model-based matrix
  one <- data[7, ]
  single <- marginal_standardization(fit, "treat", newdata = one, random_effects = "eb")
  expected <- vapply(c("P", "A"), function(a) {
    one$treat[] <- a
    model_se(fit, one)
  }, 0)
  expect_equal(single$means$std.error, unname(expected), tolerance = 1e-6)
  expect_snapshot(error = TRUE, {
    marginal_standardization(fit, "treat", random_effects = "eb", vcov = "KC")
    one$patient <- "new"
    marginal_standardization(fit, "treat", newdata = one, random_effects = "eb")
  })
})
