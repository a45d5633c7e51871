# One model frame for everything: response, covariates, groups, subset, weights, offset, na.action.

#' Build the model frame of a call
#'
#' The arguments `data`, `subset`, `weights`, `offset` and `na.action` of `call` are evaluated as
#' in [stats::lm()]: in the data, then in the environment of the formula; and where a name is in
#' neither, in `env`.
#'
#' @param call The matched call of the fitting function.
#' @param env The environment it was called from.
#' @param parsed From [parse_formula()].
#' @param rows Expressions of further variables by row, from [row_expressions()]; the frame has
#'   them as `(id)` and so on.
#' @return A list:
#' * `frame`: a data frame in the caller's row order, after `subset` and `na.action`;
#' * `parsed`: `parsed`, with `.` expanded;
#' * `terms_fixed`, `terms_random` (a list), `terms_dispersion` (perhaps `NULL`): terms with
#'   `predvars` and `dataClasses`, so that `poly()` and the like are evaluated on new data as they
#'   were on these;
#' * `na.action`: what [stats::naresid()] needs, or `NULL`;
#' * `n_ids`: values of `(id)` before `na.action`, if rows were dropped;
#' * `n_total`, `n_dropped`: rows after `subset`, and those that `na.action` dropped;
#' * `offset_call`: the expression of the `offset` argument, or `NULL`;
#' * `data_name`, `data_columns`: text of the `data` argument, and the names in it;
#' * `counted`: are the rows counted ones (see [counted_data()])? `(weights)` then has the counts.
#' @section Errors: `data_family`, `data` (not there, or no data frame), `frame` (a
#'   variable is missing or unfit), `weights`,
#'   `response_term`, `no_rows`, `missing_values` (with `na.fail`, or left by `na.pass`).
#' @noRd
build_frame <- function(call, env, parsed, rows = NULL) {
  frame_of(model_data(call, env), call, env, parsed, rows)
}

frame_of <- function(data, call, env, parsed, rows) UseMethod("frame_of")

#' @export
frame_of.default <- function(data, call, env, parsed, rows) {
  data <- counted_data(data, call, parsed)
  if (is_counted(data)) call$weights <- quote(.count)
  parsed <- expand_dot(parsed, data)
  formula_env <- environment(parsed$frame)
  arguments <- lapply(
    as.list(call)[intersect(c("subset", "weights", "offset"), names(call))],
    eval_argument, data = data, formula_env = formula_env, env = env
  )
  arguments <- Filter(Negate(is.null), arguments)
  check_given_values(arguments[c("weights", "offset")], names(data))
  arguments <- c(arguments, evaluate_rows(rows, data, formula_env, env))
  if (is.logical(arguments$subset)) {
    arguments$subset <- arguments$subset & !is.na(arguments$subset)
  }
  frame <- evaluate_frame(parsed$frame, data, arguments, chosen_na_action(call, data, env))
  check_response_side(frame)
  check_no_missing(frame)
  n_dropped <- count_dropped(attr(frame, "na.action"), data, arguments$subset)
  if (!nrow(frame)) {
    abort("no_rows", "No rows are left to fit.",
      given = paste("0 rows after `subset` and", n_dropped, "dropped by `na.action`")
    )
  }
  written <- written_call(call, env, "fit")
  home <- frame_home(formula_env, parsed, rows, written, names(data))
  parsed <- move_formulas(parsed, home)
  attr(attr(frame, "terms"), ".Environment") <- home
  with_bases <- add_smooths(frame, parsed)
  frame <- with_bases$frame
  parsed <- with_bases$parsed
  fixed <- part_terms(parsed$fixed, frame)
  random <- lapply(parsed$random, function(term) part_terms(term$lhs, frame))
  dispersion <- if (!is.null(parsed$dispersion)) part_terms(parsed$dispersion, frame)
  list(
    frame = drop_unused_levels(frame, Filter(Negate(is.null), c(list(fixed, dispersion), random))),
    parsed = parsed, terms_fixed = fixed, terms_random = random, terms_dispersion = dispersion,
    na.action = attr(frame, "na.action"), n_ids = attr(frame, "ids"),
    n_total = nrow(frame) + length(attr(frame, "na.action")), n_dropped = n_dropped,
    offset_call = call[["offset"]],
    data_name = substr(expression_text(written[["data"]]), 1L, 60L),
    data_columns = names(data), counted = is_counted(data)
  )
}

# Rows that na.action dropped, of which a counted one stands for many.
count_dropped <- function(dropped, data, subset) {
  if (!is_counted(data)) return(length(dropped))
  count <- if (is.null(subset)) data$.count else data$.count[subset]
  sum(count[dropped])
}

# Evaluation ------------------------------------------------------------------------------------

model_data <- function(call, env) {
  data <- tryCatch(eval(call[["data"]], env), error = function(e) {
    if (inherits(e, "margmix_error")) stop(e)
    abort("data", "`data` was not found where the model is fitted.", given = conditionMessage(e))
  })
  if (inherits(data, "family") || is.function(data)) {
    abort("data_family", "`data` must be a data frame, but a family was given in its place.",
      hint = "Name the argument: family = binomial()."
    )
  }
  fits <- is.null(data) || is.data.frame(data) || is.environment(data) ||
    is.list(data) && !is.null(names(data))
  if (!fits) {
    abort("data", "`data` must be a data frame (or a named list, or an environment).",
      given = paste("an object of class", class(data)[1L])
    )
  }
  if (is.data.frame(data)) plain_columns(data) else data
}

# As in lm(), but a name that neither the data nor the formula's environment has is looked up where
# the fitting function was called: a formula made elsewhere then does no harm.
eval_argument <- function(expr, data, formula_env, env) {
  known <- vapply(all.vars(expr), function(name) {
    name %in% names(data) ||
      !is.null(value <- get0(name, envir = formula_env)) && !is.function(value)
  }, NA)
  enclos <- if (all(known)) formula_env else env
  if (is.environment(data)) data <- as.list(data)
  tryCatch(eval(expr, data, enclos), error = function(e) refuse_frame(e, names(data)))
}

# A variable is given by its bare name, not as text or a formula.
check_given_values <- function(arguments, columns) {
  for (name in names(Filter(Negate(is.null), arguments))) {
    value <- arguments[[name]]
    formula <- inherits(value, "formula")
    if (!formula && !(is.character(value) && length(value) == 1L)) next
    meant <- if (formula) all.vars(value) else intersect(value, columns)
    abort(name, paste0(code(name), " must be a variable or a numeric vector."),
      given = if (formula) expression_text(value) else paste("the text", dQuote(value, FALSE)),
      hint = if (length(meant) == 1L) paste0("Write ", name, " = ", meant, ".")
    )
  }
}

chosen_na_action <- function(call, data, env) {
  if ("na.action" %in% names(call)) {
    action <- eval(call[["na.action"]], env)
  } else {
    stored <- attr(data, "na.action")
    action <- if (is.null(stored) || is.numeric(stored)) getOption("na.action") else stored
  }
  na_function(action %||% stats::na.pass, env)
}

na_function <- function(action, env = globalenv()) {
  named <- is.character(action) && length(action) == 1L
  found <- if (named) get0(action, envir = env, mode = "function") else action
  if (is.function(found)) return(found)
  abort("na_action", "`na.action` must be a function or its name.", given = value_text(action))
}

# The standard actions need not run, nor copy the frame, when nothing is missing.
evaluate_frame <- function(formula, data, arguments, na_action) {
  evaluate <- function(action) {
    call <- as.call(c(
      list(quote(stats::model.frame), formula = formula, data = data, na.action = action), arguments
    ))
    tryCatch(eval(call), error = function(e) refuse_frame(e, names(data)))
  }
  if (identical(na_action, stats::na.fail)) na_action <- stats::na.pass
  standard <- list(stats::na.omit, stats::na.exclude, stats::na.pass)
  if (!any(vapply(standard, identical, NA, na_action))) return(evaluate(na_action))
  frame <- evaluate(stats::na.pass)
  missing <- any(vapply(frame, anyNA, NA))
  if (!missing || identical(na_action, stats::na.pass)) return(frame)
  ids <- count_values(frame[["(id)"]])
  frame <- evaluate(na_action)
  attr(frame, "ids") <- ids
  frame
}

count_values <- function(x) length(unique(x[!is.na(x)]))

refuse_frame <- function(e, columns) {
  if (inherits(e, "margmix_error")) stop(e)
  text <- conditionMessage(e)
  listed <- regmatches(text, regexec("^invalid type \\(list\\) for variable '(.+)'$", text))[[1L]]
  if (length(listed)) {
    abort("frame", "A variable of the model must be a vector, a factor or a matrix.",
      given = paste(code(listed[2L]), "is a list"),
      hint = paste0("If each element is one value, unlist(", listed[2L], ") is a vector.")
    )
  }
  missing <- regmatches(text, regexec("^object '(.+)' not found$", text))[[1L]]
  close <- if (length(missing)) closest_name(missing[2L], setdiff(columns, missing[2L]))
  abort("frame",
    if (length(missing)) {
      "A variable of the model was not found."
    } else {
      "The variables of the model can't be evaluated, or differ in length."
    },
    given = text,
    hint = if (length(close)) paste0("Did you mean ", some_of(code(close)), "?")
  )
}

check_no_missing <- function(frame) {
  missing <- names(frame)[vapply(frame, anyNA, NA)]
  if (!length(missing)) return(invisible())
  rows <- attr(frame, "row.names")
  given <- vapply(missing, function(name) {
    column <- is.na(frame[[name]])
    if (is.matrix(column)) column <- rowSums(column) > 0
    paste0(code(name), " in ", some_rows(rows[which(column)]))
  }, "")
  abort("missing_values", "The variables of the model have missing values.", given = given,
    hint = "na.action = na.omit or na.exclude leaves such rows out."
  )
}

# Without its response such a term would have no variable: a column that model.matrix() counts and
# never fills, or an interaction that has become another term.
check_response_side <- function(frame) {
  factors <- attr(attr(frame, "terms"), "factors")
  if (!length(factors)) return(invisible())
  terms <- colnames(factors)[factors[1L, ] > 0]
  if (!length(terms)) return(invisible())
  abort("response_term", "The response must not be on the right side of the formula.",
    given = paste0(code(names(frame)[1L]), " in ", some_of(code(terms))),
    hint = "A model can't explain a response by itself: leave it out."
  )
}

# The environment that the fit keeps, from all that its call names. The formula is known.
frame_home <- function(home, parsed, rows, call, columns) {
  arguments <- as.list(call)[-1L]
  arguments$formula <- NULL
  by_row <- names(arguments) %in% column_arguments
  expressions <- c(
    list(parsed$frame), relation_expressions(parsed), unlist(rows), arguments[by_row]
  )
  kept_home(home, expressions, c(arguments[!by_row], parsed$smooths), columns)
}

# Pieces ----------------------------------------------------------------------------------------

# Unused levels of covariates would be columns of zeros. Groups take care of themselves, and the
# response keeps its levels: failure is the first of them, seen or not.
drop_unused_levels <- function(frame, parts) {
  for (name in unique(unlist(lapply(parts, part_covariates)))) {
    x <- frame[[name]]
    if (!is.factor(x) || all(tabulate(x, nlevels(x)) > 0L)) next
    frame[[name]] <- x[, drop = TRUE]
    if (!is.null(attr(x, "contrasts"))) {
      warn("contrasts", "Contrasts of a factor are lost when its unused levels are dropped.",
        given = code(name), hint = "Set `contrasts`, or drop the levels from the data first."
      )
    }
  }
  frame
}

# The names that the variables of a group have in the model frame.
group_columns <- function(group) vapply(group_factors(group), expression_text, "")

#' Terms of a part of the model, ready for new data
#'
#' @param formula The part, e.g. `~ 1 + x`.
#' @param frame A model frame that has all its variables.
#' @return A terms object with `predvars` and `dataClasses`.
#' @noRd
part_terms <- function(formula, frame) {
  part <- stats::terms(formula)
  whole <- attr(frame, "terms")
  variables <- part_variables(part)
  position <- match(variables, names(frame))
  attr(part, "predvars") <- as.call(c(quote(list), as.list(attr(whole, "predvars"))[-1L][position]))
  attr(part, "dataClasses") <- attr(whole, "dataClasses")[variables]
  part
}

# Names of the variables of a part, as in the model frame.
part_variables <- function(part) vapply(as.list(attr(part, "variables"))[-1L], expression_text, "")

part_covariates <- function(part) part_variables(stats::delete.response(part))
