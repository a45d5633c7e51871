# Cox and Reid's adjusted profile likelihood in plain R, nothing of the engine: integrals over a
# grid, information in beta by Louis's identity, with R's density functions differenced in eta.

# log f and its first two derivatives in eta, rows x nodes.
brute_row_derivatives <- function(design, family, rows, eta, phi, h = 1e-3) {
  f <- function(shift) brute_log_density(design, family, rows, eta + shift * h, phi)
  at <- lapply(-3:3, f)
  weigh <- function(weights) Reduce(`+`, Map(`*`, weights, at))
  list(
    f = at[[4L]], g = weigh(c(-1, 9, -45, 0, 45, -9, 1) / 60) / h,
    l2 = weigh(c(2, -27, 270, -490, 270, -27, 2) / 180) / h^2
  )
}

# Value, score and J in beta: J = sum of E[X'W X] - V[X'g] over the posterior of u.
brute_beta <- function(model, family, psi, grid) {
  design <- model$design
  parts <- brute_parts(model, family, psi)
  p <- ncol(design$X)
  out <- list(value = 0, score = numeric(p), J = matrix(0, p, p))
  for (i in seq_along(design$levels)) {
    rows <- seq(design$start[i] + 1L, design$start[i + 1L])
    X <- design$X[rows, , drop = FALSE]
    eta <- parts$eta0[rows] + parts$V[rows, , drop = FALSE] %*% t(grid$u)
    d <- brute_row_derivatives(design, family, rows, eta, parts$phi)
    joint <- colSums(d$f) + rowSums(dnorm(grid$u, log = TRUE))
    posterior <- exp(joint - log_sum(joint))
    s <- crossprod(X, d$g) # p x nodes
    mean <- drop(s %*% posterior)
    out$value <- out$value + log_sum(joint) + log(grid$volume)
    out$score <- out$score + mean
    out$J <- out$J - crossprod(X, drop(d$l2 %*% posterior) * X) -
      (s - mean) %*% (posterior * t(s - mean))
  }
  out
}

# l_A at v = (theta, log phi), beta at its maximum; the constant is p / 2 log(2 pi).
brute_restricted <- function(model, family, v, beta, grid) {
  for (step in 1:20) {
    at <- brute_beta(model, family, c(beta, v), grid)
    change <- solve(at$J, at$score)
    beta <- beta + change
    if (sum(change * at$score) < 1e-16) break
  }
  value <- at$value - as.numeric(determinant(at$J)$modulus) / 2 + length(beta) / 2 * log(2 * pi)
  list(value = value, beta = beta, J = at$J)
}

# The maximum of l_A, by Newton's method with differences of its value: steps that do not go up are
# halved.
brute_restricted_fit <- function(model, family, v, beta, grid) {
  value <- function(v) {
    at <- brute_restricted(model, family, v, beta, grid)
    beta <<- at$beta
    at$value
  }
  for (step in 1:20) {
    if (step <= 3) H <- brute_hessian(value, v)
    change <- solve(H, brute_gradient(value, v))
    for (share in 2^-(0:5)) if (value(v - share * change) >= value(v) - 1e-9) break
    v <- v - share * change
    if (max(abs(change)) < 1e-8) break
  }
  c(brute_restricted(model, family, v, beta, grid), list(v = v, H = brute_hessian(value, v)))
}

brute_gradient <- function(f, x, h = 0.03) {
  vapply(seq_along(x), function(k) {
    at <- vapply(-3:3, function(shift) f(replace(x, k, x[k] + shift * h)), 0)
    sum(c(-1, 9, -45, 0, 45, -9, 1) / 60 * at) / h
  }, 0)
}

brute_hessian <- function(f, x, h = 0.05) {
  e <- diag(h, length(x))
  out <- e
  for (j in seq_along(x)) {
    for (k in seq_along(x)) {
      out[j, k] <- f(x + e[j, ] + e[k, ]) - f(x + e[j, ] - e[k, ]) - f(x - e[j, ] + e[k, ]) +
        f(x - e[j, ] - e[k, ])
    }
  }
  out / (4 * h^2)
}
