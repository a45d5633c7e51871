# A variance of zero is a maximum of the likelihood, but perhaps not the highest one.

#' Search once from large random effects before a variance is said to be zero
#'
#' In small data the likelihood may fall from zero and rise again, to a higher maximum, or towards a
#' limit without end. Not looked for with crossed factors: no other rule than Laplace is there to
#' confirm what that finds so far out.
#'
#' @param fitted See [search_of()], settled at a zero variance.
#' @return `fitted`, or the higher maximum in the same form.
#' @section Conditions: warning `second_maximum`: the likelihood is higher far out, without a
#'   maximum that a fine rule confirms.
#' @noRd
beyond_zero <- function(problem, fitted) {
  if (!supports(problem$design, "quadrature") || !problem$map$free) return(fitted)
  x <- far_start(problem, fitted)
  if (is.null(x)) return(fitted)
  # what goes wrong far out says nothing of the maximum at zero
  other <- tryCatch(
    search_from(problem$way, problem, fitted, x),
    margmix_error = function(e) NULL
  )
  if (is.null(other)) return(fitted)
  gain <- maximum_of(other) - maximum_of(fitted)
  if (gain < max(problem$control$auto_tolerance, other$rule$error)) return(fitted)
  if (is_proper(problem$way, problem, other)) return(with_rule_of(problem, other, fitted))
  report_second_maximum(problem, fitted, other)
  fitted
}

maximum_of <- function(fitted) if (is.null(fitted$reml)) fitted$fit$value else fitted$reml$value

# A point with large effects in place of the zero ones, all of them or one by one, and the other
# parameters as these want them. `NULL` where none comes near the maximum at zero: from there to the
# best of the likelihood far out its profile changes little. Of many clusters, some can tell.
far_start <- function(problem, fitted, near = 1) {
  design <- problem$design
  x <- fitted$fit$x
  theta <- theta_in_psi(design)
  zero <- zero_columns(design, x[theta])
  if (!length(zero)) return(NULL)
  diagonal <- theta[on_diagonal(design) & theta_columns(design) %in% zero]
  size <- 5 * predictor_unit(problem$family, x[length(x)])
  problem$design <- some_clusters(design)
  objective <- objective_at(problem, far_nodes(problem$way, design), NULL, 2L)
  best <- list(x = NULL, value = objective$value(x) + near)
  for (entries in unique(c(list(diagonal), as.list(diagonal)))) {
    start <- feasible_start(problem, replace(x, entries, size))
    if (!is.finite(objective$value(start))) next
    start <- newton_steps_within(objective, start, seq_along(x)[-theta])
    if (objective$value(start) < best$value) best <- list(x = start, value = objective$value(start))
  }
  best$x
}

# The maximum uphill from x, by a rule that is fine enough there.
search_from <- function(way, problem, fitted, x) UseMethod("search_from")

#' @export
search_from.margmix_exact <- function(way, problem, fitted, x) {
  other <- fit_lmm(problem, x)
  if (is.null(other$reml)) other$fit <- settle_zeros(problem, 1L, other$fit)
  other
}

#' @export
search_from.default <- function(way, problem, fitted, x) {
  coarse <- maximise(problem, far_nodes(way, problem$design), x, NULL, final = FALSE)
  if (coarse$value < fitted$fit$value - 0.3) return(NULL)
  problem$nAGQ <- "auto"
  refined <- withCallingHandlers(
    fit_by_rules(problem, x, coarse),
    margmix_note_quadrature = function(n) invokeRestart("muffleMessage")
  )
  refined$fit <- settle_zeros(problem, refined$rule$K, refined$fit)
  refined
}

# Not the way to a limit at infinite variance, nor what the error of a rule makes of it.
is_proper <- function(way, problem, other) UseMethod("is_proper")

#' @export
is_proper.margmix_exact <- function(way, problem, other) TRUE

#' @export
is_proper.default <- function(way, problem, other) {
  fit <- other$fit
  psi <- problem$map$psi(fit$x)
  theta <- split_parameters(problem$design, problem$family, psi)$theta
  estimate <- list(Lambda = lambda_matrix(problem$design, theta))
  gradient <- -problem$map$gradient(fit$x, fit$result$gradient)
  direction <- newton_direction(gradient, fit$hessian)
  !is.null(direction) && direction$decrement < 1e-6 &&
    other$rule$error <= 2 * problem$control$auto_tolerance && # a bound, twice what was asked for
    !length(large_sds(problem$design, problem$family, estimate))
}

# With the points that were asked for, if that maximum is the higher one by them too.
with_rule_of <- function(problem, other, fitted) {
  if (fitted$rule$auto || !has_nodes(problem$way)) return(other)
  near <- other$fit
  fit <- maximise(problem, fitted$rule$K, near$x, near$modes, hessian = near$hessian)
  fit <- or_from_other_sizes(problem, fitted$rule$K, near$x, fit)
  fit <- settle_zeros(problem, fitted$rule$K, fit)
  if (fit$value > fitted$fit$value) list(fit = fit, rule = fitted$rule) else fitted
}

report_second_maximum <- function(problem, fitted, other) {
  digits <- function(x) format(round(x, 3L), nsmall = 3L)
  must <- "The likelihood has a maximum at a variance of zero, but is higher where it is large."
  warn("second_maximum", must, given = paste0(
    "log-likelihood ", digits(maximum_of(fitted)), " at zero and at least ",
    digits(maximum_of(other) - other$rule$error), " far out, where no maximum was found"
  ),
  hint = "The estimates are those at zero. The data are too few to tell: simplify the model."
  )
}
