# Calls of the engine for designs with several grouping factors.

# By the Laplace approximation, whatever K. `modes` is a list with a matrix (levels x effects) for
# each factor.
#' @export
evaluate.margmix_sparse <- function(design, family, psi, K, modes, ask, control) {
  check_factorable(design, "an exact likelihood.")
  laplace <- function(psi, order, modes) {
    groups_laplace_(
      design, engine_family(family, design), as.double(psi), as.list(modes), as.integer(order),
      control$threads
    )
  }
  out <- laplace(psi, min(ask$order, 1L), modes)
  if (ask$order > 1L && out$status == "ok") {
    gradient <- function(psi) laplace(psi, 1L, out$modes)$gradient
    entries <- if (ask$known_phi) seq_len(ncol(design$X)) else seq_along(psi)
    out$hessian <- difference_hessian(gradient, psi, difference_steps(design, psi), entries)
  }
  if (ask$information) out$information <- information_groups(laplace, design, psi, out$modes)
  if (ask$scores) out$scores <- t(out$scores)
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
engine_plan <- function(design, budget) groups_plan_(design, budget)

# What needs a factorisation: exact values, variances of random effects, REML.
check_factorable <- function(design, what) {
  if (supports(design, "factor")) return(invisible())
  must <- paste("The crossed factors must leave a matrix that can be factored for", what)
  abort("too_large", must,
    given = paste0(
      "about ", signif(design$plan$flops, 2L), " multiplications or more for ", groups_words(design)
    ),
    hint = "Maximum likelihood with a logit, probit, cloglog, Poisson or linear model needs none."
  )
}

#' @export
engine_lmm.margmix_several_factors <- function(design, theta, log_phi = NaN, REML = FALSE,
                                               control = glmm_control()) {
  check_factorable(design, "an exact likelihood.")
  groups_lmm_(
    design, as.double(theta), log_phi, design$weights_type == "frequency", REML, TRUE
  )
}

#' @export
engine_other_modes.margmix_sparse <- function(design, family, psi, K, control) {
  list(better = 0L, missed = 0)
}

#' @export
prediction_variance.margmix_sparse <- function(design, fit, rows, V) {
  posterior_groups(fit, rows, V)
}

#' @export
mode_variance.margmix_sparse <- function(design, fit) {
  Map(function(variance, group) {
    q <- length(group$columns)
    array(variance, c(q, q, length(group$levels)))
  }, posterior_groups(fit), design$groups)
}

posterior_groups <- function(fit, rows = NULL, V = matrix(0, 0L, 0L)) {
  check_factorable(fit$design, "conditional variances.")
  groups_posterior_(
    fit$design, engine_family(fit$family, fit$design), fit_psi(fit), fit$modes, rows, V,
    fit$control$threads
  )$variance
}

#' @export
posterior.margmix_sparse <- function(design, fit, median) {
  abort("posterior", "`type` must be \"mode\" with several grouping factors.",
    given = some_of(code(group_labels(design))),
    hint = "Means and medians of crossed random effects have no rule of integration."
  )
}
