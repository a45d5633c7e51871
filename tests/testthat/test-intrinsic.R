# Random walks and areas of two parts: against dense algebra with the generalized inverse of their
# precision, by its eigenvalues, and against the same model as a smooth.

walk_covariance <- function(time, order) {
  if (order == 2L) time <- seq(min(time), max(time))
  D <- diff(diag(length(time)), differences = order)
  if (order == 1L) D <- D / sqrt(diff(time))
  generalized_inverse(structure(crossprod(D), dimnames = list(time, time)))
}

walk_data <- local({
  set.seed(1)
  d <- data.frame(t = rep(c(1, 2, 3, 5, 6, 9, 10, 11, 14), each = 4))
  d$x <- rnorm(36)
  eta <- 0.8 + 0.3 * d$x + sin(d$t / 2)
  d$y <- rpois(36, exp(eta))
  d$z <- eta + rnorm(36, 0, 0.4)
  d
})

walk_formulas <- list(~ x + rw1(t + 0 | 1), ~ x + t + rw2(t + 0 | 1))

walk_formula <- function(order, response) {
  formula <- walk_formulas[[order]]
  stats::reformulate(deparse(formula[[2L]]), response, env = environment())
}

map_data <- local({
  set.seed(3)
  names <- paste0("a", 1:20)
  W <- matrix(0, 20, 20, dimnames = list(names, names))
  edge <- function(i, j) W[cbind(c(i, j), c(j, i))] <<- 1
  edge(1:11, 2:12)
  edge(c(1, 4, 7), c(6, 9, 12))
  edge(13:17, 14:18)
  d <- data.frame(area = rep(names, 3), x = rnorm(60))
  b <- rep(c(sin(1:12 / 2), cos(1:8)), 3)
  d$y <- rpois(60, exp(1.2 + 0.3 * d$x + 0.7 * b + rep(rnorm(20, 0, 0.6), 3)))
  d$z <- 1 + 0.3 * d$x + b + rep(rnorm(20, 0, 1), 3) + rnorm(60, 0, 0.5)
  list(d = d, W = W)
})

map_covariance <- function(phi) areas_covariance(map_data$W, list(1:12, 13:18), phi)

# Gradient of the engine at psi, and differences of a dense function there.
expect_gradient <- function(fit, value, psi, tolerance = 1e-7) {
  at <- moved_fit(fit, psi)
  found <- engine_evaluate(at$design, at$family, psi, 1L, 1L, NULL, at$control)
  expect_equal(found$value, value(at), tolerance = 1e-10)
  expect_lt(max(abs(found$gradient - dense_slope(at, value))), tolerance)
}

test_that("random walks have the likelihood of the generalized inverse, with gaps", {
  for (order in 1:2) {
    K <- list(walk_covariance(unique(walk_data$t), order))
    names(K) <- paste0("rw", order, "(t)")
    fit <- glmm(walk_formula(order, "y"), walk_data, poisson())
    expect_true(fit$convergence$converged)
    value <- function(fit) dense_laplace_loglik(fit, K)
    expect_equal(fit$logLik, value(fit), tolerance = 1e-10)
    psi <- unname(fit_psi(fit))
    expect_gradient(fit, value, psi + 0.1)
    for (REML in c(FALSE, TRUE)) {
      linear <- glmm(walk_formula(order, "z"), walk_data, REML = REML)
      value <- function(fit) dense_linear_loglik(fit, K, REML)
      expect_equal(linear$logLik, value(linear), tolerance = 1e-10)
      expect_lt(max(abs(dense_slope(linear, value)[-seq_along(linear$beta)])), 1e-5)
    }
  }
})

test_that("a random walk is the smooth of its Markov random field", {
  skip_if_not_installed("mgcv")
  d <- walk_data
  d$time <- factor(d$t)
  D <- diff(diag(9)) / sqrt(diff(unique(d$t)))
  Q <- structure(crossprod(D), dimnames = list(levels(d$time), levels(d$time)))
  for (response in c("y", "z")) {
    family <- if (response == "y") poisson() else gaussian()
    walk <- glmm(walk_formula(1L, response), d, family)
    smooth <- glmm(
      stats::reformulate(c("x", "s(time, bs = \"mrf\", xt = list(penalty = Q))"), response,
        env = environment()
      ), d, family
    )
    expect_equal(walk$logLik, smooth$logLik, tolerance = 1e-9)
    expect_equal(coef(walk)[["x"]], coef(smooth)[["x"]], tolerance = 1e-5)
  }
})

test_that("effects and predictions at other times are those given the data", {
  d <- walk_data
  new <- c(4, 13, 16, 20)
  for (order in 1:2) {
    fit <- glmm(walk_formula(order, "z"), d, REML = TRUE)
    # contrasts know nothing of the constraint: of all times, with the fixed effects' space
    times <- if (order == 1L) sort(unique(c(d$t, new))) else 1:20
    D <- diff(diag(length(times)), differences = order)
    if (order == 1L) D <- D / sqrt(diff(times))
    K <- fit$theta[[1L]]^2 * generalized_inverse(crossprod(D))
    at <- match(d$t, times)
    V <- K[at, at] + diag(fit$phi, nrow(d))
    X <- function(x, t) cbind(1, rep_len(x, length(t)), if (order == 2L) t)
    X1 <- X(d$x, d$t)
    beta <- solve(crossprod(X1, solve(V, X1)), crossprod(X1, solve(V, d$z)))
    mean <- X(0, new) %*% beta + K[match(new, times), at] %*% solve(V, d$z - X1 %*% beta)
    expect_equal(unname(predict(fit, data.frame(x = 0, t = new))), drop(mean), tolerance = 1e-8)
    # universal kriging: contrasts of the intrinsic process
    u <- K[at, match(new, times)]
    R <- t(X(0, new)) - crossprod(X1, solve(V, u))
    variance <- diag(K)[match(new, times)] - colSums(u * solve(V, u)) +
      colSums(R * solve(crossprod(X1, solve(V, X1)), R))
    known <- at_variances(fit)
    vcov(known) # remembers the default, in whose place comes the covariance given the variances
    assign("default", beta_vcov(known, "model"), envir = known$memory)
    known <- predict(known, data.frame(x = 0, t = new), se.fit = TRUE)
    expect_equal(unname(known$se.fit)^2, unname(drop(variance)), tolerance = 1e-6)
  }
  expect_error(
    predict(fit, data.frame(x = 0, t = 2.5)), "whole steps", class = "margmix_error_time"
  )
})

test_that("areas have the covariance of their two parts, with islands and components", {
  d <- map_data$d
  W <- map_data$W
  expect_message(
    fit <- glmm(y ~ x + bym2(1 | area, W), d, poisson()), "a19, a20",
    class = "margmix_note_relation"
  )
  expect_true(fit$convergence$converged)
  K <- function(fit) list(`bym2(area)` = map_covariance(plogis(fit$rho)))
  value <- function(fit) dense_laplace_loglik(fit, K(fit))
  expect_equal(fit$logLik, value(fit), tolerance = 1e-10)
  expect_gradient(fit, value, unname(fit_psi(fit)) + c(0.1, -0.1, 0.2, -0.7))
  for (REML in c(FALSE, TRUE)) {
    linear <- suppressMessages(glmm(z ~ x + bym2(1 | area, W), d, REML = REML))
    value <- function(fit) dense_linear_loglik(fit, K(fit), REML)
    expect_equal(linear$logLik, value(linear), tolerance = 1e-10)
    expect_lt(max(abs(dense_slope(linear, value)[-(1:2)])), 1e-4)
  }
  S <- linear$theta[[1L]]^2 * map_covariance(plogis(linear$rho))
  V <- S[d$area, d$area] + diag(linear$phi, 60)
  across <- S[, d$area] %*% solve(V)
  r <- d$z - drop(cbind(1, d$x) %*% linear$beta)
  effects <- ranef(linear)[[1L]]
  own <- match(rownames(W), rownames(effects))
  expect_equal(effects[own, 1L], unname(drop(across %*% r)), tolerance = 1e-9)
  expect_equal(
    unname(attr(effects, "postVar")[1L, 1L, own]),
    unname(diag(S - across %*% S[d$area, ])), tolerance = 1e-8
  )
  # the spatial parts add up to zero where areas are connected
  expect_lt(abs(sum(effects[paste("spatial part of", rownames(W)[13:18]), 1L])), 1e-10)
})

test_that("simulated effects have the covariance of their constrained precision", {
  d <- map_data$d
  W <- map_data$W
  fit <- suppressMessages(glmm(z ~ x + t + rw2(t + 0 | g) + bym2(1 | area, W), transform(d,
    t = rep(1:10, 6), g = rep(1:2, each = 30)
  )))
  fit <- moved_fit(fit, c(fit$beta, 0.5, 0.7, 0.4, log(fit$phi)))
  y <- as.matrix(simulate(fit, 3000, seed = 1))
  D <- diff(diag(10), differences = 2)
  walks <- kronecker(diag(2), generalized_inverse(crossprod(D)))
  dimnames(walks) <- rep(list(paste(rep(1:2, each = 10), 1:10, sep = ":")), 2L)
  covariance_at <- function(phi) {
    dense_random_covariance(fit, list(
      `rw2(g)` = walks, `bym2(area)` = map_covariance(phi)
    )) + diag(fit$phi, 60)
  }
  V <- covariance_at(plogis(0.4))
  rows <- frame_rows(fit$design)
  worst <- max(abs(cov(t(y))[rows, rows] - V)) / max(V) * sqrt(3000)
  expect_lt(worst, 6)
  at <- function(fit) {
    engine_evaluate(fit$design, fit$family, unname(fit_psi(fit)), 1L, 1L, NULL, fit$control)
  }
  expect_equal(at(fit)$value, mvn_log_density(fit, V), tolerance = 1e-10)
  # where phi is so near 1 that its precision would have no digits left
  far <- moved_fit(fit, c(fit$beta, 0.5, 0.7, 40, log(fit$phi)))
  expect_equal(at(far)$value, mvn_log_density(fit, covariance_at(1)), tolerance = 1e-7)
  expect_identical(at(far)$gradient[6L], 0)
})

test_that("the ends of a spatial share are independent areas, or none that are", {
  d <- map_data$d[map_data$d$area %in% paste0("a", 1:18), ]
  W <- map_data$W[1:18, 1:18]
  set.seed(4)
  d$n <- rpois(54, exp(1 + rep(rnorm(18, 0, 0.9), 3)))
  simple <- glmm(n ~ x + (1 | area), d, poisson(), nAGQ = 1)
  fit <- glmm(n ~ x + bym2(1 | area, W), d, poisson())
  at <- moved_fit(fit, c(simple$beta, simple$theta, -40))
  expect_equal(engine_loglik_at(at, 1L), simple$logLik, tolerance = 1e-9)
  # without its variance the term is not there
  none <- moved_fit(fit, c(coef(glm(n ~ x, poisson, d)), 0, 0.3))
  expect_equal(engine_loglik_at(none, 1L), as.numeric(logLik(glm(n ~ x, poisson, d))),
    tolerance = 1e-10
  )
})

test_that("by REML too a share that goes to its end is held there, and said to be", {
  d <- map_data$d[map_data$d$area %in% paste0("a", 1:12), ]
  W <- map_data$W[1:12, 1:12]
  d$v <- 3 * sin(match(d$area, rownames(W)) / 2) + rep(c(-0.1, 0.1, 0, 0.2, -0.2), length.out = 36)
  expect_message(
    fit <- glmm(v ~ 1 + bym2(1 | area, W), d, REML = TRUE), "phi is 1",
    class = "margmix_note_boundary"
  )
  expect_true(fit$convergence$converged)
  expect_true(is.na(fit$vcov_full["rho_bym2(area)", "rho_bym2(area)"]))
  K <- map_covariance(1 - 1e-9)[1:12, 1:12]
  value <- function(fit) dense_linear_loglik(fit, list(`bym2(area)` = K), TRUE)
  expect_lt(abs(fit$logLik - value(fit)), 1e-4)
  expect_lt(max(abs(dense_slope(fit, value)[2:3])), 1e-3)
})

test_that("a fit with a random walk is printed, saved and predicted from", {
  fit <- glmm(y ~ x + t + rw2(t + 0 | 1), walk_data, poisson())
  expect_output(print(fit), "random walk of second order")
  again <- unserialize(serialize(fit, NULL))
  new <- data.frame(x = 0, t = c(4, 17))
  expect_equal(predict(again, new), predict(fit, new))
  expect_equal(nrow(ranef(fit)[[1L]]), 14L)
  # an increment of two steps is the sum of two of one
  expect_equal(unname(random_factors(fit$design)[[1L]]$relation$unit), 1)
  twice <- update(fit, data = transform(walk_data, t = 2 * t))
  expect_equal(twice$logLik, fit$logLik, tolerance = 1e-10)
})

test_that("input that is no walk or map is refused, and what is missing is said", {
  d <- walk_data
  refused <- function(formula, data = d, class, words) {
    expect_error(suppressMessages(glmm(formula, data, poisson())), words, class = class)
  }
  refused(y ~ rw1(t + x | 1), class = "margmix_error_formula", words = "one time variable")
  refused(y ~ rw2(t || 1), class = "margmix_error_formula", words = "time variable")
  refused(y ~ rw1(sqrt(t) + 0 | 1), class = "margmix_error_time", words = "rw1.. must be whole")
  refused(y ~ t + rw2(t + 0 | 1), d[d$t < 3, ], "margmix_error_time", "3 times")
  refused(y ~ rw1(t + 0 | g), transform(d, g = t), "margmix_error_time", "2 times")
  refused(y ~ rw1(s + 0 | g), data.frame(y = 1:202, s = rep(1:2, 101), g = rep(1:101, each = 2)),
    "margmix_error_relation", "100 series"
  )
  refused(y ~ t + rw2(t + 0 | 1), transform(d, t = replace(t, 1, Inf)), "margmix_error_time",
    "finite"
  )
  expect_message(glmm(y ~ x + rw2(t + 0 | 1), d, poisson()), "no trend",
    class = "margmix_note_relation"
  )
  expect_message(glmm(y ~ 0 + x + rw1(t + 0 | 1), d, poisson()), "no level",
    class = "margmix_note_relation"
  )
  areas <- map_data$d
  W <- map_data$W
  refused(y ~ bym2(1 | area), areas, "margmix_error_formula", "bym2")
  refused(y ~ bym2(1 | area, W[1:5, 1:5]), areas, "margmix_error_relation",
    "It knows a1, a2, a3, a4, a5\\."
  )
  refused(y ~ bym2(1 | area, -W), areas, "margmix_error_relation", "negative weight")
  refused(y ~ bym2(1 | area, 0 * W), areas, "margmix_error_relation", "two neighbouring")
  refused(y ~ bym2(1 | area, replace(W, 2, 0)), areas, "margmix_error_relation", "symmetric")
})
