# Calls of the engine for covariances whose entries depend on each other: shapes only.

#' Entries of Lambda of a term, by column, and their derivatives
#'
#' @param kind A name of `covariance_structures`.
#' @param q Number of effects.
#' @param tau Its parameters.
#' @param g Gradient in the entries.
#' @return A list: `entries`; `jacobian`, entries x parameters; `bend`, the second derivatives of
#'   the entries summed with weights `g`.
#' @noRd
engine_covariance_entries <- function(kind, q, tau, g) {
  covariance_(kind, q, "entries", list(tau = as.double(tau), g = as.double(g)))
}

#' Parameters of a term from its entries
#' @noRd
engine_covariance_parameters <- function(kind, q, entries) {
  covariance_(kind, q, "parameters", list(entries = as.double(entries)))
}
