# Cluster-robust quantities of a fit, for glmm() and gee() alike.

#' Scores of the clusters, corrected for few clusters
#'
#' For influence functions of anything computed from beta: the cluster-robust covariance of beta is
#' bread * crossprod(scores) * bread, and the influence of cluster i on c'beta is c'bread scores[i,
#' ].
#'
#' @param fit A fit.
#' @param type `"KC"` (I - B_i B^-1)^(-1/2) u_i; `"MD"` (I - B_i B^-1)^-1 u_i; `"FG"`; `"robust"`
#'   u_i as it is.
#' @return A list: `scores`, the corrected scores A_i u_i (m x p, clusters in the order of
#'   `levels`); `bread`, B^-1 (p x p, the model-based covariance of a GEE; of a mixed model with
#'   the variance parameters held fixed); `leverage`, the largest eigenvalue of B_i B^-1 of each
#'   cluster (m), where 1 means that the cluster alone determines a direction of beta; `levels`,
#'   labels of the clusters.
#' @noRd
corrected_scores <- function(fit, type = "KC") {
  pieces <- cluster_pieces(fit)
  out <- engine_corrected_scores(pieces, type)
  dimnames(out$scores) <- list(pieces$levels, names(fit$beta))
  out$bread <- named_square(out$bread, names(fit$beta))
  c(out, list(levels = pieces$levels))
}

# The efficient scores of beta, what is left of its scores after those of the variance parameters:
# with V = J^-1 of all parameters psi, (V_bb)^-1 V_b. dl_i/dpsi, so that sandwich() is the block of
# beta of the sandwich over all parameters.
#' @exportS3Method sandwich::estfun
estfun.margmix_glmm <- function(x, ...) {
  check_independent_clusters(x$design, "robust")
  scores <- engine_scores(x)$scores
  V <- bread_of(x)
  active <- !is.na(diag(V))
  beta <- seq_along(x$beta)
  influence <- scores[, active, drop = FALSE] %*% V[active, beta, drop = FALSE]
  structure(t(solve(V[beta, beta, drop = FALSE], t(influence))),
    dimnames = list(cluster_levels(x$design), names(x$beta))
  )
}

#' @exportS3Method sandwich::bread
bread.margmix_glmm <- function(x, ...) {
  beta <- seq_along(x$beta)
  V <- bread_of(x)[beta, beta, drop = FALSE]
  cluster_count(x$design) * named_square(V, names(x$beta))
}

#' @exportS3Method sandwich::estfun
estfun.margmix_gee <- function(x, ...) {
  pieces <- cluster_pieces(x)
  structure(pieces$scores, dimnames = list(pieces$levels, names(x$beta)))
}

#' @exportS3Method sandwich::bread
bread.margmix_gee <- function(x, ...) {
  cluster_count(x$design) * beta_vcov(x, "model")$vcov
}

#' Satterthwaite degrees of freedom of linear contrasts of beta
#'
#' Under the working model (McCaffrey and Bell 2006), for the covariance `type`.
#'
#' @param C k x p, a contrast in each row; the coefficients themselves by default.
#' @param type As in [vcov.margmix_gee()].
#' @return k numbers; `NaN` for a contrast that one cluster alone determines.
#' @noRd
contrast_df <- function(fit, C = diag(length(fit$beta)), type = "KC") {
  if (!is.matrix(C)) C <- t(C)
  sandwich_of(fit$design, fit, satterthwaite_type(type), t(C), "satterthwaite")$df
}
