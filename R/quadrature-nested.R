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
  control <- problem$control
  affordable <- function(K) rule_nodes(problem$design, K) <= control$max_nodes && max(K) <= 300L
  refine <- function(K, errors, tolerance) {
    wanted <- ifelse(errors > tolerance / 2, 2L * K + 1L, K)
    if (affordable(wanted)) return(wanted)
    one <- replace(K, which.max(errors), 2L * K[which.max(errors)] + 1L)
    if (affordable(one)) one else K
  }
  q <- lengths(lapply(problem$design$groups, `[[`, "columns"))
  K <- c(7L, 5L, 3L)[pmin(q, 3L)]
  # Away from the optimum a rough look is enough.
  history <- numeric()
  repeat {
    before <- K
    errors <- nested_rule_errors(problem, K, coarse)["left", ]
    history <- c(sum(errors), history)
    K <- refine(K, errors, 100 * control$auto_tolerance)
    if (identical(K, before) || is_slow(problem, history)) break
  }
  fit <- coarse
  repeat {
    fit <- maximise_K(problem, K, x, fit)
    found <- nested_rule_errors(problem, K, fit)
    errors <- found["left", ]
    history <- c(sum(errors), history)
    wanted <- refine(K, errors, control$auto_tolerance)
    done <- sum(errors) <= control$auto_tolerance || identical(wanted, K)
    if (done || is_slow(problem, history)) break
    K <- wanted
  }
  bound <- sum(found["bound", ])
  if (sum(errors) > control$auto_tolerance) note_quadrature(problem, K, bound)
  list(fit = fit, K = K, error = bound)
}

# The errors of both levels, each with the other held: rows `left`, which refinement must bring
# down, and `bound`.
nested_rule_errors <- function(problem, K, fit) {
  psi <- problem$map$psi(fit$x)
  vapply(seq_along(K), function(level) {
    value <- function(k) {
      engine_evaluate(
        problem$design, problem$family, psi, replace(K, level, k), 0L, fit$modes, problem$control
      )$value
    }
    nodes <- function(k) if (k > 300L) Inf else rule_nodes(problem$design, replace(K, level, k))
    error <- refinement_error(value, K[level], nodes, problem)
    c(left = error$change + error$more, bound = error$bound)
  }, c(left = 0, bound = 0))
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
