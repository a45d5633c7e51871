# What a conditional and a marginal model answer differently to those who take both: small generics
# with a method for each. The first words of a heading, what predict() is to be told, what a refusal
# hints at.

#' @section Errors: `argument`.
#' @noRd
check_glmm <- function(fit, name = "fit", hint = NULL) UseMethod("check_glmm")

#' @export
check_glmm.margmix_glmm <- function(fit, name = "fit", hint = NULL) invisible()

# The hint is for a marginal model.
#' @export
check_glmm.margmix_gee <- function(fit, name = "fit", hint = NULL) {
  abort("argument", paste0(code(name), " must be a fit of glmm()."), given = class(fit)[1L],
    hint = hint
  )
}

#' @export
check_glmm.default <- function(fit, name = "fit", hint = NULL) {
  abort("argument", paste0(code(name), " must be a fit of glmm()."), given = class(fit)[1L])
}

# Has it random effects, and a likelihood? A glm() has none.
is_mixed <- function(fit) UseMethod("is_mixed")

#' @export
is_mixed.default <- function(fit) FALSE

#' @export
is_mixed.margmix_glmm <- function(fit) TRUE

# The components that component() knows.
components_of <- function(fit) UseMethod("components_of")

#' @export
components_of.margmix_glmm <- function(fit) fit_components

#' @export
components_of.margmix_gee <- function(fit) gee_components()

# Starting values as a list.
start_list <- function(start) UseMethod("start_list")

#' @export
start_list.default <- function(start) start

#' @export
start_list.margmix_glmm <- function(start) {
  last <- if (has_dispersion_formula(start$design)) "gamma" else "phi"
  unclass(start)[c("beta", "theta", if (length(start$rho)) "rho", last)]
}

parameter_count <- function(fit) UseMethod("parameter_count")

#' @export
parameter_count.margmix_glmm <- function(fit) length(parameter_names(fit))

#' @export
parameter_count.margmix_gee <- function(fit) length(fit$beta)

# Arguments of predict() with a value for the random effects, where there are some.
with_effects <- function(fit, settings, random_effects) UseMethod("with_effects")

#' @export
with_effects.margmix_glmm <- function(fit, settings, random_effects) {
  c(settings, random_effects = random_effects)
}

#' @export
with_effects.margmix_gee <- function(fit, settings, random_effects) settings

# What of the random part new rows need for means of the population; see design_newdata().
random_needed <- function(fit) UseMethod("random_needed")

#' @export
random_needed.margmix_glmm <- function(fit) "Z"

#' @export
random_needed.margmix_gee <- function(fit) FALSE

# Means of a marginal model are those of the population.
standardized_effects <- function(fit, random_effects) UseMethod("standardized_effects")

#' @export
standardized_effects.margmix_glmm <- function(fit, random_effects) random_effects

#' @export
standardized_effects.margmix_gee <- function(fit, random_effects) "integrate"

# Refusals ----------------------------------------------------------------------------------------

#' @section Errors: of a marginal model `other_package`.
#' @noRd
check_has_effects <- function(fit, effects) UseMethod("check_has_effects")

#' @export
check_has_effects.margmix_glmm <- function(fit, effects) invisible()

#' @export
check_has_effects.margmix_gee <- function(fit, effects) {
  if (!effects %in% c("fixed", "all")) refuse_random()
}

check_has_likelihood <- function(fit, what) UseMethod("check_has_likelihood")

#' @export
check_has_likelihood.margmix_glmm <- function(fit, what) invisible()

#' @export
check_has_likelihood.margmix_gee <- function(fit, what) refuse_likelihood(what)

bootstrap_hint <- function(fit) UseMethod("bootstrap_hint")

#' @export
bootstrap_hint.margmix_glmm <- function(fit) {
  "bootstrap(fit) draws responses from the model."
}

#' @export
bootstrap_hint.margmix_gee <- function(fit) {
  "bootstrap(fit) draws clusters; vcov = \"jackknife-full\" leaves each of them out."
}

# Headings ----------------------------------------------------------------------------------------

ratio_heading <- function(fit, words) UseMethod("ratio_heading")

#' @export
ratio_heading.margmix_glmm <- function(fit, words) {
  labels <- cluster_labels(fit$design)
  given <- if (length(labels)) paste0("for a given ", paste(labels, collapse = ", "), ": ")
  paste0("Conditional ", words, " (", given, "random effects held fixed)")
}

#' @export
ratio_heading.margmix_gee <- function(fit, words) {
  paste("Marginal", words, "(population-averaged)")
}

predictor_heading <- function(fit) UseMethod("predictor_heading")

#' @export
predictor_heading.margmix_glmm <- function(fit) {
  labels <- cluster_labels(fit$design)
  if (length(labels)) paste0("Conditional: at random effect 0 of ", some_of(code(labels)), ".")
}

#' @export
predictor_heading.margmix_gee <- function(fit) "Marginal: averaged over the population."
