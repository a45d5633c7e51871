# Maximum likelihood with stats::nlminb, the exact gradient and, where it pays, the exact Hessian.

# With many coefficients the Hessian costs more than it saves; a quasi-Newton search on the scale of
# parameter_map() then needs few steps.
hessian_pays <- function(design) ncol(design$X) <= 50L

#' The objective as a function of the optimiser's parameters
#'
#' Value, gradient and Hessian are computed together and kept for the point last visited, since
#' nlminb asks for them one after the other.
#'
#' @param problem list(design, family, map, control).
#' @param K Nodes per dimension.
#' @param modes m x q conditional modes to start from.
#' @return A list of functions of x: `value`, `gradient`, `hessian` (of minus the log-likelihood),
#'   and `at(x, order)`, the engine's result in the user's parameters; `evaluations()`.
#' @noRd
objective_at <- function(problem, K, modes, order) {
  last <- list(x = NULL, order = -1L)
  evaluations <- 0L
  at <- function(x, wanted) {
    if (!identical(x, last$x) || last$order < wanted) {
      psi <- drop(problem$map %*% x)
      result <- engine_evaluate(
        problem$design, problem$family, psi, K, wanted, modes, problem$control
      )
      ok <- result$status == "ok" && is.finite(result$value)
      if (ok) modes <<- result$modes
      evaluations <<- evaluations + 1L
      last <<- list(x = x, order = wanted, result = result, ok = ok)
      if (problem$control$verbose) {
        cat(sprintf("  K %d  evaluation %d  logLik %.6f\n", K, evaluations, result$value))
      }
    }
    last
  }
  list(
    value = function(x) {
      now <- at(x, order)
      if (now$ok) -now$result$value else Inf
    },
    gradient = function(x) -drop(crossprod(problem$map, at(x, 1L)$result$gradient)),
    hessian = function(x) {
      -crossprod(problem$map, at(x, 2L)$result$hessian %*% problem$map)
    },
    at = at, evaluations = function() evaluations
  )
}

#' Maximise at one rule
#'
#' @param x Start, on the optimiser's scale.
#' @param final `FALSE` for a stage that only prepares the next one.
#' @return A list: `x`, `modes`, `iterations`, `evaluations`, `message`.
#' @noRd
maximise <- function(problem, K, x, modes, final = TRUE) {
  newton <- hessian_pays(problem$design)
  objective <- objective_at(problem, K, modes, if (newton) 2L else 1L)
  if (!is.finite(objective$value(x))) {
    abort_not_finite(problem$family, K)
  }
  tolerance <- if (final) list(rel.tol = 1e-12, x.tol = 1e-10) else list(rel.tol = 1e-5, x.tol = 1e-3)
  limits <- list(
    iter.max = problem$control$max_iterations, eval.max = 2L * problem$control$max_iterations
  )
  found <- stats::nlminb(
    x, objective$value, objective$gradient, if (newton) objective$hessian,
    control = c(tolerance, limits, abs.tol = 0)
  )
  if (!is.finite(objective$value(found$par))) abort_not_finite(problem$family, K)
  if (final) found$par <- polish(objective, found$par)
  list(
    x = found$par, modes = objective$at(found$par, 1L)$result$modes,
    result = objective$at(found$par, if (final) 2L else 1L)$result, value = -objective$value(found$par),
    iterations = found$iterations, evaluations = objective$evaluations(), message = found$message
  )
}

abort_not_finite <- function(family, K) {
  restricted <- paste0(family$family, "-", family$link) %in% c("binomial-log", "poisson-identity")
  abort("no_likelihood", "The log-likelihood must be finite where the search starts and ends.",
    given = paste0("no finite value with ", family$link, " link and ", K, " quadrature points"),
    hint = if (restricted) {
      "The link restricts the mean: random effects push it past its limit. Try another link."
    } else {
      "Give other values with `start`, or check the offset and the scale of the response."
    }
  )
}

# At most three Newton steps: nlminb stops on its own criteria, the package on g'H^-1 g.
polish <- function(objective, x) {
  for (step in 1:3) {
    direction <- newton_direction(objective$gradient(x), objective$hessian(x))
    if (is.null(direction) || direction$decrement < 1e-13) break
    value <- objective$value(x)
    trial <- x - direction$step
    if (!(objective$value(trial) <= value + 1e-10 * abs(value))) break
    x <- trial
  }
  x
}

# H^-1 g and g'H^-1 g for a positive definite H, otherwise NULL.
newton_direction <- function(gradient, hessian) {
  if (!all(is.finite(hessian)) || !all(is.finite(gradient))) return(NULL)
  R <- tryCatch(chol((hessian + t(hessian)) / 2), error = function(e) NULL)
  if (is.null(R)) return(NULL)
  half <- backsolve(R, gradient, transpose = TRUE)
  list(step = backsolve(R, half), decrement = sum(half^2))
}
