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

#' Evaluate and keep a record of the conditions raised
#'
#' Warnings and notes of the package go on to the caller as usual; their texts are also returned.
#'
#' @param expr An expression.
#' @return A list: `value`, and `warnings` and `notes`, character vectors named by cause.
#' @noRd
record_conditions <- function(expr) {
  record <- list(warnings = character(), notes = character())
  here <- environment()
  keep <- function(kind, cause, text) {
    earlier <- record[[kind]][names(record[[kind]]) == cause]
    record[[kind]][[cause]] <- paste(c(earlier, text), collapse = "\n")
    assign("record", record, envir = here)
  }
  cause_of <- function(condition) sub("^margmix_[a-z]+_", "", class(condition)[1L])
  value <- withCallingHandlers(
    expr,
    margmix_warning = function(w) keep("warnings", cause_of(w), conditionMessage(w)),
    margmix_note = function(n) keep("notes", cause_of(n), sub("\n$", "", conditionMessage(n)))
  )
  c(list(value = value), record)
}

#' Words for the texts of conditions
#'
#' `some_of()` lists the first elements and counts the rest; `some_rows()` does so for rows, by
#' their labels in the caller's data; `code()` puts names in backticks.
#' @noRd
some_of <- function(x, max = 5L) {
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
