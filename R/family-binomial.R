# Binomial responses: y successes in `trials` trials.

family_tools_binomial <- function(family) {
  list(
    links = c("logit", "probit", "cloglog", "cauchit", "log"),
    marginal_links = "identity",
    has_dispersion = FALSE,
    discrete = TRUE,
    trials = TRUE,
    mean_range = c(0, 1),
    variance = function(mu, phi, trials = 1) mu * (1 - mu),
    # With a log link the predictor of a success is bounded by 0, so only failures can run away;
    # with the identity nothing can.
    separation = c(log = "zero", identity = "none", "both"),
    bridge = c(logit = TRUE),
    soft_penalty = c(logit = TRUE, probit = TRUE, cloglog = TRUE),
    ratio = c(logit = "odds", log = "risk"),
    noun = "prob",
    latent = list(
      logit = c(`pi^2 / 3` = pi^2 / 3), probit = c(`1` = 1), cloglog = c(`pi^2 / 6` = pi^2 / 6)
    ),
    quasi = function(y, mu) {
      ifelse(y > 0, y * log(mu), 0) + ifelse(y < 1, (1 - y) * log1p(-mu), 0)
    },
    response = binomial_response,
    pool = pool_binomial,
    simulate = function(mu, trials = 1, phi = 1, weights = 1) {
      trials <- rep_len(trials, length(mu))
      if (any(trials != round(trials))) {
        abort("trials", "Numbers of trials must be whole to simulate from a binomial distribution.")
      }
      as.numeric(stats::rbinom(length(mu), trials, mu))
    },
    cdf = function(y, mu, trials = 1, phi = 1, weights = 1) {
      list(lower = stats::pbinom(y - 1, trials, mu), upper = stats::pbinom(y, trials, mu))
    },
    deviance = function(y, mu, trials = 1, weights = 1, phi = 1) {
      trials <- rep_len(trials, length(y))
      proportion <- ifelse(trials > 0, y / trials, 0)
      family$dev.resids(proportion, rep_len(mu, length(y)), trials * weights)
    }
  )
}

#' The response of a binomial family
#'
#' Logical, 0/1, a factor of two levels (the first is failure), `cbind(success, failure)`, or a
#' proportion with `weights` = trials.
#'
#' Weights of a 0/1 response mean the same as trials or as multipliers of the row's
#' log-likelihood; whole ones are kept as trials, as in [stats::glm()], others as multipliers.
#' With `cbind()` they multiply. With `weights_type = "frequency"` they always multiply, so a
#' proportion then is one trial.
#' @return A list of double vectors: `y` (successes), `trials`, `weights`.
#' @noRd
binomial_response <- function(y, weights, weights_type, rows) {
  if (is.matrix(y) && ncol(y) == 2L) return(binomial_counts(y, weights, rows))
  y <- binomial_proportion(y, rows)
  n <- length(y)
  one <- rep(1, n)
  fractions <- any(y > 0 & y < 1)
  as_trials <- weights_type == "prior" && !is.null(weights) &&
    (fractions || all(is_whole(weights)))
  if (!as_trials) {
    if (fractions) warn_noninteger(y, "Successes should be whole numbers.", rows)
    return(list(y = y, trials = one, weights = weights %||% one))
  }
  successes <- snap_to_whole(y * weights)
  warn_noninteger(weights, "The trials, `weights`, should be whole numbers.", rows)
  warn_noninteger(successes, "The successes, response x `weights`, should be whole numbers.", rows)
  list(y = successes, trials = weights, weights = one)
}

binomial_counts <- function(y, weights, rows) {
  success <- as.numeric(y[, 1L])
  trials <- success + as.numeric(y[, 2L])
  negative <- which(success < 0 | trials < success)
  if (length(negative)) {
    abort("response", "Numbers of successes and failures must not be negative.",
      given = paste0(
        "cbind(", success[negative[1L]], ", ", (trials - success)[negative[1L]], ") in ",
        some_rows(rows[negative])
      )
    )
  }
  check_finite(trials, "The response", rows)
  warn_noninteger(success, "Successes should be whole numbers.", rows)
  warn_noninteger(trials - success, "Failures should be whole numbers.", rows)
  list(y = success, trials = trials, weights = weights %||% rep(1, length(success)))
}

# Text of two values is meant as a factor.
two_values_hint <- function(y) {
  values <- if (is.character(y)) sort(unique(y))
  if (!length(values) || is_numeric_text(y)) return(NULL)
  if (length(values) != 2L) {
    return(paste0("There are the values ", some_of(dQuote(values, FALSE)), "."))
  }
  paste0(
    "factor() of it has the failure ", dQuote(values[1L], FALSE), " and the success ",
    dQuote(values[2L], FALSE), "; factor(, levels = ) sets their order."
  )
}

# The proportion of successes in each row, in [0, 1].
binomial_proportion <- function(y, rows) {
  if (is.factor(y)) {
    if (nlevels(y) > 2L) y <- droplevels(y)
    if (nlevels(y) == 2L) return(as.numeric(as.integer(y) == 2L))
    abort("response", "A factor as binomial response must have two levels: failure, then success.",
      given = paste0("levels ", some_of(levels(y)))
    )
  }
  y <- numeric_response(y, rows, paste(
    "A binomial response must be 0/1, logical, a factor of two levels, cbind(success, failure),",
    "or a proportion."
  ), hint = two_values_hint(y))
  # nearly always, and without columns of their own
  if (min(y) >= 0 && max(y) <= 1) return(y)
  refuse_response(y, y < 0 | y > 1, rows, "A binomial response must lie between 0 and 1.",
    hint = if (all(y %in% 1:2)) {
      "Code 1 and 2 as 0 and 1, or make it a factor."
    } else {
      "Counts are given as cbind(success, failure), and missing values as NA."
    }
  )
}
