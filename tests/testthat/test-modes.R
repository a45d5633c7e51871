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
      expect_identical(engine_better_modes(design, family, psi, glmm_control()), expected,
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
    engine_better_modes(design, family, c(beta, 0, theta), glmm_control())
  }
  # by either level alone: the single-level answers
  for (beta in c(-1, -0.4, 0.5)) {
    one <- engine_better_modes(two_modes(), family, c(beta, 1.5), glmm_control())
    expect_identical(count(beta, c(1.5, 0)), one)
  }
  expect_identical(count(0.5, c(0.2, 0.2)), 0L)
  # a fit says so once
  expect_identical(engine_better_modes(design, poisson(), c(0, 0, 1, 1), glmm_control()), 0L)
})
