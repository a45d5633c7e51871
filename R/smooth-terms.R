# Smooth terms of a formula, s(x): their bases of package mgcv, as columns of the model frame.

#' Smooth terms
#'
#' @description
#' ```
#' fit <- glmm(seizures ~ treatment + s(base, k = 5) + (1 | subject), epilepsy, poisson())
#' smooth_terms(fit)
#' plot(smooth_terms(fit))
#' ```
#'
#' The formula of [glmm()] takes `s(x)`, `s(x, z)`, `s(x, by = f)` and `t2(x, z)`, with the
#' arguments that package \pkg{mgcv} gives them (`k`, `bs`, `m`, `by`, ...). `smooth_terms()` shows
#' what became of them: effective degrees of freedom, a test of each, and the curves with bands.
#'
#' @details
#' A penalized regression spline is a mixed model (Wood 2017, 5.8): `mgcv::smooth2random()` splits
#' the basis into columns without penalty, which are fixed effects here, and others whose
#' coefficients are independent normal with one variance. So a smooth has one standard deviation in
#' `VarCorr()` (0 if the curve is the unpenalized polynomial), which is estimated by maximum
#' likelihood, or by REML with `REML = TRUE`, like the others; t2() has several. mgcv's smoothing
#' parameter is sigma^2 / sd^2, up to the scale of its basis. For any family other than the linear
#' one this is the Laplace approximation, whose determinant `mgcv::gam(method = "ML")` leaves out
#' when it maximises over the coefficients of the fixed effects.
#'
#' `te()` and `ti()` are refused: their penalties overlap, S = lambda_1 S_1 + lambda_2 S_2 on the
#' same coefficients, so no basis makes these independent. `t2()` (Wood, Scheipl and Faraway 2013)
#' splits the same product of marginal bases into parts with a penalty each, main effects and the
#' interaction, and takes the same arguments.
#'
#' Coefficients of the columns without penalty mean nothing without the others, so the output of
#' `summary()` and `report()`, tests of terms by `anova()`, and ratios leave them out; `coef()` has
#' them. `anova()` of fits with and without a smooth uses the mixture for one variance on its
#' boundary, which is conservative for smooths (Crainiceanu and Ruppert 2004). `simulate()` and the
#' parametric bootstrap keep the curves at their estimates.
#'
#' Rows that share a smooth are not independent, so there is no cluster-robust covariance, no
#' Kenward-Roger correction and no quadrature, and the data can't be in [shards()]. Predictions at
#' random effects of zero (`random_effects = "zero"`, `re.form = NA`) keep the curves. New
#' covariates are evaluated in the basis of the fit.
#'
#' Curves are the same for everybody. Population means, by `predict()` with `random_effects =
#' "integrate"` or by [marginal_standardization()], keep them and integrate out the random effects
#' of clusters; [intraclass_correlation()] and \pkg{emmeans} treat them as fixed effects. Standard
#' errors use the covariance of all coefficients, penalized ones too, and of the variances.
#' [marginal_coefficients()] and [marginal_covariance()] are refused.
#'
#' @section Random walks and areas: A Gaussian Markov random field with the singular precision Q is
#'   the smooth `s(f, bs = "mrf", xt = list(penalty = Q))` of a factor, with the levels of `f` as
#'   names of Q: `Q <- crossprod(diff(diag(m), differences = 2))` is a random walk of second order
#'   over m times, `diag(rowSums(W)) - W` with the 0/1 matrix W of neighbours an intrinsic
#'   autoregression of areas. What Q doesn't penalize (a constant, a line) is in the fixed effects,
#'   so the likelihood is exact. Adding `(1 | area)` gives independent area effects too: the model
#'   of Besag, York and Mollie (1991). Apart from the unpenalized part, a field has a dense column
#'   for each level; some hundreds of them are quick. The standard deviation is in units of mgcv's
#'   scaled penalty. `rw1()`, `rw2()` and `bym2()` of [related_levels] are the same fields with
#'   sparse precisions.
#'
#' @section Numbers: `edf`, the effective degrees of freedom of a curve, is the trace of (H + S)^-1
#'   H over its coefficients, with H the information and S the penalty. `statistic` and `p.value`
#'   are for Wood's (2013) Wald test that the curve is zero, with a pseudo-inverse of rank r, the
#'   edf rounded to a whole number (at least the number of columns without penalty). The test uses F
#'   with r and n - edf degrees of freedom if there is a residual variance, otherwise chi^2 with r,
#'   and holds the variances at their estimates. Bands are those of the posterior of the
#'   coefficients at the estimated variances (Nychka 1988), pointwise, around the curve centred over
#'   the rows.
#'
#' @param fit A fit of [glmm()] with smooth terms.
#' @param level Confidence level of the bands.
#' @param points Number of points of a curve.
#' @param x A result of `smooth_terms()`.
#' @param digits Significant digits to print.
#' @param ... Titles and labels for `plot()`.
#' @return `smooth_terms()`: a list of class `margmix_smooths`: `table`, a data frame with a row for
#'   each curve (`term`, `edf`, `rank`, `statistic`, `df2`, `p.value`), and `curves`, one with
#'   `term`, `variable`, `x`, `estimate`, `std.error`, `conf.low`, `conf.high` for curves of one
#'   variable. `plot_data()` has the columns of other curves.
#' @section Errors: `margmix_error_smooth`: mgcv is not installed; the basis can't be built (more
#'   columns than distinct values, an unknown `bs`, a covariate that isn't a finite number) or can't
#'   be written as a random effect (te(), factor smooths); something isn't available with smooths.
#'   `margmix_error_formula`: a smooth that is not added. A note, `margmix_note_smooth`: curves by
#'   levels of a factor, each centred, in a model without the factor itself.
#' @references
#' Besag, J., York, J. and Mollie, A. (1991). Bayesian image restoration, with two applications in
#' spatial statistics. *Annals of the Institute of Statistical Mathematics* **43**, 1-20.
#'
#' Crainiceanu, C. M. and Ruppert, D. (2004). Likelihood ratio tests in linear mixed models with one
#' variance component. *Journal of the Royal Statistical Society B* **66**, 165-185.
#'
#' Nychka, D. (1988). Bayesian confidence intervals for smoothing splines. *Journal of the American
#' Statistical Association* **83**, 1134-1143.
#'
#' Wood, S. N. (2013). On p-values for smooth components of an extended generalized additive model.
#' *Biometrika* **100**, 221-228.
#'
#' Wood, S. N., Scheipl, F. and Faraway, J. J. (2013). Straightforward intermediate rank tensor
#' product smoothing in mixed models. *Statistics and Computing* **23**, 341-360.
#'
#' Wood, S. N. (2017). *Generalized additive models: an introduction with R*, 2nd edition. CRC.
#' @examplesIf requireNamespace("mgcv", quietly = TRUE)
#' fit <- glmm(count ~ s(day) + (1 | id), data.frame(
#'   day = rep(1:20, 5), id = rep(1:5, each = 20), count = rpois(100, 3 + sin(rep(1:20, 5) / 3))
#' ), poisson())
#' smooth_terms(fit)
#' plot(smooth_terms(fit))
#' @order 1
#' @name smooth_terms
NULL

smooth_functions <- c("s", "t2", "te", "ti")

is_smooth_call <- function(expr) is_call_to(expr, smooth_functions)

# The smooth terms of the fixed part, which must be summands.
smooth_calls <- function(fixed) {
  found <- list()
  for (summand in summands(fixed)) {
    if (is_smooth_call(summand$expr) && summand$sign == "+") {
      if (!length(smooth_variables(summand$expr))) {
        abort("formula", "A smooth must have a covariate: s(x).",
          given = expression_text(summand$expr)
        )
      }
      found <- c(found, list(summand$expr))
    } else if (has_smooth(summand$expr)) {
      abort("formula", "A smooth must be added to the other terms: y ~ z + s(x).",
        given = expression_text(summand$expr),
        hint = "s(x, by = z) is a smooth for each level of z, or one that z multiplies."
      )
    }
  }
  found
}

has_smooth <- function(expr) {
  if (is_smooth_call(expr)) return(TRUE)
  is_call_to(expr, formula_operators) && any(vapply(as.list(expr)[-1L], has_smooth, NA))
}

# Its covariates, and `by`.
smooth_variables <- function(call) {
  arguments <- as.list(call)[-1L]
  named <- names(arguments) %||% character(length(arguments))
  out <- c(arguments[named == ""], arguments[named == "by"])
  unname(Filter(function(x) !identical(x, NA), out))
}

# The fixed part with the variables of its smooths in their place.
with_variables <- function(fixed) {
  parts <- summands(fixed)
  smooth <- vapply(parts, function(summand) is_smooth_call(summand$expr), NA)
  if (!any(smooth)) return(fixed)
  Reduce(function(sum, summand) {
    expr <- summand$expr
    if (is_smooth_call(expr)) {
      expr <- sum_of(smooth_variables(expr))
    }
    join_terms(summand$sign, sum, expr)
  }, parts, NULL)
}

#' Put the bases of smooth terms into a model frame
#'
#' The unpenalized columns of a smooth are the variable `s(x)` of the frame, those of penalty k are
#' `penalized(s(x), k)`, evaluated on new data by the expressions in `predvars`, as those of poly()
#' are. A penalty is a random term: one group of all rows, with an effect for each column.
#'
#' @param frame The model frame, with the variables of the smooths.
#' @param parsed From [parse_formula()].
#' @return A list: `frame`, `parsed`.
#' @noRd
add_smooths <- function(frame, parsed) {
  env <- environment(parsed$fixed)
  for (call in parsed$smooths) {
    basis <- smooth_basis(call, frame, env)
    variables <- smooth_variables(call)
    note_missing_levels(basis, call, parsed)
    column <- function(part) as.call(c(smooth_columns, list(basis), part, variables))
    linear <- eval(column(0), frame)
    if (ncol(linear)) {
      frame <- add_variable(frame, call, column(0), linear)
    } else {
      parsed$fixed[[3L]] <- without_summand(parsed$fixed[[3L]], call)
    }
    for (k in seq_along(basis$penalties)) {
      values <- call("penalized", call, k)
      group <- call("smooth", call, k)
      everyone <- as.call(list(one_level, variables[[1L]]))
      frame <- add_variable(frame, values, column(k), eval(column(k), frame))
      frame <- add_variable(frame, group, everyone, eval(everyone, frame))
      parsed$random <- c(parsed$random, list(list(
        lhs = stats::as.formula(call("~", call("+", 0, values)), env), group = group,
        group_label = basis$penalties[[k]]$label, covariance = "diagonal", correlated = FALSE,
        label = basis$penalties[[k]]$label, smooth = expression_text(call)
      )))
    }
  }
  list(frame = frame, parsed = parsed)
}

# Curves by levels of a factor are centred each: their levels are of other terms.
note_missing_levels <- function(basis, call, parsed) {
  if (is.null(basis$by)) return(invisible())
  smooth <- function(summand) is_smooth_call(summand$expr)
  others <- Filter(Negate(smooth), summands(parsed$fixed[[3L]]))
  mentioned <- c(
    unlist(lapply(others, function(summand) all.vars(summand$expr))),
    unlist(lapply(parsed$random, function(term) c(all.vars(term$lhs), all.vars(term$group))))
  )
  if (all(all.vars(call$by) %in% mentioned)) return(invisible())
  note("smooth", "The model has no levels beside curves that differ between them.",
    given = basis$label,
    hint = paste0(
      "Each curve is centred at zero. Write ", expression_text(call$by), " + ", basis$label, "."
    )
  )
}

one_level <- function(x) factor(rep("all rows", NROW(x)))

# A sum without one of its summands, 1 if nothing is left.
without_summand <- function(expr, gone) {
  left <- Filter(function(summand) !identical(summand$expr, gone), summands(expr))
  Reduce(function(sum, summand) join_terms(summand$sign, sum, summand$expr), left, NULL) %||% 1
}

# A model frame with another variable, after those that its terms know.
add_variable <- function(frame, variable, predvar, value) {
  kept <- attributes(frame)
  terms <- kept$terms
  before <- length(attr(terms, "predvars")) - 1L
  name <- expression_text(variable)
  kept$names <- append(kept$names, name, before)
  for (list in c("variables", "predvars")) {
    new <- if (list == "predvars") predvar else variable
    attr(terms, list) <- as.call(c(as.list(attr(terms, list)), new))
  }
  class <- stats::setNames(stats::.MFclass(value), name)
  attr(terms, "dataClasses") <- append(attr(terms, "dataClasses"), class, before)
  kept$terms <- terms
  out <- append(unclass(frame), list(value), before)
  attributes(out) <- kept
  out
}
