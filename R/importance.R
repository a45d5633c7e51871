# The rule of the fit against the integral where there is no finer one: importance sampling.

#' Estimate the log-likelihood of a fit with several grouping factors by importance sampling
#'
#' Random effects are drawn from the normal approximation at their mode, so that the estimate is
#' that of Laplace plus the logarithm of a mean of weights. Its Monte Carlo error is the standard
#' error of that mean relative to it; it can be trusted while the effective number of draws,
#' (sum w)^2 / sum w^2, is a good part of them.
#'
#' @param fit A fit with several grouping factors.
#' @param draws Number of draws.
#' @param seed Their seed; the state of the generator is restored.
#' @return A list: `logLik` (the estimate), `mc_error`, `effective` (draws), `laplace` (that of the
#'   fit), `error` (Laplace minus estimate), `draws`, `seed`, `log_weights`.
#' @noRd
importance_loglik <- function(fit, draws = 1000L, seed = 1L) {
  design <- fit$design
  check_factorable(design, "importance sampling.")
  size <- row_count(design) + sum(vapply(fit$modes, length, 1L))
  block <- max(1L, min(draws, as.integer(2e6 / size)))
  results <- with_seed(seed, lapply(block_sizes(draws, block), function(count) {
    engine_importance(fit, matrix(stats::rnorm(size * count), size, count))
  }))
  r <- unlist(lapply(results, `[[`, "log_weights"))
  top <- max(r)
  w <- exp(r - top)
  estimate <- results[[1L]]$center + top + log(mean(w))
  list(
    logLik = estimate, mc_error = stats::sd(w) / mean(w) / sqrt(draws),
    effective = sum(w)^2 / sum(w^2), laplace = fit$logLik, error = fit$logLik - estimate,
    draws = draws, seed = seed, log_weights = r + results[[1L]]$center
  )
}

block_sizes <- function(total, block) {
  full <- total %/% block
  c(rep(block, full), if (total %% block > 0) total %% block)
}

#' Is the rule of a fit with several grouping factors good enough?
#' @inherit diagnose_integration return
#' @noRd
importance_integration <- function(fit, settings) {
  found <- importance_loglik(fit, as.integer(settings$draws), settings$seed)
  problems <- importance_problems(found, settings$tolerance, fit)
  structure(list(
    K = fit$rule$K, error = abs(found$error), logLik = fit$logLik, difference = found$error,
    importance = list(
      logLik = found$logLik, std.error = found$mc_error, effective = found$effective,
      draws = found$draws
    ),
    log_weights = found$log_weights, rule = nodes_words(fit$rule$K),
    problems = problems, fires = length(problems) > 0L, tolerance = settings$tolerance,
    seed = settings$seed,
    group = group_labels(fit$design), exact = FALSE
  ), class = c("margmix_integration_groups", "margmix_integration"))
}

check_draws <- function(draws) {
  if (is.numeric(draws) && length(draws) == 1L && isTRUE(draws >= 10) && is.finite(draws)) {
    return(invisible())
  }
  abort("argument", "`draws` must be one number, at least 10.", given = deparse(draws)[1L])
}

# An estimate that rests on a few draws is too low, and its standard error says nothing.
importance_problems <- function(found, tolerance, fit) {
  if (found$effective < max(30, 0.05 * found$draws)) {
    return(paste0(
      "the estimate rests on ", format(found$effective, digits = 2L), " of ", found$draws,
      " draws and can't be trusted: the posterior is far from normal, or has many dimensions"
    ))
  }
  if (abs(found$error) <= max(tolerance, 3 * found$mc_error)) return(character())
  paste0(
    "the log-likelihood is off by about ", signif(found$error, 2L), ": ",
    if (supports(fit$design, "quadrature")) {
      integration_advice(fit)
    } else {
      "compare models by it with care; what they have in common cancels"
    }
  )
}

#' @export
print.margmix_integration_groups <- function(x, digits = 4L, ...) {
  digits <- known_digits(digits)
  number <- function(value) formatC(value, format = "f", digits = digits)
  importance <- x$importance
  say("Integration at the fitted parameters, random effects of ", some_of(code(x$group)), "\n\n",
    sep = ""
  )
  labels <- c(x$rule, "Importance sampling", "Difference")
  values <- c(number(c(x$logLik, importance$logLik)), formatC(x$difference, digits = 2L))
  error <- paste0("  (Monte Carlo SE ", format(importance$std.error, digits = 2L), ")")
  say(paste0(format(labels), "  ", format(values, justify = "right"), c("", error, "")), sep = "\n")
  say("\n", importance$draws, " draws, effectively ", format(importance$effective, digits = 3L),
    "; seed ", if (is.null(x$seed)) "not set" else x$seed, "\n",
    sep = ""
  )
  print_problems(x$problems, "No problem found.")
  invisible(x)
}
