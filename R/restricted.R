# The restricted likelihood of any mixed model, by the adjusted profile of Cox and Reid (1987):
#
#   l_A(v) = l(beta_v, v) - log|J(v)| / 2 + p / 2 log(2 pi),   J = -d2 l / dbeta dbeta' at beta_v
#
# with v = (theta, rho, log phi), beta_v the maximum over beta at v, and l the log-likelihood of the
# rule of the fit. With a linear model it is REML exactly. It is maximised from the maximum of l:
# with the tangent B = dbeta_v / dv = J^-1 l_bv,
#
#   score        l_v + B'l_b - d log|J| / 2        along (B, I)
#   information  -(l_vv + l_vb B) + C,   C = Hessian of log|J| / 2 along the curve beta_v
#
# beta moves along the curve by Newton's method, so that a step costs one Hessian, and two more for
# each entry of v (one while a step is long). C is learnt from the scores of the steps (SR1) and
# computed once, at the end.

#' What a restricted fit needs to know of a model
#'
#' @param K Nodes per dimension.
#' @param goal Scaled gradient where the search ends.
#' @return A list: `design`, `family`, `control`, `K`, `goal`; `p`; `unit`, sizes of (theta, log
#'   phi) that count as one.
#' @noRd
restricted_problem <- function(design, family, K, control, start_glm, phi,
                               goal = 1e-6 * control$tolerance) {
  unit <- predictor_unit(family, log(phi)) * eta_unit(design, family, start_glm)
  list(
    design = design, family = family, control = control, K = K, goal = goal, p = ncol(design$X),
    unit = c(
      unit / theta_rms(design), rep(1, length(rho_names(design))), aux_unit(design, family)
    )
  )
}

#' Value, score and information near the curve beta_v
#'
#' @param psi (beta, theta, log phi).
#' @return A list: `psi`, `modes`; `loglik`, l; `R` (p x p), R'R = J; `log_det`, log|J| / 2;
#'   `value`; `slope` (p x t), B; `score` (without the derivative of log|J|), `information` (without
#'   C); `size`, the sizes of v that the data can tell apart; `beta_step` and its `decrement`.
#'   `NULL` where J is not positive definite or the likelihood is not finite.
#' @noRd
restricted_point <- function(problem, psi, modes) {
  now <- restricted_evaluate(problem, psi, modes, 2L)
  p <- problem$p
  beta <- seq_len(p)
  v <- p + seq_along(problem$unit)
  if (is.null(now)) return(NULL)
  H <- now$hessian
  R <- restricted_root(-H[beta, beta, drop = FALSE])
  if (is.null(R)) return(NULL)
  half <- backsolve(R, now$gradient[beta], transpose = TRUE)
  slope <- backsolve(R, backsolve(R, H[beta, v, drop = FALSE], transpose = TRUE))
  information <- -(H[v, v, drop = FALSE] + H[v, beta, drop = FALSE] %*% slope)
  log_det <- sum(log(diag(R)))
  list(
    psi = psi, modes = now$modes, loglik = now$value, R = R, log_det = log_det, slope = slope,
    value = now$value - log_det + p / 2 * log(2 * pi),
    score = now$gradient[v] + drop(crossprod(slope, now$gradient[beta])),
    information = (information + t(information)) / 2,
    size = pmin(1 / sqrt(abs(diag(information))), problem$unit),
    beta_step = backsolve(R, half), decrement = sum(half^2)
  )
}

restricted_evaluate <- function(problem, psi, modes, order, only_beta = FALSE) {
  now <- engine_evaluate(
    problem$design, problem$family, psi, problem$K, order, modes, problem$control,
    only_beta = only_beta
  )
  ok <- now$status == "ok" && is.finite(now$value) && all(is.finite(now$gradient)) &&
    (order < 2L || all(is.finite(now$hessian)))
  if (ok) now
}

# log|J| / 2 at psi, or NULL.
restricted_log_det <- function(problem, psi, modes) {
  now <- restricted_evaluate(problem, psi, modes, 2L, only_beta = TRUE)
  beta <- seq_len(problem$p)
  R <- if (!is.null(now)) restricted_root(-now$hessian[beta, beta, drop = FALSE])
  if (!is.null(R)) sum(log(diag(R)))
}

# R'R = J, or NULL. A Cholesky factor does not mind the units of the coefficients.
restricted_root <- function(J) {
  tryCatch(chol((J + t(J)) / 2), error = function(e) NULL)
}

# psi moved by `step` in v along the tangent.
restricted_move <- function(point, step) {
  point$psi + c(drop(point$slope %*% step), step)
}

# psi of the curve where v has moved by `step`: along the tangent, then by a few Newton steps in
# beta with the J of this point. `NULL` where the likelihood is not finite.
restricted_along <- function(problem, point, step) {
  psi <- restricted_move(point, step)
  beta <- seq_len(problem$p)
  psi[beta] <- psi[beta] + point$beta_step
  before <- 1
  for (iteration in 1:4) {
    gradient <- restricted_evaluate(problem, psi, point$modes, 1L)$gradient
    if (is.null(gradient)) return(NULL)
    half <- backsolve(point$R, gradient[beta], transpose = TRUE)
    decrement <- sum(half^2)
    if (decrement < 1e-12 || decrement > 0.1 * before) break
    psi[beta] <- psi[beta] + backsolve(point$R, half)
    # the next one would be as much smaller again
    if (decrement^2 < 1e-12 * before) break
    before <- decrement
  }
  psi
}

# The point there.
restricted_reach <- function(problem, point, step) {
  psi <- restricted_along(problem, point, step)
  if (!is.null(psi)) restricted_settle(problem, restricted_point(problem, psi, point$modes))
}

# Newton's method in beta, until the point is so near the curve that its value, in which log|J| is
# of first order in what is left, is that of the curve. `NULL` if that can't be reached.
restricted_settle <- function(problem, point) {
  beta <- seq_len(problem$p)
  for (iteration in 1:30) {
    if (is.null(point) || point$decrement < 1e-10) return(point)
    least <- point$loglik - 1e-10 * max(1, abs(point$loglik))
    for (share in 2^-(0:10)) {
      psi <- replace(point$psi, beta, point$psi[beta] + share * point$beta_step)
      trial <- restricted_point(problem, psi, point$modes)
      if (!is.null(trial) && trial$loglik >= least) break
    }
    point <- trial
  }
  NULL
}

#' d log|J| / dv / 2 along the curve, by differences along its tangent
#' @param central Good to 1e-8; if `FALSE` to 1e-4 of a size, at half of the cost.
#' @return t numbers, 0 where not active; `NULL` where a point next to this one has no value.
#' @noRd
restricted_adjustment <- function(problem, point, active, central = TRUE) {
  slope <- numeric(length(active))
  for (k in which(active)) {
    e <- replace(slope * 0, k, 3e-4 * point$size[k])
    ends <- lapply(list(e, if (central) -e else 0 * e), function(e) {
      if (!any(e != 0)) return(point$log_det)
      restricted_log_det(problem, restricted_move(point, e), point$modes)
    })
    if (any(lengths(ends) == 0L)) return(NULL)
    slope[k] <- (ends[[1L]] - ends[[2L]]) / ((1 + central) * e[k])
  }
  slope
}

#' C, the Hessian of log|J| / 2 along the curve beta_v, by central differences of second order
#'
#' Points off the tangent are put on the curve by a Newton step in beta.
#'
#' @return t x t, 0 in rows and columns that are not active.
#' @noRd
restricted_curvature <- function(problem, point, active) {
  t <- length(active)
  C <- matrix(0, t, t)
  h <- 0.02 * point$size
  at <- function(step) {
    psi <- restricted_along(problem, point, step)
    log_det <- if (!is.null(psi)) restricted_log_det(problem, psi, point$modes)
    log_det %||% NaN
  }
  unit <- function(k) replace(numeric(t), k, h[k])
  # f(e) + f(-e) - 2 f(0)
  bend <- function(e) at(e) + at(-e) - 2 * point$log_det
  for (k in which(active)) C[k, k] <- bend(unit(k))
  for (k in which(active)) {
    for (j in which(active & seq_len(t) < k)) {
      C[j, k] <- C[k, j] <- (bend(unit(j) + unit(k)) - C[j, j] - C[k, k]) / 2
    }
  }
  C / tcrossprod(h)
}

# Search -------------------------------------------------------------------------------------------

#' Maximise l_A over some of the entries of v
#'
#' @param active Which entries of v are free.
#' @param beat A value: a search that can't reach it, by twice what its steps promise, ends.
#' @param home Entries of v: a search that goes back to zero in all of them ends, too.
#' @return The last point, see [restricted_point()], with `C` as far as it is known, `adjustment`,
#'   `criterion` (scaled gradient of all parameters), `definite`, `converged`, `iterations`;
#'   `at_home`, whether it went back to zero; `NULL` where the search can't begin.
#' @noRd
restricted_search <- function(problem, psi, modes, active, beat = -Inf, home = integer(0L)) {
  now <- restricted_settle(problem, restricted_point(problem, psi, modes))
  if (is.null(now)) return(NULL)
  C <- matrix(0, length(active), length(active))
  before <- NULL
  central <- FALSE
  for (iteration in 1:60) {
    at <- restricted_direction(problem, now, before, C, active, central)
    now <- at$now
    if (is.null(now)) break
    now$iterations <- iteration
    now$at_home <- heads_home(problem, now, at$step, home)
    if (now$at_home || has_ended(problem, now, at$step, beat)) break
    C <- now$C
    central <- at$step$decrement < one_sided_until
    before <- now
    now <- restricted_line(problem, now, at$step$step)
    if (is.null(now)) break
  }
  # a step that is lost in rounding, leads where the criterion has no slope, or was the last one
  if (is.null(now$criterion)) now <- before
  if (is.null(now)) return(NULL)
  now$converged <- isTRUE(now$definite) && now$criterion < problem$control$tolerance
  now
}

one_sided_until <- 1e-2

# The point with its adjustment and what follows from it, and the next step. One-sided differences
# show the way; whether it has ended central ones say.
restricted_direction <- function(problem, now, before, C, active, central) {
  now$adjustment <- restricted_adjustment(problem, now, active, central)
  if (is.null(now$adjustment)) return(NULL)
  C <- learn_curvature(C, before, now)
  step <- restricted_step(now, C, active)
  if (!central && step$decrement < 1e-5) {
    return(restricted_direction(problem, now, before, C, active, TRUE))
  }
  now[c("C", "criterion", "definite")] <- list(C, step$decrement + now$decrement, step$definite)
  list(now = now, step = step)
}

# At its end, or where no step leads to the value `beat`.
has_ended <- function(problem, now, step, beat) {
  step$definite && (now$criterion < problem$goal || now$value + step$decrement < beat)
}

# Does the step nearly end at zero in these entries, from near by?
heads_home <- function(problem, now, step, home) {
  if (!length(home) || !step$definite) return(FALSE)
  theta <- now$psi[problem$p + home]
  all(abs(theta) < 0.5 * now$size[home] & abs(theta + step$step[home]) < 0.3 * abs(theta))
}

# SR1: the symmetric matrix next to C that explains the last change of the adjustment.
learn_curvature <- function(C, before, now) {
  if (is.null(before)) return(C)
  v <- seq_along(now$size) + length(now$psi) - length(now$size)
  s <- now$psi[v] - before$psi[v]
  rest <- now$adjustment - before$adjustment - drop(C %*% s)
  bend <- sum(rest * s)
  if (abs(bend) <= 1e-8 * sqrt(sum((rest * now$size)^2) * sum((s / now$size)^2))) return(C)
  C + tcrossprod(rest) / bend
}

# Newton's step in v where the information is positive definite; elsewhere with the sizes of its
# eigenvalues, which goes uphill too. No longer than two sizes.
restricted_step <- function(now, C, active) {
  step <- numeric(length(active))
  if (!any(active)) return(list(step = step, decrement = 0, definite = TRUE))
  size <- now$size[active]
  score <- size * (now$score - now$adjustment)[active]
  information <- (now$information + C)[active, active, drop = FALSE] * tcrossprod(size)
  spectrum <- eigen(information, symmetric = TRUE)
  values <- pmax(abs(spectrum$values), 1e-6 * max(abs(spectrum$values)))
  along <- drop(crossprod(spectrum$vectors, score))
  d <- drop(spectrum$vectors %*% (along / values))
  step[active] <- size * d * min(1, 2 / sqrt(sum(d^2)))
  list(
    step = step, decrement = sum(along^2 / values), definite = all(spectrum$values > 0)
  )
}

# The first point on the way that is no lower, but for rounding and for the distance that both
# points have from the curve.
restricted_line <- function(problem, now, step) {
  rounding <- 1e-10 * max(1, abs(now$value))
  for (share in 2^-(0:10)) {
    trial <- restricted_reach(problem, now, share * step)
    if (is.null(trial)) next
    slack <- rounding + sqrt(now$decrement + trial$decrement)
    if (trial$value >= now$value - slack) return(trial)
  }
  NULL
}
