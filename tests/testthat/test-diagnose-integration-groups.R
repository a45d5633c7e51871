# Integration with several grouping factors: nested quadrature against finer rules, others against
# importance sampling, and both against the integral by brute force.

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
  found <- importance_loglik(fine)
  expect_lt(abs(found$error), 4 * found$mc_error)
  # it stands in where no finer rule can be afforded
  fine$control$max_nodes <- 10
  found <- diagnose_integration(fine)
  expect_output(print(found), "K = 15 x 15 nodes", fixed = TRUE)
  coarse <- glmm(y ~ 1 + (1 | a / b), d, binomial(), nAGQ = 1)
  coarse$control$max_nodes <- 0.5
  expect_match(diagnose_integration(coarse)$problems, "off by about .*Laplace is too coarse")
})

test_that("a nested rule is compared with finer ones, and the error is that of plain integration", {
  d <- nested_data(m = 5L, rows = 6L)
  fit <- glmm(y ~ x + (1 | a / b), d, binomial(), nAGQ = c(3, 2))
  found <- diagnose_integration(fit)
  exact <- brute_nested(list(design = fit$design), binomial(), fit_psi(fit))
  expect_equal(tail(found$table$logLik, 1L), exact, tolerance = 1e-8)
  expect_equal(found$error, abs(fit$logLik - exact), tolerance = 1e-4)
  expect_identical(found$finer, c(15L, 15L))
  expect_equal(sum(found$clusters$logLik), fit$logLik, tolerance = 1e-10)
  expect_equal(sum(found$clusters$finer), exact, tolerance = 1e-8)
})

test_that("estimates move where a finer rule says, and a fine rule is left alone", {
  d <- nested_data(m = 30L)
  coarse <- glmm(y ~ x + (1 | a / b), d, binomial(), nAGQ = 3)
  found <- diagnose_integration(coarse)
  fine <- glmm(y ~ x + (1 | a / b), d, binomial(), nAGQ = 15)
  expect_equal(found$estimates$change, unname(fit_psi(fine) - fit_psi(coarse)), tolerance = 0.05)
  expect_true(found$fires)
  expect_snapshot(print(found))
  again <- diagnose_integration(fine)
  expect_identical(again$finer, c(31L, 31L))
  expect_false(again$fires)
  # the search stops at a scaled gradient of 1e-10, which is 1e-5 standard errors
  expect_lt(max(abs(again$estimates$ratio)), 1e-5)
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  expect_silent(plot(found))
  # where the nodes of vectors of effects multiply, fewer are taken
  vectors <- suppressMessages(glmm(y ~ x + (x | a) + (1 | a:b), d, binomial(), nAGQ = 3))
  expect_identical(finer_nested_rule(vectors), c(7L, 15L))
  fewer <- finer_nested_rule(vectors, budget = 500 * nrow(d))
  expect_lte(rule_nodes(vectors$design, fewer), 500)
  expect_gte(min(fewer), 5)
  expect_null(finer_nested_rule(vectors, budget = 100 * nrow(d)))
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
