# Means of a population whose exposure was assigned with known or fitted probabilities: the mean of
# the model plus the weighted residuals of the rows that had the setting.
#
# With w_j the weight of a row, m_j(a) its mean under setting a, A_j its own setting and p_j the
# probability of that, cluster i has the sums
#
#   P_i = sum w m(a),   Q_i = sum w 1{A = a} (y - m(a)) / p,   W_i = sum w,
#
# and mu_a = sum (P_i + Q_i) / sum W_i. It is consistent if the model or the probabilities are
# right (Robins, Rotnitzky and Zhao 1994), for randomized clusters with any working model.

basis_means <- function(basis, fit, target, settings, cells, weight, random_effects) {
  UseMethod("basis_means")
}

#' @export
basis_means.margmix_model_basis <- function(basis, fit, target, settings, cells, weight,
                                            random_effects) {
  standardized_means(fit, target, settings, cells, weight, random_effects)
}

#' @return As [standardized_means()], without `between` and `share`; and `pieces`, for each mean a
#'   list of the sums of the clusters: `P`, `Q`, `W` (m), and derivatives (parameters x m): `D` of
#'   P + Q and `D_Q` of Q in the parameters of the model, `D_propensity` in those of the exposure's.
#' @noRd
#' @export
basis_means.margmix_assigned_basis <- function(basis, fit, target, settings, cells, weight,
                                               random_effects) {
  assigned_means(basis, fit, target, settings, cells, weight)
}

assigned_means <- function(basis, fit, target, settings, cells, weight) {
  used <- !is.na(cells$group) & weight > 0
  sums <- lapply(seq_along(settings$labels), function(k) {
    setting <- lapply(unclass(settings$values)[settings$exposure], `[`, k)
    rows <- counterfactual_design(fit, target, setting, used)
    augmented_sums(basis, fit, target, rows, k, cells, weight)
  })
  index <- cells$index
  m <- length(target$levels)
  pieces <- lapply(seq_len(nrow(index)), function(t) {
    columns <- (index$cell[t] - 1L) * m + seq_len(m)
    lapply(sums[[index$setting[t]]], function(x) {
      if (is.matrix(x)) x[, columns, drop = FALSE] else x[columns]
    })
  })
  weight <- vapply(pieces, function(piece) sum(piece$W), 0)
  list(
    estimate = augmented_estimate(pieces), weight = weight, pieces = pieces,
    setting = index$setting,
    jacobian = do.call(rbind, lapply(pieces, function(piece) rowSums(piece$D) / sum(piece$W)))
  )
}

augmented_estimate <- function(pieces) {
  vapply(pieces, function(piece) sum(piece$P, piece$Q) / sum(piece$W), 0)
}

#' Sums over the clusters of each cell under one setting
#'
#' @param rows Counterfactual design of the target rows under setting `k`.
#' @return A list: `P`, `Q`, `W` (cells times m), `D`, `D_Q`, `D_propensity` (parameters x as many).
#' @noRd
augmented_sums <- function(basis, fit, target, rows, k, cells, weight) {
  m <- length(target$levels)
  group <- (replace(cells$group, is.na(cells$group), 0L) - 1L) * m + target$cluster - 1L
  shared <- function(w) {
    list(
      weight = as.double(w), group = replace(group, is.na(cells$group), -1L),
      groups = cells$count * m, cluster = integer(target$n), clusters = 1L
    )
  }
  had <- basis$arm %in% k
  v <- ifelse(had, weight / basis$probability, 0)
  model <- setting_sums(fit, rows, shared(weight))
  residual <- setting_sums(fit, rows, shared(v))
  vy <- v * mean_response(fit$design)
  y <- numeric(cells$count * m)
  inside <- had & group >= 0L & !is.na(cells$group)
  found <- rowsum(vy[inside], group[inside])
  y[as.integer(rownames(found)) + 1L] <- found
  D_Q <- -rbind(residual$d_beta, residual$d_theta)
  list(
    P = model$mean, Q = y - residual$mean, W = model$weight,
    D = rbind(model$d_beta, model$d_theta) + D_Q, D_Q = D_Q,
    D_propensity = propensity_sums(basis, fit, rows, k, v, shared)
  )
}

# Derivative of the weighted residuals in the parameters of a propensity model.
propensity_sums <- function(basis, fit, rows, k, v, shared) UseMethod("propensity_sums")

#' @export
propensity_sums.default <- function(basis, fit, rows, k, v, shared) NULL
