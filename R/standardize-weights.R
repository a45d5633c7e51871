# Weights and subgroups of the target rows of a standardization.

#' Weights of the target rows
#'
#' @param weights `NULL`, the name of a variable, or a number for each row in the caller's order.
#' @noRd
target_weights <- function(fit, target, weights) {
  if (is.null(weights)) return(target$weight)
  if (inherits(weights, "formula")) weights <- all.vars(weights)
  if (is.character(weights) && length(weights) == 1L) {
    weights <- named_weights(target, weights)
  } else if (target$sorted) {
    weights <- sorted_weights(fit, target, weights)
  }
  check_target_weights(weights, target$n)
  as.numeric(weights)
}

named_weights <- function(target, name) {
  target$raw(name) %||% abort(
    "weights", "`weights` must be numbers, or the name of a variable in the data.", given = name
  )
}

# From the caller's order to that of the design; the caller may count the dropped rows.
sorted_weights <- function(fit, target, weights) {
  dropped <- fit$frame$na.action
  if (length(dropped) && length(weights) == target$n + length(dropped)) {
    weights <- weights[-dropped]
  }
  if (length(weights) == target$n) design_order(weights, fit$design) else weights
}

check_target_weights <- function(weights, n) {
  wrong <- if (!is.numeric(weights)) {
    class(weights)[1L]
  } else if (length(weights) != n) {
    paste0(length(weights), " numbers for ", n, " rows")
  } else if (!all(is.finite(weights))) {
    paste0("missing or infinite for ", count_of(sum(!is.finite(weights)), "row"))
  } else if (any(weights < 0)) {
    paste0("negative for ", count_of(sum(weights < 0), "row"))
  } else if (!any(weights > 0)) {
    "all of them zero"
  }
  if (is.null(wrong)) return(invisible())
  abort("weights",
    "`weights` must be numbers that are not negative, one for each target row, not all zero.",
    given = wrong
  )
}

#' Subgroups of the target rows
#'
#' @param by `NULL`, names of variables, or a one-sided formula.
#' @return A list: `index` (n positions), `labels`, and `table`, a data frame of the values with a
#'   row for each subgroup. Without `by` one group.
#' @section Errors: `by`: not a variable, missing values, or a level without rows.
#' @noRd
target_subgroups <- function(target, by, exposure) {
  if (is.null(by)) return(list(index = rep(1L, target$n), labels = "", table = NULL))
  if (inherits(by, "formula")) by <- all.vars(by)
  if (!is.character(by) || !length(by) || any(by %in% exposure)) {
    abort("by", "`by` must name variables of the data other than the exposure.",
      given = if (is.character(by)) some_of(by) else class(by)[1L]
    )
  }
  codes <- lapply(stats::setNames(by, by), function(name) subgroup_codes(target, name))
  key <- combine_codes(codes)
  found <- sort(unique(key))
  first <- match(found, key)
  values <- lapply(codes, function(code) code$levels[code$code[first]])
  labels <- do.call(paste, c(Map(paste, by, values, sep = " = "), sep = ", "))
  list(
    index = match(key, found), labels = labels,
    table = structure(values, class = "data.frame", row.names = .set_row_names(length(found)))
  )
}

subgroup_codes <- function(target, name) {
  x <- target$raw(name)
  if (is.null(x) || length(x) != target$n) {
    abort("by", "`by` must name variables of the data.", given = code(name), variable = name)
  }
  if (anyNA(x)) {
    abort("by", "A variable in `by` must have no missing value.", given = code(name))
  }
  if (is.factor(x)) {
    empty <- levels(x)[tabulate(x, nlevels(x)) == 0L]
    if (length(empty)) {
      abort("subgroup", "Every subgroup must have rows.",
        given = paste(code(name), "=", some_of(empty)), variable = name, levels = empty
      )
    }
  }
  value_codes(x)
}
