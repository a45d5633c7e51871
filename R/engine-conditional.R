# The call of the engine for logistic regression given the successes of clusters: shapes only.

#' @param design With X (n x p), y (successes), trials, offset, start.
#' @return A list: `beta`, `value`, `information` (p x p), `criterion`, `iterations`, `status`.
#' @noRd
engine_conditional_logistic <- function(design, tolerance, iterations, threads) {
  n <- nrow(design$X)
  fit_conditional_logistic_(list(
    X = design$X, Z = matrix(0, n, 0L), y = as.double(design$y), trials = as.double(design$trials),
    weights = 1, offset = as.double(design$offset), start = design$start, theta_row = integer(),
    theta_col = integer()
  ), tolerance, as.integer(iterations), as.integer(threads))
}
