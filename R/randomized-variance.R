# Covariance of the means of an assigned exposure, from two numbers for each cluster: its influence
# on a mean (phi_i), and what leaving it out takes away (J_i).
#
# A mean without cluster i takes the sums of the others, their share of each arm, and parameters
# that are one Newton step from the estimates, V u~_i with the score corrected for the leverage of
# the cluster (Mancl and DeRouen 2001), or fitted again. The products J_i phi_i are for means what
# e_i e_(i) = e_i^2 / (1 - h_i) is for least squares: without bias where phi_i^2 is too small and
# J_i^2 too large.

basis_variance <- function(basis, fit, type, means, map, target, settings, cells, weight,
                           random_effects) {
  UseMethod("basis_variance")
}

#' @export
basis_variance.margmix_model_basis <- function(basis, fit, type, means, map, target, settings,
                                               cells, weight, random_effects) {
  standardization_variance(fit, type, means, map, target, random_effects)
}

#' @return As [standardization_variance()], and `assigned`: `left`, `right` (m x T), whose
#'   cross-product is the covariance; `stratum` (m), the setting of a cluster; `size` (m x T), its
#'   weight. `fixed` is zero: the means are of the population only.
#' @noRd
#' @export
basis_variance.margmix_assigned_basis <- function(basis, fit, type, means, map, target, settings,
                                                  cells, weight, random_effects) {
  type <- one_of(type, covariances_for("assigned"), "vcov")
  phi <- if (type %in% c("KC", "robust")) influence_deviations(basis, fit, means)
  J <- if (type != "robust") {
    left_out <- if (type == "jackknife-full") {
      refitted_means(basis, fit, means, target, settings, cells, weight)
    } else {
      one_step_means(basis, fit, means)
    }
    jackknife_deviations(means$estimate, left_out)
  }
  assigned_covariance(list(
    left = J %||% phi, right = phi %||% J,
    stratum = if (basis$by_cluster) max.col(cbind(basis$units, 0.5), "first") else 1L,
    size = vapply(means$pieces, `[[`, numeric(nrow(basis$units)), "W")
  ), map, type)
}

jackknife_deviations <- function(estimate, left_out) {
  m <- nrow(left_out)
  sqrt((m - 1) / m) * (rep(estimate, each = m) - left_out)
}

assigned_covariance <- function(assigned, map, type) {
  sampled <- crossprod(assigned$left, assigned$right)
  list(
    type = type, sampled = (sampled + t(sampled)) / 2, assigned = assigned,
    fixed = diag(0, ncol(sampled)),
    df = list(
      means_sampled = assigned_df(assigned, diag(ncol(sampled)), type),
      contrasts = assigned_df(assigned, map, type)
    )
  )
}

#' Means without each cluster, by one Newton step
#' @return m x T.
#' @noRd
one_step_means <- function(basis, fit, means) {
  step <- parameter_steps(fit, "MD")
  step_propensity <- if (!is.null(basis$propensity)) parameter_steps(basis$propensity, "MD")
  ratios <- share_ratio(basis)
  out <- vapply(seq_along(means$pieces), function(t) {
    piece <- means$pieces[[t]]
    ratio <- ratios[, means$setting[t]]
    shift <- rest_of(piece$D, step) + (ratio - 1) * rest_of(piece$D_Q, step)
    if (!is.null(step_propensity)) shift <- shift + rest_of(piece$D_propensity, step_propensity)
    sum(piece$P) - piece$P + (sum(piece$Q) - piece$Q) * ratio - shift
  }, numeric(nrow(basis$units)))
  out / vapply(means$pieces, function(piece) sum(piece$W) - piece$W, numeric(nrow(out)))
}

# For each cluster the derivative of all others' sums along its step.
rest_of <- function(D, step) drop(step %*% rowSums(D)) - rowSums(t(D) * step)

#' What one Newton step without a cluster takes away from the parameters
#' @param type `"MD"`, or `"robust"` for the influence function.
#' @return m x parameters.
#' @noRd
parameter_steps <- function(fit, type) {
  pieces <- joint_pieces(fit)
  corrected <- engine_corrected_scores(pieces[c("scores", "information")], type)$scores
  u <- cbind(corrected, pieces$scores_theta)
  u %*% joint_vcov(fit, pieces, ncol(u))
}

# The share of units with each setting, over that without each cluster: m x settings.
share_ratio <- function(basis) {
  if (!isTRUE(basis$estimated)) return(matrix(1, nrow(basis$units), ncol(basis$units)))
  m <- nrow(basis$units)
  rest <- rep(colSums(basis$units), each = m) - basis$units
  total <- units_total(basis)
  rep(basis$share, each = m) / (rest / (rep(colSums(total), each = m) - total))
}

# All units of each cluster, of which those with a setting are a share: m x columns of `units`.
units_total <- function(basis) matrix(basis$total, nrow(basis$units), ncol(basis$units))

#' Influence of each cluster on the means
#' @return m x T.
#' @noRd
influence_deviations <- function(basis, fit, means) {
  step <- parameter_steps(fit, "robust")
  step_propensity <- if (!is.null(basis$propensity)) parameter_steps(basis$propensity, "robust")
  vapply(seq_along(means$pieces), function(t) {
    piece <- means$pieces[[t]]
    phi <- piece$P + piece$Q - means$estimate[t] * piece$W + drop(step %*% rowSums(piece$D))
    if (!is.null(step_propensity)) {
      phi <- phi + drop(step_propensity %*% rowSums(piece$D_propensity))
    }
    if (isTRUE(basis$estimated)) {
      p <- basis$share[means$setting[t]]
      total <- units_total(basis)[, means$setting[t]]
      own <- basis$units[, means$setting[t]] - p * total
      phi <- phi - sum(piece$Q) / p * own / sum(total)
    }
    phi / sum(piece$W)
  }, numeric(nrow(basis$units)))
}

#' Degrees of freedom of combinations of means
#'
#' The variance is a sum over strata, the clusters of one setting, or all where it varies within
#' clusters. That of a stratum has (sum n_i^2)^2 / sum n_i^4 - 1 degrees of freedom, which is
#' clusters minus 1 if they have the same size; their sum those of Welch. A jackknife has clusters
#' minus strata.
#' @param map L x T.
#' @return L.
#' @noRd
assigned_df <- function(assigned, map, type) {
  m <- nrow(assigned$left)
  stratum <- rep_len(assigned$stratum, m)
  strata <- length(unique(stratum))
  if (startsWith(type, "jackknife")) return(rep(as.numeric(max(m - strata, 1)), nrow(map)))
  vapply(seq_len(nrow(map)), function(l) {
    v <- drop((assigned$left %*% map[l, ]) * (assigned$right %*% map[l, ]))
    size <- assigned$size[, which(map[l, ] != 0)[1L]]
    v <- drop(rowsum(v, stratum))
    df <- drop(rowsum(size^2, stratum)^2 / rowsum(size^4, stratum)) - 1
    df <- pmax(ifelse(is.finite(df), df, 0), 1) # a stratum of other subgroups has no size
    sum(v)^2 / sum(v^2 / df)
  }, 0)
}

# Fitted again ------------------------------------------------------------------------------------

#' Means without each cluster, fitted again without it
#' @return m x T.
#' @section Errors: `jackknife`.
#' @noRd
refitted_means <- function(basis, fit, means, target, settings, cells, weight) {
  ratio <- share_ratio(basis)
  rows_of <- target$cluster
  m <- length(target$levels)
  out <- vapply(seq_len(m), function(i) {
    now <- refitted_without(fit, i)
    own <- basis_without(basis, i)
    found <- assigned_means(own, now, target, settings, cells, replace(weight, rows_of == i, 0))
    vapply(seq_along(found$pieces), function(t) {
      piece <- found$pieces[[t]]
      (sum(piece$P) + sum(piece$Q) * ratio[i, means$setting[t]]) / sum(piece$W)
    }, 0)
  }, numeric(length(means$pieces)))
  matrix(out, m, byrow = TRUE)
}

basis_without <- function(basis, i) UseMethod("basis_without")

# The share of the settings is put right by its ratio.
#' @export
basis_without.default <- function(basis, i) basis

#' The fit with the parameters that its other clusters give
#' @section Errors: `jackknife`.
#' @noRd
refitted_without <- function(fit, i) UseMethod("refitted_without")

#' @export
refitted_without.margmix_gee <- function(fit, i) {
  estimated_coefficients(fit) <- gee_without(fit, i)$beta
  fit
}

#' @export
refitted_without.margmix_glmm <- function(fit, i) {
  design <- without_cluster(fit$design, i)
  refitted <- tryCatch(
    quietly(fit_design(design, fit$family, fit$nAGQ, fit$REML, warm_start(fit), fit$control)),
    margmix_error = identity
  )
  if (inherits(refitted, "error")) refuse_jackknife(fit, i, conditionMessage(refitted))
  estimated_coefficients(fit) <- refitted$beta
  fit$Lambda <- lambda_matrix(fit$design, refitted$theta)
  fit
}
