# drop1(), add1() and step() of package stats: what they need of a fit.

#' Choose fixed terms by AIC
#'
#' @description
#' ```
#' fit <- glmm(seizures ~ treatment * period + log(base) + (1 | subject), epilepsy, poisson())
#' drop1(fit, test = "Chisq")
#' step(fit, scope = ~ . + age)
#' ```
#'
#' @details
#' `drop1()` and `add1()` refit the model without, or with, each term and compare the fits by AIC
#' and, on request, by likelihood ratio. [stats::step()] uses both. They choose fixed terms only:
#' the random terms stay in every model, and [anova()] compares models that differ in them.
#' Intervals and p values computed after choosing terms ignore the choice.
#'
#' Restricted likelihoods of models with different fixed effects are not comparable, so a fit with
#' `REML = TRUE` is replaced by its maximum likelihood version, as are the models tried.
#'
#' Marginal models have no likelihood, so all of this is an error for a fit of [gee()]; see [qic()]
#' and `anova()`.
#'
#' @param object,fit A fit of [glmm()].
#' @param scope For `drop1()` the terms to drop one at a time, for `add1()` those to add: a formula,
#'   whose random terms must be those of the model, or text such as `"age"`.
#' @param scale Not used.
#' @param k Penalty per parameter: 2 for the AIC, log(n) for the BIC.
#' @param ... `test = "Chisq"`, `trace`; for `extractAIC()` not used.
#' @return `drop1()` and `add1()`: a data frame of class `anova` with the change `Df` in the number
#'   of parameters, the `AIC`, and with `test = "Chisq"` the statistic `LRT` and its p value.
#'   `extractAIC()`: the number of parameters and the AIC.
#' @section Errors: `margmix_error_scope`: the scope has a random term that isn't in the model;
#'   `margmix_error_no_likelihood` for a fit of [gee()].
#' @examples
#' fit <- glmm(seizures ~ treatment + period + log(base) + (1 | subject), epilepsy, poisson())
#' drop1(fit, test = "Chisq")
#' @name model-selection
NULL

#' @rdname model-selection
#' @export
extractAIC.margmix_glmm <- function(fit, scale, k = 2, ...) {
  check_unpenalized(list(fit))
  check_criteria(list(fit), "AIC")
  edf <- length(parameter_names(fit))
  c(edf, -2 * ml_version(fit)$logLik + k * edf)
}

#' @rdname model-selection
#' @export
drop1.margmix_glmm <- function(object, scope, ...) {
  known <- stats::drop.scope(object)
  wanted <- if (missing(scope)) known else fixed_labels(object, scope)
  unknown <- setdiff(wanted, attr(stats::terms(object), "term.labels"))
  if (length(unknown)) {
    abort("scope", "`scope` must have terms that the model has.", given = some_of(unknown),
      hint = paste0("Those that can be dropped are ", some_of(code(known), 12L), ".")
    )
  }
  object <- at_home(object, parent.frame())
  by_default <- utils::getS3method("drop1", "default")
  name_likelihood(by_default(object, wanted, ...), object)
}

#' @rdname model-selection
#' @export
add1.margmix_glmm <- function(object, scope, ...) {
  if (missing(scope) || is.null(scope)) {
    abort("scope", "`scope` must say which terms to add, such as ~ . + age.", given = "nothing")
  }
  labels <- fixed_labels(object, scope)
  if (!is.character(scope) && length(labels)) {
    upper <- union(attr(stats::terms(object), "term.labels"), labels)
    labels <- stats::add.scope(stats::terms(object), stats::reformulate(upper))
  }
  if (!length(labels)) {
    abort("scope", "`scope` contains no term that isn't already in the model.",
      given = expression_text(scope)
    )
  }
  object <- at_home(object, parent.frame())
  by_default <- utils::getS3method("add1", "default")
  name_likelihood(by_default(object, labels, ...), object)
}

#' The fixed terms of a scope
#' @return Term labels, without the random terms of the model.
#' @section Errors: `scope`: another random term.
#' @noRd
fixed_labels <- function(object, scope) {
  if (!is.character(scope) && !inherits(scope, "formula")) {
    abort("scope", "`scope` must be a formula, such as ~ . + age, or labels of terms.",
      given = value_text(scope)
    )
  }
  labels <- function(x) attr(stats::terms(x), "term.labels")
  formula <- stats::formula(object)
  wanted <- if (is.character(scope)) scope else labels(stats::update.formula(formula, scope))
  wanted <- setdiff(wanted, Filter(is_random_label, labels(formula)))
  random <- Filter(is_random_label, wanted)
  if (!length(random)) return(wanted)
  abort("scope", "Terms to add or drop must be fixed; the random terms of the model stay.",
    given = paste0("(", random, ")"), hint = "anova() compares fits with other random terms."
  )
}

is_random_label <- function(label) has_bar(str2lang(label))

name_likelihood <- function(table, fit) {
  if (isTRUE(fit$REML)) {
    attr(table, "heading") <- c(attr(table, "heading"), "\nBy maximum likelihood, not REML.")
  }
  table
}

#' @rdname model-selection
#' @export
extractAIC.margmix_gee <- function(fit, scale, k = 2, ...) refuse_selection()

#' @rdname model-selection
#' @export
drop1.margmix_gee <- function(object, scope, ...) refuse_selection()

#' @rdname model-selection
#' @export
add1.margmix_gee <- function(object, scope, ...) refuse_selection()

refuse_selection <- function() {
  abort("no_likelihood",
    "Estimating equations have no likelihood, hence no AIC to choose terms by.",
    hint = "qic() compares marginal models, anova() tests their terms."
  )
}
