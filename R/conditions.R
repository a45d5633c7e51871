# Conditions: every error, warning and note of the package has a class of its own.
#
# Text: what must hold; what was given (name, value, first rows); what to do.

#' Raise a classed condition
#'
#' `abort()` raises an error of class `margmix_error_<cause>` under `margmix_error`, `warn()` a
#' warning of class `margmix_warning_<cause>` under `margmix_warning`, and `note()` a message of
#' class `margmix_note_<cause>` under `margmix_note`.
#'
#' @param cause One word that names the cause; part of the class.
#' @param must What must hold, or what happened: one sentence.
#' @param given What was given instead: `NULL` or lines of text.
#' @param hint What to do: `NULL` or lines of text.
#' @param call The call to show, `NULL` for none.
#' @param ... Named fields to store on the condition.
#' @return `abort()` does not return; `warn()` and `note()` return `NULL`, invisibly.
#' @noRd
abort <- function(cause, must, given = NULL, hint = NULL, call = NULL, ...) {
  stop(errorCondition(
    condition_text(must, given, hint), ...,
    class = c(paste0("margmix_error_", cause), "margmix_error"), call = call
  ))
}

#' @noRd
warn <- function(cause, must, given = NULL, hint = NULL, call = NULL, ...) {
  warning(warningCondition(
    condition_text(must, given, hint), ...,
    class = c(paste0("margmix_warning_", cause), "margmix_warning"), call = call
  ))
  invisible()
}

#' @noRd
note <- function(cause, must, given = NULL, hint = NULL, call = NULL, ...) {
  message(structure(
    list(message = paste0(condition_text(must, given, hint), "\n"), call = call, ...),
    class = c(paste0("margmix_note_", cause), "margmix_note", "message", "condition")
  ))
  invisible()
}

condition_text <- function(must, given = NULL, hint = NULL) {
  paste(c(
    must,
    if (length(given)) paste0("  Given: ", given),
    if (length(hint)) paste0("  Hint: ", hint)
  ), collapse = "\n")
}

#' A record of the conditions that an expression raises
#'
#' `withCallingHandlers(expr, margmix_warning = record$keep, margmix_note = record$keep)` keeps the
#' texts of warnings and notes of the package, which go on to the caller as usual.
#'
#' @return A list of functions: `keep`, the handler; `warnings` and `notes`, the texts so far, named
#'   by cause.
#' @noRd
condition_record <- function() {
  texts <- list(warning = character(), note = character())
  keep <- function(condition) {
    kind <- if (inherits(condition, "margmix_note")) "note" else "warning"
    cause <- sub("^margmix_[a-z]+_", "", class(condition)[1L])
    earlier <- texts[[kind]][names(texts[[kind]]) == cause]
    text <- sub("\n$", "", conditionMessage(condition))
    texts[[kind]][[cause]] <<- paste(c(earlier, text), collapse = "\n")
  }
  list(keep = keep, warnings = function() texts$warning, notes = function() texts$note)
}

#' Words for the texts of conditions
#'
#' `some_of()` lists the first elements and counts the rest; `some_rows()` does so for rows, by
#' their labels in the caller's data; `code()` puts names in backticks.
#' @noRd
some_of <- function(x, max = 5L) {
  if (is.function(x)) x <- "a function"
  x <- as.character(x)
  rest <- length(x) - max
  if (rest <= 0L) return(paste(x, collapse = ", "))
  paste(paste(x[seq_len(max)], collapse = ", "), "and", rest, "more")
}

some_rows <- function(rows) {
  paste(if (length(rows) == 1L) "row" else "rows", some_of(rows))
}

code <- function(x) paste0("`", x, "`")

#' Text of an expression on one line
#' @noRd
expression_text <- function(expr) {
  if (is.name(expr)) return(as.character(expr))
  paste(deparse(expr, width.cutoff = 500L), collapse = " ")
}
