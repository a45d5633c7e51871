# Proportions: beta responses, and beta-binomial counts.

#' @rdname dispersion_families
#' @export
beta_family <- function(link = "logit") {
  new_family("beta", link, function(mu, phi) mu * (1 - mu) / (1 + phi))
}

#' @rdname dispersion_families
#' @export
betabinomial <- function(link = "logit") {
  new_family("betabinomial", link, function(mu, phi) mu * (1 - mu))
}

family_tools_beta <- function(family) {
  list(
    links = c("logit", "probit", "cloglog"),
    has_dispersion = TRUE,
    dispersion = list(
      kind = "shape", words = "precision phi; variance mu (1 - mu) / (1 + phi)"
    ),
    discrete = FALSE,
    mean_range = c(0, 1),
    ratio = c(logit = "odds"),
    response = beta_response,
    variance = function(mu, phi, trials = 1) mu * (1 - mu) / (1 + phi),
    variance_log_phi = function(mu, phi) -mu * (1 - mu) * phi / (1 + phi)^2,
    start_phi = function(y, mu, trials, weights) {
      min(max(sum(weights * mu * (1 - mu)) / sum(weights * (y - mu)^2) - 1, 0.5), 1e6)
    },
    simulate = function(mu, trials = 1, phi = 1, weights = 1) {
      stats::rbeta(length(mu), mu * phi, (1 - mu) * phi)
    },
    cdf = function(y, mu, trials = 1, phi = 1, weights = 1) {
      p <- stats::pbeta(y, mu * phi, (1 - mu) * phi)
      list(lower = p, upper = p)
    },
    # against a mean equal to the response
    deviance = function(y, mu, trials = 1, weights = 1, phi = 1) {
      log_f <- function(mu) stats::dbeta(y, mu * phi, (1 - mu) * phi, log = TRUE)
      2 * weights * (log_f(y) - log_f(mu))
    }
  )
}

# Strictly between 0 and 1.
beta_response <- function(y, weights, weights_type, rows) {
  y <- numeric_response(y, rows, "A beta response must be a numeric vector of proportions.")
  refuse_response(y, y <= 0 | y >= 1, rows, "A beta response must lie strictly between 0 and 1.",
    hint = "Proportions of known numbers of trials, 0 and 1 among them, suit betabinomial()."
  )
  single_response(y, weights)
}

family_tools_betabinomial <- function(family) {
  list(
    links = c("logit", "probit", "cloglog"),
    has_dispersion = TRUE,
    dispersion = list(
      kind = "shape", limit = 34,
      at_limit = "the data show no overdispersion: precision is infinite, the model binomial",
      words = "precision phi; variance n mu (1 - mu) (phi + n) / (phi + 1) of n trials"
    ),
    discrete = TRUE,
    trials = TRUE,
    mean_range = c(0, 1),
    separation = "both",
    ratio = c(logit = "odds"),
    counterpart = "binomial",
    response = betabinomial_response,
    pool = pool_equal_responses,
    variance = function(mu, phi, trials = 1) mu * (1 - mu) * (phi + trials) / (phi + 1),
    variance_log_phi = function(mu, phi) 0 * mu, # of one trial
    start_phi = betabinomial_start,
    simulate = function(mu, trials = 1, phi = 1, weights = 1) {
      p <- stats::rbeta(length(mu), mu * phi, (1 - mu) * phi)
      family_tools_binomial(family)$simulate(p, trials)
    },
    cdf = betabinomial_cdf,
    # against a mean equal to the proportion
    deviance = function(y, mu, trials = 1, weights = 1, phi = 1) {
      saturated <- pmin(pmax(y / trials, 1e-12), 1 - 1e-12)
      at <- function(mu) betabinomial_log_density(y, trials, mu, phi)
      ifelse(trials > 0, 2 * weights * (at(saturated) - at(mu)), 0)
    }
  )
}

betabinomial_response <- function(y, weights, weights_type, rows) {
  out <- binomial_response(y, weights, weights_type, rows)
  if (max(out$trials) <= 1) {
    abort("response", "A beta-binomial response must have more than one trial in some rows.",
      given = "at most one trial in each row",
      hint = "A single 0/1 response has no overdispersion: use binomial()."
    )
  }
  out
}

# Var(y) = n mu (1 - mu) {1 + (n - 1) rho}, rho = 1 / (phi + 1); random effects take a part of it.
betabinomial_start <- function(y, mu, trials, weights) {
  v <- mu * (1 - mu) * trials
  excess <- sum(weights * ((y - trials * mu)^2 - v)) / sum(weights * v * pmax(trials - 1, 0))
  rho <- min(max(excess / 2, 0.02), 0.7)
  1 / rho - 1
}

betabinomial_log_density <- function(y, trials, mu, phi) {
  a <- mu * phi
  b <- (1 - mu) * phi
  lchoose(trials, y) + lbeta(a + y, b + trials - y) - lbeta(a, b)
}

# Sums over the counts up to y; at the limit phi = Inf the binomial distribution.
betabinomial_cdf <- function(y, mu, trials = 1, phi = 1, weights = 1) {
  n <- length(y)
  mu <- rep_len(mu, n)
  trials <- rep_len(trials, n)
  phi <- rep_len(phi, n)
  lower <- stats::pbinom(y - 1, trials, mu)
  upper <- stats::pbinom(y, trials, mu)
  for (j in which(log(phi) <= 30)) {
    counts <- seq(0, floor(y[j]))
    f <- exp(betabinomial_log_density(counts, trials[j], mu[j], phi[j]))
    upper[j] <- min(sum(f), 1)
    lower[j] <- max(sum(f) - f[length(f)], 0)
  }
  list(lower = lower, upper = upper)
}
