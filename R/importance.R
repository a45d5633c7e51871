# Laplace against the integral where grouping factors are crossed: importance sampling.

#' Estimate the log-likelihood of a fit with several grouping factors by importance sampling
#'
#' Random effects are drawn from the normal approximation at their mode, so that the estimate is
#' that of Laplace plus the logarithm of a mean of weights. Its Monte Carlo error is the standard
#' error of that mean relative to it; it can be trusted while the effective number of draws,
#' (sum w)^2 / sum w^2, is a good part of them.
#'
#' @param fit A fit by Laplace with several grouping factors.
#' @param draws Number of draws.
#' @param seed Their seed; the state of the generator is restored.
#' @return A list: `logLik` (the estimate), `mc_error`, `effective` (draws), `laplace` (that of the
#'   fit), `error` (Laplace minus estimate), `draws`, `seed`.
#' @noRd
importance_loglik <- function(fit, draws = 1000L, seed = 1L) {
  design <- fit$design
  check_factorable(design, "importance sampling.")
  size <- nrow(design$X) + sum(vapply(fit$modes, length, 1L))
  block <- max(1L, min(draws, as.integer(2e6 / size)))
  results <- with_seed(seed, lapply(block_sizes(draws, block), function(count) {
    groups_importance_(
      design, engine_family(fit$family, design), fit_psi(fit), fit$modes,
      matrix(stats::rnorm(size * count), size, count), fit$control$threads
    )
  }))
  r <- unlist(lapply(results, `[[`, "log_weights"))
  top <- max(r)
  w <- exp(r - top)
  estimate <- results[[1L]]$center + top + log(mean(w))
  list(
    logLik = estimate, mc_error = stats::sd(w) / mean(w) / sqrt(draws),
    effective = sum(w)^2 / sum(w^2), laplace = fit$logLik, error = fit$logLik - estimate,
    draws = draws, seed = seed
  )
}

block_sizes <- function(total, block) {
  full <- total %/% block
  c(rep(block, full), if (total %% block > 0) total %% block)
}
