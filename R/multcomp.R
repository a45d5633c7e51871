# Methods for package multcomp, registered when it is loaded.

#' @rdname other-packages
#' @param coef. Not used: the coefficients are those of the fit.
#' @exportS3Method multcomp::modelparm
modelparm.margmix_fit <- function(model, coef. = NULL, vcov. = NULL, df = NULL, ...) {
  V <- client_vcov(model, vcov.)
  # its t distributions have whole numbers of degrees of freedom, and 0 for the normal one
  df <- df %||% smallest_df(model, V)
  structure(
    list(
      coef = model$beta, vcov = chosen_vcov(model, V)$vcov,
      df = if (is.finite(df)) max(floor(df), 1) else 0,
      estimable = !aliased_coefficients(model$design)
    ),
    class = "modelparm"
  )
}
