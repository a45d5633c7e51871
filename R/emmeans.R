# Methods for package emmeans. They are registered when that package is loaded.

#' Fits in other packages
#'
#' @description
#' ```
#' fit <- glmm(severe ~ treatment * scheduled + (1 | patient), toenail, binomial())
#' emmeans::emmeans(fit, ~ treatment | scheduled, at = list(scheduled = c(0, 12)))
#' performance::model_performance(fit)
#' ```
#'
#' @section emmeans: Of a mixed model, means and contrasts are those of the predictor at random
#'   effect 0, hence conditional; `type = "response"` is linkinv() of them, which is **not** the
#'   mean of the population unless the link is the identity. Of a fit of [gee()] they are marginal.
#'   The print says which, and which covariance matrix was used. Each contrast has its own degrees
#'   of freedom, those of Kenward and Roger by default of a mixed model and Satterthwaite's with
#'   `"KC"`; with other matrices it has the smallest of those of its coefficients.
#'   [marginal_standardization()] averages means over the rows of the data instead of predictors
#'   over a grid.
#'   `bias.adjust = TRUE` stops, as emmeans would take `sigma()` for the standard deviation of the
#'   random effects: [marginal_standardization()] integrates them out.
#' @section marginaleffects: For a mixed model give `type = "integrate"` for effects in the
#'   population, or `"zero"`; `random_effects =` does the same, with a warning of that package.
#'   Without, a note says that the means are at the modes of the random effects, which its standard
#'   errors hold fixed. Those of `"integrate"` count the estimation of the variances, as those of
#'   `predict()` do. Intervals are normal: `df = TRUE` takes the smallest number of degrees of
#'   freedom of the coefficients.
#' @section DHARMa: `DHARMa::simulateResiduals()` warns that it does not know the class, and is
#'   right: responses come from `simulate()` with new random effects, and the fitted values are the
#'   means of the population. A fit of [gee()] has nothing to simulate from and is refused.
#' @section insight, parameters and performance: `parameters::model_parameters()`, `ci()`,
#'   `p_value()` and `standard_error()` have the numbers of `summary()` and `confint()`, for every
#'   `vcov` of theirs; `ci_method` is a rule of `summary(df = )`, `"normal"` or `"profile"`.
#'   `insight::get_df()` has the degrees of freedom by coefficient, `insight::get_predicted()` the
#'   values and standard errors of `predict()`, with limits on the scale of the predictor and the
#'   smallest of those degrees of freedom. `performance::icc()`, `r2()`, `model_performance()`,
#'   `compare_performance()` (a fit of this package first), `check_convergence()`,
#'   `check_singularity()` and `check_overdispersion()` work. What is not true of clusters is
#'   refused: a bootstrap of rows, `performance::test_performance()` (use `anova()`) and
#'   `check_outliers()` (use `cooks.distance()`), and `performance_rse()` (use `sigma()`).
#'   `report::report()` is [report()].
#' @section One number of degrees of freedom: A function that takes one number for all
#'   coefficients gets the smallest of those concerned (\pkg{multcomp}: rounded down; \pkg{mice}: of
#'   `glance()`, as the degrees of freedom of the complete data). `df.residual()` of a fit of
#'   [gee()] is that number; of a mixed model it counts rows, as elsewhere. `mitools::MIcombine()`
#'   and `survey::regTermTest()` ask no fit for any and have to be told: `df.complete =` and `df =`,
#'   as in `tidy(fit)` and `anova(fit)`.
#' @section Other packages: `ggeffects::ggpredict()` of a mixed model is at random effect 0,
#'   whichever cluster its print names; `random_effects = "integrate"` gives means of the
#'   population. \pkg{MuMIn} takes mixed models, with their random terms in every model; [gee()] has
#'   no likelihood for it. Its averages are those of the maxima that [glmm()] finds; `lme4::glmer()`
#'   by default stops 3e-4 below that of a Poisson model of `epilepsy` by Laplace, which changes the
#'   fourth digit. \pkg{stargazer} knows no other classes than its own:
#'   `stargazer(lmtest::coeftest(fit))` is a way in. \pkg{clubSandwich}, \pkg{pbkrtest} and the
#'   covariances of \pkg{sandwich} for independent rows are refused.
#' @eval clients_section()
#'
#' @param object A fit of [glmm()] or [gee()].
#' @param ... Passed on.
#' @param trms,xlev,grid As \pkg{emmeans} passes them.
#' @param vcov. `"default"` (for [glmm()], see [vcov.margmix_glmm()]), `"KR"`, `"model"`,
#'   `"robust"`, `"KC"` (the default for [gee()]), another type of [vcov.margmix_gee()], a matrix,
#'   or a function of the fit.
#' @return As the generics of \pkg{emmeans} ask.
#' @examples
#' fit <- gee(outcome ~ treat * center, respiratory, id = patient, family = binomial())
#' if (requireNamespace("emmeans", quietly = TRUE)) {
#'   emmeans::emmeans(fit, pairwise ~ treat | center, type = "response")
#' }
#' @name other-packages
NULL

#' @rdname other-packages
#' @exportS3Method emmeans::recover_data
recover_data.margmix_glmm <- function(object, ...) {
  emmeans::recover_data(
    object$call, stats::delete.response(stats::terms(with_fixed_curves(object))), object$na.action,
    frame = stats::model.frame(object), ...
  )
}

#' @rdname other-packages
#' @exportS3Method emmeans::emm_basis
emm_basis.margmix_glmm <- function(object, trms, xlev, grid, vcov. = "default", ...) {
  object <- with_fixed_curves(object)
  covariance <- chosen_vcov(object, client_vcov(object, vcov.))
  warn_not_by_row(trms, grid)
  frame <- stats::model.frame(trms, grid, na.action = stats::na.pass, xlev = xlev)
  X <- stats::model.matrix(trms, frame, contrasts.arg = object$contrasts)
  list(
    X = X, bhat = unname(object$coefficients), nbasis = not_estimable(object),
    V = unname(covariance$vcov),
    # emmeans takes the environment of this function away.
    dffun = function(k, dfargs) dfargs$df_of(k, dfargs),
    dfargs = list(
      df_of = emmeans_df, degrees = chosen_df(object, "default", covariance),
      kept = which(!aliased_coefficients(object$design))
    ),
    misc = c(link_labels(object$family), list(
      initMesg = emmeans_words(object, covariance),
      postGridHook = if (!has_identity_link(object$family)) without_sigma
    ))
  )
}

# Its bias adjustment is for the sd of errors on the scale of the predictor, which sigma() is not:
# it then stops unless it is given one.
without_sigma <- function(object, ...) {
  object@misc$sigma <- NULL
  object
}

# Basis of the contrasts of all coefficients, aliased ones included, that X can't estimate.
not_estimable <- function(fit) {
  aliased <- aliased_coefficients(fit$design)
  if (!any(aliased)) return(matrix(NA))
  frame <- stats::model.frame(fit)
  text <- vapply(frame, is.character, NA)
  frame[text] <- lapply(frame[text], factor)
  X <- all_columns(fit$design, frame)
  size <- sqrt(colSums(X^2))
  size[size == 0] <- 1
  decomposed <- eigen(crossprod(X) / tcrossprod(size), symmetric = TRUE)
  null <- decomposed$values <= 1e-10 * decomposed$values[1L]
  decomposed$vectors[, null, drop = FALSE] / size
}

# Degrees of freedom of one contrast k of the coefficients.
emmeans_df <- function(k, dfargs) {
  if (length(k) > length(dfargs$degrees$df)) k <- k[dfargs$kept]
  hypothesis_df(dfargs$degrees, rbind(as.numeric(k)))
}

emmeans_words <- function(fit, covariance) {
  c(
    predictor_heading(fit),
    paste0("SE: ", covariance_words(fit, covariance), ".")
  )
}

link_labels <- function(family) {
  if (has_identity_link(family)) return(list())
  list(tran = family$link, inv.lbl = family_tools(family)$noun %||% "response")
}
