# Degrees of freedom of model-based t tests in linear mixed models.

#' Satterthwaite degrees of freedom of a mixed model
#'
#' df = 2 v^2 / (g'A g) (Giesbrecht and Burns 1985) with v the variance of a contrast at known
#' variances, g its derivative in the variance parameters, and A their covariance: the inverse of
#' the observed information, where Kenward and Roger take the expected one. Parameters on the
#' boundary count as known. Those of relations between levels, rho, are variance parameters too.
#'
#' @return As [working_model()], `Omega` being A; or a word that says why there is none.
#' @references
#' Giesbrecht, F. G. and Burns, J. C. (1985). Two-stage analysis based on a mixed model:
#' large-sample asymptotic theory and small-sample simulation results. *Biometrics* **41**, 477-486.
#' @noRd
model_satterthwaite <- function(fit) {
  fit <- model_of(fit)
  p <- length(fit$beta)
  A <- fit$vcov_full[-seq_len(p), -seq_len(p), drop = FALSE]
  known <- is.na(diag(A))
  A[known, ] <- 0
  A[, known] <- 0
  working <- working_model(fit)
  if (is.character(working) && working %in% c("linear_large", "related")) {
    found <- remember(fit, "satterthwaite", satterthwaite_by_differences(way_of_fit(fit), fit, A))
    return(found %||% working)
  }
  if (is.list(working)) {
    J <- sigma_gradient(fit)
    known <- setdiff(seq_along(fit$rho), estimated_rho(fit)) + length(fit$theta)
    v <- setdiff(seq_len(ncol(J) + length(known)), known)
    working$Omega <- J %*% A[v, v] %*% t(J)
    working$Phi_0[] <- 0 # variances at the boundary are known already
  }
  working
}

# d(Sigma, rho, phi) / d(theta, rho, log phi): Sigma = Lambda Lambda'. A dispersion, or an entry of
# rho, that the working model takes as known has no row and no column.
sigma_gradient <- function(fit) {
  J <- sigma_jacobian(fit$design, fit$Lambda)
  J <- block_diagonal(J, diag(length(estimated_rho(fit))))
  if (scales_variance(fit$family)) block_diagonal(J, matrix(fit$phi)) else J
}

# d Sigma / d Lambda, in their free entries.
sigma_jacobian <- function(design, Lambda) {
  row <- design$theta_row + 1L
  col <- design$theta_col + 1L
  outer(row, row, "==") * Lambda[col, col, drop = FALSE] +
    outer(col, row, "==") * Lambda[row, col, drop = FALSE]
}

#' The working model of a linear model by differences of X'V^-1 X
#'
#' V is phi times a function of (theta / sigma, rho), in which the differences are; their error is
#' that of the fourth power of a step of a thousandth. What is known has a derivative of zero.
#'
#' @param A Covariance of (theta, rho, log phi), zero for what is known.
#' @return As [model_satterthwaite()]; `NULL` where the model is not linear.
#' @noRd
satterthwaite_by_differences <- function(way, fit, A) UseMethod("satterthwaite_by_differences")

#' @export
satterthwaite_by_differences.default <- function(way, fit, A) NULL

#' @export
satterthwaite_by_differences.margmix_exact <- function(way, fit, A) {
  design <- searched_design(way, fit$design)
  power <- profile_power(design)
  at <- c(fit$theta, fit$rho) / sqrt(fit$phi)^power
  information <- function(x) c(engine_lmm(design, x, NaN, FALSE, fit$control)$B)
  step <- 1e-3 / profile_scale(design)
  M <- information(at)
  slopes <- vapply(seq_along(at), function(k) {
    if (A[k, k] == 0) return(0 * M)
    four_point(function(x) information(replace(at, k, x)), at[k], step[k])
  }, M)
  slopes <- matrix(slopes, length(M))
  if (!all(is.finite(slopes))) return("singular")
  P <- cbind(slopes * rep(fit$phi^(-power / 2), each = length(M)), -M - slopes %*% (power * at / 2))
  Phi <- fit$phi * scaled_inverse(matrix(M, length(fit$beta)))
  list(Phi = Phi, P = P / fit$phi, Omega = A, Phi_0 = 0 * Phi, most = residual_df(fit))
}
