# What a standardization has to say about itself: notes that are kept and printed, and warnings.

standardization_notes <- function(fit, tables, variance, settings, options) {
  contrasts <- tables$contrasts
  first <- contrasts$contrast == contrasts$contrast[1L]
  labels <- sub("^[a-z_]+: ", "", rownames(tables$vcov_contrasts)[first])
  df <- stats::setNames(contrasts$df[first], labels)
  c(
    few_clusters_notes(list(df = df, given = is.numeric(options$df))),
    leverage_notes(fit, variance), separation_notes(fit), no_error_notes(tables, variance),
    range_notes(fit, tables), extrapolation_notes(settings),
    cluster_average_notes(fit, variance, options)
  )
}

# With the model alone, clusters of all sizes have the same effect, given their covariates.
cluster_average_notes <- function(fit, variance, options) {
  if (options$average != "cluster" || !is.null(variance$assigned)) return(NULL)
  if (different_sizes(fit$design) == 1L) return(NULL)
  c(cluster_average = paste(
    "Every cluster counts alike for the covariates only. If effects vary with the size of clusters",
    "beyond what the model says,\nuse `randomized`, or gee() with weights of 1 / size."
  ))
}

# How many sizes clusters have.
different_sizes <- function(design) UseMethod("different_sizes")

#' @export
different_sizes.default <- function(design) length(unique(diff(design$start)))

# The model alone says what the means are at values of a numeric exposure beyond those observed.
extrapolation_notes <- function(settings) {
  if (!length(settings$outside)) return(NULL)
  note("extrapolation", "Means at values of the exposure beyond the data rest on the model alone.",
    given = settings$outside
  )
  c(extrapolation = paste0(
    "Beyond the data, where means rest on the model alone: ",
    paste(settings$outside, collapse = "; "), "."
  ))
}

# Scores of separated responses vanish, and robust standard errors with them.
separation_notes <- function(fit) {
  if (!isTRUE(fit$separation$separated)) return(NULL)
  terms <- some_of(code(fit$separation$terms))
  warn("separation", "Standard errors are not valid where estimates diverge.",
    given = terms, hint = "Don't use limits and tests of settings that depend on these terms."
  )
  c(separation = paste0(
    "Estimates run to infinity: ", terms, ". Standard errors of what depends on them are not valid."
  ))
}

# Limits of means are symmetric, so that few clusters can carry them beyond what a mean can be.
range_notes <- function(fit, tables) {
  range <- family_tools(fit$family)$mean_range
  means <- tables$means
  outside <- which(means$conf.low < range[1L] | means$conf.high > range[2L])
  if (!length(outside)) return(NULL)
  c(range = paste0(
    "Limits beyond what a mean can be, since t limits are symmetric: ",
    some_of(rownames(tables$vcov_means)[outside]), "."
  ))
}

no_error_notes <- function(tables, variance) {
  unknown <- is.na(tables$means$std.error)
  if (!any(unknown)) return(NULL)
  why <- if (!all(is.finite(diag(variance$fixed)[unknown]))) {
    "the fit has no covariance of its coefficients"
  } else {
    "one cluster makes up their target rows, or determines them alone"
  }
  c(no_error = paste0(
    "No standard error of ", some_of(rownames(tables$vcov_means)[unknown]), ": ", why, "."
  ))
}
