# Calls of the engine for a scalar random effect of any distribution: shapes only.

#' Log-density of each cluster's responses given its random effect
#' @param b Values of the effect, on the scale of the predictor per unit of Z.
#' @return points x m, without the constants of the family.
#' @noRd
engine_conditional_density <- function(design, family, beta, log_phi, b, control) {
  conditional_log_density_(
    design, family, as.double(beta), if (length(log_phi)) log_phi else NaN, as.double(b),
    control$threads
  )
}

#' Log-likelihood of a distribution with masses at K locations
#' @param psi (beta, K locations, K - 1 logarithms of mass over that of the last).
#' @return A list: `value`, `gradient`, `hessian`, `posterior` (K x m), `status`.
#' @noRd
engine_mass_points <- function(design, family, psi, deriv, control) {
  mass_point_likelihood_(design, family, as.double(psi), deriv, control$threads)
}
