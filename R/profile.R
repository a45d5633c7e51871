# The likelihood along one quantity, all other parameters maximised: profile limits.
#
# A quantity is one entry of psi, or the standard deviation of a random effect, which is the length
# of a row of Lambda. A slice of the parameter space holds it at a value; its free parameters are
# the other entries and, for a row of Lambda, the direction of the row.

#' Slices
#'
#' @param psi Parameters the slice starts from.
#' @param entries Positions in psi that are held: at the value of the slice (`slice_entry()`),
#'   where they are (`slice_fixed()`), or at a length (`slice_row()`).
#' @return A list: `free`, the start; and functions of (free, value): `psi`; `gradient(.., g)`,
#'   `hessian(.., g, H)` and `slope(.., g)`, the derivatives in the free parameters and in the
#'   value, from those in psi.
#' @noRd
slice_entry <- function(psi, entries) {
  list(
    free = psi[-entries],
    psi = function(free, value) replace(replace(psi, -entries, free), entries, value),
    gradient = function(free, value, g) g[-entries],
    hessian = function(free, value, g, H) H[-entries, -entries, drop = FALSE],
    slope = function(free, value, g) sum(g[entries])
  )
}

slice_fixed <- function(psi, entries) {
  slice <- slice_entry(psi, entries)
  slice$psi <- function(free, value) replace(psi, -entries, free)
  slice
}

# The row of Lambda is value * w, w = (v + N t) / |v + N t|: v the direction at the start, N a basis
# of its complement, t free.
slice_row <- function(psi, entries) {
  v <- psi[entries]
  if (all(v == 0)) v[length(v)] <- 1
  v <- v / sqrt(sum(v^2))
  N <- qr.Q(qr(v), complete = TRUE)[, -1L, drop = FALSE]
  others <- seq_len(length(psi) - length(entries))
  direction <- function(free) {
    u <- v + drop(N %*% free[-others])
    size <- sqrt(sum(u^2))
    w <- u / size
    list(w = w, size = size, D = (N - w %*% crossprod(w, N)) / size)
  }
  list(
    free = c(psi[-entries], numeric(ncol(N))),
    psi = function(free, value) {
      replace(replace(psi, -entries, free[others]), entries, value * direction(free)$w)
    },
    gradient = function(free, value, g) {
      c(g[-entries], value * crossprod(direction(free)$D, g[entries]))
    },
    hessian = function(free, value, g, H) {
      at <- direction(free)
      J <- rbind(
        cbind(diag(length(others)), matrix(0, length(others), ncol(N))),
        cbind(matrix(0, length(entries), length(others)), value * at$D)
      )
      index <- c(seq_along(psi)[-entries], entries)
      out <- crossprod(J, H[index, index] %*% J)
      Ng <- crossprod(N, g[entries])
      Nw <- crossprod(N, at$w)
      gw <- sum(g[entries] * at$w)
      bend <- tcrossprod(Ng, Nw) + tcrossprod(Nw, Ng) + gw * diag(ncol(N)) - 3 * gw * tcrossprod(Nw)
      out[-others, -others] <- out[-others, -others] - value * bend / at$size^2
      out
    },
    slope = function(free, value, g) sum(g[entries] * direction(free)$w),
    turned = function(free) sqrt(sum(free[-others]^2))
  )
}

#' The log-likelihood of a fit as a function of psi, with a memory of the last point
#' @return A function of (psi, deriv) that returns what `engine_evaluate()` does; value -Inf where
#'   it can't be evaluated.
#' @noRd
likelihood_of <- function(fit) {
  last <- list(psi = NULL, deriv = -1L)
  modes <- fit$modes
  function(psi, deriv) {
    if (!identical(psi, last$psi) || last$deriv < deriv) {
      now <- engine_evaluate(fit$design, fit$family, psi, fit$rule$K, deriv, modes, fit$control)
      ok <- now$status == "ok" && is.finite(now$value)
      if (ok) modes <<- now$modes else now$value <- -Inf
      last <<- c(list(psi = psi, deriv = deriv), now)
    }
    last
  }
}

#' Maximise over a slice
#'
#' @param likelihood From `likelihood_of()`.
#' @param make Function of psi that returns a slice.
#' @param psi Start, off the slice or on it.
#' @param scale Reciprocal sizes of the parameters, for [stats::nlminb()].
#' @return A list: `psi`, `value` (log-likelihood), `slope` (its derivative in the quantity).
#' @noRd
maximise_slice <- function(likelihood, make, psi, value, scale) {
  newton <- length(psi) <= 60L
  for (turn in 1:6) {
    slice <- make(psi)
    free <- slice$free
    at <- function(free, deriv) likelihood(slice$psi(free, value), deriv)
    if (length(free)) {
      free <- search_slice(at, slice, value, slice_scale(slice, scale), newton)
    }
    psi <- slice$psi(free, value)
    if (is.null(slice$turned) || slice$turned(free) < 0.5) break
  }
  now <- at(free, 1L)
  list(psi = psi, value = now$value, slope = slice$slope(free, value, now$gradient))
}

search_slice <- function(at, slice, value, scale, newton) {
  order <- if (newton) 2L else 1L
  stats::nlminb(
    slice$free,
    function(free) -at(free, order)$value,
    function(free) -slice$gradient(free, value, at(free, 1L)$gradient),
    if (newton) {
      function(free) {
        now <- at(free, 2L)
        -slice$hessian(free, value, now$gradient, now$hessian)
      }
    },
    scale = scale,
    control = list(rel.tol = 1e-13, x.tol = 1e-10, abs.tol = 0, iter.max = 200L, eval.max = 400L)
  )$par
}

# Sizes of the free parameters; those of a direction are about 1.
slice_scale <- function(slice, scale) {
  free <- slice$free
  kept <- slice$gradient(free, 0, scale)
  replace(kept, kept == 0, 1)
}

# Quantities ------------------------------------------------------------------------------------

#' Quantities of a fit that can be profiled
#'
#' @return A list named by row of `confint()`; each has `entries` (positions in psi), `row` (of Z,
#'   or `NULL`), `estimate`, `gradient` (in psi), and `make` (its slice).
#' @noRd
profile_quantities <- function(fit) {
  psi <- unname(fit_psi(fit))
  p <- length(fit$beta)
  unit <- function(j) replace(numeric(length(psi)), j, 1)
  entry <- function(j, row = NULL) {
    list(
      entries = j, row = row, estimate = psi[j], gradient = unit(j),
      make = function(psi) slice_entry(psi, j)
    )
  }
  deviations <- lapply(seq_len(ncol(fit$design$Z)), function(r) {
    entries <- p + which(fit$design$theta_row == r - 1L)
    if (length(entries) == 1L) return(entry(entries, r))
    sd <- sqrt(sum(psi[entries]^2))
    list(
      entries = entries, row = r, estimate = sd,
      gradient = replace(numeric(length(psi)), entries, if (sd > 0) psi[entries] / sd else 0),
      make = function(psi) slice_row(psi, entries)
    )
  })
  out <- c(lapply(seq_len(p), entry), deviations, if (has_phi(fit$family)) {
    list(entry(length(psi)))
  })
  stats::setNames(out, c(names(fit$beta), deviation_names(fit)))
}

# Names of the standard deviations, sigma last.
deviation_names <- function(fit) {
  c(
    paste0("sd_", colnames(fit$design$Z), "|", fit$design$group),
    if (has_phi(fit$family)) "sigma"
  )
}

# Lambda without its row r, turned to be lower triangular again: the same covariance of the others.
without_row <- function(fit, psi, r) {
  design <- fit$design
  index <- length(fit$beta) + seq_along(design$theta_row)
  Lambda <- lambda_matrix(design, psi[index])
  for (term in design$random) {
    block <- term$columns
    others <- setdiff(block, r)
    if (!r %in% block || !term$correlated || !length(others)) next
    turned <- t(qr.R(qr(t(Lambda[others, block, drop = FALSE]), tol = 0)))
    Lambda[block, block] <- 0
    Lambda[others, others] <- turned[, seq_along(others)]
  }
  Lambda[r, ] <- 0
  psi[index] <- Lambda[cbind(design$theta_row, design$theta_col) + 1L]
  psi
}

# Limits ----------------------------------------------------------------------------------------

#' Profile limits of one quantity
#'
#' Where 2 (maximum - profile) reaches the quantile of chi^2 with 1 degree of freedom, by Newton's
#' method on its square root, whose derivative the slope gives. The lower limit of a standard
#' deviation is 0 if the profile does not reach the quantile before.
#'
#' @param likelihood,scale As in `maximise_slice()`.
#' @param quantity From `profile_quantities()`.
#' @param V Covariance of psi, for the first step.
#' @return Two numbers; infinite if the profile stays flat, `NA` if it can't be followed.
#' @noRd
profile_limits <- function(fit, quantity, level, likelihood, V, scale) {
  cutoff <- stats::qnorm((1 + level) / 2)
  direction <- drop(V %*% quantity$gradient)
  variance <- sum(direction * quantity$gradient)
  step <- if (variance > 0) cutoff * sqrt(variance) else max(0.5 * abs(quantity$estimate), 0.5)
  tangent <- if (variance > 0) direction / variance else 0 * direction
  limit <- function(side, outside = NULL) {
    last <- list(list(value = quantity$estimate, psi = unname(fit_psi(fit))))
    point <- function(value) {
      psi <- extrapolate(last, value, tangent)
      now <- maximise_slice(likelihood, quantity$make, psi, value, scale)
      if (is.finite(now$value)) {
        last <<- utils::tail(c(last, list(list(value = value, psi = now$psi))), 2L)
      }
      now
    }
    find_limit(point, quantity$estimate, fit$logLik, cutoff, side, step, outside)
  }
  if (is.null(quantity$row)) return(c(limit(-1), limit(1)))
  c(if (reaches_zero(fit, quantity, cutoff, likelihood, scale)) 0 else limit(-1, 0), limit(1))
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
    fit$design$theta_row == quantity$row - 1L | fit$design$theta_col == quantity$row - 1L
  )
  psi <- without_row(fit, psi, quantity$row)
  at_zero <- maximise_slice(
    likelihood, function(psi) slice_fixed(psi, entries), psi, 0, scale
  )
  2 * (fit$logLik - at_zero$value) <= cutoff^2
}

find_limit <- function(point, estimate, best, cutoff, side, step, outside = NULL) {
  inside <- estimate
  value <- estimate + side * step
  for (iteration in 1:60) {
    between <- !is.null(outside) && side * (outside - value) <= 0
    if (between || side * (value - inside) <= 0) value <- (inside + outside) / 2
    now <- point(value)
    zeta <- sqrt(max(0, 2 * (best - now$value)))
    if (best - now$value < -1e-4) warn_better(best, now$value)
    gap <- zeta - cutoff
    if (abs(gap) < 1e-7) return(value)
    if (gap < 0) inside <- value else outside <- value
    if (is.null(outside) && abs(value - estimate) > 1e3 * step) return(side * Inf)
    newton <- value - gap * zeta / -now$slope
    ahead <- is.finite(newton) && side * (newton - inside) > 0
    if (is.null(outside)) {
      furthest <- estimate + 4 * (inside - estimate)
      value <- if (ahead) side * min(side * newton, side * furthest) else furthest
    } else {
      value <- if (ahead && side * (outside - newton) > 0) newton else (inside + outside) / 2
      if (abs(outside - inside) < 1e-10 * step) break
    }
  }
  if (is.finite(zeta) && abs(gap) < 1e-3) value else NA_real_
}

warn_better <- function(best, value) {
  warn("profile", "The profile found a higher log-likelihood than the fit.",
    given = sprintf("%.6f, the fit has %.6f", value, best),
    hint = "The fit is a local maximum: refit it with other `start` values."
  )
}
