# Calls of the engine for a scalar random effect of any distribution: shapes only.

#' Log-density of each cluster's responses given its random effect
#' @param b Values of the effect, on the scale of the predictor per unit of Z.
#' @return points x m, without the constants of the family.
#' @noRd
engine_conditional_density <- function(design, family, beta, log_phi, b, control) {
  ask <- list(log_phi = if (length(log_phi)) log_phi else NaN, b = as.double(b))
  clusters_(design, family, as.double(beta), "conditional_density", ask, control$threads)
}

#' Log-likelihood of a distribution with masses at K locations
#' @param psi (beta, K locations, K - 1 logarithms of mass over that of the last).
#' @return A list: `value`, `gradient`, `hessian`, `posterior` (K x m), `status`.
#' @noRd
engine_mass_points <- function(design, family, psi, deriv, control) {
  clusters_(
    design, family, as.double(psi), "mass_points", list(order = deriv), control$threads
  )
}
