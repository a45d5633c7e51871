# Methods for package marginaleffects. It takes classes of other packages that an option names.

.onLoad <- function(libname, pkgname) {
  setHook(packageEvent("marginaleffects", "onLoad"), function(...) name_classes())
  if (isNamespaceLoaded("marginaleffects")) name_classes()
}

# Beside those that the user has named.
name_classes <- function() {
  named <- getOption("marginaleffects_model_classes")
  options(marginaleffects_model_classes = union(named, c("margmix_glmm", "margmix_gee")))
}

#' Predictions of a mixed model for package marginaleffects
#'
#' `type` may be a value of `random_effects` as well, on the response scale: marginaleffects warns
#' of arguments that it does not know, but not of types. Several calls for one result note things
#' once.
#' @noRd
#' @exportS3Method marginaleffects::get_predict
get_predict.margmix_glmm <- function(model, newdata, type = "response", random_effects = NULL,
                                     re.form, ...) {
  check_not_smooth(model$design, "Standard errors by package marginaleffects are",
    "predict(se.fit = TRUE) and marginal_standardization() have those of curves."
  )
  if (isTRUE(type %in% c("eb", "zero", "integrate"))) {
    random_effects <- type
    type <- "response"
  }
  first <- first_in_call("marginaleffects")
  if (first && is.null(random_effects) && missing(re.form)) note_modes(model, type)
  quiet <- function(n) if (!first) invokeRestart("muffleMessage")
  if (!missing(re.form)) {
    return(withCallingHandlers(NextMethod(type = type), margmix_note = quiet))
  }
  effects <- random_effects %||% "eb"
  withCallingHandlers(NextMethod(type = type, random_effects = effects), margmix_note = quiet)
}

# Means that integrate the random effects depend on their variances, too: the delta method of that
# package, which takes parameters, changes them and takes their covariance by these three, is then
# to differentiate in theta as well.

#' @exportS3Method marginaleffects::get_coef
get_coef.margmix_glmm <- function(model, random_effects = NULL, ...) {
  asking <- parent.frame()
  derivative <- exists("model_perturbed", asking, inherits = FALSE)
  integrated <- derivative && "integrate" %in% c(asking$type, random_effects)
  c(model$coefficients, if (integrated) model$theta)
}

#' @exportS3Method marginaleffects::set_coef
set_coef.margmix_glmm <- function(model, coefs, ...) {
  at <- names(model$coefficients)
  model$coefficients[] <- coefs[at]
  theta <- coefs[setdiff(names(coefs), at)]
  if (length(theta)) model$Lambda <- lambda_matrix(model$design, theta)
  model
}

#' @exportS3Method marginaleffects::get_vcov
get_vcov.margmix_glmm <- function(model, vcov = NULL, type = NULL, random_effects = NULL, ...) {
  V <- NextMethod()
  if (!is.matrix(V) || !"integrate" %in% c(type, random_effects)) return(V)
  beta <- names(model$beta)
  model$vcov_full <- with_beta(model, list(vcov = V[beta, beta, drop = FALSE]))
  keep <- c(beta, names(model$theta))
  usable_vcov(model)[keep, keep]
}

note_modes <- function(fit, type) {
  if (type == "link" || has_identity_link(fit$family)) return(invisible())
  note("modes",
    "These are means of the clusters in the data, at the modes of their random effects.",
    hint = c(
      "type = \"integrate\" gives the means of the population, \"zero\" those at random effect 0.",
      "Standard errors hold the modes and the variances fixed."
    )
  )
}

#' Is this the first time that one call of a function of another package comes here?
#'
#' The outermost frame of that package remembers it, and goes away with the call.
#' @noRd
first_in_call <- function(package) {
  frames <- frames_of(package)
  if (!length(frames)) return(TRUE)
  first <- is.null(frames[[1L]][[".margmix_noted"]])
  assign(".margmix_noted", TRUE, envir = frames[[1L]])
  first
}
