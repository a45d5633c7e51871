# REML of linear models with related levels, against nlme::gls() with a nugget.

gls_fit <- function(d, correlation, method) {
  nlme::gls(y ~ x, d,
    correlation = correlation, method = method,
    control = nlme::glsControl(tolerance = 1e-9, msTol = 1e-11)
  )
}

expect_same_fit <- function(fit, peer) {
  expect_equal(fit$logLik, as.numeric(stats::logLik(peer)), tolerance = 1e-7)
  expect_equal(unname(coef(fit)), unname(coef(peer)), tolerance = 1e-4)
  # nlme has the divisor n - p by maximum likelihood too
  scale <- if (isTRUE(fit$REML)) 1 else 1 - length(fit$beta) / nobs(fit)
  beta <- seq_along(fit$beta)
  expect_equal(unname(at_variances(fit)$vcov_full[beta, beta]), unname(stats::vcov(peer)) * scale,
    tolerance = 1e-3
  )
}

test_that("series by REML and by maximum likelihood are those of corExp() with a nugget", {
  skip_if_not_installed("nlme")
  set.seed(12)
  d <- expand.grid(t = 1:9, id = 1:12)[-c(4, 17, 55), ]
  d$x <- rnorm(nrow(d))
  R <- exp(-abs(outer(d$t, d$t, "-")) / 3) * outer(d$id, d$id, "==")
  d$y <- 1 + 0.5 * d$x + drop(crossprod(chol(R), rnorm(nrow(d)))) + rnorm(nrow(d), 0, 0.5)
  for (method in c("REML", "ML")) {
    fit <- glmm(y ~ x + ou(t + 0 | id), d, REML = method == "REML")
    expect_same_fit(fit, gls_fit(d, nlme::corExp(c(3, 0.3), ~ t | id, nugget = TRUE), method))
  }
})

test_that("a field by REML is that of corExp() with a nugget", {
  skip_if_not_installed("nlme")
  set.seed(13)
  d <- data.frame(u = stats::runif(60), v = stats::runif(60), x = rnorm(60))
  R <- exp(-as.matrix(stats::dist(d[1:2])) / 0.3)
  d$y <- 1 + 0.5 * d$x + drop(crossprod(chol(R), rnorm(60))) + rnorm(60, 0, 0.4)
  fit <- glmm(y ~ x + exp(u + v | 1), d, REML = TRUE)
  expect_same_fit(fit, gls_fit(d, nlme::corExp(c(0.3, 0.2), ~ u + v, nugget = TRUE), "REML"))
})
