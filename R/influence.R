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
#' How much the coefficients would change without each cluster, by one Newton step. With u_i and
#' B_i, the score and the information of cluster i for beta, and B = sum B_i:
#'
#' * `dfbeta` is (B - B_i)^-1 u_i, which approximates beta - beta_(i);
#' * Cook's distance is dfbeta' B dfbeta / p, the shift in units of the model-based covariance
#'   (Preisser and Qaqish 1996);
#' * the leverage is the largest eigenvalue of B_i B^-1. It is 1 for a cluster that alone determines
#'   a combination of coefficients; the other values of that cluster are `NaN`.
#'
#' Correlation, scale and variance parameters are held at their estimates.
#'
#' @param model A fit of [gee()], or of [glmm()] with independent clusters.
#' @param ... Not used.
#' @return `influence()`: a data frame with one row per cluster and the columns `cluster`, `rows`,
#'   `leverage`, `cooks.distance`, and the dfbeta of each coefficient. `dfbeta()`: a matrix with one
#'   row per cluster. `cooks.distance()`: a named vector.
#' @references
#' Preisser, J. S. and Qaqish, B. F. (1996). Deletion diagnostics for generalised estimating
#' equations. *Biometrika* **83**, 551-562.
#' @examples
#' fit <- gee(outcome ~ treat + center, respiratory, id = patient, family = binomial())
#' head(influence(fit)[order(-cooks.distance(fit)), ])
#' @export
influence.margmix_fit <- function(model, ...) {
  check_dots(..., known = "model")
  found <- cluster_influence(model)
  data.frame(
    cluster = found$levels, rows = rows_per_cluster(model$design), leverage = found$leverage,
    cooks.distance = found$cooks_distance, found$dfbeta, check.names = FALSE, row.names = NULL
  )
}

#' @rdname influence.margmix_fit
#' @export
dfbeta.margmix_fit <- function(model, ...) {
  check_dots(..., known = "model")
  cluster_influence(model)$dfbeta
}

#' @rdname influence.margmix_fit
#' @export
cooks.distance.margmix_fit <- function(model, ...) {
  check_dots(..., known = "model")
  found <- cluster_influence(model)
  stats::setNames(found$cooks_distance, found$levels)
}

cluster_influence <- function(fit) {
  if (!supports(fit$design, "clusters")) {
    abort("crossed_clusters", "Influence of clusters needs independent clusters.",
      given = paste("crossed factors", some_of(code(group_labels(fit$design)))),
      hint = "update(fit, subset = ) leaves rows out."
    )
  }
  pieces <- cluster_pieces(fit)
  out <- engine_influence(pieces)
  dimnames(out$dfbeta) <- list(pieces$levels, names(fit$beta))
  c(out, list(levels = pieces$levels))
}
