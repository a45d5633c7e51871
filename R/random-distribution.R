# Distributions of a random intercept: what a call names, and what is asked of one. A law is a list:
# `name`, `df` (NA where there are none, or none yet); `estimated`, see s_limits().

new_law <- function(name, df = NA_real_) {
  structure(list(name = name, df = df), class = c(paste0("margmix_law_", name), "margmix_law"))
}

#' The law that `random_distribution` names
#' @section Errors: `random_distribution`.
#' @noRd
as_law <- function(random_distribution) {
  if (inherits(random_distribution, "margmix_law")) return(random_distribution)
  choices <- c("normal", "bridge")
  known <- is.character(random_distribution) && length(random_distribution) == 1L &&
    random_distribution %in% choices
  if (known) return(new_law(random_distribution))
  abort("random_distribution",
    "`random_distribution` must be \"normal\", \"bridge\" or t_effects().",
    given = deparse(random_distribution)[1L],
    hint = if (identical(random_distribution, "t")) {
      "A t distribution is t_effects(df = 5), or t_effects() to estimate its degrees of freedom."
    }
  )
}

#' Is a law one for the family, and the rule one for the law?
#' @section Errors: `random_distribution`, `nAGQ`.
#' @noRd
check_law <- function(law, family, nAGQ, REML) UseMethod("check_law")

#' @export
check_law.margmix_law_normal <- function(law, family, nAGQ, REML) invisible()

#' @section Errors: `nAGQ`.
#' @noRd
check_law_nodes <- function(law, nAGQ) {
  if (!is.numeric(nAGQ) || all(nAGQ >= 5)) return(invisible())
  abort("nAGQ", paste0("With ", law_noun(law), " `nAGQ` must be \"auto\" or at least 5."),
    given = paste0(nAGQ),
    hint = "The Laplace approximation isn't available for this distribution."
  )
}

# "a t distribution with 5 degrees of freedom"
law_noun <- function(law) UseMethod("law_noun")

#' @export
law_noun.default <- function(law) paste("a", law$name, "distribution")

# As a call names it.
law_call <- function(law) UseMethod("law_call")

#' @export
law_call.default <- function(law) law$name

# Designs ------------------------------------------------------------------------------------------

#' @section Errors: `random_distribution`.
#' @noRd
check_effect_design <- function(design) UseMethod("check_effect_design")

#' @export
check_effect_design.default <- function(design) invisible()

#' @export
check_effect_design.margmix_nonnormal <- function(design) {
  one <- length(design$groups) == 1L && ncol(design$Z) == 1L && all(design$Z == 1)
  if (one && !length(relations(design)) && has_free_entries(design)) return(invisible())
  noun <- law_noun(random_distribution(design))
  abort("random_distribution",
    paste0(toupper(substring(noun, 1L, 1L)), substring(noun, 2L),
      " must be that of one random intercept."
    ),
    given = paste0(
      "random columns ", some_of(code(colnames(design$Z))), " by ", some_of(code(design$group))
    ),
    hint = "Write one term (1 | group)."
  )
}

# Modes on the scale u = b / sigma, as those of normal random effects.
modes_of_effects <- function(problem, estimate) {
  sigma <- estimate$theta[[1L]]
  aux <- fit_aux(c(estimate, list(family = problem$family)))
  posterior <- engine_moments(problem$design, problem$family, c(estimate$beta, sigma, aux),
    max(estimate$rule$K), NULL, FALSE, problem$control
  )[[1L]]
  matrix(posterior$mode / if (sigma == 0) 1 else sigma)
}

# The line of a printed fit that names a distribution other than the normal one.
distribution_words <- function(design, fit) UseMethod("distribution_words")

#' @export
distribution_words.default <- function(design, fit) NULL
