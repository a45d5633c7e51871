# Calls of the engine for the ranking of clusters.

#' Log-density of a random effect of each cluster given its responses
#'
#' @param coordinate Column of Z, from 1.
#' @param mean,sd Mean and standard deviation of the posterior, one for each cluster.
#' @param t Points of the grid, mean + sd t.
#' @param K Points for each of the other random effects, over which it is integrated.
#' @return Points x clusters, up to a constant of the cluster.
#' @noRd
engine_posterior_density <- function(fit, coordinate, mean, sd, t, K) {
  ask <- list(
    coordinate = coordinate - 1L, K = K, mean = as.double(mean), sd = as.double(sd),
    t = as.double(t)
  )
  clusters_(fit$design, fit$family, fit_psi(fit), "posterior_density", ask, fit$control$threads)
}
