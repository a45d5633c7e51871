# The rule of two nested levels: a number of nodes for each.

#' Maximise with two nested levels
#'
#' @param x Start on the optimiser's scale.
#' @param nAGQ `"auto"`, one number, or one for each level from the coarsest.
#' @return As [integrate_and_fit()].
#' @noRd
fit_nested <- function(problem, x, nAGQ) {
  if (is.numeric(nAGQ)) {
    K <- rep_len(as.integer(nAGQ), 2L)
    near <- if (max(K) > 7L) maximise(problem, pmin(K, 5L), x, NULL, final = FALSE)
    fit <- maximise_K(problem, K, x, near %||% list(x = x))
    return(list(fit = fit, rule = rule_record(problem, K)))
  }
  coarse <- maximise(problem, c(5L, 5L), x, NULL, final = FALSE)
  refined <- refine_nested_rule(problem, x, coarse)
  rule <- rule_record(problem, refined$K, auto = TRUE, error = refined$error)
  list(fit = refined$fit, rule = rule)
}

#' Refine the rules of both levels until the log-likelihood stays
#'
#' As [refine_rule()]: K is judged against 2K + 1 at each level with the other held, and the errors
#' are added. A level whose share is too large is refined.
#'
#' @return list(fit, K, error).
#' @noRd
refine_nested_rule <- function(problem, x, coarse) {
  tolerance <- problem$control$auto_tolerance
  begun <- rough_nested_rule(problem, coarse, 100 * tolerance)
  K <- begun$K
  history <- begun$history
  fit <- coarse
  repeat {
    fit <- maximise_K(problem, K, x, fit)
    look <- nested_refinement_of(problem, fit, K)
    changes <- look$changes(K)
    history <- c(sum(changes), history)
    slow <- is_slow(problem, history)
    wanted <- finer_levels(problem, K, changes, tolerance)
    if (slow || identical(wanted, K) || sum(changes) <= tolerance) {
      found <- look$errors(K)
      left <- found["left", ]
      wanted <- finer_levels(problem, K, left, tolerance)
      slow <- slow && is_slow(problem, c(following(found), history))
      if (slow || sum(left) <= tolerance || identical(wanted, K)) break
    }
    K <- wanted
  }
  bound <- sum(found["bound", ])
  if (sum(left) > tolerance) note_quadrature(problem, K, bound)
  list(fit = fit, K = K, error = bound)
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

# As rough_rule(), of both levels; `history` are their changes together.
rough_nested_rule <- function(problem, coarse, tolerance) {
  q <- lengths(lapply(problem$design$groups, `[[`, "columns"))
  K <- c(7L, 5L, 3L)[pmin(q, 3L)]
  look <- nested_refinement_of(problem, coarse)
  history <- numeric()
  repeat {
    before <- K
    changes <- look$changes(K)
    history <- c(sum(changes), history)
    K <- finer_levels(problem, K, changes, tolerance)
    if (identical(K, before) || is_slow(problem, history)) break
  }
  list(K = K, history = history)
}

# The next change of both levels, if it is known.
following <- function(errors) if (!anyNA(errors["following", ])) sum(errors["following", ])

# As refinement_of(), of both levels, each with the other held. Of the errors, rows `left`, which
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
