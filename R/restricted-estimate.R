# Where the restricted likelihood is wanted: in a fit with `REML = TRUE`, and of a fit by maximum
# likelihood whose variances are too small for its tests.

#' The restricted fit, from the maximum of the likelihood
#'
#' @param fitted From [fit_quadrature()], at its maximum.
#' @return As `fitted`, at the restricted estimate, with `reml`: `value` and `curvature` (gradient
#'   and Hessian) of the criterion. beta is no parameter of it: its block is J.
#' @noRd
fit_restricted <- function(problem, fitted, start_glm) {
  check_factorable(problem$design, "a restricted likelihood.")
  psi <- drop(problem$map %*% fitted$fit$x)
  restricted <- restricted_problem(
    problem$design, problem$family, fitted$rule$K, problem$control, start_glm,
    exp(psi[length(psi)])
  )
  found <- maximise_restricted(restricted, psi, fitted$fit$modes)
  C <- restricted_curvature(restricted, found, found$active)
  gradient <- c(crossprod(found$R, found$R %*% found$beta_step), found$score - found$adjustment)
  fitted$reml <- list(
    value = found$value,
    curvature = list(
      gradient = gradient,
      hessian = block_diagonal(-crossprod(found$R), -(found$information + C))
    )
  )
  fitted$fit[c("x", "modes", "value")] <-
    list(backsolve(problem$map, found$psi), found$modes, found$value)
  fitted$fit$iterations <- sum(fitted$fit$iterations, found$iterations)
  fitted
}

#' Restricted estimate of a mixed model
#'
#' From the maximum likelihood estimate by a few Newton steps; that of a fit with `REML = TRUE` is
#' its own.
#'
#' @param fit A fit of [glmm()].
#' @return A list: `beta` (p), at its maximum for the restricted `theta` and `phi`; `Lambda`;
#'   `modes`; `J` (p x p), minus the Hessian of the log-likelihood in beta; `vcov_theta`, the
#'   covariance of (theta, log phi), `NA` in rows and columns at the boundary; `value`, the
#'   restricted log-likelihood; `converged`.
#' @section Errors: `restricted`; `too_large` where there is no factorisation.
#' @noRd
restricted_estimate <- function(fit) {
  if (!isTRUE(fit$REML)) fit <- restricted_version(fit)
  p <- length(fit$beta)
  v <- seq_len(nrow(fit$vcov_full)) > p
  list(
    beta = fit$beta, theta = fit$theta, phi = fit$phi, Lambda = fit$Lambda, modes = fit$modes,
    J = scaled_inverse(fit$vcov_full[!v, !v, drop = FALSE]),
    vcov_theta = fit$vcov_full[v, v, drop = FALSE], value = fit$logLik,
    converged = fit$convergence$converged
  )
}

# The inverse of a positive definite matrix whose rows may have any units.
scaled_inverse <- function(V) {
  size <- sqrt(diag(V))
  inverse <- chol2inv(chol(V / tcrossprod(size))) / tcrossprod(size)
  named_square(inverse, rownames(V))
}

# The same model by the restricted likelihood, at the rule of the fit.
restricted_version <- function(fit) {
  if (is_lmm(fit$family)) return(refit_at(fit, fit$rule$K, REML = TRUE))
  problem <- list(
    design = fit$design, family = fit$family, control = fit$control,
    map = parameter_map(fit$design, fit$family, fit$start_glm)
  )
  fitted <- list(
    fit = list(x = backsolve(problem$map, unname(fit_psi(fit))), modes = fit$modes),
    rule = fit$rule
  )
  estimate <- finish_fit(problem, fit_restricted(problem, fitted, fit$start_glm))
  fit[names(estimate)] <- estimate
  fit$REML <- TRUE
  fit$coefficients[!fit$design$aliased] <- estimate$beta
  fit
}
