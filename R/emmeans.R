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
#' @section emmeans: For a mixed model, means and contrasts are those of the predictor at random
#'   effect 0, hence conditional; `type = "response"` gives linkinv() of them, which is **not** the
#'   population mean unless the link is the identity. For a fit of [gee()] they are marginal. The
#'   output says which, and which covariance matrix was used. Each contrast has its own degrees of
#'   freedom: Kenward and Roger's by default for a mixed model, Satterthwaite's with `"KC"`; with
#'   other matrices, the smallest of those of its coefficients. [marginal_standardization()]
#'   averages means over the rows of the data instead of predictors over a grid. `bias.adjust =
#'   TRUE` is an error, because emmeans would take `sigma()` for the standard deviation of the
#'   random effects; [marginal_standardization()] integrates them out.
#' @section marginaleffects: For a mixed model, give `type = "integrate"` for population effects, or
#'   `"zero"`; `random_effects =` does the same, with a warning of that package. Without either, a
#'   note says that the means are at the modes of the random effects, which the standard errors hold
#'   fixed. Standard errors with `"integrate"` allow for the estimation of the variances, as those
#'   of `predict()` do. Intervals are normal; `df = TRUE` takes the smallest degrees of freedom of
#'   the coefficients.
#' @section DHARMa: `DHARMa::simulateResiduals()` warns that it doesn't know the class, but its
#'   residuals are right: responses come from `simulate()` with new random effects, and the fitted
#'   values are population means. A fit of [gee()] has nothing to simulate from and is refused.
#' @section insight, parameters and performance: `parameters::model_parameters()`, `ci()`,
#'   `p_value()` and `standard_error()` give the numbers of `summary()` and `confint()`, for every
#'   `vcov` they take; `ci_method` is a rule of `summary(df = )`, `"normal"` or `"profile"`.
#'   `insight::get_df()` gives the degrees of freedom by coefficient, `insight::get_predicted()` the
#'   values and standard errors of `predict()`, with limits on the scale of the predictor and the
#'   smallest of those degrees of freedom. `performance::icc()`, `r2()`, `model_performance()`,
#'   `compare_performance()` (a fit of this package first), `check_convergence()`,
#'   `check_singularity()` and `check_overdispersion()` work. Methods that don't hold for clusters
#'   are refused: a bootstrap of rows, `performance::test_performance()` (use `anova()`) and
#'   `check_outliers()` (use `cooks.distance()`), and `performance_rse()` (use `sigma()`).
#'   `report::report()` is [report()].
#' @section One number of degrees of freedom: A function that takes one number for all coefficients
#'   gets the smallest of those concerned (\pkg{multcomp}: rounded down; \pkg{mice}: from
#'   `glance()`, as the complete-data degrees of freedom). `df.residual()` is that number for a fit
#'   of [gee()]; for a mixed model it counts rows, as elsewhere. `mitools::MIcombine()` and
#'   `survey::regTermTest()` don't ask the fit: tell them by `df.complete =` and `df =`, as in
#'   `tidy(fit)` and `anova(fit)`.
#' @section Other packages: For a mixed model, `ggeffects::ggpredict()` predicts at random effect 0,
#'   whichever cluster its output names; `random_effects = "integrate"` gives population means.
#'   \pkg{MuMIn} takes mixed models and keeps their random terms in every model; it can't take
#'   [gee()], which has no likelihood. Its averages are those of the maxima that [glmm()] finds; for
#'   a Poisson model of `epilepsy` by Laplace, `lme4::glmer()` by default stops 3e-4 below the
#'   maximum, which changes the fourth digit. \pkg{stargazer} knows only its own list of classes;
#'   `stargazer(lmtest::coeftest(fit))` is a way around that. \pkg{clubSandwich}, \pkg{pbkrtest} and
#'   the covariances of \pkg{sandwich} for independent rows are refused.
#' @eval clients_section()
#'
#' @param object A fit of [glmm()] or [gee()].
#' @param ... Passed on.
#' @param trms,xlev,grid As \pkg{emmeans} passes them.
#' @param vcov. `"default"` (for [glmm()], see [vcov.margmix_glmm()]), `"KR"`, `"model"`,
#'   `"robust"`, `"KC"` (the default for [gee()]), another type of [vcov.margmix_gee()], a matrix,
#'   or a function of the fit.
#' @return What the generics of \pkg{emmeans} ask for.
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
