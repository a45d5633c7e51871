# What a fit with a dispersion formula shows of it: its coefficients, phi of rows.

#' Coefficients of the dispersion, with Wald tests
#'
#' They are on the scale of log phi, and their covariance is model-based.
#'
#' @return A data frame with a row for each; without a formula none.
#' @noRd
dispersion_table <- function(fit, level = 0.95) {
  gamma <- fit$gamma
  V <- diag(fit$vcov_full)
  se <- sqrt(unname(last_entries(V, length(gamma))))
  z <- unname(gamma) / se
  half <- stats::qnorm((1 + level) / 2) * se
  data.frame(
    estimate = unname(gamma), std.error = se, statistic = z, df = rep(Inf, length(gamma)),
    p.value = 2 * stats::pnorm(-abs(z)), conf.low = unname(gamma) - half,
    conf.high = unname(gamma) + half, row.names = names(gamma)
  )
}

print_dispersion_table <- function(fit, digits) {
  say("\nDispersion, coefficients of log phi (", dispersion_term(fit$family), "):\n", sep = "")
  print_coefficients(dispersion_table(fit), digits)
}

# In a table of parameters, as tidy() has them.
tidy_dispersion <- function(x, level) {
  if (!has_dispersion_formula(x$design)) return(NULL)
  table <- dispersion_table(x, level)
  tidy_part("dispersion", NA_character_, NA_character_, rownames(table), as.list(table))
}

#' Rows of D, of the fit or of new data
#'
#' @param newdata A data frame with the covariates of the dispersion formula; `NULL` for the rows
#'   of the fit, as in the design.
#' @return A list: `D`, of one phi for all rows a column of ones; `labels`, `na.action`, `sorted` as
#'   from [fitted_rows()].
#' @section Errors: `newdata`, `new_factor_level`.
#' @noRd
dispersion_rows <- function(fit, newdata, na.action = stats::na.pass) {
  design <- fit$design
  if (is.null(newdata)) {
    rows <- fitted_rows(fit, "zero")[c("labels", "na.action", "sorted")]
    return(c(list(D = design_D(design) %||% matrix(1, row_count(design))), rows))
  }
  newdata <- plain_columns(as_newdata(newdata))
  labels <- attr(newdata, "row.names")
  part <- dispersion_part(design)
  if (is.null(part)) {
    return(list(D = matrix(1, nrow(newdata)), labels = labels, sorted = FALSE))
  }
  check_newdata(part$terms, newdata, fit$frame)
  frame <- tryCatch(
    stats::model.frame(part$terms, newdata, na.action = stats::na.pass),
    error = refuse_newdata
  )
  frame <- match_levels(frame, part$xlevels)
  check_classes(frame, list(part$terms))
  if (identical(na.action, stats::na.fail)) check_no_missing(frame)
  frame <- na.action(frame)
  dropped <- attr(frame, "na.action")
  list(
    D = part_matrix(part$terms, frame, part$contrasts)$X, na.action = dropped,
    labels = if (length(dropped)) labels[-dropped] else labels, sorted = FALSE
  )
}

#' phi of the rows of the fit, as in the design, or of new data
#' @return One for each row, or one for all.
#' @noRd
phi_of_rows <- function(fit, newdata = NULL) {
  if (is.null(newdata) || !has_dispersion_formula(fit$design)) return(fit$phi)
  drop(exp(dispersion_rows(fit, newdata)$D %*% fit$gamma))
}

# predict(type = "dispersion"): phi, with the standard error of the delta method.
predict_dispersion <- function(object, newdata, se.fit = FALSE, na.action = stats::na.pass) {
  rows <- dispersion_rows(object, newdata, na.action)
  restore <- function(x) name_rows(x, rows, object)
  aux <- fit_aux(object)
  if (!length(aux)) {
    phi <- restore(rep(1, nrow(rows$D)))
    return(if (se.fit) list(fit = phi, se.fit = 0 * phi) else phi)
  }
  phi <- exp(drop(rows$D %*% aux))
  if (!se.fit) return(restore(phi))
  at <- last_entries(seq_along(fit_psi(object)), length(aux))
  V <- usable_vcov(object)[at, at, drop = FALSE]
  list(fit = restore(phi), se.fit = restore(phi * sqrt(rowSums((rows$D %*% V) * rows$D))))
}
