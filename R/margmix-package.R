#' margmix: marginal and mixed models for clustered data
#'
#' * [glmm()] fits generalized linear mixed models by maximum likelihood (adaptive Gauss-Hermite
#'   quadrature or the Laplace approximation). It answers conditional, cluster-specific questions.
#' * [gee()] fits marginal models by generalized estimating equations. It answers questions about
#'   the population.
#' * [marginal_standardization()], [marginal_coefficients()] and [compare_effects()] turn fits of
#'   either kind into effects in the population.
#'
#' Results say which question they answer, which integration rule and covariance matrix were used,
#' and how many rows and clusters they rest on. Start with `vignette("margmix", package =
#' "margmix")`.
#'
#' @keywords internal
#' @useDynLib margmix, .registration = TRUE
#' @importFrom Rcpp evalCpp
#' @import stats
"_PACKAGE"
