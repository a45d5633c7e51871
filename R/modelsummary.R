# Methods for package modelsummary, registered when it is loaded. Coefficients and criteria come
# through packages parameters and performance.

# Criteria that are not in its list would be printed with all digits.
#' @exportS3Method modelsummary::glance_custom
glance_custom.margmix_gee <- function(x, ...) {
  criteria <- qic(x)
  data.frame(
    nclusters = cluster_count(x$design), qic = NA, cic = NA,
    QIC = sprintf("%.1f", criteria$QIC), CIC = sprintf("%.1f", criteria$CIC)
  )
}

#' @exportS3Method modelsummary::glance_custom
glance_custom.margmix_glmm <- function(x, ...) data.frame(nclusters = cluster_count(x$design))
