# summary(): everything a reader needs to trust the numbers, on one screen.

#' Summary of a mixed model
#'
#' @description
#' ```
#' fit <- glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial())
#' summary(fit)
#' summary(fit, vcov = "KC")      # cluster-robust, with Satterthwaite df
#' ```
#'
#' @details
#' The coefficients are **conditional**: they compare two values of a covariate within the same
#' cluster, or between clusters with the same random effects. With a link other than the identity
#' they are further from 0 than population-averaged ones.
#'
#' Intervals and tests use the t distribution, or F for several contrasts. With few clusters,
#' maximum likelihood underestimates the variances between them, and the weights that follow from
#' the variances are uncertain. The default, `vcov = "default"`, therefore takes the covariance of
#' Kenward and Roger at the restricted estimate of the variances (`"KR"`), unless it would change no
#' standard error by 1%: see [vcov.margmix_glmm()]. The line below the coefficients says which one
#' was used. The estimates of the coefficients are those of the fit.
#'
#' Degrees of freedom, `df = "default"`:
#'
#' * with `"KR"` and `"model"` (`df = "kenward-roger"`): those of Kenward and Roger (1997), which
#'   belong to the hypothesis: 2 (c'Phi c)^2 / (g'Omega g) for a contrast c, from 1 to the residual
#'   ones, where Phi is the covariance at known variances, g the derivative of c'Phi c in the
#'   variances, and Omega the inverse of their expected information. They differ for covariates that
#'   vary between clusters, within them, in both ways, or have a random slope, and do not depend on
#'   how a factor or an interaction is coded. Several contrasts have Kenward and Roger's scaled F.
#'   Variances between clusters are at least zero, so c'Phi c is at least its value there: if the
#'   variances of rows are known (not Gaussian, Gamma or inverse Gaussian), g'Omega g is multiplied
#'   by the variance of a standard normal variable censored at that value, on the log scale. This
#'   factor is .34 if the variances are zero and 1 if they are far from it;
#' * with `"KC"` (`df = "satterthwaite"`): the degrees of freedom of the robust variance itself
#'   (McCaffrey and Bell 2006); its tests hold their level even with few, unequal clusters;
#' * with `"robust"`, `"MBN"` or a matrix: K - p_b for every row, with K clusters and p_b columns
#'   that are constant in them.
#'
#' Other rules: `"satterthwaite"` for a model-based matrix uses the observed information of the
#' variances instead of the expected one, and takes variances on the boundary as known. It is the
#' default for linear models with `REML = TRUE` that have too many [related_levels] for Kenward and
#' Roger; other models of that size have normal intervals.
#'
#' `"between-within"` goes by the columns, and is the default with `"model"` if there is no working
#' model: K - p_b for a column that is constant in clusters or varies mostly between them; N - K -
#' p_w (at least 1) for a column that is balanced or randomised within clusters, that is, if the
#' between-cluster share of its variance (one-way analysis of variance) is below 0.1. N counts rows,
#' or trials for a binomial response, and p_w = p - p_b (Li and Redden 2015). With several grouping
#' factors it is applied to each: a column that is constant in the levels of some factors, or varies
#' mostly between them, has the smallest m_k - p_k of these, with m_k levels and p_k constant
#' columns; other columns have N - 1 - sum(m_k - 1) - p_w. The rule ignores random slopes. Robust
#' matrices need independent clusters, which models with crossed factors don't have.
#'
#' `df = Inf` gives normal intervals, as most other software prints for these models.
#'
#' Kenward and Roger's matrix and the model-based one assume that the distributions of the random
#' effects and of the response are right. If the plain robust standard error of a row differs from
#' the model-based one by more than a quarter, a note says so. Rows with fewer than 10 degrees of
#' freedom are listed; fewer than 4 give a warning.
#'
#' The printed error of the log-likelihood is a bound from refining the rule at the estimates: twice
#' the change from K nodes to 2K + 1; if the link has an edge or integrands may have several modes,
#' also the change in finer rules that the one to 4K + 3 nodes suggests; and what is lost at modes
#' other than the one at which the rule is centred. See *Integration* in [glmm()] for how often it
#' holds.
#'
#' @param object A fit of [glmm()].
#' @param vcov Covariance matrix of the coefficients: `"default"`, `"KR"`, `"model"`, `"robust"`,
#'   `"KC"`, `"MBN"` (see [vcov.margmix_glmm()]), or a matrix.
#' @param df Degrees of freedom: `"default"`, `"kenward-roger"`, `"satterthwaite"`,
#'   `"between-within"`, or numbers, one for all coefficients or one for each.
#' @param level Confidence level of the limits in `coefficients`.
#' @param x A summary.
#' @param digits Significant digits to print.
#' @param ... Not used.
#' @return A list of class `summary.margmix_glmm`: `coefficients` (data frame: `estimate`,
#'   `std.error`, `df`, `statistic`, `p.value`, `conf.low`, `conf.high`), `vcov`, `varcor`, `words`
#'   (which covariance and degrees of freedom), `error` (bound for the integration error),
#'   `se_ratio` (robust over model-based), `remarks`, `smooths` (see [smooth_terms()], `NULL`
#'   without), and `fit`.
#' @section Conditions: errors `margmix_error_argument`, `margmix_error_vcov`,
#'   `margmix_error_df`; warnings `margmix_warning_few_clusters`, `margmix_warning_leverage`.
#' @references
#' Kenward, M. G. and Roger, J. H. (1997). Small sample inference for fixed effects from restricted
#' maximum likelihood. *Biometrics* **53**, 983-997.
#'
#' Li, P. and Redden, D. T. (2015). Comparing denominator degrees of freedom approximations for the
#' generalized linear mixed model in analyzing binary outcome in small sample cluster-randomized
#' trials. *BMC Medical Research Methodology* **15**, 38.
#'
#' McCaffrey, D. F. and Bell, R. M. (2006). Improved hypothesis testing for coefficients in
#' generalized estimating equations with small samples of clusters. *Statistics in Medicine*
#' **25**, 4081-4098.
#' @examples
#' fit <- glmm(outcome ~ treat + center + age + (1 | patient), respiratory, binomial())
#' summary(fit)
#' summary(fit, vcov = "KC")$coefficients
#' @export
summary.margmix_glmm <- function(object, vcov = "default", df = "default", level = 0.95, ...) {
  check_dots(..., known = names(formals(summary.margmix_glmm)))
  inference <- coef_inference(object, vcov, df, level)
  ratio <- robust_ratio(object)
  remarks <- c(fit_remarks(object), inference$notes)
  if (is_modelled(inference$type)) remarks <- c(remarks, se_note(ratio))
  structure(list(
    coefficients = named_coefficients(inference$table), vcov = inference$vcov,
    type = inference$type, level = level, words = inference$words, varcor = VarCorr(object),
    error = integration_error(object), se_ratio = ratio, remarks = remarks,
    smooths = smooths_or_null(object), fit = object
  ), class = "summary.margmix_glmm")
}

#' @rdname summary.margmix_glmm
#' @export
print.summary.margmix_glmm <- function(x, digits = max(3L, getOption("digits") - 3L), ...) {
  digits <- known_digits(digits)
  fit <- x$fit
  say(fit_heading(fit, x$error), sep = "\n")
  say("\n", format_logLik(fit), "\n\n", sep = "")
  print(x$varcor, digits = digits)
  print_dispersion(fit, digits)
  say("\n", size_words(fit), "\n\n", sep = "")
  say(coefficient_heading(), ":\n", sep = "")
  print_coefficients(own_coefficients(x), digits)
  say(x$words, "\n", sep = "")
  if (!is.null(x$smooths)) print(x$smooths, digits = digits)
  if (is_modelled(x$type)) {
    say(assumption_words(fit), "\n", sep = "")
  }
  say(convergence_words(fit$convergence, fit$control$tolerance), "\n", sep = "")
  print_remarks(x$remarks)
  invisible(x)
}

# Those that mean something by themselves.
own_coefficients <- function(summary) {
  table <- summary$coefficients
  table[!rownames(table) %in% curve_coefficients(summary$fit), , drop = FALSE]
}

#' @rdname summary.margmix_glmm
#' @export
vcov.summary.margmix_glmm <- function(object, ...) {
  complete_vcov(object$vcov, aliased_coefficients(object$fit$design))
}

#' @rdname summary.margmix_glmm
#' @export
coef.summary.margmix_glmm <- function(object, ...) as.matrix(object$coefficients)

print_coefficients <- function(table, digits) {
  if (!nrow(table)) {
    say("(no fixed effects)\n")
    return(invisible())
  }
  shown <- cbind(
    Estimate = table$estimate, `Std. Error` = table$std.error, df = round(table$df, 1L),
    `t value` = table$statistic, `Pr(>|t|)` = table$p.value
  )
  rownames(shown) <- rownames(table)
  if (all(is.na(table$df) | table$df == Inf)) {
    shown <- shown[, -3L, drop = FALSE]
    colnames(shown)[3:4] <- c("z value", "Pr(>|z|)")
  }
  stats::printCoefmat(shown,
    digits = digits, cs.ind = 1:2, tst.ind = ncol(shown) - 1L, has.Pvalue = TRUE,
    P.values = TRUE, signif.stars = FALSE, na.print = "NA"
  )
}

convergence_words <- function(convergence, tolerance) {
  paste0(
    if (isTRUE(convergence$converged)) "Converged" else "NOT converged",
    ": scaled gradient g'H^-1 g = ", format(signif(convergence$criterion, 2L)),
    " (limit ", format(signif(tolerance, 2L)), "), ",
    count_of(convergence$iterations, "iteration"), "."
  )
}

# Integration error -----------------------------------------------------------------------------

#' Bound for the error of the log-likelihood from numerical integration
#'
#' @return That of [refinement_error()], of both levels together where they are nested, and what is
#'   missed at other modes; as stored if the fit knows it; 0 for an exact likelihood; `NA` if the
#'   finer rule would need more than `budget` node-rows.
#' @noRd
integration_error <- function(fit, budget = 2e9) {
  rule <- fit$rule
  if (length(rule$error) == 1L && !is.na(rule$error)) return(rule$error)
  if (!supports(fit$design, "quadrature")) return(NA_real_)
  K <- 2 * rule$K + 1
  if (max(K) > 300 || rule_nodes(fit$design, K) * row_count(fit$design) > budget) return(NA_real_)
  nodes <- function(k) if (max(k) > 300) Inf else rule_nodes(fit$design, k)
  value_of <- function(design, modes, known = list()) {
    values_at(design, fit$family, fit_psi(fit), modes, fit$control, known)
  }
  # The fit's own value, with its rounding, is what the bound is for.
  same <- !fit$REML && !is_penalized(fit$design)
  known <- if (same) stats::setNames(list(fit$logLik), format_nodes(rule$K))
  value <- value_of(fit$design, fit$modes, known)
  part <- some_clusters(fit$design, least = 125L)
  some <- if (cluster_count(part) < cluster_count(fit$design)) {
    value_of(part, NULL)
  }
  other <- engine_other_modes(fit$design, fit$family, fit_psi(fit), rule$K, fit$control)
  problem <- unclass(fit)[c("design", "family", "control")]
  refinement_error(value, rule$K, nodes, problem, some %||% value)$bound + 2 * other$missed
}

# Robust against model-based --------------------------------------------------------------------

# Ratio of the plain robust to the model-based standard error of each coefficient. Where estimates
# run to infinity rounding may make a variance of zero negative.
robust_ratio <- function(fit) {
  if (!supports(fit$design, "clusters")) return(0 * fit$beta + 1)
  se <- function(type) sqrt(pmax(diag(beta_vcov(fit, type)$vcov), 0))
  se("robust") / se("model")
}

se_note <- function(ratio) {
  apart <- which(ratio > 1.25 | ratio < 0.8)
  if (!length(apart)) return(NULL)
  c(robust = paste0(
    "Robust and model-based SE differ by more than a quarter (ratio): ",
    some_of(paste0(names(ratio)[apart], " (", sprintf("%.2f", ratio[apart]), ")"), 8L), ".\n",
    "The model may not describe the dependence in the data; compare vcov = \"KC\"."
  ))
}
