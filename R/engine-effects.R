# Calls of the engine for a random intercept that is not normal: shapes only.

#' Random intercepts b(u), in the variable u that the law is integrated over
#' @param law From [as_law()]; u of a bridge is the normal score.
#' @noRd
engine_effect_at <- function(law, u, sigma) effect_at_(list(law = law), as.double(u), sigma)$b

#' Log-density of the variable u of each random intercept given its cluster's responses
#' @param points Number of equally spaced points from `low` to `high`.
#' @return A list: `low`, `high` (m); `log_density` (points x m), up to a constant of the cluster.
#' @noRd
engine_effect_density <- function(fit, points) {
  clusters_(
    fit$design, fit$family, fit_psi(fit), "score_density", list(points = points),
    fit$control$threads
  )
}
