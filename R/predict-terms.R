# `re.form` and `interval` of predict(): some of the random terms, and limits.

#' What `re.form` asks for
#'
#' @return A list: `effects` ("eb" or "zero") and, where some random terms are left out, `kept`:
#'   which columns of Z stay.
#' @section Errors: `re_form`.
#' @noRd
read_re_form <- function(object, re.form, type) {
  out <- parts_of_re_form(object, re.form)
  partial <- out$effects == "zero" || !is.null(out$kept)
  if (partial && type == "response") note_zero_effect(object$family)
  out
}

parts_of_re_form <- function(object, re.form) {
  one_sided <- inherits(re.form, "formula") && length(re.form) == 2L
  bars <- if (one_sided) split_bars(re.form[[2L]])$bars
  if (!length(bars)) {
    zero <- is_zero_form(re.form, others = "terms such as ~ (1 | a)")
    return(list(effects = if (zero) "zero" else "eb"))
  }
  kept <- logical(effect_count(object$design))
  for (bar in bars) {
    for (term in random_terms(bar, environment(re.form))) {
      kept[columns_of_term(object, term)] <- TRUE
    }
  }
  list(effects = "eb", kept = if (!all(kept)) kept)
}

columns_of_term <- function(object, term) {
  labels <- group_labels(object$design)
  k <- match(term$group_label, labels)
  names <- tryCatch(
    colnames(stats::model.matrix(term$lhs, object$frame$frame)),
    error = function(e) NA_character_
  )
  group <- if (!is.na(k)) random_factors(object$design)[[k]]
  found <- match(names, group$names)
  if (is.null(group) || anyNA(found)) {
    abort("re_form", "`re.form` must have random terms of the fit only.",
      given = substr(term$label, 1L, 60L),
      hint = paste0("The fit has ", some_of(term_labels(object$design)), ".")
    )
  }
  group$columns[found]
}

# Grouping variables that no term needs may be missing from new data: any level will do.
fill_groups <- function(object, newdata, kept) {
  if (is.null(newdata) || is.null(kept)) return(newdata)
  newdata <- as_newdata(newdata)
  unused <- unused_groups(object$design, kept)
  for (term in object$frame$parsed$random) {
    if (!term$group_label %in% group_labels(object$design)[unused]) next
    for (name in setdiff(all.vars(term$group), names(newdata))) {
      value <- object$frame$frame[[name]] %||% eval(object$call$data)[[name]]
      newdata[[name]] <- rep(value[1L], nrow(newdata))
    }
  }
  newdata
}

# Grouping factors of which no effect is kept.
unused_groups <- function(design, kept) {
  which(!vapply(design$groups, function(group) any(kept[group$columns]), NA))
}

# The rows without the terms that are left out: their columns of Z are 0, and their levels known.
keep_terms <- function(rows, design, kept) {
  if (is.null(kept)) return(rows)
  rows$Z[, !kept] <- 0
  for (k in unused_groups(design, kept)) {
    rows$cluster[, k] <- 1L
    if (!is.null(rows$new_label)) rows$new_label[, k] <- NA
  }
  rows
}

# Limits ------------------------------------------------------------------------------------------

#' A prediction with its limits
#'
#' Limits are t limits on the scale of the predictor, with the least degrees of freedom of the
#' coefficients, so that those of a probability stay between 0 and 1.
#'
#' @param link Result of predict(type = "link", se.fit = TRUE); `value` the prediction on the scale
#'   asked for.
#' @param noise Variance of a new response around its mean, for a prediction interval.
#' @return A matrix with the columns `fit`, `lwr` and `upr`.
#' @noRd
prediction_limits <- function(object, link, value, type, level, noise = 0) {
  half <- stats::qt((1 + level) / 2, smallest_df(object)) * sqrt(link$se.fit^2 + noise)
  ends <- list(link$fit - half, link$fit + half)
  if (type == "response") ends <- lapply(ends, object$family$linkinv)
  cbind(fit = value, lwr = pmin(ends[[1L]], ends[[2L]]), upr = pmax(ends[[1L]], ends[[2L]]))
}

# Of the prediction `out` = at(type, TRUE).
with_limits <- function(object, out, at, type, interval, level, newdata) {
  link <- if (type == "link") out else at("link", TRUE)
  noise <- if (interval == "prediction") noise_variance(object, newdata, names(out$fit)) else 0
  prediction_limits(object, link, out$fit, type, level, noise)
}

# Of the rows that are named, or of all.
noise_variance <- function(object, newdata, names) {
  if (!has_dispersion_formula(object$design)) return(object$phi)
  unname(predict_dispersion(object, newdata)[names])
}

# Only of a linear model is a new response normal around its mean, with one variance.
check_interval <- function(interval, fit) {
  interval <- one_of(interval, c("none", "confidence", "prediction"), "interval")
  if (interval == "prediction") {
    unless_linear(fit, abort("argument", "interval = \"prediction\" is for linear models.",
      given = family_label(fit$family),
      hint = "Quantiles of simulate(fit, nsim = 1000) are such limits."
    ))
  }
  interval
}
