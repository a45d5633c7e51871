# The dispersion phi: its names, the convention of sigma(), and the limit where it has no maximum.

#' How a dispersion is called
#'
#' A dispersion of kind `"scale"` multiplies a variance function, phi V(mu) / weights, and
#' sigma = sqrt(phi). One of kind `"shape"` is a parameter of its own, and sigma is phi itself.
#'
#' @return `dispersion_kind()`: `"scale"`, `"shape"`, or `"none"`. `sigma_power()`: sigma = phi to
#'   this power. `dispersion_name()`: its row in tables. `dispersion_words()`: a line for printing,
#'   or `NULL`.
#' @noRd
dispersion_kind <- function(family) family_tools(family)$dispersion$kind %||% "none"

sigma_power <- function(family) if (has_shape(family)) 1 else 0.5

dispersion_name <- function(family) if (has_shape(family)) "phi" else "sigma"

# "residual variance", "overdispersion phi", ...: what phi is, in a sentence.
dispersion_term <- function(family) {
  words <- sub(" phi", "", sub(";.*", "", family_tools(family)$dispersion$words))
  switch(words, `residual variance` = words, phi = "dispersion phi", paste(words, "phi"))
}

# Variance = this factor times the variance function, over the weights.
variance_scale <- function(fit) if (scales_variance(fit$family)) fit$phi else 1

# A Gaussian residual standard deviation stands in the table of random effects.
is_residual_scale <- function(family) isTRUE(family_tools(family)$dispersion$residual)

dispersion_words <- function(fit, digits) {
  words <- family_tools(fit$family)$dispersion$words
  if (is.null(words) || is_residual_scale(fit$family)) return(NULL)
  value <- if (at_dispersion_limit(fit)) fit$phi > 1 else NA
  shown <- if (is.na(value)) signif(fit$phi, digits) else if (value) "infinite" else "0"
  paste0("Dispersion: ", format(shown), " (", words, ")")
}

print_dispersion <- function(fit, digits) {
  if (has_dispersion_formula(fit$design)) return(print_dispersion_table(fit, digits))
  words <- dispersion_words(fit, digits)
  if (length(words)) say(words, "\n", sep = "")
}

# The limit ----------------------------------------------------------------------------------------

# Where the responses vary no more than the limiting family says (negative binomial: Poisson), the
# log-likelihood rises in log phi towards an asymptote. At +-34 it is there to machine precision.
# `NULL`, or a list as of [ends_of()]: `at`, a value of log phi as good as the limit; `near`, from
# where on it is tried; `words`; and `rounding`, of the log-likelihood there.
dispersion_limit <- function(design, family) {
  facts <- family_tools(family)$dispersion
  if (is.null(facts$limit)) return(residual_limit(design, family))
  list(
    at = facts$limit, near = 6 * sign(facts$limit), words = facts$at_limit, rounding = 1e-10
  )
}

runs_to <- function(log_phi, limit) (log_phi - limit$near) * sign(limit$at - limit$near) >= 0

at_dispersion_limit <- function(fit) {
  limit <- dispersion_limit(fit$design, fit$family)
  !is.null(limit) && length(fit$phi) == 1L && abs(log(fit$phi) - limit$at) < 1e-6
}

#' Set a dispersion that runs away to its limit
#'
#' @param fit From [maximise()].
#' @return `fit` at the limit, the other parameters maximised there, if the log-likelihood is not
#'   lower; otherwise `fit`.
#' @noRd
snap_dispersion <- function(problem, K, fit) {
  limit <- dispersion_limit(problem$design, problem$family)
  last <- length(fit$x)
  if (is.null(limit) || has_dispersion_formula(problem$design)) return(fit)
  if (!runs_to(fit$x[last], limit) || fit$x[last] == limit$at) return(fit)
  snap_entry(problem, K, fit, last, limit$at, rounding = limit$rounding)
}

# The fit with an entry of x at a value and the others as they want to be there, if it is as good
# but for `slack`. `rounding`: of the log-likelihood, more where a matrix is nearly singular.
snap_entry <- function(problem, K, fit, entry, value, slack = 1e-7, rounding = 1e-10) {
  objective <- objective_at(problem, K, fit$modes, 2L)
  x <- replace(fit$x, entry, value)
  x <- newton_steps_within(objective, x, seq_along(x)[-entry], rounding)
  slack <- max(slack, rounding * abs(fit$value))
  if (!isTRUE(objective$value(x) <= -fit$value + slack)) return(fit)
  at <- objective$at(x, 2L)$result
  fit[c("x", "modes", "result", "value")] <- list(x, at$modes, at, at$value)
  fit
}

# Newton steps in some of the parameters.
newton_steps_within <- function(objective, x, free, rounding = 1e-10) {
  for (step in 1:6) {
    direction <- newton_direction(objective$gradient(x)[free], objective$hessian(x)[free, free])
    if (is.null(direction) || direction$decrement < 1e-12) break
    trial <- replace(x, free, x[free] - direction$step)
    value <- objective$value(x)
    if (!(objective$value(trial) <= value + rounding * abs(value))) break
    x <- trial
  }
  x
}

limit_words <- function(design, family, phi) {
  limit <- dispersion_limit(design, family)
  if (is.null(limit)) return(NULL)
  fit <- list(design = design, family = family, phi = phi)
  if (at_dispersion_limit(fit)) return(limit$words)
  far <- if (length(phi) > 1L) sum(log(phi) * sign(limit$at) > 10) else 0L
  if (far > 0L) paste0("in ", count_of(far, "row"), " ", limit$words)
}

#' Refuse a population mean that does not exist
#'
#' Under normal random effects the predictor takes both signs, and 1 / eta has no mean; exp(b) has
#' none where b has a t distribution.
#'
#' @section Errors: `population_mean`.
#' @noRd
check_population_mean <- function(family, s) {
  if (all(s == 0)) return(invisible())
  check_mean_exists(family)
}

check_mean_exists <- function(family) UseMethod("check_mean_exists")

#' @export
check_mean_exists.margmix_t_law <- function(family) {
  if (!has_log_link(family)) return(invisible())
  abort("population_mean", "A population mean needs a random effect b for which exp(b) has a mean.",
    given = paste0(plain_label(family), ", ", law_noun(family$law)),
    hint = c(
      "Use normal random effects.", "Or predict at random effect 0: `random_effects = \"zero\"`."
    )
  )
}

#' @export
check_mean_exists.default <- function(family) {
  if (has_population_mean(family)) return(invisible())
  abort("population_mean", "A population mean needs a link whose inverse has a mean.",
    given = paste0(plain_label(family), ": the predictor is normal and can be 0 or negative"),
    hint = c("Use a log link.", "Or predict at random effect 0: `random_effects = \"zero\"`.")
  )
}

# Derivative in log phi of the coefficients of Var(y | mu) = v0 + v1 mu + v2 mu^2, scale included.
variance_log_phi <- function(fit) {
  slope <- family_tools(fit$family)$variance_log_phi
  if (has_shape(fit$family)) {
    return(variance_coefficients(fit$family, fit$phi, slope))
  }
  fit$phi * variance_coefficients(fit$family, fit$phi)
}

#' Refuse a family that a marginal model has no use for
#'
#' The dispersion of a marginal model is a scale; one that shapes the variance function would have
#' to be known.
#'
#' @section Errors: `family`.
#' @noRd
check_marginal_family <- function(family) {
  if (!has_shape(family)) return(family)
  abort("family", "The variance of a marginal model must be a known function of the mean.",
    given = family_label(family),
    hint = if (counts_events(family)) {
      counts_hint
    } else {
      "Use quasibinomial(): gee() estimates the dispersion as a scale."
    }
  )
}

counts_hint <- "For counts use poisson(): gee() estimates the overdispersion as a scale."

has_shape <- function(family) dispersion_kind(family) == "shape"

# Is the variance of a response phi times a function of its mean?
scales_variance <- function(family) dispersion_kind(family) == "scale"
