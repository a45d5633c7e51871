# Is the distribution of the random effects right? The gradient function of Verbeke and Molenberghs.

#' Is the distribution of the random effects right?
#'
#' @description
#' ```
#' fit <- glmm(cbind(r, n - r) ~ seed * extract + (1 | plate), seeds, binomial())
#' check <- diagnose_distribution(fit, nsim = 99)
#' check
#' plot(check)
#' ```
#'
#' @details
#' This checks the distribution by the gradient function of Verbeke and Molenberghs (2013),
#' ```
#' Delta(b) = (1 / m) sum_i f_i(y_i | b) / f_i(y_i),
#' ```
#' where f_i(y_i | b) is the density of the responses of cluster i with random effect b, and
#' f_i(y_i) that in the fitted model. It is 1 plus the directional derivative of the mean
#' log-likelihood of a cluster towards a distribution with all mass at b. If the distribution is
#' right, the function is 1, up to sampling error, wherever the distribution has mass. Above 1 the
#' data call for more mass there, below 1 for less.
#'
#' The statistic is of Cramer-von Mises type (Drikvandi, Verbeke and Molenberghs 2017): T is m times
#' the integral of (Delta(b) - 1)^2 over the fitted distribution. It is compared with `nsim` data
#' sets simulated from the fitted model and refitted: p = (1 + number of T at least as large) / (1 +
#' nsim). Their gradient functions also give the band, which contains the share `level` of them,
#' pointwise.
#'
#' The power depends on how much the responses of a cluster say about its effect. With few rows per
#' cluster, especially of 0/1 responses, quite different distributions fit equally well. They then
#' also matter little for most effects, see [compare_distributions()]. At 5%, the test with 50
#' clusters rejected a normal distribution in 4.1% of 1,000 simulated data sets with 6 rows of 0/1
#' responses per cluster, and in 7.3% with 20; an exponential one in 29% and 78%; two points in 18%
#' and 100%. Treat a p-value between .03 and .05 as a hint.
#'
#' @param fit A fit of [glmm()] with one random effect (normal, bridge or t) by one grouping factor.
#' @param nsim Number of simulated data sets; 0 for the gradient function alone.
#' @param at Values of the random effect to show; by default 61 from -3 to 3 standard deviations.
#' @param level Level of the band.
#' @param seed Seed of the simulation; the state of the generator is restored. `NULL` draws from
#'   that state.
#' @param x The result.
#' @param digits Significant digits to print.
#' @param ... Passed on by `plot()`; otherwise not used.
#' @return A list of class `margmix_distribution_check`: `table` (`b`, `estimate`, and the band
#'   `conf.low` and `conf.high`), `statistic`, `simulated` (its values in the data sets that could
#'   be fitted), `p.value`, `seed`. `plot()` draws the table.
#' @section Errors: `margmix_error_distribution`: more than one random effect, or a variance of
#'   zero; `margmix_error_argument`.
#' @references
#' Drikvandi, R., Verbeke, G. and Molenberghs, G. (2017). Diagnosing misspecification of the
#' random-effects distribution in mixed models. *Biometrics* 73, 63-71.
#'
#' Verbeke, G. and Molenberghs, G. (2013). The gradient function as an exploratory goodness-of-fit
#' assessment of the random-effects distribution in mixed models. *Biostatistics* 14, 477-490.
#' @examples
#' fit <- glmm(cbind(r, n - r) ~ seed * extract + (1 | plate), seeds, binomial(), nAGQ = 7)
#' diagnose_distribution(fit, nsim = 19)
#' @export
diagnose_distribution <- function(fit, nsim = 199, at = NULL, level = 0.95, seed = 1, ...) {
  check_dots(..., known = names(formals(diagnose_distribution)))
  check_glmm(fit)
  check_in_memory(fit$design)
  check_level(level)
  check_scalar_effect(fit)
  check_whole(nsim, "nsim", 0, 1e6)
  b <- at %||% (fit$theta[[1L]] * seq(-3, 3, length.out = 61L))
  if (!is.numeric(b) || !length(b) || !all(is.finite(b))) {
    abort("argument", "`at` must be values of the random effect.", given = some_of(b))
  }
  observed <- gradient_of(fit, fit$design, list(psi = fit_psi(fit), modes = fit$modes), b)
  simulated <- with_seed(seed, simulated_gradients(fit, b, nsim))
  statistics <- vapply(simulated, `[[`, 0, "statistic")
  band <- gradient_band(lapply(simulated, `[[`, "delta"), length(b), level)
  structure(list(
    table = data.frame(b = b, estimate = observed$delta, conf.low = band[1L, ],
      conf.high = band[2L, ]),
    statistic = observed$statistic, simulated = statistics,
    p.value = if (nsim > 0) {
      (1 + sum(statistics >= observed$statistic)) / (1 + length(statistics))
    } else {
      NA_real_
    },
    level = level, seed = seed, fit = fit
  ), class = "margmix_distribution_check")
}


#' @section Errors: `distribution`.
#' @noRd
check_one_effect <- function(fit) {
  design <- fit$design
  check_likelihood(design, "A look at the distribution of the random effects")
  if (!supports(design, "one effect")) {
    abort("distribution", "The model must have one random effect, by one grouping factor.",
      given = paste("terms", some_of(term_labels(design)))
    )
  }
}

#' @section Errors: `distribution`.
#' @noRd
check_scalar_effect <- function(fit) {
  check_one_effect(fit)
  shared_phi(fit, "a look at the distribution of the random effect")
  if (fit$theta[[1L]] == 0) {
    abort("distribution", "The variance of the random effect is zero.",
      given = "an estimate of zero", hint = "There is no distribution to look at."
    )
  }
}

#' Delta(b) and the statistic, at some parameters
#'
#' @param found A list: `psi`, `modes`.
#' @return A list: `delta` at b; `statistic`, by a trapezoid sum over the normal score.
#' @noRd
gradient_of <- function(fit, design, found, b) {
  p <- length(fit$beta)
  psi <- found$psi
  u <- seq(-5, 5, by = 0.1)
  fit$theta <- psi[p + 1L]
  support <- psi[[p + 1L]] * drop(effects_of_draws(design, fit, matrix(u)))
  log_phi <- if (has_phi(fit$family)) psi[length(psi)]
  log_f <- engine_conditional_density(
    design, fit$family, psi[seq_len(p)], log_phi, c(b, support), fit$control
  )
  total <- engine_evaluate(
    design, fit$family, psi, posterior_nodes(fit), 0L, found$modes, fit$control
  )$values
  delta <- rowMeans(exp(log_f - rep(total, each = nrow(log_f))))
  on_support <- delta[-seq_along(b)]
  list(
    delta = delta[seq_along(b)],
    statistic = ncol(log_f) * sum(stats::dnorm(u) * (on_support - 1)^2) * 0.1
  )
}

# One for each data set to which the model can be fitted, with a variance that is not zero.
simulated_gradients <- function(fit, b, nsim) {
  if (nsim == 0) return(list())
  plan <- simulation_plan(fit, NULL, 1)
  start <- refit_start(fit)
  found <- lapply(seq_len(nsim), function(i) {
    design <- draw_design(fit, "parametric", plan)
    if (is.null(design)) return(NULL)
    refitted <- refit_design(fit, design, start)
    if (!is.null(refitted$failed)) return(NULL)
    # with no variance left, the fitted distribution is the point 0, and Delta is 1 there
    if (refitted$psi[[length(fit$beta) + 1L]] == 0) {
      return(list(delta = rep(NA_real_, length(b)), statistic = 0))
    }
    gradient_of(fit, design, refitted, b)
  })
  found <- Filter(Negate(is.null), found)
  if (length(found)) return(found)
  abort("distribution", "The model could not be fitted to any of the simulated data sets.")
}

gradient_band <- function(deltas, points, level) {
  if (!length(deltas)) return(matrix(NA_real_, 2L, points))
  all <- matrix(unlist(deltas), points)
  apply(all, 1L, stats::quantile, probs = c(1 - level, 1 + level) / 2, na.rm = TRUE, names = FALSE)
}

#' @rdname diagnose_distribution
#' @export
print.margmix_distribution_check <- function(x, digits = 3L, ...) {
  digits <- known_digits(digits)
  say("Gradient function of ", distribution_noun(x$fit), " by ",
    code(cluster_group(x$fit$design)), ", ",
    count_of(cluster_count(x$fit$design), "cluster"), "\n\n", sep = "")
  shown <- x$table[unique(round(seq(1, nrow(x$table), length.out = 7L))), ]
  print(format(shown, digits = digits), row.names = FALSE)
  say("\n1 where the distribution is right; above 1 the data call for more mass.\n")
  if (is.na(x$p.value)) {
    say("No test: nsim = 0.\n")
    return(invisible(x))
  }
  say("T = ", format(x$statistic, digits = digits), ", p = ", format(x$p.value, digits = digits),
    " from ", count_of(length(x$simulated), "simulated data set"), "; band: ",
    format_level(x$level), " of them, pointwise.\n", sep = "")
  say(if (x$p.value < 0.05) {
    "The data contradict this distribution: see compare_distributions() for what it changes."
  } else {
    "The data do not contradict this distribution, but clusters with few rows say little about it."
  }, "\n", sep = "")
  invisible(x)
}

distribution_noun <- function(fit) paste("a", random_distribution(fit$design)$name, "random effect")

#' @rdname diagnose_distribution
#' @export
plot.margmix_distribution_check <- function(x, ...) plot(plot_data(x), ...)

#' @rdname plot_data
#' @export
plot_data.margmix_distribution_check <- function(x, ...) {
  check_dots(...)
  table <- x$table
  points_picture(table$b, table$estimate, table$conf.low, table$conf.high,
    xlab = "Random effect b", ylab = "Gradient function", joined = TRUE,
    lines = data.frame(at = 1, words = "the distribution is right")
  )
}
