# What a link says of the mean, whatever the family's name: where the range of the predictor ends,
# and what has a closed form under normal random effects.

has_identity_link <- function(family) family$link == "identity"

has_log_link <- function(family) family$link == "log"

# Are the coefficients differences of probabilities?
models_risks <- function(family) has_trials(family) && has_identity_link(family)

# The edge of a link -------------------------------------------------------------------------------

# Does the link let the predictor take values that are no mean?
restricts_mean <- function(family) {
  if (has_trials(family)) return(has_log_link(family))
  family_tools(family)$mean_range[1L] == 0 && family$link %in% c("identity", "inverse", "1/mu^2")
}

# Where does a link end, or for sqrt turn around? `NULL`: nowhere.
link_edge <- function(family) {
  if (family$link == "sqrt" || restricts_mean(family)) 0
}

# The predictor of a row is inside the range where it has this sign.
inside_sign <- function(family) if (has_log_link(family)) -1 else 1

# The mean at the edge of a link that restricts it.
edge_mean <- function(family) if (has_log_link(family)) 1 else 0

# Has linkinv(eta) a mean if eta is normal? The predictor takes both signs, and 1 / eta has none.
has_population_mean <- function(family) !family$link %in% c("inverse", "1/mu^2")

# Starts -------------------------------------------------------------------------------------------

# Mean of all responses, moved off the ends of its range.
start_mean <- function(totals, family) {
  if (has_trials(family)) return((totals$y + 0.5) / (totals$trials + 1))
  mean <- totals$y / totals$trials
  if (family_tools(family)$discrete) mean + 0.5 / totals$trials else mean
}

#' Totals over rows that starts need
#' @return A list: sums over rows of the `weights`, and of them times `trials`, `y`, and, with a log
#'   link, `exposure`; mean and maximum of the `offset`.
#' @noRd
response_totals <- function(design, family) UseMethod("response_totals")

#' @export
response_totals.default <- function(design, family) {
  n <- length(design$y)
  w <- stored_values(design, "weights")
  offset <- stored_values(design, "offset")
  weighted <- function(x) {
    if (length(w) == 1L) return(w * sum_stored(x, n))
    drop(crossprod(w, rep_len(x, n)))
  }
  list(
    weights = sum_stored(w, n), trials = weighted(stored_values(design, "trials")),
    y = weighted(design$y),
    offset = mean(offset), most = max(offset),
    exposure = if (has_log_link(family)) weighted(exp(offset)) else 0
  )
}

#' Predictor of the model with one mean for all rows, less the offset
#' @noRd
start_predictor <- function(design, family) {
  totals <- response_totals(design, family)
  mean <- start_mean(totals, family)
  if (!has_log_link(family)) return(family$linkfun(mean) - totals$offset)
  if (restricts_mean(family)) return(family$linkfun(mean) - totals$most)
  # The offset counts: rate = responses / exposure.
  log(max(mean, 1e-8)) - log(totals$exposure / totals$weights)
}

#' The same where the offset is not looked at
#' @noRd
start_level <- function(design, family) {
  mean <- start_mean(response_totals(design, family), family)
  family$linkfun(if (has_log_link(family)) max(mean, 1e-8) else mean)
}

# Normal random effects ----------------------------------------------------------------------------

#' Variance between clusters of the mean of a row, Var(linkinv(eta + s t)), t standard normal
#'
#' In closed form where the mean is unbounded, by the trapezoidal rule where it is a probability.
#'
#' @param eta,s,mean Predictor, standard deviation of the random part, and population mean.
#' @noRd
normal_between_variance <- function(eta, s, mean, family) {
  switch(family$link,
    identity = s^2,
    log = mean^2 * expm1(s^2),
    sqrt = 4 * eta^2 * s^2 + 2 * s^4,
    {
      rule <- normal_trapezoid()
      out <- numeric(length(eta))
      for (k in seq_along(rule$t)) {
        out <- out + rule$weight[k] * (family$linkinv(eta + s * rule$t[k]) - mean)^2
      }
      out
    }
  )
}

normal_trapezoid <- function(step = 0.1) {
  t <- seq(-8.5, 8.5, by = step)
  list(t = t, weight = stats::dnorm(t) / sum(stats::dnorm(t)))
}

#' Marginal coefficients in closed form, under normal random effects of one sd in all rows
#'
#' gamma = factor beta + shift, of the intercept alone.
#'
#' @param s The standard deviation.
#' @return A list: `factor`, `shift`, and their derivatives in s, `d_factor` and `d_shift`;
#'   `offset`: may there be one? `intercept`: must there be one? `NULL` without a closed form.
#' @noRd
normal_attenuation <- function(link, s) {
  switch(link,
    identity = list(
      factor = 1, d_factor = 0, shift = 0, d_shift = 0, offset = TRUE, intercept = FALSE
    ),
    log = list(
      factor = 1, d_factor = 0, shift = s^2 / 2, d_shift = s, offset = TRUE, intercept = TRUE
    ),
    probit = list(
      factor = 1 / sqrt(1 + s^2), d_factor = -s / sqrt(1 + s^2)^3, shift = 0, d_shift = 0,
      offset = FALSE, intercept = FALSE
    )
  )
}

# What each row's own random part does to its predictor, where that has a closed form.
row_attenuation <- function(link, s) switch(link, log = s^2 / 2, probit = 1 / sqrt(1 + s^2))

attenuation_words <- function(link) {
  switch(link,
    identity = "gamma = beta", log = "slopes coincide, intercept + s^2 / 2",
    probit = "gamma = beta / sqrt(1 + s^2)", "gamma = phi x beta (bridge distribution)"
  )
}

row_attenuation_words <- function(link) {
  if (link == "log") "shift s^2 / 2 of a row: " else "factor 1 / sqrt(1 + s^2) of a row: "
}
