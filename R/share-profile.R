# Profile likelihood limits of functions of all parameters: shares of variance.

# Limits of the rows of a table of ratios, as [variance_ratios()] has them.
with_profile_limits <- function(table, fit, rows, level) {
  check_likelihood(fit$design, "A profile", wald_hint)
  fit <- ml_version(fit)
  if (!has_free_entries(fit$design)) {
    abort("argument", "Shares of structured covariances have Wald limits only.",
      given = "method = \"profile\""
    )
  }
  cutoff <- sqrt(stats::qchisq(level, 1))
  inside <- table$estimate > 1e-12 & table$estimate < 1 & is.finite(table$std.error)
  for (row in rownames(table)[inside]) {
    others <- if (row == "distribution") c("fixed", "adjusted")
    limits <- function_limits(fit, ratio_function(fit, rows, row), cutoff,
      zero = zero_of(fit, rows, row),
      one = unlist(lapply(others, function(other) zero_of(fit, rows, other)))
    )
    table[row, c("conf.low", "conf.high")] <- stats::plogis(limits)
  }
  table
}

# The parameters that are zero where a ratio is: none where the variance of the responses' own
# distribution is its part.
zero_of <- function(fit, rows, row) {
  p <- length(fit$beta)
  if (row == "distribution") return(integer())
  if (row == "fixed") return(which(apply(rows$X, 2L, function(x) any(x != x[1L]))))
  blocks <- random_blocks(fit$design)
  block <- match(row, random_part_names(blocks))
  if (is.na(block)) return(p + seq_along(fit$theta))
  p + which(theta_rows(fit$design) %in% blocks[[block]]$columns)
}

# The logit of a ratio, by its name in [variance_ratios()], as a function of psi.
ratio_function <- function(fit, rows, row) {
  function(psi) {
    now <- with_psi(fit, psi)
    logit_ratio(if (row == "response") {
      response_ratio(now, means_of_rows(now, rows))
    } else {
      latent_ratios(now, latent_rows(now, rows))[[row]]
    })
  }
}

# Without the means, which take integrals, where no part needs them.
latent_rows <- function(fit, rows) {
  if (identical(fact_of_link(fit$family, "latent"), "lognormal")) return(means_of_rows(fit, rows))
  rows$eta <- fixed_predictor(fit, rows)
  rows
}

with_psi <- function(fit, psi) {
  parts <- split_parameters(fit$design, fit$family, psi)
  fit[c("theta", "rho", "phi")] <- parts[c("theta", "rho", "phi")]
  fit$coefficients[!is.na(fit$coefficients)] <- parts$beta
  fit$Lambda[] <- lambda_matrix(fit$design, parts$theta)
  fit
}

logit_ratio <- function(ratio) {
  share <- share_quantity(ratio)
  list(
    value = stats::qlogis(share$value),
    gradient = share$gradient / (share$value * (1 - share$value))
  )
}

#' Profile likelihood limits of a function of the parameters
#'
#' @param h Function of psi that returns a list: `value`, `gradient`.
#' @param zero,one Entries of psi that are zero where h is -Inf and Inf.
#' @return Two numbers, as of [find_limit()].
#' @noRd
function_limits <- function(fit, h, cutoff, zero, one) {
  space <- profile_space(fit)
  psi <- space$psi
  scale <- parameter_scale(space$V)
  free <- which(diag(space$V) > 0)
  V <- space$V[free, free, drop = FALSE]
  likelihood <- likelihood_of(fit)
  start <- h(psi)
  direction <- drop(V %*% start$gradient[free])
  variance <- sum(start$gradient[free] * direction)
  tangent <- replace(0 * psi, free, direction / variance)
  vapply(c(-1, 1), function(side) {
    end <- if (side < 0) zero else one
    at_end <- replace(psi, end, 0)
    if (length(end) && within_cutoff(fit, likelihood, at_end, end, cutoff, scale)) {
      return(side * Inf)
    }
    last <- list(list(value = start$value, psi = psi))
    maximum <- constrained_maximum(likelihood, h, free, V)
    point <- function(value) {
      now <- maximum(extrapolate(last, value, tangent), value)
      if (is.finite(now$value)) {
        last <<- utils::tail(c(last, list(list(value = value, psi = now$psi))), 2L)
      }
      now
    }
    find_limit(point, start$value, fit$logLik, cutoff, side, cutoff * sqrt(variance))
  }, 0)
}

#' The maximum of the likelihood where h(psi) = value
#'
#' Newton's method on the Lagrangian log L - lambda (h - value); lambda is the slope of the profile.
#' The Hessian of log L is that at the fit, carried along by BFGS updates.
#'
#' @param free Entries of psi that are searched; `V` their covariance.
#' @return A function of a start and a value, which returns a list: `psi`, `value`, `slope`.
#' @noRd
constrained_maximum <- function(likelihood, h, free, V) {
  precision <- solve(V)
  function(psi, value) {
    model <- hessian_model(list(gradient = function(x) {
      -likelihood(replace(psi, free, x), 1L)$gradient[free]
    }), precision)
    lambda <- 0
    for (iteration in 1:60) {
      now <- likelihood(psi, 1L)
      at <- h(psi)
      if (!is.finite(now$value) || !all(is.finite(at$gradient))) break
      A <- at$gradient[free]
      H <- -model(psi[free]) - lambda * curvature_of(h, psi, free, V)
      if (!is_uphill(H, A)) H <- -precision # a stationary point ahead is no maximum
      move <- tryCatch(
        solve(rbind(cbind(H, -A), c(A, 0)), c(-now$gradient[free], value - at$value)),
        error = function(e) NULL
      )
      if (is.null(move)) break
      step <- move[seq_along(free)]
      size <- sqrt(sum(step * (precision %*% step))) # in standard errors
      lambda <- move[length(move)]
      if (size < 1e-5) return(list(psi = psi, value = now$value, slope = lambda))
      psi[free] <- psi[free] + step * min(1, 1 / size)
    }
    list(psi = psi, value = -Inf, slope = lambda)
  }
}

# Is a quadratic with Hessian H concave where A'step is given?
is_uphill <- function(H, A) {
  N <- qr.Q(qr(A), complete = TRUE)[, -1L, drop = FALSE]
  !ncol(N) || is_definite(-crossprod(N, H %*% N))
}

# Second derivatives of h, by differences of its gradient over a thousandth of a standard error.
curvature_of <- function(h, psi, free, V) {
  step <- 1e-3 * sqrt(diag(V))
  C <- vapply(seq_along(free), function(j) {
    moved <- function(sign) {
      h(replace(psi, free[j], psi[free[j]] + sign * step[j]))$gradient[free]
    }
    (moved(1) - moved(-1)) / (2 * step[j])
  }, 0 * step)
  (C + t(C)) / 2
}
