# Clustered data for the simulation of gee(): many data sets at once.
#
# Marginal means: prevalence .3 (binary) or mean 2 (count) at x = 0, and 0.3 x on the logit or log
# scale; trt, w and the factors have no effect. Binary responses come from a Gaussian copula, with
# the latent correlation that gives the ICC on the response scale at x = 0; counts are Poisson with
# a gamma factor shared by the cluster. So the marginal model holds exactly.

x_effect <- 0.3

# Sizes of K clusters in each of `sets` data sets, sets x K: 20 rows, or a gamma variable with
# coefficient of variation `cv`, at least 2. `dominating`: the first cluster holds that share.
draw_sizes <- function(sets, K, cv, mean = 20, dominating = 0) {
  if (cv == 0) {
    sizes <- matrix(mean, sets, K)
  } else {
    shape <- 1 / cv^2
    sizes <- matrix(pmax(2, round(rgamma(sets * K, shape, shape / mean))), sets, K)
  }
  if (dominating > 0) {
    sizes[, 1L] <- round(dominating / (1 - dominating) * rowSums(sizes[, -1L, drop = FALSE]))
  }
  sizes
}

# Correlation of a bivariate normal pair below the quantile of `prevalence` that makes the
# correlation of the indicators `icc`.
latent_correlation <- function(icc, prevalence) {
  q <- qnorm(prevalence)
  both <- function(r) {
    integrate(function(a) {
      pnorm((q - sqrt(r) * a) / sqrt(1 - r))^2 * dnorm(a)
    }, -8, 8, rel.tol = 1e-10)$value
  }
  want <- prevalence^2 + icc * prevalence * (1 - prevalence)
  uniroot(function(r) both(r) - want, c(1e-8, 0.99), tol = 1e-10)$root
}

# Standard normal rows of AR(1) with correlation rho inside clusters of equal size.
draw_ar1 <- function(sizes, rho) {
  n <- sizes[1L]
  z <- matrix(rnorm(sum(sizes)), n)
  for (j in seq_len(n - 1L)) z[j + 1L, ] <- rho * z[j, ] + sqrt(1 - rho^2) * z[j + 1L, ]
  as.vector(z)
}

# cell: list(K, cv, icc, outcome, prevalence, size, dominating, ar1). Rows are sorted by data set
# and cluster. Returns a list: `start` of each data set's rows, `sizes` (sets x K), and by row y and
# the columns of the models.
draw_data <- function(cell, sets) {
  sizes <- draw_sizes(sets, cell$K, cell$cv, cell$size, cell$dominating)
  by_cluster <- as.vector(t(sizes)) # data set by data set
  cluster <- rep.int(seq_along(by_cluster), by_cluster)
  n <- length(cluster)
  k <- rep(seq_len(cell$K), sets)
  x <- sqrt(0.3) * rnorm(length(by_cluster))[cluster] + sqrt(0.7) * rnorm(n)
  if (cell$outcome == "binary") {
    r <- if (is.null(cell$ar1)) latent_correlation(cell$icc, cell$prevalence)
    z <- if (!is.null(cell$ar1)) {
      draw_ar1(by_cluster, cell$ar1)
    } else {
      sqrt(r) * rnorm(length(by_cluster))[cluster] + sqrt(1 - r) * rnorm(n)
    }
    y <- as.numeric(z < qnorm(plogis(qlogis(cell$prevalence) + x_effect * x)))
  } else {
    tau <- cell$icc / (2 * (1 - cell$icc))
    y <- rpois(n, rgamma(length(by_cluster), 1 / tau, 1 / tau)[cluster] * 2 * exp(x_effect * x))
  }
  arm <- (k - 1L) %% 4L
  list(
    sizes = sizes, start = c(0L, cumsum(rowSums(sizes))), y = as.numeric(y), x = x,
    trt = as.numeric(k %% 2L == 0L)[cluster], w = as.numeric(runif(n) < 0.5),
    within = sample.int(4L, n, replace = TRUE) - 1L, between = arm[cluster]
  )
}
