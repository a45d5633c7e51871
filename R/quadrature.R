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

#' Maximise by rules of quadrature, each from the optimum of the one before
#'
#' A coarse rule comes first: the Laplace optimum would cost no less and is a poor start where
#' clusters are sparse. Where there are many clusters, some of them are enough for that.
#'
#' @param x Start of the optimiser.
#' @param coarse The optimum of a coarse rule, from [maximise()], if it is known.
#' @return See [search_of()].
#' @noRd
fit_by_rules <- function(problem, x, coarse = NULL) {
  way <- problem$way
  asked <- if (is.numeric(problem$nAGQ)) {
    rep_len(as.integer(problem$nAGQ), rule_count(problem$design))
  }
  K <- if (is.null(asked) || any(asked > 7L)) coarse_nodes(way, asked) else asked
  sample <- if (is.null(coarse)) sampled_problem(way, problem)
  if (!is.null(sample)) {
    fit <- maximise(sample, K, x, NULL, final = FALSE, none = no_fit)
    coarse <- start_of_sample(sample, x, fit)
  }
  if (is.null(coarse) && !identical(K, asked)) {
    coarse <- maximise(problem, K, x, NULL, final = FALSE)
  }
  fit <- coarse %||% list(x = x)
  rules <- refinement_of(way)
  rule <- if (is.null(asked)) rules$first(problem, fit) else list(K = asked)
  repeat {
    fit <- maximise(problem, rule$K, fit$x, fit$modes, hessian = fit$hessian)
    fit <- or_from_other_sizes(problem, rule$K, x, fit)
    if (!is.null(asked)) return(list(fit = fit, rule = rule_record(problem, asked)))
    rule <- rules$judge(problem, rule, fit)
    if (isTRUE(rule$settled)) break
  }
  if (rule$left > problem$control$auto_tolerance) note_quadrature(problem, rule$K, rule$error)
  list(fit = fit, rule = rule_record(problem, rule$K, auto = TRUE, error = rule$error))
}

# K is judged against 2K + 1 at the same parameters, see refinement_error(), first at the optimum of
# a coarse rule to find where to begin, then at the optimum for K. The change alone can send K on;
# only where it is small enough what may follow is looked at, too. A rule of more than
# `control$max_nodes` nodes per cluster is not fitted: then a note gives the bound of the error. Nor
# is one where refinement does not pay, see is_slow().
judge_rule <- function(problem, rule, fit) {
  tolerance <- problem$control$auto_tolerance
  K <- rule$K
  finer <- is_affordable(problem, 2L * K + 1L)
  value <- values_by_rule(problem, fit, K)
  nodes <- nodes_of_rules(problem)
  change <- refinement_change(value, K, nodes, problem)
  changes <- c(change, rule$changes)
  refined <- list(K = 2L * K + 1L, changes = changes)
  slow <- is_slow(problem, changes)
  if (finer && !slow && change > tolerance) return(refined)
  error <- refinement_error(value, K, nodes, problem)
  left <- error$change + error$more
  # what the next refinement would change is known by now
  slow <- slow && is_slow(problem, c(error$following, changes))
  if (finer && !slow && left > tolerance) return(refined)
  list(K = K, settled = TRUE, error = error$bound, left = left)
}

is_affordable <- function(problem, K) {
  K^integral_dimensions(problem$design) <= problem$control$max_nodes && K <= 300L
}

# Away from the optimum a rough look is enough.
rough_rule <- function(problem, coarse) {
  tolerance <- 100 * problem$control$auto_tolerance
  K <- c(7L, 5L, 3L)[min(integral_dimensions(problem$design), 3L)]
  value <- values_by_rule(problem, coarse)
  nodes <- nodes_of_rules(problem)
  changes <- refinement_change(value, K, nodes, problem)
  while (changes[1L] > tolerance && is_affordable(problem, 2L * K + 1L) &&
    !is_slow(problem, changes)) {
    K <- 2L * K + 1L
    change <- refinement_change(value, K, nodes, problem)
    changes <- c(change, changes)
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

# How many nodes a rule of K for each dimension has; `Inf`: there is no such rule.
nodes_of_rules <- function(problem) {
  q <- integral_dimensions(problem$design)
  function(K) if (K > 300L) Inf else K^q
}

# The log-likelihood at the parameters of a fit as a function of K. `by`: the rule of the fit
# itself, if its value is that of all rows.
values_by_rule <- function(problem, fit, by = NULL) {
  known <- list()
  if (!is.null(by)) known[[format_nodes(by)]] <- fit$value
  psi <- problem$map$psi(fit$x)
  values_at(problem$design, problem$family, psi, fit$modes, problem$control, known)
}

# As a function of K, found once for each, and not for those that are known by name.
values_at <- function(design, family, psi, modes, control, known = list()) {
  evaluate <- evaluator(design)
  function(K) {
    name <- format_nodes(K)
    if (is.null(known[[name]])) {
      at <- evaluate(design, family, psi, as.integer(K), 0L, modes, control)
      modes <<- at$modes
      known[[name]] <<- at$value
    }
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
  cheap <- nodes(4L * K + 3L) * row_count(problem$design) <= 1e5
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
  following <- abs(value(4L * K + 3L) - value(2L * K + 1L))
  following <- finite_or_inf(following)
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

#' The optimum for K, or a better one
#'
#' Where the search has ended at a point that is no maximum, other sizes of the random effects are
#' tried as a start and the best result is kept: where an integrand may have several modes, the best
#' maximum, for the value of a rule that sees one mode can grow without bound at points where a mode
#' splits.
#'
#' @param x Start of the optimiser.
#' @param fit From [maximise()].
#' @noRd
or_from_other_sizes <- function(problem, K, x, fit) {
  if (is_definite(fit$hessian)) return(fit)
  # Kinks at the edge of a link have the same effect everywhere.
  kinks <- !is.null(link_edge(problem$family))
  if (kinks && rule_nodes(problem$design, K) > 200) return(fit)
  spikes <- !is_log_concave(problem$family)
  for (factor in c(0.4, 2.5)) {
    other <- maximise(problem, K, problem$map$resize(x, factor), NULL, none = no_fit)
    if (is.null(other)) next
    better <- other$value > fit$value + 1e-6
    definite <- is_definite(other$hessian)
    if (spikes && is_definite(fit$hessian) != definite) better <- definite
    if (better) fit <- other
  }
  fit
}
