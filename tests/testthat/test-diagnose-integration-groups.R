# Integration with several grouping factors: Laplace, or nested quadrature, against importance
# sampling, and that against the integral by brute force.

small_crossed <- function() {
  set.seed(4)
  d <- expand.grid(a = 1:3, b = 1:2, k = 1:8)
  d$y <- rbinom(nrow(d), 1L, plogis(0.3 + c(-1.2, 0.2, 1.4)[d$a] + c(0.9, -0.9)[d$b]))
  d
}

# log of the integral over all five effects on a grid of the normal densities.
grid_loglik <- function(fit, d) {
  line <- seq(-6, 6, by = 0.5)
  prior <- dnorm(line) * 0.5
  given_b <- function(b1, b2) {
    b <- fit$beta[[1]] + fit$theta[[2]] * c(b1, b2)[d$b]
    prod(vapply(1:3, function(level) {
      rows <- d$a == level
      density <- vapply(line, function(z) {
        prod(dbinom(d$y[rows], 1L, plogis(b[rows] + fit$theta[[1]] * z)))
      }, 0)
      sum(prior * density)
    }, 0))
  }
  log(sum(outer(prior, prior) * outer(line, line, Vectorize(given_b))))
}

test_that("the estimate is the integral, on three by two crossed levels", {
  d <- small_crossed()
  fit <- glmm(y ~ 1 + (1 | a) + (1 | b), d, binomial())
  expect_gt(min(fit$theta), 0.2)
  state <- .Random.seed
  found <- diagnose_integration(fit, draws = 5000L, seed = 3)
  expect_identical(.Random.seed, state)
  exact <- grid_loglik(fit, d)
  expect_lt(found$importance$std.error, 0.02)
  expect_lt(abs(found$importance$logLik - exact), 4 * found$importance$std.error)
  expect_equal(found$difference, fit$logLik - found$importance$logLik)
  # Laplace itself is further away than that, which the check says
  expect_gt(abs(fit$logLik - exact), 6 * found$importance$std.error)
  expect_true(found$fires)
  expect_gt(found$importance$effective, 2500)
  expect_snapshot(print(found, digits = 3))
})

test_that("the Monte Carlo error is that of repeated seeds", {
  fit <- glmm(y ~ 1 + (1 | a) + (1 | b), small_crossed(), binomial())
  runs <- lapply(1:40, function(seed) {
    diagnose_integration(fit, draws = 200L, seed = seed)$importance
  })
  estimates <- vapply(runs, `[[`, 0, "logLik")
  claimed <- sqrt(mean(vapply(runs, `[[`, 0, "std.error")^2))
  # the sd of 40 values has a relative error of 11%
  expect_lt(abs(log(sd(estimates) / claimed)), 0.45)
})

test_that("nested quadrature agrees with it", {
  set.seed(5)
  d <- data.frame(a = rep(1:10, each = 12), b = rep(1:30, each = 4))
  d$y <- rbinom(120, 1L, plogis(rnorm(10)[d$a] + 0.8 * rnorm(30)[d$b]))
  fine <- glmm(y ~ 1 + (1 | a / b), d, binomial(), nAGQ = 15)
  found <- diagnose_integration(fine)
  expect_lt(abs(found$difference), 4 * found$importance$std.error)
  expect_false(found$fires)
  expect_output(print(found), "Quadrature, K = 15 x 15", fixed = TRUE)
})

test_that("what the estimate is worth is said", {
  fit <- glmm(y ~ 1 + (1 | a) + (1 | b), small_crossed(), binomial())
  few <- diagnose_integration(fit, draws = 20L)
  expect_match(few$problems, "can't be trusted")
  expect_silent(plot(diagnose_integration(fit, draws = 100L)))
  expect_snapshot(error = TRUE, {
    diagnose_integration(fit, draws = 1)
    diagnose_integration(fit, draws = "many")
  })
  set.seed(1)
  first <- diagnose_integration(fit, draws = 50L, seed = NULL)$importance$logLik
  second <- diagnose_integration(fit, draws = 50L, seed = NULL)$importance$logLik
  expect_false(first == second)
  linear <- glmm(y ~ 1 + (1 | a) + (1 | b), transform(small_crossed(), y = y + k / 8))
  expect_true(diagnose_integration(linear)$exact)
})
