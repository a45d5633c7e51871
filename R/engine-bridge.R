# Calls of the engine for a random intercept of the bridge distribution: shapes only.

# The integral needs no mode to start from.
#' @export
evaluate.margmix_bridge <- function(design, family, psi, K, modes, ask, control) {
  ask$known_phi <- FALSE
  out <- bridge_objective_(
    design, engine_family(family, design), psi, as.integer(K), ask, control$threads
  )
  out$modes <- t(out$modes[[1L]])
  if (ask$scores) out$scores <- t(out$scores)
  out
}

#' Posterior of the random intercepts b
#' @return A list of 1 x m matrices: `mode`, `mean`, `median`, `mode_variance`, `variance`; and
#'   `tangents` (P x m), the derivative of the mode in psi.
#' @noRd
engine_bridge_posterior <- function(design, family, psi, K, median = FALSE,
                                    control = glmm_control()) {
  bridge_posterior_(
    design, engine_family(family, design), as.double(psi), as.integer(max(K, 101L)), median,
    control$threads
  )
}

#' @export
posterior_moments.margmix_bridge <- function(design, fit, K, median) {
  engine_bridge_posterior(design, fit$family, fit_psi(fit), K, median, fit$control)
}

#' Random intercepts at normal scores u: b = F^-1(Phi(u))
#' @noRd
engine_bridge_quantile <- function(u, sigma) bridge_quantile_(as.double(u), sigma)$b

#' Log-density of the normal score u of each random intercept given its cluster's responses
#' @param points Number of equally spaced points from `low` to `high`.
#' @return A list: `low`, `high` (m); `log_density` (points x m), up to a constant of the cluster.
#' @noRd
engine_bridge_density <- function(fit, points) {
  bridge_score_density_(
    fit$design, engine_family(fit$family, fit$design), fit_psi(fit), points, fit$control$threads
  )
}

# The joint covariance of psi and b, on the scale u = b / sigma that the engine's function takes.
#' @export
prediction_variance.margmix_bridge <- function(design, fit, rows, V) {
  rows$cluster <- drop(rows$cluster)
  posterior <- engine_bridge_posterior(
    design, fit$family, fit_psi(fit), fit$rule$K, FALSE, fit$control
  )
  sigma <- fit$theta[[1L]]
  tangents <- posterior$tangents
  P <- nrow(tangents)
  tangents[P, ] <- tangents[P, ] - fit$modes[, 1L]
  if (sigma != 0) tangents <- tangents / sigma
  bridge_prediction_variance_(design, sigma, t(fit$modes), tangents,
    posterior$mode_variance, rows, V
  )
}
