bridge_at <- function(u, sigma) effect_at_(list(law = new_law("bridge")), u, sigma)

# The density of Wang and Louis (2003), in plain R, and integrals over it.
bridge_density <- function(b, sigma) {
  phi <- 1 / sqrt(1 + 3 * sigma^2 / pi^2)
  sin(phi * pi) / (2 * pi * (cosh(phi * b) + cos(phi * pi)))
}

# The density has a sharp peak at 0 where sigma is small: panels that grow away from it, with 24
# points of Gauss-Legendre in each.
bridge_grid <- function(sigma, reach = 80) {
  edge <- c(0, 10^seq(-7, log10(reach), length.out = 90))
  edge <- c(-rev(edge[-1L]), edge)
  rule <- legendre_panels(1L, 24L)
  width <- diff(edge)
  b <- as.vector(edge[-length(edge)] + outer(width, rule$x))
  list(b = b, w = as.vector(outer(width, rule$w)) * bridge_density(b, sigma))
}

brute_bridge <- function(design, psi, of = function(b) 1) {
  p <- ncol(design$X)
  eta <- drop(design$X %*% psi[seq_len(p)]) + design$offset
  grid <- bridge_grid(psi[p + 1L])
  vapply(seq_along(design$levels), function(i) {
    rows <- seq(design$start[i] + 1L, design$start[i + 1L])
    joint <- colSums(brute_log_density(
      design, binomial(), rows, outer(eta[rows], grid$b, "+")
    ))
    c(log_sum(joint + log(grid$w)), sum(exp(joint - max(joint)) * grid$w * of(grid$b)) /
      sum(exp(joint - max(joint)) * grid$w))
  }, numeric(2L))
}

bridge_toy <- function(sigma, ...) {
  model <- toy_model(binomial(), 1L, ...)
  model$design <- random_part(model$design, new_law("bridge"))
  model$psi[length(model$psi)] <- sigma
  model
}
at_bridge <- function(model, K, deriv = 0L, psi = model$psi, ...) {
  engine_evaluate(model$design, binomial(), psi, K, deriv, ...)
}

bridge_fits <- new.env()
bridge_fit <- function(name) {
  if (is.null(bridge_fits[[name]])) {
    bridge_fits[[name]] <- suppressMessages(switch(name,
      toenail = glmm(severe ~ treatment * scheduled + (1 | patient), toenail, binomial(),
        random_distribution = "bridge"
      ),
      infection = glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection,
        binomial(), random_distribution = "bridge"
      ),
      zero = glmm(y ~ x + (1 | g),
        data.frame(y = rep(0:1, 30), x = sin(1:60), g = rep(1:10, each = 6)),
        binomial(), random_distribution = "bridge"
      )
    ))
  }
  bridge_fits[[name]]
}

test_that("b is the quantile function at the normal score, with its derivatives in sigma", {
  skip_if_not_installed("numDeriv")
  u <- c(-6, -2, -0.5, 0, 1, 3)
  for (sigma in c(0.05, 0.3, 1, 4, 20)) {
    q <- bridge_at(u, sigma)
    grid <- bridge_grid(sigma, reach = 2000)
    below <- vapply(q$b[2:5], function(b) {
      # closed form of Wang and Louis (2003)
      phi <- bridge_phi(sigma)
      1 - (pi / 2 - atan((exp(phi * b) + cos(phi * pi)) / sin(phi * pi))) / (pi * phi)
    }, 0)
    expect_equal(below, pnorm(u[2:5]), tolerance = 1e-9)
    expect_equal(sum(grid$w), 1, tolerance = 1e-10)
    expect_equal(sum(grid$w * grid$b^2), sigma^2, tolerance = 1e-8)
    J <- numDeriv::jacobian(function(s) bridge_at(u, s)$b, sigma)
    expect_equal(q$d1, drop(J), tolerance = 1e-7)
    J <- numDeriv::jacobian(function(s) bridge_at(u, s)$d1, sigma)
    expect_equal(q$d2, drop(J), tolerance = 1e-7)
  }
})

test_that("the likelihood agrees with brute-force integration", {
  for (sigma in c(0.03, 0.3, 1, 3, 8)) {
    model <- bridge_toy(sigma)
    constant <- at_bridge(model, 151)$value
    expect_equal(constant, sum(brute_bridge(model$design, model$psi)[1L, ]), tolerance = 1e-9)
    # shifted far from 0, so that some clusters sit in a tail of the density
    psi <- model$psi + c(4, 0, 0)
    expect_equal(at_bridge(model, 151, psi = psi)$value,
      sum(brute_bridge(model$design, psi)[1L, ]), tolerance = 1e-9
    )
  }
  fit <- bridge_fit("toenail")
  expect_equal(fit$logLik, sum(brute_bridge(fit$design, fit_psi(fit))[1L, ]), tolerance = 1e-10)
})

test_that("a cluster of many trials has a narrow range", {
  model <- bridge_toy(0.8)
  model$design$y <- row_response(model$design) * 40000
  model$design$trials <- row_trials(model$design) * 40000
  value <- at_bridge(model, 41)$value
  expect_equal(at_bridge(model, 83)$value, value, tolerance = 1e-12)
  # at the mode of cluster 2, by Laplace's approximation, which is exact in the limit
  design <- model$design
  rows <- 5:8
  eta <- drop(design$X %*% model$psi[1:2]) + design$offset
  h <- function(b) {
    sum(brute_log_density(design, binomial(), rows, eta[rows] + b)) + log(bridge_density(b, 0.8))
  }
  mode <- optimize(h, c(-6, 6), maximum = TRUE, tol = 1e-10)
  W <- row_weights(design)[rows] * row_trials(design)[rows] * dlogis(eta[rows] + mode$maximum)
  laplace <- mode$objective + log(2 * pi / sum(W)) / 2
  one <- design
  for (name in c("y", "trials", "weights", "offset")) one[[name]] <- design[[name]][rows]
  one$X <- design$X[rows, ]
  one$Z <- design$Z[rows, , drop = FALSE]
  one$start <- c(0L, 4L)
  one$levels <- "2"
  expect_equal(engine_evaluate(one, binomial(), model$psi, 63)$value, laplace, tolerance = 1e-6)
})

test_that("gradient and Hessian agree with Richardson differences", {
  skip_if_not_installed("numDeriv")
  for (sigma in c(0.05, 0.6, 2.5)) {
    model <- bridge_toy(sigma)
    exact <- at_bridge(model, 101, 2L, scores = TRUE, information = TRUE)
    value <- function(psi) at_bridge(model, 101, psi = psi)$value
    expect_equal(exact$gradient, numDeriv::grad(value, model$psi), tolerance = 1e-7)
    J <- numDeriv::jacobian(function(psi) at_bridge(model, 101, 1L, psi)$gradient, model$psi)
    expect_equal(exact$hessian, J, tolerance = 1e-7)
    expect_equal(colSums(exact$scores), exact$gradient, tolerance = 1e-12)
    expect_equal(matrix(rowSums(exact$information), 2), -exact$hessian[1:2, 1:2],
      tolerance = 1e-12
    )
  }
})

test_that("at zero variance the value is that of the GLM and the curvature is the limit", {
  model <- bridge_toy(0)
  exact <- at_bridge(model, 151, 2L)
  glm <- sum(brute_log_density(
    model$design, binomial(), 1:20,
    drop(design_X(model$design) %*% model$psi[1:2]) + row_offset(model$design)
  ))
  expect_equal(exact$value, glm, tolerance = 1e-12)
  expect_identical(exact$gradient[3L], 0)
  # from the brute-force value: log L is analytic in sigma^2
  rise <- function(s) {
    (sum(brute_bridge(model$design, c(model$psi[1:2], s))[1L, ]) - glm) / s^2
  }
  expect_equal(exact$hessian[3L, 3L], 2 * (4 * rise(0.05) - rise(0.1)) / 3, tolerance = 1e-4)
})

test_that("a zero variance is an answer with a note", {
  data <- data.frame(y = rep(0:1, 30), x = sin(1:60), g = rep(1:10, each = 6))
  expect_message(
    fit <- glmm(y ~ x + (1 | g), data, binomial(), random_distribution = "bridge"),
    class = "margmix_note_boundary"
  )
  glm <- glm(y ~ x, binomial(), data)
  expect_equal(as.numeric(logLik(fit)), as.numeric(logLik(glm)))
  expect_equal(coef(fit), coef(glm), tolerance = 1e-6)
  expect_identical(fit$theta[[1L]], 0)
  expect_equal(coef(marginal_coefficients(fit)), coef(fit))
  expect_true(all(ranef(fit)[[1L]] == 0))
  expect_true(all(is.finite(predict(fit, se.fit = TRUE)$se.fit)))
})

test_that("fits converge, in any rule fine enough to one result", {
  fit <- bridge_fit("toenail")
  expect_true(fit$convergence$converged)
  expect_identical(fit$rule$method, "trapezoid")
  finer <- update(fit, nAGQ = 255)
  expect_equal(fit$logLik, finer$logLik, tolerance = 1e-10)
  expect_equal(coef(fit), coef(finer), tolerance = 1e-6)
})

test_that("threads and the order of rows change nothing", {
  model <- bridge_toy(1.3, m = 40L)
  one <- at_bridge(model, 63, 2L)
  two <- at_bridge(model, 63, 2L, control = glmm_control(threads = 2))
  expect_identical(one, two)
  fit <- bridge_fit("infection")
  other <- update(fit, data = infection[16:1, ])
  expect_equal(coef(other), coef(fit), tolerance = 1e-8)
  expect_equal(other$logLik, fit$logLik, tolerance = 1e-12)
})

test_that("standardized risks are those of the logistic marginal model", {
  fit <- bridge_fit("infection")
  eta <- coef(fit)[[1L]] + c(0, coef(fit)[[2L]])
  means <- as.data.frame(marginal_standardization(fit, "treatment"), what = "means")
  expect_equal(means$estimate, plogis(bridge_phi(fit$theta[[1L]]) * eta), tolerance = 1e-10)
})

test_that("the population mean is logistic with phi times the coefficients", {
  fit <- bridge_fit("toenail")
  sigma <- fit$theta[[1L]]
  grid <- bridge_grid(sigma, 400)
  eta <- c(-3, 0.4, 2)
  m <- vapply(eta, function(e) sum(grid$w * plogis(e + grid$b)), 0)
  expect_equal(engine_population_mean(eta, sigma, population_law(fit))$mean, m, tolerance = 1e-9)
  expect_equal(m, plogis(bridge_phi(sigma) * eta), tolerance = 1e-9)
  gamma <- marginal_coefficients(fit)
  expect_equal(coef(gamma), bridge_phi(sigma) * coef(fit), tolerance = 1e-14)
  expect_equal(
    projected_regression(fit, rep(sigma, row_count(fit$design)))$jacobian, gamma$jacobian,
    tolerance = 1e-8, ignore_attr = TRUE
  )
})

test_that("a GEE of many simulated clusters finds the marginal coefficients", {
  set.seed(11)
  m <- 6000
  data <- data.frame(id = rep(seq_len(m), each = 5), x = rnorm(5 * m), z = rbinom(5 * m, 1, 0.4))
  b <- engine_effect_at(new_law("bridge"), rnorm(m), 2)
  data$y <- rbinom(5 * m, 1, plogis(-0.5 + 0.8 * data$x - 1.2 * data$z + b[data$id]))
  marginal <- gee(y ~ x + z, data, id = id, family = binomial())
  truth <- bridge_phi(2) * c(-0.5, 0.8, -1.2)
  fit <- glmm(y ~ x + z + (1 | id), data, binomial(), random_distribution = "bridge")
  implied <- marginal_coefficients(fit)
  se <- sqrt(diag(vcov(implied)))
  expect_true(all(abs(coef(implied) - truth) < 3.5 * se))
  expect_true(all(abs(coef(marginal) - truth) < 3.5 * se))
  expect_equal(unname(coef(implied)), unname(coef(marginal)), tolerance = 0.05)
})

test_that("posterior mode, mean, median and variance agree with brute force", {
  fit <- bridge_fit("infection")
  psi <- fit_psi(fit)
  mean <- ranef(fit, "mean")[[1L]]
  expect_equal(mean[, 1L], brute_bridge(fit$design, psi, identity)[2L, ], tolerance = 1e-8)
  second <- brute_bridge(fit$design, psi, function(b) b^2)[2L, ]
  expect_equal(as.vector(attr(mean, "postVar")), second - mean[, 1L]^2, tolerance = 1e-7)
  median <- ranef(fit, "median")[[1L]][, 1L]
  half <- vapply(seq_along(median), function(i) {
    brute_bridge(fit$design, psi, function(b) b < median[i])[2L, i]
  }, 0)
  expect_equal(half, rep(0.5, 8), tolerance = 0.02) # the panels of the grid are not cut there
  h <- function(b, cluster) {
    d <- fit$design
    rows <- seq(d$start[cluster] + 1L, d$start[cluster + 1L])
    eta <- drop(d$X %*% fit$beta)[rows] + b
    sum(brute_log_density(d, binomial(), rows, eta)) + log(bridge_density(b, fit$theta[[1L]]))
  }
  mode <- vapply(1:8, function(i) {
    optimize(h, c(-8, 8), cluster = i, maximum = TRUE, tol = 1e-9)$maximum
  }, 0)
  expect_equal(ranef(fit)[[1L]][, 1L], mode, tolerance = 1e-6)
})

test_that("standard errors of predictions follow the derivative of the mode", {
  skip_if_not_installed("numDeriv")
  fit <- bridge_fit("infection")
  mode <- function(psi) {
    drop(
      engine_moments(fit$design, fit$family, psi, 101, NULL, FALSE, fit$control)[[1L]]$mode
    )
  }
  J <- numDeriv::jacobian(mode, fit_psi(fit))
  variance <- attr(ranef(fit)[[1L]], "postVar")[1L, 1L, ]
  d <- cbind(design_X(fit$design), 0) + J[rep(1:8, rows_per_cluster(fit$design)), ]
  se <- sqrt(rowSums((d %*% fit$vcov_full) * d) + rep(variance, rows_per_cluster(fit$design)))
  expect_equal(predict(fit, se.fit = TRUE)$se.fit, caller_order(se, fit$design),
    tolerance = 1e-6, ignore_attr = TRUE
  )
})

test_that("second moments of the means are the integrals", {
  skip_if_not_installed("numDeriv")
  fit <- bridge_fit("toenail")
  law <- population_law(fit)
  for (sigma in c(0.2, 1.5, fit$theta[[1L]])) {
    grid <- bridge_grid(sigma, 400)
    eta <- c(-2, 0.3, 1)
    mu <- plogis(outer(eta, grid$b, "+"))
    m <- drop(mu %*% grid$w)
    expected <- (mu - m) %*% (grid$w * t(mu - m))
    found <- engine_between_covariance(eta, matrix(sigma^2, 3, 3), law)
    expect_equal(found, expected, tolerance = 1e-8)
    B <- engine_between_variance(eta, sigma, law)
    expect_equal(B$value, diag(expected), tolerance = 1e-8)
    d <- numDeriv::jacobian(function(s) engine_between_variance(eta, s, law)$value, sigma)
    expect_equal(B$d_s, drop(d), tolerance = 1e-7)
  }
})

test_that("simulated intercepts have the distribution", {
  fit <- bridge_fit("toenail")
  set.seed(3)
  b <- fit$theta[[1L]] * effects_of_draws(fit$design, fit, rnorm(20000))
  expect_equal(sd(b), fit$theta[[1L]], tolerance = 0.03)
  expect_identical(dim(simulate(fit, 2, seed = 1)), c(1908L, 2L))
  r <- residuals(fit, "quantile", random_effects = "integrate", seed = 1)
  expect_equal(var(r), 1, tolerance = 0.1)
})

test_that("covariances, profile and comparison work as for normal random effects", {
  fit <- bridge_fit("infection")
  expect_true(all(diag(vcov(fit, "KC")) > 0))
  limits <- confint(fit, "sd_", method = "profile")
  expect_true(limits[1L] < fit$theta && fit$theta < limits[2L])
  smaller <- update(fit, . ~ . - treatment)
  expect_equal(anova(smaller, fit)$Chisq[2L], 2 * (fit$logLik - smaller$logLik))
  normal <- update(fit, random_distribution = "normal")
  expect_error(anova(normal, fit), class = "margmix_error_anova_random_distribution")
  expect_identical(AIC(normal, fit)$df, c(3, 3))
})

test_that("what the bridge distribution is not made for is refused", {
  expect_snapshot(error = TRUE, {
    glmm(severe ~ scheduled + (1 | patient), toenail, binomial(), random_distribution = "t")
    glmm(severe ~ scheduled + (1 | patient), toenail, binomial("probit"),
      random_distribution = "bridge"
    )
    glmm(severe ~ scheduled + (scheduled | patient), toenail, binomial(),
      random_distribution = "bridge"
    )
    glmm(severe ~ scheduled + (1 | patient), toenail, binomial(), random_distribution = "bridge",
      nAGQ = 1
    )
    residuals(bridge_fit("infection"), "quantile", random_effects = "integrate")
    anova(update(bridge_fit("infection"), random_distribution = "normal"), bridge_fit("infection"))
  })
})

test_that("print says which distribution", {
  expect_snapshot({
    bridge_fit("infection")
    marginal_coefficients(bridge_fit("infection"))
  }, transform = without_convergence)
})
