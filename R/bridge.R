# A random intercept with the bridge distribution for the logit link (Wang and Louis 2003): both
# the conditional and the marginal model are logistic.

#' @section Errors: `random_distribution`, `nAGQ`.
#' @noRd
check_random_distribution <- function(family, random_distribution, nAGQ) {
  choices <- c("normal", "bridge")
  known <- is.character(random_distribution) && length(random_distribution) == 1L &&
    random_distribution %in% choices
  if (!known) {
    abort("random_distribution", "`random_distribution` must be \"normal\" or \"bridge\".",
      given = deparse(random_distribution)[1L]
    )
  }
  if (random_distribution == "normal") return(invisible())
  if (plain_label(family) != "binomial(logit)") {
    abort("random_distribution", "The bridge distribution must come with binomial(\"logit\").",
      given = family_label(family),
      hint = paste(
        "Normal random effects already give a probit model;",
        "under a log link any distribution does."
      )
    )
  }
  if (is.numeric(nAGQ) && nAGQ < 5) {
    abort("nAGQ", "With the bridge distribution `nAGQ` must be \"auto\" or at least 5.",
      given = paste0(nAGQ),
      hint = "The Laplace approximation isn't available for this distribution."
    )
  }
}

#' @section Errors: `random_distribution`.
#' @noRd
check_bridge_design <- function(design) UseMethod("check_bridge_design")

#' @export
check_bridge_design.default <- function(design) invisible()

#' @export
check_bridge_design.margmix_bridge <- function(design) {
  one <- length(design$groups) == 1L && ncol(design$Z) == 1L && all(design$Z == 1)
  if (one && !length(relations(design))) return(invisible())
  abort("random_distribution", "The bridge distribution must be that of one random intercept.",
    given = paste0(
      "random columns ", some_of(code(colnames(design$Z))), " by ", some_of(code(design$group))
    ),
    hint = "Write one term (1 | group)."
  )
}

# Attenuation: marginal coefficients are phi times the conditional ones.
bridge_phi <- function(sigma) 1 / sqrt(1 + 3 * sigma^2 / pi^2)

# Modes on the scale u = b / sigma, as those of normal random effects.
bridge_modes <- function(problem, estimate) {
  sigma <- estimate$theta[[1L]]
  posterior <- engine_moments(problem$design, problem$family,
    c(estimate$beta, sigma), max(estimate$rule$K), NULL, FALSE, problem$control
  )[[1L]]
  matrix(posterior$mode / if (sigma == 0) 1 else sigma)
}

# New random intercepts on that scale, from standard normal draws.
bridge_draw <- function(fit, draws) {
  sigma <- fit$theta[[1L]]
  if (sigma != 0) draws[] <- engine_bridge_quantile(draws, sigma) / sigma
  draws
}

# The line of a printed fit that names a distribution other than the normal one.
distribution_words <- function(design, fit) UseMethod("distribution_words")

#' @export
distribution_words.default <- function(design, fit) NULL

#' @export
distribution_words.margmix_bridge <- function(design, fit) {
  paste0(
    "Random:  bridge distribution for the logit link: marginal = ",
    sprintf("%.4f", bridge_phi(fit$theta[[1L]])), " x conditional coefficients"
  )
}
