# Several grouping factors: the sparse Laplace approximation and its gradient.

structures <- c(
  crossed = "(x | a) + (1 | b)", three = "(1 | a) + (x || b) + (1 | c)",
  nested = "(1 | a) + (x | a:b)", big_slopes = "(1 | c) + (x | a) + (0 + x | b)"
)

test_that("the value is the dense Laplace approximation, every family and link", {
  for (name in names(all_families())) {
    family <- all_families()[[name]]
    for (random in structures) {
      model <- toy_groups(family, random, seed = 3)
      label <- paste(name, random)
      found <- toy_engine(model, family, 1L)
      expect_identical(found$status, "ok", label = label)
      expect_lt(abs(found$value - dense_laplace(model, family)), 1e-5, label = label)
    }
  }
})

test_that("the gradient is exact, with weights, trials, offset and dispersion", {
  skip_if_not_installed("numDeriv")
  for (name in names(all_families())) {
    family <- all_families()[[name]]
    for (random in structures) {
      model <- toy_groups(family, random, seed = 4)
      expect_lt(gradient_error(model, family, 1L), 1e-6, label = paste(name, random))
    }
  }
})

test_that("scores of nested clusters add up to the gradient", {
  model <- toy_groups(poisson(), "(1 | a / b)", seed = 5)
  found <- engine_evaluate(model$design, poisson(), model$psi, 1L, 1L, scores = TRUE)
  expect_identical(dim(found$scores), c(6L, length(model$psi)))
  expect_equal(colSums(found$scores), c(found$gradient), tolerance = 1e-12)
  alone <- model$design
  rows <- alone$start[2] + seq_len(alone$start[3] - alone$start[2])
  skip_if_not_installed("numDeriv")
  # the likelihood of one cluster: that of all minus that of the others, by weights of zero
  others <- model
  others$design$weights[rows] <- 0
  value <- function(psi) {
    toy_engine(model, poisson(), 1L, psi = psi)$value -
      toy_engine(others, poisson(), 1L, psi = psi)$value
  }
  expect_equal(found$scores[2, ], numDeriv::grad(value, model$psi), tolerance = 1e-6)
})

test_that("one zero variance leaves the engine of one factor", {
  for (name in c("binomial-logit", "poisson-log", "gaussian-identity")) {
    family <- all_families()[[name]]
    model <- toy_groups(family, "(x | a) + (1 | b)", seed = 6)
    zero <- replace(model$psi, 6L, 0)
    many <- toy_engine(model, family, 1L, 1L, psi = zero)
    one <- model
    by <- order(random_factors(model$design)[[1]]$index)
    one$design <- keep_rows(model$design, by)
    one$design$Z <- design_Z(one$design)[, 1:2]
    one$design$start <- c(0L, cumsum(tabulate(random_factors(model$design)[[1]]$index + 1L)))
    one$design$levels <- as.character(1:6)
    one$design[c("theta_row", "theta_col")] <- list(c(0L, 1L, 1L), c(0L, 0L, 1L))
    one$design$groups <- NULL
    one$design <- random_part(one$design)
    single <- toy_engine(one, family, 1L, 1L, psi = zero[-6L])
    expect_equal(many$value, single$value, tolerance = 1e-10, label = name)
    expect_equal(many$gradient[-6L], single$gradient, tolerance = 1e-7, label = name)
    expect_lt(abs(many$gradient[6L]), 1e-8)
  }
})

test_that("labels, order of rows and order of terms do not matter", {
  set.seed(7)
  d <- data.frame(a = sample(1:8, 90, TRUE), b = sample(letters[1:7], 90, TRUE), x = rnorm(90))
  d$y <- rpois(90, exp(0.3 + 0.2 * d$x + rnorm(8)[d$a] / 2 + rnorm(7)[match(d$b, letters)] / 3))
  fit <- glmm(y ~ x + (1 | a) + (1 | b), d, poisson())
  other <- transform(d[sample(90), ], a = 100 - a, b = factor(b, rev(letters[1:7])))
  turned <- glmm(y ~ x + (1 | b) + (1 | a), other, poisson())
  expect_equal(turned$logLik, fit$logLik, tolerance = 1e-9)
  expect_equal(coef(turned), coef(fit), tolerance = 1e-6)
  expect_equal(unname(turned$theta), unname(rev(fit$theta)), tolerance = 1e-5)
  expect_equal(fitted(turned)[names(fitted(fit))], fitted(fit), tolerance = 1e-6)
  expect_equal(ranef(turned)$b[letters[1:7], 1], ranef(fit)$b[letters[1:7], 1], tolerance = 1e-5)
})

test_that("linear mixed models, ML and REML, against the dense normal density", {
  for (random in structures) {
    model <- toy_groups(gaussian(), random, seed = 8)
    d <- model$design
    theta <- model$psi[2L + seq_along(d$theta_row)]
    phi <- 0.4
    V <- tcrossprod(groups_V(d, theta)) + diag(phi / d$weights)
    y <- d$y - d$offset
    B <- crossprod(d$X, solve(V, d$X))
    beta <- drop(solve(B, crossprod(d$X, solve(V, y))))
    e <- y - drop(d$X %*% beta)
    ml <- -0.5 * (length(y) * log(2 * pi) + c(determinant(V)$modulus) + sum(e * solve(V, e)))
    reml <- ml + 0.5 * (ncol(d$X) * log(2 * pi) - c(determinant(B)$modulus))
    relative <- theta / sqrt(phi)
    for (REML in c(FALSE, TRUE)) {
      found <- engine_lmm(d, relative, log(phi), REML)
      expect_equal(found$value, if (REML) reml else ml, tolerance = 1e-10)
      expect_equal(found$beta, unname(beta), tolerance = 1e-9)
      skip_if_not_installed("numDeriv")
      slope <- numDeriv::grad(function(x) {
        engine_lmm(d, x[seq_along(relative)], x[length(x)], REML)$value
      }, c(relative, log(phi)))
      expect_equal(found$gradient, slope, tolerance = 1e-6)
      profiled <- engine_lmm(d, relative, NaN, REML)
      slope <- numDeriv::grad(function(x) engine_lmm(d, x, NaN, REML)$value, relative)
      expect_equal(profiled$gradient, slope, tolerance = 1e-6)
    }
  }
})

test_that("conditional variances and prediction variances are those of dense algebra", {
  set.seed(9)
  d <- data.frame(a = sample(1:7, 80, TRUE), b = sample(1:6, 80, TRUE), x = rnorm(80))
  d$y <- rpois(80, exp(0.5 + rnorm(7)[d$a] / 2 + (0.4 * rnorm(6))[d$b] * (1 + d$x)))
  fit <- suppressMessages(glmm(y ~ x + (1 | a) + (x | b), d, poisson()))
  design <- fit$design
  V <- groups_V(design, fit$theta)
  mu <- fitted(fit)[design$order %||% seq_len(80)]
  inverse <- solve(diag(ncol(V)) + crossprod(V, mu * V))
  r <- ranef(fit)
  Lambda <- fit$Lambda[2:3, 2:3]
  for (l in c(1, 6)) {
    at <- 7 + l + c(0, 6)
    expect_equal(
      unname(attr(r$b, "postVar")[, , l]), unname(Lambda %*% inverse[at, at] %*% t(Lambda)),
      tolerance = 1e-6
    )
  }
  # with the parameters known, the variance of eta is v'A^-1 v
  known <- fit
  known$vcov_full[] <- 0
  expected <- rowSums((V %*% inverse) * V)
  variance <- function(rows) predict_rows(known, rows, "link", "eb", TRUE)$variance
  expect_equal(variance(fitted_rows(known, "eb")), expected, tolerance = 1e-6)
  # a pair of levels that never met, and new levels
  pairs <- expand.grid(a = 1:7, b = 1:6)
  free <- pairs[!paste(pairs$a, pairs$b) %in% paste(d$a, d$b), ][1, ]
  new <- data.frame(a = c(free$a, free$a, 99), b = c(free$b, 88, 3), x = 0.3)
  found <- variance(new_rows(known, new, "eb", na.pass))
  v <- matrix(0, 3, ncol(V))
  b_part <- drop(c(1, 0.3) %*% Lambda)
  v[1, free$a] <- v[2, free$a] <- fit$Lambda[1, 1]
  v[1, 7 + free$b + c(0, 6)] <- b_part
  v[3, 10 + c(0, 6)] <- b_part
  fresh <- c(0, sum(b_part^2), fit$Lambda[1, 1]^2)
  expect_equal(found, rowSums((v %*% inverse) * v) + fresh, tolerance = 1e-6)
})

test_that("derivatives of predictions hold with the modes: a parameter moved, all refitted", {
  set.seed(10)
  d <- data.frame(a = sample(1:7, 80, TRUE), b = sample(1:6, 80, TRUE), x = rnorm(80))
  d$y <- rpois(80, exp(0.5 + rnorm(7)[d$a] / 2 + 0.4 * rnorm(6)[d$b]))
  fit <- glmm(y ~ x + (1 | a) + (1 | b), d, poisson())
  psi <- unname(fit_psi(fit))
  eta <- function(psi) {
    modes <- engine_evaluate(fit$design, poisson(), psi, 1L, 0L)$modes
    moved <- fit
    moved$coefficients[] <- psi[1:2]
    moved$Lambda[] <- diag(psi[3:4])
    moved$modes <- modes
    predict(moved)[1:5]
  }
  skip_if_not_installed("numDeriv")
  J <- numDeriv::jacobian(eta, psi)
  variance <- function(fit) {
    found <- predict_rows(fit, fitted_rows(fit, "eb"), "link", "eb", TRUE)$variance
    caller_order(found, fit$design)[1:5]
  }
  known <- fit
  known$vcov_full[] <- 0
  expected <- rowSums((J %*% fit$vcov_full) * J)
  expect_equal(variance(fit) - variance(known), expected, tolerance = 1e-4)
})

test_that("importance sampling finds the integral where brute force does", {
  set.seed(12)
  d <- data.frame(a = rep(1:3, each = 4), b = rep(1:2, 6))
  d$y <- rpois(12, exp(0.2 + c(-0.8, 0.3, 0.9)[d$a] + c(0.5, -0.5)[d$b]))
  fit <- suppressMessages(glmm(y ~ 1 + (1 | a) + (1 | b), d, poisson()))
  sd <- c(0.8, 0.6)
  fit$theta[] <- sd
  fit$Lambda[] <- diag(sd)
  fit[c("logLik", "modes")] <-
    engine_evaluate(fit$design, poisson(), unname(fit_psi(fit)), 1L)[c("value", "modes")]
  line <- seq(-7, 7, by = 0.25)
  # given the two effects of b, those of a are independent
  inner <- function(b1, b2) {
    eta <- fit$beta + sd[2] * c(b1, b2)[d$b]
    per_level <- vapply(1:3, function(l) {
      rows <- which(d$a == l)
      density <- vapply(line, function(z) {
        exp(sum(dpois(d$y[rows], exp(eta[rows] + sd[1] * z), log = TRUE))) * dnorm(z)
      }, 0)
      log(sum(density) * 0.25)
    }, 0)
    sum(per_level) + dnorm(b1, log = TRUE) + dnorm(b2, log = TRUE)
  }
  coarse <- seq(-6, 6, by = 0.5)
  exact <- log(sum(exp(outer(coarse, coarse, Vectorize(inner)))) * 0.5^2)
  state <- .Random.seed
  found <- importance_loglik(fit, 4000L, seed = 2)
  expect_identical(.Random.seed, state)
  expect_lt(abs(found$logLik - exact), 4 * found$mc_error)
  expect_lt(found$mc_error, 0.02)
  expect_gt(found$effective, 2000)
  expect_equal(found$laplace, fit$logLik)
})

test_that("without random effects the value is that of the GLM", {
  d <- data.frame(a = rep(1:6, 8), b = rep(1:8, each = 6), x = sin(1:48))
  d$y <- (7 * seq_len(48)) %% 5
  fit <- suppressMessages(glmm(y ~ x + (1 | a) + (1 | b), d, poisson()))
  glm <- glm(y ~ x, poisson(), d)
  at_zero <- engine_evaluate(fit$design, poisson(), c(coef(glm), 0, 0), 1L)
  expect_equal(at_zero$value, as.numeric(logLik(glm)), tolerance = 1e-10)
})

test_that("the Hessian is that of the dense Laplace approximation to 1e-5", {
  skip_if_not_installed("numDeriv")
  for (family in list(binomial(), poisson(), gaussian())) {
    model <- toy_groups(family, "(x | a) + (1 | b)", seed = 15)
    found <- toy_engine(model, family, 1L, 2L)$hessian
    dense <- numDeriv::hessian(function(psi) dense_laplace(model, family, psi), model$psi)
    expect_lt(max(abs(found - dense)) / max(abs(dense)), 1e-5)
  }
})
