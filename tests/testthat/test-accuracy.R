# The bound that a fit prints for its integration error, on a few of the hard data sets of
# `make accuracy`.

accuracy_space <- function() {
  fuzz <- new.env()
  for (file in c("cases.R", "integral.R", "accuracy.R")) {
    path <- test_path("..", "fuzz", file)
    skip_if_not(file.exists(path), "tests/fuzz")
    sys.source(path, fuzz)
  }
  fuzz
}

test_that("the bound of the integration error holds on hard data sets", {
  fuzz <- accuracy_space()
  space <- environment(brute_loglik)
  # with an edge or without, one of them log-concave; 146 has second modes, 10 and 59 are nested
  for (number in c(2, 5, 10, 13, 14, 59, 146, 162, 164, 276, 617)) {
    row <- fuzz$judge_bound(number, space)
    expect_lte(row$error, max(row$bound, 1e-8), label = paste(row$number, row$family))
    expect_identical(row$reference, "integral")
  }
})

test_that("integrals of two dimensions by R's densities are those of a fine rule", {
  fuzz <- accuracy_space()
  space <- environment(brute_loglik)
  set.seed(3)
  d <- expand.grid(row = 1:4, b = 1:3, a = 1:8)
  d$x <- rnorm(nrow(d))
  eta <- 1.5 * rnorm(8)[d$a] + 1.2 * rnorm(24)[3 * d$a + d$b - 3] + (0.5 + rnorm(8)[d$a]) * d$x
  d$y <- rpois(nrow(d), exp(0.6 * eta + 0.5))
  for (random in c("(x | a)", "(1 | a/b)")) {
    formula <- as.formula(paste("y ~ x +", random))
    fit <- suppressMessages(suppressWarnings(glmm(formula, d, poisson())))
    expect_true(all(diag(fit$Lambda) != 0))
    true <- fuzz$true_loglik(fit, space)
    expect_identical(true$by, "integral")
    expect_equal(true$value, engine_loglik_at(fit, 101L), tolerance = 1e-9)
  }
})

test_that("the table that is kept says that the bound holds in 99 of 100 hard data sets", {
  path <- test_path("..", "fuzz", "accuracy.csv")
  skip_if_not(file.exists(path), "tests/fuzz")
  rows <- read.csv(path)
  expect_gte(mean(rows$error <= pmax(rows$bound, 1e-8)), 0.99)
})

test_that("chance agreement of two rules is not taken for precision", {
  problem <- list(
    design = list(X = matrix(1, 1e5)), family = binomial("cauchit"), control = glmm_control()
  )
  nodes <- function(K) if (K > 300) Inf else K
  # K and 2K + 1 agree, 4K + 3 does not
  value <- function(K) c(`7` = -1, `15` = -1 - 1e-9, `31` = -1.01)[[as.character(K)]]
  expect_gt(refinement_error(value, 7L, nodes, problem)$more, 0.01)
  # slow convergence, error 1 / K: twice the change is not enough
  slow <- refinement_error(function(K) -1 - 1 / K, 7L, nodes, problem)
  expect_gt(slow$bound, 1 / 7)
  problem$family <- binomial()
  expect_equal(refinement_error(value, 7L, nodes, problem)$bound, 2e-9, tolerance = 1e-3)
})

test_that("the same rule is not evaluated twice at one point to judge it", {
  set.seed(5)
  d <- data.frame(g = rep(1:40, each = 6), h = rep(1:80, each = 3), x = rnorm(240))
  d$y <- rbinom(240, 1, pcauchy(d$x + rnorm(40)[d$g]))
  asked <- character()
  note_of <- function(psi, K, deriv) {
    if (deriv == 0L) asked <<- c(asked, paste(c(K, signif(psi, 12L)), collapse = " "))
  }
  home <- environment(fit_by_rules)
  noting <- bquote((.(note_of))(psi, K, deriv))
  suppressMessages(trace("evaluate_in_memory", noting, print = FALSE, where = home))
  on.exit(suppressMessages(untrace("evaluate_in_memory", where = home)))
  for (random in c("(1 | g)", "(x | g)", "(1 | g/h)")) {
    asked <- character()
    formula <- as.formula(paste("y ~ x +", random))
    suppressMessages(suppressWarnings(glmm(formula, d, binomial("cauchit"))))
    expect_gt(length(asked), 2L)
    expect_identical(anyDuplicated(asked), 0L)
  }
})

test_that("refinement that is slow goes on where the next change is small", {
  problem <- list(family = poisson("sqrt"))
  expect_true(is_slow(problem, c(0.9, 0.95, 1)))
  expect_false(is_slow(problem, c(0.1, 0.95, 1)))
  problem$family <- poisson()
  expect_false(is_slow(problem, c(0.9, 0.95, 1)))
  set.seed(7)
  d <- data.frame(g = rep(1:200, each = 8), x = rnorm(1600))
  d$y <- rpois(1600, (2 + 0.3 * d$x + 0.5 * rnorm(200)[d$g])^2)
  fit <- suppressMessages(glmm(y ~ x + (1 | g), d, poisson("sqrt")))
  finest <- engine_loglik_at(fit, 255L)
  expect_lt(abs(fit$logLik - finest), 1e-4)
  expect_lt(abs(fit$logLik - finest), fit$rule$error)
})

test_that("with many clusters some of them tell how the changes go on", {
  set.seed(5)
  d <- data.frame(g = rep(1:1500, each = 5), x = rnorm(7500))
  d$y <- rpois(7500, exp(-0.5 + 0.5 * d$x + (rnorm(1500) + 0.7 * d$x * rnorm(1500))[d$g]))
  fit <- glmm(y ~ x + (x | g), d, poisson(), nAGQ = 1)
  value <- function(K) engine_loglik_at(fit, K)
  nodes <- function(K) K^2
  all <- refinement_error(value, 1L, nodes, unclass(fit)[c("design", "family", "control")])
  bound <- integration_error(fit)
  expect_equal(bound, all$bound, tolerance = 0.05)
  expect_false(bound == all$bound) # 500 of the clusters told
  expect_gt(bound, abs(value(25L) - value(1L)))
})
