# Intervals of a bootstrap.

#' @rdname bootstrap
#' @param object,x A result of `bootstrap()`.
#' @param parm Names or numbers of the rows; by default all.
#' @param level Confidence level.
#' @param method `"percentile"`, `"bca"` or `"studentized"`.
#' @export
confint.margmix_bootstrap <- function(object, parm, level = 0.95,
                                      method = c("percentile", "bca", "studentized"), ...) {
  check_dots(..., known = names(formals(confint.margmix_bootstrap)))
  check_level(level)
  method <- one_of(method, c("percentile", "bca", "studentized"), "method")
  names <- names(object$estimate)
  rows <- if (missing(parm)) names else chosen_rows(parm, names, names)
  limits <- t(vapply(match(rows, names), function(j) {
    switch(method,
      percentile = percentile_limits(object, j, level), bca = bca_limits(object, j, level),
      studentized = studentized_limits(object, j, level)
    )
  }, numeric(2L)))
  dimnames(limits) <- list(rows, limit_names(level))
  structure(limits,
    heading = bootstrap_words(object, paste(format_level(level), method, "intervals,")),
    class = c("margmix_confint", "matrix", "array")
  )
}

# The quantiles k = (B + 1) p of the ordered replicates, between them on the normal scale.
ordered_quantile <- function(t, p) {
  t <- sort(t)
  B <- length(t)
  k <- pmin(pmax((B + 1) * p, 1), B)
  low <- floor(k)
  high <- pmin(low + 1, B)
  z <- function(k) stats::qnorm(k / (B + 1))
  share <- ifelse(high > low, (stats::qnorm(p) - z(low)) / (z(high) - z(low)), 0)
  t[low] + pmin(pmax(share, 0), 1) * (t[high] - t[low])
}

tails <- function(level) (1 + c(-1, 1) * level) / 2

usable <- function(x) x[is.finite(x)]

percentile_limits <- function(object, j, level) {
  ordered_quantile(usable(object$replicates[, j]), tails(level))
}

# z0 from the share of replicates below the estimate, ties counted half.
bca_limits <- function(object, j, level) {
  t <- usable(object$replicates[, j])
  at <- object$estimate[[j]]
  a <- object$acceleration[j]
  z0 <- stats::qnorm((sum(t < at) + sum(t == at) / 2) / length(t))
  z <- stats::qnorm(tails(level))
  p <- stats::pnorm(z0 + (z0 + z) / (1 - a * (z0 + z)))
  if (anyNA(p)) return(c(NA_real_, NA_real_))
  ordered_quantile(t, p)
}

studentized_limits <- function(object, j, level) {
  if (j > length(object$se)) return(c(NA_real_, NA_real_))
  t <- usable((object$replicates[, j] - object$estimate[[j]]) / object$replicate_se[, j])
  object$estimate[[j]] - rev(ordered_quantile(t, tails(level))) * object$se[j]
}

#' Acceleration of each quantity: a sixth of the skewness of the clusters' influence
#' @return Numbers, `NA` where there are no independent clusters.
#' @noRd
acceleration <- function(fit) {
  influence <- quantity_influence(fit)
  if (is.null(influence)) return(rep(NA_real_, length(bootstrap_origin(fit)$estimate)))
  colSums(influence^3) / (6 * colSums(influence^2)^1.5)
}

quantity_influence <- function(fit) UseMethod("quantity_influence")

#' @export
quantity_influence.margmix_gee <- function(fit) {
  pieces <- cluster_pieces(fit)
  pieces$scores %*% beta_vcov(fit, "model")$vcov
}

#' @export
quantity_influence.margmix_glmm <- function(fit) {
  if (!supports(fit$design, "clusters")) return(NULL)
  V <- fit$vcov_full
  V[is.na(V)] <- 0
  gradients <- vapply(profile_quantities(fit), function(q) as.numeric(q$gradient), fit_psi(fit))
  engine_scores(fit)$scores %*% V %*% gradients
}

bootstrap_words <- function(object, first) {
  failed <- sum(object$failed)
  c(
    paste(first, switch(object$type,
      parametric = "responses drawn from the model", cluster = "clusters drawn with replacement"
    )),
    paste0(
      count_of(length(object$seeds), "replicate"),
      if (failed > 0L) paste0(", ", failed, " without fit"), "; ", object$size
    ),
    object$heading
  )
}

#' @rdname bootstrap
#' @param digits Significant digits.
#' @export
print.margmix_bootstrap <- function(x, digits = max(3L, getOption("digits") - 3L), ...) {
  digits <- known_digits(digits)
  say(bootstrap_words(x, "Bootstrap,"), sep = "\n")
  for (why in names(x$failed)) say("  ", x$failed[[why]], " without fit: ", why, "\n", sep = "")
  t <- x$replicates
  print(cbind(
    Estimate = x$estimate, Bias = colMeans(t, na.rm = TRUE) - x$estimate,
    SE = apply(t, 2L, stats::sd, na.rm = TRUE), percentile_table(x)
  ), digits = digits)
  invisible(x)
}

percentile_table <- function(x) {
  out <- unclass(confint.margmix_bootstrap(x))
  attr(out, "heading") <- NULL
  out
}
