# Zero variances of a restricted fit. l_A is even in each column of Lambda, as the likelihood is. A
# variance that is zero by maximum likelihood often is not by l_A, so that the search starts away
# from zero, and its end is compared with the best point at zero.

#' Maximise the restricted likelihood from the maximum of the likelihood
#'
#' @param psi,modes The maximum likelihood estimate.
#' @return As [restricted_search()], with `active`.
#' @section Errors: `restricted`, if J is not positive definite at the start.
#' @noRd
maximise_restricted <- function(problem, psi, modes) {
  design <- problem$design
  theta <- problem$p + seq_len(theta_count(design))
  zero <- zero_columns(design, psi[theta])
  home <- which(theta_columns(design) %in% zero & on_diagonal(design))
  start <- replace(psi, theta[home], 0.3 * problem$unit[home])
  found <- search_active(problem, start, modes, home = home)
  if (length(home)) found <- compare_with_zero(problem, found, psi, modes, zero)
  if (is.null(found)) abort_restricted(problem)
  restricted_zeros(problem, found)
}

# The better of the end of a search away from zero and of the best point with zeros in the columns
# that are zero by maximum likelihood.
compare_with_zero <- function(problem, found, psi, modes, zero) {
  if (!isTRUE(found$at_home)) {
    return(better_restricted(found, search_active(problem, psi, modes, found$value %||% -Inf)))
  }
  columns <- problem$p + which(theta_columns(problem$design) %in% zero)
  at_zero <- search_active(problem, replace(found$psi, columns, 0), found$modes)
  best <- better_restricted(found, at_zero)
  if (identical(best, found)) search_active(problem, found$psi, found$modes) else best
}

abort_restricted <- function(problem) {
  abort("restricted", "The restricted likelihood is not finite near the maximum likelihood fit.",
    given = "an information of the coefficients that is not positive definite",
    hint = "A coefficient has no finite estimate: see separation, or leave `REML` FALSE."
  )
}

# All but the columns of Lambda that are zero, and a dispersion at its limit.
search_active <- function(problem, psi, modes, ...) {
  design <- problem$design
  p <- problem$p
  theta <- psi[p + seq_len(theta_count(design))]
  zero <- zero_columns(design, theta)
  rho <- !unidentified_rho(design, lambda_matrix(design, theta))
  parts <- split_parameters(design, problem$family, psi)
  limit <- at_dispersion_limit(list(design = design, family = problem$family, phi = parts$phi))
  aux <- aux_count(design, problem$family)
  active <- c(!theta_columns(design) %in% zero, rho, rep(!limit, aux))
  found <- restricted_search(problem, psi, modes, active, ...)
  if (!is.null(found)) found$active <- active
  found
}

# The first unless the second is higher, or the same but for rounding.
better_restricted <- function(found, other) {
  if (is.null(other)) return(found)
  if (is.null(found)) return(other)
  if (other$value >= found$value - 1e-9 * max(1, abs(found$value))) other else found
}

# Columns, and rows, of Lambda that are near zero, against the best point with zeros there.
restricted_zeros <- function(problem, found) {
  design <- problem$design
  p <- problem$p
  for (column in rev(unique(theta_columns(design)))) {
    entries <- which(theta_columns(design) == column)
    length <- sqrt(sum((found$psi[p + entries] / problem$unit[entries])^2))
    reach <- max(3 * (found$size / problem$unit)[entries], 1e-3)
    if (length == 0 || length > reach) next
    psi <- replace(found$psi, p + entries, 0)
    found <- better_restricted(found, search_active(problem, psi, found$modes, found$value))
  }
  for (row in seq_len(effect_count(design))) {
    entries <- which(theta_rows(design) == row)
    length <- sqrt(sum((found$psi[p + entries] / problem$unit[entries])^2))
    if (length > 1e-3 || all(found$psi[p + which(theta_columns(design) == row)] == 0)) next
    psi <- lose_row(design, found$psi, row)
    found <- better_restricted(found, search_active(problem, psi, found$modes, found$value))
  }
  found
}
