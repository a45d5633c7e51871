# Population means with related levels: variances of the random parts of rows, which may move with
# rho.

#' Z of rows whose random effects are integrated out
#'
#' What population means and variances need of a row is the variance of its random part, z'Sigma z
#' (Q^-1)_ll: so the columns of a factor are multiplied by the root of the latter.
#'
#' @param cluster Levels of the rows, a column for each factor.
#' @noRd
marginal_Z <- function(fit, Z = design_Z(fit$design), cluster = row_clusters(fit$design)) {
  scale_by_level(fit$design, fit, Z, cluster)
}

scale_by_level <- function(design, fit, Z, cluster) UseMethod("scale_by_level")

#' @export
scale_by_level.default <- function(design, fit, Z, cluster) Z

#' @export
scale_by_level.margmix_related <- function(design, fit, Z, cluster) {
  for (k in seq_along(design$groups)) {
    group <- design$groups[[k]]
    variance <- level_variance(design, fit$rho, k)
    if (all(abs(variance - 1) < 1e-12)) next
    level <- cluster[, k]
    if (anyNA(level)) refuse_unknown_level(group)
    Z[, group$columns] <- Z[, group$columns, drop = FALSE] * sqrt(rep_len(
      variance, length(group$levels)
    )[level])
  }
  with_slopes(design, fit, Z, cluster)
}

#' A fit whose population means know how variances of levels move with rho
#'
#' Where they do, as in car() and bym2(), sqrt(v_l(rho)) is sqrt(v_l) (1 + e d_l) to first order,
#' with d_l the half of dlog v_l / drho and e the change of rho. So e is one more entry of theta, of
#' value zero, in the row of Lambda of one more column of Z, sqrt(v_l) z lambda d_l: what is made of
#' Z, Lambda and the covariance of (beta, theta) holds for such a fit. With random slopes there is
#' such a column, d_l sqrt(v_l) (z'Lambda)_k, for each column k of the term, with the same e. The
#' fit is not to be given to the engine as a model of the responses: `own` is the one that is.
#'
#' @noRd
with_moving_variances <- function(fit) moving_variances(fit$design, fit)

# The one that may be given to the engine.
model_of <- function(fit) fit$own %||% fit

moving_variances <- function(design, fit) UseMethod("moving_variances")

#' @export
moving_variances.default <- function(design, fit) fit

#' @export
moving_variances.margmix_related <- function(design, fit) {
  slopes <- lapply(seq_along(design$groups), function(k) {
    variance_slope(design$groups[[k]]$relation, rho_of(design, fit$rho, k))
  })
  moved <- which(lengths(slopes) > 0L)
  if (!length(moved)) return(fit)
  own <- fit
  columns <- lapply(design$groups[moved], `[[`, "columns")
  entries <- rep(match(moved, rho_groups(design)), lengths(columns))
  columns <- as.integer(unlist(columns))
  p <- ncol(design$X)
  t <- length(fit$theta)
  at <- c(seq_len(p + t), p + t + entries, p + t + seq_len(nrow(fit$vcov_full) - p - t))
  fit$vcov_full <- fit$vcov_full[at, at, drop = FALSE]
  fit$design$slopes <- lapply(moved, function(k) {
    list(factor = k, columns = design$groups[[k]]$columns, half = slopes[[k]])
  })
  q <- ncol(fit$Lambda)
  fit$design$theta_row <- c(design$theta_row, q + seq_along(columns) - 1L)
  fit$design$theta_col <- c(design$theta_col, columns - 1L)
  fit$Lambda <- block_diagonal(fit$Lambda, diag(0, length(columns)))
  fit$theta <- c(fit$theta, 0 * fit$rho[entries])
  fit$memory <- NULL
  fit$own <- own
  fit$moved <- entries
  fit
}

# Derivative of a function of one number, by differences with an error of h^4.
four_point <- function(f, x, h) {
  (8 * (f(x + h) - f(x - h)) - (f(x + 2 * h) - f(x - 2 * h))) / (12 * h)
}

# The further columns of Z, of rows at levels of the factors.
with_slopes <- function(design, fit, Z, cluster) {
  for (slope in design$slopes) {
    at <- slope$columns
    effects <- Z[, at, drop = FALSE] %*% fit$Lambda[at, at, drop = FALSE]
    Z <- cbind(Z, effects * slope$half[cluster[, slope$factor]], deparse.level = 0)
  }
  Z
}

#' Halves of dlog v_l / drho of the levels, or `NULL` where rho does not change their variances
#' @noRd
variance_slope <- function(relation, rho) UseMethod("variance_slope")

#' @export
variance_slope.default <- function(relation, rho) NULL

#' @export
variance_slope.margmix_car <- function(relation, rho) {
  variance <- function(rho) unit_variance(relation, rho)
  four_point(variance, rho, 1e-3) / (2 * variance(rho))
}

#' @export
variance_slope.margmix_bym2 <- variance_slope.margmix_car

refuse_unknown_level <- function(group) {
  abort("related", "The variance of a level that the relation doesn't have is unknown.",
    given = code(group$label)
  )
}

# Are levels needed to integrate over them, since their variances differ?
levels_matter <- function(design) UseMethod("levels_matter")

#' @export
levels_matter.default <- function(design) FALSE

#' @export
levels_matter.margmix_related <- function(design) {
  any(vapply(design$groups, function(group) length(group$relation$variance) > 1L, NA))
}
