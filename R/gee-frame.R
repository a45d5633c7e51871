# The arguments of gee() that describe rows: id, waves, inner, ipw. A bare name, a one-sided formula
# or a vector; evaluated in the model frame, so that subset and na.action cover them.

row_arguments <- c("id", "waves", "inner", "ipw")

#' Expressions of the row arguments
#'
#' @param call The matched call.
#' @param env The environment it was called from.
#' @return A named list of lists of expressions: the factors of an interaction `a:b`.
#' @section Errors: `id`: not given.
#' @noRd
row_expressions <- function(call, env) {
  if (is.null(call[["id"]])) {
    abort("id", "`id` must say which rows belong together: a variable, or ~variable.")
  }
  given <- intersect(row_arguments, names(call))
  given <- given[!vapply(given, function(name) is.null(call[[name]]), NA)]
  lapply(stats::setNames(given, given), function(name) {
    group_factors(without_tilde(call[[name]], env, name))
  })
}

# ~ id and a variable that holds such a formula both stand for id.
without_tilde <- function(expr, env, name) {
  if (is.name(expr)) {
    value <- get0(as.character(expr), envir = env)
    if (inherits(value, "formula")) expr <- value
  }
  if (is.character(expr)) {
    abort("id", paste0(code(name), " must be a variable or a one-sided formula."),
      given = paste("the text", dQuote(expr, FALSE)),
      hint = paste0("Write ", name, " = ", expr, ".")
    )
  }
  if (!is_call_to(expr, "~")) return(expr)
  if (length(expr) == 2L && !is_sum(expr[[2L]], name)) return(expr[[2L]])
  abort("id", paste0(code(name), " must be a variable or a one-sided formula."),
    given = expression_text(expr),
    hint = if (length(expr) == 2L) paste0("Combinations of labels: ", name, " = ~site:person.")
  )
}

# Units are named, not computed: ~a + b and ~a | b mean other things elsewhere.
is_sum <- function(expr, name) {
  operators <- c("+", "-", "*", "/", "^", "|", "||", "&", "%in%")
  name %in% c("id", "inner") && is.call(expr) && deparse(expr[[1L]])[1L] %in% operators
}

#' Values of the row arguments, one vector each
#'
#' The factors of an interaction become one text, as a:b.
#' @noRd
evaluate_rows <- function(expressions, data, formula_env, env) {
  values <- lapply(names(expressions), function(name) {
    parts <- lapply(expressions[[name]], eval_argument, data, formula_env, env)
    parts <- lapply(parts, plain_vector)
    for (part in parts) check_row_values(part, name)
    if (length(parts) == 1L) return(parts[[1L]])
    join_labels(parts)
  })
  values <- stats::setNames(values, names(expressions))
  values[!vapply(values, is.null, NA)]
}

check_row_values <- function(x, name) {
  if (is.null(x) || is.atomic(x) && is.null(dim(x)) && !is.complex(x) && !is.raw(x)) {
    return(invisible())
  }
  abort("id", paste0(code(name), " must be an atomic vector or a factor."),
    given = paste("an object of class", class(x)[1L]),
    hint = if (inherits(x, "family") || is.function(x)) {
      "The third argument of gee() is `id`. Name the family: family = binomial()."
    }
  )
}

# model.frame() knows date-times, but not all classes of vectors.
plain_vector <- function(x) {
  if (inherits(x, "POSIXlt")) as.POSIXct(x) else x
}

join_labels <- function(parts) {
  labels <- lapply(parts, value_labels)
  joined <- do.call(paste, c(unname(labels), sep = ":"))
  joined[Reduce(`|`, lapply(parts, is.na))] <- NA
  joined
}

#' The design of a marginal model
#'
#' @param frame From [build_frame()].
#' @return A list: the `design`, and the `frame` of the rows that take part.
#' @noRd
marginal_design <- function(frame, family, contrasts, correlation) UseMethod("marginal_design")

#' @export
marginal_design.default <- function(frame, family, contrasts, correlation) {
  rows <- weighted_rows(frame, family)
  list(
    frame = rows$frame,
    design = build_gee_design(rows$frame, family, contrasts, correlation, rows$response)
  )
}

# The frame without rows that have no weight, and its response.
weighted_rows <- function(frame, family) {
  response <- marginal_response(frame, family)
  frame <- drop_unweighted(frame, response)
  if (frame$n_unweighted %||% 0L) response <- marginal_response(frame, family)
  list(frame = frame, response = response)
}

#' Drop rows without weight
#'
#' A row of weight 0, or without trials, takes no part: as if it had not been observed.
#' @noRd
drop_unweighted <- function(frame, response) {
  if (isTRUE(min(response$weights, response$trials) > 0)) return(frame)
  empty <- which(response$weights == 0 | response$trials == 0)
  if (!length(empty)) return(frame)
  rows <- attr(frame$frame, "row.names")
  omitted <- frame$na.action
  whole <- seq_len(nrow(frame$frame) + length(omitted))
  if (length(omitted)) whole <- whole[-omitted]
  all <- sort(c(
    stats::setNames(as.integer(omitted), names(omitted)), stats::setNames(whole[empty], rows[empty])
  ))
  class(all) <- class(omitted) %||% "omit"
  frame$n_ids <- frame$n_ids %||% count_values(frame$frame[["(id)"]])
  attributes_kept <- attributes(frame$frame)[c("terms")]
  frame$frame <- frame$frame[-empty, , drop = FALSE]
  attr(frame$frame, "terms") <- attributes_kept$terms
  frame$na.action <- all
  frame$n_dropped <- frame$n_dropped + length(empty)
  frame$n_unweighted <- length(empty)
  frame$unweighted_rows <- rows[empty]
  frame
}
