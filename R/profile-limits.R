# Profiles of quantities: how they are visited and followed, and their limits.

#' Visit the profiles of some rows of `confint()`
#'
#' Of a restricted fit those of standard deviations are of the restricted likelihood, those of
#' coefficients of the likelihood.
#'
#' @param visit Function of a profile, a list: `row`, `fit` (which has the maximum), `quantity`
#'   (from [profile_quantities()]), `likelihood`, `psi` (estimates), `V` (their covariance), `scale`
#'   (as in [maximise_slice()]), and `printed`, from values of the quantity to those that are
#'   printed.
#' @return A list by row of what `visit` returned; `NULL` where nothing was estimated.
#' @noRd
visit_profiles <- function(fit, rows, visit) {
  check_likelihood(fit$design, "A profile", wald_hint)
  if (!isTRUE(fit$REML) || !length(fit$beta)) {
    return(visit_rows(fit, rows, likelihood_of(fit), visit))
  }
  out <- vector("list", length(rows))
  deviations <- rows %in% deviation_names(fit)
  if (any(deviations)) {
    restricted <- restricted_profile(fit)
    out[deviations] <-
      visit_rows(restricted$fit, rows[deviations], restricted$likelihood, visit)
  }
  if (!all(deviations)) {
    ml <- ml_version(fit)
    out[!deviations] <- visit_rows(ml, rows[!deviations], likelihood_of(ml), visit)
  }
  out
}

visit_rows <- function(fit, rows, likelihood, visit) {
  space <- profile_space(fit)
  scale <- parameter_scale(space$V)
  lapply(rows, function(row) {
    quantity <- space$quantities[[row]]
    if (is.null(quantity)) return(NULL)
    visit(list(
      row = row, fit = fit, quantity = quantity, likelihood = likelihood, psi = space$psi,
      V = space$V, scale = scale, printed = printed_scale(fit, quantity, row)
    ))
  })
}

# As [maximise_slice()] wants it, from the covariance of the parameters.
parameter_scale <- function(V) ifelse(diag(V) > 0, 1 / sqrt(diag(V)), 1)

printed_scale <- function(fit, quantity, row) {
  if (isTRUE(quantity$log)) return(exp)
  if (row %in% c("sigma", "phi")) return(function(x) exp(x * sigma_power(fit$family)))
  reading_named(fit$design, row) %||% identity
}

# The direction in which the other parameters follow the quantity, and a first step of `cutoff`
# standard errors.
first_step <- function(profile, cutoff) {
  quantity <- profile$quantity
  direction <- drop(profile$V %*% quantity$gradient)
  variance <- sum(direction * quantity$gradient)
  if (variance <= 0) return(list(size = max(0.5 * abs(quantity$estimate), 0.5), tangent = 0))
  list(size = cutoff * sqrt(variance), tangent = direction / variance)
}

# A function of a value: the maximum of its slice, searched from where the last two point to.
walk_profile <- function(profile, tangent) {
  quantity <- profile$quantity
  last <- list(list(value = quantity$estimate, psi = profile$psi))
  function(value) {
    psi <- extrapolate(last, value, tangent)
    now <- maximise_slice(profile$likelihood, quantity$make, psi, value, profile$scale)
    if (is.finite(now$value)) {
      last <<- utils::tail(c(last, list(list(value = value, psi = now$psi))), 2L)
    }
    now
  }
}

#' Profile limits of one quantity
#'
#' Where 2 (maximum - profile) reaches the square of the cutoff, by Newton's method on its square
#' root, whose derivative the slope gives. The lower limit of a standard deviation is 0 if the
#' profile does not reach the cutoff before.
#'
#' @param profile From [visit_profiles()].
#' @return Two numbers; infinite if the profile stays flat, `NA` if it can't be followed.
#' @noRd
profile_limits <- function(profile, cutoff) {
  c(profile_limit(profile, cutoff, -1), profile_limit(profile, cutoff, 1))
}

profile_limit <- function(profile, cutoff, side) {
  quantity <- profile$quantity
  outside <- if (side < 0 && !is.null(quantity$row)) 0
  if (!is.null(outside) &&
    reaches_zero(profile$fit, quantity, cutoff, profile$likelihood, profile$scale)) {
    return(0)
  }
  step <- first_step(profile, cutoff)
  find_limit(walk_profile(profile, step$tangent), quantity$estimate, profile$fit$logLik, cutoff,
    side, step$size, outside
  )
}

extrapolate <- function(last, value, tangent) {
  from <- last[[length(last)]]
  if (length(last) > 1L && last[[1L]]$value != from$value) {
    tangent <- (from$psi - last[[1L]]$psi) / (from$value - last[[1L]]$value)
  }
  from$psi + tangent * (value - from$value)
}

reaches_zero <- function(fit, quantity, cutoff, likelihood, scale) {
  psi <- unname(fit_psi(fit))
  if (quantity$estimate == 0) return(TRUE)
  entries <- length(fit$beta) + which(
    theta_rows(fit$design) == quantity$row | theta_columns(fit$design) == quantity$row
  )
  psi <- without_row(fit, psi, quantity$row)
  if (!is.null(quantity$space)) { # where these entries are among free parameters
    psi <- quantity$space$x(psi)
    entries <- quantity$touched
  }
  within_cutoff(fit, likelihood, psi, entries, cutoff, scale)
}

# Has the likelihood, maximised with some parameters as they are in psi, not fallen to the cutoff?
within_cutoff <- function(fit, likelihood, psi, entries, cutoff, scale) {
  held <- maximise_slice(
    likelihood, function(psi) slice_fixed(psi, entries), psi, 0, scale
  )
  2 * (fit$logLik - held$value) <= cutoff^2
}

#' Newton's method on sqrt(2 (best - profile)) - cutoff, kept between a point inside the interval
#' and one outside
#'
#' @param point Function of a value: the maximum of its slice.
#' @param side -1 or 1.
#' @param outside A value known to lie outside, or `NULL`.
#' @noRd
find_limit <- function(point, estimate, best, cutoff, side, step, outside = NULL) {
  known <- list(inside = estimate, outside = outside)
  value <- next_value(estimate + side * step, known, estimate, side, estimate + side * step)
  for (iteration in 1:60) {
    now <- point(value)
    if (best - now$value < -1e-4) warn_better(best, now$value)
    zeta <- sqrt(max(0, 2 * (best - now$value)))
    gap <- zeta - cutoff
    if (abs(gap) < 1e-6) return(value)
    known[[if (gap < 0) "inside" else "outside"]] <- value
    flat <- is.null(known$outside) && abs(value - estimate) > 1e3 * step
    if (flat) return(side * Inf)
    newton <- value + gap * zeta / now$slope
    value <- next_value(newton, known, estimate, side)
    if (!is.null(known$outside) && abs(known$outside - known$inside) < 1e-10 * step) break
  }
  if (is.finite(gap) && abs(gap) < 1e-3) value else NA_real_
}

# The proposal if it lies between what is known, else the middle; with nothing known outside, at
# most four times as far from the estimate as before.
next_value <- function(proposal, known, estimate, side,
                       furthest = estimate + 4 * (known$inside - estimate)) {
  ahead <- is.finite(proposal) && side * (proposal - known$inside) > 0
  if (is.null(known$outside)) {
    if (ahead) side * min(side * proposal, side * furthest) else furthest
  } else {
    before <- ahead && side * (known$outside - proposal) > 0
    if (before) proposal else (known$inside + known$outside) / 2
  }
}

warn_better <- function(best, value) {
  warn("profile", "The profile found a higher log-likelihood than the fit.",
    given = sprintf("%.6f, the fit has %.6f", value, best),
    hint = "The fit is a local maximum: refit it with other `start` values."
  )
}
