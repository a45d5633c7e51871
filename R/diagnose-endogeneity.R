# Are the random effects correlated with the covariates? The test of Mundlak and Hausman.

#' Test for correlated random effects
#'
#' @description
#' ```
#' fit <- glmm(severe ~ month + (1 | patient), toenail, binomial())
#' diagnose_endogeneity(fit)
#' ```
#'
#' A mixed model assumes that random effects are independent of the covariates. If clusters with
#' large random effects also have large values of a covariate (sicker hospitals treat sicker
#' patients), its coefficient mixes the effect within clusters with the difference between them.
#' This is confounding by cluster.
#'
#' @details
#' The model is refitted with the cluster mean of every covariate that varies both within and
#' between clusters (Mundlak 1978; for linear models this is the test of Hausman 1978). The
#' coefficient of a mean is the difference between the effects between and within clusters; all are
#' zero if the random effects are independent of the covariates. The joint test is F = W / k, where
#' W is the Wald statistic of the k differences, with the degrees of freedom of covariates of
#' clusters. The likelihood ratio test is also given.
#'
#' With `cluster_size = TRUE`, the number of rows of each cluster, if it varies, is tested as well.
#' Its coefficient is zero if the number of visits says nothing about the random effect. It is not
#' if subjects with bad outcomes leave early (selective disappearance) or those with good ones are
#' seen more often (informative cluster size).
#'
#' In simulated data of 60 clusters (`bench/simulation/endogeneity.md`, 2,000 data sets each), the
#' test at 5% rejects in 5.7% (Gaussian), 4.2% (logit) and 6.2% (Poisson) if the random effects are
#' independent of x. If their correlation with the between-cluster part of x is 0.5, it rejects in
#' 82%, 45% and 86%, the effect within clusters is recovered, and the difference, which is 0.43, is
#' estimated as 0.43, 0.44 and 0.43. Numbers of visits that depend on the random effect are detected
#' in 93%, 61% and 94%.
#'
#' If the p-value is small, don't read the coefficients of `fit` as within-cluster effects: use
#' [within_cluster()] and [between_cluster()] for the covariates named. A large p-value does not
#' prove independence, and covariates that are constant in clusters can't be tested at all.
#'
#' @param fit A fit of [glmm()].
#' @param group Name of the grouping factor whose random effects are tested, by default the first.
#'   The cluster means are those of this factor.
#' @param cluster_size Also test the number of rows per cluster?
#' @param level The test fires if its p-value is below 1 - `level`.
#' @param x The result.
#' @param digits Significant digits to print.
#' @param ... Passed on by `plot()`; otherwise not used.
#' @return A list of class `margmix_endogeneity`: `table`, one row per covariate tested with its
#'   effects `within` and `between` clusters in the larger model (only the latter for the cluster
#'   size), their `difference`, `std.error`, `df`, `statistic` and `p.value`; `joint`, a list of
#'   `F`, `df` (two numbers), `p.value`, `LR` and `LR.p.value`; `fires`; `untested`, names of the
#'   columns that are constant in clusters or do not vary between them; `fit`, the larger model.
#'   `plot()` draws the effects within and between clusters with their intervals.
#' @section Errors: `margmix_error_endogeneity` if there is nothing to test;
#'   `margmix_error_too_large` for crossed factors that are too large to factorize.
#' @references
#' Mundlak, Y. (1978). On the pooling of time series and cross section data. *Econometrica* **46**,
#' 69-85.
#'
#' Hausman, J. A. (1978). Specification tests in econometrics. *Econometrica* **46**, 1251-1271.
#' @seealso [within_cluster()]
#' @examples
#' # visits missing for a third of the children: age now varies between them, too
#' seen <- subset(ohio, id %% 3 != 0 | age < 1)
#' fit <- glmm(resp ~ age + (1 | id), seen, binomial(), nAGQ = 9)
#' diagnose_endogeneity(fit)
#' @export
diagnose_endogeneity <- function(fit, cluster_size = TRUE, level = 0.95, group = NULL, ...) {
  check_dots(..., known = names(formals(diagnose_endogeneity)))
  check_glmm(fit)
  check_level(level)
  check_switch(cluster_size, "cluster_size")
  design <- fit$design
  check_likelihood(design, "The test for correlated random effects")
  check_factorable(design, "the test for correlated random effects.")
  labels <- group_labels(design)
  k <- match(one_of(group %||% labels[1L], labels, "group"), labels)
  added <- mundlak_columns(design, isTRUE(cluster_size), k)
  if (!ncol(added$M)) {
    abort("endogeneity",
      "No covariate varies both within and between clusters, so there is nothing to test.",
      given = paste0("the columns ", some_of(code(colnames(design_X(design)))))
    )
  }
  larger <- mundlak_fit(fit, added$M)
  small <- ml_version(fit)
  table <- mundlak_table(larger, added)
  joint <- mundlak_joint(larger, small, colnames(added$M), added$df)
  table$df <- rep(added$df, nrow(table))
  table$statistic <- table$difference / table$std.error
  table$p.value <- 2 * stats::pt(-abs(table$statistic), added$df)
  structure(list(
    table = table, joint = joint, fires = joint$p.value < 1 - level, level = level,
    untested = setdiff(colnames(design_X(design)), c("(Intercept)", added$of)), group = labels[k],
    clusters = added$clusters, fit = larger
  ), class = "margmix_endogeneity")
}

#' Cluster means that can be added to the fixed effects
#'
#' @return A list: `M`, n x k, the means and perhaps the number of rows; `of`, the column of X each
#'   is the mean of (`NA` for the number of rows); `clusters`; `df`, their degrees of freedom.
#' @noRd
mundlak_columns <- function(design, cluster_size, k = 1L) {
  X <- design$X
  used <- as.numeric(used_rows(design))
  level <- row_levels(design, k)
  rows <- match(level, unique(level))
  sums <- function(x) drop(rowsum(x, rows))
  sizes <- sums(used)
  mean_of <- function(x) (sums(used * x) / pmax(sizes, 1))[rows]
  means <- vapply(seq_len(ncol(X)), function(c) mean_of(X[, c]), numeric(nrow(X)))
  spread <- function(x) sqrt(mean((x - mean(x))^2))
  varies <- vapply(seq_len(ncol(X)), function(c) {
    total <- max(spread(X[, c]), 1e-300)
    spread(X[, c] - means[, c]) > 1e-6 * total && spread(means[, c]) > 1e-6 * total
  }, NA)
  M <- means[, varies, drop = FALSE]
  of <- colnames(X)[varies]
  names <- paste0("mean of ", of, recycle0 = TRUE)
  if (cluster_size && length(unique(sizes[sizes > 0])) > 1L) {
    M <- cbind(M, sizes[rows])
    of <- c(of, NA)
    names <- c(names, "rows in the cluster")
  }
  colnames(M) <- if (length(names)) names
  new <- independent_columns(X, M)
  design$X <- cbind(X, M[, new, drop = FALSE])
  list(
    M = M[, new, drop = FALSE], of = of[new], clusters = length(design$groups[[k]]$levels),
    df = factor_df(design, k)
  )
}

# Levels of a factor less the columns of X that are constant in them.
factor_df <- function(design, k) UseMethod("factor_df")

#' @export
factor_df.default <- function(design, k) between_df(design)

#' @export
factor_df.margmix_several_factors <- function(design, k) {
  level_df(with_share(level_anova(design$groups[[k]], design)))
}

# The columns of M that are no combination of X and of earlier ones.
independent_columns <- function(X, M) {
  if (!ncol(M)) return(integer())
  scaled <- function(A) A / rep(pmax(sqrt(colMeans(A^2)), 1e-300), each = nrow(A))
  decomposed <- qr(cbind(scaled(X), scaled(M)), tol = 1e-8)
  kept <- decomposed$pivot[seq_len(decomposed$rank)]
  sort(kept[kept > ncol(X)]) - ncol(X)
}

# The model with these columns as further fixed effects, by maximum likelihood at the same rule.
mundlak_fit <- function(fit, M) {
  design <- fit$design
  k <- ncol(M)
  design$X <- cbind(design_X(design), M)
  design$aliased <- c(aliased_coefficients(design), stats::setNames(logical(k), colnames(M)))
  design$assign <- c(coefficient_terms(design), max(coefficient_terms(design), 0L) + seq_len(k))
  control <- fit$control
  control$verbose <- FALSE
  start <- warm_start(fit)
  start$beta <- c(start$beta, numeric(k))
  estimate <- quietly(fit_design(design, fit$family, fit$rule$K, FALSE, start, control))
  fit[names(estimate)] <- estimate
  fit$design <- design
  fit$coefficients <- c(fit$coefficients, numeric(k))
  names(fit$coefficients) <- names(aliased_coefficients(design))
  estimated_coefficients(fit) <- estimate$beta
  fit
}

mundlak_table <- function(larger, added) {
  names <- colnames(added$M)
  difference <- larger$coefficients[names]
  within <- larger$coefficients[added$of]
  V <- larger$vcov_full
  data.frame(
    within = unname(within), between = unname(ifelse(is.na(within), NA, within + difference)),
    difference = unname(difference), std.error = unname(sqrt(diag(V)[names])),
    row.names = ifelse(is.na(added$of), names, added$of)
  )
}

mundlak_joint <- function(larger, small, names, df) {
  k <- length(names)
  d <- larger$coefficients[names]
  statistic <- sum(d * solve(larger$vcov_full[names, names, drop = FALSE], d)) / k
  LR <- 2 * (larger$logLik - small$logLik)
  list(
    F = statistic, df = c(k, df), p.value = stats::pf(statistic, k, df, lower.tail = FALSE),
    LR = LR, LR.p.value = stats::pchisq(LR, k, lower.tail = FALSE)
  )
}

#' @rdname diagnose_endogeneity
#' @export
print.margmix_endogeneity <- function(x, digits = max(3L, getOption("digits") - 3L), ...) {
  digits <- known_digits(digits)
  say("Correlated random effects? Test of Mundlak (1978) by ", code(x$group), ", ",
    count_of(x$clusters, "cluster"), "\n\n",
    sep = ""
  )
  shown <- cbind(
    Within = format(x$table$within, digits = digits),
    Between = format(x$table$between, digits = digits),
    Difference = format(x$table$difference, digits = digits),
    `Std. Error` = format(x$table$std.error, digits = digits),
    `p-value` = format.pval(x$table$p.value, digits = 2L, eps = 1e-4)
  )
  shown[is.na(x$table$within), 1:2] <- ""
  rownames(shown) <- rownames(x$table)
  print(shown, quote = FALSE, right = TRUE)
  joint <- x$joint
  say("\nJoint: F = ", format(joint$F, digits = 3L), " on ", joint$df[1L], " and ",
    format(joint$df[2L], digits = 3L), " df, p = ", format.pval(joint$p.value, 2L, 1e-4),
    "; likelihood ratio ", format(joint$LR, digits = 3L), ", p = ",
    format.pval(joint$LR.p.value, 2L, 1e-4), "\n",
    sep = ""
  )
  say(endogeneity_words(x), sep = "\n")
  invisible(x)
}

endogeneity_words <- function(x) {
  named <- rownames(x$table)[x$table$p.value < 1 - x$level]
  c(
    if (x$fires && length(named)) {
      paste0("Effects within and between clusters differ: ", some_of(code(named)), ".")
    } else if (x$fires) {
      "Effects within and between clusters differ, though no covariate alone shows it."
    } else {
      "No sign that the random effects are correlated with the covariates."
    },
    if (x$fires) {
      "Separate them by within_cluster() and between_cluster(); see ?diagnose_endogeneity."
    },
    if (length(x$untested)) {
      paste0("Not tested (constant within clusters, or balanced): ", some_of(code(x$untested)), ".")
    }
  )
}
