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
    size <- length(elimination_plan(model$design)$owner_start) - 1L
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
  probes <- random_signs(length(elimination_plan(fit$design)$owner_start) - 1L, 8L)
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

test_that("links that do not limit a step are fitted too", {
  d <- large_groups(poisson(), seed = 3)
  set.seed(3)
  d$y <- rpois(4000, pmax(8 + d$x + rnorm(400)[d$s] + 0.7 * rnorm(300)[d$d], 0.1))
  fit <- glmm(y ~ x + (1 | s) + (1 | d), d, poisson(link = "identity"))
  expect_true(fit$convergence$converged)
  other <- fit$design
  other$plan$flops <- 0
  general <- fit_design(other, fit$family)
  expect_lt(abs(fit$logLik - general$logLik), 1e-6)
  expect_equal(sqrt(diag(fit$vcov_full)), sqrt(diag(general$vcov_full)), tolerance = 2e-3)
})

test_that("a zero variance is found by the general optimiser", {
  d <- large_groups(poisson())
  set.seed(2)
  d$y <- rpois(4000, exp(0.2 + 0.5 * rnorm(400)[d$s]))
  fit <- suppressMessages(glmm(y ~ x + (1 | s) + (1 | d), d, poisson()))
  expect_true(fit$convergence$converged)
  expect_lt(fit$theta[[2]], 0.1)
})

test_that("designs too large for a factorisation are fitted iteratively", {
  for (family in list(gaussian(), binomial())) {
    d <- large_groups(family)
    exact <- glmm(y ~ x + (1 | s) + (1 | d), d, family)
    design <- exact$design
    design <- with_plan(design, budget = 1e4)
    expect_false(design$plan$exact)
    iterative <- fit_design(design, family)
    expect_true(iterative$convergence$converged)
    expect_lt(abs(iterative$logLik - exact$logLik), 4 * iterative$rule$mc_sd + 0.01)
    expect_lt(iterative$rule$mc_sd, 0.3)
    p <- length(exact$beta)
    se <- sqrt(diag(exact$vcov_full))
    moved <- c(iterative$beta, iterative$theta) - c(exact$beta, exact$theta)
    expect_lt(max(abs(moved) / se[seq_along(moved)]), 0.1)
    expect_equal(sqrt(diag(iterative$vcov_full)), se, tolerance = 0.02)
    other <- fit_design(design, family, control = glmm_control(seed = 3))
    expect_identical(other$rule$seed, 3)
    noise <- c(iterative$beta, iterative$theta) - c(other$beta, other$theta)
    expect_gt(max(abs(noise)), 0)
    expect_lt(max(abs(noise) / se[seq_along(noise)]), 0.1)
    # each is also below the maximum by half its squared distance in standard errors
    below <- sum((noise / se[seq_along(noise)])^2)
    expect_lt(abs(iterative$logLik - other$logLik), 5 * iterative$rule$mc_sd + below)
  }
})

test_that("a sample of the levels is a start, with the rows of its levels", {
  set.seed(6)
  d <- data.frame(s = sample(4000, 12000, TRUE), d = sample(300, 12000, TRUE), x = rnorm(12000))
  d$y <- 0.5 * d$x + 0.7 * rnorm(4000)[d$s] + 0.5 * rnorm(300)[d$d] + rnorm(12000)
  fit <- glmm(y ~ x + (1 | s) + (1 | d), d)
  design <- fit$design
  small <- sample_levels(design)
  levels <- lapply(small$groups, `[[`, "index")
  kept <- design$groups[[1]]$index %in% levels[[1]]
  expect_identical(small$y, design$y[kept])
  expect_identical(levels[[2]], design$groups[[2]]$index[kept])
  expect_lt(abs(length(unique(levels[[1]])) - 500), 40)
  problem <- list(design = design, family = gaussian(), control = glmm_control())
  start <- c(0, 0, 1, 1, 0)
  probes <- random_signs(300L, 8L)
  away <- sampled_start(problem, start, probes) - fit_psi(fit)
  expect_lt(max(abs(away) / sqrt(diag(fit$vcov_full))), 12)
  expect_null(sample_levels(glmm(y ~ x + (1 | s) + (1 | d), d[1:500, ])$design))
})

test_that("the log-determinant of S is unbiased", {
  model <- toy_groups(gaussian(), "(x | a) + (1 | b)", seed = 14)
  psi <- replace(model$psi, 3:6, c(0.8, 0.1, 0.5, 0.6))
  exact <- toy_engine(model, gaussian(), 1L, psi = psi)$value
  size <- length(elimination_plan(model$design)$owner_start) - 1L
  found <- engine_laplace_estimate(
    model$design, gaussian(), psi, list(), random_signs(size, 200L), glmm_control()
  )
  expect_lt(abs(found$value - exact), 4 * found$sd + 1e-8)
  expect_lt(found$sd, 0.05)
})

test_that("what needs a factorisation says so", {
  d <- large_groups(gaussian())
  fit <- glmm(y ~ x + (1 | s) + (1 | d), d)
  large <- fit
  large$design <- with_plan(fit$design, budget = 1e4)
  large$rule$mc_sd <- 0.01
  expect_error(ranef(large), class = "margmix_error_too_large")
  expect_error(anova(large, glmm(y ~ 1 + (1 | s) + (1 | d), d)),
    class = "margmix_error_anova_estimated"
  )
  expect_error(fit_design(large$design, gaussian(), REML = TRUE), class = "margmix_error_too_large")
})

test_that("a factor with few levels ends with the exact Hessian", {
  d <- large_groups(gaussian(), seed = 7)
  d$few <- (d$d * 7) %% 5
  d$y <- d$y + c(-0.3, 0.1, 0.2, -0.1, 0.1)[d$few + 1]
  fit <- glmm(y ~ x + (1 | s) + (1 | d) + (1 | few), d)
  expect_true(fit$convergence$converged)
  other <- fit$design
  other$plan$flops <- 0
  general <- fit_design(other, gaussian())
  expect_lt(abs(fit$logLik - general$logLik), 1e-6)
  expect_equal(sqrt(diag(fit$vcov_full)), sqrt(diag(general$vcov_full)), tolerance = 2e-3)
})
