# Methods for package insight, registered when it is loaded: packages parameters, performance,
# marginaleffects, sjPlot and report read fits through it.

# Formula and parameters -------------------------------------------------------------------------

# Fixed and random part apart, as other mixed models have them there.
#' @exportS3Method insight::find_formula
find_formula.margmix_glmm <- function(x, verbose = TRUE, ...) {
  parsed <- x$frame$parsed
  random <- lapply(parsed$random, function(term) {
    bar <- call("|", term$lhs[[2L]], term$group)
    stats::as.formula(call("~", bar), environment(parsed$fixed))
  })
  if (length(random) == 1L) random <- random[[1L]]
  structure(list(conditional = parsed$fixed, random = unname(random)),
    class = c("insight_formula", "list")
  )
}

#' @exportS3Method insight::is_mixed_model
is_mixed_model.margmix_glmm <- function(x) TRUE

#' @exportS3Method insight::find_parameters
find_parameters.margmix_glmm <- function(x, effects = "all", flatten = FALSE, ...) {
  effects <- one_of(effects, c("all", "fixed", "random"), "effects")
  parts <- list(
    conditional = names(x$coefficients), random = lapply(unclass(ranef(x)), colnames)
  )
  parts <- parts[switch(effects, all = 1:2, fixed = 1L, random = 2L)]
  if (flatten) unique(unlist(parts, use.names = FALSE)) else parts
}

#' @exportS3Method insight::get_parameters
get_parameters.margmix_fit <- function(x, effects = "fixed", ...) {
  effects <- one_of(effects, c("fixed", "random"), "effects")
  if (effects == "random") return(lapply(unclass(ranef(x)), as.data.frame))
  data.frame(Parameter = names(x$coefficients), Estimate = unname(x$coefficients))
}

#' @exportS3Method insight::is_converged
is_converged.margmix_gee <- function(x, tolerance = 0.001, ...) {
  isTRUE(x$convergence$converged)
}

# Tests and intervals ----------------------------------------------------------------------------

#' @exportS3Method insight::find_statistic
find_statistic.margmix_fit <- function(x, ...) "t-statistic"

# Its default takes the third column of the coefficients, which is not the statistic here.
#' @exportS3Method insight::get_statistic
get_statistic.margmix_fit <- function(x, ...) {
  se <- sqrt(diag(get_varcov.margmix_fit(x)))[names(x$coefficients)]
  structure(
    data.frame(Parameter = names(x$coefficients), Statistic = unname(x$coefficients / se)),
    statistic = "t-statistic"
  )
}

#' @exportS3Method insight::get_varcov
get_varcov.margmix_fit <- function(x, vcov = NULL, vcov_args = NULL, ...) {
  client_covariance(x, vcov, vcov_args)$vcov
}

#' Degrees of freedom of the coefficients that are estimated
#'
#' @param type `"model"`: the number of parameters; `"normal"`: `Inf`; a rule of [chosen_df()],
#'   also as \pkg{insight} spells it; otherwise those of `summary()`.
#' @noRd
#' @exportS3Method insight::get_df
get_df.margmix_fit <- function(x, type = "residual", ...) {
  if (identical(type, "residual") && is_frame_of(parent.frame(), "performance")) {
    refuse_client("Package performance", "divides by one number of residual degrees of freedom", c(
      "sigma(fit) is the residual standard deviation, and residuals(fit, \"quantile\") show more.",
      "performance::model_performance(fit) has the root mean square of the residuals."
    ))
  }
  if (identical(type, "model")) return(parameter_count(x))
  rule <- rule_of_type(type)
  if (identical(rule, Inf)) return(Inf)
  df <- client_df(x, client_covariance(x), rule)
  # which takes one number, for any quantity
  if (length(frames_of("marginaleffects"))) min(df, na.rm = TRUE) else df
}

client_covariance <- function(fit, vcov = NULL, vcov_args = NULL) {
  chosen_vcov(fit, client_vcov(fit, vcov, vcov_args))
}

client_inference <- function(fit, vcov, vcov_args, df, level = 0.95) {
  coef_inference(fit, client_vcov(fit, vcov, vcov_args), df, level)
}

# Rules of the degrees of freedom as these packages spell them.
rule_of_type <- function(type) {
  type <- tolower(type %||% "default")
  usual <- c(
    "residual", "wald", "analytical", "any", "profile", "boot", "uniroot", "likelihood", "default"
  )
  if (type %in% usual) return("default")
  switch(type,
    normal = Inf, betwithin = "between-within", kr = , kenward = "kenward-roger", type
  )
}

# Predictions ------------------------------------------------------------------------------------

#' Predictions with limits on the scale of the predictor
#'
#' @param include_random As there: `TRUE` or `"default"` for the clusters' own random effects
#'   (`"eb"`), `FALSE` or `NA` for none (`"zero"`); `random_effects` says it in our words.
#' @return A vector with the attributes of its class: `ci_data` has `SE`, `CI_low`, `CI_high`.
#' @noRd
#' @exportS3Method insight::get_predicted
get_predicted.margmix_fit <- function(x, data = NULL, predict = "expectation", ci = NULL,
                                      include_random = "default", random_effects = NULL, ...) {
  if (is_frame_of(parent.frame(), "ggeffects")) {
    return(predicted_for_ggeffects(x, data, random_effects))
  }
  type <- predicted_type(predict %||% list(...)$type)
  settings <- list(x, newdata = data %||% list(...)$newdata, se.fit = TRUE)
  none <- isFALSE(include_random) || anyNA(include_random)
  settings <- with_effects(x, settings, random_effects %||% if (none) "zero" else "eb")
  link <- do.call(stats::predict, c(settings, type = "link"))
  out <- do.call(stats::predict, c(settings, type = type))
  half <- stats::qt((1 + (ci %||% NA_real_)) / 2, smallest_df(x)) * link$se.fit
  limits <- list(link$fit - half, link$fit + half)
  if (type == "response") limits <- lapply(limits, x$family$linkinv)
  structure(unname(out$fit),
    ci_data = data.frame(
      SE = out$se.fit, CI_low = pmin(limits[[1L]], limits[[2L]]),
      CI_high = pmax(limits[[1L]], limits[[2L]]), row.names = NULL
    )[if (is.null(ci)) 1L else 1:3],
    ci = ci, data = data %||% stats::model.frame(x), predict = predict,
    class = c("get_predicted", "numeric")
  )
}

predicted_type <- function(predict) {
  predict <- one_of(predict, c("expectation", "response", "link"), "predict")
  if (predict == "link") "link" else "response"
}

# Variances --------------------------------------------------------------------------------------

#' @exportS3Method insight::get_variance
get_variance.margmix_glmm <- function(x, component = "all", ...) {
  parts <- intraclass_correlation(x)$variances
  n <- nrow(parts)
  variance <- stats::setNames(parts$variance, rownames(parts))
  out <- c(
    list(
      var.fixed = variance[[1L]], var.random = sum(variance[-c(1L, n)]),
      var.residual = variance[[n]], var.distribution = variance[[n]], var.dispersion = 0
    ),
    effect_variances(as.data.frame(VarCorr(x)))
  )
  if (identical(component, "all")) return(out)
  names <- c(rho01 = "cor.slope_intercept", rho00 = "cor.slopes")
  name <- if (component %in% names(names)) names[[component]] else paste0("var.", component)
  out[names(out) == name]
}

# Of intercepts and slopes, by grouping factor, under the names that insight has for them.
effect_variances <- function(table) {
  table <- table[table$grp != "Residual", ]
  constant <- table$var1 == "(Intercept)"
  single <- is.na(table$var2)
  slopes <- paste0(table$grp, ".", table$var1)
  labels <- paste0(slopes, "-", table$grp, ".", table$var2)
  pick <- function(rows, values, names) {
    if (any(rows)) stats::setNames(values[rows], names[rows])
  }
  out <- list(
    var.intercept = pick(single & constant, table$vcov, table$grp),
    var.slope = pick(single & !constant, table$vcov, slopes),
    cor.slope_intercept = pick(!single & constant, table$sdcor, table$grp),
    cor.slopes = pick(!single & !constant, table$sdcor, labels)
  )
  out[lengths(out) > 0L]
}
