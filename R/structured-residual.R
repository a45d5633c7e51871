# Linear models whose related levels have one row each, beside a residual.

#' Say that a residual variance and the variance of related levels can't be told apart
#'
#' Where each level has one row, a linear model has the covariance sigma^2 K + phi I. It is of full
#' rank at phi = 0, so that the likelihood is finite there and often largest; and where K becomes
#' diagonal, as that of car() at alpha = 0, both parts are independent between rows. At these ends
#' the information is singular, and a search does not converge.
#'
#' @return Was it said?
#' @section Conditions: warning `not_identified`.
#' @noRd
report_twin_of_residual <- function(design, family, estimate) {
  for (k in seq_along(design$groups)) {
    group <- design$groups[[k]]
    if (is.null(group$relation) || !has_residual_of_its_own(group, design, family)) next
    given <- c(
      vanished_residual(design, family, estimate),
      no_relation_left(group$relation, rho_of(design, estimate$rho, k))
    )
    if (!length(given)) next
    warn("not_identified", paste0(
      "The fit has not converged: the data can't tell the residual variance from that of ",
      code(group$label), "."
    ), given = c(paste("one row in each level of", code(group$label)), given), hint = paste(
      "Several rows in each level would tell them apart. With one, keep only one of the two: lm()",
      "has the residual alone."
    ))
    return(TRUE)
  }
  FALSE
}

#' The limit of a residual variance that may be zero
#'
#' A series without an error of measurement, or a trait that evolves along a tree alone, has none.
#' Below 1e-7 of the variance of the response the likelihood is flat, but for rounding.
#'
#' @return See [dispersion_limit()]; `NULL` where levels have several rows: without a residual the
#'   likelihood is zero.
#' @noRd
residual_limit <- function(design, family) {
  if (!is_residual_scale(family) || has_dispersion_formula(design)) return(NULL)
  own <- vapply(design$groups, function(group) {
    !is.null(group$relation) && has_residual_of_its_own(group, design, family)
  }, NA)
  if (!any(own)) return(NULL)
  at <- log(1e-7 * response_variance(design, family, 1)[["of_y"]])
  list(
    at = at, near = at + log(1e4), words = c(residual = "the residual variance is zero"),
    rounding = 1e-8
  )
}

# Parameters, log phi last, where the likelihood has its digits.
above_limit <- function(psi, limit) {
  if (is.null(limit)) psi else replace(psi, length(psi), max(psi[length(psi)], limit$at))
}

vanished_residual <- function(design, family, estimate) {
  total <- response_variance(design, family, estimate$phi)[["of_y"]]
  if (all(estimate$phi < 1e-4 * total)) {
    paste0("residual variance ", signif(max(estimate$phi), 2L), ": the levels have taken it all")
  }
}

# Words if the levels are independent at rho, with a variance for each as residuals have.
no_relation_left <- function(relation, rho) UseMethod("no_relation_left")

#' @export
no_relation_left.default <- function(relation, rho) NULL

#' @export
no_relation_left.margmix_ar1 <- function(relation, rho) {
  if (abs(tanh(rho)) < 0.1) "a correlation next to 0: times are independent, as residuals are"
}

#' @export
no_relation_left.margmix_car <- function(relation, rho) {
  if (stats::plogis(rho) < 1e-4) "alpha next to 0: the areas are independent, as residuals are"
}
