# The map of the optimiser where entries of Lambda depend on each other (see random-covariance.R):
# it searches in parameters tau, the engine evaluates in the entries.

#' The map from the optimiser's x to psi where entries of Lambda depend on each other
#'
#' x has beta and free entries on the scale of [parameter_map()], and of each other term its tau,
#' with standard deviations in units of `scale`.
#'
#' @param M,scale As there, of a model with free entries; `scale` is that of theta.
#' @return As [parameter_map()], and `layout`, from [structured_layout()].
#' @noRd
structured_map <- function(design, M, scale) {
  layout <- structured_layout(design, M, scale)
  list(
    free = FALSE, M = M, layout = layout,
    psi = function(x) structured_psi(layout, x),
    x = function(psi) structured_x(layout, psi),
    gradient = function(x, g) drop(crossprod(structured_jacobian(layout, x), g)),
    hessian = function(x, g, H) structured_hessian(layout, x, g, H),
    resize = function(x, factor) structured_resize(layout, x, factor),
    active = function(x, theta) structured_active(layout, x),
    signs = function(Lambda) rep(1, ncol(Lambda)), # its map leaves no choice
    covariance = function(x, curvature, active, names) {
      structured_covariance(layout, x, curvature, active, names)
    }
  )
}

# Where the parts of x and psi are. `last`: positions of rho and log phi, which both have at their
# end.
structured_layout <- function(design, M, scale) {
  p <- ncol(design$X)
  terms <- covariance_terms(design)
  ends <- p + cumsum(vapply(terms, `[[`, 1L, "size"))
  terms <- Map(function(term, end) {
    sds <- scale[match(term$columns - 1L, design$theta_row)]
    if (term$deviations == 1L) sds <- mean(sds)
    c(term, list(
      x = end - term$size + seq_len(term$size), psi = p + term$entries,
      scale = scale[term$entries], shift = c(log(sds), numeric(term$size))[seq_len(term$size)]
    ))
  }, terms, ends)
  last <- seq_len(nrow(M) - p - length(scale))
  X <- max(ends) + length(last)
  list(
    beta = seq_len(p), M = M[seq_len(p), seq_len(p), drop = FALSE], P = nrow(M), X = X,
    last = list(x = max(ends) + last, psi = p + length(scale) + last), terms = terms
  )
}

# The entries of each term with their derivatives in x; g is the gradient in psi.
structured_parts <- function(layout, x, g = numeric(layout$P)) {
  lapply(layout$terms, function(term) {
    at <- x[term$x]
    if (!term$free) {
      return(engine_covariance_entries(term$kind, term$q, at + term$shift, g[term$psi]))
    }
    list(
      entries = term$scale * at, jacobian = diag(term$scale, length(at)),
      bend = matrix(0, length(at), length(at))
    )
  })
}

structured_psi <- function(layout, x) {
  out <- c(drop(layout$M %*% x[layout$beta]), numeric(layout$P - length(layout$beta)))
  found <- structured_parts(layout, x)
  for (k in seq_along(found)) out[layout$terms[[k]]$psi] <- found[[k]]$entries
  out[layout$last$psi] <- x[layout$last$x]
  out
}

# Back from psi; not quite from variances of zero and correlations of 1, where nothing moves.
structured_x <- function(layout, psi) {
  out <- c(backsolve(layout$M, psi[layout$beta]), numeric(layout$X - length(layout$beta)))
  for (term in layout$terms) {
    out[term$x] <- if (term$free) {
      psi[term$psi] / term$scale
    } else {
      tau <- engine_covariance_parameters(term$kind, term$q, psi[term$psi])
      pmin(pmax(tau - term$shift, -10), 10)
    }
  }
  out[layout$last$x] <- psi[layout$last$psi]
  out
}

# d psi / d x, P x X.
structured_jacobian <- function(layout, x, found = structured_parts(layout, x)) {
  J <- matrix(0, layout$P, layout$X)
  J[layout$beta, layout$beta] <- layout$M
  for (k in seq_along(found)) {
    J[layout$terms[[k]]$psi, layout$terms[[k]]$x] <- found[[k]]$jacobian
  }
  J[cbind(layout$last$psi, layout$last$x)] <- 1
  J
}

structured_hessian <- function(layout, x, g, H) {
  found <- structured_parts(layout, x, g)
  J <- structured_jacobian(layout, x, found)
  out <- crossprod(J, H %*% J)
  for (k in seq_along(found)) {
    at <- layout$terms[[k]]$x
    out[at, at] <- out[at, at] + found[[k]]$bend
  }
  out
}

structured_resize <- function(layout, x, factor) {
  for (term in layout$terms) {
    sds <- term$x[seq_len(term$deviations)]
    if (term$free) x[term$x] <- factor * x[term$x] else x[sds] <- x[sds] + log(factor)
  }
  x
}

# Inverse of the observed information over the active parameters x, carried over to psi: what does
# not move with them has none.
structured_covariance <- function(layout, x, curvature, active, names) {
  H <- structured_hessian(layout, x, curvature$gradient, curvature$hessian)
  J <- structured_jacobian(layout, x)
  found <- invert_information(diag(length(x)), list(
    gradient = drop(crossprod(J, curvature$gradient)), hessian = H
  ), active, NULL)
  J <- J[, active, drop = FALSE]
  found$vcov <- named_square(J %*% found$vcov[active, active] %*% t(J), names)
  still <- rowSums(J^2) == 0
  found$vcov[still, ] <- found$vcov[, still] <- NA_real_
  found
}

# Boundary -----------------------------------------------------------------------------------------

# Which of x are not at an end of their range, and have an effect of their own: a correlation of
# fewer than two effects has none, and beside a zero variance two of them may have one together.
structured_active <- function(layout, x) {
  active <- is.finite(x)
  found <- structured_parts(layout, x)
  for (k in seq_along(found)) {
    term <- layout$terms[[k]]
    at <- term$x[active[term$x]]
    if (term$free || !length(at)) next
    J <- found[[k]]$jacobian[, match(at, term$x), drop = FALSE]
    moves <- qr(J, tol = 1e-9)
    active[setdiff(at, at[moves$pivot[seq_len(moves$rank)]])] <- FALSE
  }
  active
}

# The logarithm of a standard deviation has no slope far down, wherever the maximum is. So the
# search is repeated from the middle of the range of what has come to an end.
settle_structured <- function(problem, K, fit) {
  fit <- at_ends(problem, K, fit)
  for (attempt in 1:3) {
    ends <- which(!is.finite(fit$x))
    starts <- unique(c(if (length(ends)) list(ends), as.list(ends)))
    others <- lapply(starts, function(at) {
      x <- pmax(pmin(replace(fit$x, at, -0.5), 10), -10)
      at_ends(problem, K, maximise(problem, K, x, NULL))
    })
    best <- Reduce(function(a, b) if (b$value > a$value + 1e-7) b else a, others, fit)
    if (identical(best, fit)) break
    fit <- best
  }
  fit
}

# Standard deviations that are zero, and correlations at an end of their range, but for rounding are
# put there, if the log-likelihood allows it.
at_ends <- function(problem, K, fit) {
  layout <- problem$map$layout
  before <- fit$x
  for (term in layout$terms) {
    sds <- term$x[seq_len(term$deviations)]
    for (k in sds[fit$x[sds] < log(1e-3)]) {
      fit <- take_if_as_good(problem, K, fit, replace(fit$x, k, -Inf))
    }
    for (k in setdiff(if (!term$free) term$x[abs(fit$x[term$x]) > log(1e3)], sds)) {
      fit <- take_if_as_good(problem, K, fit, replace(fit$x, k, sign(fit$x[k]) * Inf))
    }
  }
  if (!identical(fit$x, before)) {
    objective <- objective_at(problem, K, fit$modes, 2L)
    x <- newton_steps_within(objective, fit$x, which(structured_active(layout, fit$x)))
    fit <- take_if_as_good(problem, K, fit, x)
  }
  snap_dispersion(problem, K, fit)
}
