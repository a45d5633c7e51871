# Where the joint search for coefficients and correlations has no end of its own: uneven times, no
# joint solution, moments that form no correlation matrix.

# AR(1) with uneven times -------------------------------------------------------------------------

markov <- function(times, m, rho, seed) {
  set.seed(seed)
  d <- expand.grid(t = times, id = seq_len(m))
  L <- t(chol(rho^abs(outer(times, times, "-"))))
  d$y <- 1 + as.vector(L %*% matrix(rnorm(length(times) * m), length(times)))
  d
}

# rho over time 1 with the least sum of squares of kappa e_j e_k / phi - rho^(t_k - t_j), over rows
# that follow each other, by a search over a grid of log(-log(rho)).
least_squares_rho <- function(fit, d) {
  e <- d$y - fitted(fit)
  next_to <- which(diff(d$id) == 0)
  n <- length(next_to)
  z <- e[next_to] * e[next_to + 1L] / fit$phi * n / (n - length(coef(fit)))
  gap <- diff(d$t)[next_to]
  squares <- function(s) sum((z - exp(-exp(s) * gap))^2)
  grid <- seq(-9, 4, 0.05)
  best <- grid[which.min(vapply(grid, squares, 0))]
  exp(-exp(optimize(squares, best + c(-0.05, 0.05), tol = 1e-10)$minimum))
}

test_that("AR(1) with uneven times is least squares, and finds the truth", {
  schedules <- list(c(0, 1, 3, 6, 12), c(0, 2, 3, 10), c(0, 0.5, 1, 3, 6), c(0, 1, 30, 60, 90))
  truth <- c(0.5, 0.5, 0.5, 0.99)
  for (k in seq_along(schedules)) {
    rho <- vapply(1:16, function(seed) {
      d <- markov(schedules[[k]], 40, truth[k], seed)
      expect_no_message(fit <- gee(y ~ 1, d, id, waves = t, corstr = "ar1"))
      expect_equal(fit$alpha[["rho"]], least_squares_rho(fit, d), tolerance = 1e-6)
      fit$alpha[["rho"]]
    }, 0)
    expect_lt(abs(mean(rho) - truth[k]), 3 * sd(rho) / 4)
  }
})

test_that("it is near the likelihood estimate of nlme", {
  d <- markov(c(0, 1, 3, 6, 12), 400, 0.5, 1)
  rho <- gee(y ~ 1, d, id, waves = t, corstr = "ar1")$alpha[["rho"]]
  ml <- nlme::gls(y ~ 1, d, correlation = nlme::corCAR1(0.3, form = ~ t | id))
  expect_lt(abs(rho - coef(ml$modelStruct$corStruct, unconstrained = FALSE)), 0.05)
})

test_that("rho can be negative where gaps are whole numbers, 1 among them", {
  times <- c(0, 1, 3, 6, 12)
  d <- markov(times, 200, 0, 1)
  R <- (-0.5)^abs(outer(times, times, "-"))
  d$y <- as.vector(t(chol(R)) %*% matrix(d$y - 1, 5))
  expect_no_message(fit <- gee(y ~ 1, d, id, waves = t, corstr = "ar1"))
  expect_lt(abs(fit$alpha[["rho"]] + 0.5), 0.15)
  expect_message(half <- gee(y ~ 1, transform(d, t = t / 2), id, waves = t, corstr = "ar1"),
    class = "margmix_note_boundary"
  )
  expect_identical(half$alpha[["rho"]], 0)
})

test_that("waves 0, 2, 4: rho is over time 1, lags are of 2", {
  d <- markov(c(0, 2, 4), 60, 0.7, 3)
  # no coefficients: moments of e themselves, phi = mean(e^2)
  e <- matrix(d$y - 1, 3)
  lag_1 <- mean(e[1:2, ] * e[2:3, ]) / mean(e^2)
  lag_2 <- mean(e[1, ] * e[3, ]) / mean(e^2)
  fit <- function(corstr, waves = d$t) gee(I(y - 1) ~ 0, d, id, waves, corstr = corstr)
  expect_equal(fit("ar1")$alpha, c(rho = sqrt(lag_1)), tolerance = 1e-10)
  expect_equal(fit(cor_mdependent(1))$alpha, c(`lag 1` = lag_1), tolerance = 1e-10)
  expect_equal(fit("toeplitz")$alpha, c(`lag 1` = lag_1, `lag 2` = lag_2), tolerance = 1e-10)
  expect_output(print(fit("ar1")), "AR(1), correlation over time 1, rho = ", fixed = TRUE)
  expect_output(print(summary(fit("toeplitz"))), "(Toeplitz, lags of 2)", fixed = TRUE)
  expect_output(print(fit("ar1", d$t / 2)), "AR(1), rho = ", fixed = TRUE)
  expect_equal(fit("ar1", d$t / 2)$alpha, c(rho = lag_1), tolerance = 1e-10)
})

# A fixed scale -----------------------------------------------------------------------------------

test_that("a fixed scale is not the scale of the correlations", {
  fit_with <- function(scale, corstr = "exchangeable", method = "default") {
    gee(seizures ~ treatment + log(base), epilepsy, subject, period, family = poisson(),
      corstr = corstr, scale = scale, control = gee_control(method)
    )
  }
  for (method in c("default", "sas", "stata")) {
    for (corstr in c("exchangeable", "ar1", "unstructured")) {
      free <- fit_with(NULL, corstr, method)
      fixed <- fit_with(1, corstr, method)
      expect_gt(free$phi, 4)
      expect_equal(fixed$alpha, free$alpha, tolerance = 1e-6)
      expect_equal(vcov(fixed, "model") * free$phi, vcov(free, "model"), tolerance = 1e-6)
      expect_equal(
        summary(fixed)$correlation$std.error, summary(free)$correlation$std.error, tolerance = 1e-4
      )
    }
  }
  # geepack divides by the scale of its start, a glm()
  start <- glm(seizures ~ treatment + log(base), poisson(), epilepsy)
  scale <- mean(residuals(start, "pearson")^2)
  expect_equal(
    fit_with(1, "ar1", "geepack")$alpha, fit_with(scale, "ar1", "geepack")$alpha, tolerance = 1e-10
  )
})

# No joint solution -------------------------------------------------------------------------------

clustered_counts <- function(seed) {
  set.seed(seed)
  n <- pmax(4, rnbinom(10, size = 4, mu = 20))
  g <- rep(1:10, n)
  d <- data.frame(g = g, x = rnorm(length(g)), b = rep(0:1, length.out = 10)[g], z = rnorm(10)[g])
  mean <- exp(-0.5 + rnorm(10, sd = 0.7)[g] + rnorm(10, sd = 0.5)[g] * d$x)
  d$y <- rpois(nrow(d), mean)
  d
}

# The moment estimate of an exchangeable correlation at the means mu.
exchangeable_moment <- function(d, mu, p = 4) {
  e <- (d$y - mu) / sqrt(mu)
  sizes <- table(d$g)
  pairs <- sum(sizes * (sizes - 1) / 2)
  products <- sum(tapply(e, d$g, sum)^2 - tapply(e^2, d$g, sum)) / 2
  products / (pairs - p) / (sum(e^2) / (length(e) - p))
}

score_given <- function(fit, d, alpha) {
  X <- model.matrix(fit)
  mu <- exp(drop(X %*% coef(fit)))
  Reduce(`+`, lapply(split(seq_len(nrow(d)), d$g), function(j) {
    root <- sqrt(mu[j])
    V <- outer(root, root) * (alpha + (1 - alpha) * diag(length(j)))
    crossprod(mu[j] * X[j, ], solve(V, d$y[j] - mu[j]))
  }))
}

test_that("without a joint solution the correlation is that of independent rows' residuals", {
  two_step <- 0L
  for (seed in c(1:30, 53, 61, 67, 83)) {
    d <- clustered_counts(seed)
    fit <- suppressMessages(
      gee(y ~ x + b + z, d, g, family = poisson(), corstr = "exchangeable")
    )
    expect_true(fit$convergence$converged)
    expect_lt(max(abs(score_given(fit, d, fit$alpha))), 1e-4)
    start <- glm(y ~ x + b + z, poisson(), d)
    # never a run-away
    expect_lt(max(abs(coef(fit) - coef(start))), 10)
    if (fit$convergence$two_step) {
      two_step <- two_step + 1L
      # or half, a quarter, ... of it where it has no solution
      share <- fit$alpha[["alpha"]] / exchangeable_moment(d, fitted(start))
      expect_lt(min(abs(share - 2^-(0:3))), 1e-6)
      expect_gt(exchangeable_moment(d, fitted(fit)), fit$alpha)
    } else {
      expect_equal(fit$alpha[["alpha"]], max(0, exchangeable_moment(d, fitted(fit))),
        tolerance = 1e-6
      )
    }
  }
  expect_gt(two_step, 2L)
})

test_that("the note says so, and there is no joint solution indeed", {
  d <- clustered_counts(61)
  expect_snapshot(
    fit <- gee(y ~ x + b + z, d, g, family = poisson(), corstr = "exchangeable")
  )
  summary <- suppressWarnings(summary(fit), "margmix_warning_few_clusters")
  expect_output(print(summary), "Converged (coefficients, given the correlation)", fixed = TRUE)
  expect_identical(summary$correlation$std.error, NA_real_)
  start <- coef(glm(y ~ x + b + z, poisson(), d))
  largest <- max(table(d$g))
  for (alpha in seq(0, 0.7, 0.1)) {
    R <- alpha + (1 - alpha) * diag(largest)
    given <- gee(y ~ x + b + z, d, g, family = poisson(), corstr = cor_fixed(R), start = start)
    expect_gt(exchangeable_moment(d, fitted(given)), alpha + 0.05)
    start <- coef(given)
  }
})

test_that("a run-away with a fixed correlation is not called converged", {
  d <- clustered_counts(53)
  largest <- max(table(d$g))
  given <- function(alpha) {
    suppressWarnings(gee(y ~ x + b + z, d, g, family = poisson(),
      corstr = cor_fixed(alpha + (1 - alpha) * diag(largest))
    ))
  }
  expect_true(given(0.15)$convergence$converged)
  away <- tryCatch(given(0.25)$convergence$converged, margmix_error_gee_failed = function(e) FALSE)
  expect_false(away)
})

# Moments that form no correlation matrix ---------------------------------------------------------

# Products over roots of sums of squares: correlations around 0.
cor_of_residuals <- function(E) stats::cov2cor(tcrossprod(E))

test_that("correlations near 1 of visits that vary in variance stay near 1", {
  skip_if_not_installed("MASS")
  d <- MASS::Sitka89[order(MASS::Sitka89$tree, MASS::Sitka89$Time), ]
  expect_snapshot(fit <- gee(size ~ Time * treat, d, tree, Time, corstr = "unstructured"))
  ols <- lm(size ~ Time * treat, d)
  own <- cor_of_residuals(matrix(resid(ols), 8))
  pooled <- tcrossprod(matrix(resid(ols), 8)) / 75 / sigma(ols)^2
  diag(pooled) <- 1
  expect_lt(min(eigen(pooled)$values), -0.1)
  shrink <- 0.99 / (1 - min(eigen(own)$values))
  expect_equal(unname(fit$alpha), shrink * own[upper.tri(own)], tolerance = 1e-7)
  expect_gt(min(fit$alpha), 0.89)
  # generalized least squares with that matrix
  R <- shrink * own + (1 - shrink) * diag(8)
  gls <- gee(size ~ Time * treat, d, tree, Time, corstr = cor_fixed(R))
  expect_equal(coef(fit), coef(gls), tolerance = 1e-8)
})

test_that("a method named after other software gives its estimate or an error", {
  skip_if_not_installed("MASS")
  for (method in c("sas", "geepack", "stata")) {
    control <- gee_control(method)
    expect_error(
      gee(size ~ Time * treat, MASS::Sitka89, tree, Time, corstr = "unstructured",
        control = control
      ),
      class = "margmix_error_correlation"
    )
  }
  expect_snapshot(error = TRUE, gee(size ~ Time * treat, MASS::Sitka89, tree, Time,
    corstr = "unstructured", control = control
  ))
})

test_that("nearly singular moments that are a matrix stay as they are", {
  set.seed(8)
  L <- t(chol(0.98^abs(outer(1:4, 1:4, "-"))))
  d <- expand.grid(t = 1:4, id = 1:300)
  d$y <- as.vector(L %*% matrix(rnorm(1200), 4))
  # equal sums of squares at each visit, so that one scale for all rows is that of each visit
  d$y <- d$y / sqrt(ave(d$y^2, d$t))
  E <- matrix(d$y, 4)
  expect_silent(fit <- gee(y ~ 0, d, id, t, corstr = "unstructured"))
  R <- cor_of_residuals(E)
  expect_lt(min(eigen(R)$values), 0.02)
  expect_equal(unname(fit$alpha), R[upper.tri(R)], tolerance = 1e-8)
})
