# Checks of arguments that are single values. Errors are of cause `argument` unless said otherwise.

check_switch <- function(x, name, cause = "argument") {
  if (identical(x, TRUE) || identical(x, FALSE)) return(invisible())
  abort(cause, paste0(code(name), " must be TRUE or FALSE."), given = value_text(x))
}

# `NULL` leaves the choice to the function.
check_choice <- function(x, name) if (!is.null(x)) check_switch(x, name)

check_seed <- function(seed) {
  if (is.null(seed)) return(invisible())
  if (is.numeric(seed) && length(seed) == 1L && isTRUE(abs(seed) <= .Machine$integer.max) &&
    seed == round(seed)) {
    return(invisible())
  }
  abort("argument", "`seed` must be NULL or a whole number.", given = value_text(seed))
}

is_count <- function(x) is.numeric(x) && length(x) == 1L && is.finite(x) && x >= 0 && x == round(x)

# `most = Inf` lets Inf stand for all there are.
check_whole <- function(x, name, least, most = .Machine$integer.max) {
  if (is.numeric(x) && length(x) == 1L && isTRUE(x >= least && x <= most && x == round(x))) {
    return(invisible())
  }
  range <- if (most < .Machine$integer.max) {
    paste(least, "to", format(most, big.mark = ",", scientific = FALSE))
  } else if (least == 0) {
    "0 or more"
  } else {
    paste("at least", least)
  }
  abort("argument", paste0(code(name), " must be a whole number, ", range, "."),
    given = value_text(x)
  )
}

# Returns the number.
positive_number <- function(x, name, cause = "control") {
  if (is.numeric(x) && length(x) == 1L && is.finite(x) && x > 0) return(x)
  abort(cause, paste0(code(name), " must be one positive number."), given = value_text(x))
}

#' Digits to print
#' @return `digits`; for `NULL` the default of most printing.
#' @noRd
known_digits <- function(digits) {
  if (is.null(digits)) return(max(3L, getOption("digits") - 3L))
  if (is_count(digits) && digits >= 1 && digits <= 22) return(digits)
  abort("argument", "`digits` must be a whole number from 1 to 22.", given = value_text(digits))
}

#' Labels of a picture: `NULL` for its own, text or an expression
#' @noRd
check_labels <- function(...) {
  given <- list(...)
  for (name in names(given)) {
    x <- given[[name]]
    if (is.null(x) || length(x) == 1L && (is.atomic(x) || is.language(x))) next
    abort("argument", paste0(code(name), " must be one text."), given = value_text(x))
  }
}

# A value on one line, no longer than it can be read.
value_text <- function(x) {
  if (is.function(x)) return("a function")
  if (is.object(x) || is.list(x)) return(paste("an object of class", class(x)[1L]))
  text <- deparse(x)[1L]
  if (nchar(text) > 60L) paste0(substr(text, 1L, 57L), "...") else text
}
