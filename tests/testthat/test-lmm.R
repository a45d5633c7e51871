# Gaussian responses with identity link: the exact likelihood against the multivariate normal
# density with its covariance matrix written out. (lme4's numbers are in test-reference-glmm.R.)

dense_parts <- function(model, theta, phi) {
  d <- model$design
  Lambda <- diag(0, ncol(d$Z))
  Lambda[cbind(d$theta_row, d$theta_col) + 1L] <- theta
  id <- rep(seq_along(d$levels), diff(d$start))
  V <- (d$Z %*% tcrossprod(Lambda) %*% t(d$Z)) * outer(id, id, "==")
  diag(V) <- diag(V) + phi / d$weights
  list(V = V, y = d$y - d$offset, X = d$X)
}

dense_loglik <- function(model, psi) {
  d <- model$design
  p <- ncol(d$X)
  t <- length(d$theta_row)
  parts <- dense_parts(model, psi[p + seq_len(t)], exp(psi[p + t + 1L]))
  e <- parts$y - drop(parts$X %*% psi[seq_len(p)])
  -0.5 * (length(e) * log(2 * pi) + c(determinant(parts$V)$modulus) + sum(e * solve(parts$V, e)))
}

# Restricted: the density of the residual contrasts, with the constant of Bates et al. (2015).
dense_reml <- function(model, theta, phi) {
  parts <- dense_parts(model, theta, phi)
  B <- crossprod(parts$X, solve(parts$V, parts$X))
  beta <- solve(B, crossprod(parts$X, solve(parts$V, parts$y)))
  e <- drop(parts$y - parts$X %*% beta)
  -0.5 * ((length(e) - ncol(parts$X)) * log(2 * pi) + c(determinant(parts$V)$modulus) +
    c(determinant(B)$modulus) + sum(e * solve(parts$V, e)))
}

test_that("the likelihood at any parameters, one node and profiled, ML and REML", {
  for (q in 1:3) {
    model <- toy_model(gaussian(), q, m = 6L, rows = 5L, p = 3L, seed = 50 + q)
    d <- model$design
    theta <- model$psi[3 + seq_along(d$theta_row)]
    phi <- 0.4
    exact <- dense_loglik(model, model$psi)
    expect_lt(abs(toy_engine(model, gaussian(), 1L)$value - exact), 1e-8)
    # beta profiled out: the value at its estimate
    profile <- engine_lmm(d, theta / sqrt(phi), log(phi))
    at_beta <- replace(model$psi, 1:3, profile$beta)
    expect_lt(abs(profile$value - dense_loglik(model, at_beta)), 1e-8)
    expect_lt(
      abs(engine_lmm(d, theta / sqrt(phi), log(phi), REML = TRUE)$value -
        dense_reml(model, theta, phi)),
      1e-8
    )
  }
})

test_that("the fit is the maximum, with the curvature there", {
  skip_if_not_installed("numDeriv")
  set.seed(51)
  d <- data.frame(id = rep(1:15, 6), x = rnorm(90), w = runif(90, 0.5, 2), o = rnorm(90))
  d$y <- 2 + d$x + d$o + rnorm(15)[d$id] + 0.5 * rnorm(15)[d$id] * d$x + rnorm(90) / sqrt(d$w)
  for (formula in list(y ~ x + offset(o) + (x | id), y ~ x + offset(o) + (x || id))) {
    fit <- glmm(formula, d, weights = w)
    model <- list(design = fit$design)
    psi <- c(fit$beta, fit$theta, log(fit$phi))
    expect_lt(abs(fit$logLik - dense_loglik(model, psi)), 1e-8)
    gradient <- numDeriv::grad(function(x) dense_loglik(model, x), psi)
    expect_lt(max(abs(gradient)), 1e-4)
    hessian <- numDeriv::hessian(function(x) dense_loglik(model, x), psi)
    expect_equal(unname(fit$vcov_full), solve(-hessian), tolerance = 1e-4)

    fit <- glmm(formula, d, weights = w, REML = TRUE)
    expect_lt(abs(fit$logLik - dense_reml(model, fit$theta, fit$phi)), 1e-8)
    criterion <- function(x) dense_reml(model, x[-length(x)], exp(x[length(x)]))
    expect_lt(max(abs(numDeriv::grad(criterion, c(fit$theta, log(fit$phi))))), 1e-4)
    hessian <- numDeriv::hessian(criterion, c(fit$theta, log(fit$phi)))
    expect_equal(unname(fit$vcov_full[-(1:2), -(1:2)]), solve(-hessian), tolerance = 1e-4)
    V <- dense_parts(model, fit$theta, fit$phi)$V
    X <- design_X(fit$design)
    expect_equal(
      unname(vcov(fit, "model")), unname(solve(crossprod(X, solve(V, X)))),
      tolerance = 1e-6
    )
  }
})

# One-way layout, m groups of k: mean squares between and within.
one_way <- function(m = 8L, k = 5L, between = 1, seed = 52) {
  set.seed(seed)
  d <- data.frame(id = rep(seq_len(m), each = k))
  d$y <- 3 + between * rnorm(m)[d$id] + rnorm(m * k)
  mean <- tapply(d$y, d$id, mean)
  list(
    data = d, m = m, k = k, msb = k * sum((mean - mean(mean))^2) / (m - 1),
    msw = sum((d$y - mean[d$id])^2) / (m * (k - 1))
  )
}

test_that("the balanced one-way layout has its textbook answer", {
  with(one_way(), {
    fit <- glmm(y ~ 1 + (1 | id), data, REML = TRUE)
    expect_equal(fit$phi, msw, tolerance = 1e-7)
    expect_equal(fit$theta[[1]]^2, (msb - msw) / k, tolerance = 1e-6)
    expect_equal(sqrt(vcov(fit, "model")[[1]]), sqrt(msb / (m * k)), tolerance = 1e-7)
    fit <- glmm(y ~ 1 + (1 | id), data)
    expect_equal(fit$phi, msw, tolerance = 1e-6)
    expect_equal(fit$theta[[1]]^2, (msb * (m - 1) / m - msw) / k, tolerance = 1e-6)
    expect_equal(coef(fit)[[1]], mean(data$y), tolerance = 1e-9)
  })
})

test_that("less variance between groups than by chance: zero, and the model of lm()", {
  layout <- one_way(between = 0, seed = 55)
  skip_if(layout$msb > layout$msw)
  for (REML in c(FALSE, TRUE)) {
    expect_message(
      fit <- glmm(y ~ 1 + (1 | id), layout$data, REML = REML),
      class = "margmix_note_boundary"
    )
    plain <- lm(y ~ 1, layout$data)
    expect_identical(fit$theta[[1]], 0)
    expect_equal(as.numeric(logLik(fit)), as.numeric(logLik(plain, REML = REML)), tolerance = 1e-9)
    expect_equal(coef(fit), coef(plain), tolerance = 1e-8)
    n <- nrow(layout$data)
    expect_equal(fit$phi, sum(resid(plain)^2) / (n - REML), tolerance = 1e-7)
    expect_equal(vcov(fit, "model")[[1]], fit$phi / n, tolerance = 1e-7)
    expect_true(is.na(fit$vcov_full[2, 2]))
    expect_true(component(fit, "convergence")$converged)
  }
})

test_that("weights are precisions, as in lme4", {
  skip_if_not_installed("lme4")
  set.seed(56)
  d <- data.frame(id = sample(12, 80, TRUE), x = rnorm(80), w = runif(80, 0.3, 3))
  d$y <- 1 + d$x + rnorm(12)[d$id] + 0.6 * rnorm(12)[d$id] * d$x + rnorm(80) / sqrt(d$w)
  control <- lme4::lmerControl(optimizer = "nloptwrap", optCtrl = list(
    xtol_abs = 1e-12, ftol_abs = 1e-14, maxeval = 5000
  ))
  for (REML in c(FALSE, TRUE)) {
    for (formula in list(y ~ x + (1 | id), y ~ x + (x || id))) {
      fit <- glmm(formula, d, weights = w, REML = REML)
      peer <- lme4::lmer(formula, d, weights = w, REML = REML, control = control)
      expect_equal(as.numeric(logLik(fit)), as.numeric(logLik(peer)), tolerance = 1e-8)
      expect_equal(coef(fit), lme4::fixef(peer), tolerance = 1e-6)
      expect_equal(sqrt(fit$phi), sigma(peer), tolerance = 1e-5)
    }
  }
})

test_that("the parametrisation of X changes REML by its determinant only", {
  set.seed(57)
  d <- data.frame(id = rep(1:10, 5), x = rnorm(50))
  d$y <- d$x + rnorm(10)[d$id] + rnorm(50)
  fit <- glmm(y ~ x + (1 | id), d, REML = TRUE)
  other <- glmm(y ~ I(10 * x + 1) + (1 | id), d, REML = TRUE)
  expect_equal(other$theta[[1]], fit$theta[[1]], tolerance = 1e-6)
  expect_equal(other$logLik, fit$logLik - log(10), tolerance = 1e-9)
})

test_that("an exact response has no residual variance", {
  d <- data.frame(id = rep(1:5, 4), x = as.numeric(1:20), zero = 0, five = 5)
  d$fixed <- 1 + 2 * d$x
  for (y in c("zero", "five", "fixed")) {
    formula <- reformulate(c("x", "(1 | id)"), y)
    expect_error(glmm(formula, d), class = "margmix_error_residual_variance")
    expect_error(glmm(formula, d, REML = TRUE), class = "margmix_error_residual_variance")
  }
  # the random effects complete it: the likelihood grows without bound
  d$random <- 1 + 2 * d$x + d$id
  found <- tryCatch(glmm(random ~ x + (1 | id), d),
    margmix_error_residual_variance = identity, margmix_warning_convergence = identity
  )
  expect_s3_class(found, "condition")
})

test_that("a large mean costs no digits", {
  set.seed(58)
  d <- data.frame(id = rep(1:10, 5), x = rnorm(50))
  d$y <- round(d$x + 2 * rnorm(10)[d$id] + rnorm(50), 3)
  for (REML in c(FALSE, TRUE)) {
    fit <- glmm(y ~ x + (1 | id), d, REML = REML)
    far <- glmm(y + 2^26 ~ x + (1 | id), d, REML = REML)
    expect_equal(coef(far)[[2]], coef(fit)[[2]], tolerance = 1e-6)
    expect_equal(far$theta, fit$theta, tolerance = 1e-6)
    expect_equal(far$phi, fit$phi, tolerance = 1e-6)
    expect_equal(far$logLik, fit$logLik, tolerance = 1e-8)
    expect_equal(diag(far$vcov_full), diag(fit$vcov_full), tolerance = 1e-5)
  }
})
