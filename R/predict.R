# Predictions: of known clusters, of new ones, at random effect zero, and of the population.

#' Predictions of a mixed model
#'
#' @description
#' ```
#' fit <- glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial())
#' predict(fit, type = "response")                                       # clinics of the fit
#' predict(fit, data.frame(treatment = "drug"), type = "response",
#'   random_effects = "integrate", se.fit = TRUE                         # the population
#' )
#' ```
#'
#' A generalized linear mixed model has several means, and `random_effects` chooses one:
#'
#' * `"eb"`, empirical Bayes: the mean of the row's own cluster, at the mode of its random effects,
#'   eta = offset + x'beta + z'Lambda u. For a **new** cluster it is the mean over all clusters: on
#'   the response scale the random effects are integrated out, exactly, as with `"integrate"`; on
#'   the link scale their mean is 0.
#' * `"zero"`: the mean of a cluster whose random effects are zero, linkinv(offset + x'beta). On the
#'   response scale this is **not** the population mean, unless the link is the identity.
#' * `"integrate"`: the population mean, m(eta, s) = integral of linkinv(eta + s t) phi(t) dt, with
#'   eta = offset + x'beta and s^2 = z'Lambda Lambda'z. On the link scale it is link(m).
#'
#' @details
#' # Standard errors
#'
#' Standard errors allow for the estimation of the coefficients, by the default covariance of
#' [vcov.margmix_glmm()], and of the variance parameters. They are:
#'
#' * known cluster, `"eb"`: that of eta-hat - eta, from the joint covariance of beta, theta, phi and
#'   u: d'V d + z'Lambda A^-1 Lambda'z, with d the derivative of the predicted eta in (beta, theta),
#'   the mode included, V their covariance, and A the information on u at the mode (Booth and Hobert
#'   1998). On the response scale this is multiplied by |d mu / d eta|.
#' * new cluster, `"eb"`: that of the difference from the mean of a cluster drawn at random, which
#'   includes the variance between clusters: x'V x + z'Lambda Lambda'z on the link scale, and the
#'   variance of m plus that of linkinv(eta + s t) on the response scale.
#' * `"zero"`: x'V x.
#' * `"integrate"`: that of the population mean, by the delta method in beta and theta together.
#'
#' Variance parameters estimated on the boundary are taken as known. None of these includes a
#' residual variance.
#'
#' # `re.form`
#'
#' This has the same meaning as in package \pkg{lme4}: `NULL` is `"eb"`, `NA` and `~ 0` are
#' `"zero"`, and a formula such as `~ (1 | a)` is `"eb"` with the effects of the other random terms
#' at 0. On the response scale, a note says that predictions without all terms are not population
#' means; `random_effects = "zero"` is silent.
#'
#' @param object A fit by [glmm()].
#' @param newdata A data frame with the covariates and offsets of the model and, for `"eb"`, the
#'   grouping variable, which is matched by value; the response is not needed. `NULL`: the rows of
#'   the fit.
#' @param type `"link"`, the linear predictor; `"response"`, the mean (for a binomial family: the
#'   probability); or `"dispersion"`, phi of each row (see [dispersion_families]), which depends on
#'   the covariates of the `dispersion` formula alone.
#' @param random_effects `"eb"`, `"zero"` or `"integrate"`, see above.
#' @param re.form `NULL`, `NA`, `~ 0` or random terms of the fit such as `~ (1 | a)`: another way to
#'   choose `"eb"`, `"zero"`, or the effects of some terms.
#' @param se.fit `TRUE` for standard errors.
#' @param interval `"confidence"` for t limits of the mean, computed on the scale of the predictor
#'   with the smallest degrees of freedom of the coefficients; `"prediction"` (linear models) for
#'   limits of a new response.
#' @param level Level of the limits.
#' @param allow.new.levels May `newdata` have clusters that were not in the fit?
#' @param observed Responses of clusters that were not in the fit: a data frame with response,
#'   covariates and grouping variable. Rows of `newdata` in these clusters are predicted like those
#'   of known clusters, at the mode of the random effects given these responses and the fitted
#'   parameters. Responses in `newdata` are never used.
#' @param na.action What to do with rows of `newdata` that have missing values; by default their
#'   prediction is `NA`.
#' @param ... Not used; other arguments are an error.
#' @return A vector with a value for each row, in the order of the data, or, with `se.fit = TRUE`, a
#'   list of two such vectors, `fit` and `se.fit`. With `interval`, a matrix with the columns `fit`,
#'   `lwr` and `upr` replaces the vector of predictions. If the fit was made with `na.action =
#'   na.exclude`, rows that were left out are `NA`. A row is also `NA` if its coefficients,
#'   covariates or (for `"eb"`) cluster are not all known.
#' @section Conditions:
#' * Note `margmix_note_new_clusters`: rows of `newdata` are in clusters that were not in the fit.
#' * Note `margmix_note_zero_effect`: see `re.form`.
#' * Error `margmix_error_new_clusters`: new clusters with `allow.new.levels = FALSE`.
#' * Warning `margmix_warning_by_row`: a variable such as `I(x - mean(x))`, whose value in a row
#'   depends on all rows, is recomputed from `newdata`.
#' * Errors `margmix_error_newdata`, `margmix_error_new_factor_level`, `margmix_error_offset`:
#'   `newdata` doesn't fit the model.
#' * Error `margmix_error_observed`: responses of known clusters, in a different form from that of
#'   the fit, or of a model with several grouping factors.
#' * Error `margmix_error_re_form`: any other `re.form`.
#' @references
#' Booth, J. G. and Hobert, J. P. (1998). Standard errors of prediction in generalized linear mixed
#' models. *Journal of the American Statistical Association* **93**, 262-272.
#'
#' Zeger, S. L., Liang, K.-Y. and Albert, P. S. (1988). Models for longitudinal data: a generalized
#' estimating equation approach. *Biometrics* **44**, 1049-1060.
#' @examples
#' fit <- glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial())
#' predict(fit, type = "response")                       # by clinic and treatment
#'
#' # two clinics, one of them new, with standard errors
#' new <- data.frame(clinic = c(3, 9), treatment = "drug")
#' predict(fit, new, type = "response", se.fit = TRUE)
#'
#' # the same for further rows of a new clinic with one result of its own
#' first <- data.frame(clinic = 9, treatment = "control", success = 6, n = 9)
#' predict(fit, new[2, ], type = "response", observed = first, se.fit = TRUE)
#'
#' # success probability in the population, and in a clinic at random effect 0
#' arms <- data.frame(treatment = c("control", "drug"))
#' predict(fit, arms, type = "response", random_effects = "integrate")
#' predict(fit, arms, type = "response", random_effects = "zero")
#' @export
predict.margmix_glmm <- function(object, newdata = NULL, type = c("link", "response", "dispersion"),
                         random_effects = c("eb", "zero", "integrate"), re.form, se.fit = FALSE,
                         allow.new.levels = TRUE, na.action = stats::na.pass, observed = NULL,
                         interval = c("none", "confidence", "prediction"), level = 0.95, ...) {
  check_dots(..., known = names(formals(predict.margmix_glmm)))
  type <- one_of(type, c("link", "response", "dispersion"), "type")
  check_switch(se.fit, "se.fit")
  check_switch(allow.new.levels, "allow.new.levels")
  if (type == "dispersion") return(predict_dispersion(object, newdata, se.fit, na.action))
  check_level(level)
  interval <- check_interval(interval, object)
  asked <- if (missing(re.form)) {
    list(effects = one_of(random_effects, c("eb", "zero", "integrate"), "random_effects"))
  } else if (missing(random_effects)) {
    read_re_form(object, re.form, type)
  } else {
    abort("re_form", "Only one of `random_effects` and `re.form` can be given.")
  }
  asked <- with_curves(object$design, asked)
  random_effects <- asked$effects
  fitted <- object <- fit_to_predict(object, random_effects) # without levels of new rows
  newdata <- fill_groups(object, newdata, asked$kept)
  if (!is.null(newdata) && random_effects == "eb") {
    object <- with_new_levels(object$design, object, newdata)
  }
  rows <- rows_to_predict(object, newdata, random_effects, asked$kept, na.action)
  extended <- if (!is.null(observed)) observed_clusters(object, observed, newdata, random_effects)
  if (!is.null(rows$new_label)) {
    unused <- if (is.null(observed)) response_words(object, newdata)
    known <- cluster_levels(extended$design)
    report_new_labels(object, rows, known, type, allow.new.levels, unused)
  }
  limits <- interval != "none"
  if (se.fit || limits) {
    object$vcov_full <- with_beta(object, default_covariance(fitted))
    if (!is.null(extended)) extended$vcov_full <- object$vcov_full
  }
  restore <- function(x) name_rows(x, rows, object)
  at <- function(type, variance) {
    predicted <- if (is.null(extended)) {
      predict_rows(object, rows, type, random_effects, variance)
    } else {
      predict_observed(object, extended, rows, type, variance)
    }
    list(
      fit = restore(predicted$fit), se.fit = if (variance) restore(sqrt(predicted$variance))
    )
  }
  out <- at(type, se.fit || limits)
  if (limits) out$fit <- with_limits(object, out, at, type, interval, level, newdata)
  if (se.fit) out else out$fit
}

# The rows of the fit, or of newdata, with the kept terms of the random effects.
rows_to_predict <- function(object, newdata, random_effects, kept, na.action) {
  rows <- if (is.null(newdata)) {
    fitted_rows(object, random_effects)
  } else {
    new_rows(object, newdata, random_effects, na.action)
  }
  keep_terms(rows, object$design, kept)
}

# Arguments ---------------------------------------------------------------------------------------

#' Is `re.form` a way to say "no random effects"?
#'
#' @param others What else the caller takes.
#' @return `TRUE` for `NA` and `~ 0`, `FALSE` for `NULL`.
#' @section Errors: `re_form` for anything else.
#' @noRd
is_zero_form <- function(re.form, others = NULL) {
  if (is.null(re.form)) return(FALSE)
  if (is.atomic(re.form) && length(re.form) == 1L && is.na(re.form)) return(TRUE)
  if (inherits(re.form, "formula") && length(re.form) == 2L && identical(re.form[[2L]], 0)) {
    return(TRUE)
  }
  choices <- paste(c("NULL (all random effects), NA or ~ 0 (none)", others), collapse = ", or ")
  abort("re_form", paste0("`re.form` must be ", choices, "."),
    given = substr(expression_text(re.form), 1L, 60L)
  )
}

note_zero_effect <- function(family) {
  if (has_identity_link(family)) return(invisible())
  note("zero_effect",
    "These are values at random effect 0, not means of the population.",
    hint = "random_effects = \"integrate\" gives the means of the population."
  )
}

observed_clusters <- function(object, observed, newdata, random_effects) {
  if (is.null(newdata) || random_effects != "eb") {
    abort("observed", "`observed` is for predictions of new clusters at their random effects.",
      given = if (is.null(newdata)) "no `newdata`" else paste0("random_effects = \"",
        random_effects, "\"")
    )
  }
  with_new_clusters(object, observed)
}

# Responses in new data are not used; say so where they might be meant to be.
response_words <- function(object, newdata) {
  needed <- all.vars(object$frame$parsed$fixed[[2L]])
  if (!length(needed) || !all(needed %in% names(newdata))) return(NULL)
  "Responses in `newdata` are not used; `observed` takes responses of new clusters."
}

report_new_labels <- function(object, rows, known, type, allowed, unused) {
  groups <- group_labels(object$design)
  for (k in seq_along(groups)) {
    new <- rows$new_label[, k]
    new[new %in% known] <- NA
    report_new_clusters(new, groups[k], type, allowed, unused)
  }
}

report_new_clusters <- function(new_label, group, type, allowed, hint = NULL) {
  new <- new_label[!is.na(new_label)]
  if (!length(new)) return(invisible())
  labels <- unique(new)
  if (!allowed) {
    abort("new_clusters", "The clusters of `newdata` must be those of the fit.",
      given = paste(code(group), some_of(labels)),
      hint = "allow.new.levels = TRUE predicts new clusters.", levels = labels
    )
  }
  how <- if (type == "link") {
    "at random effect 0, on the scale of the predictor (type = \"link\")"
  } else {
    "with the random effects integrated out"
  }
  note("new_clusters",
    paste0("Clusters that were not in the fit are predicted ", how, "."),
    given = paste0(
      length(new), ngettext(length(new), " row", " rows"), " in ", length(labels), " new ",
      ngettext(length(labels), "cluster", "clusters"), " of ", code(group), ": ",
      some_of(labels)
    ), hint = hint,
    levels = labels
  )
}

# Values ------------------------------------------------------------------------------------------

#' Predictions of rows
#'
#' @param rows From [fitted_rows()] or [new_rows()].
#' @return A list: `fit`, and `variance` (`NULL` unless wanted).
#' @noRd
predict_rows <- function(object, rows, type, random_effects, variance = FALSE) {
  known <- if (!rows$sorted) known_rows(object, rows)
  whole <- is.null(known) || all(known)
  if (!whole) rows <- take_prediction_rows(rows, known)
  # linkinv() of some families refuses to compute nothing
  if (!nrow(rows$X)) random_effects <- "none"
  out <- switch(random_effects,
    none = list(fit = numeric(), variance = if (variance) numeric()),
    zero = predict_zero(object, rows, type, variance),
    integrate = predict_population(object, rows, type, variance),
    eb = predict_cluster(object, rows, type, variance)
  )
  if (whole) return(out)
  lapply(out, function(x) if (!is.null(x)) replace(rep(NA_real_, length(known)), known, x))
}

predict_zero <- function(object, rows, type, variance) {
  eta <- fixed_predictor(object, rows)
  v <- if (variance) {
    fixed <- seq_along(object$beta)
    V <- object$vcov_full[fixed, fixed, drop = FALSE]
    quadratic_rows(length(eta), V, function(take) rows$X[take, , drop = FALSE])
  }
  on_scale(eta, v, type, object$family)
}

predict_population <- function(object, rows, type, variance) {
  m <- population_mean(object, rows, variance)
  if (type == "response") return(list(fit = m$mean, variance = m$variance))
  eta <- object$family$linkfun(m$mean)
  list(fit = eta, variance = if (variance) m$variance / object$family$mu.eta(eta)^2)
}

predict_cluster <- function(object, rows, type, variance) {
  eta <- fixed_predictor(object, rows) + random_predictor(object, rows)
  v <- if (variance) cluster_variance(object, rows)
  out <- on_scale(eta, v, type, object$family)
  if (type == "link" || !anyNA(rows$cluster)) return(out)
  predict_new_levels(object$design, object, rows, out, eta, v)
}

cluster_variance <- function(object, rows) {
  if (anyNA(diag(object$vcov_full)[seq_along(object$beta)])) return(rep(NA_real_, nrow(rows$X)))
  engine_eb_variance(object, rows$X, rows$Z, rows$cluster)
}

# z'b with b at its mode; 0 in new clusters.
random_predictor <- function(object, rows) {
  add_effects(numeric(nrow(rows$Z)), mode_effects(object), rows, object$design)
}

#' Add Z b to a predictor
#'
#' @param effects Random effects by grouping factor (levels x effects).
#' @param rows A list with `Z` and `cluster`; an `NA` of the latter adds nothing.
#' @noRd
add_effects <- function(eta, effects, rows, design) {
  cluster <- rows$cluster
  for (k in seq_along(effects)) {
    columns <- design$groups[[k]]$columns
    part <- numeric(length(eta))
    for (j in seq_along(columns)) {
      part <- part + rows$Z[, columns[j]] * effects[[k]][cluster[, k], j]
    }
    if (anyNA(cluster[, k])) part[is.na(cluster[, k])] <- 0
    eta <- eta + part
  }
  eta
}

#' Means of rows with new levels, whose effects are integrated out
#'
#' Of several grouping factors the effects of known levels are at their modes; the variance is that
#' of the mean given the new levels' effects plus their variance between levels.
#'
#' @param out,eta,v Predictions, predictors and their variances with new effects at 0; `v` includes
#'   the variance of the new effects.
#' @noRd
predict_new_levels <- function(design, object, rows, out, eta, v) UseMethod("predict_new_levels")

#' @export
predict_new_levels.default <- function(design, object, rows, out, eta, v) {
  new <- which(is.na(rows$cluster))
  new_only <- take_prediction_rows(rows, new)
  m <- population_mean(object, new_only, !is.null(v))
  out$fit[new] <- m$mean
  if (is.null(v)) return(out)
  s <- random_sd(new_only$Z, object$Lambda)
  out$variance[new] <- m$variance +
    between_variance(eta[new], s, m$mean, population_law(object))
  out
}

#' @export
predict_new_levels.margmix_several_factors <- function(design, object, rows, out, eta, v) {
  new <- which(rowSums(is.na(rows$cluster)) > 0)
  Z <- rows$Z[new, , drop = FALSE]
  for (k in seq_along(design$groups)) {
    Z[!is.na(rows$cluster[new, k]), design$groups[[k]]$columns] <- 0
  }
  s <- random_sd(Z, object$Lambda)
  law <- population_law(object)
  m <- engine_population_mean(eta[new], s, law)
  out$fit[new] <- m$mean
  if (is.null(v)) return(out)
  theta <- length(object$beta) + seq_along(object$theta)
  s_theta <- random_sd_gradient(Z, s, object)
  V <- usable_vcov(object)[theta, theta, drop = FALSE]
  out$variance[new] <- m$d_eta^2 * pmax(v[new] - s^2, 0) +
    m$d_s^2 * rowSums((s_theta %*% V) * s_theta) + between_variance(eta[new], s, m$mean, law)
  out
}

on_scale <- function(eta, variance, type, family) {
  if (type == "link") return(list(fit = eta, variance = variance))
  list(
    fit = family$linkinv(eta),
    variance = if (!is.null(variance)) family$mu.eta(eta)^2 * variance
  )
}
