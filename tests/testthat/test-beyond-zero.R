# 12 rows in 4 clusters: the likelihood is -5.751 at zero, falls, and rises to -5.232 without end.
rising_data <- function() {
  data.frame(
    g = rep(1:4, each = 3),
    z = c(0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 1, 1), y = c(1, 1, 1, 0, 0, 1, 0, 1, 0, 0, 0, 0),
    x = c(.269, 1.744, 1.655, .664, .923, -1.148, -1.785, 1.278, -.379, -1.822, -.829, -.62)
  )
}

# 9 rows in 3 clusters: by the cauchit link it has maxima at zero and at 3.4.
two_maxima_data <- function() {
  data.frame(
    g = rep(1:3, each = 3), h = rep(1:2, length.out = 9),
    x = c(-1.594, .217, .529, .608, -.823, .83, -.234, .274, -.921),
    z = c(0, 0, 1, 0, 1, 0, 0, 1, 0), y = c(0, 0, 0, 0, 1, 1, 0, 0, 0)
  )
}

# The largest likelihood at a standard deviation, by plain sums over a fine grid.
brute_profile <- function(fit, sd, start = fit$beta) {
  grid <- brute_grid(1L, 1 / 60, 8)
  minus <- function(beta) -brute_loglik(fit, fit$family, c(beta, sd), grid)
  best <- nlminb(start, minus, control = list(rel.tol = 1e-9))
  list(value = -best$objective, beta = best$par)
}

test_that("a higher maximum away from zero is found", {
  d <- two_maxima_data()
  for (nAGQ in list("auto", 25, 101)) {
    fit <- glmm(y ~ x + z + (1 | g), d, binomial("cauchit"), nAGQ = nAGQ)
    expect_equal(fit$theta[[1]], 3.44, tolerance = 0.03)
    expect_true(fit$convergence$converged)
  }
  expect_gt(fit$logLik, fit$start_glm$value + 0.06)
  here <- brute_profile(fit, fit$theta[[1]])
  expect_lt(abs(fit$logLik - here$value), 1e-4) # what "auto" promises
  for (sd in fit$theta[[1]] * c(0.8, 1.25)) {
    expect_lt(brute_profile(fit, sd)$value, here$value - 1e-3)
  }
  # vectors of random effects, and nested ones
  for (random in c("(1 + x || g)", "(1 | g / h)")) {
    formula <- reformulate(c("x", "z", random), "y")
    more <- suppressMessages(glmm(formula, d, binomial("cauchit")))
    expect_gt(more$logLik, fit$logLik - 1e-3)
  }
})

test_that("a likelihood that rises far from zero without end is said so, and zero stays", {
  d <- rising_data()
  expect_snapshot(fit <- glmm(y ~ x + z + (1 | g), d, binomial("probit")))
  expect_identical(fit$theta[[1]], 0)
  at <- fit
  profile <- vapply(c(1, 5, 20), function(sd) {
    now <- brute_profile(at, sd, at$beta * sd)
    at$beta <<- now$beta / sd
    now$value
  }, 0)
  expect_lt(profile[1], fit$logLik - 0.1)
  expect_true(all(diff(profile) > 0.1))
  # by 15 nodes alone it would have a maximum at 7.9
  quiet <- function(...) suppressMessages(glmm(y ~ x + z + (1 | g), d, ...))
  for (nAGQ in c(1, 15)) {
    expect_warning(fit <- quiet(binomial("probit"), nAGQ = nAGQ),
      class = "margmix_warning_second_maximum"
    )
    expect_identical(fit$theta[[1]], 0)
  }
  expect_warning(quiet(binomial(), random_distribution = "bridge"),
    class = "margmix_warning_second_maximum"
  )
})

test_that("in small data no zero is below what plain sums find elsewhere, unless it is said", {
  zeros <- 0
  for (seed in 1:12) {
    set.seed(seed)
    g <- rep(1:4, each = 3)
    d <- data.frame(g, x = rnorm(12), y = rbinom(12, 1, plogis(rnorm(4, 0, 2)[g])))
    warned <- FALSE
    fit <- withCallingHandlers(
      suppressMessages(glmm(y ~ x + (1 | g), d, binomial(c("logit", "probit")[1 + seed %% 2]))),
      margmix_warning = function(w) {
        warned <<- TRUE
        invokeRestart("muffleWarning")
      }
    )
    if (fit$theta != 0 || warned) next
    zeros <- zeros + 1
    grid <- brute_profile(fit, 2, fit$beta)
    far <- brute_profile(fit, 8, grid$beta * 3)
    expect_lt(max(grid$value, far$value), fit$logLik + 1e-4)
  }
  expect_gt(zeros, 2)
})
