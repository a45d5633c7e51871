# A random intercept with the bridge distribution for the logit link (Wang and Louis 2003): both
# the conditional and the marginal model are logistic.

#' @export
check_law.margmix_law_bridge <- function(law, family, nAGQ, REML) {
  if (!has_bridge(family)) {
    abort("random_distribution", "The bridge distribution requires binomial(\"logit\").",
      given = family_label(family),
      hint = paste(
        "Normal random effects already give a probit model;",
        "under a log link any distribution does."
      )
    )
  }
  check_law_nodes(law, nAGQ)
}

# Attenuation: marginal coefficients are phi times the conditional ones.
bridge_phi <- function(sigma) 1 / sqrt(1 + 3 * sigma^2 / pi^2)

# New random intercepts on the scale u = b / sigma, from standard normal draws.
#' @export
effects_of_draws.margmix_bridge <- function(design, fit, draws) {
  sigma <- fit$theta[[1L]]
  if (sigma != 0) draws[] <- engine_effect_at(random_distribution(design), draws, sigma) / sigma
  draws
}

#' @export
distribution_words.margmix_bridge <- function(design, fit) {
  paste0(
    "Random:  bridge distribution for the logit link: marginal = ",
    sprintf("%.4f", bridge_phi(fit$theta[[1L]])), " x conditional coefficients"
  )
}
