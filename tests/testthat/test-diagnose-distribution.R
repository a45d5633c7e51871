# The gradient function against numerical integration, its test, and what it can't say.

seeds_fit <- function(...) {
  glmm(cbind(r, n - r) ~ seed + (1 | plate), seeds, binomial(), nAGQ = 25, ...)
}

# mean over clusters of f(y | b) / f(y) with one row in each: a sum over a fine grid of the effect
brute_gradient <- function(fit, b, density, at) {
  eta <- drop(model.matrix(~seed, seeds) %*% coef(fit))
  likelihood <- function(b) dbinom(seeds$r, seeds$n, plogis(outer(eta, b, `+`)))
  f <- rowSums(likelihood(at) * rep(density, each = nrow(seeds)))
  colMeans(likelihood(b) / f)
}

test_that("it is the mean ratio of densities, for normal and bridge effects", {
  b <- c(-1.4, -0.3, 0, 0.5, 2)
  grid <- seq(-15, 15, by = 0.001)
  fit <- seeds_fit()
  sd <- fit$theta[[1L]]
  weights <- dnorm(grid, sd = sd) * 0.001
  ours <- diagnose_distribution(fit, nsim = 0, at = b)
  expect_equal(ours$table$estimate, brute_gradient(fit, b, weights, grid), tolerance = 1e-8)
  u <- seq(-5, 5, by = 0.1)
  delta <- brute_gradient(fit, u * sd, weights, grid)
  expect_equal(ours$statistic, 21 * sum((delta - 1)^2 * dnorm(u)) * 0.1, tolerance = 1e-7)
  # its mean over the fitted distribution is 1
  expect_equal(sum(delta * dnorm(u)) * 0.1, 1, tolerance = 1e-6)
  bridge <- seeds_fit(random_distribution = "bridge")
  phi <- 1 / sqrt(1 + 3 * bridge$theta[[1L]]^2 / pi^2)
  grid <- seq(-40, 40, by = 0.002)
  weights <- sin(phi * pi) / (2 * pi * (cosh(phi * grid) + cos(phi * pi))) * 0.002
  expect_equal(diagnose_distribution(bridge, nsim = 0, at = b)$table$estimate,
    brute_gradient(bridge, b, weights, grid),
    tolerance = 1e-8
  )
})

test_that("effects at two points are told from normal ones, and the seed repeats the test", {
  set.seed(5)
  d <- data.frame(g = rep(1:50, each = 20), x = rep(0:1, 500))
  d$y <- rbinom(1000, 1, plogis(rep(c(-2, 2), 25)[d$g] + d$x))
  fit <- glmm(y ~ x + (1 | g), d, binomial(), nAGQ = 15)
  one <- diagnose_distribution(fit, nsim = 39)
  expect_equal(one$p.value, 1 / 40)
  # less mass in the middle
  expect_lt(one$table$estimate[31], one$table$conf.low[31])
  expect_identical(diagnose_distribution(fit, nsim = 39)$simulated, one$simulated)
})

test_that("print and picture say what it shows", {
  fit <- seeds_fit()
  expect_snapshot(diagnose_distribution(fit, nsim = 9))
  expect_snapshot(diagnose_distribution(fit, nsim = 0))
  drawn <- plot_data(diagnose_distribution(fit, nsim = 9))
  expect_identical(names(drawn), c("x", "label", "estimate", "conf.low", "conf.high"))
})

test_that("models without one effect that varies are refused", {
  nested <- glmm(cbind(r, n - r) ~ 1 + (1 | extract / plate), seeds, binomial(), nAGQ = 3)
  flat <- transform(seeds, r = 5, n = 10)
  zero <- suppressMessages(glmm(cbind(r, n - r) ~ seed + (1 | plate), flat, binomial(), nAGQ = 5))
  fit <- seeds_fit()
  expect_snapshot(error = TRUE, {
    diagnose_distribution(nested)
    diagnose_distribution(zero)
    diagnose_distribution(fit, nsim = -1)
    diagnose_distribution(fit, at = "a")
  })
})
