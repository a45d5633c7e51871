# Target rows of a standardization: their covariates as the model sees them, and their clusters; and
# their counterfactual design, with the exposure set.

#' The rows that are standardized over
#'
#' `fit_target()`: those of the fit, sorted as in its design; `new_target()`: new data.
#'
#' @return A list:
#' * `frame`: every variable of the model, evaluated, factors with the levels of the fit;
#' * `variables`: for each covariate (and offset) in the frame the call that gives it;
#' * `raw(name)`: a variable as it is in the data, or `NULL`;
#' * `n`, `weight` (n), `cluster` (n positions in `levels`, or `NULL`), `levels`, and `known`: the
#'   position of each of the clusters among those of the fit, `NA` if it is new; `effects`: of new
#'   data, see [target_effects()];
#' * `random`: what [frame_design()] is to be asked for; `sorted`: are these the rows of the fit?
#' @noRd
fit_target <- function(fit) {
  design <- fit$design
  random <- random_needed(fit)
  frame <- sorted_frame(fit)
  size <- target_sizes(design)
  data <- NULL
  raw <- function(name) {
    if (!is.null(frame[[name]])) return(frame[[name]])
    if (is.null(data)) data <<- fit_data(fit)
    x <- if (name %in% names(data)) data[[name]] else environment_rows(fit, name)
    if (!is.null(x)) design_order(x, design)
  }
  list(
    frame = match_levels(frame, known_levels(design, random)), variables = frame_calls(fit),
    raw = raw, n = nrow(frame), weight = size,
    cluster = cluster_codes(design), levels = cluster_levels(design),
    known = seq_len(cluster_count(design)), random = random, sorted = TRUE,
    cluster_weights = cluster_weights(design)
  )
}

new_target <- function(fit, newdata, settings) {
  random <- random_needed(fit)
  newdata <- as_newdata(newdata)
  # The exposure is set, so it need not be there.
  for (name in setdiff(settings$exposure, names(newdata))) {
    newdata[[name]] <- rep(settings$values[[name]][1L], nrow(newdata))
  }
  frame <- newdata_frame(fit, newdata, random)
  missing <- names(frame)[vapply(frame, anyNA, NA)]
  if (length(missing) || !nrow(frame)) {
    abort("newdata", "`newdata` must have rows, without a missing value in the model's variables.",
      given = if (length(missing)) some_of(code(missing)) else "0 rows"
    )
  }
  clusters <- target_clusters(fit, newdata)
  raw <- function(name) frame[[name]] %||% newdata[[name]]
  c(list(
    frame = frame, variables = frame_calls(fit), raw = raw, n = nrow(frame),
    weight = rep(1, nrow(frame)), random = random, sorted = FALSE
  ), clusters)
}

# The clusters of new data, or NULL if it has none.
target_clusters <- function(fit, newdata) {
  design <- fit$design
  if (!supports(design, "clusters")) return(NULL)
  matched <- match_target(newdata, str2lang(cluster_group(design)), cluster_levels(design))
  levels <- unique(matched$label)
  if (is.null(matched) || anyNA(levels)) return(NULL)
  list(
    cluster = match(matched$label, levels), levels = levels,
    known = match(levels, cluster_levels(design)), effects = target_effects(fit, newdata)
  )
}

match_target <- function(newdata, group, levels) {
  columns <- group_columns(group)
  evaluate <- function(name) eval(str2lang(name), newdata, baseenv())
  values <- tryCatch(
    lapply(stats::setNames(columns, columns), evaluate),
    error = function(e) NULL
  )
  if (is.null(values) || any(lengths(values) != nrow(newdata))) return(NULL)
  match_clusters(values, group, levels)
}

# Positions among the levels of each grouping factor, rows x factors; `NA` if unknown. A marginal
# model has none.
target_effects <- function(fit, newdata) {
  random <- fit$frame$parsed$random
  do.call(cbind, lapply(random_factors(fit$design), function(group) {
    matched <- match_target(newdata, random[[group$terms[1L]]]$group, group$levels)
    matched$cluster %||% rep(NA_integer_, nrow(newdata))
  }))
}

# The model frame in the order of the design, without row names.
sorted_frame <- function(fit) {
  frame <- fit$frame$frame
  columns <- lapply(unclass(frame)[names(frame)], design_order, fit$design)
  structure(columns,
    class = "data.frame", row.names = .set_row_names(nrow(frame)), terms = attr(frame, "terms")
  )
}

# The calls behind the columns of the model frame, as they are evaluated on new data.
frame_calls <- function(fit) {
  whole <- attr(fit$frame$frame, "terms")
  calls <- as.list(attr(whole, "predvars") %||% attr(whole, "variables"))[-1L]
  names(calls) <- part_variables(whole)
  parts <- c(list(fit$frame$terms_fixed), fit$frame$terms_random)
  calls <- calls[unique(unlist(lapply(parts, part_covariates)))]
  if (!is.null(fit$frame$offset_call)) calls[["(offset)"]] <- fit$frame$offset_call
  calls
}

# A variable that lies beside the formula instead of in the data; NULL if it has no value by row.
environment_rows <- function(fit, name) {
  x <- get0(name, envir = environment(fit$formula))
  if (!is.atomic(x) || NROW(x) < 2L || NROW(x) != fit$frame$n_total) return(NULL)
  rows <- seq_len(NROW(x))
  if (length(fit$frame$na.action)) rows <- rows[-fit$frame$na.action]
  take_rows(x, rows)
}

affected_columns <- function(target, exposure) {
  mentions <- vapply(target$variables, function(call) any(all.vars(call) %in% exposure), NA)
  names(target$variables)[mentions]
}

#' The data of a fit, for variables that the model frame has in transformed form only
#'
#' Evaluated anew from the call, as `update()` would, and held against the model frame.
#' @return A data frame in the row order of the model frame.
#' @section Errors: `data_changed`.
#' @noRd
fit_data <- function(fit) {
  frame <- fit$frame$frame
  refuse <- function(given) {
    abort("data_changed", "The data of the fit are gone or have changed.",
      given = given, hint = "Give them as `newdata`, with the grouping variable."
    )
  }
  data <- tryCatch(
    eval(fit$call[["data"]], environment(fit$formula)),
    error = function(e) refuse(conditionMessage(e))
  )
  if (is.environment(data)) data <- as.list(data)
  # where the name is now that of something else, as data() of utils
  if (!is.null(data) && !is.list(data)) {
    refuse(paste(code(expression_text(fit$call[["data"]])), "is of class", class(data)[1L]))
  }
  labels <- attr(frame, "row.names")
  known <- if (is.data.frame(data)) attr(data, "row.names") else seq_len(fit$frame$n_total)
  rows <- match(labels, known)
  if (anyNA(rows)) refuse("rows of the fit are not in it")
  same <- lengths(unclass(data)) == length(known)
  data <- lapply(unclass(data)[same], function(x) if (is.null(dim(x))) x[rows] else x[rows, ])
  for (name in intersect(names(data), names(frame))) {
    equal <- all.equal(as.vector(data[[name]]), as.vector(frame[[name]]), check.attributes = FALSE)
    if (!isTRUE(equal)) refuse(paste(code(name), "has other values"))
  }
  data
}

# Counterfactuals ---------------------------------------------------------------------------------

#' The design of the target rows with the exposure set
#'
#' @param setting A list of one value for each exposure.
#' @param used Which rows count.
#' @return As [frame_design()]; Z has no columns for a marginal model.
#' @section Errors: `values`: a level that the model does not know, or a design that is not finite;
#'   `not_estimable`.
#' @noRd
counterfactual_design <- function(fit, target, setting, used) {
  frame <- target$frame
  for (name in affected_columns(target, names(setting))) {
    frame[[name]] <- counterfactual_column(fit, target, name, setting)
  }
  rows <- frame_design(fit, frame, target$random)
  rows$Z <- if (is.null(rows$Z)) {
    matrix(0, target$n, 0L)
  } else {
    marginal_Z(fit, rows$Z, if (levels_matter(fit$design)) effect_levels(fit, target))
  }
  if (!is.finite(sum(rows$X)) || !is.finite(sum(rows$Z)) || !is.finite(sum(rows$offset))) {
    abort("values", "The covariates of the model must be finite at every setting.",
      given = setting_words(setting)
    )
  }
  check_estimable(fit, frame, setting, used)
  rows
}

setting_words <- function(setting) {
  paste(names(setting), "=", vapply(setting, format, ""), collapse = ", ")
}

# Aliased columns are left out of the fit. That is no loss as long as they are the combinations of
# the others that they were at the fit; a counterfactual row may break that.
check_estimable <- function(fit, frame, setting, used) {
  design <- fit$design
  aliased <- aliased_coefficients(design)
  if (!any(aliased)) return(invisible())
  random <- random_needed(fit)
  fitted <- match_levels(sorted_frame(fit), known_levels(design, random))
  at_fit <- all_columns(design, fitted)
  rule <- qr.coef(qr(at_fit[, !aliased, drop = FALSE]), at_fit[, aliased, drop = FALSE])
  X <- all_columns(design, frame)[used, , drop = FALSE]
  gap <- abs(X[, aliased, drop = FALSE] - X[, !aliased, drop = FALSE] %*% rule)
  broken <- apply(gap > 1e-7 * max(1, abs(X)), 2L, any)
  if (!any(broken)) return(invisible())
  abort("not_estimable", "The data don't determine the mean of every target row.",
    given = paste0(setting_words(setting), ", where ",
      some_of(code(names(which(aliased))[broken])), " would matter but was not estimated"
    ),
    hint = "Leave out this setting, or the interaction, or restrict the target rows."
  )
}

counterfactual_column <- function(fit, target, name, setting) {
  call <- target$variables[[name]]
  needed <- all.vars(call)
  plain <- is.name(call) # the exposure itself, which has one value
  n <- if (plain) 1L else target$n
  set <- lapply(setting[names(setting) %in% needed], rep_len, length.out = n)
  raw <- known_variables(target, setdiff(needed, names(setting)))
  if (!plain) {
    values <- c(raw, known_variables(target, names(set)))
    check_by_row(fit, target, name, setting, values)
  }
  column <- eval(call, c(set, raw), environment(fit$formula))
  if (name == "(offset)") return(rep_len(column, target$n))
  refit <- known_levels(fit$design, target$random)[name]
  if (!is.null(refit[[1L]])) column <- known_column(fit, target, name, column, refit)
  if (plain) column[rep.int(1L, target$n)] else column
}

# The rest of what a call needs are constants of the formula's environment, such as knots.
known_variables <- function(target, names) {
  raw <- lapply(stats::setNames(names, names), target$raw)
  raw[!vapply(raw, is.null, NA)]
}

# A transformation must not depend on the exposure of other rows, as that of poly() or scale() does
# not, which keep the constants of the fit: I(x - mean(x)) would be 0 wherever x is set. A row
# alone, or (if other variables are averaged) with its exposure given to all, must be as observed.
check_by_row <- function(fit, target, name, setting, values) {
  call <- target$variables[[name]]
  observed <- target$frame[[name]]
  is_observed <- function(row, values, at = row) {
    column <- tryCatch(eval(call, values, environment(fit$formula)), error = function(e) NULL)
    if (is.factor(observed)) column <- as.character(column)
    isTRUE(all.equal(plain_row(column, at), plain_row(observed, row)))
  }
  by_row <- function(row) {
    if (is_observed(row, lapply(values, take_row, row), 1L)) return(TRUE)
    set <- intersect(names(setting), names(values))
    values[set] <- lapply(values[set], function(x) take_row(x, rep.int(row, target$n)))
    is_observed(row, values)
  }
  rows <- unique(round(seq(1, target$n, length.out = 5L)))
  if (all(vapply(rows, by_row, NA))) return(invisible())
  abort("exposure", "A transformation of the exposure must not depend on that of other rows.",
    given = code(name),
    hint = paste(
      "Use scale(), poly() or splines, which keep their constants,",
      "or compute the constants before the fit."
    )
  )
}

# A column of text or of a factor, with the levels of the fit.
known_column <- function(fit, target, name, column, refit) {
  one <- structure(stats::setNames(list(column), name), class = "data.frame",
    row.names = .set_row_names(length(column)), terms = attr(target$frame, "terms")
  )
  attr(attr(one, "terms"), "dataClasses") <- attr(attr(fit$frame$frame, "terms"), "dataClasses")
  tryCatch(match_levels(one, refit)[[name]], margmix_error_new_factor_level = function(e) {
    abort("values", "`values` must be values that the exposure can take.",
      given = paste0(some_of(e$levels), " for ", code(name)),
      hint = paste0("Levels: ", some_of(refit[[1L]], 10L), "."), variable = name
    )
  })
}
