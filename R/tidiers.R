# tidy(), glance() and augment(): results as data frames.

#' Results as data frames
#'
#' @description
#' ```
#' fit <- glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial())
#' tidy(fit, conf.int = TRUE, exponentiate = TRUE)
#' glance(fit)
#' head(augment(fit))
#' ```
#'
#' @inheritParams summary.margmix_glmm
#' @param x A fit of [glmm()].
#' @param effects One or several of `"fixed"` for the coefficients; `"dispersion"` for those of a
#'   `dispersion` formula (on the scale of log phi); `"ran_pars"` for the standard deviations and
#'   correlations of the random effects (and sigma, and the correlation, rate or range of
#'   [related_levels]); `"ran_vals"` for the random effects of the clusters (modes, with their
#'   conditional standard deviations); `"ran_coefs"` for [cluster_coefficients()].
#' @param conf.int `TRUE` to add `conf.low` and `conf.high` (Wald; none for correlations).
#' @param conf.level Confidence level.
#' @param exponentiate `TRUE` to exponentiate the fixed effects and their limits. Standard errors
#'   are multiplied by exp(estimate), as by the delta method, as in packages \pkg{broom.mixed} and
#'   \pkg{parameters} (\pkg{broom} leaves those of a GLM on the log scale).
#' @param type.predict `"response"` or `"link"`: the scale of `.fitted`.
#' @param type.residuals A type of residuals, as in [residuals.margmix_glmm()].
#' @param se_fit `TRUE` to add `.se.fit`, the standard error of `.fitted`.
#' @param data A data frame with the rows of the fit to add columns to.
#' @param newdata A data frame of other rows, which get only `.fitted`; see [predict.margmix_glmm()]
#'   for rows of new clusters.
#' @param ... Not used. `parametric` and `component`, which other packages pass to every class, are
#'   ignored; other arguments give a warning, or an error if they look like a misspelt argument.
#' @return Tibbles if package \pkg{tibble} is installed, otherwise data frames. `tidy()`: `effect`,
#'   `group`, `term`, `estimate`, `std.error`, `statistic`, `df`, `p.value` and the limits.
#'   `glance()`: one row with `nobs`, `nclusters`, `logLik`, `AIC`, `BIC`, `deviance` (-2 logLik),
#'   `df.residual` (the smallest of `tidy()`, which \pkg{mice} uses for its pooled intervals),
#'   `sigma`, `nAGQ` (nodes used), `converged`. `augment()`: `data` with `.fitted` (response scale,
#'   at the modes of the random effects), `.resid` (deviance residuals) and `.cluster`.
#' @examples
#' fit <- glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial())
#' tidy(fit, conf.int = TRUE)
#' glance(fit)
#' head(augment(fit))
#' @name glmm-tidiers
NULL

#' @rdname glmm-tidiers
#' @export
tidy.margmix_glmm <- function(x, effects = c("ran_pars", "fixed", "dispersion"),
                              conf.int = FALSE, conf.level = 0.95, exponentiate = FALSE,
                              vcov = "default", df = "default", ...) {
  check_passed_dots(..., known = names(formals(tidy.margmix_glmm)))
  check_switch(conf.int, "conf.int")
  check_switch(exponentiate, "exponentiate")
  known <- c("fixed", "ran_pars", "dispersion", "ran_vals", "ran_coefs")
  effects <- several_of(effects, known, "effects")
  parts <- list(
    fixed = if ("fixed" %in% effects) tidy_fixed(x, conf.level, exponentiate, vcov, df),
    ran_pars = if ("ran_pars" %in% effects) tidy_random(x, conf.level),
    dispersion = if ("dispersion" %in% effects) tidy_dispersion(x, conf.level),
    ran_vals = if ("ran_vals" %in% effects) tidy_values(x, conf.level),
    ran_coefs = if ("ran_coefs" %in% effects) tidy_cluster_coefficients(x)
  )
  out <- do.call(rbind, unname(parts[intersect(known, effects)]))
  if (!any(c("ran_vals", "ran_coefs") %in% effects)) out$level <- NULL
  if (!conf.int) out$conf.low <- out$conf.high <- NULL
  rownames(out) <- NULL
  as_tibble_if_known(out)
}

# As other tidiers give them, where package tibble is installed.
as_tibble_if_known <- function(table) {
  if (!requireNamespace("tibble", quietly = TRUE)) return(table)
  tibble::as_tibble(table, .name_repair = "minimal")
}

# Estimates, limits and, by the delta method, standard errors.
exponentiated <- function(table) {
  columns <- c("estimate", "conf.low", "conf.high")
  table[columns] <- exp(table[columns])
  table$std.error <- table$std.error * table$estimate
  table
}

tidy_part <- function(effect, group, level, term, values) {
  columns <- c("estimate", "std.error", "statistic", "df", "p.value", "conf.low", "conf.high")
  values[setdiff(columns, names(values))] <- NA_real_
  data.frame(effect = effect, group = group, level = level, term = term, values[columns])
}

tidy_fixed <- function(x, level, exponentiate, vcov, df) {
  if (!length(x$coefficients)) return(NULL)
  table <- coef_inference(x, vcov, df, level)$table
  if (exponentiate) table <- exponentiated(table)
  tidy_part("fixed", NA_character_, NA_character_, rownames(table), as.list(table))
}

tidy_random <- function(x, level, limits = deviation_limits(x, level)) {
  table <- as.data.frame(VarCorr(x))
  residual <- table$grp == "Residual"
  correlation <- !is.na(table$var2)
  term <- ifelse(
    correlation, paste0("cor__", table$var1, ".", table$var2), paste0("sd__", table$var1)
  )
  term[residual] <- "sd__Observation"
  row <- rep(NA_integer_, nrow(table))
  row[!correlation & !residual] <- unlist(lapply(random_blocks(x$design), `[[`, "columns"))
  row[residual] <- nrow(limits)
  out <- tidy_part("ran_pars", table$grp, NA_character_, term, list(
    estimate = table$sdcor, conf.low = unname(limits[row, 1L]), conf.high = unname(limits[row, 2L])
  ))
  at <- nrow(out) - sum(residual)
  rbind(out[seq_len(at), ], tidy_readings(x, limits), out[residual, ])
}

# Correlations, rates and ranges of related levels, as they are read.
tidy_readings <- function(x, limits) {
  labels <- group_labels(x$design)[rho_groups(x$design)]
  if (!length(labels)) return(NULL)
  names <- reading_names(x$design)
  tidy_part("ran_pars", labels, NA_character_, substr(names, 1L, nchar(names) - nchar(labels) - 1L),
    list(
      estimate = rho_readings(x$design, x$rho), conf.low = unname(limits[names, 1L]),
      conf.high = unname(limits[names, 2L])
    )
  )
}

tidy_values <- function(x, level) {
  effects <- as.data.frame(ranef(x))
  half <- stats::qnorm((1 + level) / 2) * effects$condsd
  values <- list(
    estimate = effects$condval, std.error = effects$condsd,
    conf.low = effects$condval - half, conf.high = effects$condval + half
  )
  text <- lapply(effects[c("grpvar", "grp", "term")], as.character)
  tidy_part("ran_vals", text$grpvar, text$grp, text$term, values)
}

tidy_cluster_coefficients <- function(x) {
  parts <- cluster_coefficients(x)
  do.call(rbind, lapply(names(parts), function(group) {
    part <- parts[[group]]
    tidy_part("ran_coefs", group, rep(rownames(part), ncol(part)),
      rep(colnames(part), each = nrow(part)), list(estimate = unlist(part, use.names = FALSE))
    )
  }))
}

#' @rdname glmm-tidiers
#' @export
glance.margmix_glmm <- function(x, ...) {
  check_passed_dots(..., known = "x")
  criteria <- information_criteria(x)
  as_tibble_if_known(data.frame(
    nobs = stats::nobs(x), nclusters = cluster_count(x$design), logLik = x$logLik,
    AIC = criteria$AIC, BIC = criteria$BIC, deviance = stats::deviance(x),
    df.residual = smallest_df(x), sigma = stats::sigma(x), nAGQ = max(x$rule$K),
    converged = isTRUE(x$convergence$converged)
  ))
}

#' @rdname glmm-tidiers
#' @export
augment.margmix_glmm <- function(x, data = stats::model.frame(x), newdata = NULL,
                                 type.predict = "response", type.residuals = "deviance",
                                 se_fit = FALSE, ...) {
  check_passed_dots(..., known = names(formals(augment.margmix_glmm)))
  if (!is.null(newdata)) return(augmented_newdata(x, newdata, type.predict, se_fit))
  augmented_rows(x, data, type.predict, type.residuals, se_fit)
}

augmented_newdata <- function(x, newdata, type, se_fit) {
  check_switch(se_fit, "se_fit")
  newdata <- as_newdata(newdata)
  added <- fitted_columns(x, newdata, type, se_fit)
  as_tibble_if_known(cbind(as.data.frame(newdata), added))
}

fitted_columns <- function(x, newdata, type, se_fit) {
  fitted <- stats::predict(x, newdata, type = type, se.fit = se_fit)
  if (!se_fit) return(data.frame(.fitted = unname(fitted)))
  data.frame(.fitted = unname(fitted$fit), .se.fit = unname(fitted$se.fit))
}

# `data` with fitted values, residuals of one type and clusters; omitted rows are left out.
augmented_rows <- function(x, data, type, residuals, se_fit) {
  check_switch(se_fit, "se_fit")
  if (!is.data.frame(data)) {
    abort("argument", "`data` must be a data frame.", given = class(data)[1L])
  }
  n <- row_count(x$design)
  omitted <- x$na.action
  added <- fitted_columns(x, NULL, type, se_fit)
  added$.resid <- unname(stats::residuals(x, type = residuals))
  if (nrow(added) != n) added <- added[-omitted, , drop = FALSE]
  added$.cluster <- component(x, "cluster")
  if (nrow(data) == n + length(omitted) && length(omitted)) data <- data[-omitted, , drop = FALSE]
  if (nrow(data) != n) {
    abort("argument", "`data` must have the rows of the fit.",
      given = paste(nrow(data), "rows; the fit has", n)
    )
  }
  as_tibble_if_known(cbind(as.data.frame(data), added))
}
