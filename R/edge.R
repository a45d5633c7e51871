# Links that restrict the mean, such as the log of a probability (see family-links.R): starts inside
# the range, and likelihoods that are largest at its edge.

# Large random effects may leave no mode inside the range: smaller ones are tried before giving up.
# Where the coefficients are at the edge themselves no effects have one, so that they are moved
# towards those of a constant mean, too.
feasible_start <- function(problem, x, level = NULL) {
  if (!restricts_mean(problem$family)) return(x)
  beta <- seq_len(fixed_count(problem$design))
  is_feasible <- function(x) is.finite(objective_at(problem, 1L, NULL, 1L)$value(x))
  constant <- if (!is.null(level)) constant_coefficients(problem, level)
  for (share in if (is.null(constant)) 0 else c(0, 0.05, 0.3, 1)) {
    for (factor in c(1, 0.3, 0.1, 0.03, 0.01, 0.001)) {
      trial <- problem$map$resize(x, factor)
      if (share > 0) trial[beta] <- (1 - share) * x[beta] + share * constant
      if (is_feasible(trial)) return(trial)
    }
  }
  x
}

# Coefficients, on the optimiser's scale, whose predictor is closest to a constant level. `NULL` if
# that is outside the range in some row.
constant_coefficients <- function(problem, level) {
  constant_at(problem$design, problem, level)
}

constant_at <- function(design, problem, level) UseMethod("constant_at")

#' @export
constant_at.default <- function(design, problem, level) {
  X <- design$X
  beta <- qr.coef(qr(X), rep(level, nrow(X)))
  eta <- drop(X %*% beta) + row_offset(design)
  if (!all(is.finite(beta)) || any(eta * inside_sign(problem$family) <= 0)) return(NULL)
  at <- seq_along(beta)
  backsolve(problem$map$M[at, at, drop = FALSE], beta)
}

#' The model without random effects where Newton steps have stopped at the edge
#'
#' @return `NULL` where the start GLM has converged or the link has no edge; otherwise a list:
#'   `beta` and `value` of the maximum within the range; `at_edge`, how many rows of `rows` have
#'   their mean at the edge there.
#' @noRd
edge_glm <- function(problem, start_glm) {
  if (!restricts_mean(problem$family) || start_glm$converged) return(NULL)
  if (!supports(problem$design, "factor") || !problem$map$free) return(NULL)
  start <- constant_coefficients(problem, start_glm$level)
  if (is.null(start)) return(NULL)
  design <- problem$design
  at <- seq_along(start)
  last <- numeric(aux_count(design, problem$family))
  whole <- function(x) c(x, numeric(theta_count(design)), rho_start(design), last)
  objective <- objective_at(problem, 1L, NULL, 1L)
  sign <- inside_sign(problem$family)
  X <- design_X(design) %*% problem$map$M[at, at]
  found <- tryCatch(
    stats::constrOptim(start, function(x) min(objective$value(whole(x)), 1e300),
      function(x) objective$gradient(whole(x))[at], ui = sign * X,
      ci = -sign * row_offset(design), outer.eps = 1e-9, control = list(reltol = 1e-12)
    ),
    error = function(e) NULL
  )
  if (is.null(found) || !is.finite(found$value)) return(NULL)
  beta <- drop(problem$map$M[at, at, drop = FALSE] %*% found$par)
  eta <- fixed_eta(design, beta)
  list(
    beta = beta, value = -found$value, at_edge = sum(abs(eta) < 1e-4), rows = row_count(design)
  )
}

# An end below the maximum without random effects has its true reason where that maximum is at the
# edge, and so has a search that finds no finite value, see abort_not_finite().
check_edge <- function(problem, fit) {
  if (ends_at_edge(problem) && !isTRUE(fit$value > problem$edge$value + 1e-6)) abort_edge(problem)
}

# Is the maximum without random effects at the edge?
ends_at_edge <- function(problem) isTRUE(problem$edge$at_edge > 0L)

abort_edge <- function(problem) {
  family <- problem$family
  edge <- problem$edge
  mean <- edge_mean(family)
  abort("edge", paste0(
    "The likelihood is largest where the mean of a row is ", mean, ", at the edge of the ",
    family$link, " link."
  ),
  given = paste(
    "without random effects the mean is", mean, "in", edge$at_edge, "of", edge$rows, "rows"
  ),
  hint = if (has_trials(family)) {
    c(
      "Use the logit link, and marginal_standardization() for risk ratios.",
      "Or gee(family = poisson()) with risk_ratios(), which has no edge."
    )
  } else {
    "Use a log link, which has no edge."
  })
}
