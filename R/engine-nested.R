# Calls of the engine for two nested levels, (1 | a/b): quadrature level by level.

# Has the design two grouping factors, one nested in the other?
is_two_level <- function(design) {
  identical(design$structure, "nested") && length(design$groups) == 2L
}

# What the engine needs of the finer factor: the level of each row, and the columns of Z by factor.
nested_parts <- function(design) {
  columns <- lapply(design$groups, function(group) as.integer(sort(group$columns)) - 1L)
  design$nested <- list(
    level = as.integer(design$groups[[2L]]$index),
    top_columns = columns[[1L]], leaf_columns = columns[[2L]]
  )
  design
}

nested_modes <- function(design, modes) {
  if (is.null(modes)) {
    modes <- lapply(design$groups, function(group) {
      matrix(0, length(group$levels), length(group$columns))
    })
  }
  list(top = t(modes[[1L]]), leaf = t(modes[[2L]]))
}

#' Log-likelihood with two nested levels
#'
#' @inheritParams engine_evaluate
#' @param K Nodes per dimension at the coarser and the finer level; one number is for both.
#' @return As [evaluate_groups()].
#' @noRd
nested_evaluate <- function(design, family, psi, K, deriv, modes, control, information, only_beta) {
  ask <- list(
    order = as.integer(deriv), scores = deriv > 0L, information = information,
    known_phi = only_beta
  )
  out <- nested_objective_(
    nested_parts(design), engine_family(family, design), as.double(psi),
    rep_len(as.integer(K), 2L), nested_modes(design, modes), ask, control$threads
  )
  out$modes <- lapply(out$modes, t)
  out
}

engine_nested_other_modes <- function(design, family, psi, K, control) {
  nested_other_modes_(
    nested_parts(design), engine_family(family, design), as.double(psi),
    rep_len(as.integer(K), 2L), control$threads
  )
}

nested_posterior_call <- function(fit, K, median = FALSE) {
  nested_posterior_(
    nested_parts(fit$design), engine_family(fit$family, fit$design), fit_psi(fit),
    rep_len(as.integer(K), 2L), nested_modes(fit$design, fit$modes), median, fit$control$threads
  )
}

# A rule fine enough for posterior moments.
nested_posterior_nodes <- function(fit) {
  pmax(fit$rule$K, c(25L, 11L, 7L)[min(ncol(fit$design$Z) - 1L, 3L)])
}

#' Posterior of the random effects of both levels
#' @return For each factor a list: `mode`, `mean`, `median` (levels x effects), `var` (effects x
#'   effects x levels).
#' @section Errors: `posterior`: medians of vectors.
#' @noRd
nested_posterior <- function(fit, median = FALSE) {
  if (median && ncol(fit$design$Z) > 2L) {
    abort("posterior", "Medians of nested effects need one random effect of each factor.",
      given = some_of(code(colnames(fit$design$Z))), hint = "type = \"mean\" has no such limit."
    )
  }
  found <- nested_posterior_call(fit, nested_posterior_nodes(fit), median)
  lapply(unname(found), function(level) {
    q <- nrow(level$mode)
    list(
      mode = t(level$mode), mean = t(level$mean), median = if (median) t(level$median),
      var = array(level$variance, c(q, q, ncol(level$mode)))
    )
  })
}

#' Conditional variances at the modes, a q x q x levels array for each factor
#' @noRd
nested_mode_variance <- function(fit) {
  lapply(unname(nested_posterior_call(fit, 1L)), function(level) {
    q <- nrow(level$mode)
    array(level$mode_variance, c(q, q, ncol(level$mode)))
  })
}

#' Variance of a predicted eta; as [engine_eb_variance()]
#' @param cluster A column of levels, from 1, for each factor; `NA` is a new level.
#' @noRd
nested_eb_variance <- function(fit, X, Z, cluster, V) {
  level <- function(k) {
    index <- as.integer(cluster[, k]) - 1L
    replace(index, is.na(index), -1L)
  }
  nested_prediction_variance_(
    nested_parts(fit$design), engine_family(fit$family, fit$design), fit_psi(fit),
    nested_modes(fit$design, fit$modes), list(X = X, Z = Z, top = level(1L), leaf = level(2L)), V,
    fit$control$threads
  )
}

#' Covariance of linear combinations of the random effects at their modes
#' @param coefficients For each factor an array, effects x levels x T.
#' @return T x T.
#' @noRd
engine_nested_combinations <- function(fit, coefficients) {
  flat <- lapply(coefficients, function(x) matrix(x, ncol = dim(x)[3L]))
  nested_combination_covariance_(
    nested_parts(fit$design), engine_family(fit$family, fit$design), fit_psi(fit),
    nested_modes(fit$design, fit$modes), flat[[1L]], flat[[2L]], fit$control$threads
  )
}
