# Degrees of freedom of model-based t tests in linear mixed models.

#' Satterthwaite degrees of freedom of the coefficients of a linear mixed model
#'
#' df = 2 v^2 / (g'A g) (Giesbrecht and Burns 1985) with v the variance of the coefficient at known
#' variances, phi (X'V^-1 X)^-1, g its derivative in the variance parameters (theta, log phi), and A
#' their covariance. Parameters on the boundary count as known.
#'
#' @return p numbers.
#' @references
#' Giesbrecht, F. G. and Burns, J. C. (1985). Two-stage analysis based on a mixed model:
#' large-sample asymptotic theory and small-sample simulation results. *Biometrics* **41**, 477-486.
#' @noRd
model_satterthwaite <- function(fit) {
  p <- length(fit$beta)
  variance <- function(parameters) {
    phi <- exp(parameters[length(parameters)])
    theta <- parameters[-length(parameters)] / sqrt(phi)
    B <- engine_lmm(fit$design, theta, log(phi), fit$REML, fit$control)$B
    inverse_diagonal(B) * phi
  }
  at <- c(fit$theta, log(fit$phi))
  A <- fit$vcov_full[p + seq_along(at), p + seq_along(at), drop = FALSE]
  known <- is.na(diag(A))
  A[known, ] <- 0
  A[, known] <- 0
  steps <- 1e-4 * c(rep(sqrt(fit$phi), length(fit$theta)) / theta_rms(fit$design), 1)
  gradient <- vapply(which(!known), function(k) {
    e <- replace(numeric(length(at)), k, steps[k])
    (variance(at + e) - variance(at - e)) / (2 * steps[k])
  }, numeric(p))
  gradient <- matrix(gradient, p)
  spread <- rowSums((gradient %*% A[!known, !known, drop = FALSE]) * gradient)
  2 * variance(at)^2 / spread
}

# The diagonal of the inverse of a positive definite matrix whose rows may have any units.
inverse_diagonal <- function(B) {
  size <- sqrt(diag(B))
  diag(chol2inv(chol(B / tcrossprod(size)))) / size^2
}

theta_rms <- function(design) column_rms(design$Z)[design$theta_row + 1L]
