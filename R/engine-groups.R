# Calls of the engine for designs with several grouping factors.

# Steps that move the predictor by about 1e-3 of its unit.
difference_steps <- function(design, psi) {
  size <- c(column_rms(design$X), theta_rms(design))
  steps <- 1e-3 / size
  c(steps, rep(1e-3, length(psi) - length(steps)))
}

#' The order of elimination of a design with several grouping factors
#'
#' Computed once for a fit and kept in the design.
#'
#' @param budget Most multiplications of a factorisation.
#' @noRd
engine_plan <- function(design, budget) groups_plan_(design, budget)

# What needs a factorisation: exact values, variances of random effects, REML.
check_factorable <- function(design, what) UseMethod("check_factorable")

#' @export
check_factorable.default <- function(design, what) invisible()

#' @export
check_factorable.margmix_too_large <- function(design, what) {
  must <- paste("The crossed factors must leave a matrix that can be factored for", what)
  abort("too_large", must,
    given = paste0(
      "about ", signif(design$plan$flops, 2L), " multiplications or more for ", groups_words(design)
    ),
    hint = "Maximum likelihood with a logit, probit, cloglog, Poisson or linear model needs none."
  )
}

#' @export
posterior.margmix_sparse <- function(design, fit, median) {
  abort("posterior", "`type` must be \"mode\" with several grouping factors.",
    given = some_of(code(group_labels(design))),
    hint = "Posterior means and medians aren't available for crossed random effects."
  )
}
