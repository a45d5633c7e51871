# Random effects of the clusters: empirical-Bayes modes, means and medians.

#' Random effects of the clusters
#'
#' @description
#' ```
#' fit <- glmm(severe ~ treatment * scheduled + (1 | patient), toenail, binomial())
#' b <- ranef(fit, type = "mean")
#' head(as.data.frame(b))
#' plot(b)
#' ```
#'
#' @details
#' `ranef()` summarizes the distribution of the random effects b_i of cluster i given its responses,
#' at the estimated parameters (empirical Bayes):
#'
#' * `"mode"`: the point of highest density, b = Lambda u, as other R packages report it; variances
#'   are those of the normal approximation there, Lambda (I + Lambda'Z'WZ Lambda)^-1 Lambda' with
#'   observed weights W;
#' * `"mean"`: the mean, and the variance around it, from the quadrature weights, without a normal
#'   approximation;
#' * `"median"`: the median of each effect, with the same variances as `"mean"`.
#'
#' In sparse binary data the three differ: the posterior is skewed for a cluster whose responses are
#' all equal. With two nested grouping factors, mode and mean are available, and the median too if
#' each has one effect, as in `(1 | a/b)`; with crossed ones, only the mode. Variances do not
#' include the uncertainty of the estimated parameters.
#'
#' @param object A fit of [glmm()].
#' @param type `"mode"`, `"mean"` or `"median"`.
#' @param newdata `NULL`, or rows of clusters that were not in the fit, with their responses, for
#'   their random effects at the fitted parameters (one grouping factor).
#' @param condVar `TRUE` to add the conditional variances.
#' @param ... Not used; for `plot()`, passed to [graphics::plot.default()].
#' @return `ranef()`: a list of class `ranef.margmix_glmm`, named by the grouping factors. Each
#'   element is a data frame with a row for each cluster (its label) and a column for each effect,
#'   on the scale of the predictor; its attribute `postVar` (q x q x m) has the conditional
#'   variances.
#'
#'   `as.data.frame()`: a row for each cluster and effect with the columns `grpvar`
#'   (grouping factor), `term`, `grp` (cluster), `condval` and `condsd`, as in package \pkg{lme4}.
#' @section Errors: `margmix_error_argument`.
#' @seealso [plot_shrinkage()]
#' @examples
#' fit <- glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial())
#' ranef(fit)
#' as.data.frame(ranef(fit, type = "mean"))
#' plot(ranef(fit))
#' @order 1
#' @export
ranef.margmix_glmm <- function(object, type = c("mode", "mean", "median"), condVar = TRUE,
                               newdata = NULL, ...) {
  check_dots(..., known = names(formals(ranef.margmix_glmm)))
  type <- one_of(type, c("mode", "mean", "median"), "type")
  check_switch(condVar, "condVar")
  if (!is.null(newdata)) object <- with_new_clusters(object, newdata)
  found <- cluster_effects(object$design, object, type, condVar)
  effects <- lapply(found, function(x) random_frame(x$value, x$variance, x$group))
  names(effects) <- group_labels(object$design)
  structure(effects, type = type, class = "ranef.margmix_glmm")
}

#' @return For each factor a list: `value` (levels x effects), `variance` (effects x effects x
#'   levels, or `NULL`), `group`.
#' @noRd
cluster_effects <- function(design, object, type, condVar) UseMethod("cluster_effects")

#' @export
cluster_effects.default <- function(design, object, type, condVar) {
  posterior <- if (type != "mode") engine_posterior(object, median = type == "median")
  value <- if (type == "mode") mode_effects(object) else lapply(posterior, `[[`, type)
  variance <- if (condVar) {
    if (type == "mode") engine_mode_variance(object) else lapply(posterior, `[[`, "var")
  }
  lapply(seq_along(design$groups), function(k) {
    list(value = value[[k]], variance = variance[[k]], group = design$groups[[k]])
  })
}

#' Random effects b = Lambda u at their modes
#' @return A list with a matrix (levels x effects) for each grouping factor.
#' @noRd
mode_effects <- function(fit) {
  Map(function(u, group) {
    u %*% t(fit$Lambda[group$columns, group$columns, drop = FALSE])
  }, by_factor(fit$design, fit$modes), random_factors(fit$design))
}

random_frame <- function(value, variance, group) {
  dimnames(value) <- list(group$levels, group$names)
  effects <- data.frame(value, check.names = FALSE)
  if (!is.null(variance)) {
    dimnames(variance) <- list(group$names, group$names, group$levels)
    attr(effects, "postVar") <- variance
  }
  effects
}

#' @rdname ranef.margmix_glmm
#' @param x The result of `ranef()`.
#' @param rows Clusters to print.
#' @export
print.ranef.margmix_glmm <- function(x, rows = 20L, ...) {
  check_whole(rows, "rows", 1, Inf)
  for (group in names(x)) {
    effects <- x[[group]]
    attr(effects, "postVar") <- NULL
    m <- nrow(effects)
    say("Random effects of ", code(group), ", empirical-Bayes ", attr(x, "type"), ":\n", sep = "")
    print(utils::head(effects, rows), ...)
    if (m > rows) say("... and", m - rows, "more clusters\n")
  }
  invisible(x)
}

#' @rdname ranef.margmix_glmm
#' @param row.names,optional Not used (arguments of the generic).
#' @export
as.data.frame.ranef.margmix_glmm <- function(x, row.names = NULL, optional = FALSE, ...) {
  parts <- lapply(names(x), function(group) {
    effects <- x[[group]]
    m <- nrow(effects)
    names <- colnames(effects)
    levels <- factor(rownames(effects), rownames(effects))
    data.frame(
      grpvar = group, term = factor(rep(names, each = m), names), grp = rep(levels, length(names)),
      condval = unlist(effects, use.names = FALSE), condsd = conditional_sd(effects)
    )
  })
  do.call(rbind, parts)
}

conditional_sd <- function(effects) {
  variance <- attr(effects, "postVar")
  if (is.null(variance)) return(NA_real_)
  as.vector(vapply(seq_along(effects), function(r) sqrt(variance[r, r, ]), numeric(nrow(effects))))
}
