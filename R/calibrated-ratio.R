# Likelihood ratios of fixed effects with few clusters, on the scale of Kenward and Roger.

#' How a likelihood ratio is referred to few clusters
#'
#' Near the maximum the statistic is Wald's with the model-based covariance, which is too small with
#' few clusters. What brings Wald's statistic to Kenward and Roger's F brings this one there, too:
#' where the log-likelihood is quadratic both tests agree.
#'
#' @param C q x p: C beta = 0 is the smaller model.
#' @return `NULL` where the default covariance is not theirs; or a list: `scale`, by which the
#'   statistic over q is multiplied, and `df` of the denominator of F.
#' @noRd
likelihood_reference <- function(fit, C) {
  inference <- quietly(wald_inference(fit, "default", "default", list(count = NULL)))
  if (inference$covariance$type != "KR") return(NULL)
  found <- wald_test(list(large = fit, C = C), inference)
  model <- wald_statistic(fit$beta, C, beta_vcov(fit, "model")$vcov) / nrow(C)
  if (!isTRUE(is.finite(found$statistic / model))) return(NULL)
  list(scale = found$statistic / model, df = found$df2)
}

#' The likelihood ratio test of fixed effects with few clusters
#'
#' @param X Columns of the smaller and the larger model.
#' @param r Parameters that the smaller one leaves out.
#' @return A list, `p` and `reference` (words), or `NULL` where chi^2 will do.
#' @noRd
calibrated_test <- function(large, X, statistic, r) {
  q <- ncol(X[[2L]]) - ncol(X[[1L]])
  if (isTRUE(large$REML) || q != r || ncol(X[[2L]]) != length(large$beta)) return(NULL)
  reference <- likelihood_reference(large, left_out(X[[1L]], X[[2L]])$C)
  if (is.null(reference)) return(NULL)
  list(
    p = stats::pf(reference$scale * statistic / q, q, reference$df, lower.tail = FALSE),
    reference = paste0(
      "F = ", format(reference$scale, digits = 3L, nsmall = 2L), " Chisq",
      if (q > 1L) paste0(" / ", q), " with ", q, " and ", format_df(reference$df),
      " df, the scale of Kenward and Roger (chi^2: `df = Inf`)."
    )
  )
}

#' Profile limits of coefficients with few clusters
#'
#' Kenward and Roger's standard errors and degrees of freedom, in the place of the model's and the
#' normal distribution.
#'
#' @param df `"default"` or `Inf`.
#' @return `NULL`, or a data frame by coefficient: `std.error`, `df`.
#' @noRd
profile_reference <- function(fit, df) {
  if (identical(df, Inf) || !length(fit$beta)) return(NULL)
  inference <- quietly(coef_inference(fit))
  if (inference$type == "KR") inference$table[c("std.error", "df")]
}

# How far the root of twice the log-likelihood may fall: `scale` times the quantile of t with `df`.
limit_scale <- function(profile, reference) {
  row <- match(profile$row, rownames(reference))
  if (is.na(row) || is.na(reference$std.error[row])) return(data.frame(scale = 1, df = Inf))
  gradient <- profile$quantity$gradient
  model <- sqrt(drop(gradient %*% profile$V %*% gradient))
  data.frame(scale = reference$std.error[row] / model, df = reference$df[row])
}

limit_cutoff <- function(scale, level) scale$scale * stats::qt((1 + level) / 2, scale$df)
