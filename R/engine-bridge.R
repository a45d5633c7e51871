# Calls of the engine for a random intercept of the bridge distribution: shapes only.

#' Random intercepts at normal scores u: b = F^-1(Phi(u))
#' @noRd
engine_bridge_quantile <- function(u, sigma) bridge_quantile_(as.double(u), sigma)$b

#' Log-density of the normal score u of each random intercept given its cluster's responses
#' @param points Number of equally spaced points from `low` to `high`.
#' @return A list: `low`, `high` (m); `log_density` (points x m), up to a constant of the cluster.
#' @noRd
engine_bridge_density <- function(fit, points) {
  clusters_(
    fit$design, fit$family, fit_psi(fit), "score_density", list(points = points),
    fit$control$threads
  )
}
