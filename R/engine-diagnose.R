# Calls of the engine for diagnostics.

#' Log-likelihood of each cluster at the fitted parameters
#'
#' @param K Nodes per dimension.
#' @param points `NULL`, or a list of `t` (q x N), points drawn from a density around 0 in units of
#'   the Cholesky factor at the mode, and `log_q0` (N), the logarithm of that density.
#' @return A list: `quadrature` and `importance` (m; `NaN` without points), which leave out
#'   `constant`, the terms of the densities without a predictor; `status`.
#' @noRd
engine_cluster_values <- function(fit, K, points = NULL) {
  q <- effect_count(fit$design)
  if (is.null(points)) points <- list(t = matrix(0, q, 0L), log_q0 = numeric())
  ask <- c(list(K = K, modes = t(fit$modes)), points[c("t", "log_q0")])
  clusters_(fit$design, fit$family, fit_psi(fit), "values", ask, fit$control$threads)
}
