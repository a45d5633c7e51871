# Estimating equations with dense n_i x n_i matrices, as the papers write them.

# D_i (n_i x p), V_i (n_i x n_i) and e_i at the root of sum D_i'V_i^-1 e_i for given D and V: e is
# orthogonalised, so that the pieces are those of a fit.
dense_equations <- function(sizes = c(3, 5, 2, 4, 6, 3, 4, 5, 2), p = 3L, seed = 1) {
  set.seed(seed)
  parts <- lapply(seq_along(sizes), function(i) {
    n <- sizes[i]
    X <- cbind(1, i %% 2, matrix(rnorm(n * p), n))[, seq_len(p), drop = FALSE]
    mu <- runif(n, 0.1, 0.9)
    R <- 0.3 + 0.7 * diag(n)
    root <- diag(sqrt(mu * (1 - mu)), n)
    list(D = mu * (1 - mu) * X, V = 1.2 * root %*% R %*% root, e = rnorm(n))
  })
  B <- dense_B(parts)
  u <- Reduce(`+`, lapply(parts, function(x) t(x$D) %*% solve(x$V, x$e)))
  for (i in seq_along(parts)) {
    parts[[i]]$e <- parts[[i]]$e - drop(parts[[i]]$D %*% solve(B, u))
  }
  parts
}

dense_B <- function(parts) Reduce(`+`, lapply(parts, function(x) t(x$D) %*% solve(x$V, x$D)))

dense_pieces <- function(parts) {
  p <- ncol(parts[[1L]]$D)
  list(
    scores = t(vapply(parts, function(x) drop(t(x$D) %*% solve(x$V, x$e)), numeric(p))),
    information = vapply(parts, function(x) t(x$D) %*% solve(x$V, x$D), matrix(0, p, p)),
    levels = paste0("c", seq_along(parts))
  )
}

# M^power of a matrix that is similar to a symmetric positive definite one.
dense_power <- function(M, power) {
  decomposed <- eigen(M)
  Re(decomposed$vectors %*% diag(as.complex(decomposed$values)^power, nrow(M)) %*%
    solve(decomposed$vectors))
}

# The n_i x n_i matrix that the residuals of cluster i are multiplied by, H_i = D_i B^-1 D_i'V_i^-1;
# for FG a p x p matrix on the score instead.
dense_adjusted_score <- function(x, B, type) {
  H <- x$D %*% solve(B, t(x$D)) %*% solve(x$V)
  I <- diag(nrow(H))
  DV <- t(x$D) %*% solve(x$V)
  switch(type,
    robust = DV %*% x$e,
    KC = DV %*% dense_power(I - H, -0.5) %*% x$e,
    MD = DV %*% solve(I - H, x$e),
    FG = (1 - pmin(0.75, diag(DV %*% x$D %*% solve(B))))^-0.5 * DV %*% x$e
  )
}

# h_i of the contrast c as a row of weights on the residuals: c'B^-1 A_i u_i = w_i e_i.
dense_weights <- function(x, B, type, c) {
  n <- length(x$e)
  drop(vapply(seq_len(n), function(j) {
    x$e <- as.numeric(seq_len(n) == j)
    sum(solve(B, c) * dense_adjusted_score(x, B, type))
  }, 0))
}

dense_vcov <- function(parts, type) {
  B <- dense_B(parts)
  p <- nrow(B)
  m <- length(parts)
  rows <- sum(vapply(parts, function(x) length(x$e), 1L))
  bread <- solve(B)
  meat <- function(type) {
    Reduce(`+`, lapply(parts, function(x) tcrossprod(dense_adjusted_score(x, B, type))))
  }
  V <- function(type) bread %*% meat(type) %*% bread
  switch(type,
    model = bread, robust = V("robust"), KC = V("KC"), MD = V("MD"), FG = V("FG"),
    DF = m / (m - p) * V("robust"), FW = (V("KC") + V("MD")) / 2,
    jackknife = {
      steps <- lapply(parts, function(x) {
        solve(B - t(x$D) %*% solve(x$V, x$D), t(x$D) %*% solve(x$V, x$e))
      })
      (m - p) / m * Reduce(`+`, lapply(steps, tcrossprod))
    },
    MBN = {
      kappa <- (rows - 1) / (rows - p) * m / (m - 1)
      M <- kappa * meat("robust")
      delta <- if (m > 3 * p) p / (m - p) else 0.5
      bread %*% M %*% bread + delta * max(1, sum(diag(bread %*% M)) / p) * bread
    }
  )
}

# Covariance of all residuals at the estimate under the working model: block diagonal V, minus
# D B^-1 D'.
dense_residual_covariance <- function(parts) {
  D <- do.call(rbind, lapply(parts, `[[`, "D"))
  V <- matrix(0, nrow(D), nrow(D))
  end <- cumsum(vapply(parts, function(x) length(x$e), 1L))
  for (i in seq_along(parts)) {
    rows <- seq(to = end[i], length.out = length(parts[[i]]$e))
    V[rows, rows] <- parts[[i]]$V
  }
  V - D %*% solve(dense_B(parts), t(D))
}

# Rows w_i placed at the rows of their cluster: m x N, so that c'B^-1 A_i u_i are its products with
# all residuals.
dense_weight_rows <- function(parts, type, c) {
  B <- dense_B(parts)
  sizes <- vapply(parts, function(x) length(x$e), 1L)
  W <- matrix(0, length(parts), sum(sizes))
  end <- cumsum(sizes)
  for (i in seq_along(parts)) {
    W[i, seq(to = end[i], length.out = sizes[i])] <- dense_weights(parts[[i]], B, type, c)
  }
  W
}
