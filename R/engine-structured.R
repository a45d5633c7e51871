# Calls of the engine for related levels.

#' What follows from the precision of related levels alone
#' @param relation From [relation_of()].
#' @return A list: `definite`; `log_det`, of Q; `variance`, the diagonal of its inverse.
#' @noRd
engine_relation_facts <- function(relation, rho = numeric()) {
  relation_(relation, "facts", list(rho = as.double(rho)))
}

#' The lower triangle of a dense matrix
#' @param x A square matrix of doubles.
#' @return A list: `start`, `row`, `diagonal` and `below`, of the entries that are not zero;
#'   `largest`, the size of an entry, `NaN` where one is not finite; `asymmetry`, of a difference.
#' @noRd
engine_lower_triangle <- function(x) relation_(list(x = x), "lower", list())

#' The precision that belongs to a known covariance
#' @param lower Its entries, from [sparse_lower()].
#' @param most Most dimensions of a null space; of more only their number is found.
#' @return A list: `start`, `row`, `diagonal`, `below` and `log_det` of the (pseudo-)inverse;
#'   `constraint`, `anchor` and `weight` as of [intrinsic_relation()]; `zeros`, the number of
#'   constraints; `indefinite`, the levels (from 0) of a block that is no covariance, and `least`,
#'   its smallest eigenvalue.
#' @noRd
engine_inverse_covariance <- function(lower, most, threads = getOption("margmix.threads", 1L)) {
  relation_(lower, "inverse", list(most = most, threads = as.integer(threads)))
}

#' Random effects of related levels at unit scale, from standard normal draws
#' @param draws levels x columns.
#' @noRd
related_draws <- function(relation, rho, draws) {
  if (is.null(relation)) return(draws)
  relation_(relation, "draws", list(rho = as.double(rho), normals = draws))
}

#' Places of a field in maximin order within their blocks
#' @param relation With `places`, `metric` and `block`, as of [field_relation()].
#' @return A list: `order` (from 1), and by place the distance `apart` from those before it.
#' @noRd
engine_field_order <- function(relation) {
  found <- relation_(relation, "order", list())
  found$order <- found$order + 1L
  found
}

#' Nearest neighbours of places
#'
#' @param order All places, from 1.
#' @param count Most neighbours of a place.
#' @param of,candidate By place: are its neighbours wanted, may it be one?
#' @return A list: `parent_start`, `parent` (from 0), for place after place, neighbours that stand
#'   before it in `order`.
#' @noRd
engine_field_parents <- function(relation, order, count, of, candidate) {
  relation_(relation, "parents", list(
    order = as.integer(order) - 1L, count = count, of = of, candidate = candidate
  ))
}
