# Fits of sparse factors.

#' Maximise the Laplace approximation with several grouping factors
#'
#' @param x Start on the optimiser's scale.
#' @return See [search_of()].
#' @noRd
fit_sparse <- function(problem, x) {
  fit <- if (suits_stochastic(problem)) maximise_stochastic(problem, x)
  if (is.null(fit)) {
    fit <- maximise(problem, 1L, x, NULL)
    fit <- or_from_other_sizes(problem, 1L, x, fit)
  }
  list(fit = fit, rule = rule_record(problem, 1L))
}

#' @section Errors: `nAGQ`: quadrature with crossed factors.
#' @noRd
check_crossed_rule <- function(nAGQ, design) {
  if (identical(nAGQ, "auto") || all(nAGQ == 1)) return(invisible())
  where <- if (supports(design, "unrelated")) {
    "grouping factors are crossed."
  } else if (length(relations(design))) {
    "levels are related."
  } else {
    "there are smooth terms."
  }
  abort("nAGQ", paste("`nAGQ` must be 1 (Laplace) or \"auto\" where", where),
    given = paste("nAGQ =", some_of(nAGQ)),
    hint = "The integral over these random effects doesn't factor into low-dimensional ones."
  )
}
