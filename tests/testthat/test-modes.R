# Integrands with a higher mode than the one that is found from u = 0.

# Counts with square-root link: eta and -eta have the same mean, so that a cluster whose fixed part
# is a little below zero and whose effect carries it above has two modes.
two_modes <- function() {
  design <- list(
    X = matrix(1, 12, 1), Z = matrix(1, 12, 1), y = rep(c(9, 8, 10, 4), 3),
    trials = rep(1, 12), weights = rep(1, 12), offset = rep(c(0.1, 0.1, 0.1, 2), 3),
    start = as.integer(c(0, 4, 8, 12)), theta_row = 0L, theta_col = 0L, levels = letters[1:3],
    weights_type = "prior"
  )
  colnames(design$X) <- colnames(design$Z) <- "(Intercept)"
  design$groups <- list(list(label = "a", levels = letters[1:3], columns = 1L))
  design
}

# h(u) on a grid, by R alone.
heights <- function(eta0, sd, y) {
  u <- seq(-6, 6, by = 0.001)
  h <- vapply(u, function(u) sum(dpois(y, (eta0 + sd * u)^2, log = TRUE)) - u^2 / 2, 0)
  list(u = u, h = h)
}

better_modes <- function(design, family, psi) {
  engine_other_modes(design, family, psi, 1L, glmm_control())$better
}

test_that("the count of such clusters is that of a grid", {
  family <- poisson("sqrt")
  design <- two_modes()
  for (beta in c(-1, -0.4, 0.5)) {
    for (sd in c(0.5, 1.5)) {
      psi <- c(beta, sd)
      used <- sd * drop(toy_engine(list(design = design, psi = psi), family, 1L)$modes)
      grid <- heights(beta + row_offset(design)[1:4], sd, design$y[1:4])
      best <- max(grid$h)
      at_mode <- approx(sd * grid$u, grid$h, used[1L])$y
      expected <- if (best > at_mode + 1e-3) 3L else 0L
      expect_identical(better_modes(design, family, psi), expected,
        label = paste(beta, sd)
      )
    }
  }
})

test_that("nested levels are looked at, too", {
  family <- poisson("sqrt")
  model <- toy_nested(family, m = 3L, leaves = 2L, rows = 2L)
  design <- model$design
  design$X[] <- 0
  design$X[, 1L] <- 1
  design$Z[] <- 1
  design$weights[] <- 1
  design$y <- rep(c(9, 8, 10, 4), 3)
  design$offset <- rep(c(0.1, 0.1, 0.1, 2), 3)
  count <- function(beta, theta) {
    better_modes(design, family, c(beta, 0, theta))
  }
  # by either level alone: the single-level answers
  for (beta in c(-1, -0.4, 0.5)) {
    one <- better_modes(two_modes(), family, c(beta, 1.5))
    expect_identical(count(beta, c(1.5, 0)), one)
  }
  expect_identical(count(0.5, c(0.2, 0.2)), 0L)
  # a fit says so once
  expect_identical(better_modes(design, poisson(), c(0, 0, 1, 1)), 0L)
})

test_that("what the rule misses at the other modes is the difference from the integral", {
  family <- poisson("sqrt")
  gap <- function(beta, sd, K) {
    model <- list(design = two_modes(), psi = c(beta, sd))
    abs(toy_engine(model, family, K)$value - brute_loglik(model, family))
  }
  missed <- function(beta, sd, K) {
    engine_other_modes(two_modes(), family, c(beta, sd), K, glmm_control())$missed
  }
  for (psi in list(c(-0.4, 1.5), c(-1, 1.5), c(-0.2, 1))) {
    expect_gt(gap(psi[1L], psi[2L], 7L), 0.01)
    expect_equal(missed(psi[1L], psi[2L], 7L), gap(psi[1L], psi[2L], 7L), tolerance = 0.02)
  }
  expect_identical(missed(4, 0.2, 7L), 0) # one mode within reach
  # random effects of leaves alone: those of one level
  design <- two_modes()
  design$Z <- cbind(design$Z, 1)
  design$groups <- list(
    list(label = "a", levels = "1", columns = 1L, index = rep(0L, 12)),
    list(label = "b", levels = letters[1:3], columns = 2L, index = rep(0:2, each = 4L))
  )
  design$start <- c(0L, 12L)
  design$theta_row <- design$theta_col <- 0:1
  design$structure <- "nested"
  design <- random_part(design)
  nested <- engine_other_modes(design, family, c(-0.4, 0, 1.5), c(7L, 7L), glmm_control())
  expect_equal(nested$missed, missed(-0.4, 1.5, 7L), tolerance = 1e-8)
})
