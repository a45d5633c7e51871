# Influence of whole clusters.

#' Influence of clusters
#'
#' @description
#' ```
#' fit <- gee(outcome ~ treat + visit, respiratory, id = patient, family = binomial())
#' head(influence(fit))
#' plot(cooks.distance(fit))
#' ```
#'
#' @details
#' How much the coefficients would change without each cluster. With u_i and B_i, the score and the
#' information of cluster i for beta, and B = sum B_i:
#'
#' * `dfbeta` is beta - beta_(i), computed as `update` says;
#' * Cook's distance is dfbeta' B dfbeta / p, the shift in units of the model-based covariance
#'   (Preisser and Qaqish 1996);
#' * the leverage is the largest eigenvalue of B_i B^-1. It is 1 for a cluster that alone determines
#'   a combination of coefficients; the other values of that cluster are `NaN`.
#'
#' The choices of `update`:
#'
#' * `"coefficients"`: one Newton step of the coefficients, (B - B_i)^-1 u_i. Correlation, scale and
#'   variance parameters are held at their estimates.
#' * `"joint"`: all parameters, to second order: the equations of the fit (scores, or estimating
#'   equations and moments) without the cluster, with their first derivatives and the second
#'   derivatives of all clusters. For P parameters this takes 2P evaluations of a mixed model, or
#'   P (P + 1) of estimating equations, so as long as a few fits. With 500 clusters, jackknife
#'   standard errors agreed with full fits to 2e-5; those of `"coefficients"` were off by 2% for a
#'   mixed model and by 0.4% for a marginal one.
#' * `"full"`: a fit without each cluster.
#'
#' @param model A fit of [gee()], or of [glmm()] with independent clusters.
#' @param update `"coefficients"`, `"joint"` or `"full"`: see details.
#' @param ... Not used.
#' @return `influence()`: a data frame with one row per cluster and the columns `cluster`, `rows`,
#'   `leverage`, `cooks.distance`, and the dfbeta of each coefficient. `dfbeta()`: a matrix with one
#'   row per cluster. `cooks.distance()`: a named vector.
#' @section Errors: `margmix_error_crossed_clusters`: crossed grouping factors.
#'   `margmix_error_update`: `"joint"` with `REML = TRUE`, a penalty, estimated degrees of freedom,
#'   `ipw`, `bias_reduce`, or moments that are not sums over clusters; `"full"` with several
#'   grouping factors. `margmix_error_jackknife`: a fit without one of the clusters failed. Warning:
#'   `margmix_warning_influence`: clusters move the estimates further than `"joint"` can follow.
#' @references
#' Preisser, J. S. and Qaqish, B. F. (1996). Deletion diagnostics for generalised estimating
#' equations. *Biometrika* **83**, 551-562.
#' @examples
#' fit <- gee(outcome ~ treat + center, respiratory, id = patient, family = binomial())
#' head(influence(fit)[order(-cooks.distance(fit)), ])
#' @export
influence.margmix_fit <- function(model, update = c("coefficients", "joint", "full"), ...) {
  check_dots(..., known = c("model", "update"))
  found <- cluster_influence(model, update)
  data.frame(
    cluster = found$levels, rows = rows_per_cluster(model$design), leverage = found$leverage,
    cooks.distance = found$cooks_distance, found$dfbeta, check.names = FALSE, row.names = NULL
  )
}

#' @rdname influence.margmix_fit
#' @export
dfbeta.margmix_fit <- function(model, update = c("coefficients", "joint", "full"), ...) {
  check_dots(..., known = c("model", "update"))
  cluster_influence(model, update)$dfbeta
}

#' @rdname influence.margmix_fit
#' @export
cooks.distance.margmix_fit <- function(model, update = c("coefficients", "joint", "full"), ...) {
  check_dots(..., known = c("model", "update"))
  found <- cluster_influence(model, update)
  stats::setNames(found$cooks_distance, found$levels)
}

cluster_influence <- function(fit, update) {
  update <- one_of(update, c("coefficients", "joint", "full"), "update")
  if (!supports(fit$design, "clusters")) {
    abort("crossed_clusters", "Influence of clusters needs independent clusters.",
      given = paste("crossed factors", some_of(code(group_labels(fit$design)))),
      hint = "update(fit, subset = ) leaves rows out."
    )
  }
  pieces <- cluster_pieces(fit)
  out <- engine_influence(pieces)
  dimnames(out$dfbeta) <- list(pieces$levels, names(fit$beta))
  if (update != "coefficients") {
    out$dfbeta <- deletion_changes(fit, update)
    B <- rowSums(pieces$information, dims = 2L)
    out$cooks_distance <- unname(rowSums((out$dfbeta %*% B) * out$dfbeta)) / ncol(B)
  }
  c(out, list(levels = pieces$levels))
}
