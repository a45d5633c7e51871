# Calls of the engine for the ranking of clusters.

#' Log-density of a random effect of each cluster given its responses
#'
#' @param coordinate Column of Z, from 1.
#' @param mean,sd Mean and standard deviation of the posterior, one for each cluster.
#' @param t Points of the grid, mean + sd t.
#' @return Points x clusters, up to a constant of the cluster.
#' @noRd
engine_posterior_density <- function(fit, coordinate, mean, sd, t) {
  posterior_log_density_(
    fit$design, engine_family(fit$family, fit$design), fit_psi(fit), coordinate - 1L, 25L,
    as.double(mean), as.double(sd), as.double(t), fit$control$threads
  )
}
