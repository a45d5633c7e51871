# Degrees of freedom of model-based t tests in linear mixed models.

#' Satterthwaite degrees of freedom of a mixed model
#'
#' df = 2 v^2 / (g'A g) (Giesbrecht and Burns 1985) with v the variance of a contrast at known
#' variances, g its derivative in the variance parameters, and A their covariance: the inverse of
#' the observed information, where Kenward and Roger take the expected one. Parameters on the
#' boundary count as known.
#'
#' @return As [working_model()], `Omega` being A; or a word that says why there is none.
#' @references
#' Giesbrecht, F. G. and Burns, J. C. (1985). Two-stage analysis based on a mixed model:
#' large-sample asymptotic theory and small-sample simulation results. *Biometrics* **41**, 477-486.
#' @noRd
model_satterthwaite <- function(fit) {
  p <- length(fit$beta)
  A <- fit$vcov_full[-seq_len(p), -seq_len(p), drop = FALSE]
  known <- is.na(diag(A))
  A[known, ] <- 0
  A[, known] <- 0
  working <- working_model(fit)
  if (identical(working, "linear_large")) return(large_satterthwaite(fit, A))
  if (is.list(working)) {
    J <- sigma_gradient(fit)
    working$Omega <- J %*% A[seq_len(ncol(J)), seq_len(ncol(J))] %*% t(J)
    working$Phi_0[] <- 0 # variances at the boundary are known already
  }
  working
}

# d(Sigma, phi) / d(theta, log phi): Sigma = Lambda Lambda'. A dispersion that the working model
# takes as known has no row and no column.
sigma_gradient <- function(fit) {
  J <- sigma_jacobian(fit$design, fit$Lambda)
  if (scales_variance(fit$family)) block_diagonal(J, matrix(fit$phi)) else J
}

# d Sigma / d Lambda, in their free entries.
sigma_jacobian <- function(design, Lambda) {
  row <- design$theta_row + 1L
  col <- design$theta_col + 1L
  outer(row, row, "==") * Lambda[col, col, drop = FALSE] +
    outer(col, row, "==") * Lambda[row, col, drop = FALSE]
}

# Where the pieces of the working model are too large: differences of X'V^-1 X.
large_satterthwaite <- function(fit, A) {
  information <- function(parameters) {
    phi <- exp(parameters[length(parameters)])
    theta <- parameters[-length(parameters)] / sqrt(phi)
    engine_lmm(fit$design, theta, log(phi), fit$REML, fit$control)$B / phi
  }
  at <- c(fit$theta, log(fit$phi))
  steps <- 1e-4 * c(rep(sqrt(fit$phi), length(fit$theta)) / theta_rms(fit$design), 1)
  P <- vapply(seq_along(at), function(k) {
    e <- replace(numeric(length(at)), k, steps[k])
    c(information(at + e) - information(at - e)) / (2 * steps[k])
  }, numeric(length(fit$beta)^2))
  Phi <- scaled_inverse(information(at))
  list(
    Phi = Phi, P = matrix(P, length(fit$beta)^2), Omega = A, Phi_0 = 0 * Phi,
    most = residual_df(fit)
  )
}
