# Values by row of a design. A fit, or a shard, stores those that are the same in every row once, so
# they are read through these functions.

#' Trials, weights and offset of the rows of a design
#'
#' @param design A design, with n values of each of `trials`, `weights`, `offset`, or one for all.
#' @return n doubles; `used_rows()`: n logicals, has the row a weight and trials? `all_used()`: have
#'   all?
#' @noRd
row_trials <- function(design) row_values(design, "trials")
row_weights <- function(design) row_values(design, "weights")
row_offset <- function(design) row_values(design, "offset")
most_trials <- function(design) UseMethod("most_trials")

#' @export
most_trials.default <- function(design) max(stored_values(design, "trials"))

used_rows <- function(design) {
  if (all_used(design)) return(rep.int(TRUE, length(design$y)))
  row_weights(design) > 0 & row_trials(design) > 0
}

all_used <- function(design) {
  least <- function(name) min(stored_values(design, name), Inf)
  least("weights") > 0 && least("trials") > 0
}

# One value for all rows, or n.
stored_values <- function(design, name) design[[name]]

row_values <- function(design, name) {
  x <- stored_values(design, name)
  n <- length(design$y)
  if (length(x) == 1L) rep.int(x, n) else x
}

# Those of some rows.
some_values <- function(design, name, rows) {
  x <- stored_values(design, name)
  if (length(x) == 1L) rep.int(x, length(rows)) else x[rows]
}

# The sum over n rows of stored values.
sum_stored <- function(x, n) if (length(x) == 1L) n * x else sum(x)

# How many rows are used, and the sum of their weights.
count_used <- function(design) UseMethod("count_used")

#' @export
count_used.default <- function(design) {
  n <- length(design$y)
  if (all_used(design)) {
    return(list(rows = n, weight = sum_stored(stored_values(design, "weights"), n)))
  }
  used <- used_rows(design)
  list(rows = sum(used), weight = sum(row_weights(design)[used]))
}

#' What the response of the rows is
#' @return A list of `y`, `trials`, `weights`, `offset`: n doubles each.
#' @noRd
response_rows <- function(design) {
  list(
    y = design$y, trials = row_trials(design), weights = row_weights(design),
    offset = row_offset(design)
  )
}

#' The design as a fit or a shard keeps it: values that are the same in every row once
#' @param names Which values. The engine wants an offset by row at every call.
#' @noRd
compact_rows <- function(design, names = c("trials", "weights", "offset")) UseMethod("compact_rows")

#' @export
compact_rows.default <- function(design, names = c("trials", "weights", "offset")) {
  for (name in names) {
    x <- design[[name]]
    if (length(x) && min(x) == max(x)) design[[name]] <- x[1L]
  }
  design
}
