# The distribution of the random effects given the responses, against plain integration.

# A fit as far as the functions of the posterior look at it.
fit_at <- function(model, family, K) {
  p <- fixed_count(model$design)
  t <- theta_count(model$design)
  modes <- toy_engine(model, family, K)$modes
  list(
    design = model$design, family = family, control = glmm_control(), modes = modes,
    beta = model$psi[seq_len(p)], theta = model$psi[p + seq_len(t)],
    phi = if (family$family == "gaussian") exp(model$psi[p + t + 1L]), rule = list(K = K),
    Lambda = brute_parts(model, family)$Lambda
  )
}

# Mean, covariance and medians of b = Lambda u given y_i, on a grid of u.
brute_posterior <- function(model, family, i, grid) {
  joint <- brute_joint(model, family, i, grid$u)
  weight <- exp(joint - log_sum(joint))
  b <- grid$u %*% t(brute_parts(model, family)$Lambda)
  mean <- colSums(weight * b)
  centred <- sweep(b, 2L, mean)
  list(mean = mean, var = crossprod(centred, weight * centred))
}

# P(b_r <= x | y_i): sums of a smooth density up to a point inside its range converge slowly, so
# the distribution function is integrated by R itself. q = 1.
brute_cdf <- function(model, family, i, x) {
  sd <- brute_parts(model, family)$Lambda[1, 1]
  grid <- brute_grid(1L)
  total <- log_sum(brute_joint(model, family, i, grid$u)) + log(grid$volume)
  density <- function(u) exp(brute_joint(model, family, i, matrix(u)) - total)
  integrate(density, -12, x / sd, rel.tol = 1e-11, subdivisions = 2000L)$value
}

test_that("mean, SD and median of a random intercept", {
  for (name in c(smooth_families, "binomial-cauchit", "gaussian-log")) {
    family <- all_families()[[name]]
    model <- toy_model(family, 1L, m = 3L, sd = 0.7, seed = 31)
    found <- engine_posterior(fit_at(model, family, 61L), median = TRUE)[[1L]]
    for (i in 1:3) {
      exact <- brute_posterior(model, family, i, brute_grid(1L))
      expect_lt(abs(found$mean[i] - exact$mean), 1e-6, label = paste("mean", name))
      expect_lt(abs(sqrt(found$var[i]) - sqrt(exact$var)), 1e-6, label = paste("SD", name))
      # error of the median = error of its probability / density
      tail <- brute_cdf(model, family, i, found$median[i]) - 0.5
      density <- dnorm(0) / sqrt(exact$var)
      expect_lt(abs(tail) / density, 1e-6, label = paste("median", name))
    }
  }
})

test_that("mean and SD of two correlated random effects", {
  for (name in smooth_families) {
    family <- all_families()[[name]]
    model <- toy_model(family, 2L, m = 3L, sd = 0.7, seed = 32)
    found <- engine_posterior(fit_at(model, family, 25L))[[1L]]
    for (i in 1:3) {
      exact <- brute_posterior(model, family, i, brute_grid(2L))
      expect_lt(max(abs(found$mean[i, ] - exact$mean)), 1e-6, label = name)
      expect_lt(max(abs(found$var[, , i] - exact$var)), 1e-6, label = name)
    }
  }
})

test_that("medians of two correlated random effects", {
  # The first effect is lambda_11 u_1: its density in u_1 is a sum over u_2, its distribution
  # function an integral over panels. For the second one the roles of the effects are exchanged.
  family <- binomial()
  model <- toy_model(family, 2L, m = 2L, sd = 0.7, seed = 33)
  Lambda <- brute_parts(model, family)$Lambda
  swapped <- model
  swapped$design$Z <- design_Z(model$design)[, 2:1]
  swap <- t(chol(tcrossprod(Lambda)[2:1, 2:1]))
  swapped$psi[3:5] <- swap[lower.tri(swap, diag = TRUE)]
  found <- engine_posterior(fit_at(model, family, 25L), median = TRUE)[[1L]]$median
  line <- seq(-9, 9, by = 1 / 12)
  mass <- function(model, i, from, to) {
    panels <- legendre_panels(40L)
    sum(vapply(seq_along(panels$x), function(k) {
      u <- from + (to - from) * panels$x[k]
      (to - from) * panels$w[k] * sum(exp(brute_joint(model, family, i, cbind(u, line)))) / 12
    }, 0))
  }
  for (i in 1:2) {
    for (r in 1:2) {
      this <- if (r == 1L) model else swapped
      u <- found[i, r] / brute_parts(this, family)$Lambda[1, 1]
      below <- mass(this, i, -9, u)
      above <- mass(this, i, u, 9)
      expect_lt(abs(below / (below + above) - 0.5), 2e-7)
    }
  }
})

test_that("the posterior of a Gaussian response is normal and known", {
  model <- toy_model(gaussian(), 2L, m = 3L, seed = 34)
  fit <- fit_at(model, gaussian(), 5L)
  found <- engine_posterior(fit, median = TRUE)[[1L]]
  parts <- brute_parts(model, gaussian())
  d <- model$design
  for (i in 1:3) {
    rows <- seq(d$start[i] + 1L, d$start[i + 1L])
    Z <- d$Z[rows, ]
    prior <- tcrossprod(parts$Lambda)
    V <- Z %*% prior %*% t(Z) + diag(parts$phi / row_weights(d)[rows])
    gain <- prior %*% t(Z) %*% solve(V)
    mean <- drop(gain %*% (d$y[rows] - parts$eta0[rows]))
    expect_equal(unname(found$mean[i, ]), mean, tolerance = 1e-10)
    expect_equal(unname(found$mode[i, ]), mean, tolerance = 1e-10)
    expect_equal(unname(found$median[i, ]), mean, tolerance = 1e-8)
    expect_equal(unname(found$var[, , i]), prior - gain %*% Z %*% prior, tolerance = 1e-10)
    expect_equal(engine_mode_variance(fit)[[1L]][, , i], prior - gain %*% Z %*% prior,
      tolerance = 1e-10
    )
  }
})

test_that("conditional variances at the mode are inverse curvatures", {
  skip_if_not_installed("numDeriv")
  for (name in c("binomial-probit", "poisson-log", "gaussian-log")) {
    family <- all_families()[[name]]
    model <- toy_model(family, 2L, m = 2L, sd = 0.6, seed = 35)
    fit <- fit_at(model, family, 1L)
    found <- engine_mode_variance(fit)[[1L]]
    for (i in 1:2) {
      h <- function(t) brute_joint(model, family, i, t(fit$modes[i, ] + t - 1))
      curvature <- -numDeriv::hessian(h, c(1, 1))
      exact <- fit$Lambda %*% solve(curvature) %*% t(fit$Lambda)
      expect_equal(found[, , i], exact, tolerance = 1e-7)
    }
  }
})

test_that("a random effect without variance is zero", {
  model <- toy_model(binomial(), 2L, m = 3L, seed = 36)
  model$psi[3:5] <- c(0.8, 0, 0)
  found <- engine_posterior(fit_at(model, binomial(), 15L), median = TRUE)[[1L]]
  expect_identical(unname(found$mean[, 2]), numeric(3))
  expect_identical(unname(found$median[, 2]), numeric(3))
  expect_identical(found$var[2, 2, ], numeric(3))
  expect_true(all(found$var[1, 1, ] > 0))
})

test_that("a cluster whose responses are all equal has a skewed posterior", {
  # mode nearer to zero than the median, the median than the mean
  d <- data.frame(id = rep(1:30, each = 4))
  set.seed(37)
  d$y <- rbinom(120, 1, plogis(rep(rnorm(30, sd = 2), each = 4)))
  fit <- glmm(y ~ 1 + (1 | id), d, binomial(), nAGQ = 25)
  all_one <- which(tapply(d$y, d$id, sum) == 4)
  skip_if(!length(all_one))
  at <- function(type) ranef(fit, type = type)$id[all_one[1], 1]
  expect_true(0 < at("mode") && at("mode") < at("median") && at("median") < at("mean"))
})

test_that("posterior means of all clusters average to zero in a model with an intercept", {
  # E over clusters of E[b | y] is E[b] = 0, in the score equation of a Gaussian model exactly
  set.seed(38)
  d <- data.frame(id = rep(1:12, each = 5), x = rnorm(60))
  d$y <- 1 + d$x + rnorm(12)[d$id] + rnorm(60)
  b <- ranef(glmm(y ~ x + (1 | id), d), type = "mean")$id[[1]]
  expect_lt(abs(sum(b)), 1e-6)
})
