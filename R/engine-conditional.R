# The call of the engine for logistic regression given the successes of clusters: shapes only.

#' @param rows With X (n x p), y (successes), trials, offset, start.
#' @return A list: `beta`, `value`, `information` (p x p), `criterion`, `iterations`, `status`.
#' @noRd
engine_conditional_logistic <- function(rows, tolerance, iterations, threads) {
  n <- nrow(rows$X)
  design <- list(
    X = rows$X, Z = matrix(0, n, 0L), y = as.double(rows$y), trials = as.double(rows$trials),
    weights = 1, offset = as.double(rows$offset), start = rows$start, theta_row = integer(),
    theta_col = integer()
  )
  glm_(design, list(), "conditional_logistic", list(
    tolerance = tolerance, iterations = iterations, threads = threads
  ))
}
