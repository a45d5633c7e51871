# Scores and weights of the rows of a null model, given the responses.

#' What the rows expect, given all responses
#'
#' The derivative of the integrated log-likelihood in the predictor of a row is the mean over the
#' random effects given the responses of y - mu, and minus the second derivative is E(W) - cov(mu).
#' Under a canonical link both are taken over the normal distribution of the random effects that
#' maximizes the lower bound of the log-likelihood: with L = Z Lambda its mean m is where
#' L'E(y - mu) = Qm, and its precision is Q + L'E(W)L. For other links they are taken at the modes.
#'
#' @param eta The predictor at the modes.
#' @param L Z Lambda; `Q` the precision of all effects.
#' @return A list: `r`, `W`, n each; `factor` of A = Q + L'WL.
#' @section Errors: `null_model`.
#' @noRd
expected_rows <- function(fit, eta, L, Q) {
  found <- rows_at_modes(fit, eta)
  found$factor <- effect_factor(L, Q, found$W)
  if (!length(count_law(fit$family))) return(found)
  design <- fit$design
  model <- list(
    family = fit$family, events = row_weights(design) * row_response(design),
    size = row_weights(design) * row_trials(design), L = L, Q = Q,
    fixed = fixed_eta(design, fit$beta)
  )
  random <- eta - model$fixed
  found$m <- effects_of(found$factor, Matrix::crossprod(L, found$r + found$W * random))
  same <- equal_effects(design)
  log_sd <- row_log_sd(L, found$factor, same)
  share <- 1 # of a step
  last <- Inf
  for (pass in 1:100) {
    found <- expected_mean(model, found, exp(log_sd))
    found$factor <- effect_factor(L, Q, found$W)
    step <- row_log_sd(L, found$factor, same) - log_sd
    moved <- max(abs(step))
    if (moved < 1e-3) return(found)
    if (moved > 0.5 * last) share <- max(share / 2, 1 / 16)
    log_sd <- log_sd + share * step
    last <- moved
  }
  no_expectation()
}

no_expectation <- function() {
  abort("null_model", "The means of the random effects given the responses were not found.",
    hint = "Are the variances of the null model very large?"
  )
}

# A^-1 b
effects_of <- function(factor, b) {
  if (!is.matrix(factor)) return(drop(as.matrix(Matrix::solve(factor, b))))
  half <- backsolve(factor, as.matrix(b), upper.tri = FALSE)
  drop(backsolve(factor, half, upper.tri = FALSE, transpose = TRUE))
}

# The mean m where L'E(y - mu) = Qm, for a given sd of each row's predictor, and r and W there, from
# a start m with the factor of a near A, which is renewed where steps are long or do not shrink.
expected_mean <- function(model, start, sd) {
  L <- model$L
  m <- start$m
  factor <- start$factor
  far <- FALSE
  last <- Inf
  for (step in 1:100) {
    mean <- engine_population_mean(model$fixed + drop(as.matrix(L %*% m)), sd, model$family)
    r <- model$events - model$size * mean$mean
    W <- model$size * mean$d_eta
    if (far) factor <- effect_factor(L, model$Q, W)
    change <- effects_of(factor, Matrix::crossprod(L, r) - model$Q %*% m)
    moved <- max(abs(change))
    if (!is.finite(moved)) break
    m <- m + pmax(pmin(change, 1), -1)
    if (moved < 1e-7) return(list(r = r, W = W, m = m))
    far <- moved > min(0.2, 0.3 * last)
    last <- moved
  }
  no_expectation()
}

# A = Q + L'WL, factored: by Matrix, or as a lower triangle where few entries are zero.
effect_factor <- function(L, Q, W) {
  A <- Matrix::crossprod(L, W * L)
  A <- if (is.matrix(Q)) as.matrix(A) + Q else Matrix::forceSymmetric(A) + Q
  if (is.matrix(A) || has_few_zeros(A)) {
    factor <- engine_lower_factor(as.matrix(A))
    return(if (nrow(factor)) factor else no_expectation())
  }
  Matrix::Cholesky(Matrix::forceSymmetric(A), LDL = FALSE)
}

# Not worth skipping. The matrix is symmetric or a triangle.
has_few_zeros <- function(A) nrow(A) <= 5000L && Matrix::nnzero(A) >= nrow(A)^2 / 8

# For each row the first one with the same levels and the same Z.
equal_effects <- function(design) {
  key <- do.call(paste, as.data.frame(cbind(row_clusters(design), design$Z)))
  match(key, key)
}

# log of the standard deviation of each row's predictor, whose variance is l_j'A^-1 l_j.
row_log_sd <- function(L, factor, same) {
  half <- half_solver(factor)
  rows <- unique(same)
  parts <- split(rows, seq_along(rows) %/% max(1, 2^23 %/% ncol(L)))
  V <- lapply(parts, function(part) Matrix::colSums(half(Matrix::t(L[part, , drop = FALSE]))^2))
  log(pmax(unlist(V, use.names = FALSE), 1e-20))[match(same, rows)] / 2
}

rows_at_modes <- function(fit, eta) {
  family <- fit$family
  trials <- row_trials(fit$design)
  tools <- family_tools(family)
  mu <- family$linkinv(eta)
  scale <- if (tools$discrete) 1 else fit$phi
  V <- scale * tools$variance(mu, fit$phi, trials)
  residual <- row_response(fit$design) - trials * mu
  r <- row_weights(fit$design) * residual * family$mu.eta(eta) / V
  list(r = r, W = engine_row_weights(fit, eta))
}

# W as it is expected before any response is known, with the factor of A. Where an allele is rare, W
# given the responses is larger when its carriers are cases: scores of its tail would be divided
# by more than their standard deviation. Nothing where the random effects are not integrated over.
weights_before <- function(fit, L, Q) {
  if (!length(count_law(fit$family))) return(NULL)
  design <- fit$design
  sd <- exp(row_log_sd(L, effect_factor(L, Q, 0), equal_effects(design)))
  fixed <- fixed_eta(design, fit$beta)
  mean <- engine_population_mean(fixed, sd, fit$family)
  W <- row_weights(design) * row_trials(design) * mean$d_eta
  list(W = W, factor = effect_factor(L, Q, W))
}

# What independent rows with the tails of the score have for means: those of the rows before any
# response is known.
population_means <- function(fit) {
  means <- stats::predict(fit, type = "response", random_effects = "integrate")
  design_order(as.vector(means), fit$design)
}
