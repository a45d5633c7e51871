# Calls of the engine for covariances, tests and influence: all from the clusters' scores and
# information.

# The pieces as the engine takes them: scores p x m, information p^2 x m.
engine_pieces <- function(pieces) {
  list(
    scores = t(pieces$scores),
    information = matrix(pieces$information, ncol = dim(pieces$information)[3L])
  )
}

#' Cluster-robust covariance of beta and degrees of freedom of contrasts
#'
#' @param pieces From [cluster_pieces()].
#' @param type `"robust"`, `"DF"`, `"MD"`, `"KC"`, `"FG"`, `"FW"`, `"MBN"` or `"jackknife"` (one
#'   step).
#' @param contrasts p x k.
#' @param rule `"satterthwaite"` (under the working model, with the corrections of `type`),
#'   `"pan-wall"`, `"fay-graubard"` or `"none"`.
#' @param rows Number of rows, for `"MBN"`.
#' @return A list: `vcov` (p x p), `leverage` (m; 1 means that a cluster alone determines a
#'   direction, and its coefficients are NaN), `df` (k).
#' @noRd
engine_sandwich <- function(pieces, type, contrasts = diag(ncol(pieces$scores)),
                            rule = "satterthwaite", rows = NA) {
  ask <- sandwich_request(type, contrasts, rule, rows)
  inference_(engine_pieces(pieces), "sandwich", ask)
}

sandwich_request <- function(type, contrasts, rule = "satterthwaite", rows = NA) {
  storage.mode(contrasts) <- "double"
  list(type = type, contrasts = contrasts, rule = rule, rows = as.double(rows))
}

#' What a sandwich is made of: sums over some of the clusters
#' @param B The information of all clusters.
#' @return A list of numbers that add up over parts of the clusters, and `leverage`, of each.
#' @noRd
engine_sandwich_sums <- function(pieces, B, ask) {
  inference_(c(engine_pieces(pieces), list(B = B)), "sums", ask)
}

#' The sandwich of all clusters, as [engine_sandwich()] gives it but for `leverage`
#' @param sums From [engine_sandwich_sums()], added up.
#' @param clusters How many there are.
#' @noRd
engine_sandwich_total <- function(sums, B, clusters, ask) {
  none <- matrix(0, nrow(B), 0L)
  pieces <- list(scores = none, information = none, B = B)
  inference_(pieces, "sandwich_of_all", c(ask, list(sums = sums, clusters = clusters)))
}

engine_satterthwaite_df <- function(sums) satterthwaite_df_(sums)

#' @param type One of `"robust"`, `"KC"`, `"MD"`, `"FG"`.
#' @return A list: `scores` (m x p), `bread` (p x p), `leverage` (m).
#' @noRd
engine_corrected_scores <- function(pieces, type) {
  out <- inference_(engine_pieces(pieces), "corrected", list(type = type))
  out$scores <- t(out$scores)
  out
}

#' Degrees of freedom eta of the approximate Hotelling T^2 of C beta
#' @param C q x p.
#' @noRd
engine_hotelling_eta <- function(pieces, type, C) {
  storage.mode(C) <- "double"
  inference_(engine_pieces(pieces), "hotelling_eta", list(type = type, C = C))
}

#' Tail probabilities of the joint Wald statistic of C beta under the working model
#' @param C q x p.
#' @param Q The statistic.
#' @param draws A list: `z` ((p m) x N) and `b` (m x N) standard normal numbers, `u` N uniform ones.
#' @param shift p numbers e with X e = 1, or zeros for no shift of the clusters.
#' @return P(statistic > Q | draw), N numbers; `NaN` where the drawn covariance is singular.
#' @noRd
engine_joint_tails <- function(pieces, type, C, Q, draws, shift = numeric(ncol(C))) {
  storage.mode(C) <- "double"
  ask <- list(type = type, C = C, shift = as.double(shift), Q = Q)
  inference_(engine_pieces(pieces), "joint_tails", c(ask, draws[c("z", "b", "u")]))
}

#' Generalized score statistic of C beta = 0
#' @param pieces Of the full model, at the estimate under C beta = 0.
#' @noRd
engine_score_statistic <- function(pieces, C) {
  storage.mode(C) <- "double"
  inference_(engine_pieces(pieces), "score_test", list(C = C))
}

#' One-step influence of clusters
#' @return A list: `dfbeta` (m x p, beta - beta_(i)), `cooks_distance` (m), `leverage` (m).
#' @noRd
engine_influence <- function(pieces) {
  out <- inference_(engine_pieces(pieces), "influence", list())
  out$dfbeta <- t(out$dfbeta)
  out
}

#' All parameters without each cluster, to second order
#'
#' Correlations at an end of their range, or that have been moved into it, are held; so are variance
#' parameters at a boundary.
#'
#' @return A list: `steps` (m x parameters, the estimates minus those without a cluster); `second`
#'   (m), the length of the last of two steps over that of the first. `NaN` where a mean or a
#'   correlation next to the estimates is outside its range.
#' @noRd
engine_deletion <- function(fit) {
  out <- deletion_call(fit)
  if (!length(out$steps)) {
    return(list(steps = matrix(NaN, cluster_count(fit$design), length(fit$beta)), second = NaN))
  }
  list(steps = t(out$steps), second = out$second)
}

deletion_call <- function(fit) UseMethod("deletion_call")

#' @export
deletion_call.margmix_glmm <- function(fit) {
  fit <- model_of(fit)
  V <- diag(bread_of(fit))
  ask <- list(
    K = fit$rule$K, modes = fit$modes, units = ifelse(is.na(V), 0, deletion_step * sqrt(V))
  )
  objective_(
    engine_arrays(fit$design), fit$family, fit_psi(fit), "deletion", ask, fit$control$threads
  )
}

#' @export
deletion_call.margmix_gee <- function(fit) {
  moved <- fit$convergence$clamped || fit$convergence$two_step
  held <- moved | is.na(fit$alpha) | names(fit$alpha) %in% fit$boundary
  ask <- list(
    beta = as.double(fit$beta), alpha = as.double(fit$alpha_engine),
    rule = gee_options(fit$design, fit$scale, fit$bias_reduce, fit$control),
    units = c(
      deletion_step * sqrt(diag(inverse_information(fit$design, fit))),
      ifelse(held, 0, 1e-3 * (1 - abs(fit$alpha_engine)))
    )
  )
  gee_rows_(
    fit$design, engine_family(fit$family, fit$design), fit$correlation, "deletion", ask,
    fit$control$threads
  )
}

# Standard errors that a derivative is a difference over.
deletion_step <- 0.01
