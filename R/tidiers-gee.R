# tidy(), glance() and augment() of marginal models, their intervals, and emmeans.

#' Intervals and results as data frames, for marginal models
#'
#' @description
#' ```
#' fit <- gee(outcome ~ treat + visit, respiratory, id = patient, family = binomial())
#' confint(fit)
#' tidy(fit, conf.int = TRUE, exponentiate = TRUE)
#' glance(fit)
#' ```
#'
#' @inheritParams summary.margmix_gee
#' @inheritParams glmm-tidiers
#' @param object,x A fit of [gee()].
#' @param parm Names or numbers of coefficients; all by default.
#' @param conf.int `TRUE` to add `conf.low` and `conf.high`.
#' @param conf.level Confidence level.
#' @param effects `"fixed"`, the only choice, since there are no random effects.
#' @param data A data frame with the rows of the fit to add columns to; by default the variables of
#'   the model.
#' @param newdata A data frame of other rows, which get only `.fitted`.
#' @return `confint()`: a matrix with the lower and upper limits in columns, whose attribute
#'   `heading` says how they were computed. `tidy()`: a data frame with `term`, `estimate`,
#'   `std.error`, `statistic`, `df`, `p.value` and the limits. `glance()`: one row with `nobs`,
#'   `nclusters`, `min.size`, `max.size`, `correlation`, `phi`, `df.residual` (the smallest of
#'   `tidy()`), `converged`. `augment()`: `data` with `.fitted` (response scale), `.resid` (Pearson
#'   residuals, whereas a fit of [glmm()] has deviance residuals; see `type.residuals`) and
#'   `.cluster`.
#' @examples
#' fit <- gee(outcome ~ treat + visit, respiratory, ~center:id, family = binomial(), corstr = "ex")
#' confint(fit)
#' tidy(fit)
#' @name gee-tidiers
NULL

#' @rdname gee-tidiers
#' @export
confint.margmix_gee <- function(object, parm, level = 0.95, vcov = "KC", df = "default", ...) {
  check_dots(..., known = names(formals(confint.margmix_gee)))
  coefficients <- names(object$coefficients)
  rows <- if (missing(parm)) coefficients else chosen_rows(parm, coefficients, coefficients)
  inference <- coef_inference(object, vcov, df, level, rows)
  limits <- as.matrix(inference$table[c("conf.low", "conf.high")])
  dimnames(limits) <- list(rows, limit_names(level))
  structure(limits,
    heading = paste(format_level(level), "Wald intervals.", inference$words),
    class = c("margmix_confint", "matrix", "array")
  )
}

#' @rdname gee-tidiers
#' @export
tidy.margmix_gee <- function(x, conf.int = FALSE, conf.level = 0.95, exponentiate = FALSE,
                             vcov = "KC", df = "default", effects = "fixed", ...) {
  check_passed_dots(..., known = names(formals(tidy.margmix_gee)))
  check_switch(conf.int, "conf.int")
  check_switch(exponentiate, "exponentiate")
  if (!is.character(effects) || !"fixed" %in% effects) refuse_random()
  table <- coef_inference(x, vcov, df, conf.level)$table
  if (exponentiate) table <- exponentiated(table)
  columns <- c("estimate", "std.error", "statistic", "df", "p.value")
  if (conf.int) columns <- c(columns, "conf.low", "conf.high")
  as_tibble_if_known(data.frame(term = rownames(table), table[columns], row.names = NULL))
}

#' @rdname gee-tidiers
#' @export
glance.margmix_gee <- function(x, ...) {
  check_passed_dots(..., known = "x")
  sizes <- cluster_size_range(x$design)
  as_tibble_if_known(data.frame(
    nobs = stats::nobs(x), nclusters = cluster_count(x$design), min.size = sizes[1L],
    max.size = sizes[2L],
    correlation = x$correlation$label, phi = x$phi, df.residual = smallest_df(x),
    converged = isTRUE(x$convergence$converged)
  ))
}

#' @rdname gee-tidiers
#' @export
augment.margmix_gee <- function(x, data = NULL, newdata = NULL, type.predict = "response",
                                type.residuals = "pearson", se_fit = FALSE, ...) {
  check_passed_dots(..., known = names(formals(augment.margmix_gee)))
  if (!is.null(newdata)) return(augmented_newdata(x, newdata, type.predict, se_fit))
  augmented_rows(x, data %||% named_rows(x), type.predict, type.residuals, se_fit)
}

# The model frame, with id, waves and the like under the names of their variables.
named_rows <- function(x) {
  frame <- stats::model.frame(x)
  expressions <- row_expressions(x$call, environment(x$formula))
  for (name in names(expressions)) {
    column <- paste0("(", name, ")")
    label <- paste(vapply(expressions[[name]], short_text, ""), collapse = ":")
    if (column %in% names(frame)) {
      if (label %in% names(frame)) frame[[column]] <- NULL
      names(frame)[names(frame) == column] <- label
    }
  }
  frame
}

#' @rdname other-packages
#' @exportS3Method emmeans::recover_data
recover_data.margmix_gee <- function(object, ...) recover_data.margmix_glmm(object, ...)

#' @rdname other-packages
#' @exportS3Method emmeans::emm_basis
emm_basis.margmix_gee <- function(object, trms, xlev, grid, vcov. = "KC", ...) {
  emm_basis.margmix_glmm(object, trms, xlev, grid, vcov., ...)
}
