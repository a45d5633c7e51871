# An independent computation of standardized means and of their covariance, in plain R: population
# means by adaptive quadrature, derivatives by Richardson differences, corrections by eigen().

# Integral of linkinv(eta + s t) over a standard normal t, in panels that follow the integrand.
brute_population_mean <- function(eta, s, linkinv) {
  if (s == 0) return(linkinv(eta))
  transition <- -eta / s + c(-4, -1, 0, 1, 4) / s
  breaks <- sort(unique(c(seq(-12, 12, by = 1.5), pmin(12, pmax(-12, transition)))))
  pieces <- vapply(seq_along(breaks)[-1L], function(k) {
    stats::integrate(function(t) linkinv(eta + s * t) * stats::dnorm(t), breaks[k - 1L], breaks[k],
      rel.tol = 1e-13, abs.tol = 1e-17, subdivisions = 500L
    )$value
  }, 0)
  sum(pieces)
}

# The same on a dense grid, fast enough to be differentiated.
grid_population_mean <- function(eta, s, linkinv) {
  t <- seq(-12, 12, by = 1 / 64)
  sum(linkinv(eta + s * t) * stats::dnorm(t)) / 64
}

# Standardized mean of a data set whose exposure has been set, as a function of (beta, theta).
# `weight` has a weight for each row of `data`.
brute_standardized <- function(fit, data, weight, psi = c(fit$beta, fit$theta),
                               mean = brute_population_mean) {
  rows <- design_newdata(fit, data, "Z")
  p <- ncol(rows$X)
  Lambda <- matrix(0, ncol(rows$Z), ncol(rows$Z))
  Lambda[first_entries(fit$design)] <- psi[-seq_len(p)]
  eta <- drop(rows$X %*% psi[seq_len(p)]) + rows$offset
  s <- sqrt(rowSums((rows$Z %*% Lambda)^2))
  m <- mapply(mean, eta, s, MoreArgs = list(linkinv = fit$family$linkinv))
  list(mean = sum(weight * m) / sum(weight), rows = m)
}

# A_i u_i for all clusters: scores m x p, information p x p x m.
brute_corrected <- function(scores, information, power) {
  B <- apply(information, 1:2, sum)
  L <- t(chol(B))
  t(vapply(seq_len(nrow(scores)), function(i) {
    e <- eigen(solve(L, t(solve(L, information[, , i]))), symmetric = TRUE)
    A <- L %*% e$vectors %*% ((1 - pmax(e$values, 0))^power * t(e$vectors)) %*% solve(L)
    drop(A %*% scores[i, ])
  }, numeric(ncol(scores))))
}

# Satterthwaite degrees of freedom from the explicit m x m matrix G (McCaffrey and Bell 2006).
brute_satterthwaite <- function(information, direction, power) {
  m <- dim(information)[3L]
  B <- apply(information, 1:2, sum)
  L <- t(chol(B))
  H <- vapply(seq_len(m), function(i) {
    e <- eigen(solve(L, t(solve(L, information[, , i]))), symmetric = TRUE)
    A <- L %*% e$vectors %*% ((1 - pmax(e$values, 0))^power * t(e$vectors)) %*% solve(L)
    drop(t(A) %*% direction)
  }, numeric(length(direction)))
  positive <- function(x) { # B_i with its negative directions left out
    e <- eigen(solve(L, t(solve(L, x))), symmetric = TRUE)
    L %*% e$vectors %*% (pmax(e$values, 0) * t(e$vectors)) %*% t(L)
  }
  P <- lapply(seq_len(m), function(i) positive(information[, , i]))
  BH <- vapply(seq_len(m), function(i) drop(P[[i]] %*% H[, i]), numeric(length(direction)))
  G <- -t(BH) %*% solve(B, BH)
  diag(G) <- diag(G) + colSums(H * BH)
  sum(diag(G))^2 / sum(G^2)
}

# Marginal log-likelihood of one cluster of a binomial model with a random intercept, on a grid.
one_cluster_loglik <- function(fit, i, psi) {
  design <- fit$design
  p <- ncol(design$X)
  t <- seq(-9, 9, by = 1 / 32)
  rows <- (design$start[i] + 1L):design$start[i + 1L]
  eta <- drop(design$X[rows, , drop = FALSE] %*% psi[seq_len(p)]) + row_offset(design)[rows]
  mu <- fit$family$linkinv(outer(eta, psi[p + 1L] * t, "+"))
  density <- stats::dbinom(design$y[rows], row_trials(design)[rows], mu, log = TRUE)
  log(sum(exp(colSums(matrix(density, length(rows)))) * stats::dnorm(t)) / 32)
}
