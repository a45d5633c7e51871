# Calls of the engine for two nested levels, (1 | a/b): quadrature level by level.

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

# K: nodes per dimension at the coarser and the finer level; one number is for both.
#' @export
evaluate.margmix_two_levels <- function(design, family, psi, K, modes, ask, control) {
  transpose <- ask$scores
  ask$scores <- ask$order > 0L
  out <- nested_objective_(
    nested_parts(design), engine_family(family, design), psi, rep_len(as.integer(K), 2L),
    nested_modes(design, modes), ask, control$threads
  )
  out$modes <- lapply(out$modes, t)
  if (transpose) out$scores <- t(out$scores)
  out
}

#' @export
engine_other_modes.margmix_two_levels <- function(design, family, psi, K, control) {
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

#' @export
posterior.margmix_two_levels <- function(design, fit, median) {
  if (median && ncol(design$Z) > 2L) {
    abort("posterior", "Medians of nested effects need one random effect of each factor.",
      given = some_of(code(colnames(design$Z))), hint = "type = \"mean\" has no such limit."
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

#' @export
mode_variance.margmix_two_levels <- function(design, fit) {
  lapply(unname(nested_posterior_call(fit, 1L)), function(level) {
    q <- nrow(level$mode)
    array(level$mode_variance, c(q, q, ncol(level$mode)))
  })
}

#' @export
prediction_variance.margmix_two_levels <- function(design, fit, rows, V) {
  levels <- list(top = rows$cluster[, 1L], leaf = rows$cluster[, 2L])
  nested_prediction_variance_(
    nested_parts(design), engine_family(fit$family, design), fit_psi(fit),
    nested_modes(design, fit$modes), c(rows[c("X", "Z")], levels), V, fit$control$threads
  )
}

#' @export
combination_covariance.margmix_two_levels <- function(design, fit, coefficients) {
  flat <- lapply(coefficients, function(x) matrix(x, ncol = dim(x)[3L]))
  nested_combination_covariance_(
    nested_parts(design), engine_family(fit$family, design), fit_psi(fit),
    nested_modes(design, fit$modes), flat[[1L]], flat[[2L]], fit$control$threads
  )
}
