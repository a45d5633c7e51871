# The stochastic start of large designs: its pieces, and that it ends where the exact way ends.

large_groups <- function(family, seed = 1) {
  set.seed(seed)
  n <- 4000
  d <- data.frame(s = sample(400, n, TRUE), d = sample(300, n, TRUE), x = rnorm(n))
  eta <- 0.2 + 0.4 * d$x + 0.6 * rnorm(400)[d$s] + 0.4 * rnorm(300)[d$d]
  d$y <- switch(family$family,
    gaussian = eta + rnorm(n), binomial = rbinom(n, 1, plogis(eta)), poisson = rpois(n, exp(eta))
  )
  d
}

test_that("with a full set of orthogonal probes the stochastic gradient is exact", {
  for (family in list(gaussian(), binomial(), poisson())) {
    model <- toy_groups(family, "(x | a) + (1 | b)", seed = 13)
    size <- length(model$design$plan$owner_start) - 1L
    # S^-1 = mean of x z' exactly if the mean of z z' is the identity
    probes <- sqrt(size) * qr.Q(qr(matrix(rnorm(size^2), size)))
    problem <- list(design = model$design, family = family, control = glmm_control())
    found <- stochastic_step(problem, model$psi, NULL, probes, 1e-10, TRUE)
    exact <- toy_engine(model, family, 1L, 1L)$gradient
    expect_equal(found$gradient, exact, tolerance = 1e-6)
  }
})

test_that("the information of a Gaussian model is near its expectation", {
  d <- large_groups(gaussian())
  fit <- glmm(y ~ x + (1 | s) + (1 | d), d)
  problem <- list(design = fit$design, family = fit$family, control = fit$control)
  probes <- random_signs(length(fit$design$plan$owner_start) - 1L, 8L)
  found <- stochastic_step(problem, fit_psi(fit), fit$modes, probes, 1e-6, TRUE)
  ratio <- sqrt(diag(solve(found$information))) / sqrt(diag(fit$vcov_full))
  expect_lt(max(abs(ratio - 1)), 0.02)
})

test_that("fits are those of the general optimiser, in at most three factorisations", {
  for (family in list(gaussian(), binomial(), poisson())) {
    d <- large_groups(family)
    state <- .Random.seed
    fit <- glmm(y ~ x + (1 | s) + (1 | d), d, family)
    expect_identical(.Random.seed, state)
    expect_identical(fit$convergence$message, "stochastic start, exact finish")
    expect_lte(fit$convergence$evaluations, 3L)
    expect_lt(fit$convergence$criterion, 1e-10)
    other <- fit$design
    other$plan$flops <- 0
    general <- fit_design(other, family)
    expect_lt(abs(fit$logLik - general$logLik), 1e-6)
    expect_equal(fit$beta, general$beta, tolerance = 1e-5)
    expect_equal(sqrt(diag(fit$vcov_full)), sqrt(diag(general$vcov_full)), tolerance = 2e-3)
  }
})

test_that("a zero variance is found by the general optimiser", {
  d <- large_groups(poisson())
  set.seed(2)
  d$y <- rpois(4000, exp(0.2 + 0.5 * rnorm(400)[d$s]))
  fit <- suppressMessages(glmm(y ~ x + (1 | s) + (1 | d), d, poisson()))
  expect_true(fit$convergence$converged)
  expect_lt(fit$theta[[2]], 0.1)
})
