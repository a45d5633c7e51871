# Positive responses: Gamma with variance phi mu^2 / weights, inverse Gaussian with phi mu^3 /
# weights.

family_tools_Gamma <- function(family) {
  list(
    links = c("log", "inverse", "identity"),
    has_dispersion = TRUE,
    dispersion = list(
      kind = "scale",
      words = "phi; variance phi mu^2, coefficient of variation sqrt(phi), shape 1 / phi"
    ),
    discrete = FALSE,
    mean_range = c(0, Inf),
    ratio = c(log = "rate"),
    latent = list(log = "lognormal"),
    quasi = function(y, mu) -y / mu - log(mu),
    response = positive_response,
    variance = function(mu, phi, trials = 1) mu^2,
    start_phi = function(y, mu, trials, weights) mean(weights * (y / mu - 1)^2),
    simulate = function(mu, trials = 1, phi = 1, weights = 1) {
      stats::rgamma(length(mu), shape = weights / phi, scale = mu * phi / weights)
    },
    cdf = function(y, mu, trials = 1, phi = 1, weights = 1) {
      p <- stats::pgamma(y, shape = weights / phi, scale = mu * phi / weights)
      list(lower = p, upper = p)
    },
    deviance = function(y, mu, trials = 1, weights = 1, phi = 1) {
      2 * weights * (y / mu - 1 - log(y / mu))
    }
  )
}

family_tools_inverse.gaussian <- function(family) {
  list(
    links = c("1/mu^2", "log"),
    has_dispersion = TRUE,
    dispersion = list(kind = "scale", words = "dispersion phi; variance phi mu^3"),
    discrete = FALSE,
    mean_range = c(0, Inf),
    ratio = c(log = "rate"),
    latent = list(log = "lognormal"),
    quasi = function(y, mu) -y / (2 * mu^2) + 1 / mu,
    response = positive_response,
    variance = function(mu, phi, trials = 1) mu^3,
    start_phi = function(y, mu, trials, weights) mean(weights * (y - mu)^2 / (y * mu^2)),
    simulate = function(mu, trials = 1, phi = 1, weights = 1) {
      draw_inverse_gaussian(mu, weights / phi)
    },
    cdf = function(y, mu, trials = 1, phi = 1, weights = 1) {
      root <- sqrt(weights / (phi * y))
      tail <- stats::pnorm(-root * (y / mu + 1), log.p = TRUE)
      p <- stats::pnorm(root * (y / mu - 1)) + exp(2 * weights / (phi * mu) + tail)
      list(lower = p, upper = p)
    },
    deviance = function(y, mu, trials = 1, weights = 1, phi = 1) weights * (y - mu)^2 / (y * mu^2)
  )
}

# By a transformation with two roots (Michael, Schucany and Haas 1976, The American Statistician 30,
# 88-90); the smaller one is written without cancellation.
draw_inverse_gaussian <- function(mu, lambda) {
  n <- length(mu)
  v <- mu * stats::rnorm(n)^2 / (2 * lambda)
  smaller <- mu / (1 + v + sqrt(v * (2 + v)))
  ifelse(stats::runif(n) * (mu + smaller) <= mu, smaller, mu^2 / smaller)
}

positive_response <- function(y, weights, weights_type, rows) {
  y <- numeric_response(y, rows, "The response of this family must be a numeric vector.")
  refuse_response(y, y <= 0, rows, "The response of this family must be positive.",
    hint = "Zeros need a model of their own, for example one of y > 0 and one of y given y > 0."
  )
  single_response(y, weights)
}
