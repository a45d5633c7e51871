# Calls of the engine for designs with several grouping factors.

#' Log-likelihood with several grouping factors
#'
#' @inheritParams engine_evaluate
#' @param K 1 for Laplace, whatever the structure; numbers above 1 need nested factors.
#' @return As [engine_evaluate()]; `modes` is a list with a matrix (levels x effects) for each
#'   factor.
#' @noRd
evaluate_groups <- function(design, family, psi, K, deriv, modes, control, scores, information) {
  abort("grouping", "Random terms on several grouping factors are not fitted yet.",
    given = some_of(group_labels(design)), hint = "Put all random terms on one grouping factor."
  )
}

groups_eb_variance <- function(fit, X, Z, cluster, V) stop("internal: no variance")

groups_mode_variance <- function(fit) stop("internal: no variance")

#' Posterior of the random effects with several grouping factors
#' @section Errors: `posterior`: with crossed factors there is only the mode.
#' @noRd
groups_posterior <- function(fit, median = FALSE) {
  abort("posterior", "`type` must be \"mode\" with several grouping factors.",
    given = some_of(code(group_labels(fit$design))),
    hint = "Means and medians of crossed random effects have no rule of integration."
  )
}
