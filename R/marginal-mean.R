# Population means of rows, and what else follows from the normal distribution of a row's random
# part: with b = Lambda u, u ~ N(0, I), it is N(0, s^2) with s = |Lambda'z|, whatever the number of
# random effects.

#' Population means, with their variances
#'
#' m(eta, s), the integral of linkinv(eta + s t) over a standard normal t, with eta = offset +
#' x'beta. Its variance is J V J' with J = (m_eta x, m_s ds/dtheta) and V the covariance of (beta,
#' theta). Where s = 0 the mean does not change with theta in first order, as m_s = 0.
#'
#' @param object A fit.
#' @param rows A list with `X`, `Z` and `offset`.
#' @param variance Are the variances wanted?
#' @return A list: `mean` and `variance` (or `NULL`), one number per row.
#' @noRd
population_mean <- function(object, rows, variance = FALSE) {
  s <- random_sd(rows$Z, object$Lambda)
  m <- engine_population_mean(fixed_predictor(object, rows), s, population_law(object))
  if (!variance) return(list(mean = m$mean))
  V <- usable_vcov(object)
  keep <- seq_len(ncol(rows$X) + theta_count(object$design))
  jacobian <- function(take) {
    s_theta <- random_sd_gradient(rows$Z[take, , drop = FALSE], s[take], object)
    cbind(m$d_eta[take] * rows$X[take, , drop = FALSE], m$d_s[take] * s_theta)
  }
  list(mean = m$mean, variance = quadratic_rows(length(s), V[keep, keep, drop = FALSE], jacobian))
}

# x'beta + offset. The coefficients are those stored for all to see, so that tools that change them
# (to differentiate a prediction) find them used.
fixed_predictor <- function(object, rows) {
  beta <- estimated_coefficients(object)
  drop(rows$X %*% beta) + rows$offset
}

random_sd <- function(Z, Lambda) {
  s2 <- numeric(nrow(Z))
  for (k in seq_len(ncol(Z))) s2 <- s2 + drop(Z %*% Lambda[, k])^2
  sqrt(s2)
}

# ds / dtheta: for the entry (r, c) of Lambda, z_r (Lambda'z)_c / s.
random_sd_gradient <- function(Z, s, object) {
  row <- theta_rows(object$design)
  column <- theta_columns(object$design)
  gradient <- Z[, row, drop = FALSE] * (Z %*% object$Lambda)[, column, drop = FALSE] / s
  gradient[s == 0, ] <- 0
  gradient
}

#' Covariance of the parameters, to be used in a delta method
#'
#' Variance parameters on the boundary have no covariance; they are taken as known.
#' @return A P x P matrix over (beta, theta, log phi), with `NA` only if the fit has no covariance
#'   of beta.
#' @noRd
usable_vcov <- function(object, V = object$vcov_full) {
  unknown <- is.na(diag(V))
  if (any(unknown[seq_along(object$beta)])) return(V)
  V[unknown, ] <- 0
  V[, unknown] <- 0
  V
}

#' Quadratic forms j'V j of many rows j
#'
#' @param n Number of rows.
#' @param V A symmetric matrix.
#' @param jacobian A function of row numbers that returns these rows as a matrix: they are asked for
#'   in blocks, so that there is never a matrix of n rows.
#' @noRd
quadratic_rows <- function(n, V, jacobian) {
  out <- numeric(n)
  size <- 100000L
  for (first in seq(1L, by = size, length.out = ceiling(n / size))) {
    take <- first:min(n, first + size - 1L)
    J <- jacobian(take)
    out[take] <- rowSums((J %*% V) * J)
  }
  out
}

# Variance between clusters of the mean of a row, Var(linkinv(eta + s t)).
between_variance <- function(eta, s, mean, law) UseMethod("between_variance", law)

#' @export
between_variance.default <- function(eta, s, mean, law) normal_between_variance(eta, s, mean, law)

#' @export
between_variance.margmix_nonnormal_law <- function(eta, s, mean, law) {
  engine_between_variance(eta, s, law)$value
}

#' Marginal distribution function of responses
#'
#' P(Y < y) and P(Y <= y) with the random effects integrated out. A row of one trial is Bernoulli
#' with the population mean; a Gaussian row with identity link is normal. Otherwise the conditional
#' distribution function is integrated over t. It passes from 1 to 0 where its mean passes y, and
#' quickly if y is large; so the points of the trapezoidal rule are drawn together there, by
#' t = t0 + d sinh(v).
#'
#' @param object A fit; its rows are taken.
#' @param eta,s Predictor without random effects, and standard deviation of the random part.
#' @return A list: `lower`, `upper`.
#' @noRd
marginal_cdf <- function(object, eta, s) {
  design <- object$design
  family <- object$family
  cdf <- function(mu) conditional_cdf(object, mu)
  if (is_binary(family, design)) {
    return(cdf(engine_population_mean(eta, s, population_law(object))$mean))
  }
  if (!supports(design, "normal")) {
    abort("residuals", paste(
      "Marginal quantile residuals must be of single trials,",
      "where random effects are not normal."
    ),
    given = paste0(
      law_noun(random_distribution(design)),
      if (has_trials(family)) paste(", up to", max(row_trials(design)), "trials")
    ),
    hint = paste0(
      "Use random_effects = \"eb\"", if (has_trials(family)) ", or a row for each trial", "."
    ))
  }
  mixed_cdf <- fact_of_link(family, "mixed_cdf")
  if (!is.null(mixed_cdf)) {
    return(mixed_cdf(row_response(design), eta, s, object$phi, cdf_weights(design)))
  }
  at <- transition(object, eta, s)
  v_max <- asinh(18 / at$width)
  steps <- 120L
  lower <- upper <- numeric(length(eta))
  for (k in (-steps):steps) {
    v <- v_max * k / steps
    t <- at$center + at$width * sinh(v)
    weight <- stats::dnorm(t) * at$width * cosh(v) * v_max / steps
    p <- cdf(family$linkinv(eta + s * t))
    lower <- lower + weight * p$lower
    upper <- upper + weight * p$upper
  }
  list(lower = pmin(lower, 1), upper = pmin(upper, 1))
}

# The t at which the mean of a row is its response, and the standard deviation of the response on
# the scale of t there.
transition <- function(object, eta, s) {
  design <- object$design
  family <- object$family
  size <- if (has_trials(family)) pmax(row_trials(design), 1) else 1
  # moved off the ends of the range, where links are infinite
  discrete <- family_tools(family)$discrete
  y <- row_response(design)
  mu <- if (discrete) (y + 0.5) / (size + has_trials(family)) else y
  if (has_log_link(family)) mu <- pmax(mu, 1e-10)
  x <- family$linkfun(mu)
  variance <- family_tools(family)$variance(mu, object$phi, size)
  sd <- sqrt(variance_scale(object) * variance / size) / abs(family$mu.eta(x))
  center <- pmin(8, pmax(-8, (x - eta) / s))
  width <- pmin(1, pmax(1e-4, sd / s))
  list(center = ifelse(s > 0, center, 0), width = ifelse(s > 0, width, 1))
}

# P(Y < y) and P(Y <= y) of the rows of a fit at given means.
conditional_cdf <- function(object, mu) {
  design <- object$design
  range <- family_tools(object$family)$mean_range
  mu <- pmin(pmax(mu, range[1L]), range[2L])
  cdf <- family_tools(object$family)$cdf
  cdf(row_response(design), mu, row_trials(design), object$phi, cdf_weights(design))
}

# Frequency and survey weights count rows; they do not change the distribution of one.
cdf_weights <- function(design) {
  if (design$weights_type == "prior") row_weights(design) else 1
}
