# Gaussian responses with identity link: exact, by the profiled likelihood.

#' Maximise the profiled likelihood of a linear mixed model
#'
#' @param theta Start, relative to sigma, and rho; `start_given`: is it the user's?
#' @param held An entry of `theta` that a first search keeps, or `NULL`.
#' @return A list: `theta` (relative to sigma, and rho), `phi`, `beta`, `B`, `value`, `iterations`,
#'   `evaluations`, `message`.
#' @noRd
maximise_lmm <- function(design, REML, theta, control, start_given = FALSE, held = NULL) {
  scale <- profile_scale(design)
  limit <- residual_limit(design, stats::gaussian())
  centred <- centre_response(design, theta, control)
  design <- centred$design
  evaluations <- 0L
  last <- list(x = NULL)
  at <- function(x) {
    if (!identical(x, last$x)) {
      evaluations <<- evaluations + 1L
      last <<- list(x = x, result = engine_lmm(design, x / scale, NaN, REML, control))
    }
    last$result
  }
  if (at(theta * scale)$status != "ok") if (start_given) abort_start() else abort_exact()
  search <- function(start, free) {
    whole <- function(x) replace(start, free, x)
    found <- stats::nlminb(
      start[free],
      function(x) if (at(whole(x))$status == "ok") -at(whole(x))$value else Inf,
      function(x) -(at(whole(x))$gradient / scale)[free],
      control = list(
        rel.tol = 1e-14, x.tol = 1e-12, abs.tol = 0, iter.max = 10L * control$max_iterations,
        eval.max = 20L * control$max_iterations
      )
    )
    found$par <- whole(found$par)
    if (REML) found$par <- polish_reml(design, found$par, scale, at, control, free)
    found
  }
  start <- theta * scale
  if (length(held)) start <- search(start, seq_along(theta) != held)$par
  found <- search(start, rep(TRUE, length(theta)))
  found <- settle_rho(design, found, search, at)
  end <- at(found$par)
  if (REML && !is.null(limit) && runs_to(log(end$phi), limit)) {
    end <- settle_residual(design, end, found$par / scale, limit, control)
    found$par <- end$theta * scale
  }
  if (end$status != "ok" || end$phi < centred$rounding) abort_exact()
  c(
    list(theta = found$par / scale, beta = end$beta + centred$beta), end[c("phi", "B", "value")],
    list(iterations = found$iterations, evaluations = evaluations, message = found$message)
  )
}

# Entries of rho on their way to an end are held there, as snap_rho() does: beyond it a likelihood
# may have no value.
settle_rho <- function(design, found, search, at) {
  first <- length(design$theta_row)
  for (end in ends_ahead(design, found$par[-seq_len(first)])) {
    entry <- first + end$entry
    held <- search(replace(found$par, entry, end$at), seq_along(found$par) != entry)
    if (isTRUE(at(held$par)$value >= at(found$par)$value - end$slack)) found <- held
  }
  found
}

# A residual variance on its way to zero is held at its limit, and the other parameters are searched
# there; by maximum likelihood snap_dispersion() does it. Where that isn't as good, as it was.
settle_residual <- function(design, end, theta, limit, control) {
  end$theta <- theta
  unit <- profile_scale(design) * exp(limit$at / 2)^profile_power(design)
  at <- function(x) engine_lmm(design, x / unit, limit$at, TRUE, control)
  free <- seq_along(theta)
  start <- theta * profile_scale(design) * sqrt(end$phi)^profile_power(design)
  found <- stats::nlminb(
    start, function(x) if (at(x)$status == "ok") -at(x)$value else Inf,
    function(x) -(at(x)$gradient[free] / unit),
    control = list(rel.tol = 1e-14, x.tol = 1e-12)
  )
  x <- found$par
  for (step in 1:5) {
    derivatives <- reml_derivatives(design, x / unit, exp(limit$at), control)
    direction <- newton_direction(
      -derivatives$gradient[free], -derivatives$hessian[free, free, drop = FALSE]
    )
    if (is.null(direction) || direction$decrement < 1e-12) break
    x <- x - direction$step * profile_scale(design)
  }
  result <- at(x)
  beyond <- log(end$phi) < limit$at # what the log-likelihood gains there is rounding
  if (!beyond && !isTRUE(result$value >= end$value - 1e-5)) return(end)
  c(list(theta = x / unit, phi = exp(limit$at)), result[c("status", "beta", "B", "value")])
}

# The profile's parameters are (theta / sigma, rho): the power of sigma that each is divided by.
profile_power <- function(design) {
  rep(c(1, 0), c(length(design$theta_row), length(rho_names(design))))
}

# The size of the change of each that moves the predictor by about one.
profile_scale <- function(design) {
  c(theta_rms(design), rep(1, length(rho_names(design))))
}

# The residual sum of squares is a difference of sums of squares: a large mean is taken off first.
# Returns the design of the residuals from a first `beta`, and the `rounding` of a residual
# variance: of the response itself, and of the sums of squares that are left.
centre_response <- function(design, theta, control) {
  y <- design$y - row_offset(design)
  beta <- engine_lmm(design, theta, NaN, FALSE, control)$beta
  if (length(beta) != ncol(design$X) || !all(is.finite(beta))) beta <- numeric(ncol(design$X))
  design <- response_less(design, beta)
  list(
    design = design, beta = beta,
    rounding = max(1e-24 * mean(y^2), 1e-15 * mean(design$y^2))
  )
}

# Newton steps in the entries that are free on the unprofiled criterion; beyond nlminb's own
# tolerance.
polish_reml <- function(design, x, scale, at, control, free) {
  for (step in 1:3) {
    now <- at(x)
    derivatives <- reml_derivatives(design, x / scale, now$phi, control)
    active <- c(free & (x != 0 | profile_power(design) == 0), TRUE)
    direction <- newton_direction(
      -derivatives$gradient[active], -derivatives$hessian[active, active, drop = FALSE]
    )
    if (is.null(direction) || direction$decrement < 1e-14) break
    change <- numeric(length(x) + 1L)
    change[active] <- direction$step
    # from (theta, log phi) back to theta relative to sigma
    power <- profile_power(design)
    theta <- x / scale * sqrt(now$phi)^power - change[seq_along(x)]
    trial <- theta * scale / sqrt(now$phi * exp(-change[length(change)]))^power
    if (!(at(trial)$value >= now$value - 1e-9 * abs(now$value))) break
    x <- trial
  }
  x
}

#' Hessian of the REML criterion in (theta, rho, log phi), theta on the absolute scale
#'
#' Central differences of the exact gradient in (theta / sigma, log phi). At a stationary point the
#' change of parameters needs the Jacobian only.
#'
#' @return list(hessian, gradient).
#' @noRd
reml_derivatives <- function(design, theta_relative, phi, control) {
  design <- centre_response(design, theta_relative, control)$design
  x <- c(theta_relative, log(phi))
  t <- length(theta_relative)
  # NaN where nearly dependent covariates leave X'V^-1 X without a factor
  gradient <- function(x) {
    found <- engine_lmm(design, x[seq_len(t)], x[t + 1L], TRUE, control)$gradient
    if (length(found)) found else rep(NaN, t + 1L)
  }
  power <- profile_power(design)
  large <- pmax(1, abs(theta_relative * profile_scale(design))^power) # next to a residual of zero
  step <- 1e-4 * c(large / profile_scale(design), 1)
  H <- vapply(seq_along(x), function(k) {
    e <- replace(numeric(t + 1L), k, step[k])
    (8 * (gradient(x + e) - gradient(x - e)) - (gradient(x + 2 * e) - gradient(x - 2 * e))) /
      (12 * step[k])
  }, numeric(t + 1L))
  J <- rbind(
    cbind(diag(1 / sqrt(phi)^power, t), -theta_relative / 2 * power), c(rep(0, t), 1)
  )
  list(hessian = crossprod(J, ((H + t(H)) / 2) %*% J), gradient = drop(crossprod(J, gradient(x))))
}
