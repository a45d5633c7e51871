# Small designs with several grouping factors, and the Laplace approximation written out densely.

#' @param random Right-hand side of the formula after `y ~ x +`.
#' @return A list: `design`, `psi`.
#' @noRd
toy_groups <- function(family, random = "(x | a) + (1 | b)", n = 48L, seed = 1) {
  set.seed(seed)
  d <- data.frame(
    x = rnorm(n) / 2, a = sample(rep_len(1:6, n)), b = sample(rep_len(letters[1:5], n)),
    c = sample(rep_len(1:3, n)), w = rep_len(c(1, 2, 0.5), n), y = 0
  )
  d$o <- toy_level(family) + 0.1 * rnorm(n)
  binary <- has_trials(family)
  formula <- as.formula(paste("y ~ x + offset(o) +", random))
  design <- front(formula, transform(d, y = seq_len(n) %% 2), gaussian())$design
  design$weights <- d$w[design$order %||% seq_len(n)]
  design$trials <- if (binary) rep_len(c(1, 3, 2), n) else rep(1, n)
  diagonal <- design$theta_row == design$theta_col
  theta <- ifelse(diagonal, 0.4, 0.15)
  beta <- c(-0.1, 0.15)
  phi <- toy_phi(family)
  model <- list(design = design, psi = c(beta, theta, log(phi)))
  V <- groups_V(design, theta)
  repeat {
    eta <- drop(design$offset + design$X %*% beta + V %*% rnorm(ncol(V)))
    if (toy_valid(family, eta)) break
  }
  mu <- family$linkinv(eta)
  model$design$y <- as.numeric(switch(family$family,
    binomial = rbinom(n, design$trials, mu), poisson = rpois(n, mu),
    gaussian = rnorm(n, mu, sqrt(phi / design$weights)),
    family_tools(family)$simulate(mu, design$trials, phi, 1)
  ))
  model
}

# V = Z Lambda with a block of columns for each level, dense.
groups_V <- function(design, theta) {
  Lambda <- matrix(0, ncol(design$Z), ncol(design$Z))
  Lambda[cbind(design$theta_row, design$theta_col) + 1L] <- theta
  V <- design$Z %*% Lambda
  do.call(cbind, lapply(design$groups, function(group) {
    indicator <- outer(group$index, seq_along(group$levels) - 1L, "==")
    do.call(cbind, lapply(group$columns, function(c) V[, c] * indicator))
  }))
}

# First and second derivatives of the rows' log densities by six-point differences.
brute_derivatives <- function(density, eta, h = 0.02) {
  f <- lapply(-3:3, function(k) density(eta + k * h))
  list(
    g = (f[[7]] - 9 * f[[6]] + 45 * f[[5]] - 45 * f[[3]] + 9 * f[[2]] - f[[1]]) / (60 * h),
    W = -(2 * f[[7]] - 27 * f[[6]] + 270 * f[[5]] - 490 * f[[4]] + 270 * f[[3]] - 27 * f[[2]] +
      2 * f[[1]]) / (180 * h^2)
  )
}

dense_laplace <- function(model, family, psi = model$psi) {
  design <- model$design
  p <- ncol(design$X)
  V <- groups_V(design, psi[p + seq_along(design$theta_row)])
  eta0 <- drop(design$offset + design$X %*% psi[seq_len(p)])
  phi <- if (has_phi(family)) exp(psi[length(psi)]) else 1
  density <- function(eta) {
    drop(brute_log_density(design, family, seq_along(eta), matrix(eta), phi))
  }
  laplace_of(V, eta0, density)
}

# Of independent standard normal u with the predictor eta0 + V u.
laplace_of <- function(V, eta0, density) {
  u <- numeric(ncol(V))
  h <- function(u) sum(density(eta0 + drop(V %*% u))) - sum(u^2) / 2
  for (step in 1:60) {
    d <- brute_derivatives(density, eta0 + drop(V %*% u))
    A <- diag(length(u)) + crossprod(V, pmax(d$W, 0) * V)
    move <- solve(A, drop(crossprod(V, d$g)) - u)
    t <- 1
    while (!(h(u + t * move) >= h(u) - 1e-9) && t > 1e-9) t <- t / 2
    u <- u + t * move
    if (sum(move^2) < 1e-20) break
  }
  W <- brute_derivatives(density, eta0 + drop(V %*% u))$W
  h(u) - c(determinant(diag(length(u)) + crossprod(V, W * V))$modulus) / 2
}
