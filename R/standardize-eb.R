# Standardization for the observed clusters: random effects at their modes (empirical Bayes).

#' Standardized means of the observed clusters
#'
#' The modes u~_i(psi) depend on all parameters psi, so that the derivatives of the means are
#' differences (four points) of the whole computation. Given psi, the random effects of cluster i
#' vary about their mode with the covariance Lambda A_i^-1 Lambda'.
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
  cluster <- target$known[target$cluster]
  shared <- shared_part(target, cells, weight)
  at <- function(psi) {
    parts <- split_parameters(fit$design, fit$family, psi)
    modes <- engine_evaluate(
      fit$design, fit$family, psi, 1L, 0L, fit$modes, fit$control
    )$modes
    b <- modes %*% t(lambda_matrix(fit$design, parts$theta))
    sums <- lapply(designs, function(rows) {
      rows$offset <- rows$offset + rowSums(rows$Z * b[cluster, , drop = FALSE])
      standardize_marginal(rows, shared, parts$beta, fit$family)
    })
    collect_means(sums, cells$index, length(parts$beta), 0L)
  }
  psi <- fit_psi(fit)
  means <- at(psi)
  means$jacobian <- vapply(seq_along(psi), function(j) {
    h <- 1e-3 * max(abs(psi[j]), 0.1)
    step <- function(size) at(replace(psi, j, psi[j] + size * h))$estimate
    (8 * (step(1) - step(-1)) - (step(2) - step(-2))) / (12 * h)
  }, means$estimate)
  means$posterior <- eb_posterior(fit, designs, cells, cluster, weight, means$weight)
  means
}

check_eb <- function(fit, target) {
  group <- group_labels(fit$design)
  if (length(group) > 1L) {
    abort("argument", "random_effects = \"eb\" must have one grouping factor.",
      given = some_of(code(group)),
      hint = paste(
        "predict(random_effects = \"eb\") gives the means of rows with the exposure set,",
        "and their standard errors."
      )
    )
  }
  if (is_bridge(fit$family)) {
    abort("argument", "random_effects = \"eb\" must have normal random effects.",
      given = "a bridge distribution"
    )
  }
  if (is.null(target$cluster)) refuse_without_clusters("random_effects = \"eb\"")
  new <- target$levels[is.na(target$known)]
  if (!length(new)) return(invisible())
  abort("newdata", "With random_effects = \"eb\" the target rows must be of clusters of the fit.",
    given = paste("new", ngettext(length(new), "cluster", "clusters"), some_of(new))
  )
}

# sum over clusters of g'S g, with g the derivative of a mean in the random effects of the cluster.
eb_posterior <- function(fit, designs, cells, cluster, weight, total) {
  S <- engine_mode_variance(fit)
  b <- fit$modes %*% t(fit$Lambda)
  index <- cells$index
  m <- length(fit$design$levels)
  gradients <- lapply(seq_len(nrow(index)), function(t) {
    rows <- designs[[index$setting[t]]]
    eta <- fixed_predictor(fit, rows) + rowSums(rows$Z * b[cluster, , drop = FALSE])
    inside <- cells$group %in% index$cell[t]
    g <- matrix(0, m, ncol(b))
    sums <- rowsum((inside * weight * fit$family$mu.eta(eta)) * rows$Z, cluster) / total[t]
    g[as.integer(rownames(sums)), ] <- sums
    g
  })
  out <- matrix(0, nrow(index), nrow(index))
  for (i in seq_len(m)) {
    g <- matrix(vapply(gradients, function(g) g[i, ], numeric(ncol(b))), ncol(b))
    out <- out + crossprod(g, S[, , i] %*% g)
  }
  out
}
