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
  size <- row_sizes(design)
  N <- sum(size)
  groups <- cluster_groups(design)
  levels <- vapply(groups, function(group) sum(level_sums(size, group) > 0), 0)
  shares <- vapply(groups, function(group) level_share(design, size, group),
    numeric(ncol(design$X))
  )
  shares <- matrix(shares, ncol(design$X))
  between <- pmax(levels - colSums(shares == 1), 1)
  within_all <- rowSums(shares >= 0.1) == 0
  within <- max(N - 1 - sum(levels - 1) - sum(within_all), 1)
  vapply(seq_len(nrow(shares)), function(j) {
    if (within_all[j]) within else min(between[shares[j, ] >= 0.1])
  }, 0)
}

# Sums over the levels of a factor, whose rows may be anywhere.
level_sums <- function(x, group) {
  drop(rowsum(x, factor(group$index, seq_along(group$levels) - 1L), reorder = TRUE))
}

#' Share of the variance of each column of X between the levels of a factor
#' @inherit between_share
#' @noRd
level_share <- function(design, size, group) {
  anova_share(design$X, size, group$index + 1L, function(x) level_sums(x, group))
}
