# The likelihood along one quantity, all other parameters maximised: profile limits.
#
# A quantity is one entry of psi, or the standard deviation of a random effect, which is the length
# of a row of Lambda. A slice of the parameter space (see profile-slices.R) holds it at a value.

#' The log-likelihood of a fit as a function of psi, with a memory of the last point
#'
#' psi has free parameters: those of [structured_space()] where the entries of Lambda are not free.
#'
#' @return A function of (psi, deriv) that returns what `engine_evaluate()` does; value -Inf where
#'   it can't be evaluated.
#' @noRd
likelihood_of <- function(fit) {
  evaluate <- evaluate_free(fit)
  limit <- residual_limit(fit$design, fit$family)
  last <- list(psi = NULL, deriv = -1L)
  modes <- fit$modes
  function(psi, deriv) {
    if (!identical(psi, last$psi) || last$deriv < deriv) {
      now <- evaluate(above_limit(psi, limit), deriv, modes)
      ok <- now$status == "ok" && is.finite(now$value)
      # a search stops where there is no value, and goes on where there is no Hessian
      if (ok) modes <<- now$modes else now[c("value", "gradient")] <- list(-Inf, 0 * psi)
      if (!ok || !all(is.finite(now$hessian))) now$hessian <- -diag(length(psi))
      last <<- c(list(psi = psi, deriv = deriv), now)
    }
    last
  }
}

evaluate_free <- function(fit) {
  at <- function(psi, deriv, modes) {
    engine_evaluate(fit$design, fit$family, psi, fit$rule$K, deriv, modes, fit$control)
  }
  if (has_free_entries(fit$design)) at else structured_evaluate(structured_space(fit)$map, at)
}

# What profiles are made in: `psi`, free parameters at the estimates; `V`, their covariance; and
# the `quantities`.
profile_space <- function(fit) {
  if (!has_free_entries(fit$design)) return(structured_space(fit))
  V <- unname(fit$vcov_full)
  V[is.na(V)] <- 0
  list(psi = unname(fit_psi(fit)), V = V, quantities = profile_quantities(fit))
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
  deviations <- lapply(deviation_columns(fit$design), function(r) {
    entries <- p + which(theta_rows(fit$design) == r)
    if (length(entries) == 1L) return(entry(entries, r))
    sd <- sqrt(sum(psi[entries]^2))
    list(
      entries = entries, row = r, estimate = sd,
      gradient = replace(numeric(length(psi)), entries, if (sd > 0) psi[entries] / sd else 0),
      make = function(psi) slice_row(psi, entries)
    )
  })
  related <- lapply(p + length(fit$theta) + seq_along(fit$rho), entry)
  out <- c(lapply(seq_len(p), entry), deviations, related,
    lapply(last_entries(seq_along(psi), aux_count(fit$design, fit$family)), entry)
  )
  stats::setNames(out, c(names(fit$beta), deviation_names(fit)))
}

# Columns of Z whose effects have a standard deviation of their own.
deviation_columns <- function(design) setdiff(seq_len(ncol(design$Z)), repeated_columns(design))

# Names of the standard deviations, sigma last, or the coefficients of the dispersion.
deviation_names <- function(fit) {
  columns <- deviation_columns(fit$design)
  groups <- group_labels(fit$design)[column_groups(fit$design)][columns]
  names <- column_names(fit$design)[columns]
  c(
    ifelse(columns %in% smooth_columns_of(effect_terms(fit$design)), paste0("sd_", groups),
      paste0("sd_", names, "|", groups)
    ), reading_names(fit$design),
    if (has_dispersion_formula(fit$design)) {
      aux_names(fit$design, fit$family)
    } else if (has_phi(fit$family)) {
      dispersion_name(fit$family)
    }
  )
}

# Lambda without its row r, turned to be lower triangular again: the same covariance of the others.
without_row <- function(fit, psi, r) lose_row(fit$design, psi, r)

lose_row <- function(design, psi, r) {
  index <- ncol(design$X) + seq_along(design$theta_row)
  Lambda <- lambda_matrix(design, psi[index])
  for (term in design$random) {
    block <- term$columns
    others <- setdiff(block, r)
    turns <- term$correlated && length(others) && !has_rank(term)
    if (!r %in% block || !turns) next
    turned <- t(qr.R(qr(t(Lambda[others, block, drop = FALSE]), tol = 0)))
    Lambda[block, block] <- 0
    Lambda[others, others] <- turned[, seq_along(others)]
  }
  Lambda[r, ] <- 0
  psi[index] <- Lambda[cbind(design$theta_row, design$theta_col) + 1L]
  psi
}
