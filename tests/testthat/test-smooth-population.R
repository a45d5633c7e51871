# Means of the population of models with smooth terms: curves stay, effects of clusters are
# integrated out.

tides <- local({
  set.seed(1)
  n <- 240L
  d <- data.frame(x = runif(n), f = gl(2L, 1L, n, labels = c("a", "b")), w = rnorm(n),
    g = factor(rep(1:20, length.out = n))
  )
  d$eta <- 2 * sin(9 * d$x) + rnorm(20L)[d$g]
  d$event <- rbinom(n, 1L, plogis(d$eta))
  d$y <- d$eta + rnorm(n)
  d
})

tides_fit <- local({
  fit <- NULL
  function() {
    if (is.null(fit)) fit <<- glmm(event ~ f * w + s(x, k = 6) + (1 | g), tides, binomial())
    fit
  }
})

# By stats::integrate(), of one row.
brute_mean <- function(eta, sd) {
  stats::integrate(function(t) plogis(eta + sd * t) * dnorm(t), -8, 8, rel.tol = 1e-10)$value
}

test_that("the mean of a row is the integral over its cluster's effect, at its curve", {
  skip_if_not_installed("mgcv")
  fit <- tides_fit()
  new <- data.frame(x = c(0.1, 0.5, 0.9), f = c("a", "b", "a"), w = c(0, 1, -1))
  eta <- predict(fit, new, random_effects = "zero")
  mean <- vapply(eta, brute_mean, 0, sd = fit$Lambda[1L, 1L])
  found <- predict(fit, new, type = "response", random_effects = "integrate")
  expect_equal(found, mean, tolerance = 1e-8)
})

test_that("standardized means and their standard errors are those of the delta method", {
  skip_if_not_installed("mgcv")
  skip_if_not_installed("numDeriv")
  fit <- tides_fit()
  target <- tides[1:12, ]
  given <- marginal_standardization(fit, "f", newdata = target)
  fixed <- with_fixed_curves(fit)
  rows <- function(level) {
    at <- transform(target, f = factor(level, levels(tides$f)))
    design_newdata(fixed, at, FALSE)$X
  }
  X <- list(a = rows("a"), b = rows("b"))
  difference <- function(psi) {
    p <- length(fixed$beta)
    means <- lapply(X, function(X) vapply(X %*% psi[seq_len(p)], brute_mean, 0, sd = psi[p + 1L]))
    mean(means$b - means$a)
  }
  psi <- c(fixed$beta, fixed$theta)
  J <- numDeriv::grad(difference, psi)
  se <- sqrt(drop(J %*% fixed$vcov_full %*% J))
  row <- given$contrasts[given$contrasts$contrast == "difference", ]
  expect_equal(row$estimate, difference(psi), tolerance = 1e-8)
  expect_equal(row$std.error, se, tolerance = 1e-6)
})

test_that("the covariance of the curve's coefficients is that of the engine's predictions", {
  skip_if_not_installed("mgcv")
  fit <- tides_fit()
  columns <- smooth_columns_of(effect_terms(fit$design))
  p <- length(fit$beta)
  at <- c(seq_len(p), nrow(fit$vcov_full) + seq_along(columns))
  V <- covariance_by_sums(length(at), function(rows) {
    Z <- matrix(0, nrow(rows), effect_count(fit$design))
    Z[, columns] <- rows[, -seq_len(p)]
    engine_eb_variance(fit, rows[, seq_len(p)], Z, matrix(1L, nrow(rows), 2L))
  })
  size <- sqrt(outer(diag(V), diag(V)))
  expect_lt(max(abs(curve_covariance(fit, columns)[at, at] - V) / size), 1e-6)
})

test_that("a curve whose penalized part is zero is a line", {
  skip_if_not_installed("mgcv")
  set.seed(3)
  d <- tides
  d$event <- rbinom(nrow(d), 1L, plogis(d$x + rnorm(20L)[d$g]))
  curve <- suppressMessages(glmm(event ~ f + s(x, k = 4) + (1 | g), d, binomial()))
  expect_identical(curve$Lambda[2L, 2L], 0)
  line <- glmm(event ~ f + x + (1 | g), d, binomial(), nAGQ = 1L)
  means <- function(fit) {
    marginal_standardization(fit, "f", vcov = "model", covariates = "fixed")$means
  }
  expect_equal(means(curve)[c("estimate", "std.error")], means(line)[c("estimate", "std.error")],
    tolerance = 1e-5
  )
})

test_that("linear models: means of the population are those at random effect 0", {
  skip_if_not_installed("mgcv")
  fit <- glmm(y ~ f * w + s(x, by = f, k = 6) + (1 | g), tides)
  new <- data.frame(x = c(0.1, 0.9), f = c("a", "b"), w = 1)
  expect_equal(
    predict(fit, new, random_effects = "integrate", se.fit = TRUE),
    predict(fit, new, random_effects = "zero", se.fit = TRUE), tolerance = 1e-6
  )
  alone <- glmm(y ~ f + s(x), tides)
  expect_equal(
    predict(alone, new, random_effects = "integrate"), predict(alone, new), tolerance = 1e-10
  )
  gam <- mgcv::gam(y ~ f * w + s(x, by = f, k = 6) + s(g, bs = "re"), data = tides, method = "ML")
  expect_equal(total_edf(fit), sum(gam$edf), tolerance = 1e-4)
})

test_that("emmeans and intraclass_correlation() know curves", {
  skip_if_not_installed("mgcv")
  skip_if_not_installed("emmeans")
  fit <- tides_fit()
  means <- suppressMessages(emmeans::emmeans(fit, ~x, at = list(x = c(0.2, 0.8), w = 0)))
  new <- expand.grid(x = c(0.2, 0.8), f = c("a", "b"), w = 0)
  eta <- predict(fit, new, random_effects = "zero")
  expect_equal(summary(means)$emmean, unname(eta[1:2] + eta[3:4]) / 2, tolerance = 1e-10)
  one <- suppressMessages(emmeans::emmeans(fit, ~x, at = list(x = c(0.2, 0.8), w = 0, f = "a")))
  se <- predict(fit, new[1:2, ], random_effects = "zero", se.fit = TRUE)$se.fit
  expect_equal(summary(one)$SE, unname(se), tolerance = 1e-6)
  s2 <- fit$Lambda[1L, 1L]^2
  expect_equal(intraclass_correlation(fit)$icc["adjusted", "estimate"], s2 / (s2 + pi^2 / 3))
})
