# Standardization for the observed clusters: random effects at their modes (empirical Bayes).

#' Standardized means of the observed clusters
#'
#' The modes u~_i(psi) depend on all parameters psi, so that the derivatives of the means are
#' differences (four points) of the whole computation. Given psi, the random effects of cluster i
#' vary about their mode with the covariance Lambda A_i^-1 Lambda'. With two nested factors these
#' are the effects of the coarser one and of all levels of the finer one within.
#'
#' @return As [standardized_means()]; the Jacobian has a column for each element of psi. And
#'   `posterior`, T x T: the part of the covariance that comes from the random effects.
#' @noRd
eb_means <- function(fit, target, settings, cells, weight) {
  check_eb(fit, target)
  used <- !is.na(cells$group) & weight > 0
  designs <- lapply(seq_along(settings$labels), function(k) {
    setting <- lapply(unclass(settings$values)[settings$exposure], `[`, k)
    counterfactual_design(fit, target, setting, used)
  })
  cluster <- effect_levels(fit, target)
  shared <- shared_part(target, cells, weight)
  at <- function(psi) {
    parts <- split_parameters(fit$design, fit$family, psi)
    now <- fit
    now$Lambda <- lambda_matrix(fit$design, parts$theta)
    now$modes <- engine_evaluate(
      fit$design, fit$family, psi, 1L, 0L, fit$modes, fit$control
    )$modes
    sums <- lapply(designs, function(rows) {
      rows$offset <- rows$offset + random_predictor(now, list(Z = rows$Z, cluster = cluster))
      standardize_marginal(rows, shared, parts$beta, fit$family)
    })
    collect_means(sums, cells$index, 0L)
  }
  psi <- fit_psi(fit)
  means <- at(psi)
  means$jacobian <- vapply(seq_along(psi), function(j) {
    h <- 1e-3 * max(abs(psi[j]), 0.1)
    four_point(function(x) at(replace(psi, j, x))$estimate, psi[j], h)
  }, means$estimate)
  means$posterior <- eb_posterior(fit, designs, cells, cluster, weight, means$weight)
  means
}

# Positions among the levels of the fit, rows x factors.
effect_levels <- function(fit, target) {
  if (target$sorted) row_clusters(fit$design) else target$effects
}

check_eb <- function(fit, target) {
  group <- group_labels(fit$design)
  if (!supports(fit$design, "quadrature")) {
    abort("argument", "random_effects = \"eb\" requires one grouping factor, or two nested ones.",
      given = some_of(code(group)),
      hint = paste(
        "predict(random_effects = \"eb\") gives the means of rows with the exposure set,",
        "and their standard errors."
      )
    )
  }
  if (!supports(fit$design, "normal")) {
    abort("argument", "random_effects = \"eb\" requires normal random effects.",
      given = law_noun(random_distribution(fit$design))
    )
  }
  if (is.null(target$cluster)) refuse_without_clusters("random_effects = \"eb\"")
  must <- "With random_effects = \"eb\" the target rows must be of clusters of the fit."
  new <- target$levels[is.na(target$known)]
  if (length(new)) {
    abort("newdata", must,
      given = paste("new", ngettext(length(new), "cluster", "clusters"), some_of(new))
    )
  }
  if (anyNA(effect_levels(fit, target))) {
    abort("newdata", must, given = paste("new or missing levels of", code(group[2L])))
  }
}

# Covariance of the means from the random effects: that of g'b, with g the derivative of a mean in
# all of them.
eb_posterior <- function(fit, designs, cells, cluster, weight, total) {
  index <- cells$index
  gradients <- lapply(seq_len(nrow(index)), function(t) {
    rows <- designs[[index$setting[t]]]
    eta <- fixed_predictor(fit, rows) +
      random_predictor(fit, list(Z = rows$Z, cluster = cluster))
    inside <- cells$group %in% index$cell[t]
    effect_sums(inside * weight * fit$family$mu.eta(eta) / total[t], rows$Z, cluster, fit$design)
  })
  engine_combinations(fit, lapply(seq_len(factor_count(fit$design)), function(k) {
    parts <- lapply(gradients, `[[`, k)
    array(unlist(parts), c(dim(parts[[1L]]), length(parts)))
  }))
}

# Sums of w z over the rows of each level: for each factor a matrix, effects x levels.
effect_sums <- function(w, Z, cluster, design) {
  lapply(seq_along(design$groups), function(k) {
    group <- design$groups[[k]]
    sums <- rowsum(w * Z[, group$columns, drop = FALSE], cluster[, k])
    g <- matrix(0, length(group$columns), length(group$levels))
    g[, as.integer(rownames(sums))] <- t(sums)
    g
  })
}
