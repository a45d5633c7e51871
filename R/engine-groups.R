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
engine_plan <- function(design, budget) groups_plan_(engine_arrays(design), budget)

#' Gradient and average information with traces estimated from vectors of signs
#'
#' @param modes A list by factor, or `NULL`.
#' @param probes Signs, effects of the reduced system x vectors.
#' @param tolerance Of the conjugate gradients.
#' @return A list: `gradient`, `information` (if asked for), `modes`, `cg_iterations`, `status`. Of
#'   related levels with the information also `probes`, the vectors of mean product I that the
#'   gradient is by: signs, and eight directions that would make most of their error.
#' @noRd
engine_stochastic_step <- function(problem, psi, modes, probes, tolerance, information) {
  ask <- list(probes = probes, tolerance = tolerance, information = information)
  ask_sparse(problem$design, problem$family, psi, modes, "stochastic_step", ask, problem$control)
}

#' The same with a Hessian by differences
#' @param steps P lengths.
#' @param linear Is the model linear?
#' @param enough If positive, steps of Newton follow until g'H^-1 g is less.
#' @return A list: `hessian` (minus the second derivatives); `psi`, `gradient` and `modes` after
#'   these `steps`; `status`.
#' @noRd
engine_stochastic_hessian <- function(problem, psi, modes, probes, tolerance, steps, linear,
                                      enough) {
  ask <- list(
    probes = probes, tolerance = tolerance, steps = steps, linear = linear, enough = enough
  )
  ask_sparse(problem$design, problem$family, psi, modes, "stochastic_hessian", ask, problem$control)
}

#' Log-likelihood by Laplace, its log-determinant estimated by Lanczos quadrature
#' @return A list: `value`, `sd` (Monte Carlo), `modes`, `status`.
#' @noRd
engine_laplace_estimate <- function(design, family, psi, modes, probes, control) {
  ask_sparse(design, family, psi, modes, "laplace_estimate", list(probes = probes), control)
}

#' Weights of draws from the normal approximation at the mode of a fit
#' @param normals Standard normal numbers, (rows + random effects) x draws.
#' @return A list: `center`, `log_weights`, `status`.
#' @noRd
engine_importance <- function(fit, normals) {
  ask_sparse(
    fit$design, fit$family, fit_psi(fit), fit$modes, "importance", list(normals = normals),
    fit$control
  )
}

ask_sparse <- function(design, family, psi, modes, piece, ask, control) {
  sparse_(
    engine_arrays(design), family, as.double(psi), as.list(modes), piece, ask, control$threads
  )
}

#' What the engine gets as a design: its arrays, or those of its cells and a function that asks
#' @noRd
engine_arrays <- function(design) UseMethod("engine_arrays")

#' @export
engine_arrays.default <- function(design) design

#' Sums over the rows of cells
#'
#' @param design With `cell`, the cell of each row, from 0.
#' @param family From [engine_family()].
#' @param ask A list: `what` is wanted, at `psi` and at the shifts `x` of the predictor by cell; and
#'   what else that needs.
#' @return A list by what was asked for.
#' @noRd
engine_cell_sums <- function(design, family, ask) glm_(design, family, "cell_sums", ask)

# What needs a factorisation: exact values, variances of random effects, REML.
check_factorable <- function(design, what) UseMethod("check_factorable")

#' @export
check_factorable.default <- function(design, what) invisible()

#' @export
check_factorable.margmix_too_large <- function(design, what) {
  related <- !supports(design, "unrelated")
  factors <- if (related) "Related levels and smooths" else "The crossed factors"
  abort("too_large", paste(factors, "leave a matrix that is too large to factor for", what),
    given = paste0(
      "about ", signif(design$plan$flops, 2L), " multiplications or more for ", groups_words(design)
    ),
    hint = if (!related) {
      "Maximum likelihood with a logit, probit, cloglog, Poisson or linear model needs none."
    }
  )
}

#' @export
posterior.margmix_sparse <- function(design, fit, median) {
  abort("posterior", "`type` must be \"mode\" with several grouping factors.",
    given = some_of(code(group_labels(design))),
    hint = "Posterior means and medians aren't available for crossed random effects."
  )
}
