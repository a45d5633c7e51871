# Calls of the engine for marginal regressions and second moments that a mixed model implies.

# What these kernels need to know of a family and the distribution of the random effects, from
# population_law().
marginal_family <- function(law) {
  list(
    family = law$family, link = law$link, weights_type = "prior",
    law = law$law
  )
}

#' The marginal regression that population means imply
#'
#' @param rows A list: `X` (n x p), `offset`, `weight`, `mean` and its derivatives `d_eta` (n) and
#'   `d_theta` (n x t).
#' @param start Where the search for gamma begins.
#' @return A list: `gamma` (p), `jacobian` (p x (p + t), in beta and theta), `converged`,
#'   `iterations`.
#' @noRd
engine_projection <- function(rows, law, phi, start) {
  population_(marginal_family(law), "projection", list(
    rows = rows, variance = variance_coefficients(law, phi), start = as.double(start)
  ))
}

# Of rows: the fixed part of each, and the standard deviation of the random part.
predictors <- function(eta, s) {
  list(eta = as.double(eta), s = as.double(rep_len(s, length(eta))))
}

#' Variance between clusters of the mean of rows, with its derivatives
#' @param s Standard deviation of the random part of the predictor.
#' @return A list: `value`, `d_eta`, `d_s`.
#' @noRd
engine_between_variance <- function(eta, s, law) {
  population_(marginal_family(law), "between_variance", predictors(eta, s))
}

#' Covariances of the conditional means of rows
#' @param S Covariance matrix of the random parts of the predictors.
#' @noRd
engine_between_covariance <- function(eta, S, law) {
  population_(marginal_family(law), "between_covariance", list(eta = as.double(eta), S = S))
}

#' Coefficients of the variance function, v0 + v1 mu + v2 mu^2
#'
#' Every variance function of the families here is quadratic (Morris 1982), but for the inverse
#' Gaussian. A dispersion of kind "scale" multiplies it.
#' @noRd
variance_coefficients <- function(family, phi, variance = family_tools(family)$variance) {
  mu <- c(0.2, 0.4, 0.7)
  v <- solve(outer(mu, 0:2, `^`), variance(mu, phi))
  if (abs(variance(0.55, phi) - sum(v * 0.55^(0:2))) > 1e-10 * max(1, abs(v))) {
    abort("family", "The variance must be a quadratic function of the mean.",
      given = family_label(family)
    )
  }
  v
}
