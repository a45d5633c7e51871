# The calls of compiled code, here and in engine-*.R. They convert shapes; the numerics are in
# src/engine. What differs between random parts are methods (random.R has the kinds); the default
# ones are for one factor with normal effects.

# What the engine needs to know of a family.
engine_family <- function(family, design) {
  list(family = family$family, link = family$link, weights_type = design$weights_type)
}

# Is the likelihood of a row known to be log-concave in the predictor?
is_log_concave <- function(family) {
  population_(marginal_family(family), "log_concave", list())
}

#' Log-likelihood of a mixed model and its derivatives
#'
#' @param design A `margmix_design`.
#' @param psi P parameters: beta, theta, rho, and log phi or gamma of a dispersion formula, see
#'   [fit_aux()].
#' @param K Quadrature nodes per dimension; 1 is Laplace.
#' @param deriv 0 (value), 1 (gradient), 2 (gradient and Hessian).
#' @param modes m x q starting values of the conditional modes of u, or `NULL`; with several
#'   grouping factors a list of one such matrix for each.
#' @param scores,information Return per-cluster gradients (m x P), and minus the Hessian in beta of
#'   each cluster (p^2 x m, needs `deriv = 2`)?
#' @param only_beta Is the Hessian wanted in beta alone? What of it would cost more is left out.
#' @return A list: `value`, `gradient`, `hessian` (P x P), `modes` (m x q), `scores`,
#'   `information`, `status` ("ok", "not_finite", "no_mode").
#' @noRd
engine_evaluate <- function(design, family, psi, K, deriv = 0L, modes = NULL,
                            control = glmm_control(), scores = FALSE, information = FALSE,
                            only_beta = FALSE) {
  evaluator(design)(
    design, family, psi, K, deriv, modes, control, scores, information, only_beta
  )
}

#' The function that evaluates, by where the rows are; a search asks for it once
#' @return A function with the arguments of [engine_evaluate()].
#' @noRd
evaluator <- function(design) UseMethod("evaluator")

#' @export
evaluator.default <- function(design) {
  check_factorable(design, "an exact likelihood.")
  evaluate_in_memory
}

evaluate_in_memory <- function(design, family, psi, K, deriv, modes, control, scores = FALSE,
                               information = FALSE, only_beta = FALSE) {
  ask <- list(
    K = K, modes = modes, order = deriv, scores = scores, information = information,
    known_phi = only_beta
  )
  objective_(engine_arrays(design), family, as.double(psi), "evaluate", ask, control$threads)
}

#' Generalized linear model without random effects
#'
#' @param level Linear predictor of the constant model the search starts at.
#' @return A list: `beta`, `information` (p x p, observed), `value`, `max_abs_eta`, `converged`,
#'   `info_pd`, `iterations`.
#' @noRd
engine_glm_start <- function(design, family, level, threads) UseMethod("engine_glm_start")

#' @export
engine_glm_start.default <- function(design, family, level, threads) {
  glm_(design, engine_family(family, design), "fit", list(level = level, threads = threads))
}

#' What the search of such a model sums over rows
#'
#' @param order 0 (value), or more: with derivatives.
#' @param clip Are negative weights -l'' zero?
#' @return A list: `value`, `gradient`, `information`, `max_abs_eta`, `constant` of the densities,
#'   with `order = 0`.
#' @noRd
engine_glm_sums <- function(design, family, beta, order, clip) {
  ask <- list(beta = as.double(beta), order = order, clip = clip)
  glm_(design, family, "sums", ask)
}

#' Its search where rows are elsewhere
#' @param sums A function of `beta`, `order` and `clip` that adds up [engine_glm_sums()].
#' @return As [engine_glm_start()]; `value` lacks the constant.
#' @noRd
engine_glm_search <- function(sums, beta) {
  glm_(list(), list(), "search", list(sum = sums, beta = as.double(beta)))
}

#' Linear mixed model with beta profiled out
#'
#' @param theta Entries of Lambda relative to sigma.
#' @param log_phi log of the residual variance, or `NaN` to profile it out.
#' @return A list: `value`, `gradient` (theta, and log phi if given), `beta`, `B` (X'V^-1 X at
#'   phi = 1), `phi`, `status`.
#' @noRd
engine_lmm <- function(design, theta, log_phi = NaN, REML = FALSE, control = glmm_control()) {
  UseMethod("engine_lmm")
}

#' @export
engine_lmm.default <- function(design, theta, log_phi = NaN, REML = FALSE,
                               control = glmm_control()) {
  check_factorable(design, "an exact likelihood.")
  lmm_objective_(
    design, as.double(theta), log_phi, design$weights_type == "frequency", REML, control$threads
  )
}

# psi of a fit, as the engine takes it.
fit_psi <- function(fit) c(fit$beta, fit$theta, fit$rho, fit_aux(fit))

#' Per-cluster scores, and information in beta, at the fit
#' @return A list: `scores` (m x P); `information` (p x p x m), if asked for.
#' @noRd
engine_scores <- function(fit, information = FALSE) {
  out <- engine_evaluate(
    fit$design, fit$family, fit_psi(fit), fit$rule$K, if (information) 2L else 1L, fit$modes,
    fit$control, scores = TRUE, information = information
  )
  p <- length(fit$beta)
  list(
    scores = out$scores,
    information = if (information) array(out$information, c(p, p, nrow(out$scores)))
  )
}

# A rule fine enough for posterior moments, which are wanted to more digits than the likelihood.
posterior_nodes <- function(fit) {
  q <- effect_count(fit$design)
  max(fit$rule$K, points_within(c(51L, 25L, 11L, 7L)[min(q, 4L)], q, 1e5))
}

# The finest rule of at most `wanted` points in each of q dimensions that has at most so many nodes.
points_within <- function(wanted, q, nodes) {
  points <- min(wanted, floor(nodes^(1 / max(q, 1L)) * (1 + 1e-12)))
  if (points < 3) 1L else as.integer(points)
}

#' Modes of the integrands besides those that the rule of K nodes is centred at
#' @return A list: `better`, the number of clusters with a higher one; `missed`, what the rule lacks
#'   of the log-likelihood, or has too much, since it sees the others badly.
#' @noRd
engine_other_modes <- function(design, family, psi, K, control) UseMethod("engine_other_modes")

#' @export
engine_other_modes.default <- function(design, family, psi, K, control) {
  objective_(design, family, as.double(psi), "other_modes", list(K = K), control$threads)
}

#' Posterior of the random effects b = Lambda u at the fitted parameters
#' @return For each factor a list: `mode`, `mean`, `median` (levels x effects), `var` (effects x
#'   effects x levels).
#' @section Errors: `posterior`, where there is only the mode, or no median of vectors.
#' @noRd
engine_posterior <- function(fit, median = FALSE) posterior(fit$design, fit, median)

posterior <- function(design, fit, median) UseMethod("posterior")

#' @export
posterior.default <- function(design, fit, median) {
  out <- posterior_call(fit, posterior_nodes(fit), median)[[1L]]
  q <- effect_count(fit$design)
  named <- function(x) {
    x <- t(x)
    dimnames(x) <- list(cluster_levels(fit$design), colnames(design_Z(fit$design)))
    x
  }
  list(list(
    mode = named(out$mode), mean = named(out$mean), median = if (median) named(out$median),
    var = array(out$variance, c(q, q, ncol(out$variance)))
  ))
}

# Moments by a rule of K nodes, a list by factor; 1 gives those of the normal approximation at the
# mode.
posterior_call <- function(fit, K, median = FALSE) {
  engine_moments(fit$design, fit$family, fit_psi(fit), K, fit$modes, median, fit$control)
}

engine_moments <- function(design, family, psi, K, modes, median, control) {
  ask <- list(K = K, modes = modes, median = median)
  objective_(engine_arrays(design), family, as.double(psi), "posterior", ask, control$threads)
}

#' Conditional variance Lambda A^-1 Lambda' at the modes
#' @return For each factor q_k x q_k x levels.
#' @noRd
engine_mode_variance <- function(fit) {
  check_factorable(fit$design, "conditional variances.")
  lapply(posterior_call(fit, 1L), function(level) {
    q <- sqrt(nrow(level$mode_variance))
    array(level$mode_variance, c(q, q, ncol(level$mode_variance)))
  })
}

#' Variance of a predicted eta, from the joint covariance of beta, theta, phi and u
#'
#' @param X,Z Rows of the design, n x p and n x q.
#' @param cluster A column for each factor: positions among its levels; `NA` is a new one, whose
#'   variance is x'Vx + z'Lambda Lambda'z.
#' @return n variances.
#' @noRd
engine_eb_variance <- function(fit, X, Z, cluster) {
  V <- fit$vcov_full
  if (!all(is.na(V))) V[is.na(V)] <- 0 # parameters at the boundary count as known
  cluster <- replace(cluster - 1L, is.na(cluster), -1L)
  storage.mode(cluster) <- "integer"
  check_factorable(fit$design, "conditional variances.")
  ask <- list(modes = fit$modes, X = X, Z = Z, cluster = cluster, V = V)
  objective_(
    engine_arrays(fit$design), fit$family, fit_psi(fit), "prediction_variance", ask,
    fit$control$threads
  )
}

#' Covariance of linear combinations of the random effects at their modes
#' @param coefficients For each factor an array, effects x levels x T.
#' @return T x T.
#' @noRd
engine_combinations <- function(fit, coefficients) {
  combination_covariance(fit$design, fit, coefficients)
}

combination_covariance <- function(design, fit, coefficients) UseMethod("combination_covariance")

#' @export
combination_covariance.default <- function(design, fit, coefficients) {
  S <- engine_mode_variance(fit)[[1L]]
  size <- dim(coefficients[[1L]])
  out <- matrix(0, size[3L], size[3L])
  for (i in seq_len(size[2L])) {
    g <- matrix(coefficients[[1L]][, i, ], ncol = size[3L])
    out <- out + crossprod(g, S[, , i] %*% g)
  }
  out
}

#' Population mean of rows: the integral of linkinv(eta + s t) over t ~ N(0, 1)
#' @param s Standard deviation of the random part of the predictor.
#' @param law From [population_law()], or a family.
#' @section Errors: `population_mean`.
#' @return A list: `mean`, and its derivatives `d_eta` and `d_s`.
#' @noRd
engine_population_mean <- function(eta, s, law) {
  check_population_mean(law, s)
  population_(marginal_family(law), "mean", predictors(eta, s))
}

#' Log-likelihood at the fitted parameters under another rule
#' @noRd
engine_loglik_at <- function(fit, K) {
  engine_evaluate(
    fit$design, fit$family, fit_psi(fit), K, 0L, fit$modes, fit$control
  )$value
}
