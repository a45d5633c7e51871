# Gaussian responses: variance phi / weights, where phi = sigma^2.

family_tools_gaussian <- function(family) {
  list(
    links = c("identity", "log"),
    has_dispersion = TRUE,
    dispersion = list(kind = "scale", words = "residual variance phi", residual = TRUE),
    linear = c(identity = TRUE),
    ratio = c(log = "rate"),
    latent = list(identity = "residual"),
    quasi = function(y, mu) -(y - mu)^2 / 2,
    discrete = FALSE,
    mean_range = c(-Inf, Inf),
    variance = function(mu, phi, trials = 1) rep(1, length(mu)),
    start_phi = function(y, mu, trials, weights) mean(weights * (y - mu)^2),
    response = gaussian_response,
    simulate = function(mu, trials = 1, phi = 1, weights = 1) {
      stats::rnorm(length(mu), mu, sqrt(phi / weights))
    },
    cdf = function(y, mu, trials = 1, phi = 1, weights = 1) {
      p <- stats::pnorm(y, mu, sqrt(phi / weights))
      list(lower = p, upper = p)
    },
    # with normal random effects of standard deviation s, under the identity link
    mixed_cdf = list(identity = function(y, eta, s, phi, weights) {
      p <- stats::pnorm(y, eta, sqrt(phi / weights + s^2))
      list(lower = p, upper = p)
    }),
    deviance = function(y, mu, trials = 1, weights = 1, phi = 1) {
      family$dev.resids(y, rep_len(mu, length(y)), rep_len(weights, length(y)))
    }
  )
}

gaussian_response <- function(y, weights, weights_type, rows) {
  y <- numeric_response(y, rows, "A Gaussian response must be a numeric vector.")
  single_response(y, weights)
}
