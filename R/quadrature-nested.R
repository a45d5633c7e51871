# The rule of two nested levels: a number of nodes for each.

# As of one factor: K is judged against 2K + 1 at each level with the other held, and the errors are
# added. A level whose share is too large is refined.
judge_nested_rule <- function(problem, rule, fit) {
  tolerance <- problem$control$auto_tolerance
  K <- rule$K
  look <- nested_refinement_of(problem, fit, K)
  changes <- look$changes(K)
  history <- c(sum(changes), rule$changes)
  slow <- is_slow(problem, history)
  wanted <- finer_levels(problem, K, changes, tolerance)
  if (slow || identical(wanted, K) || sum(changes) <= tolerance) {
    found <- look$errors(K)
    left <- found["left", ]
    wanted <- finer_levels(problem, K, left, tolerance)
    slow <- slow && is_slow(problem, c(following(found), history))
    if (slow || sum(left) <= tolerance || identical(wanted, K)) {
      return(list(K = K, settled = TRUE, error = sum(found["bound", ]), left = sum(left)))
    }
  }
  list(K = wanted, changes = history)
}

# K with 2K + 1 for the levels whose share is too large, as far as there are nodes for it.
finer_levels <- function(problem, K, errors, tolerance) {
  affordable <- function(K) {
    rule_nodes(problem$design, K) <= problem$control$max_nodes && max(K) <= 300L
  }
  wanted <- ifelse(errors > tolerance / 2, 2L * K + 1L, K)
  if (affordable(wanted)) return(wanted)
  one <- replace(K, which.max(errors), 2L * K[which.max(errors)] + 1L)
  if (affordable(one)) one else K
}

# `changes` are those of both levels together.
rough_nested_rule <- function(problem, coarse) {
  q <- effects_per_factor(problem$design)
  K <- c(7L, 5L, 3L)[pmin(q, 3L)]
  look <- nested_refinement_of(problem, coarse)
  history <- numeric()
  repeat {
    before <- K
    changes <- look$changes(K)
    history <- c(sum(changes), history)
    K <- finer_levels(problem, K, changes, 100 * problem$control$auto_tolerance)
    if (identical(K, before) || is_slow(problem, history)) break
  }
  list(K = K, changes = history)
}

# The next change of both levels, if it is known.
following <- function(errors) if (!anyNA(errors["following", ])) sum(errors["following", ])

# Refinements of both levels, each with the other held. Of the errors, rows `left`, which
# refinement must bring down, `bound`, and `following`.
nested_refinement_of <- function(problem, fit, K = NULL) {
  by_rule <- values_by_rule(problem, fit, K)
  by_level <- function(K, of, result) {
    vapply(seq_along(K), function(level) {
      value <- function(k) by_rule(replace(K, level, k))
      nodes <- function(k) if (k > 300L) Inf else rule_nodes(problem$design, replace(K, level, k))
      of(value, K[level], nodes, problem)
    }, result)
  }
  list(
    changes = function(K) by_level(K, refinement_change, 0),
    errors = function(K) {
      by_level(K, function(...) {
        error <- refinement_error(...)
        c(
          left = error$change + error$more, bound = error$bound,
          following = error$following %||% NA_real_
        )
      }, c(left = 0, bound = 0, following = 0))
    }
  )
}

#' Is `nAGQ` of the right length for the design?
#' @section Errors: `nAGQ`.
#' @noRd
check_rule_count <- function(design, nAGQ) {
  if (length(nAGQ) %in% c(1L, rule_count(design))) return(invisible())
  abort("nAGQ", "`nAGQ` must be one number, or one for each of two nested grouping factors.",
    given = paste0(length(nAGQ), " numbers for ", some_of(code(group_labels(design)))),
    hint = "The order is from the coarsest to the finest, c(15, 9) for (1 | a/b)."
  )
}

# "15" or "15 x 9"
format_nodes <- function(K) paste(K, collapse = " x ")
