# Calls of the engine for two nested levels, (1 | a/b): quadrature level by level.

# A rule fine enough for posterior moments.
nested_posterior_nodes <- function(fit) {
  pmax(fit$rule$K, c(25L, 11L, 7L)[min(effect_count(fit$design) - 1L, 3L)])
}

#' @export
posterior.margmix_two_levels <- function(design, fit, median) {
  if (median && ncol(design$Z) > 2L) {
    abort("posterior", "Medians of nested effects need one random effect of each factor.",
      given = some_of(code(colnames(design$Z))), hint = "type = \"mean\" has no such limit."
    )
  }
  found <- posterior_call(fit, nested_posterior_nodes(fit), median)
  lapply(found, function(level) {
    q <- nrow(level$mode)
    list(
      mode = t(level$mode), mean = t(level$mean), median = if (median) t(level$median),
      var = array(level$variance, c(q, q, ncol(level$mode)))
    )
  })
}

#' @export
combination_covariance.margmix_two_levels <- function(design, fit, coefficients) {
  flat <- lapply(coefficients, function(x) matrix(x, ncol = dim(x)[3L]))
  ask <- list(modes = fit$modes, top = flat[[1L]], leaf = flat[[2L]])
  objective_(
    design, fit$family, fit_psi(fit), "combination_covariance", ask, fit$control$threads
  )
}
