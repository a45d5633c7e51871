# Confidence intervals: Wald and profile likelihood.

#' Confidence intervals for coefficients and standard deviations
#'
#' @description
#' ```
#' fit <- glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial())
#' confint(fit)
#' confint(fit, "all", method = "profile")
#' confint(fit, "treatmentdrug", vcov = "KC")
#' ```
#'
#' @details
#' * `"Wald"`: estimate -/+ t SE for coefficients, with the covariance matrix and degrees of freedom
#'   of [summary.margmix_glmm()]. Limits of standard deviations (and sigma) are computed on the log
#'   scale, those of parameters of [related_levels] on their unbounded scale, with the normal
#'   distribution and the model-based covariance. A standard deviation of 0 has the lower limit 0
#'   and no upper limit (`NA`).
#' * `"profile"`: all values whose profile log-likelihood is within c^2 / 2 of the maximum, where c
#'   is a normal quantile. With few clusters such intervals are too short. If Kenward and Roger's
#'   covariance is the default, c^2 for a coefficient is therefore nu (SE / SE0)^2 log(1 + t^2 /
#'   nu), with their t, nu and SE, and the model-based standard error SE0. These are the values that
#'   `anova()` of two fits does not reject. `df = Inf` uses the normal c. Every point of the profile
#'   is a maximum over all other parameters, found with exact derivatives and the integration rule
#'   of the fit. The lower limit of a standard deviation is 0 if the profile does not fall far
#'   enough above 0. With `REML = TRUE`, standard deviations use the profile of the restricted
#'   likelihood, and coefficients, which it does not contain, that of the likelihood.
#' * `"boot"`: from `B` fits to responses drawn from the model, see [bootstrap()].
#'
#' Standard deviations are in units of the predictor.
#'
#' @inheritParams summary.margmix_glmm
#' @param object A fit of [glmm()].
#' @param parm The rows: `"beta_"` for the coefficients, the default, so that
#'   `cbind(fixef(object), confint(object))` works; `"sd_"` (or `"theta_"`, as in package
#'   \pkg{lme4}) for the standard deviations; `"all"` for both; or names or numbers of rows,
#'   coefficients first.
#' @param level Confidence level.
#' @param method `"Wald"`, `"profile"` or `"boot"`.
#' @param B,seed,cl For `"boot"`, as in [bootstrap()] of type `"parametric"`.
#' @param interval For `"boot"`: `"percentile"`, `"bca"` or `"studentized"`.
#' @param vcov,df Covariance matrix and degrees of freedom of the coefficients for `"Wald"`, as in
#'   [summary.margmix_glmm()]. With `"profile"`, `df = Inf` refers coefficients to chi^2.
#' @param x Intervals.
#' @return A matrix of class `margmix_confint` with the lower and upper limits in columns. Its rows
#'   are coefficients (aliased ones `NA`), `sd_<effect>|<group>`, for [related_levels]
#'   `correlation_`, `rate_` or `alpha_<group>`, and `sigma`. Its attribute `heading` says how the
#'   limits were computed.
#' @section Conditions: errors `margmix_error_parm`, `margmix_error_argument` and those of
#'   [summary.margmix_glmm()]; warning `margmix_warning_profile`: the profile found a higher
#'   likelihood than the fit.
#' @references
#' Venzon, D. J. and Moolgavkar, S. H. (1988). A method for computing profile-likelihood-based
#' confidence intervals. *Applied Statistics* **37**, 87-94.
#' @examples
#' fit <- glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial())
#' confint(fit)
#' confint(fit, "sd_", method = "profile")
#' @export
confint.margmix_glmm <- function(object, parm, level = 0.95, method = c("Wald", "profile", "boot"),
                         vcov = "default", df = "default", B = 999,
                         interval = "percentile", seed = NULL, cl = NULL, ...) {
  check_dots(..., known = names(formals(confint.margmix_glmm)), elsewhere = replicates_elsewhere)
  check_level(level)
  method <- one_of(method, c("Wald", "profile", "boot"), "method")
  coefficients <- names(object$coefficients)
  all_rows <- c(coefficients, deviation_names(object))
  rows <- if (missing(parm)) coefficients else chosen_rows(parm, all_rows, coefficients)
  if (method != "Wald") {
    chi2 <- method == "profile" && identical(df, Inf)
    if (!identical(vcov, "default") || !identical(df, "default") && !chi2) {
      abort("argument", "`vcov` and `df` can be given only with method \"Wald\".",
        given = paste0("method = \"", method, "\""),
        hint = if (method == "profile") "`df = Inf` is for chi^2."
      )
    }
  }
  if (method == "boot") {
    boot <- bootstrap(object, B, "parametric", seed, cl)
    return(confint(boot, setdiff(rows, aliased_names(object$design)), level, interval))
  }
  if (method == "profile") {
    reference <- if (any(rows %in% coefficients)) profile_reference(object, df)
    limits <- profile_rows(object, rows, level, reference)
    heading <- profile_words(object, rows, level, reference)
  } else {
    limits <- wald_rows(object, rows, level, vcov, df)
    heading <- attr(limits, "heading")
  }
  dimnames(limits) <- list(rows, limit_names(level))
  structure(limits, heading = heading, class = c("margmix_confint", "matrix", "array"))
}

limit_names <- function(level) {
  paste(format(100 * (1 + c(-1, 1) * level) / 2, trim = TRUE, digits = 3L), "%")
}

chosen_rows <- function(parm, all_rows, coefficients) {
  if (identical(parm, "beta_")) return(coefficients)
  if (identical(parm, "sd_") || identical(parm, "theta_")) return(setdiff(all_rows, coefficients))
  if (identical(parm, "all")) return(all_rows)
  if (is.numeric(parm)) {
    chosen <- all_rows[parm]
    parm <- ifelse(is.na(chosen), as.character(parm), chosen)
  }
  unknown <- if (is.character(parm)) setdiff(parm, all_rows) else class(parm)[1L]
  if (!length(parm)) unknown <- value_text(parm)
  if (length(unknown)) {
    deviations <- if (length(setdiff(all_rows, coefficients))) " or standard deviations"
    abort("parm", paste0("`parm` must name coefficients", deviations, " of the model."),
      given = some_of(unknown), hint = paste0("There are ", some_of(code(all_rows), 12L), ".")
    )
  }
  parm
}

# Rows of a matrix of limits.
limits_of <- function(limits, parm) {
  if (missing(parm)) return(limits)
  limits[chosen_limits(parm, rownames(limits)), , drop = FALSE]
}

chosen_limits <- function(parm, known) {
  at <- if (is.character(parm)) {
    match(parm, known)
  } else if (is.numeric(parm) || is.logical(parm)) {
    tryCatch(seq_along(known)[parm], warning = function(w) NA)
  }
  if (length(at) && !anyNA(at)) return(at)
  abort("parm", "`parm` must have names or positions of rows of the table.",
    given = value_text(parm), hint = paste0("There are ", some_of(code(known), 12L), ".")
  )
}

#' @rdname confint.margmix_glmm
#' @export
print.margmix_confint <- function(x, digits = max(3L, getOption("digits") - 3L), ...) {
  digits <- known_digits(digits)
  say(attr(x, "heading"), sep = "\n")
  print(matrix(x, nrow(x), dimnames = dimnames(x)), digits = digits, ...)
  invisible(x)
}

# Wald ------------------------------------------------------------------------------------------

wald_rows <- function(fit, rows, level, vcov, df) {
  deviations <- deviation_names(fit)
  heading <- limits <- NULL
  coefficients <- intersect(rows, names(fit$coefficients))
  if (length(coefficients)) {
    inference <- coef_inference(fit, vcov, df, level, coefficients)
    limits <- as.matrix(inference$table[c("conf.low", "conf.high")])
    heading <- paste(format_level(level), "Wald intervals.", inference$words)
  }
  if (any(rows %in% deviations)) {
    limits <- rbind(limits, deviation_limits(fit, level))
    heading <- c(heading, paste(
      if (is.null(heading)) paste(format_level(level), "Wald intervals."), "Standard deviations:",
      "normal intervals of their logarithms, model-based.",
      if (has_dispersion_formula(fit$design)) "The dispersion: normal intervals of log phi."
    ))
  }
  structure(limits[rows, , drop = FALSE], heading = trimws(heading))
}

# On the log scale: d log sd / d psi = gradient / sd; log sigma = log(phi) / 2.
deviation_limits <- function(fit, level) {
  V <- fit$vcov_full
  V[is.na(V)] <- 0
  quantities <- profile_quantities(fit)[deviation_names(fit)]
  half <- stats::qnorm((1 + level) / 2)
  limits <- vapply(names(quantities), function(name) {
    quantity <- quantities[[name]]
    se <- sqrt(drop(quantity$gradient %*% V %*% quantity$gradient))
    if (name %in% c("sigma", "phi")) {
      return(exp((quantity$estimate + c(-1, 1) * half * se) * sigma_power(fit$family)))
    }
    if (name %in% aux_names(fit$design, fit$family)) {
      return(quantity$estimate + c(-1, 1) * half * se)
    }
    reading <- reading_named(fit$design, name)
    if (!is.null(reading)) {
      if (se == 0) return(c(NA_real_, NA_real_))
      return(reading(quantity$estimate + c(-1, 1) * half * se))
    }
    if (quantity$estimate == 0) return(c(0, NA))
    if (se == 0) return(c(NA_real_, NA_real_))
    quantity$estimate * exp(c(-1, 1) * half * se / quantity$estimate)
  }, numeric(2L))
  t(limits)
}

# Profile ---------------------------------------------------------------------------------------

profile_rows <- function(fit, rows, level, reference) {
  limits <- visit_profiles(fit, rows, function(profile) {
    cutoff <- limit_cutoff(limit_scale(profile, reference), level)
    profile$printed(profile_limits(profile, cutoff))
  })
  do.call(rbind, lapply(limits, function(x) x %||% c(NA_real_, NA_real_)))
}

profile_words <- function(fit, rows, level, reference = NULL) {
  few <- reference$df[match(rows, rownames(reference))]
  words <- paste0(format_level(level), " profile likelihood intervals, ", paste(c(
    if (!length(few) || anyNA(few)) "chi^2 with 1 df",
    if (!all(is.na(few))) {
      paste0(
        if (anyNA(few)) "coefficients ", "by Kenward and Roger's t with df ", df_range_words(few)
      )
    }
  ), collapse = "; "), ".")
  deviations <- rows %in% deviation_names(fit)
  if (isTRUE(fit$REML) && any(deviations)) {
    words <- paste0(
      words, " Standard deviations: by the restricted likelihood",
      if (!all(deviations)) "; coefficients: by the likelihood", "."
    )
  }
  fewest <- fewest_levels(fit)
  c(words, if (fewest < 30L && !all(deviations) && is.null(reference)) {
    paste0("Too short for effects between ", fewest, " clusters; confint() allows for few.")
  })
}

#' The same model by maximum likelihood
#' @noRd
ml_version <- function(fit) {
  if (!isTRUE(fit$REML)) return(fit)
  refit_at(fit, fit$rule$K, REML = FALSE)
}

#' The same model under another rule
#'
#' @return `fit` with its estimates, log-likelihood and rule replaced. Notes and warnings were given
#'   at the fit.
#' @noRd
refit_at <- function(fit, K, REML = isTRUE(fit$REML)) {
  control <- fit$control
  control$separation <- "none"
  control$verbose <- FALSE
  estimate <- quietly(
    fit_design(fit$design, fit$family, as.integer(K), REML, warm_start(fit), control)
  )
  fit[names(estimate)] <- estimate
  estimated_coefficients(fit) <- estimate$beta
  fit
}

quietly <- function(expr) {
  withCallingHandlers(expr,
    margmix_note = function(n) invokeRestart("muffleMessage"),
    margmix_warning = function(w) invokeRestart("muffleWarning")
  )
}
