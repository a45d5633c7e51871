# Estimates of the scale and the working correlation with their standard errors.

#' Scale and working correlation of a marginal model
#'
#' @description
#' ```
#' association(fit)
#' ```
#'
#' @details
#' Standard errors are those of a one-step jackknife of clusters: the estimates without cluster i
#' are what the moment equations give without its residuals, at coefficients one step from those
#' of the fit; the variance is (K - 1) / K times the sum of squares of the changes. They are robust
#' to the distribution of the responses and count the estimation of the coefficients. Intervals take
#' the normal distribution and are rough when clusters are few. Estimates that are fixed, or at the
#' bound 0, have no standard error.
#'
#' @param fit A fit of [gee()].
#' @param level Confidence level.
#' @param x The result.
#' @param digits Significant digits to print.
#' @param ... Not used.
#' @return A data frame of class `margmix_association`: rows `phi` and the parameters of the working
#'   correlation; columns `estimate`, `std.error`, `conf.low`, `conf.high`.
#' @section Errors: `margmix_error_argument`: not a fit of [gee()], or one with weights over a schedule of
#'   visits.
#' @examples
#' fit <- gee(resp ~ age + smoke, ohio, id = id, family = binomial(), corstr = "exchangeable")
#' association(fit)
#' @export
association <- function(fit, level = 0.95) {
  if (!inherits(fit, "margmix_gee")) {
    abort("argument", "`fit` must be a fit of gee().", given = class(fit)[1L])
  }
  check_level(level)
  if (!is.null(fit$schedule)) {
    abort("argument", "The correlation was estimated without the weights.",
      hint = "Fit without `ipw` to see it with standard errors."
    )
  }
  se <- association_se(fit)
  estimate <- c(phi = fit$phi, fit$alpha)
  half <- stats::qnorm((1 + level) / 2) * se
  structure(
    data.frame(
      estimate, std.error = se, conf.low = estimate - half, conf.high = estimate + half,
      row.names = make.unique(names(estimate))
    ),
    class = c("margmix_association", "data.frame"),
    heading = c(
      paste("Scale and working correlation:", fit$correlation$label),
      paste0(
        "SE: one-step jackknife, ", length(fit$design$levels), " clusters; ",
        format_level(level), " normal limits"
      )
    )
  )
}

# 1 + q numbers.
association_se <- function(fit) {
  pieces <- cluster_pieces(fit)
  dfbeta <- engine_influence(pieces)$dfbeta
  step <- 1e-3 * sqrt(diag(beta_vcov(fit, "model")$vcov))
  change <- engine_gee_association(fit, dfbeta, unname(step))
  K <- nrow(change)
  se <- sqrt((K - 1) / K * colSums(change^2))
  fixed <- c(!is.null(fit$scale), names(fit$alpha) %in% fit$boundary)
  se[fixed] <- NA
  unname(se)
}

#' @rdname association
#' @export
print.margmix_association <- function(x, digits = 4L, ...) {
  cat(attr(x, "heading"), "", sep = "\n")
  print(format(as.data.frame(unclass(x), row.names = rownames(x)), digits = digits))
  invisible(x)
}
