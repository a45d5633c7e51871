# What every cluster-robust covariance is made of: score and information of each cluster in beta.

#' Scores and information of the clusters
#'
#' @param fit A fit.
#' @return A list: `scores` (m x p), u_i at the estimates; `information` (p x p x m), B_i, for a
#'   mixed model the observed one at its variance parameters; `levels`, labels of the clusters.
#' @noRd
cluster_pieces <- function(fit) UseMethod("cluster_pieces")

#' @export
cluster_pieces.margmix_glmm <- function(fit) {
  pieces <- engine_scores(fit, information = TRUE)
  list(
    scores = pieces$scores[, seq_along(fit$beta), drop = FALSE],
    information = pieces$information, levels = cluster_levels(fit$design)
  )
}

# For a marginal model u_i = D_i'V_i^-1 (y_i - mu_i) and B_i = D_i'V_i^-1 D_i, with phi in V_i.
#' @export
cluster_pieces.margmix_gee <- function(fit) {
  if (!is.null(fit$schedule)) {
    fit[c("design", "correlation")] <- fit$schedule[c("design", "correlation")]
    fit$alpha_engine <- numeric()
  }
  marginal_pieces(fit$design, fit)
}

marginal_pieces <- function(design, fit) UseMethod("marginal_pieces")

#' @export
marginal_pieces.default <- function(design, fit) {
  c(engine_gee_pieces(fit), list(levels = design$levels))
}
