# Calls of the engine for designs with several grouping factors.

#' Log-likelihood with several grouping factors
#'
#' @inheritParams engine_evaluate
#' @param K 1 for Laplace, whatever the structure; numbers above 1 need nested factors.
#' @return As [engine_evaluate()]; `modes` is a list with a matrix (levels x effects) for each
#'   factor.
#' @noRd
evaluate_groups <- function(design, family, psi, K, deriv, modes, control, information,
                            only_beta = FALSE) {
  if (is_two_level(design)) {
    return(nested_evaluate(design, family, psi, K, deriv, modes, control, information, only_beta))
  }
  check_factorable(design, "an exact likelihood.")
  laplace <- function(psi, order, modes) {
    groups_laplace_(
      design, engine_family(family, design), as.double(psi), as.list(modes), as.integer(order),
      control$threads
    )
  }
  out <- laplace(psi, min(deriv, 1L), modes)
  if (deriv > 1L && out$status == "ok") {
    gradient <- function(psi) laplace(psi, 1L, out$modes)$gradient
    entries <- if (only_beta) seq_len(ncol(design$X)) else seq_along(psi)
    out$hessian <- difference_hessian(gradient, psi, difference_steps(design, psi), entries)
  }
  if (information) out$information <- information_groups(laplace, design, psi, out$modes)
  out
}

# Minus the Hessian in beta of each cluster, p * p x clusters, by differences of the scores.
information_groups <- function(laplace, design, psi, modes) {
  p <- ncol(design$X)
  steps <- difference_steps(design, psi)
  columns <- lapply(seq_len(p), function(k) {
    e <- replace(numeric(length(psi)), k, steps[k])
    scores <- function(psi) laplace(psi, 1L, modes)$scores[seq_len(p), , drop = FALSE]
    (scores(psi - e) - scores(psi + e)) / (2 * steps[k])
  })
  do.call(rbind, columns)
}

# Steps that move the predictor by about 1e-3 of its unit.
difference_steps <- function(design, psi) {
  size <- c(column_rms(design$X), column_rms(design$Z)[design$theta_row + 1L])
  steps <- 1e-3 / size
  c(steps, rep(1e-3, length(psi) - length(steps)))
}

#' Hessian by central differences of a gradient
#' @param entries Of psi, whose block is wanted.
#' @return A matrix, of NaN where a point next to `psi` has no gradient.
#' @noRd
difference_hessian <- function(gradient, psi, steps, entries = seq_along(psi)) {
  columns <- lapply(entries, function(k) {
    e <- replace(numeric(length(psi)), k, steps[k])
    (gradient(psi + e) - gradient(psi - e)) / (2 * steps[k])
  })
  if (any(lengths(columns) != length(psi))) return(matrix(NaN, length(psi), length(psi)))
  H <- do.call(cbind, columns)[entries, , drop = FALSE]
  (H + t(H)) / 2
}

#' The order of elimination of a design with several grouping factors
#'
#' Computed once for a fit and kept in the design.
#'
#' @param budget Most multiplications of a factorisation.
#' @noRd
engine_plan <- function(design, budget = 4e9) groups_plan_(design, budget)

# What needs a factorisation: exact values, variances of random effects, REML.
check_factorable <- function(design, what) {
  plan <- design$plan
  if (!isFALSE(plan$exact)) return(invisible())
  must <- paste("The crossed factors must leave a matrix that can be factored for", what)
  abort("too_large", must,
    given = paste0(
      "about ", signif(plan$flops, 2L), " multiplications or more for ", groups_words(design)
    ),
    hint = "Maximum likelihood with a logit, probit, cloglog, Poisson or linear model needs none."
  )
}

#' @inherit engine_lmm
#' @noRd
lmm_groups <- function(design, theta, log_phi, REML) {
  check_factorable(design, "an exact likelihood.")
  groups_lmm_(
    design, as.double(theta), log_phi, design$weights_type == "frequency", REML, TRUE
  )
}

# Variances of predictors; `cluster` has a column per factor, `NA` for a new level.
groups_eb_variance <- function(fit, X, Z, cluster, V) {
  if (is_two_level(fit$design)) return(nested_eb_variance(fit, X, Z, cluster, V))
  cluster <- replace(cluster - 1L, is.na(cluster), -1L)
  storage.mode(cluster) <- "integer"
  posterior_groups(fit, list(X = X, Z = Z, cluster = cluster), V)
}

# Conditional variances at the modes: for each factor q_k x q_k x levels.
groups_mode_variance <- function(fit) {
  if (is_two_level(fit$design)) return(nested_mode_variance(fit))
  Map(function(variance, group) {
    q <- length(group$columns)
    array(variance, c(q, q, length(group$levels)))
  }, posterior_groups(fit), fit$design$groups)
}

posterior_groups <- function(fit, rows = NULL, V = matrix(0, 0L, 0L)) {
  check_factorable(fit$design, "conditional variances.")
  groups_posterior_(
    fit$design, engine_family(fit$family, fit$design), fit_psi(fit), fit$modes, rows, V,
    fit$control$threads
  )$variance
}

#' Posterior of the random effects with several grouping factors
#' @section Errors: `posterior`: with crossed factors there is only the mode.
#' @noRd
groups_posterior <- function(fit, median = FALSE) {
  if (is_two_level(fit$design)) return(nested_posterior(fit, median))
  abort("posterior", "`type` must be \"mode\" with several grouping factors.",
    given = some_of(code(group_labels(fit$design))),
    hint = "Means and medians of crossed random effects have no rule of integration."
  )
}
