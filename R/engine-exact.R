# Sums without rounding: shards send them as slices, whose total does not depend on the split. A sum
# is a matrix with a row for each total and a column for each slice; its attribute `shape` is the
# dimension of what is summed.

#' Sums of columns
#' @param x n x k, or n numbers.
#' @return Sums of shape k, or `shape`.
#' @noRd
engine_exact_sums <- function(x, shape = NCOL(x)) {
  x <- as.matrix(x)
  storage.mode(x) <- "double"
  sums <- rows_("exact_sums", list(x = x))
  attr(sums, "shape") <- as.integer(shape)
  sums
}

#' x'x, whose terms are products of doubles
#' @noRd
engine_exact_gram <- function(x) rows_("exact_gram", list(x = x))

#' Sums of columns less a shift, for facts of all shards
#' @param start Where clusters begin, from 0, and their end: rows of one are summed as doubles.
#' @return A list: `d`, sums of x - shift; `d2`, of their squares; `gram`, X'X.
#' @noRd
engine_column_sums <- function(X, shift, start) {
  rows_("column_sums", list(X = X, shift = as.double(shift), start = start))
}

#' The total of sums without rounding, and of numbers, of several parts
#' @param shape From [shape_of_sum()].
#' @return Doubles of that shape.
#' @noRd
engine_exact_total <- function(parts, shape) {
  size <- max(vapply(parts, NROW, 0L))
  slices <- do.call(cbind, lapply(parts, function(part) matrix(as.double(part), size)))
  rows_("exact_total", list(slices = slices, shape = shape))
}

# NULL where all parts are numbers.
shape_of_sum <- function(parts) Find(Negate(is.null), lapply(parts, attr, "shape"))

#' X beta, each row by itself
#'
#' Kernels of matrix products give rows different bits by their place.
#' @param map p x k, or p coefficients.
#' @noRd
engine_products_by_row <- function(X, map) {
  map <- as.matrix(map)
  storage.mode(map) <- "double"
  rows_("row_products", list(x = X, map = map))
}

#' The Hessian with its columns in log phi
#' @param steps Gradients at the steps of the differences.
#' @noRd
engine_aux_columns <- function(hessian, steps) {
  rows_("aux_columns", list(hessian = hessian, gradients = do.call(cbind, steps)))
}

#' Totals of the log-likelihood and its derivatives, from modes that start at zero
#' @return A list: `value`, `gradient`, `hessian`, up to the order `deriv`, without rounding (or
#'   numbers, of models that are no sums over clusters); `steps`, the gradients of
#'   [engine_aux_columns()]; `status`.
#' @noRd
engine_exact_evaluate <- function(design, family, psi, K, deriv, only_beta, threads) {
  ask <- list(
    K = K, modes = NULL, order = deriv, scores = FALSE, information = FALSE,
    known_phi = only_beta, exact = TRUE
  )
  out <- objective_(engine_arrays(design), family, as.double(psi), "evaluate", ask, threads)
  out[c("value", "gradient", "hessian", "steps", "status")]
}

#' Numbers in [0, 1) that look random, each made of one value
#' @param x Numbers or text.
#' @noRd
engine_spread <- function(x) rows_("spread", list(x = x))
