# Which fits can be compared, and what the smaller one leaves out.

#' What a comparison needs to know of a fit, in the caller's row order
#'
#' @param fit A fit of `glmm()`, `glm()` or `lm()`.
#' @return `comparison_data()`: a list of `y`, `trials`, `weights`, `offset`. `comparison_X()`,
#'   `comparison_Z()`: the estimated columns of X, and Z (n x q).
#' @noRd
comparison_data <- function(fit) UseMethod("comparison_data")

#' @export
comparison_data.margmix_glmm <- function(fit) {
  component(fit, c("y", "trials", "weights", "offset"))
}

#' @export
comparison_data.default <- function(fit) {
  frame <- stats::model.frame(fit)
  rows <- attr(frame, "row.names")
  read <- family_tools(as_family(stats::family(fit)))$response
  data <- quietly(read(frame[[1L]], prior_weights(frame), "prior", rows))
  data$offset <- total_offset(frame)
  data[c("y", "trials", "weights", "offset")]
}

comparison_X <- function(fit) UseMethod("comparison_X")

#' @export
comparison_X.margmix_glmm <- function(fit) stats::model.matrix(fit)

#' @export
comparison_X.default <- function(fit) {
  stats::model.matrix(fit)[, !is.na(stats::coef(fit)), drop = FALSE]
}

comparison_Z <- function(fit) UseMethod("comparison_Z")

#' @export
comparison_Z.margmix_glmm <- function(fit) component(fit, "Z")

#' @export
comparison_Z.default <- function(fit) matrix(0, stats::nobs(fit), 0L)

# All columns of the penalized part of a smooth have one.
variance_count <- function(fit) ncol(comparison_Z(fit)) - length(repeated_columns(fit$design))

#' What stands for the rows of fits that are compared: the fits themselves, or what shards give
#' @noRd
rows_to_compare <- function(fits) {
  in_shards <- vapply(fits, function(fit) supports(fit$design, "shards"), NA)
  if (any(in_shards)) compared_shards(fits, in_shards) else fits
}

#' @param rows From [rows_to_compare()].
#' @section Errors: `anova_family`, `anova_rows`.
#' @noRd
check_comparable <- function(fits, rows) {
  label <- vapply(fits, function(fit) {
    family_label(stats::family(fit))
  }, "")
  if (length(unique(label)) > 1L) {
    abort("anova_family", "Fits that are compared must have the same family and link.",
      given = some_of(unique(label)), hint = "Compare them by AIC()."
    )
  }
  mixed <- Filter(is_mixed, fits)
  laws <- unique(lapply(mixed, function(fit) asked_law(random_distribution(fit$design))))
  if (length(laws) > 1L) {
    abort("anova_random_distribution",
      "Fits that are compared must have one distribution of the random effects.",
      given = vapply(laws, law_noun, ""), hint = "They are not nested: compare them by AIC()."
    )
  }
  check_estimated(fits)
  check_unpenalized(fits)
  check_criteria(fits, "A likelihood ratio test")
  data <- lapply(rows, comparison_data)
  for (other in data[-1L]) {
    differs <- vapply(names(other), function(name) {
      !isTRUE(all.equal(other[[name]], data[[1L]][[name]], tolerance = 1e-10))
    }, NA)
    if (!any(differs)) next
    refuse_other_responses(if (length(other$y) != length(data[[1L]]$y)) {
      paste(length(data[[1L]]$y), "and", length(other$y), "rows")
    } else {
      paste(some_of(names(other)[differs]), "of the rows differ")
    })
  }
}

refuse_other_responses <- function(given) {
  abort("anova_rows", "Fits that are compared must be of the same responses, row by row.",
    given = given, hint = "Rows with missing values may have been dropped from one of them."
  )
}

# Log-likelihoods of very large designs are estimates with a Monte Carlo error.
check_estimated <- function(fits) {
  sd <- vapply(fits, function(fit) fit$rule$mc_sd %||% 0, 0)
  if (all(sd == 0)) return(invisible())
  if (any(sd == 0)) {
    abort("anova_estimated", "Estimated and exact log-likelihoods can't be compared.",
      given = paste("Monte Carlo sd", some_of(signif(sd, 2L))),
      hint = "A Wald test, summary(), needs no log-likelihood."
    )
  }
  warn("anova_estimated", "The log-likelihoods are estimates: so is their difference.",
    given = paste("Monte Carlo sd", some_of(signif(sd, 2L)))
  )
}

# The penalty of a restricted likelihood depends on the columns of X, so that it says nothing of
# models with others.
check_restricted <- function(rows, reml, names) {
  if (all(reml) && same_fixed_effects(rows)) return(invisible())
  abort("anova_restricted", if (all(reml)) {
    "Restricted likelihoods are comparable only between models with the same fixed effects."
  } else {
    "Restricted likelihoods are comparable only with restricted likelihoods."
  },
    given = paste0("REML = TRUE in ", some_of(code(names[reml])), if (all(reml)) {
      ", with different fixed effects"
    }),
    hint = "Fit the models by maximum likelihood: update(fit, REML = FALSE)."
  )
}

#' Is one model a special case of the other?
#'
#' As far as that can be seen: the columns of X and of Z of the smaller one must be combinations of
#' those of the larger one, the clusters the same, and effects that are correlated in the smaller
#' one also in the larger one.
#'
#' @return The number of variances of random effects that the smaller model leaves out.
#' @section Errors: `anova_nested`.
#' @noRd
check_nested <- function(small, large, names) {
  why <- c(
    if (!is_spanned(comparison_X(small), comparison_X(large))) {
      "has fixed effects that the larger one has not"
    },
    if (!is_spanned(comparison_Z(small), comparison_Z(large))) {
      "has random effects that the larger one has not"
    },
    if (!same_clusters(small, large)) "has other clusters",
    if (!same_correlations(small, large)) "has correlations that the larger one has not"
  )
  if (length(why)) {
    abort("anova_nested", "The smaller model must be a special case of the larger one.",
      given = paste0(code(names[1L]), " ", why, " (", code(names[2L]), ")"),
      hint = "Compare them by AIC()."
    )
  }
  variance_count(large) - variance_count(small)
}

# Are all columns of A linear combinations of those of B?
is_spanned <- function(A, B) {
  if (!ncol(A)) return(TRUE)
  if (!ncol(B) || ncol(A) > ncol(B)) return(FALSE)
  rest <- qr.resid(qr(B, tol = 1e-10), A)
  all(colSums(rest^2) <= 1e-12 * colSums(A^2))
}

# Does each factor group the rows as one of the larger model does? A glm() has none.
same_clusters <- function(small, large) {
  !length(comparison_groups(large)) || all(comparison_groups(small) %in% comparison_groups(large))
}

# The level of each row, from 1 in order of appearance, by grouping factor.
comparison_groups <- function(fit) UseMethod("comparison_groups")

#' @export
comparison_groups.default <- function(fit) list()

#' @export
comparison_groups.margmix_glmm <- function(fit) {
  lapply(seq_len(factor_count(fit$design)), function(k) {
    level <- caller_order(row_levels(fit$design, k), fit$design)
    match(level, unique(level))
  })
}

# Only columns that both have by name can be judged.
same_correlations <- function(small, large) {
  if (!all(colnames(comparison_Z(small)) %in% colnames(comparison_Z(large)))) return(TRUE)
  all(correlated_pairs(small) %in% correlated_pairs(large))
}

correlated_pairs <- function(fit) UseMethod("correlated_pairs")

#' @export
correlated_pairs.default <- function(fit) character()

#' @export
correlated_pairs.margmix_glmm <- function(fit) {
  unlist(lapply(random_blocks(fit$design), function(block) {
    if (length(block$names) > 1L) utils::combn(sort(block$names), 2L, paste, collapse = "\r")
  }))
}

# Simulation ------------------------------------------------------------------------------------

#' Likelihood ratio statistics of data simulated from the smaller model
#'
#' Data sets to which one of the models can't be fitted are left out.
#'
#' @return Up to `nsim` numbers.
#' @section Errors: `anova_simulation`, if no data set can be fitted.
#' @noRd
simulated_statistics <- function(small, large, nsim, seed) {
  with_seed(seed, {
    found <- vapply(seq_len(nsim), function(i) {
      y <- simulated_response(small, large)
      tryCatch(
        max(0, 2 * (loglik_for(large, large, y) - loglik_for(small, large, y))),
        margmix_error = function(e) NA_real_
      )
    }, 0)
  })
  if (all(is.na(found))) {
    abort("anova_simulation", "The models could not be fitted to any of the simulated data sets.")
  }
  found[!is.na(found)]
}

# Successes or values, in the caller's order, as the design stores them.
simulated_response <- function(small, large) {
  data <- comparison_data(large)
  drawn <- drawn_means(small, data)
  weights <- if (has_counted_rows(large$design)) 1 else data$weights
  family_tools(large$family)$simulate(drawn$mu, data$trials, drawn$phi, weights)
}

# Means with new random effects, in the caller's order, and the dispersion.
drawn_means <- function(fit, data) UseMethod("drawn_means")

#' @export
drawn_means.margmix_glmm <- function(fit, data) {
  plan <- fitted_rows(fit, "eb")
  sizes <- level_counts(fit$design)
  b <- random_effects_draws(fit, sizes, FALSE)
  eta <- add_effects(plan$offset + drop(plan$X %*% fit$beta), b, plan, fit$design)
  phi <- if (length(fit$phi) > 1L) caller_order(fit$phi, fit$design) else fit$phi
  list(mu = fit$family$linkinv(caller_order(eta, fit$design)), phi = phi)
}

#' @export
drawn_means.default <- function(fit, data) {
  mu <- unname(stats::fitted(fit))
  list(mu = mu, phi = mean(data$weights * (data$y - mu)^2))
}

# Maximum of the log-likelihood of one of the two models for a response in the caller's order.
loglik_for <- function(fit, large, y) UseMethod("loglik_for")

#' @export
loglik_for.margmix_glmm <- function(fit, large, y) {
  fit$design$y <- as.numeric(design_order(y, fit$design))
  refit_design(fit, fit$design)$logLik %||% refit_at(fit, fit$rule$K)$logLik
}

# A model without random effects is the larger one with other fixed effects and Lambda = 0.
#' @export
loglik_for.default <- function(fit, large, y) {
  design <- large$design
  design$y <- as.numeric(design_order(y, design))
  X <- comparison_X(fit)
  design$X <- matrix(design_order(X, design), nrow(X))
  family <- large$family
  beta <- fit_start_glm(design, family)$beta
  log_phi <- if (has_phi(family)) {
    mu <- family$linkinv(fixed_eta(design, beta))
    aux_start(design, log(mean(row_weights(design) * (row_response(design) - mu)^2)))
  }
  engine_evaluate(design, family, c(beta, 0 * large$theta, log_phi), 1L)$value
}
