# Tests of several coefficients of marginal models.

#' Wald and score tests of marginal models
#'
#' @description
#' ```
#' large <- gee(outcome ~ treat + visit, respiratory, id = patient, family = binomial())
#' small <- update(large, . ~ treat)
#' anova(large)                     # each term
#' anova(large, small)              # what the smaller model leaves out
#' anova(large, small, test = "score")
#' ```
#'
#' @details With one fit, each term is tested with all others in the model (not sequentially). Of
#' several fits, each is tested against the next smaller one.
#'
#' **Wald** tests of q coefficients use Q = b'V^-1 b with the covariance matrix of `vcov`. With few
#' clusters Q is far from chi^2. With `df = "default"` and the KC matrix, or `df = "satterthwaite"`
#' and another robust matrix, it is therefore referred to one of two distributions under the working
#' model:
#'
#' * If its denominator has 20 or more degrees of freedom, or q = 1: an approximate Hotelling T^2
#'   (Tipton and Pustejovsky 2015). F = (eta - q + 1) / (eta q) Q has q and eta - q + 1 degrees of
#'   freedom, where eta is found from the clusters' leverage like the Satterthwaite degrees of
#'   freedom of a single coefficient. For q = 1 it is the Satterthwaite test of the coefficient.
#' * Otherwise, since T^2 is then conservative: Q's own distribution with Gaussian scores and the
#'   actual leverage of each cluster. The working correlation estimated from few clusters is too
#'   small on average, so each cluster is also shifted by a random intercept, whose variance is
#'   estimated from the scores and uncertain. p is the mean tail probability over 2,000 to 30,000
#'   draws, by the numbers of clusters and coefficients; the heading gives its Monte Carlo error.
#'
#' A positive `nsim` always draws; `nsim = 0` never does. A test is `NA` if there are too few
#' clusters for q coefficients. With another `df`, the denominator of F = Q / q has the smallest
#' degrees of freedom of the coefficients.
#'
#' **Score** tests (Rotnitzky and Jewell 1990; Boos 1992) evaluate the equations of the larger model
#' at the estimates of the smaller one, including its correlation and scale. They don't need finite
#' estimates of the tested coefficients and don't depend on the parametrisation. The robust score
#' statistic is referred to chi^2 with q degrees of freedom, without a correction for few clusters;
#' it is then conservative rather than liberal. It can't be computed with fewer than q clusters.
#'
#' @param object A fit of [gee()].
#' @param ... Other fits of [gee()] to the same responses with the same correlation structure, each
#'   a special case of the next larger.
#' @param test `"Wald"` or `"score"`.
#' @param vcov,df For Wald tests: covariance matrix (of the larger model) and degrees of freedom, as
#'   in [summary.margmix_gee()].
#' @param nsim Number of draws for a Wald statistic with a robust matrix; 0 for none. `NULL` draws
#'   if there are few clusters.
#' @param seed Seed of the draws, which leave R's generator unchanged; `NULL` to draw from its
#'   state.
#' @return A data frame of class `anova` whose heading names the test, with one row per term, or per
#'   fit except the smallest. Columns of Wald tests: `Df`, `Den Df` (`NA` if drawn), `F value` (then
#'   Q / q), `Pr(>F)`; of score tests: `Df`, `Chisq`, `Pr(>Chisq)`.
#' @section Errors: `margmix_error_argument`, `margmix_error_anova_rows`,
#'   `margmix_error_anova_family`, `margmix_error_anova_nested`.
#' @references
#' Boos, D. D. (1992). On generalized score tests. *The American Statistician* **46**, 327-333.
#'
#' Rotnitzky, A. and Jewell, N. P. (1990). Hypothesis testing of regression parameters in
#' semiparametric generalized linear models for cluster correlated data. *Biometrika* **77**,
#' 485-497.
#'
#' Tipton, E. and Pustejovsky, J. E. (2015). Small-sample adjustments for tests of moderators and
#' model fit using robust variance estimation in meta-regression. *Journal of Educational and
#' Behavioral Statistics* **40**, 604-634.
#' @examples
#' fit <- gee(outcome ~ treat + center + age, respiratory, id = patient, family = binomial())
#' anova(fit)
#' anova(fit, update(fit, . ~ treat), test = "score")
#' @export
anova.margmix_gee <- function(object, ..., test = c("Wald", "score"), vcov = "KC",
                              df = "default", nsim = NULL, seed = 1) {
  test <- one_of(test, c("Wald", "score"), "test")
  check_seed(seed)
  draws <- list(count = check_nsim(nsim, test, vcov), seed = seed)
  others <- list(...)
  if (!length(others)) {
    hypotheses <- term_hypotheses(object)
  } else {
    names <- vapply(as.list(substitute(list(object, ...)))[-1L], expression_text, "")
    hypotheses <- fit_hypotheses(c(list(object), others), names[seq_len(1L + length(others))])
  }
  if (test == "score") score_table(hypotheses) else wald_tests(hypotheses, vcov, df, draws)
}

# Hypotheses ------------------------------------------------------------------------------------

# The fit with the coefficients of some columns at 0.
fit_without <- function(fit, columns) {
  if (!is.null(fit$schedule)) {
    abort("argument", "Score tests aren't available with weights over a schedule of visits.",
      hint = "Compare two fits, or use test = \"Wald\"."
    )
  }
  design <- without_columns(fit$design, columns)
  beta <- 0 * fit$beta
  if (!ncol(design$X)) return(list(beta = beta, fit = fit))
  small <- quietly(fit_gee_design(design, fit$family, fit$correlation, fit$scale,
    fit$bias_reduce, control = fit$control
  ))
  beta[-columns] <- small$beta
  list(beta = beta, fit = small)
}

without_columns <- function(design, columns) UseMethod("without_columns")

#' @export
without_columns.default <- function(design, columns) {
  design$X <- design$X[, -columns, drop = FALSE]
  design
}

fit_hypotheses <- function(fits, names) {
  marginal <- vapply(fits, inherits, NA, "margmix_gee")
  if (!all(marginal)) {
    abort("argument", "anova() compares fits of gee().",
      given = some_of(paste(code(names), vapply(fits, function(x) class(x)[1L], ""))[!marginal])
    )
  }
  rows <- rows_to_compare(fits)
  check_same_responses(fits, rows)
  order <- order(vapply(fits, function(fit) length(fit$beta), 1L))
  fits <- fits[order]
  X <- lapply(rows[order], comparison_X)
  names <- short_labels(names)[order]
  tests <- lapply(seq_along(fits)[-1L], function(i) {
    c(list(label = names[i]), nested_hypothesis(fits[i - 1:0], X[i - 1:0], names[i - 1:0]))
  })
  formulas <- vapply(fits, function(fit) formula_text(stats::formula(fit)), "")
  list(heading = c("of what the next smaller model leaves out", paste0(names, ": ", formulas)),
    tests = tests)
}

# The smaller one comes first.
nested_hypothesis <- function(fits, columns, names) {
  small <- fits[[1L]]
  large <- fits[[2L]]
  X_small <- columns[[1L]]
  X <- columns[[2L]]
  if (!is_spanned(X_small, X) || ncol(X_small) == ncol(X)) {
    abort("anova_nested", "The smaller model must be a special case of the larger one.",
      given = paste0(code(names[1L]), if (ncol(X_small) == ncol(X)) {
        " has as many coefficients as "
      } else {
        " has covariates that are not in "
      }, code(names[2L])),
      hint = "Compare them by qic()."
    )
  }
  out <- left_out(X_small, X)
  list(
    large = large, C = out$C,
    small = function() {
      list(beta = stats::setNames(drop(out$M %*% small$beta), names(large$beta)), fit = small)
    }
  )
}

# X_small = X M; the rows of C span what M does not reach.
left_out <- function(X_small, X) {
  M <- qr.coef(qr(X), X_small)
  kept <- seq_len(ncol(X_small))
  beyond <- setdiff(seq_len(ncol(X)), kept)
  Q <- if (length(kept)) qr.Q(qr(M), complete = TRUE) else diag(ncol(X))
  list(M = M, C = t(Q[, beyond, drop = FALSE]))
}

#' @export
comparison_X.margmix_gee <- function(fit) caller_order(design_X(fit$design), fit$design)

#' @export
comparison_data.margmix_gee <- function(fit) {
  lapply(response_rows(fit$design), caller_order, fit$design)
}

#' @export
comparison_groups.margmix_gee <- function(fit) {
  cluster <- caller_order(row_levels(fit$design), fit$design)
  list(match(cluster, unique(cluster)))
}

check_same_responses <- function(fits, rows) {
  label <- vapply(fits, function(fit) {
    paste0(plain_label(fit$family), ", ", fit$correlation$label)
  }, "")
  if (length(unique(label)) > 1L) {
    abort("anova_family", "Fits that are compared must have the same family and correlation.",
      given = some_of(unique(label)), hint = "Compare them by qic()."
    )
  }
  what <- lapply(rows, function(fit) list(comparison_data(fit), comparison_groups(fit)))
  same <- vapply(what[-1L], function(other) isTRUE(all.equal(other, what[[1L]])), NA)
  if (all(same)) return(invisible())
  abort("anova_rows", "Fits that are compared must be of the same rows, responses and clusters.",
    given = some_of(paste(vapply(fits, function(fit) row_count(fit$design), 1L), "rows")),
    hint = "Rows with missing values may have been dropped from one of them."
  )
}

# Tables ----------------------------------------------------------------------------------------

score_table <- function(hypotheses) {
  rows <- lapply(hypotheses$tests, function(test) {
    q <- nrow(test$C)
    if (!q) return(c(0, NA, NA))
    statistic <- score_statistic(test)
    c(q, statistic, stats::pchisq(statistic, q, lower.tail = FALSE))
  })
  first <- hypotheses$tests[1L]
  words <- if (length(first)) {
    paste0("Robust score statistic, ", cluster_count(first[[1L]]$large$design),
      " clusters; chi^2, no correction for few clusters.")
  }
  anova_table(rows, hypotheses, c("Df", "Chisq", "Pr(>Chisq)"), "Generalized score tests", words)
}

# The equations of the larger model at the smaller one's estimates.
score_statistic <- function(test) {
  small <- test$small()
  at <- test$large
  at$beta <- small$beta
  at[c("phi", "alpha", "alpha_engine")] <- small$fit[c("phi", "alpha", "alpha_engine")]
  engine_score_statistic(cluster_pieces(at), test$C)
}
