# Calls of the engine for rows of a design.

#' Which rows are equal?
#'
#' @param columns A list of vectors and matrices of doubles or integers, without `NA`, with n rows.
#' @return n integers: the set of equal rows each is in, from 1, in the order of their first rows.
#' @noRd
engine_equal_rows <- function(columns, n) {
  rows_("equal", list(columns = columns, n = n)) + 1L
}

#' Where runs of equal values begin
#' @param x Integers, doubles or text, without `NA`.
#' @return Positions.
#' @noRd
engine_run_starts <- function(x) {
  if (is.numeric(x)) return(rows_("runs", list(x = x)))
  which(c(length(x) > 0L, x[-1L] != x[-length(x)]))
}

#' What checks and scales ask of the columns of a matrix of doubles, in one pass
#'
#' @param gram Is X'X wanted, too?
#' @return A list: `mean`, not finite where a value of the column is not; `about`, sums of squares
#'   about the mean, exactly 0 for a constant; `gram`, X'X.
#' @noRd
engine_column_facts <- function(X, gram = FALSE, threads = 1L) {
  facts <- rows_("columns", list(X = X, gram = gram, threads = threads))
  names(facts$mean) <- names(facts$about) <- colnames(X)
  if (gram) dimnames(facts$gram) <- list(colnames(X), colnames(X))
  facts
}
