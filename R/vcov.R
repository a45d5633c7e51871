# Covariance matrices of the estimates.

#' Covariance matrix of the estimates
#'
#' @description
#' ```
#' fit <- glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial())
#' vcov(fit)                  # Kenward and Roger's where clusters are few
#' vcov(fit, type = "KC")     # cluster-robust, corrected for few clusters
#' ```
#'
#' @details
#' `type` says how the matrix is estimated; the default allows for few clusters. With l_i the
#' log-likelihood of cluster i, s_i = d l_i / d beta its score and B_i = - d^2 l_i / (d beta d
#' beta') its observed information, B = sum B_i:
#'
#' * `"KR"`: J^-1 at the restricted estimate of the variances (see [glmm()], `REML`), where J is
#'   minus the Hessian of the log-likelihood in beta, plus the correction of Kenward and Roger
#'   (1997) for the weights estimated with them. The estimates of beta stay those of the fit. The
#'   correction, 2 Phi \{sum_ab Omega_ab (Q_ab - P_a Phi P_b)\} Phi in their notation, is that of
#'   the working linear mixed model at the conditional modes, with the variances -1 / l'' of its
#'   rows; a linear model is its own. All variances and covariances of the random effects count as
#'   estimated, including those at zero, as does the dispersion of Gaussian, Gamma and inverse
#'   Gaussian responses. In a generalized model, maximum likelihood estimates are nearer to zero
#'   than those at the restricted variances, and so are their errors: with A = d beta_ML / d beta,
#'   from the working model, the matrix is A V A'. What the estimation of the variances adds to the
#'   model-based matrix (that less J^-1 at the fit) is half of the correction if beta is zero; what
#'   it adds beyond that is added here too. So both matrices agree if clusters are many.
#' * `"default"`: `"KR"`, or `"model"` if restricted estimation and the correction would enlarge no
#'   variance of a contrast by 0.5%, and standard errors by about 1% at most. Whether they would
#'   follows, to first order, from the pieces of the correction and from the bias of the maximum
#'   likelihood variances, without a restricted estimate.
#'   Why it is the default: in simulated data of five families with ten clusters and no effects, it
#'   rejected at 5% in at most 6.6%, the model-based matrix with between-within degrees of freedom
#'   in up to 14%, with the normal distribution in up to 20%, and `"KC"` in up to 9%. With random
#'   slopes and few events it is conservative (1.3 to 3.1%), as are its tests of a factor with few
#'   events in a level (2%), like Wald tests with any covariance; with random slopes of binary
#'   responses it stays at 3%, and `"KC"` found up to 10 points more of the effects. The tables are
#'   in `vignette("few-clusters")`.
#'   Parameters of [related_levels], such as correlations and ranges, count as estimated too; their
#'   help says what that rests on.
#'   `"model"` is also the default with a bridge distribution, if crossed factors have more than 500
#'   effects beside those of the largest or one block more than 1,000 related levels, and if there
#'   is no restricted estimate.
#' * `"model"`: the block of beta in the inverse observed information of all parameters (beta, theta
#'   and, for Gaussian responses, log phi). It assumes that the whole model is right: the
#'   distribution of the response and of the random effects. With `REML = TRUE` the likelihood is
#'   the restricted one. For Gaussian models by maximum likelihood this is the joint observed
#'   information, too, as in \pkg{glmmTMB}; \pkg{lme4} takes theta as known there. In simulated data
#'   with a random slope, the standard errors of the two differed by 4.8% (median; at most 41%) with
#'   5 clusters, 2.5% (21%) with 10 and 0.5% (3.1%) with 50 (`tests/reference/information-peers.csv`
#'   of the source).
#' * `"robust"`: the sandwich J^-1 (sum s_i s_i') J^-1 over all parameters, with J their observed
#'   information (White 1982; Huber's sandwich with clusters as units). It is too small with few
#'   clusters.
#' * `"KC"`: B^-1 (sum r_i r_i') B^-1 with r_i = (I - B_i B^-1)^(-1/2) s_i, the bias correction of
#'   Kauermann and Carroll (2001), with the variance parameters held fixed.
#' * `"MBN"`: kappa B^-1 (sum s_i s_i') B^-1 + delta xi B^-1: Morel, Bokossa and Neerchal (2003) add
#'   a part of the model-based matrix. The variance parameters are held fixed. For K clusters, p
#'   coefficients and N observations (trials, if responses are counts of them), kappa =
#'   (N - 1) / (N - p) K / (K - 1), delta = p / (K - p) if K > 3p and 1/2 otherwise, and xi =
#'   max(1, kappa tr(B^-1 sum s_i s_i') / p). It needs more clusters than coefficients.
#'
#' `summary()`, `confint()`, `odds_ratios()` and the like take `vcov =`, and their output says which
#' matrix was used.
#'
#' @param object A fit of [glmm()].
#' @param type `"default"`, `"KR"`, `"model"`, `"robust"`, `"KC"` or `"MBN"`.
#' @param full `TRUE` for all parameters: beta, theta (the free entries of Lambda, the Cholesky
#'   factor of the random-effects covariance, on the scale of the predictor) and, for Gaussian
#'   responses, the log of phi = sigma^2. Parameters on the boundary have `NA`. The default is then
#'   `"model"`.
#' @param complete `TRUE`: aliased coefficients have rows and columns of `NA`, as in
#'   [stats::vcov()] of a [stats::glm()]; `FALSE`: they are left out.
#' @param ... Not used.
#' @return A symmetric matrix with names.
#' @section Errors: `margmix_error_crossed_clusters`: `"robust"`, `"KC"` or `"MBN"` with crossed
#'   grouping factors, which leave no independent clusters (with nested ones the clusters are the
#'   levels of the coarsest). `margmix_error_kenward_roger`: `"KR"` if there is none.
#'   `margmix_error_few_clusters`: `"MBN"` with no more clusters than coefficients.
#'   `margmix_error_argument`: an unknown type, or `full = TRUE` with `"KC"`, `"KR"` or `"MBN"`,
#'   which are defined for beta only.
#' @references
#' Kauermann, G. and Carroll, R. J. (2001). A note on the efficiency of sandwich covariance matrix
#' estimation. *Journal of the American Statistical Association* **96**, 1387-1396.
#'
#' Kenward, M. G. and Roger, J. H. (1997). Small sample inference for fixed effects from restricted
#' maximum likelihood. *Biometrics* **53**, 983-997.
#'
#' Morel, J. G., Bokossa, M. C. and Neerchal, N. K. (2003). Small sample correction for the variance
#' of GEE estimators. *Biometrical Journal* **45**, 395-409.
#'
#' White, H. (1982). Maximum likelihood estimation of misspecified models. *Econometrica* **50**,
#' 1-25.
#' @examples
#' fit <- glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial())
#' sqrt(diag(vcov(fit)))
#' sqrt(diag(vcov(fit, type = "model")))
#' sqrt(diag(vcov(fit, type = "KC")))
#' vcov(fit, full = TRUE)
#' @export
vcov.margmix_glmm <- function(object, type = c("default", "KR", "model", "robust", "KC", "MBN"),
                              full = FALSE, complete = TRUE, ...) {
  check_dots(..., known = names(formals(vcov.margmix_glmm)))
  type <- covariance_of(object$design, one_of(type, glmm_vcov_types, "type"))
  check_switch(full, "full")
  check_switch(complete, "complete")
  V <- if (full) full_vcov(object, type) else beta_vcov(object, type)$vcov
  if (complete) complete_vcov(V, aliased_coefficients(object$design)) else V
}

#' The matrix of the estimated coefficients
#'
#' @return A list: `vcov` (p x p, named); with bias correction also `df` (Satterthwaite) and
#'   `leverage`, the largest eigenvalue of B_i B^-1 in each cluster.
#' @noRd
beta_vcov <- function(fit, type) UseMethod("beta_vcov")

#' @export
beta_vcov.margmix_glmm <- function(fit, type) {
  if (type == "default") return(default_covariance(fit))
  if (type == "KR") return(kenward_roger_vcov(fit))
  if (type == "model") {
    beta <- seq_along(fit$beta)
    return(list(vcov = named_square(fit$vcov_full[beta, beta, drop = FALSE], names(fit$beta))))
  }
  check_independent_clusters(fit$design, type)
  if (type == "robust") {
    beta <- seq_along(fit$beta)
    return(list(vcov = robust_full(fit)[beta, beta, drop = FALSE]))
  }
  if (covariance_fact(type, "more_clusters")) check_more_clusters(fit, type)
  sandwich <- sandwich_of(fit$design, fit, type, rows = total_size(fit$design))
  sandwich$vcov <- named_square(sandwich$vcov, names(fit$beta))
  sandwich
}

#' The sandwich of a fit, from the pieces of its clusters
#' @param ... For [sandwich_request()].
#' @noRd
sandwich_of <- function(design, fit, type, ...) UseMethod("sandwich_of")

#' @export
sandwich_of.default <- function(design, fit, type, ...) {
  engine_sandwich(cluster_pieces(fit), type, ...)
}

# H^-1 (sum s_i s_i') H^-1 over all parameters that are not at a boundary.
robust_full <- function(fit) {
  # of a pseudo-likelihood it is known
  V <- if (is.null(fit$bread)) sandwich_with(fit$vcov_full, fit) else fit$vcov_full
  named_square(V, parameter_names(fit))
}

sandwich_with <- function(bread, fit) {
  active <- !is.na(diag(bread))
  V <- bread[active, active]
  bread[active, active] <- V %*% score_products(fit$design, fit, active) %*% V
  bread
}

# The inverse of the observed information of all parameters.
bread_of <- function(fit) fit$bread %||% fit$vcov_full

# Sum of s_i s_i' over the clusters, in the active parameters.
score_products <- function(design, fit, active) UseMethod("score_products")

#' @export
score_products.default <- function(design, fit, active) {
  crossprod(engine_scores(fit)$scores[, active, drop = FALSE])
}

full_vcov <- function(fit, type) {
  if (type == "default") type <- "model"
  if (type %in% c("KC", "KR", "MBN")) {
    abort("argument", "`full = TRUE` requires type \"model\" or \"robust\".",
      given = paste("type =", dQuote(type, FALSE)),
      hint = "Their corrections are defined for the fixed effects."
    )
  }
  if (type == "robust") check_independent_clusters(fit$design, type)
  V <- if (type == "model") fit$vcov_full else robust_full(fit)
  named_square(V, parameter_names(fit))
}

# The model-based covariance of all parameters with another one of beta in it.
with_beta <- function(fit, chosen) {
  beta <- seq_along(fit$beta)
  V <- fit$vcov_full
  V[beta, beta] <- chosen$vcov
  V
}

parameter_names <- function(fit) {
  c(names(fit$beta), names(fit$theta), names(fit$rho), aux_names(fit$design, fit$family))
}

named_square <- function(V, names) {
  dimnames(V) <- list(names, names)
  V
}

# Rows and columns of NA for aliased coefficients.
# A sandwich sums the scores of independent clusters.
check_independent_clusters <- function(design, type) {
  if (supports(design, "clusters")) return(invisible())
  abort("crossed_clusters", "A cluster-robust covariance requires independent clusters.",
    given = paste0(
      "vcov type \"", type, "\" with crossed factors ", some_of(code(group_labels(design)))
    ),
    hint = "Use the model-based covariance."
  )
}

complete_vcov <- function(V, aliased) {
  if (!any(aliased)) return(V)
  others <- setdiff(rownames(V), names(aliased))
  names <- c(names(aliased), others)
  out <- matrix(NA_real_, length(names), length(names), dimnames = list(names, names))
  kept <- c(which(!aliased), length(aliased) + seq_along(others))
  out[kept, kept] <- V
  out
}

#' One of several words
#'
#' @return The element of `choices` that `x` is, or abbreviates; the first if `x` is `choices`.
#' @section Errors: `argument`.
#' @noRd
one_of <- function(x, choices, name) {
  if (identical(x, choices)) return(choices[1L])
  found <- if (is.character(x) && length(x) == 1L) pmatch(x, choices) else NA
  if (!is.na(found)) return(choices[found])
  known <- some_of(dQuote(choices, FALSE), 12L)
  abort("argument", paste0(code(name), " must be one of ", known, "."),
    given = if (is.character(x) && length(x)) some_of(dQuote(x, FALSE)) else value_text(x)
  )
}

several_of <- function(x, choices, name) {
  if (!is.character(x) || !length(x)) return(one_of(x, choices, name))
  vapply(unique(as.character(x)), one_of, "", choices, name, USE.NAMES = FALSE)
}
