# What users of lme4 look for, under the names that it has there.

#' Functions named as in lme4
#'
#' @description
#' ```
#' fit <- glmm(severe ~ treatment * scheduled + (1 | patient), toenail, binomial())
#' ngrps(fit)
#' isSingular(fit)
#' getME(fit, c("theta", "lower"))
#' head(cluster_coefficients(fit)$patient)
#' ```
#'
#' @details
#' * `ngrps()`: the number of levels of each grouping factor.
#' * `isSingular()`: whether a standard deviation of the random effects is below `tol` or their
#'   correlation matrix singular (a diagonal entry of Lambda below `tol`).
#' * `cluster_coefficients()`: the fixed effects plus the random effects of each cluster (at their
#'   modes), a data frame for each grouping factor. This is what `coef()` gives in \pkg{lme4}; here
#'   `coef()` gives the fixed effects, as for other models.
#' * `getME()`: `"X"`, `"Z"`, `"Zt"`, `"y"`, `"mu"`, `"offset"`, `"beta"` (or `"fixef"`), `"theta"`,
#'   `"lower"` (its bounds), `"Lambda"`, `"Lambdat"`, `"u"`, `"b"`, `"flist"`, `"cnms"`, `"sigma"`,
#'   `"n"`, `"p"`, `"q"`, `"is_REML"`. As in \pkg{lme4}, theta and Lambda are relative to `sigma()`,
#'   and u is multiplied by it; grouping factors are in the order of the formula. Sparse matrices
#'   are those of package \pkg{Matrix}. [component()] has the absolute scale and more.
#' * `variable.names()`: the names of the estimated coefficients.
#' * `hatvalues()`: for a linear model, the derivatives of the fitted values in the responses, given
#'   the variances: w v / sigma^2, with v the prediction error variance of x'beta + z'b (Henderson
#'   1975). `rstudent()`: residuals over sigma sqrt(1 - h). Both are refused for other models: use
#'   `residuals(fit, "quantile")` or, for clusters, [influence()][influence.margmix_fit].
#'
#' For fits of \pkg{lme4}, these functions call that package's own.
#'
#' @param object,x,model A fit of [glmm()] (`variable.names()`: or of [gee()]).
#' @param tol A standard deviation below this, relative to `sigma()`, counts as zero.
#' @param name Names of the components to return.
#' @param ... Not used.
#' @return As described; for several names `getME()` returns a named list.
#' @section Errors: `margmix_error_argument`: an unknown name.
#' @references
#' Henderson, C. R. (1975). Best linear unbiased estimation and prediction under a selection model.
#' *Biometrics* **31**, 423-447.
#' @examples
#' fit <- glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial())
#' ngrps(fit)
#' cluster_coefficients(fit)
#' getME(fit, "theta")
#' @name peer-names
NULL

#' @rdname peer-names
#' @export
ngrps <- function(object, ...) UseMethod("ngrps")

#' @rdname peer-names
#' @export
isSingular <- function(x, tol = 1e-4, ...) UseMethod("isSingular")

#' @rdname peer-names
#' @export
getME <- function(object, name, ...) UseMethod("getME")

#' @export
ngrps.default <- function(object, ...) lme4_function("ngrps", object)(object, ...)

#' @export
isSingular.default <- function(x, tol = 1e-4, ...) lme4_function("isSingular", x)(x, tol)

#' @export
getME.default <- function(object, name, ...) lme4_function("getME", object)(object, name, ...)

#' @export
refit.default <- function(object, newresp, ...) {
  lme4_function("refit", object)(object, newresp, ...)
}

# For fits of lme4 and of glmmTMB, which has methods for the generics there. A call from here would
# find the default methods here for any other class, for ever.
lme4_function <- function(name, object) {
  known <- inherits(object, c("merMod", "glmmTMB")) && isNamespaceLoaded("lme4")
  if (known) getExportedValue("lme4", name) else check_glmm(object, "object")
}

#' @rdname peer-names
#' @export
#' @rawNamespace S3method(lme4::ngrps, margmix_glmm)
ngrps.margmix_glmm <- function(object, ...) {
  check_dots(...)
  groups <- random_factors(object$design)
  stats::setNames(
    vapply(groups, function(group) length(group$levels), 1L), group_labels(object$design)
  )
}

#' @rdname peer-names
#' @export
isSingular.margmix_glmm <- function(x, tol = 1e-4, ...) {
  check_dots(...)
  positive_number(tol, "tol", "argument")
  any(getME(x, "theta")[getME(x, "lower") == 0] < tol)
}

#' @rdname peer-names
#' @export
cluster_coefficients <- function(object) {
  check_glmm(object, "object")
  effects <- ranef(object, condVar = FALSE)
  fixed <- fixef(object)
  lapply(unclass(effects)[names(effects)], function(part) {
    names <- union(names(fixed), names(part))
    base <- c(fixed, rep(0, length(names) - length(fixed)))
    out <- as.data.frame(matrix(base, nrow(part), length(names),
      byrow = TRUE, dimnames = list(rownames(part), names)
    ))
    out[names(part)] <- out[names(part)] + part
    out
  })
}

#' @rdname peer-names
#' @export
#' @rawNamespace S3method(lme4::getME, margmix_glmm)
getME.margmix_glmm <- function(object, name, ...) {
  check_dots(...)
  unknown <- if (is.character(name)) setdiff(name, names(me_parts)) else value_text(name)
  if (length(unknown)) {
    abort("argument", "`name` must be among the names on the help page.",
      given = some_of(unknown), hint = paste0("They are ", some_of(names(me_parts), 30L), ".")
    )
  }
  found <- lapply(stats::setNames(name, name), function(one) me_parts[[one]](object))
  if (length(name) == 1L) found[[1L]] else found
}

me_parts <- list(
  X = function(fit) stats::model.matrix(fit),
  Z = function(fit) stats::model.matrix(fit, type = "random"),
  Zt = function(fit) Matrix::t(me_parts$Z(fit)),
  y = function(fit) caller_order(mean_response(fit$design), fit$design),
  mu = function(fit) unname(stats::fitted(fit)),
  offset = function(fit) caller_order(row_offset(fit$design), fit$design),
  beta = function(fit) unname(fit$beta), fixef = function(fit) fit$beta,
  theta = function(fit) fit$theta / stats::sigma(fit),
  lower = function(fit) ifelse(on_diagonal(fit$design), 0, -Inf),
  Lambda = function(fit) sparse_lambda(fit),
  Lambdat = function(fit) Matrix::t(sparse_lambda(fit)),
  u = function(fit) {
    check_in_memory(fit$design)
    stats::sigma(fit) * by_level(by_factor(fit$design, fit$modes))
  },
  b = function(fit) by_level(lapply(ranef(fit, condVar = FALSE), as.matrix)),
  flist = function(fit) group_factors_of(fit$design),
  cnms = function(fit) {
    stats::setNames(lapply(random_factors(fit$design), `[[`, "names"), group_labels(fit$design))
  },
  sigma = function(fit) stats::sigma(fit),
  n = function(fit) row_count(fit$design), p = function(fit) length(fit$beta),
  q = function(fit) sum(ngrps(fit) * effects_per_factor(fit$design)),
  is_REML = function(fit) isTRUE(fit$REML)
)

# Effects of one level beside each other, level by level, as the columns of Z are.
by_level <- function(effects) unlist(lapply(effects, t), use.names = FALSE)

sparse_lambda <- function(fit) {
  blocks <- lapply(random_factors(fit$design), function(group) {
    block <- fit$Lambda[group$columns, group$columns, drop = FALSE]
    Matrix::kronecker(Matrix::Diagonal(length(group$levels)), unname(block))
  })
  Matrix::bdiag(blocks) / stats::sigma(fit)
}

#' @rdname peer-names
#' @export
variable.names.margmix_fit <- function(object, ...) names(object$beta)

#' @rdname peer-names
#' @export
hatvalues.margmix_fit <- function(model, ...) {
  check_dots(...)
  # its HC2 and HC3 take them for those of independent rows
  if (is_frame_of(parent.frame(), "sandwich")) refuse_hat()
  check_linear(model, "hatvalues()")
  design <- model$design
  model$vcov_full <- vcov_given_variances(model)
  pev <- engine_eb_variance(model, design_X(design), design_Z(design), row_clusters(design))
  by_row_of_data(model, pev * row_weights(design) / model$phi)
}

# Covariance of psi with the variances known: that of beta given theta and phi. The entries of a
# structured Lambda follow from fewer parameters, so that theirs may be singular.
vcov_given_variances <- function(fit) {
  V <- fit$vcov_full
  fixed <- seq_along(fit$beta)
  others <- setdiff(which(diag(V) > 0), fixed)
  size <- sqrt(diag(V)[others])
  spectrum <- eigen(V[others, others, drop = FALSE] / tcrossprod(size), symmetric = TRUE)
  kept <- spectrum$values > 1e-10
  shared <- V[fixed, others, drop = FALSE] %*% (spectrum$vectors[, kept, drop = FALSE] / size)
  given <- V[fixed, fixed] - shared %*% (t(shared) / spectrum$values[kept])
  V[] <- 0
  V[fixed, fixed] <- given
  V
}

#' @rdname peer-names
#' @export
rstudent.margmix_fit <- function(model, ...) {
  check_dots(...)
  check_linear(model, "rstudent()")
  stats::residuals(model, "pearson") / sqrt(1 - hatvalues(model)) / stats::sigma(model)
}

check_linear <- function(model, what) unless_linear(model, refuse_hat(what))

# The refusal, an error, is evaluated for other models only.
unless_linear <- function(fit, refusal) {
  if (is_mixed(fit) && is_linear(fit$family)) return(invisible())
  refusal
}

refuse_hat <- function(what = "hatvalues()") {
  refuse_client(what, "is for linear mixed models, by row", c(
    "residuals(fit, \"quantile\") of glmm() are standard normal if the model holds.",
    "influence(fit) and cooks.distance(fit) are by cluster."
  ))
}

by_row_of_data <- function(fit, x) {
  x <- caller_order(x, fit$design)
  names(x) <- row.names(fit$frame$frame)
  stats::naresid(fit$na.action, x)
}
