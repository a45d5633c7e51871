# Poisson responses: counts.

family_tools_poisson <- function(family) {
  list(
    links = c("log", "sqrt", "identity"),
    has_dispersion = FALSE,
    discrete = TRUE,
    mean_range = c(0, Inf),
    variance = function(mu, phi, trials = 1) mu,
    # A mean of 0 lies at a finite predictor unless the link is log.
    separation = c(log = "zero"),
    soft_penalty = c(log = TRUE),
    ratio = c(log = "rate"),
    noun = "rate",
    latent = list(log = "lognormal", sqrt = c(`1/4` = 0.25)),
    quasi = function(y, mu) ifelse(y > 0, y * log(mu), 0) - mu,
    response = poisson_response,
    pool = if (has_log_link(family)) pool_poisson_log else pool_poisson,
    simulate = function(mu, trials = 1, phi = 1, weights = 1) {
      as.numeric(stats::rpois(length(mu), mu))
    },
    cdf = function(y, mu, trials = 1, phi = 1, weights = 1) {
      list(lower = stats::ppois(y - 1, mu), upper = stats::ppois(y, mu))
    },
    deviance = function(y, mu, trials = 1, weights = 1, phi = 1) {
      family$dev.resids(y, rep_len(mu, length(y)), rep_len(weights, length(y)))
    }
  )
}

# Counts; weights multiply the row's log-likelihood, whatever their type.
poisson_response <- function(y, weights, weights_type, rows) {
  y <- numeric_response(y, rows, "The response of this family must be a vector of counts.")
  refuse_response(y, y < 0, rows, "Counts must not be negative.")
  warn_noninteger(y, "Counts should be whole numbers.", rows)
  single_response(y, weights)
}
