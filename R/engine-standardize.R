# Calls of the engine for standardization.

#' Sums over target rows under one setting of the exposure
#'
#' @param rows A list: `X`, `Z` (n x q; q = 0 for a marginal model), `offset`, `weight`: doubles;
#'   `group` (0 to `groups` - 1, -1 leaves a row out), `cluster` (0 to `clusters` - 1): integers;
#'   `exact`, `TRUE` for sums over all rows without rounding.
#' @param beta p coefficients.
#' @param Lambda q x q.
#' @param entries Where its free entries are, from [first_entries()].
#' @return A list, with G groups and m clusters: `weight`, `mean` (G: the sums of w and of w m(eta,
#'   s)), `d_beta` (p x G), `d_theta` (n_theta x G), `cluster_weight`, `cluster_mean` (m x G).
#' @section Errors: `population_mean`.
#' @noRd
engine_standardize <- function(rows, beta, Lambda, entries, law) {
  check_population_mean(law, Lambda)
  population_(marginal_family(law), "standardize", list(
    rows = rows, beta = as.double(beta), Lambda = Lambda, theta_row = entries[, 1L] - 1L,
    theta_col = entries[, 2L] - 1L
  ))
}

#' Corrected scores, and what the degrees of freedom of estimates d'u are made of
#'
#' @param pieces A list: `scores` (m x p), `information` (p x p x m), of some or all of the
#'   clusters.
#' @param B The information of all clusters.
#' @param type `"robust"`, `"KC"`, `"MD"` or `"FG"`.
#' @param directions p x k, the columns d; c'B^-1 for a contrast c of beta.
#' @param exact `TRUE` for `sums` without rounding.
#' @return A list: `scores` (m x p), `leverage` (m; a bound where below 0.02); `sums`, for
#'   [engine_satterthwaite_df()], which add up; `lost` (k), 1 where one cluster alone determines the
#'   estimate.
#' @noRd
engine_corrected_influence <- function(pieces, B, type, directions, exact = NULL) {
  storage.mode(directions) <- "double"
  ask <- list(type = type, directions = directions, exact = exact)
  out <- inference_(c(engine_pieces(pieces), list(B = B)), "corrected_directions", ask)
  out$scores <- t(out$scores)
  out
}
