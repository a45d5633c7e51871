# The population of a fit with smooth terms: curves are the same for everybody, so that they belong
# to the fixed part, and only the random effects of clusters are integrated out.

#' A fit whose curves are fixed effects
#'
#' The penalized columns of Z become columns of X, with their coefficients b_s at the mode. With B =
#' d b_s / d psi and C the covariance of b_s given psi, the covariance of (psi, b_s) is
#'
#'   V, V B'; B V, B V B' + C.
#'
#' What is said of the population by X, Z, Lambda and that covariance holds for such a fit; it is
#' not to be given to the engine as a model of the responses.
#'
#' @return The fit; with smooth terms one of a design of class `margmix_fixed_curves`, with `beta`,
#'   `coefficients`, `theta`, `Lambda`, `modes`, `vcov_full`, `frame` to match.
#' @noRd
with_fixed_curves <- function(fit) with_moving_variances(fixed_curves(fit$design, fit))

# Where random effects are integrated out.
fit_to_predict <- function(fit, random_effects) {
  if (random_effects == "integrate") with_fixed_curves(fit) else fit
}

fixed_curves <- function(design, fit) UseMethod("fixed_curves")

#' @export
fixed_curves.default <- function(design, fit) fit

#' @export
fixed_curves.margmix_smoothed <- function(design, fit) {
  columns <- smooth_columns_of(design$random)
  b <- stats::setNames(curve_effects(fit)[columns], colnames(design$Z)[columns])
  clusters <- which(!smooth_groups(design))
  at <- joint_positions(design, columns, nrow(fit$vcov_full))
  V <- curve_covariance(fit, columns)
  fit$vcov_full <- V[at, at, drop = FALSE]
  fit$theta <- fit$theta[!(design$theta_row + 1L) %in% columns]
  fit$Lambda <- fit$Lambda[-columns, -columns, drop = FALSE]
  fit$modes <- fit$modes[clusters]
  fit$beta <- c(fit$beta, b)
  fit$coefficients <- c(fit$coefficients, b)
  fit$memory <- NULL
  terms <- which(vapply(design$random, is_smooth, NA))
  fit$frame <- frame_of_curves(fit$frame, terms)
  part <- design_part(design, clusters)
  part$X <- cbind(design$X, design$Z[, columns, drop = FALSE])
  part$aliased <- c(design$aliased, stats::setNames(logical(length(b)), names(b)))
  part$terms <- fit$frame$terms_fixed
  of_terms <- c("xlevels_random", "contrasts_random")
  part[of_terms] <- lapply(design[of_terms], function(x) x[-terms])
  part$assign <- c(design$assign, rep(length(attr(design$terms, "term.labels")) + 1L, length(b)))
  class(part) <- sub("margmix_smoothed", "margmix_fixed_curves", class(design), fixed = TRUE)
  fit$design <- part
  fit
}

# Where in (psi, b_s) are beta, b_s, and what is left of the others?
joint_positions <- function(design, columns, P) {
  p <- ncol(design$X)
  gone <- p + which((design$theta_row + 1L) %in% columns)
  c(seq_len(p), P + seq_along(columns), setdiff(p + seq_len(P - p), gone))
}

# The covariance of (psi, b_s).
curve_covariance <- function(fit, columns) {
  V <- usable_vcov(fit)
  B <- curve_tangents(fit, columns)
  cross <- B %*% V
  V <- rbind(cbind(V, t(cross)), cbind(cross, cross %*% t(B) + given_psi(fit, columns)))
  known <- c(!is.na(diag(fit$vcov_full)), rep(TRUE, length(columns)))
  V[!known, ] <- V[, !known] <- NA_real_
  V
}

# Central differences of the modes.
curve_tangents <- function(fit, columns) {
  psi <- fit_psi(fit)
  step <- difference_steps(fit$design, psi)
  at <- function(psi) {
    fit$modes <- engine_evaluate(
      fit$design, fit$family, psi, 1L, 0L, fit$modes, fit$control
    )$modes
    theta <- psi[fixed_count(fit$design) + seq_along(fit$theta)]
    fit$Lambda <- lambda_matrix(fit$design, theta)
    curve_effects(fit)[columns]
  }
  out <- vapply(seq_along(psi), function(k) {
    e <- replace(numeric(length(psi)), k, step[k])
    (at(psi + e) - at(psi - e)) / (2 * step[k])
  }, numeric(length(columns)))
  matrix(out, length(columns))
}

# The covariance of b_s given psi.
given_psi <- function(fit, columns) {
  fit$vcov_full[] <- 0
  covariance_by_sums(length(columns), function(rows) {
    combination_variance(fit, rows, integer(), columns)
  })
}

# The model frame with the penalized columns among the fixed terms, after the others.
frame_of_curves <- function(frame, terms) {
  parsed <- frame$parsed
  variables <- lapply(parsed$random[terms], function(term) term$lhs[[2L]][[3L]])
  parsed$fixed[[3L]] <- sum_of(variables, parsed$fixed[[3L]])
  parsed$random <- parsed$random[-terms]
  parsed$smooths <- list()
  frame$parsed <- parsed
  frame$terms_fixed <- part_terms(terms_before(frame$terms_fixed, variables), frame$frame)
  frame$terms_random <- frame$terms_random[-terms]
  frame
}

sum_of <- function(summands, first = NULL) {
  Reduce(function(sum, expr) join_terms("+", sum, expr), summands, first)
}

# Terms in the order that they have, interactions too, and others after them.
terms_before <- function(part, others) {
  variables <- as.list(attr(part, "variables"))[-1L]
  labels <- lapply(attr(part, "term.labels"), str2lang)
  right <- sum_of(c(labels, others, variables[attr(part, "offset")]))
  if (!attr(part, "intercept")) right <- call("-", right, 1)
  formula <- stats::formula(part)
  formula[[length(formula)]] <- right
  stats::terms(stats::as.formula(formula, environment(part)), keep.order = TRUE)
}

#' @export
abilities.margmix_fixed_curves <- abilities.margmix_smoothed

#' @export
groups_words.margmix_fixed_curves <- groups_words.margmix_smoothed
