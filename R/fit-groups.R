# Fits with several grouping factors.

#' Maximise with several grouping factors
#'
#' Laplace, unless quadrature points are asked for and the factors are nested.
#'
#' @param x Start on the optimiser's scale.
#' @return As [fit_quadrature()].
#' @section Errors: `nAGQ`: quadrature with crossed factors.
#' @noRd
fit_groups <- function(problem, x, nAGQ) {
  if (is_two_level(problem$design)) return(fit_nested(problem, x, nAGQ))
  check_crossed_rule(problem$design, nAGQ)
  if (isFALSE(problem$design$plan$exact)) return(fit_iterative(problem, x))
  fit <- if (suits_stochastic(problem)) maximise_stochastic(problem, x)
  list(fit = fit %||% maximise_K(problem, 1L, x), rule = rule_record(problem, 1L))
}

check_crossed_rule <- function(design, nAGQ) {
  if (identical(nAGQ, "auto") || all(nAGQ == 1) || is_two_level(design)) return(invisible())
  abort("nAGQ", "`nAGQ` must be 1 (Laplace) or \"auto\" where grouping factors are crossed.",
    given = paste("nAGQ =", some_of(nAGQ)),
    hint = "The integral over crossed random effects does not fall into small ones."
  )
}
