# Weak references to an environment do not keep it alive, and saved they refer to nothing. R code
# can't make them.

engine_weak_reference <- function(env) weak_reference_(env)

#' The environment, or `NULL` where it is gone
#' @noRd
engine_weak_value <- function(reference) weak_reference_(reference)
