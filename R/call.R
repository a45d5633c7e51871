# Calls that came through the `...` of another function, such as lapply(formulas, gee, id = id):
# their matched call has ..1, ..2 and so on.

# Arguments that are evaluated in the data. As ..1 their names would be looked up by the caller.
column_arguments <- c("weights", "offset", "subset", "id", "waves", "inner", "ipw")

#' The call to evaluate
#'
#' Arguments of columns that came through `...` are replaced by their expressions, if these are
#' one-sided formulas or name columns of the data.
#' @noRd
columns_in_dots <- function(call, env) {
  passed <- intersect(dots_arguments(call), column_arguments)
  if (!length(passed)) return(call)
  columns <- data_columns(model_data(call, env))
  for (name in passed) {
    expr <- dots_expression(call[[name]], env)
    variables <- all.vars(expr)
    known <- length(variables) && all(variables %in% columns)
    if (known || is_call_to(expr, "~")) call[[name]] <- expr
  }
  call
}

#' The call as its author wrote it, for reading and for update()
#'
#' @param name The name of the fitting function, which may have been called as FUN or by value.
#' @noRd
written_call <- function(call, env, name) {
  if (!is.call(call[[1L]])) call[[1L]] <- as.name(name)
  for (argument in dots_arguments(call)) {
    call[argument] <- list(dots_expression(call[[argument]], env))
  }
  call
}

dots_arguments <- function(call) {
  through <- function(x) is.name(x) && grepl("^\\.\\.[0-9]+$", as.character(x))
  names(call)[vapply(as.list(call), through, NA)]
}

# What the caller's caller gave for ..1 of the caller, whose frame is `env`.
dots_expression <- function(symbol, env) {
  given <- tryCatch(eval(quote(substitute(list(...))), env), error = function(e) NULL)
  position <- as.integer(sub("..", "", as.character(symbol), fixed = TRUE)) + 1L
  if (length(given) < position) symbol else given[[position]]
}
