# Variables whose value in a row depends on the other rows.

#' A warning where the value of a row depends on the other rows, as that of I(x - mean(x))
#'
#' On new data it is computed from these, not from the rows of the fit. Each call is evaluated for
#' one row alone, and beside a second row that differs in one variable.
#'
#' @param frame,fitted The model frames of `newdata` and of the fit: no matter if they are equal.
#' @noRd
warn_not_by_row <- function(terms, newdata, frame = NULL, fitted = NULL) {
  calls <- as.list(attr(terms, "predvars") %||% attr(terms, "variables"))[-1L]
  found <- !vapply(calls, is_by_row, NA, newdata = newdata, env = environment(terms))
  names <- vapply(as.list(attr(terms, "variables"))[-1L][found], expression_text, "")
  same <- vapply(names, function(name) {
    !is.null(frame) && isTRUE(all.equal(plain_values(frame[[name]]), plain_values(fitted[[name]])))
  }, NA)
  if (all(same)) return(invisible())
  warn("by_row",
    "A variable that depends on all rows is recomputed from `newdata`, not taken from the fit.",
    given = code(names[!same]),
    hint = paste(
      "Compute it before the fit, or use scale(), poly(), splines or within_cluster(),",
      "which keep their constants."
    ),
    variables = names[!same]
  )
}

is_by_row <- function(call, newdata, env) {
  needed <- intersect(all.vars(call), names(newdata))
  rows <- unclass(newdata)[needed]
  if (is.name(call) || !length(needed) || !all(vapply(rows, is.atomic, NA))) return(TRUE)
  complete <- which(do.call(stats::complete.cases, unname(rows)))
  if (!length(complete)) return(TRUE)
  one <- lapply(rows, take_row, complete[1L])
  alone <- value_of_row(call, one, 1L, env)
  same <- function(rows, row) {
    x <- value_of_row(call, rows, row, env)
    is.null(x) || is.null(alone) || isTRUE(all.equal(alone, x))
  }
  beside <- function(other) {
    same(Map(both_rows, one, other), 1L) && same(Map(both_rows, other, one), 2L)
  }
  all(vapply(needed, function(name) {
    others <- different_values(one[[name]], rows[[name]])
    all(vapply(others, function(x) beside(replace(one, name, list(x))), NA))
  }, NA))
}

# The value of a call in one of the rows; NULL if it has none, or is known not to depend on others.
value_of_row <- function(call, rows, row, env) {
  x <- tryCatch(suppressWarnings(eval(call, rows, env)), error = function(e) NULL)
  if (inherits(x, "margmix_cluster_part") || NROW(x) != NROW(rows[[1L]])) return(NULL)
  plain_row(x, row)
}

# Values that a variable could have instead, for one of its values.
different_values <- function(one, all) {
  if (is.logical(one)) return(list(!one))
  if (is.numeric(one) || inherits(one, c("Date", "POSIXct"))) return(list(one + 1, one - 1))
  others <- if (is.factor(one)) factor(levels(one), levels(one)) else unique(all)
  as.list(utils::head(others[!others %in% one], 2L))
}

both_rows <- function(x, y) if (is.matrix(x)) rbind(x, y) else c(x, y)

take_row <- function(x, row) if (is.matrix(x)) x[row, , drop = FALSE] else x[row]

plain_row <- function(x, row) plain_values(take_row(x, row))

plain_values <- function(x) if (is.factor(x)) as.character(x) else as.vector(x)
