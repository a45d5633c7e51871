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
  q <- ncol(fit$design$Z)
  if (is.null(points)) points <- list(t = matrix(0, q, 0L), log_q0 = numeric())
  cluster_values_(
    fit$design, engine_family(fit$family, fit$design), fit_psi(fit), as.integer(K), t(fit$modes),
    points$t, points$log_q0, fit$control$threads
  )
}
