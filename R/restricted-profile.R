# Profile limits of the standard deviations of a restricted fit: by the profile of l_A, over the
# slices of profile.R.

#' A fit as its variance parameters alone
#'
#' beta is no parameter of the restricted likelihood: this fit has none, and psi is (theta, log
#' phi).
#'
#' @return A list: `fit`, and `likelihood`, as [likelihood_of()] but restricted. The Hessian holds
#'   that of log|J| as it is at the estimate, which is enough for the steps of an optimiser.
#' @noRd
restricted_profile <- function(fit) {
  p <- length(fit$beta)
  alone <- fit
  alone$beta <- fit$beta[0L]
  alone$design$X <- design_X(fit$design)[, 0L, drop = FALSE]
  v <- seq_len(nrow(fit$vcov_full)) > p
  alone$vcov_full <- fit$vcov_full[v, v, drop = FALSE]
  list(fit = alone, likelihood = restricted_of(fit))
}

restricted_of <- function(fit) {
  problem <- restricted_problem(
    fit$design, fit$family, fit$rule$K, fit$control, fit$start_glm, fit$phi
  )
  active <- rep(TRUE, length(problem$unit))
  entries <- problem$p + seq_along(active)
  best <- restricted_settle(problem, restricted_point(problem, unname(fit_psi(fit)), fit$modes))
  C <- restricted_curvature(problem, best, active)
  near <- best
  last <- list(psi = NULL)
  function(v, deriv) {
    if (!identical(v, last$psi)) {
      from <- function(point) restricted_reach(problem, point, v - point$psi[entries])
      point <- from(near) %||% from(best)
      if (!is.null(point)) near <<- point
      last <<- list(psi = v, point = point, value = point$value %||% -Inf)
    }
    if (deriv > 0L && is.null(last$gradient) && !is.null(last$point)) {
      slope <- restricted_adjustment(problem, last$point, active)
      last$gradient <<- if (is.null(slope)) NaN * v else last$point$score - slope
      last$hessian <<- -(last$point$information + C)
    }
    last
  }
}
