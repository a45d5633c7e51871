# Degrees of freedom with several grouping factors.

#' Between-within degrees of freedom with several grouping factors
#'
#' [between_within_df()] factor by factor. A column is one between the levels of a factor if it is
#' constant in them or varies mostly between them (share of at least 0.1); it then has at most m_k -
#' p_k degrees of freedom, m_k the levels of factor k and p_k the columns that are constant in them;
#' the least of these counts. A column that is within the levels of every factor has N - 1 - sum
#' (m_k - 1) - p_w, at least 1, where p_w is the number of such columns.
#'
#' @return p numbers.
#' @noRd
#' @export
between_within_df.margmix_several_factors <- function(design) {
  factors <- factor_shares(design)
  N <- factors[[1L]]$N
  levels <- vapply(factors, `[[`, 0, "K")
  shares <- matrix(vapply(factors, `[[`, numeric(ncol(design$X)), "share"), ncol(design$X))
  between <- pmax(levels - colSums(shares == 1), 1)
  within_all <- rowSums(shares >= 0.1) == 0
  within <- max(N - 1 - sum(levels - 1) - sum(within_all), 1)
  vapply(seq_len(nrow(shares)), function(j) {
    if (within_all[j]) within else min(between[shares[j, ] >= 0.1])
  }, 0)
}

#' Shares of the variance of each column of X between the levels of each factor
#' @return For each factor a list, as [cluster_shares()].
#' @noRd
factor_shares <- function(design) UseMethod("factor_shares")

#' @export
factor_shares.default <- function(design) lapply(factor_anova(design), with_share)

#' Sums as those of [anova_sums()], of the levels of each factor
#' @return A list by factor; empty for one factor, whose levels are the clusters.
#' @noRd
factor_anova <- function(design) UseMethod("factor_anova")

#' @export
factor_anova.default <- function(design) list()

#' @export
factor_anova.margmix_several_factors <- function(design) {
  lapply(cluster_groups(design), level_anova, design = design)
}

# Rows of a level may be anywhere, and a level may have none.
level_anova <- function(group, design) {
  level <- match(group$index, sort(unique(group$index)))
  anova_sums(design$X, row_sizes(design), level, function(x) drop(rowsum(x, level)))
}
