# Gradient and Hessian against Richardson differences, path by path.

skip_if_not_installed("numDeriv")

test_that("gradient and Hessian, every family and link, K = 1, 2, 7, 15, q = 1, 2", {
  for (name in names(all_families())) {
    family <- all_families()[[name]]
    for (q in 1:2) {
      model <- toy_model(family, q, m = 4L, sd = 0.4, seed = 11)
      for (K in c(1L, 2L, 7L, 15L)) {
        label <- paste(name, "q", q, "K", K)
        expect_lt(gradient_error(model, family, K), 1e-7, label = label)
        expect_lt(hessian_error(model, family, K), 1e-5, label = label)
      }
    }
  }
})

test_that("gradient and Hessian, q = 3", {
  for (name in names(all_families())) {
    family <- all_families()[[name]]
    model <- toy_model(family, 3L, m = 3L, sd = 0.4, seed = 12)
    orders <- if (name %in% c("binomial-logit", "gaussian-log")) c(1L, 2L, 7L, 15L) else c(1L, 3L)
    for (K in orders) {
      label <- paste(name, "K", K)
      expect_lt(gradient_error(model, family, K), 1e-7, label = label)
      if (K < 15L) expect_lt(hessian_error(model, family, K), 1e-5, label = label)
    }
  }
})

test_that("q = 4 works", {
  for (name in c("binomial-logit", "poisson-log")) {
    family <- all_families()[[name]]
    model <- toy_model(family, 4L, m = 3L, sd = 0.4, seed = 13)
    for (K in c(1L, 3L)) {
      expect_lt(gradient_error(model, family, K), 1e-7, label = paste(name, K))
    }
    expect_lt(hessian_error(model, family, 2L), 1e-5, label = name)
    far <- toy_engine(model, family, 9L)$value
    expect_equal(toy_engine(model, family, 7L)$value, far, tolerance = 1e-6)
  }
})

test_that("independent random effects", {
  family <- binomial()
  model <- toy_model(family, 2L, seed = 14)
  model$design$theta_row <- model$design$theta_col <- 0:1
  psi <- c(model$psi[1:2], 0.7, 0.3)
  expect_lt(gradient_error(model, family, 7L, psi), 1e-7)
  expect_lt(hessian_error(model, family, 7L, psi), 1e-5)
  model_full <- toy_model(family, 2L, seed = 14)
  psi_full <- c(psi[1:3], 0, psi[4])
  independent <- toy_engine(model, family, 7L, 1L, psi)
  full <- toy_engine(model_full, family, 7L, 1L, psi_full)
  expect_identical(independent$value, full$value)
  expect_identical(independent$gradient, full$gradient[-4])
})

test_that("more coefficients than rows in a cluster", {
  for (name in c("binomial-logit", "poisson-log", "gaussian-log")) {
    family <- all_families()[[name]]
    for (q in 1:2) {
      model <- toy_model(family, q, m = 5L, rows = 3L, p = 5L, sd = 0.4, seed = 15)
      for (K in c(1L, 7L)) {
        label <- paste(name, q, K)
        expect_lt(gradient_error(model, family, K), 1e-7, label = label)
        expect_lt(hessian_error(model, family, K), 1e-5, label = label)
      }
    }
  }
})

test_that("per-cluster scores and information sum to gradient and Hessian", {
  for (name in c("binomial-logit", "poisson-log", "gaussian-log")) {
    family <- all_families()[[name]]
    for (p in c(2L, 5L)) {
      model <- toy_model(family, 2L, rows = 3L, p = p, sd = 0.4, seed = 16)
      out <- toy_engine(model, family, 5L, 2L, scores = TRUE, information = TRUE)
      expect_equal(colSums(out$scores), out$gradient, tolerance = 1e-12)
      information <- matrix(rowSums(out$information), p)
      expect_equal(information, -out$hessian[seq_len(p), seq_len(p)], tolerance = 1e-12)
      # each of them is the gradient of a model of that cluster alone
      alone <- model
      rows <- 4:6
      alone$design <- keep_rows(model$design, rows)
      alone$design$start <- c(0L, 3L)
      alone$design$levels <- "2"
      expect_equal(out$scores[2, ], toy_engine(alone, family, 5L, 1L)$gradient, tolerance = 1e-12)
    }
  }
})

test_that("the scores with nodes held fixed agree with the gradient as K grows", {
  # Fisher identity: d l_i / d beta = E[ sum_j x_j (y_j - mu_j) | y_i ], here from the plain grid.
  family <- poisson()
  model <- toy_model(family, 1L, seed = 17)
  u <- brute_grid(1L)$u
  parts <- brute_parts(model, family)
  d <- model$design
  fisher <- t(vapply(seq_along(d$levels), function(i) {
    rows <- seq(d$start[i] + 1L, d$start[i + 1L])
    joint <- brute_joint(model, family, i, u)
    weight <- exp(joint - log_sum(joint))
    mu <- exp(parts$eta0[rows] + parts$V[rows, ] %*% t(u))
    residual <- row_weights(d)[rows] * (d$y[rows] - mu)
    drop(crossprod(d$X[rows, , drop = FALSE], residual %*% weight))
  }, numeric(2)))
  scores <- toy_engine(model, family, 61L, 1L, scores = TRUE)$scores[, 1:2]
  expect_equal(scores, unname(fisher), tolerance = 1e-9)
})

# A path is a piece of the engine that some data take and others don't: both must give the same.
same_value_and_gradient <- function(a, b, family, K, tolerance = 1e-11) {
  for (order in 0:2) {
    x <- toy_engine(a, family, K, order)
    y <- toy_engine(b, family, K, order)
    expect_equal(x[c("value", "gradient", "hessian")], y[c("value", "gradient", "hessian")],
      tolerance = tolerance
    )
  }
}

test_that("Poisson clusters summed up, and row by row", {
  family <- poisson()
  model <- toy_model(family, 1L, m = 6L, rows = 5L, sd = 0.8, seed = 18)
  # A row of weight 0 with another z takes the cluster off the short path and adds nothing.
  generic <- model
  d <- model$design
  add <- function(x, value) as.vector(rbind(matrix(x, 5), value))
  generic$design[c("y", "weights", "offset", "trials")] <-
    list(add(d$y, 3), add(d$weights, 0), add(d$offset, 0.3), add(d$trials, 1))
  generic$design$X <- cbind(add(d$X[, 1], 1), add(d$X[, 2], 0.4))
  generic$design$Z <- cbind(add(d$Z[, 1], 1.7))
  generic$design$start <- as.integer(seq(0, 36, 6))
  for (K in c(2L, 7L, 25L)) same_value_and_gradient(model, generic, family, K)
  expect_lt(gradient_error(model, family, 7L), 1e-7)
})

test_that("single trials, and the same rows with trials", {
  family <- binomial()
  model <- toy_model(family, 1L, m = 5L, rows = 4L, sd = 1.5, seed = 19, plain = TRUE)
  doubled <- halves <- model
  rows <- rep(seq_along(row_response(model$design)), each = 2)
  doubled$design <- keep_rows(model$design, rows)
  doubled$design$start <- c(0L, cumsum(2L * rows_per_cluster(model$design)))
  halves$design$trials <- 2 * row_trials(model$design)
  halves$design$y <- 2 * row_response(model$design)
  weighted <- model
  weighted$design$weights <- 2 * row_weights(model$design)
  for (K in c(1L, 2L, 7L, 25L)) {
    same_value_and_gradient(doubled, halves, family, K)
    same_value_and_gradient(doubled, weighted, family, K)
  }
})

test_that("a predictor beyond the range of the running products of exponentials", {
  for (q in 1:2) {
    family <- binomial()
    model <- toy_model(family, q, sd = 0.8, seed = 20, plain = TRUE)
    model$design$offset[c(2, 7)] <- c(420, -420)
    model$design$y[c(2, 7)] <- c(1, 0)
    expect_lt(gradient_error(model, family, 7L), 1e-7)
    expect_lt(hessian_error(model, family, 7L), 1e-5)
    # Rows that are certain add nothing to the value.
    kept <- model
    kept$design$weights[c(2, 7)] <- 0
    expect_equal(toy_engine(model, family, 15L)$value, toy_engine(kept, family, 15L)$value,
      tolerance = 1e-13
    )
  }
  family <- poisson()
  model <- toy_model(family, 1L, sd = 0.8, seed = 20, plain = TRUE)
  model$design$offset <- row_offset(model$design) - 800
  model$psi[1] <- model$psi[1] + 800
  expect_lt(gradient_error(model, family, 7L), 1e-6) # differences of values with psi = 800
  moved <- toy_model(family, 1L, sd = 0.8, seed = 20, plain = TRUE)
  gradient <- toy_engine(moved, family, 7L, 1L)$gradient
  expect_equal(toy_engine(model, family, 7L, 1L)$gradient, gradient, tolerance = 1e-10)
})

test_that("large clusters are swept in chunks with the same result", {
  family <- binomial()
  set.seed(21)
  n <- 3000L
  d <- data.frame(id = 1:2, x = rnorm(n), z = rnorm(n))
  d$y <- rbinom(n, 1, plogis(0.3 + 0.2 * d$x + c(-0.5, 0.5)[d$id]))
  design <- front(y ~ x + (z | id), d, binomial)$design
  model <- list(design = design, psi = c(0.2, 0.1, 0.6, 0.1, 0.3))
  # 3000 rows x 21^2 nodes are more entries than one chunk has
  whole <- toy_engine(model, family, 21L, 2L)
  expect_equal(
    whole$gradient,
    numDeriv::grad(function(x) toy_engine(model, family, 21L, 0L, x)$value, model$psi),
    tolerance = 1e-7
  )
  # At so many rows the posterior is normal, and few nodes that need no chunks do.
  few <- toy_engine(model, family, 9L, 2L)
  expect_equal(whole$value, few$value, tolerance = 1e-10)
  expect_equal(whole$hessian, few$hessian, tolerance = 1e-6)
})

test_that("a zero column of Lambda has gradient zero in it", {
  for (name in c("binomial-logit", "poisson-log", "binomial-cauchit")) {
    family <- all_families()[[name]]
    model <- toy_model(family, 2L, seed = 22)
    for (K in c(1L, 2L, 7L)) {
      psi <- replace(model$psi, 5L, 0) # second column
      g <- toy_engine(model, family, K, 1L, psi)$gradient
      expect_lt(abs(g[5]), 1e-12 * max(abs(g)), label = paste(name, K))
      psi <- replace(model$psi, 3:5, 0)
      g <- toy_engine(model, family, K, 1L, psi)$gradient
      expect_lt(max(abs(g[3:5])), 1e-12 * max(abs(g)), label = paste(name, K))
      # a zero diagonal above an entry that is not: not stationary
      psi <- replace(model$psi, 3L, 0)
      g <- toy_engine(model, family, K, 1L, psi)$gradient
      expect_gt(abs(g[3]), 1e-3)
      expect_lt(gradient_error(model, family, K, psi), 1e-7, label = paste(name, K))
    }
  }
})

test_that("at zero variance the curvature in theta is the score test's", {
  # sum_i z'(g g' - W) z over clusters, for every K
  family <- binomial()
  model <- toy_model(family, 1L, seed = 23)
  psi <- replace(model$psi, 3L, 0)
  d <- model$design
  eta <- drop(d$offset + d$X %*% psi[1:2])
  id <- rep(seq_along(d$levels), diff(d$start))
  g <- d$weights * (d$y - d$trials * plogis(eta))
  W <- d$weights * d$trials * plogis(eta) * plogis(-eta)
  exact <- sum(tapply(g, id, sum)^2) - sum(W)
  for (K in c(1L, 2L, 7L)) {
    expect_equal(toy_engine(model, family, K, 2L, psi)$hessian[3, 3], exact, tolerance = 1e-10)
  }
})

test_that("the sign of a column of Lambda leaves the value unchanged", {
  for (name in names(all_families())) {
    family <- all_families()[[name]]
    model <- toy_model(family, 2L, sd = 0.4, seed = 24)
    for (K in c(1L, 7L, 8L)) {
      values <- vapply(list(c(1, 1, 1), c(-1, -1, 1), c(1, 1, -1), c(-1, -1, -1)), function(sign) {
        psi <- model$psi
        psi[3:5] <- sign * psi[3:5]
        toy_engine(model, family, K, 0L, psi)$value
      }, 0)
      expect_lt(diff(range(values)), 1e-11 * abs(values[1]), label = paste(name, K))
    }
  }
})
