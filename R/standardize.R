# Marginal standardization: what the population's mean response would be with the exposure set.

#' Standardized risks, rates and means, and their contrasts
#'
#' @description
#' ```
#' fit <- glmm(outcome ~ treat + sex + age + (1 | patient), respiratory, binomial())
#' marginal_standardization(fit, "treat")
#' ```
#' What would the population's mean response be if everyone were exposed, and if no one were?
#' `marginal_standardization()` sets the exposure of each target row to a value, averages the
#' model's means over the rows, and compares the averages by risk difference, risk ratio and odds
#' ratio. The answer is *marginal* for fits of [glmm()] and [gee()] alike.
#'
#' @details
#' For a mixed model, the mean of a row is integrated over the random effects: with s^2 = z'Lambda
#' Lambda'z, m(eta, s) is the integral of linkinv(eta + s t) over a standard normal t, in closed
#' form or by a rule with an error below 1e-12. The covariates z of the random effects are
#' counterfactual, too. The standardized mean at setting a is mu_a = sum of w m / sum of w over the
#' target rows.
#'
#' @section Estimands: `"ATE"` averages over all target rows. For each contrast, `"ATT"` averages
#'   over the rows observed at the setting that isn't the reference, and `"ATU"` over those observed
#'   at the reference. Both need an exposure with observed groups.
#' @section Weights: A row counts as many individuals as it has trials or, with `weights_type =
#'   "frequency"`, as its weight says, so grouped and single 0/1 rows agree. Precision and
#'   inverse-probability weights are not counts and aren't used. Each row of `newdata` counts once.
#'   `weights` replaces these counts. `average = "cluster"` gives all clusters the same weight, for
#'   the mean in the average cluster rather than of the average individual.
#' @section Rates: Offsets stay as they are, so the mean of a count is for the rows' own exposure
#'   times. For rates per unit of time, set the time too, and weight by it: `values =
#'   data.frame(treatment = 0:1, time = 1), weights = "time"`.
#' @section Standard errors: With `covariates = "sampled"` the target rows are a sample of clusters
#'   from the population. The influence of cluster i on mu is phi_i = c'V u~_i + E~_i, where c is
#'   the derivative of mu in the parameters, V their inverse information, u~_i the cluster's score
#'   corrected for few clusters (`vcov = "KC"`, Kauermann and Carroll 2001, or `"MD"`), and E~_i the
#'   cluster's part of the average with the factor (1 - n_i / N)^(-1/2). Contrasts have
#'   Satterthwaite degrees of freedom, means Welch's. `covariates = "fixed"` leaves the second part
#'   out: the interval is then for these covariate values, and too short for a population from which
#'   they were sampled.
#'   For a mixed model, u_i is the score of the marginal likelihood in beta and theta; the
#'   correction and the degrees of freedom concern beta. A cluster's information in beta may fail to
#'   be positive semi-definite; directions of negative information are not corrected. Variances on
#'   the boundary count as known. With nested grouping factors, the clusters are the levels of the
#'   coarsest one. Crossed factors allow only `covariates = "fixed"` and `vcov = "model"`, their
#'   defaults. With `vcov = "model"` or a matrix, c'Vc replaces the scores, and the degrees of
#'   freedom are clusters minus cluster-level coefficients; with crossed factors, those of the
#'   coefficients by [summary.margmix_glmm()]'s between-within rule, as a harmonic mean in which
#'   each counts by its share of c'Vc, and variances count as the coefficient with the fewest.
#' @section Coverage: The simulations had 10, 20, 40 and 100 clusters of 20 binary rows on average,
#'   equal and unequal sizes, with and without interaction, and for `glmm()` with standard
#'   deviations from 0 to 1.5 (2,000 data sets per cell: Monte Carlo error 0.5 percentage points).
#'   The default 95% intervals of standardized risks and their contrasts covered 93.8 to 96.6% with
#'   10 and 20 clusters (`glmm()` with 10: 92.7 to 97.4%), 93.5 to 96.4% with 40, and 94.0 to 96.1%
#'   with 100. All 200 estimates are within limits that had been set before (10 and 20 clusters:
#'   91.5 to 97.5; 40: 92.5 to 97; 100: 93.5 to 96.5). The plain delta method (fixed covariates,
#'   model-based, normal) covered 80 to 97%, and more clusters don't improve it when covariates vary
#'   between them. With 100 clusters, the default standard errors averaged 98 to 102% of those of a
#'   cluster bootstrap; for given covariates (model-based), those of a mixed model averaged 100 to
#'   101% of those of a parametric bootstrap. Script and tables are in `bench/simulation` of the
#'   source.
#' @section Randomized and observational exposures: The means above are the model's, and right only
#'   if it is. In particular, a model without cluster size gives clusters of all sizes the same
#'   effect, whatever `average` says. With `randomized`, the rows observed at a setting correct the
#'   model: with w the weight of a row, m(a) its mean under setting a, A its own setting and p_a the
#'   probability of a,
#'
#'   mu_a = sum w \{m(a) + 1\{A = a\} (y - m(a)) / p_a\} / sum w,
#'
#'   which is consistent for its average, of individuals or of clusters, with any model (Li et al.
#'   2025). Unless given, the probabilities are estimated by the shares of clusters (of individuals
#'   if the exposure varies within clusters). `propensity` is for exposures that were not
#'   randomized: p is the mean of a model of the exposure, and mu_a is right if at least one of the
#'   two models is (augmented inverse probability weighting) and there is no unmeasured confounding.
#'   Its rows must be those of `fit`.
#'
#'   Standard errors allow for the estimation of the model, shares and propensity. `vcov = "KC"`
#'   sums products of a cluster's influence and the change without the cluster; `"robust"` squares
#'   the influence, `"jackknife"` the change, computed by one Newton step, and `"jackknife-full"`
#'   fits again without each cluster. Degrees of freedom are Welch's, with (sum n^2)^2 / sum n^4 - 1
#'   for the clusters of one arm; a jackknife has clusters minus arms. [test_informative_size()]
#'   compares both averages.
#' @section Random effects: `"integrate"` averages over the population. `"zero"` is for a cluster
#'   whose random effects are zero, which is not the population mean. `"eb"` is for the observed
#'   clusters at the modes of their random effects; its standard error has the uncertainty of
#'   parameters and modes for these clusters and covariate values (`covariates = "fixed"`, `vcov =
#'   "model"`, its defaults). It needs normal effects of one grouping factor or two nested ones.
#'   Both are for comparison, as their output says.
#'
#' @param fit A fit of [glmm()] or [gee()].
#' @param exposure Name of the exposure; several names for a joint intervention. The formula may
#'   transform it row by row, or by functions that keep their constants, such as `poly()`.
#' @param values Settings to compare: a vector (names become labels) or, for several exposures, a
#'   data frame with a row for each setting or a named list of its columns. Default: the levels of a
#'   factor, or the two values of a binary variable.
#' @param contrast One or more of `"difference"`, `"ratio"`, `"odds_ratio"`. Default: all three for
#'   probabilities (binomial, beta-binomial), the first for an identity link, otherwise the first
#'   two. The odds of a mean proportion ([beta_family()]) are available on request; other means have
#'   no odds.
#' @param estimand `"ATE"`, `"ATT"` or `"ATU"`.
#' @param reference The setting that others are compared with; by default the first.
#' @param by Names of variables (or a one-sided formula) that define subgroups.
#' @param newdata Target rows; by default those of the fit.
#' @param weights Weights of the target rows: numbers in the order of your data, or the name of a
#'   variable.
#' @param average `"individual"` or `"cluster"`; with `period` also `"period"` or
#'   `"cluster-period"`.
#' @param random_effects `"integrate"`, `"zero"` or `"eb"`; [gee()] ignores it.
#' @param covariates `"sampled"` (the default) or `"fixed"` (the default for `newdata`).
#' @param vcov `"KC"` (the default), `"MD"`, `"FG"`, `"robust"`, `"model"`, or a covariance matrix
#'   (for a mixed model of beta and theta, as `vcov(fit, full = TRUE)`). With `randomized` or
#'   `propensity`: `"KC"`, `"jackknife"` (the default with `period`), `"jackknife-full"` or
#'   `"robust"`.
#' @param df `"default"`, or a number for all (`Inf` for normal intervals).
#' @param level Confidence level.
#' @param randomized `NULL`: the model's means. `TRUE`: the exposure was randomized, to clusters if
#'   it is constant in each of them, otherwise to individuals (`"clusters"` and `"individuals"`
#'   insist on one). Or the probability of each setting.
#' @param propensity `NULL`, or a fit of [gee()] or [glmm()] to an exposure that has two settings
#'   and was not randomized.
#' @param ... Not used; anything here is an error.
#' @return An object of class `margmix_standardization`; [print.margmix_standardization()] lists its
#'   methods. It contains the data frames `means` and `contrasts`, with estimates, standard errors
#'   (of the logarithm, for ratios), degrees of freedom, tests and limits; `vcov_means` and
#'   `vcov_contrasts`; and `jacobian`, the derivatives of the means in beta and theta.
#' @section Errors: `margmix_error_exposure`, `_values`, `_reference`, `_estimand`, `_by`,
#'   `_subgroup`, `_contrast`, `_weights`, `_newdata`, `_vcov`, `_df`, `_randomized`, `_propensity`,
#'   `_period`, `_jackknife` (the model can't be fitted without some cluster), `_data_changed`,
#'   `_not_estimable`, `_crossed_clusters`, `_population_mean` (the link has none, such as
#'   `"inverse"`). Warnings: `margmix_warning_few_clusters`, `_leverage`, `_separation`,
#'   `_propensity` (rows whose chance of the other setting is below .001). Notes:
#'   `margmix_note_extrapolation` (values beyond the observed range of a numeric exposure) and
#'   `_randomized` (`randomized = TRUE` although clusters may have been assigned by period).
#' @references
#' Kauermann, G. and Carroll, R. J. (2001). A note on the efficiency of sandwich covariance matrix
#' estimation. *Journal of the American Statistical Association* **96**, 1387-1396.
#'
#' Li, F., Tong, J., Fang, X., Cheng, C., Kahan, B. C. and Wang, B. (2025). Model-robust
#' standardization in cluster-randomized trials. *Statistics in Medicine* **44**, e70270.
#'
#' Robins, J. M., Rotnitzky, A. and Zhao, L. P. (1994). Estimation of regression coefficients when
#' some regressors are not always observed. *Journal of the American Statistical Association*
#' **89**, 846-866.
#'
#' Bell, R. M. and McCaffrey, D. F. (2002). Bias reduction in standard errors for linear regression
#' with multi-stage samples. *Survey Methodology* **28**, 169-181.
#' @examples
#' fit <- glmm(outcome ~ treat + sex + age + (1 | patient), respiratory, binomial())
#' marginal_standardization(fit, "treat")
#' marginal_standardization(fit, "treat", by = "sex", contrast = "difference")
#' @order 1
#' @export
marginal_standardization <- function(fit, exposure = NULL, values = NULL, contrast = NULL,
                                     estimand = c("ATE", "ATT", "ATU"), reference = NULL, by = NULL,
                                     newdata = NULL, weights = NULL,
                                     average = c("individual", "cluster", "period",
                                                 "cluster-period"),
                                     random_effects = c("integrate", "zero", "eb"),
                                     covariates = NULL, vcov = NULL, df = "default",
                                     level = 0.95, randomized = NULL, propensity = NULL,
                                     period = NULL, ...) {
  check_dots(..., known = names(formals(marginal_standardization)), elsewhere = margins_arguments)
  exposure <- quoted(exposure, "exposure", substitute(exposure))
  by <- quoted(by, "by", substitute(by))
  options <- standardization_options(
    fit, contrast, estimand, average, random_effects, covariates,
    vcov %||% if (!is.null(period)) "jackknife", df, level, newdata,
    assigned = !is.null(randomized) || !is.null(propensity)
  )
  options$weighted <- !is.null(weights)
  options$survey <- length(pseudo_words(fit$design)) > 0L
  if (options$random_effects == "eb") check_not_smooth(fit$design, "random_effects = \"eb\" is")
  fit <- with_fixed_curves(fit)
  request <- list(
    exposure = exposure, values = values, reference = reference, by = by, newdata = newdata,
    weights = weights, randomized = randomized, propensity = propensity, period = period,
    options = options
  )
  check_period_average(request)
  found <- standardized(fit$design, fit, request)
  tables <- standardization_tables(
    found$means, found$maps, found$variance, found$settings, found$cells, found$subgroups, options
  )
  tables$basis <- found$basis
  new_standardization(
    fit, tables, found$means, found$variance, found$target, found$settings, found$cells,
    found$subgroups, options
  )
}

#' Means, their contrasts and covariance
#'
#' @param request The arguments of [marginal_standardization()], with `options`, from
#'   [standardization_options()].
#' @return A list: `target`, `settings`, `subgroups`, `cells`, `means`, `maps`, `variance`; `basis`,
#'   in words.
#' @noRd
standardized <- function(design, fit, request) UseMethod("standardized")

#' @export
standardized.default <- function(design, fit, request) {
  options <- request$options
  target <- fit_target(fit)
  settings <- exposure_settings(fit, request$exposure, request$values, request$reference, target)
  if (!is.null(request$newdata)) target <- new_target(fit, request$newdata, settings)
  if (options$covariates == "sampled" && is.null(target$cluster)) {
    refuse_without_clusters("covariates = \"sampled\"")
  }
  weight <- target_weights(fit, target, request$weights)
  subgroups <- target_subgroups(target, request$by, settings$exposure)
  cells <- standardization_cells(settings, options$estimand, target, subgroups)
  check_cells(cells, cell_totals(cells, weight), options$estimand, settings, subgroups)
  basis <- standardization_basis(fit, request, settings, target, weight)
  weight <- averaged_weight(basis, weight, cells, target, options$average)
  means <- basis_means(basis, fit, target, settings, cells, weight, options$random_effects)
  maps <- contrast_maps(options$contrast, means, cells, settings)
  variance <- basis_variance(
    basis, fit, options$vcov, means, maps$map, target, settings, cells, weight,
    options$random_effects
  )
  list(
    target = target, settings = settings, subgroups = subgroups, cells = cells, means = means,
    maps = maps, variance = variance, basis = basis_words(basis, settings)
  )
}

# What other software calls them.
margins_arguments <- c(
  at = "`by` gives each value of a covariate; others are set in `newdata`, exposures by `values`.",
  levels = "The exposure takes `values`.", variables = "The exposure is `exposure`.",
  over = "Subgroups are `by`.", comparison = "Contrasts are `contrast`."
)

# Variables are named by text; a bare name is mostly meant as one.
quoted <- function(value, argument, expr) {
  tryCatch(value, error = function(e) {
    abort(argument, paste0(code(argument), " must be the name of a variable, in quotes."),
      given = conditionMessage(e),
      hint = paste0("Write ", argument, " = \"", expression_text(expr), "\".")
    )
  })
}

standardization_options <- function(fit, contrast, estimand, average, random_effects, covariates,
                                    vcov, df, level, newdata, assigned = FALSE) {
  if (!inherits(fit, "margmix_fit")) {
    abort("fit", "`fit` must be a fit of glmm() or gee().",
      given = paste("an object of class", class(fit)[1L])
    )
  }
  check_level(level)
  check_standardization_df(df)
  random_effects <- one_of(random_effects, c("integrate", "zero", "eb"), "random_effects")
  random_effects <- standardized_effects(fit, random_effects)
  eb <- random_effects == "eb"
  crossed <- !supports(fit$design, "clusters")
  given <- !is.null(newdata) || eb || crossed
  covariates <- covariates %||% if (given) "fixed" else "sampled"
  covariates <- one_of(covariates, c("sampled", "fixed"), "covariates")
  vcov <- means_vcov(fit$design, vcov, eb, assigned)
  average <- one_of(average, c("individual", "cluster", "period", "cluster-period"), "average")
  if (crossed && !assigned) check_crossed(fit, covariates, vcov, average)
  if (eb) check_eb_variance(covariates, vcov)
  list(
    contrast = chosen_contrasts(contrast, fit$family),
    estimand = one_of(estimand, c("ATE", "ATT", "ATU"), "estimand"),
    average = average,
    random_effects = random_effects, covariates = covariates, vcov = vcov, df = df, level = level
  )
}

check_standardization_df <- function(df) {
  if (identical(df, "default")) return(invisible())
  if (is.numeric(df) && length(df) == 1L && !is.na(df) && df > 0) return(invisible())
  abort("df", "`df` must be \"default\" or one positive number.", given = some_of(df))
}

# Means at the predicted effects are of the observed clusters, which are given.
check_eb_variance <- function(covariates, vcov) {
  if (identical(vcov, "model") && covariates == "fixed") return(invisible())
  abort("argument",
    "random_effects = \"eb\" requires covariates = \"fixed\" and vcov = \"model\".",
    given = paste0("covariates = \"", covariates, "\"", if (is.character(vcov)) {
      paste0(", vcov = \"", vcov, "\"")
    }), hint = "The observed clusters are the target, not a sample from it."
  )
}

# Crossed factors leave no independent clusters: nothing to sample from, nor to sum scores over.
check_crossed <- function(fit, covariates, vcov, average) {
  robust <- is.character(vcov) && !identical(vcov, "model")
  if (covariates == "fixed" && average == "individual" && !robust) return(invisible())
  abort("crossed_clusters", "Crossed grouping factors leave no independent clusters.",
    given = c(
      if (covariates == "sampled") "covariates = \"sampled\"",
      if (robust) paste0("vcov = ", some_of(dQuote(vcov, FALSE))),
      if (average == "cluster") "average = \"cluster\""
    ), hint = "Use covariates = \"fixed\", vcov = \"model\", average = \"individual\"."
  )
}

new_standardization <- function(fit, tables, means, variance, target, settings, cells, subgroups,
                                options) {
  notes <- standardization_notes(fit, tables, variance, settings, options)
  structure(c(
    tables,
    list(
      jacobian = means$jacobian, assigned = variance$assigned, exposure = settings$exposure,
      levels = settings$labels, reference = settings$labels[settings$reference],
      by = names(subgroups$table), sets = cells$sets, options = options, vcov = variance$type,
      model = class(fit)[1L], family = fit$family,
      group = group_labels(fit$design),
      clusters = if (supports(fit$design, "clusters")) cluster_count(fit$design),
      rows = target$n, target = if (target$sorted) "fit" else "new",
      notes = notes
    )
  ), class = "margmix_standardization")
}
