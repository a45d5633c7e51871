# Ranking of clusters by the posterior of a random effect.

#' Rank clusters
#'
#' @description
#' ```
#' fit <- glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial())
#' ranks <- rank_clusters(fit)
#' ranks
#' plot(ranks)
#' ```
#'
#' @details
#' Ranks of estimates are poor estimates of ranks: clusters with little data are shrunk into the
#' middle or, without shrinkage, fill both ends. `rank_clusters()` uses the distribution of each
#' cluster's random effect b_i given the responses, at the estimated parameters:
#'
#' * `rank` is its posterior expected rank, 1 + sum over k of P(b_k < b_i) (Laird and Louis 1989),
#'   and `percentile` is 100 rank / (m + 1);
#' * `p_low` and `p_high` are the probabilities that b_i belongs to the lowest and to the highest
#'   tenth of the m clusters (`tail`): P(b_i > t) with t such that m `tail` clusters are expected
#'   above it (the percentiles P* of Lin et al. 2006).
#'
#' With one grouping factor the densities are exact, by quadrature, for normal, bridge and t effects
#' alike. With several factors, or more than eight random effects per cluster, each posterior is
#' approximated by a normal with the mean and variance of [ranef.margmix_glmm()] (with crossed
#' factors its mode), as the printed heading says. Whether high is good or bad is for you to judge.
#' None of these numbers includes the uncertainty of the estimated parameters.
#'
#' @param object A fit of [glmm()].
#' @param effect Name of the random effect, such as `"(Intercept)"`; by default the first.
#' @param group Name of the grouping factor; by default the first.
#' @param tail Share of the clusters that count as lowest and as highest.
#' @param level Level of the intervals.
#' @param ... For `plot()`: passed to [graphics::plot.default()]; otherwise not used.
#' @return A data frame of class `margmix_ranks` with a row for each cluster, in increasing order of
#'   rank: `cluster`, `estimate` (posterior mean), `lower` and `upper` (posterior quantiles),
#'   `rank`, `percentile`, `p_low`, `p_high`.
#' @section Errors: `margmix_error_argument`; `margmix_error_no_variance`: the variance of the
#'   effect is estimated as zero, so the clusters are all alike.
#' @references
#' Laird, N. M. and Louis, T. A. (1989). Empirical Bayes ranking methods. *Journal of Educational
#' Statistics* **14**, 29-46.
#'
#' Lin, R., Louis, T. A., Paddock, S. M. and Ridgeway, G. (2006). Loss function based ranking in
#' two-stage, hierarchical models. *Bayesian Analysis* **1**, 915-946.
#' @examples
#' fit <- glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial())
#' rank_clusters(fit)
#' @order 1
#' @export
rank_clusters <- function(object, effect = NULL, group = NULL, tail = 0.1, level = 0.95, ...) {
  check_glmm(object, "object")
  check_dots(..., known = names(formals(rank_clusters)))
  check_level(level)
  check_tail(tail)
  check_unrelated(object$design, "Ranks are", "ranef() has modes and their variances.")
  check_in_memory(object$design)
  factors <- random_factors(object$design)
  k <- match(one_of(group %||% factors[[1L]]$label, group_labels(object$design), "group"),
    group_labels(object$design))
  effect <- one_of(effect %||% factors[[k]]$names[1L], factors[[k]]$names, "effect")
  posterior <- effect_posterior(object, k, match(effect, factors[[k]]$names))
  structure(rank_table(posterior, factors[[k]]$levels, tail, level),
    group = factors[[k]]$label, effect = effect, tail = tail, level = level,
    exact = posterior$exact, clusters = length(factors[[k]]$levels),
    class = c("margmix_ranks", "data.frame")
  )
}

check_tail <- function(tail) {
  if (is.numeric(tail) && length(tail) == 1L && is.finite(tail) && tail > 0 && tail < 1) {
    return(invisible())
  }
  abort("argument", "`tail` must be a number between 0 and 1.", given = deparse(tail)[1L])
}

#' Posterior of an effect on a grid, cluster by cluster
#'
#' The grid is one of the effect, or of an increasing function of it that all clusters share: that
#' leaves the order of the clusters as it is.
#' @return A list: `t` (grid, step 0.05); `centre`, `unit` (m): cluster i has the points centre +
#'   unit t; `density` (grid x m; with respect to t); `effect`, a function that takes points to
#'   values of the effect; `mean` of the effect (m); `exact`.
#' @noRd
effect_posterior <- function(object, k, j) {
  group <- random_factors(object$design)[[k]]
  moments <- supports(object$design, "moments")
  effects <- ranef(object, type = if (moments) "mean" else "mode")[[k]]
  if (all(object$Lambda[group$columns[j], ] == 0)) {
    abort("no_variance", "The variance of the effect is zero: all clusters are alike.",
      given = paste0(code(group$names[j]), " by ", code(group$label))
    )
  }
  mean <- effects[[j]]
  sd <- sqrt(attr(effects, "postVar")[j, j, ])
  t <- seq(-9, 9, by = 0.05)
  posterior <- effect_density(object$design, object, group$columns[j], mean, sd, t)
  log_density <- posterior$log_density
  density <- exp(log_density - rep(apply(log_density, 2L, max), each = length(t)))
  list(
    t = t, centre = posterior$centre %||% mean, unit = posterior$unit %||% sd,
    density = density / rep(colSums(density) * 0.05, each = length(t)),
    effect = posterior$effect %||% identity, mean = mean, exact = posterior$exact
  )
}

#' Its log-density at the points t, by which the density of each cluster is known
#' @param column The effect's column of Z.
#' @param mean,sd Of the posterior of each cluster; `t` is in these units.
#' @return A list: `log_density` (grid x m), `exact`; where the grid is another one also `centre`,
#'   `unit` and `effect`.
#' @noRd
effect_density <- function(design, fit, column, mean, sd, t) UseMethod("effect_density")

#' @export
effect_density.default <- function(design, fit, column, mean, sd, t) {
  # given the others a normal effect is normal, which one point integrates
  linear <- is_linear(fit$family)
  K <- if (linear) 1L else points_within(25L, effect_count(design) - 1L, 2200)
  if (K == 1L && !linear) return(normal_density(mean, t))
  list(log_density = engine_posterior_density(fit, column, mean, sd, t, K), exact = TRUE)
}

#' @export
effect_density.margmix_several_factors <- function(design, fit, column, mean, sd, t) {
  normal_density(mean, t)
}

normal_density <- function(mean, t) {
  normal <- stats::dnorm(t, log = TRUE)
  list(log_density = matrix(normal, length(t), length(mean)), exact = FALSE)
}

# Over the variable u of the law: the density of b may have a narrow peak at 0 and long tails, that
# of u is smooth.
#' @export
effect_density.margmix_nonnormal <- function(design, fit, column, mean, sd, t) {
  posterior <- engine_effect_density(fit, length(t))
  list(
    exact = TRUE,
    centre = (posterior$low + posterior$high) / 2,
    unit = (posterior$high - posterior$low) / (2 * max(t)), log_density = posterior$log_density,
    effect = function(u) engine_effect_at(random_distribution(design), u, fit$theta[[1L]])
  )
}

rank_table <- function(posterior, levels, tail, level) {
  m <- length(levels)
  b <- rep(posterior$centre, each = length(posterior$t)) + outer(posterior$t, posterior$unit)
  cdf <- cumulative(posterior$density, 0.05)
  under <- lapply(seq_len(m), function(k) {
    distribution(b[, k], cdf[, k], posterior$density[, k] / posterior$unit[k])
  })
  total <- total_distribution(under, b)
  rank <- 0.5 + colSums(posterior$density * matrix(total(b), nrow(b))) * 0.05
  cut <- function(count) {
    stats::uniroot(function(x) total(x) - count, range(b), tol = 1e-10)$root
  }
  at <- function(x) vapply(under, function(F) F(x), 0)
  quantile <- function(p) {
    at_p <- function(k) quantile_of(under[[k]], b[, k], cdf[, k], p)
    posterior$effect(vapply(seq_len(m), at_p, 0))
  }
  out <- data.frame(
    cluster = levels, estimate = posterior$mean, lower = quantile((1 - level) / 2),
    upper = quantile((1 + level) / 2), rank = rank, percentile = 100 * rank / (m + 1),
    p_low = at(cut(m * tail)), p_high = 1 - at(cut(m * (1 - tail)))
  )
  out <- out[order(out$rank), ]
  rownames(out) <- NULL
  out
}

# A distribution function between the points of its grid, from its values and density there.
distribution <- function(b, cdf, density) {
  inside <- stats::splinefunH(b, cdf, density)
  function(x, deriv = 0L) {
    out <- if (deriv) numeric(length(x)) else as.numeric(x >= b[length(b)])
    between <- x > b[1L] & x < b[length(b)]
    if (any(between)) out[between] <- inside(x[between], deriv)
    if (deriv) out else pmin(pmax(out, 0), 1)
  }
}

# P(b_k <= x) summed over the clusters, on the points of all grids.
total_distribution <- function(under, b) {
  points <- sort(unique(c(b)))
  if (length(points) > 4000L) {
    points <- points[unique(round(seq(1, length(points), length.out = 4000L)))]
  }
  value <- slope <- numeric(length(points))
  for (cdf in under) {
    value <- value + cdf(points)
    slope <- slope + cdf(points, 1L)
  }
  stats::splinefunH(points, value, slope)
}

quantile_of <- function(F, b, cdf, p) {
  k <- min(max(findInterval(p, cdf), 1L), length(b) - 1L)
  stats::uniroot(function(x) F(x) - p, b[k + 0:1], extendInt = "upX", tol = 1e-10)$root
}

# Distribution functions from densities on a grid with step h: the trapezoidal rule with its first
# correction, -h^2 / 12 times the change of the derivative.
cumulative <- function(density, h) {
  n <- nrow(density)
  change <- density[-(1:2), , drop = FALSE] - density[seq_len(n - 2L), , drop = FALSE]
  slope <- rbind(0, change, 0) / (2 * h)
  sums <- apply(density, 2L, cumsum) - density / 2
  cdf <- h * sums - h^2 / 12 * slope
  # it does not fall where there is nothing left but rounding
  apply(pmin(pmax(cdf / rep(cdf[n, ], each = n), 0), 1), 2L, cummax)
}

#' @rdname rank_clusters
#' @param x The result of `rank_clusters()`.
#' @param rows Clusters to print, half of them from each end.
#' @export
print.margmix_ranks <- function(x, rows = 20L, ...) {
  check_whole(rows, "rows", 1, Inf)
  if (is.null(attr(x, "clusters"))) { # a part of the table
    print.data.frame(x, ...)
    return(invisible(x))
  }
  m <- nrow(x)
  share <- paste0(100 * attr(x, "tail"), "%")
  say("Clusters of ", code(attr(x, "group")), " ranked by ", code(attr(x, "effect")), " of ",
    attr(x, "clusters"), ", lowest first\n", sep = "")
  say("Posterior ", if (attr(x, "exact")) "by quadrature" else "taken as normal",
    " at the estimated parameters; rank: its expectation;\np_low, p_high: probability of the ",
    "lowest and the highest ", share, "\n", sep = "")
  shown <- as.data.frame(x)
  class(shown) <- "data.frame"
  half <- rows %/% 2L
  take <- if (m > rows) c(seq_len(half), m - rev(seq_len(half)) + 1L) else seq_len(m)
  numbers <- vapply(shown, is.numeric, NA)
  shown[numbers] <- lapply(shown[numbers], function(v) signif(v, 3L))
  print(shown[take, , drop = FALSE], row.names = FALSE, ...)
  if (m > rows) say("...", m - 2L * half, "clusters between are not shown\n")
  invisible(x)
}
