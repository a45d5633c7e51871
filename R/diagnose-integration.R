# How good is the integral over the random effects?

#' Accuracy of the integration over the random effects
#'
#' @description
#' ```
#' fit <- glmm(severe ~ treatment * scheduled + (1 | patient), toenail, binomial(), nAGQ = 1)
#' diagnose_integration(fit)
#' ```
#'
#' The log-likelihood of a mixed model is a sum of integrals, one for each cluster. At the fitted
#' parameters, this function compares the integration rule of the fit with finer ones and with an
#' independent method, and names the clusters with the largest errors.
#'
#' @details
#' The table gives the log-likelihood for several numbers K of nodes per random effect, up to 2 K +
#' 1 for the K of the fit. The difference between the last two is the estimated error.
#'
#' The independent method is importance sampling: points from t distributions with 5 degrees of
#' freedom around the mode of each cluster, in `replicates` randomly shifted lattices of `points`
#' points (randomised quasi-Monte Carlo; Cranley and Patterson 1976). The replicates give its
#' standard error. The heavy tails reach regions away from the mode that Gauss-Hermite rules may
#' miss.
#'
#' A Newton step with the finest rule shows how far it would move the estimates.
#'
#' The check fires if the estimated error is above `tolerance`, if an estimate would move by more
#' than a tenth of its standard error, or if the two methods differ by more than `tolerance` and 5
#' standard errors.
#'
#' With two nested factors, `(1 | a/b)`, the rule of the fit is compared with finer rules at both
#' levels; there is no second method.
#'
#' With crossed factors, related levels, smooths, or more than two levels, the integral doesn't
#' factor into low-dimensional ones, and there are no finer rules; nor are there for nested factors
#' that would need too many nodes (see `max_nodes` of [glmm_control()]). All random effects are then
#' drawn together, `draws` times, from the normal distribution at their mode that the Laplace
#' approximation integrates. The estimated likelihood is Laplace's times the mean of the weights.
#' The result gives its logarithm with its Monte Carlo standard error, the difference from the fit,
#' and the effective number of draws, (sum w)^2 / sum w^2. If that is below 5% of `draws`, or below
#' 30, the weights are too unequal to trust the estimate, and the check says so. Otherwise it fires
#' if the difference is above `tolerance` and 3 standard errors.
#'
#' @param fit A fit of [glmm()] with normal random effects.
#' @param tolerance Largest acceptable error of the log-likelihood. The error of a likelihood ratio
#'   statistic is twice as large.
#' @param points,replicates Size and number of the lattices, with one grouping factor.
#' @param draws Number of draws with crossed factors; more take longer.
#' @param seed Seed of the draws; the state of the generator is restored. `NULL` draws from that
#'   state.
#' @param x The result.
#' @param digits Significant digits to print.
#' @param ... Passed on by `plot()`; otherwise not used.
#' @return A list of class `margmix_integration`: `K` and `error`; `table` with `K`, `logLik` and
#'   `difference` from the finest rule; `importance`, a list of `logLik` and `std.error`;
#'   `clusters`, a data frame with the log-likelihood of each cluster by the rule of the fit and by
#'   the finer one, and their `difference`, worst first; `estimates`, a data frame with the Newton
#'   step `change` of each parameter, its `std.error` and their `ratio`; `fires`; `problems`, in
#'   words; `seed`. `plot()` draws the table. With two nested factors, `K` in the table is text,
#'   such as `"15 x 7"`, the clusters are those of the coarser factor, and `importance` is `NULL`.
#'
#'   If all random effects are drawn together, the result is also of class
#'   `margmix_integration_groups`. Instead of `table`, `clusters` and `estimates` it has `logLik` of
#'   the fit, `difference` from the estimate, and `log_weights`, one for each draw; `importance`
#'   also has `effective` and `draws`. `plot()` then draws the estimate as draws are added, with two
#'   standard errors and the log-likelihood of the fit.
#' @section Errors: `margmix_error_random_distribution`; `margmix_error_argument`;
#'   `margmix_error_too_large` if the design is too large to factorize.
#' @references
#' Cranley, R. and Patterson, T. N. L. (1976). Randomization of number theoretic methods for
#' multiple integration. *SIAM Journal on Numerical Analysis* **13**, 904-914.
#' @examples
#' fit <- glmm(
#'   cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial(), nAGQ = 1
#' )
#' diagnose_integration(fit)
#'
#' set.seed(1)
#' rated <- expand.grid(rater = 1:6, item = 1:12)
#' rated$yes <- rbinom(72, 1, plogis(rnorm(6)[rated$rater] + rnorm(12)[rated$item]))
#' crossed <- glmm(yes ~ 1 + (1 | rater) + (1 | item), rated, binomial())
#' diagnose_integration(crossed)
#' @export
diagnose_integration <- function(fit, tolerance = 0.01, points = 256L, replicates = 16L, seed = 1,
                                 draws = 1000L, ...) {
  check_dots(..., known = names(formals(diagnose_integration)))
  check_glmm(fit)
  check_normal(fit, "This diagnostic of the integration")
  check_in_memory(fit$design)
  positive_number(tolerance, "tolerance", "argument")
  check_whole(points, "points", 2)
  check_whole(replicates, "replicates", 2)
  check_draws(draws)
  check_seed(seed)
  check_integration(way_of_fit(fit), fit, list(
    tolerance = tolerance, points = points, replicates = replicates, seed = seed, draws = draws
  ))
}

#' @param settings The other arguments of [diagnose_integration()].
#' @noRd
check_integration <- function(way, fit, settings) UseMethod("check_integration")

#' @export
check_integration.margmix_quadrature <- function(way, fit, settings) {
  tolerance <- settings$tolerance
  finer <- finer_rule(fit)
  at_fit <- engine_cluster_values(fit, fit$rule$K)
  at_finer <- engine_cluster_values(fit, finer)
  whole <- engine_evaluate(
    fit$design, fit$family, fit_psi(fit), finer, 2L, fit$modes, fit$control
  )
  change <- rule_change(fit, whole)
  # of a pseudo-likelihood
  weight <- cluster_weights(fit$design) %||% 1
  importance <- importance_estimate(fit, settings$points, settings$replicates, settings$seed)
  difference <- weight * (at_finer$quadrature - at_fit$quadrature)
  error <- abs(sum(difference))
  gap <- abs(whole$value - importance$logLik)
  problems <- c(
    rule_problems(fit, error, change, tolerance),
    if (gap > max(tolerance, 5 * importance$std.error, 3 * error)) {
      paste0("importance sampling gives another log-likelihood, by ", signif(gap, 2L),
        ": integrands may have several modes"
      )
    }
  )
  clusters <- data.frame(
    cluster = cluster_levels(fit$design), logLik = at_fit$quadrature, finer = at_finer$quadrature,
    difference = difference
  )
  structure(list(
    K = fit$rule$K, finer = finer, error = error, table = integration_table(fit, finer),
    importance = importance, clusters = clusters[order(-abs(clusters$difference)), ],
    estimates = change, fires = length(problems) > 0L, problems = problems, tolerance = tolerance,
    seed = settings$seed, group = cluster_group(fit$design), exact = FALSE
  ), class = "margmix_integration")
}

#' @export
check_integration.margmix_exact <- function(way, fit, settings) {
  structure(list(
    K = 1L, finer = 1L, error = 0, exact = TRUE, fires = FALSE, problems = character(),
    table = data.frame(K = 1L, logLik = fit$logLik, difference = 0),
    importance = list(logLik = NA_real_, std.error = NA_real_), clusters = NULL, seed = NULL
  ), class = "margmix_integration")
}

# 2 K + 1, at least 15, or the finest rule that can be afforded.
finer_rule <- function(fit) {
  q <- integral_dimensions(fit$design)
  K <- max(2L * fit$rule$K + 1L, 15L)
  while (K > fit$rule$K + 1L && (K > 300L || K^q > 12 * fit$control$max_nodes)) K <- K - 1L
  K
}

integration_table <- function(fit, finer) {
  K <- sort(unique(c(1L, 3L, 5L, 7L, 15L, fit$rule$K, finer)))
  K <- K[K <= finer]
  value <- vapply(K, function(k) engine_loglik_at(fit, k), 0)
  data.frame(K = K, logLik = value, difference = value - value[length(value)])
}

#' Where a finer rule moves the estimates
#'
#' @param at Gradient and Hessian of the log-likelihood by the finer rule, at the fit.
#' @return A data frame with a row for each parameter: `parameter` (words), `change` (a Newton
#'   step; `NA` on the boundary, or if the finer rule is not concave here), `std.error` and `ratio`.
#' @noRd
rule_change <- function(fit, at) {
  se <- sqrt(diag(fit$vcov_full))
  active <- is.finite(se)
  change <- rep(NA_real_, length(se))
  direction <- if (at$status == "ok") {
    newton_direction(-at$gradient[active], -at$hessian[active, active, drop = FALSE])
  }
  if (!is.null(direction)) change[active] <- -direction$step
  data.frame(
    parameter = parameter_words(fit), change = change, std.error = se, ratio = change / se,
    row.names = names(se)
  )
}

most_changed <- function(change) change[which.max(abs(change$ratio)), ]

rule_problems <- function(fit, error, change, tolerance, limit = 0.1) {
  most <- most_changed(change)
  c(
    if (!isTRUE(error <= tolerance)) {
      paste0(
        "the log-likelihood is off by about ", signif(error, 2L), ": ", integration_advice(fit)
      )
    },
    if (any(abs(most$ratio) > limit)) {
      paste0("the ", most$parameter, " would move by about ", signif(abs(most$ratio), 2L),
        " standard errors: ", integration_advice(fit)
      )
    }
  )
}

integration_advice <- function(fit) {
  if (all(fit$rule$K == 1L)) return("Laplace is too coarse here, use nAGQ = \"auto\"")
  "raise `nAGQ`"
}

# The integral of each cluster is the mean of the replicates, each with its own random shift; its
# logarithm counts as often as the cluster, and the terms without a predictor are `constant`.
importance_estimate <- function(fit, points, replicates, seed) {
  q <- effect_count(fit$design)
  weight <- cluster_weights(fit$design) %||% 1
  shifts <- with_seed(seed, matrix(stats::runif(q * replicates), q))
  constant <- engine_loglik_at(fit, 1L) - sum(weight * engine_cluster_values(fit, 1L)$quadrature)
  values <- vapply(seq_len(replicates), function(r) { # a row for each cluster
    engine_cluster_values(fit, 1L, lattice_points(shifts[, r], points))$importance
  }, numeric(cluster_count(fit$design)))
  top <- apply(values, 1L, max)
  integral <- rowMeans(exp(values - top))
  # what each replicate adds to the logarithm of the means
  influence <- colSums(weight * (exp(values - top) / integral - 1))
  list(
    logLik = sum(weight * (top + log(integral))) + constant,
    std.error = stats::sd(influence) / sqrt(replicates)
  )
}

#' Points of a shifted lattice, as t variables
#'
#' Multiples of (1/g, 1/g^2, ...) modulo 1, with g the root of g^(q + 1) = g + 1, fill the unit cube
#' evenly in any dimension q.
#'
#' @return A list: `t` (q x N), `log_q0` (N).
#' @noRd
lattice_points <- function(shift, N, df = 5) {
  q <- length(shift)
  g <- stats::uniroot(function(g) g^(q + 1) - g - 1, c(1, 2), tol = 1e-14)$root
  u <- (outer(g^-seq_len(q), seq_len(N)) + shift) %% 1
  u <- pmin(pmax(u, 1e-12), 1 - 1e-12)
  t <- matrix(stats::qt(u, df), q)
  list(t = t, log_q0 = colSums(matrix(stats::dt(t, df, log = TRUE), q)))
}

#' @rdname diagnose_integration
#' @export
print.margmix_integration <- function(x, digits = 4L, ...) {
  digits <- known_digits(digits)
  if (x$exact) {
    say("Integration: exact (Gaussian response, identity link).\nNo problem found.\n")
    return(invisible(x))
  }
  say("Integration at the fitted parameters, K = ", format_nodes(x$K), " in the fit\n\n", sep = "")
  shown <- cbind(
    K = format(x$table$K), logLik = format(x$table$logLik, nsmall = digits, digits = 10L),
    Difference = formatC(x$table$difference, digits = 2L, format = "g")
  )
  rownames(shown) <- ifelse(x$table$K == format_nodes(x$K), "fit", "")
  print(shown, quote = FALSE, right = TRUE)
  cat("\n")
  if (!is.null(x$importance)) {
    say("Importance sampling: ", format(x$importance$logLik, nsmall = digits, digits = 10L),
      " (Monte Carlo SE ", format(x$importance$std.error, digits = 2L), ", seed ",
      if (is.null(x$seed)) "not set" else x$seed, ")\n",
      sep = ""
    )
  }
  most <- most_changed(x$estimates)
  if (nrow(most)) {
    say("A Newton step by the finest rule: ", formatC(abs(most$ratio), digits = 2L, format = "g"),
      " standard errors at most (", most$parameter, ")\n",
      sep = ""
    )
  }
  worst <- utils::head(x$clusters, 3L)
  say("Largest errors: ", code(x$group), " ",
    paste0(worst$cluster, " (", formatC(worst$difference, digits = 2L, format = "g"), ")",
      collapse = ", "
    ), "\n",
    sep = ""
  )
  print_problems(x$problems, "No problem found.")
  invisible(x)
}
