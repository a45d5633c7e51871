# Likelihood ratios of fixed effects with few clusters, by Kenward and Roger's F.

#' How a likelihood ratio is referred to few clusters
#'
#' In a linear model whose variance has nu degrees of freedom of n, the likelihood ratio is
#' n log(1 + q F / nu), and Wald's statistic with the variance of maximum likelihood q F n / nu. The
#' scale s that brings Wald's statistic to Kenward and Roger's F stands for nu / n, so that
#' F = (nu / q) (exp(s LR / nu) - 1). For a treatment of clusters of equal size in a linear mixed
#' model that is exact.
#'
#' @param C q x p: C beta = 0 is the smaller model.
#' @return `NULL` where the default covariance is not theirs; or a list: `scale`, s, and `df`, nu.
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
  df <- reference$df
  F_value <- if (is.finite(df)) df * expm1(reference$scale * statistic / df) / q else
    reference$scale * statistic / q
  list(
    p = stats::pf(F_value, q, df, lower.tail = FALSE),
    reference = paste0(
      "Kenward and Roger's F = ", format(F_value, digits = 4L), " with ", q, " and ",
      format_df(df), " df (chi^2: `df = Inf`)."
    )
  )
}

check_ratio_df <- function(df) {
  if (identical(df, Inf) || identical(df, "default")) return(invisible())
  abort("argument", "`df` of likelihood ratios must be \"default\" or Inf, for chi^2.",
    given = expression_text(df)
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

# What [limit_cutoff()] needs: the ratio of standard errors, and degrees of freedom.
limit_scale <- function(profile, reference) {
  row <- match(profile$row, rownames(reference))
  if (is.na(row) || is.na(reference$std.error[row])) return(data.frame(scale = 1, df = Inf))
  gradient <- profile$quantity$gradient
  model <- sqrt(drop(gradient %*% profile$V %*% gradient))
  data.frame(scale = reference$std.error[row] / model, df = reference$df[row])
}

# How far the root of twice the log-likelihood may fall: where F of [likelihood_reference()] is t^2.
limit_cutoff <- function(scale, level) {
  t <- stats::qt((1 + level) / 2, scale$df)
  scale$scale * if (is.finite(scale$df)) sqrt(scale$df * log1p(t^2 / scale$df)) else t
}
