# Which integration rule: an order that was asked for, or the least that is fine enough.

check_nAGQ <- function(nAGQ) {
  if (identical(nAGQ, "auto")) return("auto")
  ok <- is.numeric(nAGQ) && length(nAGQ) > 0L && all(is.finite(nAGQ)) &&
    all(nAGQ == round(nAGQ) & nAGQ >= 1 & nAGQ <= 300)
  if (!ok) {
    abort("nAGQ", "`nAGQ` must be \"auto\" or a whole number from 1 (Laplace) to 300.",
      given = paste(deparse(nAGQ), collapse = " ")
    )
  }
  as.integer(nAGQ)
}

#' Refine the rule until the log-likelihood stays
#'
#' K is judged against 2K + 1 at the same parameters, first at the optimum of a coarse rule to find
#' where to begin, then at the optimum for K. A rule of more than `control$max_nodes` nodes per
#' cluster is not fitted: then a note gives the estimated error.
#'
#' @param x Start of the optimiser.
#' @param coarse The optimum of a coarse rule, from [maximise()].
#' @return list(fit, K, error): the optimum for K, and the estimated error of its log-likelihood.
#' @noRd
refine_rule <- function(problem, x, coarse) {
  control <- problem$control
  q <- ncol(problem$design$Z)
  affordable <- function(K) K^q <= control$max_nodes && K <= 300L
  K <- c(7L, 5L, 3L)[min(q, 3L)]
  # Away from the optimum a rough look is enough.
  while (rule_error(problem, K, coarse) > 100 * control$auto_tolerance && affordable(2L * K + 1L)) {
    K <- 2L * K + 1L
  }
  fit <- coarse
  repeat {
    fit <- maximise_K(problem, K, x, fit)
    error <- rule_error(problem, K, fit)
    if (error <= control$auto_tolerance || !affordable(2L * K + 1L)) break
    K <- 2L * K + 1L
  }
  if (error > control$auto_tolerance) note_quadrature(problem$design, K, error, control)
  list(fit = fit, K = K, error = error)
}

# |logLik(2K + 1) - logLik(K)| at the parameters of `fit`; where the finer rule would be too large,
# the coarser one stands in for it, which overstates the error.
rule_error <- function(problem, K, fit) {
  q <- ncol(problem$design$Z)
  other <- 2L * K + 1L
  if (other^q > 12 * problem$control$max_nodes || other > 300L) other <- max(1L, (K - 1L) %/% 2L)
  psi <- drop(problem$map %*% fit$x)
  value <- function(K) {
    engine_evaluate(
      problem$design, problem$family, psi, K, 0L, fit$modes, problem$control
    )$value
  }
  error <- abs(value(other) - value(K))
  if (is.finite(error)) error else Inf
}

note_quadrature <- function(design, K, error, control) {
  note("quadrature", paste0(
    "The integration rule stopped at its node budget: the log-likelihood may be off by about ",
    signif(error, 2L), "."
  ),
  given = if (is_two_level(design)) {
    paste0(format_nodes(K), " nodes, ", rule_nodes(design, K), " per row")
  } else {
    q <- ncol(design$Z)
    paste0(K, " nodes in each of ", q, " dimensions, ", K^q, " per cluster")
  },
  hint = "Raise `max_nodes` in glmm_control(), or give `nAGQ` a whole number.",
  K = K, error = error
  )
}

#' The optimum for K
#'
#' @param x Start of the optimiser.
#' @param near A fit by another rule to start from instead; its Hessian is close to the one wanted.
#' @details Where the search ends at a point that is no maximum, other sizes of the random effects
#'   are tried as a start and the best result is kept.
#' @noRd
maximise_K <- function(problem, K, x, near = list(x = x)) {
  fit <- maximise(problem, K, near$x, near$modes, hessian = near$hessian)
  if (!is.null(newton_direction(numeric(length(x)), fit$hessian))) return(fit)
  theta <- ncol(problem$design$X) + seq_along(problem$design$theta_col)
  for (factor in c(0.4, 2.5)) {
    other <- tryCatch(
      maximise(problem, K, replace(x, theta, factor * x[theta]), NULL),
      margmix_error_no_likelihood = function(e) NULL
    )
    if (!is.null(other) && other$value > fit$value + 1e-6) fit <- other
  }
  fit
}
