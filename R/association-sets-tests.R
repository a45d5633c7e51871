# Tests of a set of variants: U, their weighted scores, have covariance V under the null model.

burden_test <- function(U, V) {
  total <- sum(V)
  if (!length(U) || total <= 0) {
    return(list(estimate = NA_real_, std.error = NA_real_, p.burden = NA_real_))
  }
  list(
    estimate = sum(U) / total, std.error = 1 / sqrt(total),
    p.burden = stats::pchisq(sum(U)^2 / total, 1, lower.tail = FALSE)
  )
}

skat_test <- function(U, V) {
  if (!length(U)) return(list(p.skat = NA_real_))
  list(p.skat = quadratic_tail(sum(U^2), positive_eigenvalues(V), 1e-8))
}

# (1 - rho) U'U + rho (1'U)^2 is U'R U with R = (1 - rho) I + rho 11'.
skat_o_test <- function(U, V, rho = c(0, 0.1^2, 0.2^2, 0.3^2, 0.4^2, 0.5^2, 0.5, 1)) {
  if (!length(U)) return(list(p.skat_o = NA_real_, rho = NA_real_))
  m <- length(U)
  lambda <- lapply(rho, function(r) {
    # R^(1/2) has eigenvalue sqrt(1 - rho + m rho) along 1, sqrt(1 - rho) across it
    across <- sqrt(1 - r)
    root <- diag(across, m) + (sqrt(1 - r + m * r) - across) / m
    positive_eigenvalues(root %*% V %*% root)
  })
  p <- mapply(quadratic_tail, (1 - rho) * sum(U^2) + rho * sum(U)^2, lambda)
  smallest <- min(p)
  p_all <- if (m == 1L) smallest else min(
    smallest_p_tail(vapply(lambda, quadratic_quantile, 0, smallest), V, rho), length(rho) * smallest
  )
  list(p.skat_o = p_all, rho = rho[which.min(p)])
}

#' P(the statistic of some rho exceeds its q), Lee et al. (2012)
#'
#' Given eta = (1'U)^2 / 1'V1 ~ chi^2_1 the statistic of rho is (1 - rho) kappa + tau(rho) eta,
#' where kappa is a quadratic form of what is left of U, plus a term zeta that only adds variance.
#' @noRd
smallest_p_tail <- function(q, V, rho) {
  along <- tcrossprod(rowSums(V)) / sum(V)
  left <- V - along
  lambda <- positive_eigenvalues(left)
  tau <- rho * sum(V) + (1 - rho) * sum(rowSums(V)^2) / sum(V)
  mean <- sum(lambda)
  variance <- 2 * sum(lambda^2)
  shrink <- sqrt(variance / (variance + 4 * sum(along * left)))
  mixed <- rho < 1
  given <- function(z) {
    room <- min((q - tau * z^2)[mixed] / (1 - rho[mixed]))
    2 * stats::dnorm(z) * quadratic_tail((room - mean) * shrink + mean, lambda)
  }
  certain <- sqrt(min(q / tau)) # beyond it some statistic exceeds its q by eta alone
  inner <- stats::integrate(Vectorize(given), 0, certain, rel.tol = 1e-6, subdivisions = 500L)
  inner$value + 2 * stats::pnorm(-certain)
}

positive_eigenvalues <- function(V) {
  lambda <- eigen(V, symmetric = TRUE, only.values = TRUE)$values
  lambda[lambda > 1e-10 * max(lambda)]
}

# P(sum lambda_k chi^2_1 > q). Davies' method has an absolute error; its faults are answered by the
# saddlepoint.
quadratic_tail <- function(q, lambda, error = 1e-6) {
  if (q <= 0) return(1)
  if (length(lambda) == 1L) return(stats::pchisq(q / lambda, 1, lower.tail = FALSE))
  if (requireNamespace("CompQuadForm", quietly = TRUE)) {
    found <- suppressWarnings(
      CompQuadForm::davies(q / sum(lambda), lambda / sum(lambda), acc = error)
    )
    if (found$ifault == 0 && found$Qq > 100 * error && found$Qq <= 1) return(found$Qq)
  }
  quadratic_saddlepoint(q / sum(lambda), lambda / sum(lambda))
}

# Kuonen (1999); lambda adds up to 1.
quadratic_saddlepoint <- function(q, lambda) {
  slope <- function(t) sum(lambda / (1 - 2 * t * lambda)) - q # of K(t) - tq
  upper <- 1 / (2 * max(lambda))
  lower <- -length(lambda) / (2 * q) # there all terms together are below q
  t <- stats::uniroot(slope, c(lower, upper - upper * 1e-12), tol = 1e-14)$root
  K <- -0.5 * sum(log1p(-2 * t * lambda))
  second <- 2 * sum((lambda / (1 - 2 * t * lambda))^2)
  w <- sign(t) * sqrt(2 * max(t * q - K, 0))
  if (abs(w) < 1e-4) { # the limit at the mean
    return(0.5 - 8 * sum(lambda^3) / (6 * sqrt(2 * pi) * (2 * sum(lambda^2))^1.5))
  }
  stats::pnorm(w + log(t * sqrt(second) / w) / w, lower.tail = FALSE)
}

quadratic_quantile <- function(lambda, p) {
  if (length(lambda) == 1L) return(lambda * stats::qchisq(p, 1, lower.tail = FALSE))
  gap <- function(x) log(quadratic_tail(exp(x), lambda)) - log(p)
  # between the quantiles of the largest term alone, and of all terms as large
  range <- log(stats::qchisq(p, c(1, length(lambda)), lower.tail = FALSE) * max(lambda))
  exp(stats::uniroot(gap, range, extendInt = "downX", tol = 1e-9)$root)
}
