# Methods for package lmtest, registered when it is loaded: its own take one number of degrees of
# freedom from df.residual().

#' @rdname other-packages
#' @param x A fit of [glmm()] or [gee()].
#' @param df Degrees of freedom: `NULL` for those of `summary()`, one of its rules, or numbers
#'   (`Inf` for the normal distribution).
#' @exportS3Method lmtest::coeftest
coeftest.margmix_fit <- function(x, vcov. = NULL, df = NULL, ...) {
  covariance <- chosen_vcov(x, client_vcov(x, vcov.))
  lmtest::coeftest.default(x, covariance$vcov, client_df(x, covariance, df), ...)
}

#' @rdname other-packages
#' @param parm,level As in [stats::confint()].
#' @exportS3Method lmtest::coefci
coefci.margmix_fit <- function(x, parm = NULL, level = 0.95, vcov. = NULL, df = NULL, ...) {
  limits <- stats::confint(x, parm %||% names(x$coefficients), level,
    vcov = client_vcov(x, vcov.), df = df %||% "default", ...
  )
  matrix(limits, nrow(limits), dimnames = dimnames(limits))
}

# Its default is a test without these methods' degrees of freedom, and of likelihood ratios that do
# not know where a variance is tested.
#' @rdname other-packages
#' @exportS3Method lmtest::lrtest
lrtest.margmix_glmm <- function(object, ...) {
  if (!...length()) {
    abort("argument", "lrtest() must be given two fits.", hint = "anova(fit) tests its terms.")
  }
  stats::anova(object, ...)
}

#' @rdname other-packages
#' @exportS3Method lmtest::waldtest
waldtest.margmix_fit <- function(object, ...) {
  refuse_client("waldtest()", "has one number of degrees of freedom for all fits",
    "anova(fit) has the Wald tests of terms, car::linearHypothesis() any other."
  )
}
