# Weights of a survey by level: the pseudo-likelihood of rows and clusters that were sampled with
# unequal probabilities. A design with them has the class `margmix_survey` before its others; its
# `weights` are those of rows, scaled, and its `cluster_weights` and, of the finer of two nested
# factors, `inner_weights` go to the engine beside them.

#' Survey weights of rows and clusters
#'
#' @description
#' ```
#' # weights of schools, and of pupils given their school
#' pupils <- data.frame(school = rep(1:40, each = 6), isei = rnorm(240), pass = rep(0:1, 120),
#'                      w_school = rep(runif(40, 1, 9), each = 6), w_pupil = runif(240, 1, 3))
#' glmm(pass ~ isei + (1 | school), pupils, binomial(),
#'      weights = survey_weights(rows = w_pupil, clusters = w_school))
#' ```
#' For the argument `weights` of [glmm()], if clusters (schools) were sampled with unequal
#' probabilities, and rows (pupils) within them; with nested factors, `(1 | school / class)`, also
#' the inner units (classes) in between.
#'
#' @details
#' A weight is the inverse of a sampling probability: w_j of the cluster, and w_i|j of the row if
#' its cluster is in the sample. The estimates maximise the pseudo-likelihood (Pfeffermann et al.
#' 1998, Rabe-Hesketh and Skrondal 2006)
#' ```
#' log L = sum_j w_j log integral{ prod_i f(y_ij | u)^w_i|j phi(u) du },
#' ```
#' and, with units i nested in clusters j, and rows h in units,
#' ```
#' log L = sum_j w_j log integral{ phi(u) prod_i [
#'           integral{ prod_h f(y_hij | u, v)^w_h|ij phi(v) dv } ]^w_i|j du },
#' ```
#' an estimate of the log-likelihood that the whole population would have. A single weight for each
#' row, as in [stats::glm()], isn't enough: the weight of its cluster is outside the integral, its
#' own inside. So weights are given by level, as in other software for such models. If you have an
#' overall weight of each row, w_ij, write `rows = w_ij / w_j`; with three levels of weights, divide
#' by those of both levels above.
#'
#' @section Scale: Multiplying all cluster weights by a factor changes no estimate. Multiplying the
#'   weights of the rows in a cluster does, because their sum is how much the cluster is taken to
#'   know about its own random effect. Raw weights of 100 make 20 pupils of a school count as 2,000,
#'   and the variance between schools far too large. `scale` multiplies the weights in each cluster
#'   by a factor such that
#'   * `"size"`: they add up to its number of rows n_j (the default);
#'   * `"effective"`: they add up to (sum of w)^2 / (sum of w^2), its effective number of rows;
#'   * `"gk"` (Graubard and Korn 1996): they are all 1, and the weight of the cluster becomes the
#'     mean of w_j w_i|j over its rows;
#'   * `"none"`: as they are.
#'
#'   The weights of `inner` units are scaled in their cluster like those of rows in their unit: to
#'   the number of its inner units, for instance. With `"gk"` they are 1 too, and the mean is that
#'   of the products of all three.
#'
#'   These are Stata's `pwscale()`, whose default is to leave weights as they are; the first two are
#'   methods 2 and 1 of Pfeffermann et al. None is best everywhere. If `"size"` and `"effective"`
#'   give very different results, the clusters are too small for weights of rows; compare both. For
#'   `cbind()` responses n_j counts trials, so that grouped and single rows agree.
#' @section Inference: The curvature of a pseudo-likelihood is not the precision of its estimates.
#'   `vcov()` and everything based on it use the sandwich over clusters (`"robust"`), for all
#'   parameters, with J the curvature and s_j the weighted score of cluster j: J^-1 (sum s_j s_j')
#'   J^-1. Software that multiplies it by m / (m - 1), with m clusters, prints standard errors that
#'   are larger by the root of that. Of linear models, Stata's `mixed` and package WeMix take the
#'   sandwich of the coefficients alone, as if the variances were known; where weights depend on the
#'   response that differs: in Stata's example of the PISA data by up to 9%. t intervals have K -
#'   p_b degrees of freedom (see [summary.margmix_glmm()]); strata and finite populations are
#'   ignored. Likelihood ratio tests, profiles, AIC, BIC, `REML`, the covariance of Kenward and
#'   Roger and the bootstrap need a likelihood and are refused (`margmix_error_survey`).
#'   [marginal_standardization()] averages over the population: a row of the fit counts w_j w_i|j,
#'   unscaled; with `average = "cluster"`, a cluster counts w_j. Predicted random effects use the
#'   scaled weights.
#'
#' @param rows Weights of the rows given their clusters, or their inner units; by default 1.
#' @param clusters Weights of the clusters, in each of their rows; by default 1.
#' @param scale `"size"`, `"effective"`, `"gk"` or `"none"`.
#' @param inner For two nested factors, weights of the levels of the finer one given their clusters,
#'   the levels of the coarser one, in each of their rows; by default 1.
#' @return A matrix with a row for each row of the data, of class `margmix_survey_weights`.
#' @section Errors: `margmix_error_survey_weights`: weights that aren't positive, finite numbers, a
#'   cluster or inner unit (it is named) with different weights, or `inner` without nested factors;
#'   `margmix_error_survey`: a model or method that can't use them. The model must have one grouping
#'   factor, or two of which one is nested in the other.
#' @references
#' Graubard, B. I. and Korn, E. L. (1996). Modelling the sampling design in the analysis of health
#' surveys. *Statistical Methods in Medical Research* **5**, 263-281.
#'
#' Pfeffermann, D., Skinner, C. J., Holmes, D. J., Goldstein, H. and Rasbash, J. (1998). Weighting
#' for unequal selection probabilities in multilevel models. *Journal of the Royal Statistical
#' Society B* **60**, 23-40.
#'
#' Rabe-Hesketh, S. and Skrondal, A. (2006). Multilevel modelling of complex survey data. *Journal
#' of the Royal Statistical Society A* **169**, 805-827.
#' @examples
#' # as if clinics with few patients had been sampled with half the probability of others
#' clinics <- transform(infection, w = ifelse(ave(n, clinic, FUN = sum) < 30, 2, 1))
#' fit <- glmm(cbind(success, n - success) ~ treatment + (1 | clinic), clinics, binomial(),
#'   weights = survey_weights(clusters = w)
#' )
#' summary(fit)
#' @export
survey_weights <- function(rows = NULL, clusters = NULL,
                           scale = c("size", "effective", "gk", "none"), inner = NULL) {
  scale <- one_of(scale, names(scale_words), "scale")
  given <- Filter(Negate(is.null), list(rows = rows, inner = inner, clusters = clusters))
  if (!length(given)) {
    abort("survey_weights", "Weights of `rows`, of `clusters` or of both must be given.")
  }
  for (name in names(given)) check_survey_numbers(given[[name]], name)
  if (length(unique(lengths(given))) > 1L) {
    abort("survey_weights", "Weights of every level must be given for each row.",
      given = paste(lengths(given), "of", code(names(given)))
    )
  }
  structure(do.call(cbind, lapply(given, as.numeric)),
    scale = scale, levels = names(given), class = "margmix_survey_weights"
  )
}

scale_words <- c(
  size = "scaled to the size of clusters", effective = "scaled to the effective size of clusters",
  gk = "scaled by Graubard and Korn's method", none = "as they are"
)

check_survey_numbers <- function(x, name) {
  if (is.numeric(x) && NCOL(x) == 1L) return(invisible())
  abort("survey_weights", paste0(code(name), " must be a numeric vector."),
    given = paste("an object of class", class(x)[1L])
  )
}

# Subsets and na.action take rows of the model frame.
#' @export
`[.margmix_survey_weights` <- function(x, i, ...) {
  # str() and others look at the single numbers that are not missing
  if (is.logical(i) && length(i) > nrow(x)) return(as.vector(x)[i])
  facts <- attributes(x)[c("scale", "levels", "class")]
  x <- unclass(x)[i, , drop = FALSE]
  attributes(x) <- c(attributes(x)[c("dim", "dimnames")], facts)
  x
}

# Of the frame of a fit, or NULL.
survey_weights_of <- function(frame) {
  weights <- frame[["(weights)"]]
  if (inherits(weights, "margmix_survey_weights")) weights
}

# The design ------------------------------------------------------------------------------------

#' A design with the survey weights of its frame
#'
#' @param frame A data frame with `(weights)`.
#' @return The design; with survey weights of class `margmix_survey`, with `weights` (scaled) by
#'   row, `cluster_weights`, and `survey`, a list: `scale`; `levels`, which weights were given;
#'   `size` (n), how many of the population a row stands for.
#' @section Errors: `survey`, `survey_weights`.
#' @noRd
with_survey_weights <- function(design, frame) {
  weights <- survey_weights_of(frame)
  if (is.null(weights)) return(design)
  check_survey_design(design, attr(weights, "levels"))
  rows <- attr(frame, "row.names")
  given <- unclass(weights)
  for (name in colnames(given)) check_positive(given[, name], name, rows)
  by_level <- matrix(1, nrow(given), 3L, dimnames = list(NULL, c("rows", "inner", "clusters")))
  by_level[, colnames(given)] <- given
  by_level <- take_rows(by_level, design$order)
  scale <- attr(weights, "scale")
  scaled <- scaled_weights(list(
    rows = by_level[, "rows"], clusters = constant_weights(by_level, "clusters", 1L, design),
    inner = if ("inner" %in% colnames(given)) constant_weights(by_level, "inner", 2L, design)
  ), design, scale)
  design[names(scaled)] <- scaled
  design$survey <- list(
    scale = scale, levels = attr(weights, "levels"),
    size = by_level[, "rows"] * by_level[, "inner"] * by_level[, "clusters"] * row_trials(design)
  )
  class(design) <- c("margmix_survey", class(design))
  design
}

# What a fit with them has no place for.
check_survey_fit <- function(frame, REML, penalty, control) {
  if (is.null(survey_weights_of(frame))) return(invisible())
  no_likelihood <- "needs a likelihood, and survey weights leave a pseudo-likelihood"
  if (isTRUE(REML)) refuse_survey("REML = TRUE", no_likelihood)
  if (!is.null(penalty)) refuse_survey("`penalty`", no_likelihood)
  if (control$weights_type != "prior") {
    refuse_survey("`weights_type`", "applies to weights that are one number for each row",
      given = paste0("weights_type = \"", control$weights_type, "\"")
    )
  }
}

check_survey_design <- function(design, levels) UseMethod("check_survey_design")

#' @export
check_survey_design.default <- function(design, levels) {
  if (!"inner" %in% levels) return(invisible())
  abort("survey_weights", "Weights of `inner` units need two nested grouping factors.",
    given = some_of(term_labels(design)),
    hint = "As in (1 | cluster / unit). With one factor, those of its levels are `clusters`."
  )
}

#' @export
check_survey_design.margmix_two_levels <- function(design, levels) invisible()

#' @export
check_survey_design.margmix_several_factors <- function(design, levels) {
  refuse_survey("survey_weights()",
    "is for models with one grouping factor or two nested ones, without smooth terms",
    given = some_of(term_labels(design))
  )
}

check_positive <- function(x, name, rows) {
  bad <- which(!is.finite(x) | x <= 0)
  if (!length(bad)) return(invisible())
  abort("survey_weights", paste0("Survey weights, ", code(name), ", must be positive and finite."),
    given = paste(format(x[bad[1L]]), "in", some_rows(rows[bad])),
    hint = "Rows that are not in the sample are left out by `subset`."
  )
}

# One weight for each level of grouping factor k.
constant_weights <- function(by_level, name, k, design) {
  x <- by_level[, name]
  level <- row_levels(design, k)
  labels <- design$groups[[k]]$levels
  first <- unname(x[match(seq_along(labels), level)])
  differs <- abs(x - first[level]) > 1e-8 * abs(first[level])
  if (!any(differs)) return(first)
  levels <- unique(labels[level[differs]])
  what <- c(clusters = "a cluster", inner = "an inner unit")[[name]]
  abort("survey_weights", paste("Weights of", code(name), "must be the same in all rows of", what),
    given = paste(code(group_labels(design)[k]), some_of(levels)),
    hint = paste0("The weight of a row given its ", sub(".* ", "", what), " belongs in `rows`."),
    clusters = levels
  )
}

#' Weights on the scale that was asked for
#'
#' @param weights A list: `rows`, of each row, sorted by cluster; `inner`, of each level of the
#'   finer of two factors, or `NULL`; `clusters`, of each cluster.
#' @return A list: `weights` of rows, `cluster_weights`, and `inner_weights` or nothing.
#' @noRd
scaled_weights <- function(weights, design, scale) {
  trials <- row_trials(design)
  rows <- weights$rows
  nested <- !is.null(weights$inner)
  unit <- row_levels(design, factor_count(design))
  if (scale == "gk") {
    overall <- if (nested) rows * weights$inner[unit] else rows
    mean <- cluster_sums(trials * overall, design$start) / cluster_sums(trials, design$start)
    # a cluster without trials says nothing
    mean[is.nan(mean)] <- 1
    return(list(weights = rep(1, length(rows)), cluster_weights = weights$clusters * mean))
  }
  outer <- row_levels(design)[match(seq_along(weights$inner), unit)]
  c(
    list(
      weights = scaled_within(rows, trials, unit, scale), cluster_weights = weights$clusters
    ),
    if (nested) list(inner_weights = scaled_within(weights$inner, 1, outer, scale))
  )
}

# Weights of members of units, each of which counts so many times.
scaled_within <- function(w, count, unit, scale) {
  sums <- function(x) as.vector(rowsum(x, unit))
  n <- sums(count + 0 * w)
  total <- sums(count * w)
  factor <- switch(scale,
    size = n / total, effective = total / sums(count * w^2), none = rep(1, length(n))
  )
  # a row without trials says nothing
  factor[n == 0] <- 1
  unname(w * factor[unit])
}

#' @export
abilities.margmix_survey <- function(design) {
  setdiff(NextMethod(), c("one effect", "penalty"))
}

# Rows of a cluster would be pooled, their constants weighted by its weight.
#' @export
pool_rows.margmix_survey <- function(design, family, collapse = "auto") {
  list(design = design, constant = 0)
}

# Without random effects a row has the product of its weights.
#' @export
engine_glm_start.margmix_survey <- function(design, family, level, threads) {
  inner <- design$inner_weights
  design$weights <- row_weights(design) * design$cluster_weights[row_levels(design)] *
    (if (is.null(inner)) 1 else inner[row_levels(design, 2L)])
  engine_glm_start.default(design, family, level, threads)
}

# Individuals, and clusters, of the population that a row of a target stands for.
target_sizes <- function(design) UseMethod("target_sizes")

#' @export
target_sizes.default <- function(design) row_sizes(design)

#' @export
target_sizes.margmix_survey <- function(design) design$survey$size

# Covariance --------------------------------------------------------------------------------------

#' An estimate with the covariance of its parameters
#'
#' For a likelihood the inverse of its curvature, which the search has left in `vcov_full`. Of a
#' pseudo-likelihood that is the bread of the sandwich.
#'
#' @param problem Its `design` is that of the rows that were fitted.
#' @noRd
with_covariance <- function(design, problem, estimate) UseMethod("with_covariance")

#' @export
with_covariance.default <- function(design, problem, estimate) estimate

#' @export
with_covariance.margmix_survey <- function(design, problem, estimate) {
  fit <- c(estimate, problem[c("design", "family", "control")])
  estimate$bread <- estimate$vcov_full
  estimate$vcov_full <- sandwich_with(estimate$bread, fit)
  estimate
}

#' The type of covariance that a fit has for one that was asked for
#' @section Errors: `survey`.
#' @noRd
covariance_of <- function(design, type) UseMethod("covariance_of")

#' @export
covariance_of.default <- function(design, type) type

#' @export
covariance_of.margmix_survey <- function(design, type) {
  if (type %in% c("default", "robust")) return("robust")
  refuse_survey(paste0("vcov = \"", type, "\""), "needs a likelihood",
    "vcov = \"robust\" is the sandwich over clusters, and the default."
  )
}

#' @export
default_covariance.margmix_survey <- function(fit, design) {
  c(list(type = "robust", reason = "survey"), beta_vcov(fit, "robust"))
}

# Rules that need no working model of the scores.
#' @export
rules_of.margmix_survey <- function(design) c("K-pb", "K-p", "between-within", "normal")

#' @export
robust_df_rule.margmix_survey <- function(design) "K-pb"

#' @export
means_vcov.margmix_survey <- function(design, vcov, eb, assigned) {
  if (eb) check_likelihood(design, "random_effects = \"eb\"")
  if (assigned) check_likelihood(design, "Standardization by `randomized` or `propensity`")
  if (is.null(vcov)) return("robust")
  if (!is.character(vcov)) return(vcov)
  covariance_of(design, one_of(vcov, covariances_for("means"), "vcov"))
}

#' @export
with_means_df.margmix_survey <- function(design, variance) {
  df <- between_df(design)
  variance$df <- lapply(variance$df, function(x) ifelse(is.nan(x), NaN, df))
  variance
}

# What a pseudo-likelihood is not -----------------------------------------------------------------

refuse_survey <- function(what, why, hint = NULL, given = "weights = survey_weights()") {
  abort("survey", paste0(what, " ", why, "."), given = given, hint = hint)
}

#' Has a design a likelihood, which is not a pseudo-likelihood?
#' @section Errors: `survey`.
#' @noRd
check_likelihood <- function(design, what, hint = NULL) UseMethod("check_likelihood")

#' @export
check_likelihood.default <- function(design, what, hint = NULL) invisible()

#' @export
check_likelihood.margmix_survey <- function(design, what, hint = NULL) {
  refuse_survey(what, "needs a likelihood, and survey weights leave a pseudo-likelihood", hint)
}

wald_hint <- "Wald tests and intervals, summary() or one fit in anova(), have the sandwich."

#' AIC and BIC, of likelihoods alone
#' @noRd
information_criteria <- function(fit) UseMethod("information_criteria", fit$design)

#' @export
information_criteria.default <- function(fit) {
  loglik <- stats::logLik(fit)
  list(AIC = stats::AIC(loglik), BIC = stats::BIC(loglik))
}

#' @export
information_criteria.margmix_survey <- function(fit) list(AIC = NA_real_, BIC = NA_real_)

check_criteria <- function(fits, what) {
  for (fit in Filter(is_mixed, fits)) check_likelihood(fit$design, what, wald_hint)
}

#' @export
AIC.margmix_glmm <- function(object, ..., k = 2) {
  if (!is.numeric(k) || length(k) != 1L || !is.finite(k)) {
    abort("argument", "`k` must be one number.", given = value_text(k))
  }
  check_criteria(list(object, ...), "AIC()")
  NextMethod()
}

#' @export
BIC.margmix_glmm <- function(object, ...) {
  check_criteria(list(object, ...), "BIC()")
  NextMethod()
}

# Words -------------------------------------------------------------------------------------------

# What was maximised, beside the usual; NULL for a likelihood.
pseudo_words <- function(design) UseMethod("pseudo_words")

#' @export
pseudo_words.default <- function(design) NULL

#' @export
pseudo_words.margmix_survey <- function(design) {
  survey <- design$survey
  paste0(
    "survey weights of ", level_words(survey$levels),
    if ("rows" %in% survey$levels) paste0(", ", scale_words[[survey$scale]])
  )
}

level_words <- function(levels) {
  words <- c(rows = "rows", inner = "inner units", clusters = "clusters")[levels]
  last <- length(words)
  if (last < 3L) return(paste(words, collapse = " and "))
  paste(paste(words[-last], collapse = ", "), "and", words[last])
}
