# Profile likelihood limits of shares of variance, against profiles in closed form, those of a
# standard deviation, and a search on the slice itself.

test_that("in a balanced linear model the limits are those of the profile in closed form", {
  set.seed(3)
  d <- data.frame(g = gl(12, 5))
  d$y <- stats::rnorm(60) + 1.5 * stats::rnorm(12)[d$g]
  fit <- glmm(y ~ 1 + (1 | g), d)
  same <- outer(d$g, d$g, "==")
  deviance_of <- function(rho) {
    R <- chol((1 - rho) * diag(60) + rho * same)
    z <- backsolve(R, d$y - mean(d$y), transpose = TRUE)
    60 * log(mean(z^2)) + 2 * sum(log(diag(R)))
  }
  best <- stats::optimize(deviance_of, c(0.01, 0.95), tol = 1e-10)
  for (level in c(0.8, 0.95)) {
    found <- intraclass_correlation(fit, method = "profile", level = level)
    excess <- function(rho) deviance_of(rho) - best$objective - stats::qchisq(level, 1)
    expected <- c(
      stats::uniroot(excess, c(1e-6, best$minimum), tol = 1e-10)$root,
      stats::uniroot(excess, c(best$minimum, 1 - 1e-6), tol = 1e-10)$root
    )
    # without covariates all three correlations, and the share, are the same
    for (row in c("adjusted", "unadjusted", "response")) {
      expect_equal(unlist(found$icc[row, 3:4]), expected, tolerance = 1e-5, ignore_attr = TRUE)
    }
    expect_equal(unlist(found$variances["g: (Intercept)", 4:5]), expected, tolerance = 1e-5,
      ignore_attr = TRUE
    )
    expect_equal(found$icc[["estimate"]][1L], best$minimum, tolerance = 1e-5)
  }
})

test_that("a share that may be zero has a lower limit of zero", {
  set.seed(8)
  d <- data.frame(g = gl(12, 5))
  d$y <- stats::rnorm(60) + 0.3 * stats::rnorm(12)[d$g]
  fit <- glmm(y ~ 1 + (1 | g), d)
  expect_gt(fit$theta, 0)
  expect_identical(unname(confint(fit, "sd_", method = "profile")[1L, 1L]), 0)
  found <- intraclass_correlation(fit, method = "profile")$icc
  expect_lt(found["adjusted", "conf.low"], 1e-6)
  expect_gt(found["adjusted", "conf.high"], found["adjusted", "estimate"])
  # the rest has what is left
  shares <- intraclass_correlation(fit, method = "profile")$variances
  expect_equal(shares["distribution", "conf.high"], 1)
  expect_equal(shares["distribution", "conf.low"], 1 - found["adjusted", "conf.high"],
    tolerance = 1e-5
  )
})

test_that("the correlation at given covariates has the limits of the standard deviation", {
  fit <- glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial())
  sd <- confint(fit, "sd_", method = "profile")[1L, ]
  found <- intraclass_correlation(fit, method = "profile")
  expect_equal(unlist(found$icc["adjusted", 3:4]), sd^2 / (sd^2 + pi^2 / 3), tolerance = 1e-5,
    ignore_attr = TRUE
  )
  expect_output(print(found), "95% profile likelihood limits", fixed = TRUE)
  expect_output(print(intraclass_correlation(fit)), "delta method")
})

test_that("at each limit the likelihood, maximised on the slice, has fallen as it should", {
  set.seed(5)
  d <- expand.grid(row = 1:6, a = 1:10, b = 1:8)
  d$x <- stats::rnorm(nrow(d))
  d$y <- stats::rbinom(nrow(d), 1L, stats::plogis(
    0.7 * d$x + stats::rnorm(10)[d$a] + 0.7 * stats::rnorm(8)[d$b]
  ))
  fit <- glmm(y ~ x + (1 | a) + (1 | b), d, binomial())
  found <- intraclass_correlation(fit, method = "profile")$variances
  rows <- moment_rows(fit, NULL)
  likelihood <- likelihood_of(fit)
  psi <- unname(fit_psi(fit))
  for (row in c("a: (Intercept)", "fixed")) {
    h <- ratio_function(fit, rows, row)
    for (limit in c("conf.low", "conf.high")) {
      value <- stats::qlogis(found[row, limit])
      # augmented Lagrangian: penalty and multiplier
      lambda <- 0
      par <- psi
      for (turn in 1:8) {
        par <- stats::optim(par, function(p) {
          gap <- h(p)$value - value
          -likelihood(p, 0L)$value + lambda * gap + 50 * gap^2
        }, function(p) {
          at <- h(p)
          -likelihood(p, 1L)$gradient + (lambda + 100 * (at$value - value)) * at$gradient
        }, method = "BFGS", control = list(reltol = 1e-13, maxit = 200))$par
        lambda <- lambda + 100 * (h(par)$value - value)
      }
      expect_equal(h(par)$value, value, tolerance = 1e-6)
      fall <- 2 * (as.numeric(logLik(fit)) - likelihood(par, 0L)$value)
      expect_equal(fall, stats::qchisq(0.95, 1), tolerance = 1e-4)
    }
    slopes <- vapply(seq_along(psi), function(j) {
      e <- replace(0 * psi, j, 1e-5)
      (h(psi + e)$value - h(psi - e)$value) / 2e-5
    }, 0)
    expect_equal(h(psi)$gradient, slopes, tolerance = 1e-6)
  }
})

test_that("structured covariances and pseudo-likelihoods have Wald limits only", {
  d <- data.frame(g = gl(20, 4), t = rep(0:3, 20))
  set.seed(1)
  d$y <- stats::rpois(80, exp(1 + stats::rnorm(20)[d$g]))
  fit <- quietly(glmm(y ~ t + cs(0 + factor(t) | g), d, poisson()))
  expect_error(intraclass_correlation(fit, method = "profile"), "Wald limits only",
    class = "margmix_error_argument"
  )
  expect_error(intraclass_correlation(fit, method = "exact"), class = "margmix_error_argument")
})
