# Integration with several grouping factors: a finer rule where there is one, else importance
# sampling.

#' @export
check_integration.margmix_level_quadrature <- function(way, fit, settings) {
  finer <- finer_nested_rule(fit)
  if (is.null(finer)) {
    check_likelihood(fit$design, "Importance sampling of nested effects")
    return(importance_integration(fit, settings))
  }
  nested_integration(fit, finer, settings$tolerance)
}

#' @export
check_integration.margmix_laplace <- function(way, fit, settings) {
  importance_integration(fit, settings)
}

#' A finer rule for two nested levels
#'
#' 2 K + 1 nodes at each level, at least 15 (7 for vectors of effects), or as many as can be
#' afforded.
#'
#' @param budget Most evaluations of a row's density.
#' @return Nodes of both levels; `NULL` if K + 2 at each is too much.
#' @noRd
finer_nested_rule <- function(fit, budget = 5e7) {
  K <- rep_len(fit$rule$K, 2L)
  most <- min(12 * fit$control$max_nodes, budget / row_count(fit$design))
  q <- effects_per_factor(fit$design)
  finer <- pmax(2L * K + 1L, ifelse(q == 1L, 15L, 7L))
  while (max(finer) > 300L || rule_nodes(fit$design, finer) > most) {
    level <- which.max(finer - K)
    if (finer[level] <= K[level] + 2L) return(NULL)
    finer[level] <- finer[level] - 1L
  }
  finer
}

#' @inherit diagnose_integration return
#' @noRd
nested_integration <- function(fit, finer, tolerance) {
  evaluate <- function(K, order) {
    engine_evaluate(fit$design, fit$family, fit_psi(fit), K, order, fit$modes, fit$control)
  }
  at_fit <- evaluate(fit$rule$K, 0L)$values
  at_finer <- evaluate(finer, 2L)
  difference <- (at_finer$values - at_fit) * (cluster_weights(fit$design) %||% 1)
  change <- rule_change(fit, at_finer)
  error <- abs(sum(difference))
  problems <- rule_problems(fit, error, change, tolerance)
  clusters <- data.frame(
    cluster = cluster_levels(fit$design), logLik = at_fit, finer = at_finer$values,
    difference = difference
  )
  structure(list(
    K = fit$rule$K, finer = finer, error = error, table = nested_integration_table(fit, finer),
    importance = NULL, clusters = clusters[order(-abs(difference)), ], estimates = change,
    fires = length(problems) > 0L, problems = problems, tolerance = tolerance, seed = NULL,
    group = group_labels(fit$design)[1L], exact = FALSE
  ), class = "margmix_integration")
}

# The same number of nodes at both levels up to the rule of the fit, and from there the finer ones.
nested_integration_table <- function(fit, finer) {
  own <- rep_len(fit$rule$K, 2L)
  rules <- lapply(c(1L, 3L, 5L, 7L, 15L), function(K) pmin(K, finer))
  rules <- unique(c(rules, list(own, c(finer[1L], own[2L]), c(own[1L], finer[2L]), finer)))
  rules <- rules[order(vapply(rules, rule_nodes, 0, design = fit$design))]
  value <- vapply(rules, function(K) engine_loglik_at(fit, K), 0)
  data.frame(
    K = vapply(rules, format_nodes, ""), logLik = value, difference = value - value[length(value)]
  )
}
