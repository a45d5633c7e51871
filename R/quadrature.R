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
#' a coarse rule to find where to begin, then at the optimum for K. The change alone can send K on;
#' only where it is small enough what may follow is looked at, too. A rule of more than
#' `control$max_nodes` nodes per cluster is not fitted: then a note gives the bound of the error.
#' Nor is one where refinement does not pay, see [is_slow()].
#'
#' @param x Start of the optimiser.
#' @param coarse The optimum of a coarse rule, from [maximise()].
#' @return list(fit, K, error): the optimum for K, and the bound for its error.
#' @noRd
refine_rule <- function(problem, x, coarse) {
  tolerance <- problem$control$auto_tolerance
  finer <- function(K) is_affordable(problem, 2L * K + 1L)
  begun <- rough_rule(problem, coarse, 100 * tolerance)
  K <- begun$K
  changes <- begun$changes
  fit <- coarse
  repeat {
    fit <- maximise_K(problem, K, x, fit)
    look <- refinement_of(problem, fit, K)
    changes <- c(look$change(K), changes)
    slow <- is_slow(problem, changes)
    if (finer(K) && !slow && changes[1L] > tolerance) {
      K <- 2L * K + 1L
      next
    }
    error <- look$error(K)
    left <- error$change + error$more
    # what the next refinement would change is known by now
    slow <- slow && is_slow(problem, c(error$following, changes))
    if (!finer(K) || slow || left <= tolerance) break
    K <- 2L * K + 1L
  }
  if (left > tolerance) note_quadrature(problem, K, error$bound)
  list(fit = fit, K = K, error = error$bound)
}

is_affordable <- function(problem, K) {
  K^integral_dimensions(problem$design) <= problem$control$max_nodes && K <= 300L
}

# Where to begin: away from the optimum a rough look is enough. Returns K and the changes by the
# refinements that were tried, the last one first.
rough_rule <- function(problem, coarse, tolerance) {
  K <- c(7L, 5L, 3L)[min(integral_dimensions(problem$design), 3L)]
  look <- refinement_of(problem, coarse)
  changes <- look$change(K)
  while (changes[1L] > tolerance && is_affordable(problem, 2L * K + 1L) &&
    !is_slow(problem, changes)) {
    K <- 2L * K + 1L
    changes <- c(look$change(K), changes)
  }
  list(K = K, changes = changes)
}

#' Does refinement not pay?
#'
#' A smooth integrand repays twice the nodes by orders of magnitude, sooner or later. One that ends
#' at the edge of a link does not.
#'
#' @param changes By the refinements so far, the last one first.
#' @noRd
is_slow <- function(problem, changes) {
  if (is.null(link_edge(problem$family)) || length(changes) < 3L) return(FALSE)
  all(changes[1:2] > 0.2 * changes[2:3])
}

# How a rule of K nodes changes at the parameters of a fit, and its error there.
refinement_of <- function(problem, fit, K = NULL) {
  q <- integral_dimensions(problem$design)
  value <- values_by_rule(problem, fit, K)
  nodes <- function(K) if (K > 300L) Inf else K^q
  list(
    change = function(K) refinement_change(value, K, nodes, problem),
    error = function(K) refinement_error(value, K, nodes, problem)
  )
}

# The log-likelihood at the parameters of a fit as a function of K, found once for each. `by`: the
# rule of the fit itself, if its value is that of all rows.
values_by_rule <- function(problem, fit, by = NULL) {
  psi <- problem$map$psi(fit$x)
  known <- list()
  if (!is.null(by)) known[[format_nodes(by)]] <- fit$value
  found_once(function(K) {
    engine_evaluate(
      problem$design, problem$family, psi, K, 0L, fit$modes, problem$control
    )$value
  }, known)
}

# A function of K that asks `value` once for each K, and not for those that are known by name.
found_once <- function(value, known = list()) {
  function(K) {
    name <- format_nodes(K)
    if (is.null(known[[name]])) known[[name]] <<- value(K)
    known[[name]]
  }
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
#' @param some `value` of some of the clusters: for smooth integrands the ratio of their changes
#'   stands for that of all.
#' @return A list: `change`, of the first refinement (where that rule would be too large, from the
#'   coarser one, which overstates it); `following`, the second change, if it was looked at; `more`,
#'   what may follow; `bound`, for the error: 2 `change` and `more`.
#' @noRd
refinement_error <- function(value, K, nodes, problem, some = value) {
  change <- refinement_change(value, K, nodes, problem)
  known <- has_finer(K, nodes, problem)
  # Where it costs a millisecond a smooth integrand is looked at as closely as any other.
  cheap <- nodes(4L * K + 3L) * nrow(problem$design$X) <= 1e5
  smooth <- has_smooth_integrand(problem$family)
  following <- NULL
  more <- if (max(K) > 1L && smooth && !(known && cheap)) {
    0
  } else if (known && nodes(4L * K + 3L) <= problem$control$max_nodes) {
    following <- following_change(if (smooth && !cheap) some else value, K, change)
    following / (1 - min(following / max(change, 1e-300), 0.75))
  } else {
    4 * change
  }
  more <- finite_or_inf(more)
  list(change = change, following = following, more = more, bound = 2 * change + more)
}

# The change to 2K + 1 nodes; where that rule would be too large, from the coarser one.
refinement_change <- function(value, K, nodes, problem) {
  other <- if (has_finer(K, nodes, problem)) 2L * K + 1L else pmax(1L, (K - 1L) %/% 2L)
  change <- abs(value(other) - value(K))
  finite_or_inf(change)
}

# The change from 2K + 1 to 4K + 3 nodes, as `change`, that to 2K + 1, times their ratio in `value`.
following_change <- function(value, K, change) {
  following <- finite_or_inf(abs(value(4L * K + 3L) - value(2L * K + 1L)))
  first <- abs(value(2L * K + 1L) - value(K))
  if (first > 0) following * change / first else following
}

has_finer <- function(K, nodes, problem) nodes(2L * K + 1L) <= 12 * problem$control$max_nodes

finite_or_inf <- function(x) if (is.finite(x)) x else Inf

# One mode, and no edge within reach.
has_smooth_integrand <- function(family) is_log_concave(family) && is.null(link_edge(family))

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
