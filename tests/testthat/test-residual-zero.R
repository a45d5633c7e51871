# Linear models whose related levels have one row each and take all of the variance: the likelihood
# at a residual variance of zero, in closed form or by a search that knows no residual.

tree_data <- function(seed, n = 60L) {
  set.seed(seed)
  tree <- ape::rcoal(n)
  tree$edge.length <- tree$edge.length + 0.02
  tree$tip.label <- paste0("s", seq_len(n))
  K <- ape::vcv(tree)
  d <- data.frame(species = tree$tip.label, x = stats::rnorm(n))
  d$y <- 1 + d$x + drop(crossprod(chol(K), stats::rnorm(n)))
  list(data = d, tree = tree, K = K)
}

# Generalized least squares with covariance s^2 K: estimates, standard errors, log-likelihood.
gls_of <- function(K, X, y, REML) {
  n <- length(y)
  p <- ncol(X)
  R <- chol(K)
  A <- backsolve(R, X, transpose = TRUE)
  z <- backsolve(R, y, transpose = TRUE)
  B <- solve(crossprod(A))
  beta <- drop(B %*% crossprod(A, z))
  df <- if (REML) n - p else n
  s2 <- sum((z - A %*% beta)^2) / df
  list(
    beta = beta, s2 = s2, se = sqrt(diag(B) * sum((z - A %*% beta)^2) / (n - p)),
    logLik = -df / 2 * (log(2 * pi * s2) + 1) - sum(log(diag(R))) +
      if (REML) -as.numeric(determinant(crossprod(A))$modulus) / 2 else 0
  )
}

test_that("a trait that evolves along a tree alone has the estimates of closed form", {
  skip_if_not_installed("ape")
  ends <- 0L
  for (seed in 1:6) {
    set <- tree_data(seed)
    d <- set$data
    tree <- set$tree
    for (REML in c(FALSE, TRUE)) {
      fit <- quietly(glmm(y ~ x + phylo(1 | species, tree), d, REML = REML))
      expect_true(fit$convergence$converged)
      exact <- gls_of(set$K, cbind(1, d$x), d$y, REML)
      # with a residual variance there may be a higher maximum
      expect_gt(as.numeric(logLik(fit)), exact$logLik - 5e-4)
      if (!"residual" %in% names(fit$boundary)) next
      ends <- ends + 1L
      expect_equal(as.numeric(logLik(fit)), exact$logLik, tolerance = 5e-4 / abs(exact$logLik))
      expect_equal(unname(coef(fit)), exact$beta, tolerance = 1e-4)
      expect_equal(unname(fit$theta^2), exact$s2 * max(set$K), tolerance = 1e-4)
      expect_equal(unname(sqrt(diag(vcov(fit)))), exact$se, tolerance = 1e-4)
      expect_equal(unname(summary(fit)$coefficients[, "df"]), c(58, 58), tolerance = 1e-3)
    }
  }
  expect_gt(ends, 5L)
})

test_that("series without an error of measurement are those of their covariance", {
  ends <- 0L
  for (seed in 1:6) {
    set.seed(seed)
    d <- expand.grid(time = 1:12, id = 1:10)
    d$x <- stats::rnorm(120)
    d$y <- 0.5 * stats::rnorm(10)[d$id] +
      as.numeric(replicate(10L, stats::arima.sim(list(ar = 0.6), 12L)))
    same <- outer(d$id, d$id, "==")
    lag <- abs(outer(d$time, d$time, "-"))
    for (REML in c(FALSE, TRUE)) {
      # log of the share of the intercept to that of the process, and atanh of the correlation
      value <- function(at) {
        gls_of(same * (exp(at[1L]) + tanh(at[2L])^lag), cbind(1, d$x), d$y, REML)$logLik
      }
      best <- stats::optim(c(-1, 0.5), value, control = list(fnscale = -1, reltol = 1e-14))
      fit <- quietly(glmm(y ~ x + (1 | id) + ar1(time + 0 | id), d, REML = REML))
      expect_true(fit$convergence$converged)
      expect_gt(as.numeric(logLik(fit)), best$value - 1e-4)
      if (!"residual" %in% names(fit$boundary)) next
      ends <- ends + 1L
      expect_equal(as.numeric(logLik(fit)), best$value, tolerance = 1e-4 / abs(best$value))
      expect_equal(fit$rho[[1L]], best$par[2L], tolerance = 1e-3)
    }
  }
  expect_gt(ends, 3L)
})

test_that("all is said of a residual variance of zero, and what follows goes on", {
  skip_if_not_installed("ape")
  set <- tree_data(2)
  tree <- set$tree
  expect_message(
    fit <- glmm(y ~ x + phylo(1 | species, tree), set$data),
    class = "margmix_note_boundary"
  )
  expect_identical(unname(fit$boundary), "the residual variance is zero")
  expect_lt(sigma(fit)^2, 2e-7 * var(set$data$y))
  limits <- expect_no_warning(confint(fit, parm = "theta_", method = "profile"))
  expect_identical(limits["sigma", 1L], 0)
  expect_gt(limits["sigma", 2L], 0)
  expect_true(all(is.finite(confint(fit, method = "profile"))))
  expect_equal(unname(confint(profile(fit, "theta_"))["sigma", ]), unname(limits["sigma", ]),
    tolerance = 0.05
  )
  # an effect of each row: fitted values are the responses
  expect_equal(unname(fitted(fit)), set$data$y, tolerance = 1e-4)
})

test_that("series of rows without any order end in a fit", {
  # correlations of -1, residual variances of zero, no process: some of these sets have each
  found <- lapply(c(1:12, 59, 116, 144, 314, 476), function(seed) {
    set.seed(seed)
    d <- expand.grid(time = 1:12, id = 1:10)
    d$x <- stats::rnorm(120)
    d$y <- stats::rnorm(120) + 0.5 * stats::rnorm(10)[d$id]
    fit <- quietly(glmm(y ~ x + (1 | id) + ar1(time + 0 | id), d))
    without <- quietly(glmm(y ~ x + (1 | id), d))
    expect_gt(as.numeric(logLik(fit)), as.numeric(logLik(without)) - 1e-5)
    fit
  })
  expect_true(all(vapply(found, function(fit) fit$convergence$converged, NA)))
  words <- unlist(lapply(found, `[[`, "boundary"))
  expect_true(any(grepl("correlation is -1", words)) && any(grepl("residual", words)))
})

test_that("a process without correlation, beside a residual, is named", {
  set.seed(609)
  d <- expand.grid(time = 1:12, id = 1:10)
  d$x <- stats::rnorm(120)
  d$y <- stats::rnorm(120) + 0.5 * stats::rnorm(10)[d$id]
  expect_warning(glmm(y ~ x + (1 | id) + ar1(time + 0 | id), d), "a correlation next to 0",
    class = "margmix_warning_not_identified"
  )
})
