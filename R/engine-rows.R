# Calls of the engine for rows of a design.

#' Which rows are equal?
#'
#' @param columns A list of vectors and matrices of doubles or integers, without `NA`, with n rows.
#' @return n integers: the set of equal rows each is in, from 1, in the order of their first rows.
#' @noRd
engine_equal_rows <- function(columns, n) equal_rows_(columns, n) + 1L

#' Where runs of equal values begin
#' @param x Integers, doubles or text, without `NA`.
#' @return Positions.
#' @noRd
engine_run_starts <- function(x) {
  if (is.numeric(x)) return(run_starts_(x))
  which(c(length(x) > 0L, x[-1L] != x[-length(x)]))
}
