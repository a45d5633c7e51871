# Fits of sparse factors.

#' Maximise the Laplace approximation with several grouping factors
#'
#' @param x Start on the optimiser's scale.
#' @return As [integrate_and_fit()].
#' @noRd
fit_sparse <- function(problem, x) {
  fit <- if (suits_stochastic(problem)) maximise_stochastic(problem, x)
  list(fit = fit %||% maximise_K(problem, 1L, x), rule = rule_record(problem, 1L))
}

#' @section Errors: `nAGQ`: quadrature with crossed factors.
#' @noRd
check_crossed_rule <- function(nAGQ) {
  if (identical(nAGQ, "auto") || all(nAGQ == 1)) return(invisible())
  abort("nAGQ", "`nAGQ` must be 1 (Laplace) or \"auto\" where grouping factors are crossed.",
    given = paste("nAGQ =", some_of(nAGQ)),
    hint = "The integral over crossed random effects does not fall into small ones."
  )
}
