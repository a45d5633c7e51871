# Where the restricted likelihood is wanted: in a fit with `REML = TRUE`, and of a fit by maximum
# likelihood whose variances are too small for its tests.

#' The restricted fit, from the maximum of the likelihood
#'
#' @param fitted See [search_of()], at its maximum.
#' @param goal How far to go, see [restricted_problem()].
#' @param curvature Is the covariance of the variance parameters wanted?
#' @return As `fitted`, at the restricted estimate, with `reml`: `value` and `curvature` (gradient
#'   and Hessian) of the criterion. beta is no parameter of it: its block is J.
#' @noRd
fit_restricted <- function(problem, fitted, start_glm, goal = 1e-6 * problem$control$tolerance,
                           curvature = TRUE) {
  check_factorable(problem$design, "a restricted likelihood.")
  if (!fixed_count(problem$design)) return(fitted) # nothing to adjust for
  psi <- problem$map$psi(fitted$fit$x)
  restricted <- restricted_problem(
    problem$design, problem$family, fitted$rule$K, problem$control, start_glm,
    exp(mean_log_phi(problem$design, psi)), goal
  )
  found <- maximise_restricted(restricted, psi, fitted$fit$modes)
  C <- if (curvature) restricted_curvature(restricted, found, found$active) else found$C
  gradient <- c(crossprod(found$R, found$R %*% found$beta_step), found$score - found$adjustment)
  fitted$reml <- list(
    value = found$value,
    curvature = list(
      gradient = gradient,
      hessian = block_diagonal(-crossprod(found$R), -(found$information + C))
    )
  )
  fitted$fit[c("x", "modes", "value")] <-
    list(problem$map$x(found$psi), found$modes, found$value)
  fitted$fit$iterations <- sum(fitted$fit$iterations, found$iterations)
  fitted
}

#' Restricted estimate of a mixed model
#'
#' From the maximum likelihood estimate by a few Newton steps; that of a fit with `REML = TRUE` is
#' its own.
#'
#' @param fit A fit of [glmm()].
#' @param vcov_theta Is the covariance of the variance parameters wanted? It costs about as much as
#'   the rest.
#' @return A list: `beta` (p), at its maximum for the restricted `theta`, `rho` and `phi`; `Lambda`;
#'   `modes`; `J` (p x p), minus the Hessian of the log-likelihood in beta; `vcov_theta`, the
#'   covariance of (theta, log phi), `NA` in rows and columns at the boundary, or `NULL`; `value`,
#'   the restricted log-likelihood; `converged`.
#' @section Errors: `restricted`; `too_large` where there is no factorisation.
#' @noRd
restricted_estimate <- function(fit, vcov_theta = FALSE) {
  if (!isTRUE(fit$REML)) fit <- restricted_version(fit, vcov_theta)
  p <- length(fit$beta)
  v <- seq_len(nrow(fit$vcov_full)) > p
  list(
    beta = fit$beta, theta = fit$theta, rho = fit$rho, phi = fit$phi, Lambda = fit$Lambda,
    modes = fit$modes,
    J = scaled_inverse(fit$vcov_full[!v, !v, drop = FALSE]),
    vcov_theta = if (vcov_theta) fit$vcov_full[v, v, drop = FALSE], value = fit$logLik,
    converged = fit$convergence$converged
  )
}

# The inverse of a positive definite matrix whose rows may have any units; NA of what is not known.
scaled_inverse <- function(V, cause = "restricted") {
  if (anyNA(V)) return(V)
  size <- sqrt(diag(V))
  factor <- tryCatch(chol(V / tcrossprod(size)), error = function(e) NULL)
  if (is.null(factor)) {
    abort(cause, "The information about the coefficients is not positive definite.",
      hint = "Some estimates run to infinity, or covariates are nearly collinear."
    )
  }
  named_square(chol2inv(factor) / tcrossprod(size), rownames(V))
}

# The same model by the restricted likelihood, at the rule of the fit; as far as tests of beta need
# it.
restricted_version <- function(fit, curvature) {
  if (length(fit$beta)) maximum_restricted(way_of_fit(fit), fit, curvature) else fit
}

maximum_restricted <- function(way, fit, curvature) UseMethod("maximum_restricted")

#' @export
maximum_restricted.margmix_exact <- function(way, fit, curvature) {
  refit_at(fit, fit$rule$K, REML = TRUE)
}

#' @export
maximum_restricted.default <- function(way, fit, curvature) {
  problem <- list(
    design = fit$design, family = fit$family, control = fit$control,
    map = parameter_map(fit$design, fit$family, fit$start_glm)
  )
  fitted <- list(
    fit = list(x = problem$map$x(unname(fit_psi(fit))), modes = fit$modes),
    rule = fit$rule
  )
  fitted <- fit_restricted(
    problem, fitted, fit$start_glm, goal = 0.01 * fit$control$tolerance, curvature = curvature
  )
  estimate <- finish_fit(problem, fitted)
  fit[names(estimate)] <- estimate
  fit$REML <- TRUE
  estimated_coefficients(fit) <- estimate$beta
  fit
}
