# Methods for package DHARMa, registered when it is loaded. Its simulations are those of simulate(),
# with new random effects; what they scatter around is the mean of the population.

#' @exportS3Method DHARMa::getFitted
getFitted.margmix_glmm <- function(object, ...) {
  stats::predict(object, type = "response", random_effects = "integrate")
}

#' @exportS3Method DHARMa::getSimulations
getSimulations.margmix_gee <- function(object, ...) stats::simulate(object)

#' @exportS3Method DHARMa::getFitted
getFitted.margmix_gee <- function(object, ...) stats::fitted(object)
