#' margmix: marginal and mixed models for clustered data
#'
#' `glmm()` fits generalized linear mixed models by exact maximum likelihood (Laplace and adaptive
#' Gauss-Hermite quadrature) and answers conditional, cluster-specific questions. Results say which
#' question they answer, which integration rule was used and how many rows and clusters they rest
#' on.
#'
#' @keywords internal
#' @useDynLib margmix, .registration = TRUE
#' @importFrom Rcpp evalCpp
#' @import stats
"_PACKAGE"
