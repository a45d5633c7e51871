# A random effect without a distribution to assume: masses at a few locations, as many and where the
# likelihood wants them (nonparametric maximum likelihood).

#' Random effects at mass points, by nonparametric maximum likelihood
#'
#' @description
#' ```
#' fit <- glmm(cbind(r, n - r) ~ seed * extract + (1 | plate), seeds, binomial())
#' mass_points(fit)
#' AIC(fit, mass_points(fit, points = 2))
#' ```
#'
#' @details
#' `mass_points()` refits a model without assuming a distribution for its random effect: the
#' likelihood is maximised over the coefficients and any distribution G (Laird 1978; Lindsay 1983).
#' The maximum has masses pi_k at a few locations b_k:
#' ```
#' log L = sum_i log sum_k pi_k f_i(y_i | b_k).
#' ```
#' Points are added one at a time where the gradient function (see [diagnose_distribution()]) is
#' largest; after each, all coefficients, locations and masses are maximised together with exact
#' gradient and Hessian. The search ends when no further point can add 1e-3 to the log-likelihood at
#' these coefficients, as the gradient function shows, or at the number of `points` asked for.
#'
#' If Z is a column of X, as for a random intercept in a model with an intercept, the effects have
#' mean zero. A location that runs to infinity, as for clusters without events, is held where means
#' are 1e-6 from the end of their range, and a note says so; the mean of zero is then that of the
#' other locations.
#'
#' Standard errors are for the given number of points. They don't allow for choosing it, and say
#' nothing about the points of the unrestricted maximum, whose number grows with the data. `AIC()`
#' counts two parameters for each point after the first, a common but rough rule.
#'
#' @param fit A fit of [glmm()] with one random effect and a family without a dispersion (binomial,
#'   Poisson).
#' @param points Number of mass points; `NULL` (the default): as many as raise the likelihood.
#' @param x,object The result.
#' @param digits Significant digits to print.
#' @param ... Not used.
#' @return An object of class `margmix_mass_points` with methods `coef()`, `vcov()`, `logLik()` (and
#'   so `AIC()`), `nobs()`, `print()`. It is a list: `beta`; `points`, a data frame with `location`,
#'   `mass`, their standard errors, and `held`, the location used in the computation; `sd` of the
#'   effects; `logLik`; `vcov` of the coefficients; `vcov_full` of (beta, locations, masses);
#'   `posterior`, the probability of each point for each cluster (clusters x points); `gain`, a
#'   bound for what more points could add to the log-likelihood at these coefficients; `fit`.
#' @section Conditions: errors `margmix_error_distribution` (more than one random effect, or a
#'   family with a dispersion) and `margmix_error_argument`; warning `margmix_warning_convergence`;
#'   notes `margmix_note_mass_points` (a location at the end of its range; fewer points than asked
#'   for).
#' @references
#' Laird, N. (1978). Nonparametric maximum likelihood estimation of a mixing distribution. *Journal
#' of the American Statistical Association* 73, 805-811.
#'
#' Lindsay, B. G. (1983). The geometry of mixture likelihoods: a general theory. *Annals of
#' Statistics* 11, 86-94.
#' @examples
#' fit <- glmm(cbind(r, n - r) ~ seed * extract + (1 | plate), seeds, binomial(), nAGQ = 7)
#' mass_points(fit)
#' @order 1
#' @export
mass_points <- function(fit, points = NULL, ...) {
  check_dots(..., known = names(formals(mass_points)))
  check_glmm(fit)
  check_one_effect(fit)
  if (has_phi(fit$family)) {
    abort("distribution", "Mass points are for families without a dispersion.",
      given = family_label(fit$family), hint = "binomial() and poisson() have none."
    )
  }
  if (!is.null(points) && (!is_count(points) || points < 1)) {
    abort("argument", "`points` must be NULL or a whole number of mass points, at least 1.",
      given = some_of(points)
    )
  }
  problem <- mass_point_problem(fit)
  found <- grow_points(problem, points %||% 25L)
  if (!is.null(points) && found$K < points) {
    note("mass_points", "Fewer points already reach the highest likelihood.",
      given = paste(found$K, "of", points)
    )
  }
  new_mass_points(fit, problem, found)
}

#' What the search needs of a fit
#'
#' @return A list: `design` (with its rows' common covariates as they are), `family`, `control`;
#'   `origin`, the column of X that is Z, or none; `beta`, to start from; `range`, of locations.
#' @noRd
mass_point_problem <- function(fit) {
  design <- fit$design
  X <- design_X(design)
  origin <- Find(function(j) all(X[, j] == design_Z(design)[, 1L]), seq_len(ncol(X)))
  beta <- fit$beta
  if (length(origin)) beta[origin] <- 0
  list(
    design = design, family = fit$family, control = fit$control, origin = origin, beta = beta,
    start = if (length(origin)) fit$beta[[origin]] else 0,
    range = location_range(fit, drop(X %*% beta) + row_offset(design))
  )
}

# Beyond these locations all means are at an end of their range, within 1e-6 (of counts: of their
# mean, or above the largest).
location_range <- function(fit, fixed) {
  y <- row_response(fit$design)
  ends <- if (has_trials(fit$family)) {
    c(1e-6, 1 - 1e-6)
  } else {
    c(1e-6 * (mean(y) + 1 / length(y)), 10 * (max(y) + 1))
  }
  size <- max(abs(design_Z(fit$design)))
  (fit$family$linkfun(ends) - rev(range(fixed))) / size
}

# Search ------------------------------------------------------------------------------------------

#' Points one by one, each where the gradient function is largest
#'
#' @return A list: `psi` (beta, locations, log masses over the last), `K`, `at`, the engine's result
#'   there, `gain`, m (max Delta - 1), `converged`.
#' @noRd
grow_points <- function(problem, most) {
  found <- settle_points(problem, list(beta = problem$beta, a = problem$start, pi = 1))
  repeat {
    top <- best_direction(problem, found)
    found$gain <- top$gain
    if (found$K >= most || top$gain < 1e-3) return(found)
    wider <- settle_points(problem, list(
      beta = found$psi[seq_along(problem$beta)], a = c(found$a, top$b),
      pi = c(0.9 * found$pi, 0.1)
    ))
    # a point that the maximum does not want
    if (wider$at$value < found$at$value + 1e-6) return(found)
    found <- wider
  }
}

# Where a little mass adds most to the log-likelihood, and a bound for what it adds.
best_direction <- function(problem, found) {
  b <- seq(problem$range[1L], problem$range[2L], length.out = 401L)
  points <- c(b, found$a)
  log_f <- engine_conditional_density(
    problem$design, problem$family, found$psi[seq_along(problem$beta)], NULL, points,
    problem$control
  )
  at_points <- log_f[-seq_along(b), , drop = FALSE] + log(found$pi)
  top <- apply(at_points, 2L, max)
  total <- top + log(colSums(exp(at_points - rep(top, each = nrow(at_points)))))
  delta <- rowMeans(exp(log_f[seq_along(b), ] - rep(total, each = length(b))))
  list(b = b[which.max(delta)], gain = ncol(log_f) * (max(delta) - 1))
}

# The maximum over all parameters from these, without points that have merged or lost their mass.
settle_points <- function(problem, start) {
  repeat {
    found <- maximise_points(problem, start)
    keep <- found$pi > 1e-5
    order <- order(found$a)
    close <- order[-1L][diff(found$a[order]) < 1e-4 * diff(problem$range)]
    keep[close] <- FALSE
    if (all(keep)) return(found)
    start <- list(
      beta = found$psi[seq_along(problem$beta)], a = found$a[keep],
      pi = found$pi[keep] / sum(found$pi[keep])
    )
  }
}

maximise_points <- function(problem, start) {
  p <- length(problem$beta)
  K <- length(start$a)
  psi <- unname(c(start$beta, start$a, log(start$pi[-K] / start$pi[K])))
  free <- setdiff(seq_along(psi), problem$origin)
  last <- NULL
  at <- function(x, order = 2L) {
    if (!identical(last$x, x)) {
      now <- engine_mass_points(
        problem$design, problem$family, replace(psi, free, x), order, problem$control
      )
      last <<- list(x = x, now = now)
    }
    last$now
  }
  lower <- rep(c(-Inf, problem$range[1L], -Inf), c(p, K, K - 1L))
  upper <- rep(c(Inf, problem$range[2L], Inf), c(p, K, K - 1L))
  search <- stats::nlminb(psi[free],
    function(x) if (at(x)$status == "ok") -at(x)$value else Inf,
    function(x) -at(x)$gradient[free], function(x) -at(x)$hessian[free, free, drop = FALSE],
    lower = lower[free], upper = upper[free],
    control = list(rel.tol = 1e-14, x.tol = 1e-10, iter.max = 300L, eval.max = 600L)
  )
  psi[free] <- search$par
  a <- psi[p + seq_len(K)]
  list(
    psi = psi, K = K, a = a, pi = masses_of(psi[p + K + seq_len(K - 1L)]), at = at(psi[free]),
    at_end = a <= problem$range[1L] | a >= problem$range[2L], free = free
  )
}

masses_of <- function(alpha) {
  alpha <- c(alpha, 0)
  mass <- exp(alpha - max(alpha))
  mass / sum(mass)
}
