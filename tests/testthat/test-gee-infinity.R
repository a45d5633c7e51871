# Estimates at infinity, and the adjustment that keeps them finite.

# Firth's estimate of a logit model: the maximum of log L + log|X'WX| / 2, by Newton steps with
# differences of its gradient, nothing of the engine.
firth_logit <- function(X, y) {
  value <- function(b) {
    eta <- drop(X %*% b)
    w <- plogis(eta) * plogis(-eta)
    information <- determinant(crossprod(X, w * X))
    sum(plogis(ifelse(y > 0, 1, -1) * eta, log.p = TRUE)) + information$modulus / 2
  }
  out <- optim(numeric(ncol(X)), value, method = "Nelder-Mead",
    control = list(fnscale = -1, reltol = 1e-14, maxit = 5000)
  )
  optim(out$par, value, method = "BFGS", control = list(fnscale = -1, reltol = 1e-15))$par
}

separated <- function(seed) {
  set.seed(seed)
  d <- data.frame(id = rep(1:12, each = 5), t = rep(1:5, 12), x = rnorm(60))
  d$z <- rnorm(12)[d$id]
  d$y <- as.numeric(d$x + 0.3 * d$z > 0.2)
  d
}

test_that("bias_reduce = TRUE is finite where responses are completely separated", {
  for (seed in 1:6) {
    d <- separated(seed)
    for (corstr in c("independence", "exchangeable", "ar1", "unstructured")) {
      for (scale in list(NULL, 1)) {
        fit <- suppressMessages(suppressWarnings(gee(y ~ x + z, d, id, t,
          family = binomial(), corstr = corstr, scale = scale, bias_reduce = TRUE
        )))
        expect_true(fit$convergence$converged)
        expect_lt(max(abs(coef(fit))), 60)
      }
      if (corstr == "independence") firth <- coef(fit)
    }
    expect_equal(unname(firth), firth_logit(cbind(1, d$x, d$z), d$y), tolerance = 1e-3)
  }
})

test_that("it is finite where all responses are equal, whatever the correlation", {
  d <- transform(separated(1), arm = id %% 2)
  logit <- function(k, n) log((k + 0.5) / (n - k + 0.5))
  for (y in 0:1) {
    d$y <- y
    fit <- gee(y ~ 1, d, id, family = binomial(), bias_reduce = TRUE)
    expect_equal(unname(coef(fit)), logit(60 * y, 60), tolerance = 1e-8)
    for (corstr in c("exchangeable", "ar1", "unstructured", "decay")) {
      fit <- suppressMessages(suppressWarnings(
        gee(y ~ arm, d, id, t, family = binomial(), corstr = corstr, bias_reduce = TRUE)
      ))
      expect_true(fit$convergence$converged)
      expect_lt(max(abs(coef(fit))), 5)
    }
  }
  # Poisson: half an event is added to the sum
  fit <- gee(I(0 * y) ~ 1, d, id, family = poisson(), bias_reduce = TRUE)
  expect_equal(unname(coef(fit)), log(0.5 / 60), tolerance = 1e-8)
})

test_that("unadjusted, there is a warning, and no fit that is called converged", {
  d <- transform(separated(1), arm = id %% 2)
  fit_of <- function(y) {
    d$y <- y
    gee(y ~ arm + x + z, d, id, family = binomial())
  }
  # one coefficient is infinite, the others are estimates
  expect_warning(fit <- fit_of(ifelse(d$arm == 1, 0, d$t %% 2)),
    class = "margmix_warning_separation"
  )
  expect_false(fit$convergence$converged)
  # none is an estimate
  for (y in list(0 * d$y, 0 * d$y + 1, d$y)) {
    expect_warning(
      expect_error(fit_of(y), "bias_reduce = TRUE", class = "margmix_error_gee_failed"),
      class = "margmix_warning_separation"
    )
  }
})
