# Logistic regression of matched sets: the likelihood given the number of successes of each cluster.

#' Conditional logistic regression: clusters absorbed
#'
#' @description
#' ```
#' fit <- glmm(severe ~ treatment * month + (1 | patient), toenail, binomial())
#' conditional_logistic(fit)
#' ```
#' Maximizes the likelihood of each cluster's responses given its number of successes. The clusters'
#' intercepts cancel, so nothing is assumed about them: they may have any distribution and may be
#' related to the covariates. Use it to analyse matched case-control sets, or to check a mixed model
#' for confounding by cluster.
#'
#' @details
#' With logit P(y_ij = 1) = a_i + x_ij'beta,
#' ```
#' log L = sum_i {sum_j y_ij x_ij'beta
#'                - log sum_(|S| = s_i) exp(sum_(j in S) x_ij'beta)},
#' ```
#' where s_i is the number of successes and S any set of s_i rows. The sum over sets is computed
#' exactly, with first and second derivatives, by the recursion of Gail, Lubin and Rubinstein
#' (1981). Its time grows with the rows of a cluster times its successes. A row of several trials
#' counts as that many rows.
#'
#' Coefficients are conditional log odds ratios, comparable with those of [glmm()] with a random
#' intercept. If that model is right, both estimate the same quantities, but this method less
#' precisely, since it ignores clusters with equal responses and differences between clusters. If
#' the two are far apart, the random intercepts are related to the covariates;
#' [diagnose_endogeneity()] tests this. Covariates that are constant in clusters cancel too, and
#' have no coefficient. Standard errors are from the information matrix, and limits are normal.
#'
#' @param x A fit of [glmm()] or [gee()] with a logit link and one grouping factor; or a formula
#'   without random terms.
#' @param data,id For a formula: as in [gee()]; `id` identifies the matched sets.
#' @param level Confidence level to print.
#' @param digits Significant digits to print.
#' @param ... Not used.
#' @return An object of class `margmix_conditional` with methods `coef()` (`NA` for covariates that
#'   cancel), `vcov()`, `logLik()`, `confint()`, `tidy()` and `print()`. It also contains the number
#'   of `clusters`; `informative`, those with unequal responses; and `beside`, the coefficients of a
#'   fit with random intercepts.
#' @section Errors: `margmix_error_conditional`: another family or link, weights, several grouping
#'   factors, no cluster with unequal responses, or no covariate that varies in such a cluster;
#'   `margmix_error_random_term`: a formula with random terms; `margmix_error_separation`: an
#'   infinite estimate.
#' @references
#' Gail, M. H., Lubin, J. H. and Rubinstein, L. V. (1981). Likelihood calculations for matched
#' case-control studies and survival studies with tied death times. *Biometrika* **68**, 703-707.
#' @seealso [diagnose_endogeneity()], [within_cluster()]
#' @examples
#' fit <- glmm(resp ~ age + (1 | id), ohio, binomial(), nAGQ = 9)
#' conditional_logistic(fit)
#' conditional_logistic(outcome ~ visit + baseline, respiratory, id = patient)
#' @export
conditional_logistic <- function(x, ...) UseMethod("conditional_logistic")

#' @export
conditional_logistic.default <- function(x, ...) {
  refuse_conditional("`x` must be a fit of glmm() or gee(), or a formula.", class(x)[1L])
}

#' @rdname conditional_logistic
#' @export
conditional_logistic.formula <- function(x, data, id, ...) {
  check_dots(..., known = names(formals(conditional_logistic.formula)))
  call <- match.call()
  check_no_bars(x)
  # its design is what is needed; its equations have a solution even where responses are separated
  marginal <- as.call(c(quote(margmix::gee), as.list(call)[-1L], quote(stats::binomial()), TRUE))
  names(marginal) <- c("", sub("^x$", "formula", names(call)[-1L]), "family", "bias_reduce")
  fit <- quietly(eval(marginal, parent.frame()))
  conditional_fit(fit, call, NULL)
}

check_no_bars <- function(formula) {
  bars <- split_bars(formula[[length(formula)]])$bars
  if (!length(bars)) return(invisible())
  abort("random_term", "The formula of conditional_logistic() must not have random terms.",
    given = bars_text(bars), hint = "Name the matched sets in `id`, or give a fit of glmm()."
  )
}

#' @export
conditional_logistic.margmix_glmm <- function(x, ...) {
  check_dots(..., known = names(formals(conditional_logistic.margmix_glmm)))
  conditional_fit(x, x$call, x$beta)
}

#' @export
conditional_logistic.margmix_gee <- function(x, ...) {
  check_dots(..., known = names(formals(conditional_logistic.margmix_gee)))
  conditional_fit(x, x$call, NULL)
}

refuse_conditional <- function(must, given, hint = NULL) {
  abort("conditional", must, given = given, hint = hint)
}

conditional_fit <- function(fit, call, beside) {
  check_conditional(fit)
  design <- fit$design
  rows <- conditional_rows(design)
  X <- design_X(design)[rows$used, , drop = FALSE]
  kept <- within_columns(X, rows$cluster)
  if (!length(kept)) {
    refuse_conditional("No covariate varies within a cluster whose responses differ.",
      some_of(code(colnames(X)))
    )
  }
  size <- sqrt(colMeans((X - group_means(X, rows$cluster))^2))[kept]
  found <- engine_conditional_logistic(
    list(
      X = X[, kept, drop = FALSE] / rep(size, each = nrow(X)), y = row_response(design)[rows$used],
      trials = row_trials(design)[rows$used], offset = row_offset(design)[rows$used],
      start = rows$start
    ), 1e-18, 100L, fit$control$threads
  )
  V <- conditional_vcov(found, colnames(X)[kept])
  coefficients <- stats::setNames(rep(NA_real_, ncol(X)), colnames(X))
  coefficients[kept] <- found$beta / size
  coefficients <- coefficients[names(coefficients) != "(Intercept)"]
  structure(list(
    coefficients = coefficients, vcov = V / tcrossprod(size), logLik = found$value, call = call,
    clusters = cluster_count(design), informative = length(rows$start) - 1L,
    rows = sum(rows$used), group = group_labels(design), beside = beside[names(coefficients)],
    convergence = found[c("criterion", "iterations")]
  ), class = "margmix_conditional")
}

check_conditional <- function(fit) {
  design <- fit$design
  check_likelihood(design, "Conditional logistic regression")
  odds <- identical(ratio_kind(fit$family), "odds")
  if (!odds || !has_trials(fit$family) || has_phi(fit$family)) {
    refuse_conditional("The family must be binomial with a logit link.", family_label(fit$family))
  }
  if (length(group_labels(design)) != 1L || !supports(design, "clusters")) {
    refuse_conditional("The model must have one grouping factor.", some_of(group_labels(design)),
      "conditional_logistic(formula, data, id) takes the finest."
    )
  }
  check_not_smooth(design, "Conditional logistic regression is")
  if (any(row_weights(design) != 1)) {
    refuse_conditional("All weights must be 1.", "weights", "Give successes and failures.")
  }
}

# Rows of clusters with successes and failures; `start` counts from 0, as in a design.
conditional_rows <- function(design) {
  cluster <- cluster_codes(design)
  s <- sums_by_cluster(design$y, design)
  N <- sums_by_cluster(row_trials(design), design)
  if (any(design$y != round(design$y))) {
    refuse_conditional("Responses must be whole numbers of successes.", "fractions")
  }
  used <- (s > 0 & s < N)[cluster]
  if (!any(used)) {
    refuse_conditional("No cluster has both a success and a failure.",
      count_of(length(N), "cluster")
    )
  }
  steps <- sum(as.double(N[s > 0 & s < N]) * s[s > 0 & s < N])
  if (steps > most_steps) {
    refuse_conditional("A cluster has too many trials: the sum over sets would take too long.",
      paste(count_of(max(N), "trial"), "in the largest cluster"),
      "Such large clusters hardly bias glm() with a factor for the clusters."
    )
  }
  cluster <- cluster[used]
  list(used = used, cluster = cluster, start = c(0L, cumsum(rle(cluster)$lengths)))
}

# Trials times successes, summed over clusters: a minute or so for each evaluation.
most_steps <- 1e9

group_means <- function(X, cluster) {
  index <- match(cluster, unique(cluster))
  (rowsum(X, index) / tabulate(index))[index, , drop = FALSE]
}

# Columns that are estimated: independent within clusters.
within_columns <- function(X, cluster) {
  size <- sqrt(colMeans(X^2))
  inside <- X - group_means(X, cluster)
  varies <- which(sqrt(colMeans(inside^2)) > 1e-8 * size)
  varies[independent_columns(matrix(0, nrow(X), 0L), inside[, varies, drop = FALSE])]
}

# Covariates have an sd of 1 within clusters: where one has next to no information left, its
# coefficient has run away.
conditional_vcov <- function(found, names) {
  V <- tryCatch(chol2inv(chol(found$information)), error = function(e) NULL)
  far <- if (is.null(V)) seq_along(names) else which(sqrt(diag(V)) > 100)
  if (length(far) || found$status != "ok") {
    abort("separation", "A covariate separates successes from failures within clusters.",
      given = some_of(code(names[far])),
      hint = "Its estimate is infinite; leave it out, or use glmm(penalty = \"soft\")."
    )
  }
  named_square(V, names)
}

# Methods -----------------------------------------------------------------------------------------

#' @export
coef.margmix_conditional <- function(object, ...) object$coefficients

#' @export
vcov.margmix_conditional <- function(object, ...) object$vcov

#' @export
nobs.margmix_conditional <- function(object, ...) object$rows

#' @export
logLik.margmix_conditional <- function(object, ...) {
  structure(object$logLik, df = nrow(object$vcov), nobs = object$rows, class = "logLik")
}

#' @export
confint.margmix_conditional <- function(object, parm, level = 0.95, ...) {
  check_level(level)
  estimates <- conditional_table(object, level)
  out <- as.matrix(estimates[c("conf.low", "conf.high")])
  colnames(out) <- paste(format(100 * c((1 - level) / 2, (1 + level) / 2), trim = TRUE), "%")
  limits_of(out, parm)
}

#' @export
tidy.margmix_conditional <- function(x, ...) {
  table <- conditional_table(x, 0.95)
  as_tibble_if_known(data.frame(term = rownames(table), table, row.names = NULL))
}

conditional_table <- function(x, level) {
  known <- rownames(x$vcov)
  complete_table(
    wald_table(x$coefficients[known], sqrt(diag(x$vcov)), rep(Inf, length(known)), level),
    names(x$coefficients)
  )
}

#' @rdname conditional_logistic
#' @export
print.margmix_conditional <- function(x, level = 0.95, digits = max(3L, getOption("digits") - 3L),
                                      ...) {
  digits <- known_digits(digits)
  check_level(level)
  say(
    "Conditional logistic regression, exact given the successes of each ", x$group, "\n",
    count_of(x$informative, "cluster"), " of ", x$clusters, " with unequal responses, ",
    count_of(x$rows, "row"), "; log-likelihood ", format(x$logLik, digits = digits + 2L), "\n",
    format_level(level), " limits; SE from the information, normal intervals.\n\n",
    sep = ""
  )
  table <- conditional_table(x, level)
  table <- table[!is.na(table$estimate), ]
  shown <- cbind(
    Estimate = format_ratio(table$estimate, digits), SE = format_ratio(table$std.error, digits),
    `Odds ratio` = format_ratio(exp(table$estimate), digits),
    Lower = format_ratio(exp(table$conf.low), digits),
    Upper = format_ratio(exp(table$conf.high), digits),
    `p-value` = format.pval(table$p.value, digits = 2L, eps = 1e-4)
  )
  rownames(shown) <- rownames(table)
  if (length(x$beside)) {
    shown <- cbind(shown, `Mixed model` = format_ratio(x$beside[rownames(table)], digits))
  }
  print(shown, quote = FALSE, right = TRUE)
  gone <- names(x$coefficients)[is.na(x$coefficients)]
  if (length(gone)) {
    say("\nConstant within clusters, or combinations of others: ", some_of(code(gone)), ".\n",
      sep = "")
  }
  invisible(x)
}
