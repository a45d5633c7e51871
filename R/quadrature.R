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
#' cluster is not fitted: then a note gives the estimated error. Nor is one where refinement does
#' not pay, see [is_slow()].
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
  errors <- rule_error(problem, K, coarse)
  while (errors[1L] > 100 * control$auto_tolerance && affordable(2L * K + 1L) &&
    !is_slow(problem, errors)) {
    K <- 2L * K + 1L
    errors <- c(rule_error(problem, K, coarse), errors)
  }
  fit <- coarse
  repeat {
    fit <- maximise_K(problem, K, x, fit)
    errors <- c(rule_error(problem, K, fit), errors)
    if (errors[1L] <= control$auto_tolerance || !affordable(2L * K + 1L) ||
      is_slow(problem, errors)) {
      break
    }
    K <- 2L * K + 1L
  }
  if (errors[1L] > control$auto_tolerance) note_quadrature(problem, K, errors[1L])
  list(fit = fit, K = K, error = errors[1L])
}

#' Does refinement not pay?
#'
#' A smooth integrand repays twice the nodes by orders of magnitude, sooner or later. One that ends
#' at the edge of a link does not.
#'
#' @param errors Of the rules so far, the last one first.
#' @noRd
is_slow <- function(problem, errors) {
  if (is.null(link_edge(problem$family)) || length(errors) < 3L) return(FALSE)
  all(errors[1:2] > 0.2 * errors[2:3])
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

note_quadrature <- function(problem, K, error) {
  design <- problem$design
  edge <- !is.null(link_edge(problem$family))
  note("quadrature", paste0(
    "The integration rule stopped ", if (edge) "short of its tolerance" else "at its node budget",
    ": the log-likelihood may be off by about ", signif(error, 2L), "."
  ),
  given = if (is_two_level(design)) {
    paste0(format_nodes(K), " nodes, ", rule_nodes(design, K), " per row")
  } else {
    q <- ncol(design$Z)
    paste0(K, " nodes in each of ", q, " dimensions, ", K^q, " per cluster")
  },
  hint = if (edge) {
    paste0("Integrands end at the edge of the ", problem$family$link, " link: little is gained.")
  } else {
    "Raise `max_nodes` in glmm_control(), or give `nAGQ` a whole number."
  },
  K = K, error = error
  )
}

#' The optimum for K
#'
#' @param x Start of the optimiser.
#' @param near A fit by another rule to start from instead; its Hessian is close to the one wanted.
#' @details Where the search ends at a point that is no maximum, other sizes of the random effects
#'   are tried as a start and the best result is kept: where an integrand may have several modes,
#'   the best maximum, for the value of a rule that sees one mode can grow without bound at points
#'   where a mode splits.
#' @noRd
maximise_K <- function(problem, K, x, near = list(x = x)) {
  fit <- maximise(problem, K, near$x, near$modes, hessian = near$hessian)
  if (!is.null(newton_direction(numeric(length(x)), fit$hessian))) return(fit)
  # Kinks at the edge of a link have the same effect everywhere.
  kinks <- !is.null(link_edge(problem$family))
  if (kinks && rule_nodes(problem$design, K) > 200) return(fit)
  theta <- ncol(problem$design$X) + seq_along(problem$design$theta_col)
  spikes <- !is_log_concave(problem$family)
  definite <- function(fit) !is.null(newton_direction(numeric(length(x)), fit$hessian))
  for (factor in c(0.4, 2.5)) {
    other <- tryCatch(
      maximise(problem, K, replace(x, theta, factor * x[theta]), NULL),
      margmix_error_no_likelihood = function(e) NULL
    )
    if (is.null(other)) next
    better <- other$value > fit$value + 1e-6
    if (spikes && definite(fit) != definite(other)) better <- definite(other)
    if (better) fit <- other
  }
  fit
}
