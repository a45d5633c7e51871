# Methods for package effects, registered when it is loaded: its own has normal intervals.

#' @exportS3Method effects::Effect
Effect.margmix_fit <- function(focal.predictors, mod, ...) {
  check_not_smooth(mod$design, "Effects are", "predict() has the curves.")
  out <- NextMethod()
  if (is.null(out$se)) return(out)
  X <- out$model.matrix
  known <- match(names(mod$beta), colnames(X))
  df <- row_df(mod, X[, known, drop = FALSE])
  half <- stats::qt((1 + out$confidence.level) / 2, df) * out$se
  out$lower[] <- out$fit - half
  out$upper[] <- out$fit + half
  out
}

# It refuses families whose variance has a further parameter; of the family it needs the link.
#' @exportS3Method effects::effSources
effSources.margmix_fit <- function(mod) {
  family <- mod$family
  if (length(formals(family$variance)) < 2L) return(NULL)
  quasi <- if (family_tools(family)$mean_range[2L] == 1) "binomial" else "poisson"
  list(family = do.call(paste0("quasi", quasi), list(family$link), envir = asNamespace("stats")))
}
