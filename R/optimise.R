# Maximum likelihood with stats::nlminb, the exact gradient and, where it pays, the exact Hessian.

#' The objective as a function of the optimiser's parameters
#'
#' Value and derivatives are computed together and kept for the point last visited, since nlminb
#' asks for them one after the other.
#'
#' @param problem list(design, family, map, control).
#' @param K Nodes per dimension.
#' @param modes m x q conditional modes to start from.
#' @param order Derivatives to compute at each visit.
#' @return A list of functions. `at(x, order)` alone evaluates, and returns the engine's `result` in
#'   the user's parameters and whether it is `ok`; `value`, `gradient` and `hessian`, of minus the
#'   log-likelihood, read from it; `evaluations()`; `best()`, the best point so far.
#' @noRd
objective_at <- function(problem, K, modes, order) {
  evaluate <- evaluator(problem$design)
  last <- list(x = NULL, order = -1L)
  best <- list(value = -Inf)
  evaluations <- 0L
  limit <- residual_limit(problem$design, problem$family)
  at <- function(x, wanted) {
    x <- above_limit(x, limit)
    if (last$order >= wanted && identical(x, last$x)) return(last)
    result <- evaluate(
      problem$design, problem$family, problem$map$psi(x), K, wanted, modes, problem$control
    )
    ok <- result$status == "ok" && is.finite(result$value) && all(is.finite(result$gradient))
    if (ok) modes <<- result$modes
    if (ok && result$value > best$value) {
      best <<- list(x = x, value = result$value, modes = modes)
    }
    evaluations <<- evaluations + 1L
    if (problem$control$verbose) {
      cat(sprintf(
        "  K %s  evaluation %d  logLik %.6f\n", format_nodes(K), evaluations, result$value
      ))
    }
    last <<- list(x = x, order = wanted, result = result, ok = ok)
  }
  list(
    at = at,
    value = function(x) {
      now <- at(x, order)
      if (now$ok) -now$result$value else Inf
    },
    gradient = function(x) {
      now <- at(x, 1L)
      -problem$map$gradient(x, now$result$gradient)
    },
    hessian = function(x) {
      now <- at(x, 2L)
      if (!now$ok) return(matrix(NaN, length(x), length(x)))
      -problem$map$hessian(x, now$result$gradient, now$result$hessian)
    },
    evaluations = function() evaluations,
    # the best point so far, visited again from its own modes
    best = function() {
      modes <<- best$modes
      last <<- list(x = NULL, order = -1L)
      best$x
    }
  )
}

#' Derivatives that each point of a search is asked for
#'
#' @return 1, the gradient; or 2, where the exact Hessian costs little more.
#' @noRd
search_order <- function(design, family) UseMethod("search_order")

#' @export
search_order.default <- function(design, family) 1L

# The inverse of A is dense anyway.
#' @export
search_order.margmix_related <- function(design, family) {
  if (has_phi(family) || is.null(dense_covariance(design))) 1L else 2L
}

#' @export
search_order.margmix_banded <- function(design, family) 2L

# The Hessian handed to nlminb: exact until it is positive definite, and from then on carried along
# by BFGS updates, which cost a gradient each.
hessian_model <- function(objective, B = NULL) {
  before <- NULL
  update <- function(x, g) {
    s <- x - before$x
    y <- g - before$g
    if (sum(s * y) <= 1e-10 * sqrt(sum(s^2) * sum(y^2))) return(invisible())
    Bs <- drop(B %*% s)
    B <<- B - tcrossprod(Bs) / sum(s * Bs) + tcrossprod(y) / sum(s * y)
  }
  function(x) {
    g <- objective$gradient(x)
    if (is.null(B)) {
      objective$at(x, 2L)
      exact <- objective$hessian(x)
      if (!all(is.finite(exact))) return(diag(length(x)))
      if (is.null(newton_direction(g, exact))) return(exact)
      B <<- exact
    } else if (!is.null(before)) {
      update(x, g)
    }
    before <<- list(x = x, g = g)
    B
  }
}

#' Maximise at one rule
#'
#' @param x Start, on the optimiser's scale.
#' @param final `FALSE` for a stage that only prepares the next one.
#' @param hessian Hessian of minus the log-likelihood to begin with, of a stage before this one.
#' @param none What to do where a search starts or ends without a finite value.
#' @return A list: `x`, `modes`, `result`, `value` and `hessian` there,
#'   `iterations`, `evaluations`, `message`.
#' @noRd
maximise <- function(problem, K, x, modes, final = TRUE, hessian = NULL, none = abort_not_finite) {
  order <- search_order(problem$design, problem$family)
  objective <- objective_at(problem, K, modes, order)
  if (is.null(hessian)) objective$at(x, 2L) # nlminb begins with it
  if (!is.finite(objective$value(x))) return(none(problem, K, x))
  model <- if (order == 2L) objective$hessian else hessian_model(objective, hessian)
  # nlminb compares the gain it predicts, g'B^-1 g / 2, with rel.tol |f|. The last digits are left
  # to the steps after it, which know when to stop.
  gain <- if (final) 3e5 * problem$control$tolerance else 1e-3
  tolerance <- max(4e-16, min(1e-6, gain / abs(objective$value(x))))
  found <- stats::nlminb(x, objective$value, objective$gradient, model, control = list(
    rel.tol = tolerance, x.tol = if (final) 1e-12 else 1e-4, abs.tol = 0,
    iter.max = problem$control$max_iterations, eval.max = 2L * problem$control$max_iterations
  ))
  if (!is.finite(objective$value(found$par))) found$par <- objective$best()
  if (!is.finite(objective$value(found$par))) return(none(problem, K))
  parts <- split_parameters(problem$design, problem$family, problem$map$psi(found$par))
  check_collapse(problem$design, problem$family, parts$phi, 1e-20)
  if (final) {
    goal <- problem$control$tolerance
    found$par <- newton_steps(objective, found$par, model, 0.3 * goal)
    found$par <- newton_steps(objective, found$par, objective$hessian, 0.5 * goal)
    # Not where kinks, at the edge of a link, are what stops the search.
    if (is.null(link_edge(problem$family))) found$par <- uphill_steps(objective, found$par, goal)
  }
  result <- objective$at(found$par, 2L)$result
  list(
    x = found$par, modes = result$modes, result = result, value = result$value,
    hessian = objective$hessian(found$par), iterations = found$iterations,
    evaluations = objective$evaluations(), message = found$message
  )
}

abort_start <- function() {
  abort("start", "The log-likelihood is not finite at `start`.",
    hint = "Leave out some of `beta`, `theta` and `phi`, or give values near the estimates."
  )
}

# No finite value: an error, or no fit.
# x: where the search starts; `NULL` at its end.
abort_not_finite <- function(problem, K, x = NULL) {
  family <- problem$family
  if (!is.null(problem$start) && identical(x, problem$start)) abort_start()
  if (ends_at_edge(problem)) abort_edge(problem)
  abort("no_likelihood", "The log-likelihood is not finite where the search starts or ends.",
    given = paste(
      "no finite value with", family$link, "link and", format_nodes(K), "quadrature points"
    ),
    hint = if (restricts_mean(family)) {
      "The link restricts the mean: random effects push it past its limit. Try another link."
    } else {
      "Give other values with `start`, or check the offset and the scale of the response."
    }
  )
}

no_fit <- function(problem, K, x = NULL) NULL

# nlminb stops on its own criteria, the package on g'H^-1 g: first by steps that cost a gradient,
# with the model of the Hessian, then with the exact one, which is needed at the end anyway.
newton_steps <- function(objective, x, hessian, tolerance) {
  for (step in 1:6) {
    H <- hessian(x) # the exact one comes with the gradient
    direction <- newton_direction(objective$gradient(x), H)
    if (is.null(direction) || direction$decrement < tolerance) break
    value <- objective$value(x)
    trial <- x - direction$step
    # So near the optimum a step leaves a thousandth of the decrement or less. If that will do, the
    # point is the last one, and its Hessian comes along with the gradient.
    if (1e-3 * direction$decrement < tolerance) objective$at(trial, 2L)
    if (!(objective$value(trial) <= value + 1e-10 * abs(value))) break
    x <- trial
  }
  x
}

# Where nlminb ends off a maximum, at a saddle or on a ridge, steps uphill in every direction.
uphill_steps <- function(objective, x, goal) {
  for (step in 1:20) {
    g <- objective$gradient(x)
    H <- objective$hessian(x)
    direction <- newton_direction(g, H)
    if (!is.null(direction) && direction$decrement < goal) break
    d <- uphill_direction(g, H)
    t <- if (!is.null(d)) length_that_pays(objective, x, d, sum(g * d), is.null(direction))
    # a value may be had where derivatives no longer can
    if (is.null(t) || !objective$at(x + t * d, 2L)$ok) break
    x <- x + t * d
  }
  x
}

# The Newton step with the sizes of the eigenvalues of H in their place, no longer than a unit of
# the predictor; NULL where the function is flat, as under separation.
uphill_direction <- function(g, H) {
  if (!all(is.finite(H)) || !all(is.finite(g))) return(NULL)
  spectrum <- eigen((H + t(H)) / 2, symmetric = TRUE)
  size <- pmax(abs(spectrum$values), 1e-10 * max(abs(spectrum$values)))
  d <- -drop(spectrum$vectors %*% (crossprod(spectrum$vectors, g) / size))
  if (all(is.finite(d))) d / max(1, sqrt(sum(d^2)))
}

# A step is halved until it pays; off a saddle, where the gradient says little of how far to go, it
# is doubled while that pays. NULL if no length does.
length_that_pays <- function(objective, x, d, slope, off_saddle) {
  value <- objective$value(x)
  pays <- function(t) objective$value(x + t * d) <= value + 1e-4 * t * slope
  t <- Find(pays, 2^-(0:12))
  if (is.null(t) || !off_saddle) return(t)
  further <- function(t) objective$value(x + 2 * t * d) < objective$value(x + t * d)
  while (2 * t * sqrt(sum(d^2)) <= 1 && further(t)) t <- 2 * t
  t
}

# H^-1 g, g'H^-1 g and the Cholesky factor for a positive definite H, otherwise NULL.
newton_direction <- function(gradient, hessian) {
  if (!all(is.finite(hessian)) || !all(is.finite(gradient))) return(NULL)
  R <- tryCatch(chol((hessian + t(hessian)) / 2), error = function(e) NULL)
  if (is.null(R)) return(NULL)
  half <- backsolve(R, gradient, transpose = TRUE)
  list(step = backsolve(R, half), decrement = sum(half^2), factor = R)
}

is_definite <- function(hessian) !is.null(newton_direction(numeric(nrow(hessian)), hessian))
