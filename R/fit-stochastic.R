# Large designs with several grouping factors: a start by stochastic gradients, which need no
# factorisation, and a finish by exact ones.

#' Maximise a large design
#'
#' 1. Newton steps with the stochastic gradient and the average information until they are small,
#'    first with a part of the rows if there are many;
#' 2. a Newton step with the Hessian, by differences of the stochastic gradient with the same random
#'    signs, whose error is of second order in what matters: steps and standard errors;
#' 3. Newton steps with the exact gradient and that Hessian until the scaled gradient meets the
#'    criterion of every fit.
#'
#' @param x Start on the optimiser's scale.
#' @return As [maximise()], or `NULL` if the way leads to a zero variance or does not settle, where
#'   the general optimiser is to be used.
#' @noRd
maximise_stochastic <- function(problem, x) {
  start <- problem
  start$design <- with_blocks(problem$design)
  signs <- random_signs(sign_length(start$design), 8L, sign_seed(problem))
  found <- stochastic_optimum(start, problem$map$psi(x), signs)
  if (!is.null(found)) exact_finish(problem, found)
}

# The start, and the step with the Hessian, or the steps to the end: of a list with the `probes` of
# its gradient.
stochastic_optimum <- function(problem, psi, signs, enough = 0) {
  found <- stochastic_start(problem, sampled_start(problem, psi, signs), signs)
  if (!is.null(found)) stochastic_newton(problem, found, enough)
}

# Is the design large enough for the detour to pay, and the family one it is made for?
suits_stochastic <- function(problem) {
  design <- problem$design
  plan <- elimination_plan(design)
  least <- if (supports(design, "unrelated")) 2e6 else 3e8
  large <- !is.null(plan) && (plan$flops > least || !supports(design, "factor"))
  large && has_average_information(problem$family) && has_stochastic_gradient(design) &&
    has_full_covariance(design) && !has_dispersion_formula(design)
}

has_stochastic_gradient <- function(design) {
  supports(design, "unrelated") ||
    !supports(design, "curves") && length(elimination_plan(with_blocks(design))$blocks) > 0L
}

# Where levels are related the blocks of the factors take the place of an elimination. They are in
# the plan of a design that is too large to factor; another one gets them if their dense parts are
# much less work than the factor. The only block of one column is the factor.
with_blocks <- function(design) {
  plan <- elimination_plan(design)
  one <- ncol(design$Z) == 1L
  if (one || supports(design, "unrelated") || length(plan$blocks)) return(design)
  other <- with_plan(design, budget = 0)
  dense <- vapply(elimination_plan(other)$blocks, function(block) length(block$at) - block$head, 0)
  if (sum(dense^3) < 0.5 * plan$flops) other else design
}

# One for each effect that is left when those of the largest factor are eliminated.
sign_length <- function(design) length(elimination_plan(design)$owner_start) - 1L

# Signs from a seed of their own; the user's generator is left as it was.
probe_seed <- 20240229L

sign_seed <- function(problem) problem$control$seed %||% probe_seed

random_signs <- function(size, count, seed = probe_seed) {
  with_seed(seed, matrix(sample(c(-1, 1), size * count, TRUE), size, count))
}

stochastic_step <- function(problem, psi, modes, probes, tolerance, information) {
  out <- engine_stochastic_step(problem, psi, modes, probes, tolerance, information)
  if (out$status != "ok" || !all(is.finite(out$gradient))) return(NULL)
  out
}

# Where the largest factor has many levels, some of them bring the search near enough for two steps
# with all rows.
sampled_start <- function(problem, psi, signs) {
  problem$design <- sample_levels(problem$design)
  if (is.null(problem$design)) return(psi)
  size <- sign_length(problem$design)
  if (nrow(signs) != size) signs <- random_signs(size, ncol(signs), sign_seed(problem))
  stochastic_start(problem, psi, signs, near = 1)$psi %||% psi
}

#' A tenth, and at least 500, of the levels of the largest factor, with their rows
#'
#' All levels stay in the design, with or without rows. The choice is that of [sample_clusters()].
#' @noRd
sample_levels <- function(design) UseMethod("sample_levels")

#' @export
sample_levels.default <- function(design) NULL

# Of related levels, rows that are spread over the design, at least 2,000: a field loses the places
# without rows; a tree or a series without data somewhere is the same process.
#' @export
sample_levels.margmix_related <- function(design) {
  part <- max(0.1, 2000 / row_count(design))
  if (part > 0.25) return(NULL)
  rows <- spread_choice(row_count(design), part)
  design <- keep_rows(design, rows)
  design$groups <- lapply(design$groups, function(group) {
    group$index <- group$index[rows]
    keep_places(group)
  })
  design$start <- c(0L, length(rows))
  with_plan(design, budget = 0)
}

# A field with the places of the rows alone.
keep_places <- function(group) {
  if (!inherits(group$relation, "margmix_field")) return(group)
  kept <- sort(unique(group$index)) + 1L
  group$index <- match(group$index + 1L, kept) - 1L
  group$levels <- group$levels[kept]
  if (length(group$cluster) > 1L) group$cluster <- group$cluster[kept]
  relation <- group$relation
  relation[c("role", "parent_start", "parent")] <- NULL
  relation$places <- relation$places[, kept, drop = FALSE]
  for (name in c("block", "names", "together")) relation[[name]] <- relation[[name]][kept]
  order <- engine_field_order(relation)$order
  group$relation <- structure(
    with_parents(relation, order, dense = 0), class = class(group$relation)
  )
  group
}

#' @export
sample_levels.margmix_crossed <- function(design) {
  start <- design$plan$run_start
  m <- length(start) - 1L
  part <- max(0.1, 500 / m)
  if (part > 0.25) return(NULL)
  chosen <- spread_choice(m, part)
  rows <- sequence(diff(start)[chosen], start[chosen] + 1L)
  design <- keep_rows(design, rows)
  design$groups <- lapply(design$groups, function(group) {
    group$index <- group$index[rows]
    group
  })
  design$start <- c(0L, length(rows))
  design$plan <- engine_plan(design, budget = 0)
  design
}

near_enough <- function(way, design) UseMethod("near_enough")

#' @export
near_enough.default <- function(way, design) if (supports(design, "factor")) 1e-3 else 0.03

#' @export
near_enough.margmix_exact <- function(way, design) 1

stochastic_start <- function(problem, psi, signs, near = NULL) {
  design <- problem$design
  p <- fixed_count(design)
  diagonal <- p + which(on_diagonal(design))
  scale <- column_rms(design_Z(design))[theta_rows(design)[diagonal - p]]
  unit <- predictor_unit(problem$family, psi[length(psi)])
  modes <- NULL
  # A step leaves less than 1e-3 of the decrement, or a tenth: the average information of a linear
  # model is within a per cent of the Hessian, that of another one within a quarter. The Hessian is
  # wanted near enough to the optimum for one step with the exact gradient.
  near <- near %||% near_enough(problem$way, design)
  for (step in 1:25) {
    now <- stochastic_step(problem, psi, modes, signs, 1e-3, TRUE)
    direction <- if (!is.null(now)) newton_direction(now$gradient, now$information)
    if (is.null(direction)) return(NULL)
    modes <- now$modes
    # No sd falls below a third or grows beyond three times at once, no rho moves more than one.
    ratio <- direction$step[diagonal] / psi[diagonal]
    share <- min(
      1, 0.67 / max(-ratio, 0.1), 2 / max(ratio, 0.1), 1 / abs(direction$step[rho_in_psi(design)])
    )
    psi <- psi + share * direction$step
    if (any(abs(psi[diagonal]) * scale < 0.02 * unit)) return(NULL)
    if (length(ends_ahead(design, psi[rho_in_psi(design)]))) return(NULL)
    if (share == 1 && direction$decrement < near) {
      probes <- if (length(now$probes)) now$probes else signs
      return(list(psi = psi, modes = modes, probes = probes, steps = step))
    }
  }
  NULL
}

# Gradient and Hessian (of minus the log-likelihood), and the Newton step with them; `NULL` where it
# is not positive definite. Factors that are hard to tell apart leave errors of solutions in the
# gradient, which longer steps bear.
stochastic_newton <- function(problem, found, enough) {
  unrelated <- supports(problem$design, "unrelated")
  out <- engine_stochastic_hessian(
    problem, found$psi, found$modes, found$probes, 1e-7,
    (if (unrelated) 0.05 else 1) * difference_steps(problem$design, found$psi),
    is_linear(problem$family) && unrelated, enough
  )
  if (out$status != "ok") return(NULL)
  direction <- newton_direction(out$gradient, out$hessian)
  if (is.null(direction)) return(NULL)
  list(
    psi = if (enough > 0) out$psi else out$psi + direction$step, gradient = out$gradient,
    modes = out$modes, hessian = out$hessian, steps = found$steps + out$steps
  )
}

# A Hessian that is right to 1e-3 leaves 1e-6 of the decrement. One that is not, as of the variance
# of a factor with few levels, is no good for standard errors either: the general optimiser goes on
# from there, with exact ones.
exact_finish <- function(problem, found) {
  psi <- found$psi
  now <- list(modes = found$modes, value = -Inf)
  hessian <- crossprod(problem$map$M, found$hessian %*% problem$map$M)
  least <- Inf
  for (evaluations in 1:4) {
    before <- now$value
    now <- engine_evaluate(
      problem$design, problem$family, psi, 1L, 1L, now$modes, problem$control
    )
    if (now$status != "ok" || !is.finite(now$value)) return(NULL)
    if (now$value < before - 1e-9 * abs(before)) return(NULL)
    direction <- newton_direction(now$gradient, found$hessian)
    if (direction$decrement < problem$control$tolerance) break
    x <- problem$map$x(psi)
    if (evaluations == 4L || direction$decrement > least) {
      return(maximise(problem, 1L, x, now$modes, hessian = hessian))
    }
    least <- max(1e-5 * direction$decrement, 10 * problem$control$tolerance)
    psi <- psi + direction$step
  }
  now$hessian <- -found$hessian
  list(
    x = problem$map$x(psi), modes = now$modes, result = now, value = now$value,
    hessian = hessian, iterations = found$steps + evaluations - 1L, evaluations = evaluations,
    message = "stochastic start, exact finish"
  )
}

# Very large designs ------------------------------------------------------------------------------

#' Fit a design whose factorisation is too large
#'
#' The stochastic gradient is maximised to the end, with eight fixed vectors of signs; the
#' log-likelihood is estimated by Lanczos quadrature, with eight more, and comes with its Monte
#' Carlo sd (`rule$mc_sd`).
#'
#' @return See [search_of()].
#' @section Errors: `too_large`, if the family is not one of those the stochastic gradient is for,
#'   or the search does not settle inside.
#' @noRd
fit_iterative <- function(problem, x) {
  design <- problem$design
  count <- 16L
  signs <- random_signs(sign_length(design), count, sign_seed(problem))
  found <- if (suits_stochastic(problem)) {
    # until the criterion of every fit is met
    enough <- 0.5 * problem$control$tolerance
    stochastic_optimum(problem, problem$map$psi(x), signs[, 1:8], enough)
  }
  if (is.null(found)) check_factorable(design, "this family, or a zero variance.")
  hessian <- found$hessian
  estimate <- engine_laplace_estimate(
    design, problem$family, found$psi, found$modes, signs, problem$control
  )
  result <- c(
    list(value = estimate$value, gradient = found$gradient, hessian = -hessian, status = "ok"),
    estimate["modes"]
  )
  fit <- list(
    x = problem$map$x(found$psi), modes = estimate$modes, result = result,
    value = estimate$value, hessian = crossprod(problem$map$M, hessian %*% problem$map$M),
    iterations = found$steps, evaluations = 0L, message = "stochastic gradients"
  )
  rule <- rule_record(problem, 1L)
  rule[c("method", "mc_sd", "probes", "seed")] <-
    list("Laplace", estimate$sd, count, sign_seed(problem))
  list(fit = fit, rule = rule)
}
