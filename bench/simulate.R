# Clustered data for the benchmarks.

#' Simulate m clusters of ni rows
#'
#' @param m,ni Number of clusters and rows of each.
#' @param slope Standard deviations of random slopes of `t` and, if given, `x1`; 0 for none. The
#'   random intercept has standard deviation 1; random effects are independent.
#' @param family `"binomial"` (0/1, logit, about 40% ones) or `"poisson"` (log).
#' @param extra Number of further N(0, 1) covariates `z1`, `z2`, ..., without effect.
#' @return A data frame of m * ni rows: `y`, `treatment` (0/1, constant in a cluster), time `t`
#'   (-1 to 1), `x1` to `x4` (N(0, 1)), `z1`, ..., and `id`. Random numbers come from R's current
#'   seed.
simclus <- function(m, ni, slope = 0, family = "binomial", extra = 0L) {
  n <- m * ni
  data <- data.frame(
    treatment = rep(rep_len(0:1, m), each = ni), t = rep(seq(-1, 1, length.out = ni), m),
    x1 = rnorm(n), x2 = rnorm(n), x3 = rnorm(n), x4 = rnorm(n), id = rep(seq_len(m), each = ni)
  )
  for (k in seq_len(extra)) data[[paste0("z", k)]] <- rnorm(n)
  beta <- if (family == "binomial") {
    c(-0.6, 0.4, 0.5, 0.4, -0.3, 0.2, 0)
  } else {
    c(0, 0.3, 0.2, 0.2, -0.15, 0.1, 0)
  }
  eta <- beta[1] + with(data, {
    beta[2] * treatment + beta[3] * t + beta[4] * x1 + beta[5] * x2 + beta[6] * x3 + beta[7] * x4
  })
  eta <- eta + rnorm(m)[data$id]
  for (k in seq_along(slope[slope > 0])) {
    eta <- eta + rnorm(m, sd = slope[k])[data$id] * data[[c("t", "x1")[k]]]
  }
  data$y <- if (family == "binomial") rbinom(n, 1L, plogis(eta)) else rpois(n, exp(eta))
  data
}

# The formula: y on treatment, t, x1, ..., z1, ... and random terms of id.
sim_formula <- function(random = "1", extra = 0L) {
  fixed <- c("treatment", "t", paste0("x", 1:4), sprintf("z%d", seq_len(extra)))
  reformulate(c(fixed, paste0("(", random, " | id)")), "y")
}
