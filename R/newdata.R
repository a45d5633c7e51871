# New data come in by the same door: the terms, levels and contrasts of the fit.

#' The design of new data
#'
#' @param fit A fit, or a list with its `design` and `frame`.
#' @param newdata A data frame. Response and weights are not needed.
#' @param random `TRUE` for Z and the clusters; `"Z"` for Z alone, when the grouping variable need
#'   not be there; `FALSE` for neither.
#' @param na.action What to do with missing values: `na.pass` keeps such rows, as `NA`.
#' @return A list, in the row order of `newdata`: `X` (estimated columns only), `Z`, `offset`,
#'   `cluster` (position among the levels of the fit, `NA` for a new one), `new_label` (label of a
#'   new one, otherwise `NA`; both matrices with a column for each grouping factor), and
#'   `na.action`.
#' @section Errors: `newdata` (a variable is missing or of another type), `new_factor_level`,
#'   `offset`.
#' @noRd
design_newdata <- function(fit, newdata, random = TRUE, na.action = stats::na.pass) {
  frame <- newdata_frame(fit, newdata, random)
  if (identical(na.action, stats::na.fail)) check_no_missing(frame)
  frame <- na_function(na.action)(frame)
  if (!is.data.frame(frame)) {
    abort("na_action", "`na.action` must return rows of its data frame.", given = class(frame)[1L])
  }
  out <- c(frame_design(fit, frame, random), list(na.action = attr(frame, "na.action")))
  if (!isTRUE(random)) return(out)
  c(out, new_clusters(frame, fit$frame$parsed$random, fit$design))
}

#' The model frame of new data: every variable evaluated as at the fit, factors with its levels
#' @noRd
newdata_frame <- function(fit, newdata, random) {
  newdata <- plain_columns(as_newdata(newdata))
  whole <- newdata_terms(fit, random)
  check_newdata(whole, newdata, fit$frame)
  frame <- tryCatch(
    stats::model.frame(whole, newdata, na.action = stats::na.pass),
    error = refuse_newdata
  )
  warn_not_by_row(whole, newdata, frame, fit$frame$frame)
  frame <- match_levels(frame, known_levels(fit$design, random))
  parts <- c(list(fixed_terms(fit$design)), if (!isFALSE(random)) fit$frame$terms_random)
  check_classes(frame, parts)
  frame[["(offset)"]] <- new_offset(fit$frame, newdata)
  frame
}

#' X, Z and the offset of a frame of new data
#' @noRd
frame_design <- function(fit, frame, random) {
  X <- all_columns(fit$design, frame)
  aliased <- aliased_coefficients(fit$design)
  list(
    X = if (any(aliased)) X[, !aliased, drop = FALSE] else X,
    Z = if (!isFALSE(random)) new_Z(fit, frame),
    offset = total_offset(frame)
  )
}

# The clusters of new rows, by value: matrices with a column for each grouping factor.
new_clusters <- function(frame, random, design) {
  found <- lapply(design$groups, function(group) {
    match_clusters(frame, random[[group$terms[1L]]]$group, group$levels)
  })
  cluster <- lapply(found, `[[`, "cluster")
  label <- lapply(found, function(x) ifelse(is.na(x$cluster), x$label, NA_character_))
  list(cluster = do.call(cbind, cluster), new_label = do.call(cbind, label))
}

as_newdata <- function(newdata) {
  if (is.data.frame(newdata)) return(newdata)
  if (!is.list(newdata)) {
    abort("newdata", "`newdata` must be a data frame.",
      given = paste("an object of class", class(newdata)[1L])
    )
  }
  tryCatch(as.data.frame(newdata), error = refuse_newdata)
}

refuse_newdata <- function(e) {
  abort("newdata", "`newdata` must have the variables of the model, as they were at the fit.",
    given = conditionMessage(e)
  )
}

# Terms of all variables that are needed, evaluated as at the fit.
newdata_terms <- function(fit, random) {
  parsed <- fit$frame$parsed
  pieces <- if (!isFALSE(random)) lapply(parsed$random, function(term) term$lhs[[2L]])
  if (isTRUE(random)) pieces <- c(pieces, lapply(parsed$random, function(term) term$group))
  right <- Reduce(function(a, b) call("+", a, b), pieces, parsed$fixed[[3L]])
  part_terms(stats::as.formula(call("~", right), environment(parsed$fixed)), fit$frame$frame)
}

# A column of the old data must not be replaced by a variable of the same name that happens to lie
# around, nor a row-wise variable of the calling environment be reused from the fit.
check_newdata <- function(whole, newdata, frame) {
  env <- environment(whole)
  absent <- setdiff(all.vars(attr(whole, "variables")), names(newdata))
  rowwise <- vapply(absent, function(name) is_rowwise(name, env, frame), NA)
  if (!any(rowwise)) return(invisible())
  abort("newdata", "`newdata` must have the variables of the model.",
    given = paste("no", some_of(code(absent[rowwise]))), variables = absent[rowwise]
  )
}

is_rowwise <- function(name, env, frame) {
  if (name %in% frame$data_columns) return(TRUE)
  value <- get0(name, envir = env)
  is.atomic(value) && NROW(value) > 1L && NROW(value) == frame$n_total
}

known_levels <- function(design, random) {
  xlevels <- design$xlevels
  if (!isFALSE(random)) xlevels <- c(xlevels, unlist(design$xlevels_random, recursive = FALSE))
  xlevels[!duplicated(names(xlevels))]
}

# Factors by value, with the levels of the fit.
match_levels <- function(frame, xlevels) {
  classes <- attr(attr(frame, "terms"), "dataClasses")
  for (name in names(xlevels)) {
    x <- frame[[name]]
    ordered <- identical(classes[[name]], "ordered")
    if (has_levels(x, xlevels[[name]], ordered)) {
      attributes(x) <- attributes(x)[c("levels", "class")]
      frame[[name]] <- x
      next
    }
    values <- if (is.factor(x)) as.character(x) else value_labels(x)
    unknown <- setdiff(values, c(xlevels[[name]], NA))
    if (length(unknown)) {
      abort("new_factor_level", "A factor in `newdata` must have levels that it had at the fit.",
        given = paste0("new level of ", code(name), ": ", some_of(unknown)),
        hint = paste0("Known levels: ", some_of(xlevels[[name]], 10L), "."),
        variable = name, levels = unknown
      )
    }
    exclude <- if (!anyNA(xlevels[[name]])) NA
    frame[[name]] <- factor(values, xlevels[[name]], exclude = exclude, ordered = ordered)
  }
  frame
}

# Is it already such a factor?
has_levels <- function(x, levels, ordered) {
  is.factor(x) && is.ordered(x) == ordered && identical(levels(x), levels)
}

# The other covariates must be of the kind they were. Text and factors are dealt with above, and
# groups are matched by value whatever their kind.
check_classes <- function(frame, parts) {
  classes <- unlist(lapply(parts, function(part) attr(part, "dataClasses")[part_covariates(part)]))
  classes <- classes[!duplicated(names(classes))]
  classes <- classes[!classes %in% c("factor", "ordered", "character")]
  tryCatch(stats::.checkMFClasses(classes, frame[names(classes)]), error = refuse_newdata)
}

# The `offset` argument of the fit, on new data. Its values at the fit belong to other rows.
new_offset <- function(frame, newdata) {
  expr <- frame$offset_call
  if (is.null(expr)) return(numeric(nrow(newdata)))
  known <- all(all.vars(expr) %in% names(newdata))
  offset <- tryCatch(eval(expr, newdata, environment(frame$parsed$frame)), error = function(e) NA)
  if (known && NROW(offset) == nrow(newdata) || length(offset) == 1L && !anyNA(offset)) {
    return(rep_len(offset, nrow(newdata)))
  }
  abort("offset", "The `offset` argument must be an expression of columns of `newdata`.",
    given = substr(expression_text(expr), 1L, 60L),
    hint = "Put it in the formula, offset(x), with x in the data."
  )
}

new_Z <- function(fit, frame) {
  if (!length(fit$frame$terms_random)) return(matrix(0, nrow(frame), 0L))
  blocks <- Map(
    function(part, contrasts) part_matrix(part, frame, contrasts)$X,
    fit$frame$terms_random, random_contrasts(fit$design)
  )
  do.call(cbind, blocks)
}
