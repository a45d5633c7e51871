# Population means and shares of variance where the variances of levels move with rho, and the
# integral that a Laplace approximation stands for.

area_map <- local({
  set.seed(3) # neither share is at an end
  names <- paste0("a", 1:16)
  W <- matrix(0, 16, 16, dimnames = list(names, names))
  edge <- function(i, j) W[cbind(c(i, j), c(j, i))] <<- 1
  edge(1:15, 2:16)
  edge(c(1, 4), c(4, 9))
  d <- data.frame(area = rep(names, 5), x = rnorm(80), trt = rbinom(80, 1, 0.5))
  b <- rep(sin(1:16 / 2) + rnorm(16, 0, 0.5), 5)
  d$y <- rpois(80, exp(0.8 + 0.3 * d$x + 0.4 * d$trt + b))
  list(d = d, W = W)
})

area_fit <- function(kind) {
  W <- area_map$W
  formula <- stats::reformulate(c("x", "trt", paste0(kind, "(1 | area, W)")), "y",
    env = environment()
  )
  glmm(formula, area_map$d, poisson())
}

# Variances of the areas at unit scale, by dense algebra.
area_variances <- list(
  car = function(rho) {
    W <- area_map$W
    diag(solve(diag(rowSums(W)) - stats::plogis(rho) * W))
  },
  bym2 = function(rho) {
    W <- area_map$W
    parts <- eigen(diag(rowSums(W)) - W, symmetric = TRUE)
    some <- parts$values > 1e-9
    K <- parts$vectors[, some] %*% (t(parts$vectors[, some]) / parts$values[some])
    phi <- stats::plogis(rho)
    1 - phi + phi * diag(K) / exp(mean(log(diag(K))))
  }
)

delta_errors <- function(f, psi, V) {
  J <- vapply(seq_along(psi), function(k) {
    e <- replace(numeric(length(psi)), k, 1e-4)
    (f(psi + e) - f(psi - e)) / 2e-4
  }, f(psi))
  sqrt(diag(J %*% V %*% t(J)))
}

# The coefficients of the quasi-likelihood fit, with log link, to the means themselves.
project_log_means <- function(m, X) {
  gamma <- numeric(ncol(X))
  for (step in 1:100) {
    fitted <- exp(drop(X %*% gamma))
    gamma <- gamma + solve(crossprod(X, fitted * X), crossprod(X, m - fitted))[, 1L]
  }
  gamma
}

test_that("tests and intervals of populations of areas are those of the fit", {
  skip_if_not_installed("emmeans")
  d <- area_map$d
  for (kind in c("car", "bym2")) {
    fit <- area_fit(kind)
    effect <- as.data.frame(emmeans::contrast(
      emmeans::emmeans(fit, ~trt, at = list(trt = 0:1)), "revpairwise"
    ))
    tested <- as.data.frame(tidy(fit, "fixed"))[3L, ]
    expect_equal(effect$SE, tested$std.error, tolerance = 1e-10)
    expect_equal(effect$df, tested$df, tolerance = 1e-8)
    means <- predict(fit, d[1:3, ], random_effects = "integrate", interval = "confidence")
    expect_true(all(is.finite(as.matrix(means))))
  }
})

test_that("means and shares know how the variances of areas move with rho", {
  d <- area_map$d
  W <- area_map$W
  for (kind in c("car", "bym2")) {
    fit <- area_fit(kind)
    psi <- unname(fit_psi(fit))
    s2 <- function(psi) {
      unname(psi[4]^2 * area_variances[[kind]](psi[5])[match(d$area, rownames(W))])
    }
    means <- function(psi) {
      vapply(0:1, function(t) {
        mean(exp(psi[1] + psi[2] * d$x + psi[3] * t + s2(psi) / 2))
      }, 0)
    }
    found <- marginal_standardization(fit, "trt", vcov = "model", covariates = "fixed")
    table <- as.data.frame(found)[1:2, ]
    V <- unname(fit$vcov_full)
    expect_equal(table$estimate, means(psi), tolerance = 1e-8)
    expect_equal(table$std.error, delta_errors(means, psi, V), tolerance = 1e-6)
    first <- function(psi) {
      exp(psi[1] + psi[2] * d$x[1:3] + psi[3] * d$trt[1:3] + s2(psi)[1:3] / 2)
    }
    rows <- predict(fit, d[1:3, ],
      type = "response", random_effects = "integrate", se.fit = TRUE
    )
    expect_equal(unname(rows$fit), first(psi), tolerance = 1e-8)
    V_rows <- unname(with_beta(fit, default_covariance(fit)))
    expect_equal(unname(rows$se.fit), unname(delta_errors(first, psi, V_rows)), tolerance = 1e-6)
    icc <- intraclass_correlation(fit)
    share <- function(psi) {
      random <- mean(s2(psi))
      fixed <- stats::var(psi[2] * d$x + psi[3] * d$trt)
      eta <- psi[1] + psi[2] * d$x + psi[3] * d$trt
      c(random / (random + fixed + log1p(1 / mean(exp(eta + s2(psi) / 2)))), 0)
    }
    expect_equal(icc$variances[2L, "estimate"], share(psi)[1L], tolerance = 1e-8)
    expect_equal(
      icc$variances[2L, "std.error"], delta_errors(share, psi, V)[1L],
      tolerance = 1e-6
    )
    projected <- function(psi) {
      X <- cbind(1, d$x, d$trt)
      project_log_means(exp(X %*% psi[1:3] + s2(psi) / 2), X)
    }
    implied <- marginal_coefficients(fit, vcov = "model")
    expect_equal(unname(coef(implied)), projected(psi), tolerance = 1e-8)
    expect_equal(implied$table$std.error, delta_errors(projected, psi, V), tolerance = 1e-6)
    expect_error(
      predict(fit, transform(d[1:2, ], area = "new"), random_effects = "integrate"),
      class = "margmix_error_related"
    )
  }
})

test_that("means know how the variances of areas with random slopes move with rho", {
  set.seed(6)
  W <- area_map$W
  areas <- rownames(W)
  d <- data.frame(area = rep(areas, 12), x = rnorm(192), trt = rbinom(192, 1, 0.5))
  K <- solve(diag(rowSums(W)) - 0.8 * W)
  b <- t(chol(K)) %*% cbind(rnorm(16, 0, 0.8), rnorm(16, 0, 0.6))
  at <- match(d$area, areas)
  d$y <- rpois(192, exp(0.5 + 0.3 * d$x + 0.4 * d$trt + b[at, 1] + b[at, 2] * d$x))
  fit <- glmm(y ~ x + trt + car(x | area, W), d, poisson())
  psi <- unname(fit_psi(fit))
  V <- unname(fit$vcov_full)
  expect_false(anyNA(V))
  s2 <- function(psi) {
    L <- matrix(c(psi[4:5], 0, psi[6]), 2)
    area_variances$car(psi[7])[at] * rowSums((cbind(1, d$x) %*% L)^2)
  }
  means <- function(psi) {
    vapply(0:1, function(t) {
      mean(exp(psi[1] + psi[2] * d$x + psi[3] * t + s2(psi) / 2))
    }, 0)
  }
  table <- as.data.frame(
    marginal_standardization(fit, "trt", vcov = "model", covariates = "fixed")
  )[1:2, ]
  expect_equal(table$estimate, means(psi), tolerance = 1e-8)
  expect_equal(table$std.error, delta_errors(means, psi, V), tolerance = 1e-6)
  X <- cbind(1, d$x, d$trt)
  projected <- function(psi) project_log_means(exp(X %*% psi[1:3] + s2(psi) / 2), X)
  implied <- marginal_coefficients(fit, vcov = "model")
  expect_equal(unname(coef(implied)), projected(psi), tolerance = 1e-8)
  expect_equal(implied$table$std.error, delta_errors(projected, psi, V), tolerance = 1e-6)
})

# The likelihood as a sum over a grid in k standard normal variables that L makes effects of.
grid_loglik <- function(eta0, level, L, y) {
  nodes <- seq(-8, 8, length.out = 81)
  z <- as.matrix(do.call(expand.grid, rep(list(nodes), ncol(L))))
  b <- z %*% t(L)
  eta <- t(b[, level]) + eta0
  rows <- colSums(stats::dbinom(y, 1, stats::plogis(eta), log = TRUE))
  weight <- rowSums(stats::dnorm(z, log = TRUE)) + ncol(L) * log(diff(nodes[1:2]))
  log(sum(exp(rows + weight)))
}

test_that("importance sampling finds the integral where levels are related", {
  set.seed(8)
  d <- data.frame(t = rep(1:3, each = 6), x = rnorm(18))
  d$y <- rbinom(18, 1, c(0.2, 0.5, 0.9)[d$t])
  R <- 0.6^abs(outer(1:3, 1:3, "-"))
  Q <- crossprod(diff(diag(3)))
  walk <- eigen(Q, symmetric = TRUE)
  roots <- list(
    ar1 = t(chol(R)), rw1 = walk$vectors[, 1:2] %*% diag(1 / sqrt(walk$values[1:2]))
  )
  d$id <- 1
  fits <- list(
    ar1 = suppressMessages(suppressWarnings(glmm(y ~ x + ar1(factor(t) + 0 | id), d, binomial()))),
    rw1 = suppressMessages(glmm(y ~ x + rw1(t + 0 | 1), d, binomial()))
  )
  psi <- list(ar1 = c(0.1, 0.3, 1.4, atanh(0.6)), rw1 = c(0.1, 0.3, 1.4))
  for (kind in names(fits)) {
    fit <- moved_fit(fits[[kind]], psi[[kind]])
    fit$logLik <- engine_loglik_at(fit, 1L)
    exact <- grid_loglik(0.1 + 0.3 * d$x, d$t, 1.4 * roots[[kind]], d$y)
    found <- importance_loglik(fit, 20000L)
    expect_lt(abs(found$logLik - exact), 4 * found$mc_error)
    expect_lt(found$mc_error, 0.01)
    expect_gt(abs(fit$logLik - exact), 10 * found$mc_error) # which Laplace is not
  }
})
