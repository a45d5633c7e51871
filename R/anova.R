# Comparison of models by likelihood ratio, and Wald tests of terms.

#' Likelihood ratio tests, and Wald tests of terms
#'
#' @description
#' ```
#' large <- glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial())
#' small <- update(large, . ~ 1 + (1 | clinic))
#' anova(large, small)        # likelihood ratio, in any order
#' anova(large)               # Wald test of each term
#' ```
#'
#' @details **Several fits** are compared by twice the difference of their log-likelihoods. All are
#' first brought to the same integration rule: the finest among them, or the Laplace approximation
#' if the random effects of one fit allow no other. A fit of [stats::glm()] or [stats::lm()] counts
#' as a model without random effects. Fits with `REML = TRUE` are compared by their restricted
#' likelihoods, which requires the same fixed effects in all. Otherwise, use
#' `update(fit, REML = FALSE)` first.
#'
#' The reference distribution depends on what the smaller model leaves out, r parameters in all:
#'
#' * Fixed effects only: with few clusters, chi^2 with r degrees of freedom rejects effects of
#'   covariates that vary between clusters too often (10% instead of 5% with six). If Kenward and
#'   Roger's covariance is the default (see [summary.margmix_glmm()]), the statistic LR is referred
#'   to their F, with nu degrees of freedom: F = (nu / r)(exp(s LR / nu) - 1), where s turns Wald's
#'   statistic with the model-based covariance into their r F. For a treatment of clusters of equal
#'   size in a linear model this test is exact. `df = Inf` uses chi^2; `nsim` simulates the
#'   distribution under the smaller model.
#' * Correlations, or fixed effects of a model without that default: chi^2 with r degrees of
#'   freedom. With few clusters the table says that p is too small.
#' * One random column (its variance and its covariances, and possibly fixed effects): the variance
#'   is on the boundary, and the reference is the 50:50 mixture of chi^2 with r - 1 and r degrees of
#'   freedom (Self and Liang 1987; Stram and Lee 1994). A parameter of related levels that goes with
#'   it, as of `ar1()` or `exp()`, is not defined when the variance is zero. The statistic is then
#'   the largest of many (Davies 1987), and the table says that the mixture is approximate. At 5% it
#'   rejected in 2.7% (Gaussian) and 4.0% (Poisson) of 600 data sets of ten series of 12 times
#'   without `ar1()`, and in 1.8% and 1.3% of 600 data sets of 100 places without `exp()`.
#' * Several random columns: the mixture has no simple form. chi^2 with r degrees of freedom is
#'   conservative, and the table says so. `nsim` instead simulates the distribution under the
#'   smaller model: p = (1 + number of simulated statistics at least as large) / (1 + nsim).
#'
#' **One fit**: a Wald test for each term of the fixed part, whose null hypothesis is that all its
#' coefficients are 0, with all other terms in the model (not sequential; tests of main effects
#' depend on the coding of the factors they interact with). F is b'V^-1 b / r times a scale; the
#' scale and the denominator degrees of freedom are those of Kenward and Roger (1997). See
#' [summary.margmix_glmm()] for V and for models without them. `vcov = "KC"` gives the tests for few
#' clusters of [anova.margmix_gee()].
#'
#' @param object A fit of [glmm()]. A fit of another function can't come first.
#' @param ... Other fits of [glmm()], [stats::glm()] or [stats::lm()] to the same responses. Names
#'   of these arguments label the rows. Fits to [shards()] can be compared with each other.
#' @param nsim Number of data sets simulated from the smaller model, to which both are fitted; 0 for
#'   none. With few clusters, 999 take some seconds.
#' @param seed Seed of the simulation; `NULL` for R's current state.
#' @param vcov,df For one fit: covariance matrix and degrees of freedom, as in
#'   [summary.margmix_glmm()]. For several fits, `df = Inf` refers fixed effects to chi^2.
#' @return A data frame of class `anova` with a heading. Columns for several fits, smallest first:
#'   `npar`, `AIC`, `BIC`, `logLik`, `deviance`, `Chisq`, `Df`, `Pr(>Chisq)`; for one fit: `Df`,
#'   `Den Df`, `F value`, `Pr(>F)`.
#' @section Errors: `margmix_error_anova_rows` (different rows, responses or weights),
#'   `margmix_error_anova_family`, `margmix_error_anova_nested` (not nested),
#'   `margmix_error_anova_restricted` (restricted likelihoods that can't be compared),
#'   `margmix_error_argument`.
#' @references
#' Davies, R. B. (1987). Hypothesis testing when a nuisance parameter is present only under the
#' alternative. *Biometrika* **74**, 33-43.
#'
#' Kenward, M. G. and Roger, J. H. (1997). Small sample inference for fixed effects from restricted
#' maximum likelihood. *Biometrics* **53**, 983-997.
#'
#' Self, S. G. and Liang, K.-Y. (1987). Asymptotic properties of maximum likelihood estimators and
#' likelihood ratio tests under nonstandard conditions. *Journal of the American Statistical
#' Association* **82**, 605-610.
#'
#' Stram, D. O. and Lee, J. W. (1994). Variance components testing in the longitudinal mixed
#' effects model. *Biometrics* **50**, 1171-1177.
#' @examples
#' small <- glmm(cbind(success, n - success) ~ 1 + (1 | clinic), infection, binomial())
#' large <- update(small, . ~ treatment + (1 | clinic))
#' anova(small, large)
#' anova(large)
#'
#' # is there variation between clinics?
#' anova(large, glm(cbind(success, n - success) ~ treatment, binomial(), infection))
#' @export
anova.margmix_glmm <- function(object, ..., nsim = 0, seed = NULL, vcov = "default",
                               df = "default") {
  check_whole(nsim, "nsim", 0)
  check_seed(seed)
  others <- list(...)
  labels <- fit_labels(as.list(substitute(list(...)))[-1L])
  if (missing(object)) { # all of them have names
    object <- others[[1L]]
    others <- others[-1L]
  } else {
    labels <- c(fit_labels(list(substitute(object))), labels)
  }
  if (!length(others)) return(anova_terms(object, vcov, df))
  check_compared_fits(others)
  compare_fits(c(list(object), unname(others)), short_labels(labels), nsim, seed, df)
}

check_compared_fits <- function(others) {
  is_fit <- vapply(others, function(x) is_mixed(x) || inherits(x, "lm"), NA)
  if (all(is_fit)) return(invisible())
  what <- names(others)[!is_fit] %||% rep("", sum(!is_fit))
  kind <- vapply(others[!is_fit], function(x) class(x)[1L], "")
  abort("argument", "anova() compares fits of glmm(), glm() or lm().",
    given = some_of(trimws(paste(ifelse(what == "", "", code(what)), kind)))
  )
}

# The names that fits were given, or the text of their expressions.
fit_labels <- function(expressions) {
  text <- vapply(unname(expressions), expression_text, "")
  names <- names(expressions) %||% character(length(text))
  ifelse(names == "", text, names)
}

# Long ones by the position of the fit.
short_labels <- function(labels) {
  long <- nchar(labels) > 25L
  labels[long] <- paste0("model ", seq_along(labels))[long]
  labels
}

# One fit ---------------------------------------------------------------------------------------

anova_terms <- function(fit, vcov, df) {
  wald_tests(term_hypotheses(fit), vcov, df, list(count = NULL, seed = 1))
}

# Several fits ----------------------------------------------------------------------------------

compare_fits <- function(fits, names, nsim, seed, df = "default") {
  check_ratio_df(df)
  rows <- rows_to_compare(fits)
  check_comparable(fits, rows)
  npar <- vapply(fits, function(fit) attr(stats::logLik(fit), "df"), 0)
  order <- order(npar)
  fits <- fits[order]
  rows <- rows[order]
  names <- make.unique(names[order])
  common <- common_basis(fits, names, rows)
  fits <- common$fits
  pairs <- lapply(seq_along(fits)[-1L], function(i) {
    columns <- check_nested(rows[[i - 1L]], rows[[i]], names[i - 1:0])
    few <- if (columns == 0L && df != Inf && nsim == 0) lapply(rows[i - 1:0], comparison_X)
    compare_pair(fits[[i - 1L]], fits[[i]], columns, nsim, seed, few)
  })
  loglik <- lapply(fits, stats::logLik)
  value <- vapply(loglik, as.numeric, 0)
  column <- function(name) c(NA, vapply(pairs, `[[`, 0, name))
  table <- data.frame(
    npar = npar[order], AIC = vapply(loglik, stats::AIC, 0), BIC = vapply(loglik, stats::BIC, 0),
    logLik = value, deviance = -2 * value, Chisq = column("statistic"), Df = column("df"),
    `Pr(>Chisq)` = column("p"), row.names = names, check.names = FALSE
  )
  reference <- vapply(pairs, `[[`, "", "reference")
  of <- if (length(pairs) > 1L) paste0(" (", names[-1L], ")")
  structure(table,
    heading = wrap_lines(c(
      "Likelihood ratio tests",
      paste0(names, ": ", vapply(fits, function(fit) formula_text(stats::formula(fit)), "")),
      common$words,
      paste0("Reference", of, ": ", reference), ""
    )),
    class = c("anova", "data.frame")
  )
}

formula_text <- function(formula) {
  text <- expression_text(formula)
  if (nchar(text) > 80L) paste0(substr(text, 1L, 77L), "...") else text
}

#' Bring fits to the same likelihood
#'
#' @return A list: `fits`, refitted where needed; `words`, what was done.
#' @noRd
common_basis <- function(fits, names, rows) {
  mixed <- vapply(fits, is_mixed, NA)
  reml <- mixed & vapply(fits, function(fit) isTRUE(fit$REML), NA)
  words <- NULL
  if (any(reml)) {
    check_restricted(rows, reml, names)
    words <- "Restricted likelihoods (REML) of models with the same fixed effects."
  }
  own <- lapply(fits[mixed], level_nodes)
  common <- common_nodes(fits[mixed], own)
  integrated <- vapply(fits[mixed], function(fit) has_nodes(way_of_fit(fit)), NA)
  refit <- integrated & !mapply(identical, own, common)
  which_fit <- which(mixed)[refit]
  fits[which_fit] <- Map(refit_at, fits[which_fit], common[refit])
  for (K in unique(common[refit])) {
    same <- vapply(common[refit], identical, NA, K)
    words <- c(words, paste0("Refitted with the rule of the others, ", nodes_words(K), ": ",
      some_of(names[which_fit][same]), "."
    ))
  }
  list(fits = fits, words = words)
}

# Nodes of a fit for each of its grouping factors, by label; one number where it has no levels.
level_nodes <- function(fit) {
  labels <- group_labels(fit$design)
  stats::setNames(rep_len(as.integer(fit$rule$K), length(labels)), labels)
}

#' One rule for all fits
#'
#' For each grouping factor the finest among the fits, as far as the node budget of the fit with
#' most random columns goes; Laplace, if one of them can have no other rule.
#'
#' @param own For each fit its nodes, from `level_nodes()`.
#' @return As `own`.
#' @noRd
common_nodes <- function(fits, own) {
  has_rules <- vapply(fits, function(fit) supports(fit$design, "quadrature"), NA)
  if (!all(has_rules)) return(lapply(own, function(K) replace(K, TRUE, 1L)))
  labels <- unique(unlist(lapply(own, names)))
  finest <- vapply(labels, function(label) {
    max(vapply(own, function(K) if (label %in% names(K)) K[[label]] else 1L, 1L))
  }, 1L)
  q <- vapply(fits, function(fit) integral_dimensions(fit$design), 1L)
  large <- which.max(q)
  design <- fits[[large]]$design
  budget <- fits[[large]]$control$max_nodes
  if (rule_nodes(design, finest[names(own[[large]])]) > budget) {
    most <- as.integer(floor(budget^(1 / q[large]) + 1e-9))
    least <- do.call(pmax, own[q == q[large]])
    finest[] <- pmin(finest, most)
    finest[names(least)] <- pmax(finest[names(least)], least)
  }
  lapply(own, function(K) finest[names(K)])
}

# With few levels a test of what varies between them is too liberal: 10% at 6 clusters.
few_levels_words <- function(fit) {
  fewest <- fewest_levels(fit)
  if (fewest >= 30L) return(NULL)
  paste0("; p is too small for effects between ", fewest, " clusters (simulate with `nsim`)")
}

fewest_levels <- function(fit) {
  min(Inf, vapply(cluster_groups(fit$design), function(group) length(group$levels), 1L))
}

same_fixed_effects <- function(rows) {
  X <- lapply(rows, function(fit) unname(comparison_X(fit)))
  all(vapply(X[-1L], function(x) isTRUE(all.equal(x, X[[1L]], check.attributes = FALSE)), NA))
}

#' Likelihood ratio test of two fits
#'
#' @param columns The number of random columns that the smaller model leaves out.
#' @param X Columns of both, to allow for few clusters, or `NULL`.
#' @return A list: `statistic`, `df`, `p`, `reference` (words).
#' @noRd
compare_pair <- function(small, large, columns, nsim, seed, X = NULL) {
  statistic <- 2 * (as.numeric(stats::logLik(large)) - as.numeric(stats::logLik(small)))
  statistic <- max(statistic, 0)
  r <- attr(stats::logLik(large), "df") - attr(stats::logLik(small), "df")
  out <- list(statistic = statistic, df = r)
  chi2 <- function(df) {
    if (df > 0) stats::pchisq(statistic, df, lower.tail = FALSE) else as.numeric(statistic <= 1e-6)
  }
  if (r == 0) {
    return(c(out, p = NA_real_, reference = "none, the models have equally many parameters."))
  }
  if (nsim > 0) {
    null <- simulated_statistics(small, large, nsim, seed)
    return(c(out,
      p = (1 + sum(null >= statistic - 1e-8)) / (1 + length(null)),
      reference = paste0(length(null), " data sets simulated from the smaller model.")
    ))
  }
  few <- if (!is.null(X)) calibrated_test(large, X, statistic, r)
  if (!is.null(few)) return(c(out, few))
  if (columns == 1L) {
    return(c(out, p = (chi2(r - 1) + chi2(r)) / 2, reference = paste0(
      "50:50 mixture of chi^2 with ", r - 1, " and ", r, " df (one variance on the boundary",
      if (length(large$rho) > length(small$rho)) {
        paste0("; approximate, since `", names(large$rho)[length(large$rho)],
          "` is not defined there: simulate with `nsim`")
      }, ")."
    )))
  }
  c(out, p = chi2(r), reference = if (columns == 0L) {
    paste0("chi^2 with ", r, " df", few_levels_words(large), ".")
  } else {
    paste0(
      "chi^2 with ", r, " df; conservative, since ", columns,
      " variances are on the boundary (simulate with `nsim`)."
    )
  })
}
