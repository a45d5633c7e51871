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
#' K is judged against 2K + 1 at the same parameters ([refinement_error()]), first at the optimum of
#' a coarse rule to find where to begin, then at the optimum for K. A rule of more than
#' `control$max_nodes` nodes per cluster is not fitted: then a note gives the bound of the error.
#' Nor is one where refinement does not pay, see [is_slow()].
#'
#' @param x Start of the optimiser.
#' @param coarse The optimum of a coarse rule, from [maximise()].
#' @return list(fit, K, error): the optimum for K, and the bound for its error.
#' @noRd
refine_rule <- function(problem, x, coarse) {
  control <- problem$control
  q <- integral_dimensions(problem$design)
  affordable <- function(K) K^q <= control$max_nodes && K <= 300L
  K <- c(7L, 5L, 3L)[min(q, 3L)]
  left <- function(error) error$change + error$more
  # Away from the optimum a rough look is enough.
  errors <- left(rule_error(problem, K, coarse))
  while (errors[1L] > 100 * control$auto_tolerance && affordable(2L * K + 1L) &&
    !is_slow(problem, errors)) {
    K <- 2L * K + 1L
    errors <- c(left(rule_error(problem, K, coarse)), errors)
  }
  fit <- coarse
  repeat {
    fit <- maximise_K(problem, K, x, fit)
    error <- rule_error(problem, K, fit)
    errors <- c(left(error), errors)
    if (errors[1L] <= control$auto_tolerance || !affordable(2L * K + 1L) ||
      is_slow(problem, errors)) {
      break
    }
    K <- 2L * K + 1L
  }
  if (errors[1L] > control$auto_tolerance) note_quadrature(problem, K, error$bound)
  list(fit = fit, K = K, error = error$bound)
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

rule_error <- function(problem, K, fit) {
  q <- integral_dimensions(problem$design)
  psi <- problem$map$psi(fit$x)
  value <- function(K) {
    engine_evaluate(
      problem$design, problem$family, psi, K, 0L, fit$modes, problem$control
    )$value
  }
  nodes <- function(K) if (K > 300L) Inf else K^q
  refinement_error(value, K, nodes, problem)
}

#' How far may the log-likelihood by K nodes be from the integral?
#'
#' By its change to 2K + 1 nodes. For a smooth integrand with one mode that is nearly all of it. One
#' that ends at the edge of a link, or has several modes, may agree by chance: a second change, to
#' 4K + 3, must agree too, and what may follow is bounded by the sum of a geometric series with
#' their ratio, at most 3/4.
#'
#' @param value A function of K: the log-likelihood.
#' @param nodes A function of K: nodes of the rule, `Inf` if there is none.
#' @return A list: `change`, of the first refinement (where that rule would be too large, from the
#'   coarser one, which overstates it); `more`, what may follow; `bound`, for the error: 2 `change`
#'   and `more`.
#' @noRd
refinement_error <- function(value, K, nodes, problem) {
  most <- problem$control$max_nodes
  here <- value(K)
  known <- nodes(2L * K + 1L) <= 12 * most
  finer <- value(if (known) 2L * K + 1L else pmax(1L, (K - 1L) %/% 2L))
  change <- abs(finer - here)
  # Where it costs a millisecond a smooth integrand is looked at as closely as any other.
  cheap <- nodes(4L * K + 3L) * nrow(problem$design$X) <= 1e5
  more <- if (max(K) > 1L && is_smooth(problem$family) && !(known && cheap)) {
    0
  } else if (known && nodes(4L * K + 3L) <= most) {
    second <- abs(value(4L * K + 3L) - finer)
    second / (1 - min(second / max(change, 1e-300), 0.75))
  } else {
    4 * change
  }
  finite <- function(x) if (is.finite(x)) x else Inf
  list(change = finite(change), more = finite(more), bound = finite(2 * change + more))
}

# One mode, and no edge within reach.
is_smooth <- function(family) is_log_concave(family) && is.null(link_edge(family))

note_quadrature <- function(problem, K, error) {
  design <- problem$design
  edge <- !is.null(link_edge(problem$family))
  note("quadrature", paste0(
    "The integration rule stopped ", if (edge) "short of its tolerance" else "at its node budget",
    ": the log-likelihood may be off by up to about ", signif(error, 2L), "."
  ),
  given = size_of_rule_words(design, K),
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
  spikes <- !is_log_concave(problem$family)
  definite <- function(fit) !is.null(newton_direction(numeric(length(x)), fit$hessian))
  for (factor in c(0.4, 2.5)) {
    other <- tryCatch(
      maximise(problem, K, problem$map$resize(x, factor), NULL),
      margmix_error_no_likelihood = function(e) NULL
    )
    if (is.null(other)) next
    better <- other$value > fit$value + 1e-6
    if (spikes && definite(fit) != definite(other)) better <- definite(other)
    if (better) fit <- other
  }
  fit
}
