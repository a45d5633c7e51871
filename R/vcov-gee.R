# Covariance matrices of marginal models.

#' Covariance matrix of the coefficients of a marginal model
#'
#' @description
#' ```
#' fit <- gee(resp ~ age * smoke, ohio, id = id, family = binomial(), corstr = "exchangeable")
#' vcov(fit)                  # KC: robust, corrected for few clusters
#' vcov(fit, type = "MD")
#' ```
#'
#' @details
#' `type` says how the matrix is estimated; the default is robust and allows for few clusters. With
#' K clusters, p coefficients and N rows, let u_i = D_i'V_i^-1 (y_i - mu_i), B_i = D_i'V_i^-1 D_i, B
#' = sum B_i and H_i = B_i B^-1. All robust matrices are B^-1 M B^-1 with M = sum r_i r_i':
#'
#' * `"KC"` (default): r_i = (I - H_i)^(-1/2) u_i (Kauermann and Carroll 2001), unbiased if the
#'   working covariance is right;
#' * `"robust"`: r_i = u_i (Liang and Zeger 1986), too small with few clusters; with `alpha_method =
#'   "stata"` times K / (K - 1);
#' * `"model"`: B^-1, right only if the working covariance is;
#' * `"DF"`: robust times K / (K - p);
#' * `"MD"`: r_i = (I - H_i)^-1 u_i (Mancl and DeRouen 2001), too large on average;
#' * `"FG"`: r_ij = (1 - min(0.75, H_i,jj))^(-1/2) u_ij (Fay and Graubard 2001); it depends on how
#'   the covariates are coded;
#' * `"FW"`: the mean of KC and MD (Ford and Westgate 2017);
#' * `"MBN"`: kappa V + delta xi B^-1 with V the robust matrix, kappa = (N - 1) / (N - p) K / (K -
#'   1), delta = p / (K - p) if K > 3p and 1/2 otherwise, xi = max(1, tr(B^-1 kappa M) / p) (Morel,
#'   Bokossa and Neerchal 2003);
#' * `"jackknife"`: (K - p) / K sum (b - b_(i))(b - b_(i))' with b_(i) one step from b without
#'   cluster i (Lipsitz, Laird and Harrington 1990), which is (K - p) / K times MD;
#' * `"jackknife-joint"`: the same with b_(i) to second order, correlation and scale included, as
#'   `update = "joint"` of [influence.margmix_fit()]: equal to `"jackknife-full"` to three digits or
#'   more where clusters are many, without its fits;
#' * `"jackknife-full"`: the same with b_(i) fully iterated, correlation and scale included: K fits.
#'
#' A coefficient that a single cluster determines has no robust variance: its rows are `NaN`.
#'
#' @param object A fit of [gee()].
#' @param type See details.
#' @param complete `TRUE`: aliased coefficients have rows and columns of `NA`, as in
#'   [stats::vcov()] of a [stats::glm()]; `FALSE`: they are left out.
#' @param ... Not used.
#' @return A symmetric matrix with names.
#' @section Errors: `margmix_error_argument`: an unknown type; `margmix_error_few_clusters`: a type
#'   that needs more clusters than coefficients; `margmix_error_jackknife`: a fit without one of the
#'   clusters failed; `margmix_error_update`: there is no `"jackknife-joint"`.
#' @references
#' Fay, M. P. and Graubard, B. I. (2001). Small-sample adjustments for Wald-type tests using
#' sandwich estimators. *Biometrics* **57**, 1198-1206.
#'
#' Ford, W. P. and Westgate, P. M. (2017). Improved standard error estimator for maintaining the
#' validity of inference in cluster randomized trials with a small number of clusters. *Biometrical
#' Journal* **59**, 478-495.
#'
#' Kauermann, G. and Carroll, R. J. (2001). A note on the efficiency of sandwich covariance matrix
#' estimation. *Journal of the American Statistical Association* **96**, 1387-1396.
#'
#' Liang, K.-Y. and Zeger, S. L. (1986). Longitudinal data analysis using generalized linear models.
#' *Biometrika* **73**, 13-22.
#'
#' Lipsitz, S. R., Laird, N. M. and Harrington, D. P. (1990). Using the jackknife to estimate the
#' variance of regression estimators from repeated measures studies. *Communications in Statistics -
#' Theory and Methods* **19**, 821-845.
#'
#' Mancl, L. A. and DeRouen, T. A. (2001). A covariance estimator for GEE with improved small-sample
#' properties. *Biometrics* **57**, 126-134.
#'
#' Morel, J. G., Bokossa, M. C. and Neerchal, N. K. (2003). Small sample correction for the variance
#' of GEE estimators. *Biometrical Journal* **45**, 395-409.
#' @examples
#' fit <- gee(outcome ~ treat + center, respiratory, id = patient, family = binomial())
#' sqrt(diag(vcov(fit)))
#' sqrt(diag(vcov(fit, type = "robust")))
#' @export
vcov.margmix_gee <- function(object, type = "KC", complete = TRUE, ...) {
  check_dots(..., known = names(formals(vcov.margmix_gee)))
  type <- one_of(type, gee_vcov_types, "type")
  check_switch(complete, "complete")
  V <- beta_vcov(object, type)$vcov
  if (complete) complete_vcov(V, aliased_coefficients(object$design)) else V
}

#' @export
beta_vcov.margmix_gee <- function(fit, type) {
  names <- names(fit$beta)
  if (covariance_fact(type, "more_clusters")) check_more_clusters(fit, type)
  if (type == "model") {
    return(list(vcov = named_square(inverse_information(fit$design, fit), names)))
  }
  if (type == "jackknife-joint") return(list(vcov = jackknife_product(joint_changes(fit), names)))
  if (type == "jackknife-full") return(list(vcov = jackknife_vcov(fit)))
  out <- sandwich_of(fit$design, fit, type, rows = row_count(fit$design))
  K <- cluster_count(fit$design)
  if (type == "robust" && fit$control$alpha_method == "stata") out$vcov <- out$vcov * K / (K - 1)
  out$vcov <- named_square(out$vcov, names)
  out
}

# The inverse of the information of all clusters.
inverse_information <- function(design, fit) UseMethod("inverse_information")

#' @export
inverse_information.default <- function(design, fit) {
  engine_corrected_scores(cluster_pieces(fit), "robust")$bread
}

# The information of all clusters.
total_information <- function(design, fit) UseMethod("total_information")

#' @export
total_information.default <- function(design, fit) {
  rowSums(cluster_pieces(fit)$information, dims = 2L)
}

check_more_clusters <- function(fit, type) {
  K <- cluster_count(fit$design)
  p <- length(fit$beta)
  if (K > p) return(invisible())
  abort("few_clusters", paste0("Type ", dQuote(type, FALSE),
    " needs more clusters than coefficients."
  ), given = paste(count_of(K, "cluster"), "and", count_of(p, "coefficient")),
  hint = "Use type \"KC\"."
  )
}

# Jackknife of clusters -------------------------------------------------------------------------

# (K - p) / K sum (b - b_(i))(b - b_(i))', every b_(i) a fit of its own.
jackknife_vcov <- function(fit) {
  if (!is.null(fit$schedule)) {
    abort("jackknife", "The full jackknife isn't available with weights over a schedule of visits.",
      hint = "Use type \"jackknife\", the one-step version."
    )
  }
  beta <- jackknife_beta(fit)
  jackknife_product(beta - rep(fit$beta, each = nrow(beta)), names(fit$beta))
}

jackknife_product <- function(changes, names) {
  K <- nrow(changes)
  named_square((K - ncol(changes)) / K * crossprod(changes), names)
}

#' Estimates without each cluster
#' @return m x p.
#' @section Errors: `jackknife`.
#' @noRd
jackknife_beta <- function(fit) {
  m <- cluster_count(fit$design)
  out <- vapply(seq_len(m), function(i) gee_without(fit, i)$beta, numeric(length(fit$beta)))
  matrix(out, m, byrow = TRUE, dimnames = list(cluster_levels(fit$design), names(fit$beta)))
}

# The fit to all clusters but one.
gee_without <- function(fit, i) {
  design <- without_cluster(fit$design, i)
  refitted <- tryCatch(
    quietly(fit_gee_design(design, fit$family, fit$correlation, fit$scale, fit$bias_reduce,
      control = fit$control
    )),
    margmix_error = identity
  )
  if (inherits(refitted, "error")) refuse_jackknife(fit, i, conditionMessage(refitted))
  if (!refitted$convergence$converged) refuse_jackknife(fit, i, "no convergence")
  refitted
}

refuse_jackknife <- function(fit, i, why) {
  cluster <- cluster_levels(fit$design)[i]
  abort("jackknife", "The model could not be fitted without one of the clusters.",
    given = c(paste0("without ", code(cluster_group(fit$design)), " ", cluster, ":"), why),
    hint = "Use type \"jackknife\", the one-step version.", cluster = cluster
  )
}

# The design of the rows of all other clusters.
without_cluster <- function(design, i) {
  sizes <- diff(design$start)
  gone <- seq(design$start[i] + 1L, design$start[i + 1L])
  design$X <- design$X[-gone, , drop = FALSE]
  if (!is.null(design$Z)) design$Z <- design$Z[-gone, , drop = FALSE]
  visits <- design[intersect(c("time", "wave", "inner", "score_weight"), names(design))]
  by_row <- c(response_rows(design), visits[lengths(visits) > 0L])
  design[names(by_row)] <- lapply(by_row, function(x) x[-gone])
  if (length(design$cluster_weight)) design$cluster_weight <- design$cluster_weight[-i]
  design$start <- as.integer(c(0L, cumsum(sizes[-i])))
  design$levels <- design$levels[-i]
  design$order <- NULL
  design
}
