# Kenward and Roger (1997) written out with n x n matrices, for the working linear mixed model of a
# fit: V = W^-1 + Z Sigma Z' over all levels, W = -l'' at the modes, by rows of the design.
dense_working_model <- function(fit, W, residual = FALSE) {
  dense <- dense_variance(fit, W)
  dV <- c(dense$dV, if (residual) list(dense$R / fit$phi))
  X <- design_X(fit$design)[W > 0, , drop = FALSE]
  dense_kenward_roger(X, dense$V, dV, if (!residual) dense$R)
}

# V, its derivatives in the free entries of Sigma, and R = W^-1, of the rows with weights.
dense_variance <- function(fit, W) {
  design <- fit$design
  used <- W > 0
  Z <- design$Z[used, , drop = FALSE]
  levels <- seq_along(design$groups)
  Sigma <- tcrossprod(fit$Lambda)
  entry <- function(r, c) { # Z E Z' of the entry (r, c) of Sigma
    k <- which(vapply(levels, function(k) r %in% design$groups[[k]]$columns, NA))
    level <- row_levels(design, k)[used]
    same <- outer(level, level, "==")
    pair <- outer(Z[, r], Z[, c])
    same * if (r == c) pair else pair + t(pair)
  }
  r <- design$theta_row + 1L
  c <- design$theta_col + 1L
  dV <- Map(entry, r, c)
  R <- diag(1 / W[used])
  list(V = R + Reduce(`+`, Map(`*`, dV, Sigma[cbind(r, c)])), dV = dV, R = R)
}

# The same where levels are related. V is not linear in rho, so that all derivatives are by
# differences, of an error of the fourth power of the step. `covariances`: a function of rho that
# gives a matrix with dimnames for each factor with related levels, by its label.
dense_related_model <- function(fit, W, covariances, residual = FALSE) {
  entries <- first_entries(fit$design)
  theta <- seq_along(fit$theta)
  V <- function(v) { # at free entries of Sigma, and rho
    Sigma <- 0 * fit$Lambda
    Sigma[entries] <- v[theta]
    Sigma[upper.tri(Sigma)] <- t(Sigma)[upper.tri(Sigma)]
    related_variance(fit, Sigma, covariances(v[-theta]))[W > 0, W > 0]
  }
  v <- c(tcrossprod(fit$Lambda)[entries], fit$rho)
  slope <- function(k) {
    four_point(function(x) V(replace(v, k, x)), v[k], 1e-3 * max(1, abs(v[k])))
  }
  dV <- lapply(seq_along(v), slope)
  R <- diag(1 / W[W > 0])
  if (residual) dV <- c(dV, list(R / fit$phi))
  X <- design_X(fit$design)[W > 0, , drop = FALSE]
  dense_kenward_roger(X, R + V(v), dV, if (!residual) R)
}

# Sum over factors of (Z Sigma Z') o K.
related_variance <- function(fit, Sigma, covariances) {
  parts <- lapply(seq_along(random_factors(fit$design)), function(k) {
    group <- random_factors(fit$design)[[k]]
    Z <- design_Z(fit$design)[, group$columns, drop = FALSE]
    level <- group$levels[row_levels(fit$design, k)]
    K <- covariances[[group$label]]
    K <- if (is.null(K)) outer(level, level, "==") else unname(K[level, level])
    (Z %*% Sigma[group$columns, group$columns, drop = FALSE] %*% t(Z)) * K
  })
  Reduce(`+`, parts)
}

# R: the variance of rows where it is known.
dense_kenward_roger <- function(X, V, dV, R = NULL) {
  trace <- function(A) sum(diag(A))
  Vi <- solve(V)
  Phi <- solve(t(X) %*% Vi %*% X)
  P <- lapply(dV, function(D) -t(X) %*% Vi %*% D %*% Vi %*% X)
  v <- seq_along(dV)
  Q <- function(a, b) t(X) %*% Vi %*% dV[[a]] %*% Vi %*% dV[[b]] %*% Vi %*% X
  I <- outer(v, v, Vectorize(function(a, b) {
    trace(Vi %*% dV[[a]] %*% Vi %*% dV[[b]]) / 2 - trace(Phi %*% Q(a, b)) +
      trace(Phi %*% P[[a]] %*% Phi %*% P[[b]]) / 2
  }))
  Omega <- solve(I)
  sum <- 0
  for (a in v) {
    for (b in v) sum <- sum + Omega[a, b] * (Q(a, b) - P[[a]] %*% Phi %*% P[[b]])
  }
  list(
    Phi = Phi, P = vapply(P, c, numeric(length(Phi))), Omega = Omega,
    Phi_0 = if (is.null(R)) 0 * Phi else solve(t(X) %*% solve(R) %*% X),
    correction = 2 * Phi %*% ((sum + t(sum)) / 2) %*% Phi
  )
}

# A fit of glmm() moved to the estimates of lmer(), whose search ends at another place.
at_peer_estimates <- function(fit, peer) {
  labels <- group_labels(fit$design)
  names <- names(lme4::getME(peer, "flist"))
  stopifnot(setequal(labels, names))
  for (group in random_factors(fit$design)) {
    blocks <- lme4::VarCorr(peer)
    blocks <- blocks[vapply(blocks, function(x) all(rownames(x) %in% group$names), NA) &
      sub("[.][0-9]+$", "", names(blocks)) == group$label]
    Sigma <- as.matrix(Matrix::bdiag(lapply(blocks, unclass)))
    at <- match(group$names, unlist(lapply(blocks, rownames)))
    fit$Lambda[group$columns, group$columns] <- t(chol(Sigma[at, at]))
  }
  fit$theta <- fit$Lambda[first_entries(fit$design)]
  fit$phi <- sigma(peer)^2
  fit
}
