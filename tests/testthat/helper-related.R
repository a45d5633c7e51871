# Dense algebra for models with related levels: the covariance matrix of Zb itself, row by row.

# Sum over factors of (Z Sigma Z') o K, K the covariance of the levels; `covariances` is a list with
# a matrix with dimnames for each factor with related levels, by its label.
dense_random_covariance <- function(fit, covariances) {
  design <- fit$design
  out <- 0
  for (group in design$groups) {
    at <- group$columns
    L <- fit$Lambda[at, at, drop = FALSE]
    ZL <- design$Z[, at, drop = FALSE] %*% L
    level <- group$levels[group$index + 1L]
    K <- covariances[[group$label]]
    related <- if (is.null(K)) outer(level, level, "==") + 0 else K[level, level]
    out <- out + tcrossprod(ZL) * unname(related)
  }
  out
}

# (Restricted) log-likelihood of a linear model at the variances of the fit, beta profiled out.
dense_linear_loglik <- function(fit, covariances, REML = FALSE) {
  V <- dense_random_covariance(fit, covariances) + diag(fit$phi, row_count(fit$design))
  X <- unname(design_X(fit$design))
  y <- row_response(fit$design)
  R <- chol(V)
  A <- backsolve(R, X, transpose = TRUE)
  a <- backsolve(R, y, transpose = TRUE)
  B <- crossprod(A)
  rss <- sum(a^2) - sum(crossprod(A, a) * solve(B, crossprod(A, a)))
  n <- length(y) - if (REML) ncol(X) else 0
  adjust <- if (REML) as.numeric(determinant(B)$modulus) else 0
  -0.5 * (2 * sum(log(diag(R))) + adjust + n * log(2 * pi) + rss)
}

# Laplace approximation at the estimates: f = Zb ~ N(0, K), by Newton's method for f = K a.
dense_laplace_loglik <- function(fit, covariances) {
  K <- dense_random_covariance(fit, covariances)
  family <- fit$family
  y <- row_response(fit$design)
  size <- row_trials(fit$design)
  rows <- if (family$family == "poisson") {
    function(eta) {
      mu <- exp(eta)
      list(l = sum(dpois(y, mu, log = TRUE)), g = y - mu, W = mu)
    }
  } else {
    function(eta) {
      mu <- plogis(eta)
      list(l = sum(dbinom(y, size, mu, log = TRUE)), g = y - size * mu, W = size * mu * (1 - mu))
    }
  }
  eta0 <- fixed_eta(fit$design, fit$beta)
  a <- numeric(length(y))
  for (step in 1:50) {
    f <- drop(K %*% a)
    now <- rows(eta0 + f)
    B <- diag(length(y)) + now$W * K
    a <- solve(B, now$W * f + now$g)
  }
  now$l - sum(a * (K %*% a)) / 2 - as.numeric(determinant(B)$modulus) / 2
}

# No point next to the estimates is higher: the gradient of a dense function at them is zero.
dense_slope <- function(fit, value) {
  psi <- fit_psi(fit)
  vapply(seq_along(psi), function(k) {
    h <- 1e-3
    at <- function(step) value(moved_fit(fit, replace(psi, k, psi[[k]] + step)))
    (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)
  }, 0)
}

moved_fit <- function(fit, psi) {
  parts <- split_parameters(fit$design, fit$family, unname(psi))
  fit[c("beta", "theta", "rho", "phi")] <- parts[c("beta", "theta", "rho", "phi")]
  fit$Lambda <- lambda_matrix(fit$design, parts$theta)
  fit
}

ar1_covariance <- function(series, time, r, labels) {
  K <- outer(series, series, "==") * r^abs(outer(time, time, "-"))
  dimnames(K) <- list(labels, labels)
  K
}

generalized_inverse <- function(Q) {
  parts <- eigen(Q, symmetric = TRUE)
  some <- parts$values > 1e-9 * parts$values[1L]
  vectors <- parts$vectors[, some]
  structure(vectors %*% (t(vectors) / parts$values[some]), dimnames = dimnames(Q))
}

# Areas with the share `phi` of their variance spatial, of a map with these connected `parts`; areas
# in none of them are islands.
areas_covariance <- function(W, parts, phi) {
  S <- diag(nrow(W))
  for (part in parts) {
    K <- generalized_inverse(diag(rowSums(W[part, part])) - W[part, part])
    S[part, part] <- K / exp(mean(log(diag(K))))
  }
  structure((1 - phi) * diag(nrow(W)) + phi * S, dimnames = dimnames(W))
}

# Log-density of the responses of a linear model with this covariance matrix, at beta of the fit.
mvn_log_density <- function(fit, V) {
  r <- row_response(fit$design) - drop(design_X(fit$design) %*% fit$beta)
  R <- chol(V)
  -sum(log(diag(R))) - 0.5 * (length(r) * log(2 * pi) + sum(backsolve(R, r, transpose = TRUE)^2))
}
