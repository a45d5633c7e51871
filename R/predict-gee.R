# Predictions, fitted values and residuals of marginal models.

#' Predictions of a marginal model
#'
#' @description
#' ```
#' fit <- gee(outcome ~ treat + visit, respiratory, id = patient, family = binomial())
#' predict(fit, data.frame(treat = c("P", "A"), visit = 1), type = "response", se.fit = TRUE)
#' ```
#'
#' Predicts the population mean at the covariates of a row, whatever its cluster.
#'
#' @param object A fit of [gee()].
#' @param newdata A data frame with the covariates and offsets of the model. `NULL`: the rows of
#'   the fit.
#' @param type `"link"`, the linear predictor, or `"response"`, the mean (for a binomial family: the
#'   probability).
#' @param se.fit `TRUE` for standard errors, on the response scale by the delta method.
#' @param vcov Covariance matrix of the coefficients: a type of [vcov.margmix_gee()], or a matrix.
#' @param interval `"confidence"` for t limits, computed on the scale of the predictor with the
#'   smallest degrees of freedom of the coefficients.
#' @param level Level of the limits.
#' @param na.action What to do with rows of `newdata` that have missing values; by default their
#'   prediction is `NA`.
#' @param ... Not used; other arguments are an error.
#' @return A vector with a value for each row, in the order of the data, or, with `se.fit = TRUE`, a
#'   list of two such vectors, `fit` and `se.fit`. With `interval`, a matrix with the columns `fit`,
#'   `lwr` and `upr` replaces the vector of predictions. If the fit was made with `na.action =
#'   na.exclude`, rows that were left out are `NA`.
#' @section Conditions: errors `margmix_error_newdata`, `margmix_error_new_factor_level`,
#'   `margmix_error_offset`: `newdata` doesn't fit the model. Warning `margmix_warning_by_row`: a
#'   variable such as `I(x - mean(x))`, whose value in a row depends on all rows, is recomputed from
#'   `newdata`.
#' @examples
#' fit <- gee(outcome ~ treat + visit, respiratory, ~center:id, family = binomial(), corstr = "ex")
#' predict(fit, data.frame(treat = c("P", "A"), visit = 1), type = "response", se.fit = TRUE)
#' @export
predict.margmix_gee <- function(object, newdata = NULL, type = c("link", "response"),
                                se.fit = FALSE, vcov = "KC", na.action = stats::na.pass,
                                interval = c("none", "confidence"), level = 0.95, ...) {
  check_dots(..., known = names(formals(predict.margmix_gee)))
  type <- one_of(type, c("link", "response"), "type")
  check_switch(se.fit, "se.fit")
  check_level(level)
  limits <- one_of(interval, c("none", "confidence"), "interval") != "none"
  rows <- marginal_rows(object, newdata, na.action)
  eta <- fixed_predictor(object, rows)
  variance <- if (se.fit || limits) {
    V <- chosen_vcov(object, vcov)$vcov
    quadratic_rows(length(eta), V, function(take) rows$X[take, , drop = FALSE])
  }
  predicted <- on_scale(eta, variance, type, object$family)
  restore <- function(x) name_rows(x, rows, object)
  out <- list(
    fit = restore(predicted$fit), se.fit = if (se.fit) restore(sqrt(predicted$variance))
  )
  if (limits) {
    link <- list(fit = restore(eta), se.fit = restore(sqrt(variance)))
    out$fit <- prediction_limits(object, link, out$fit, type, level)
  }
  if (se.fit) out else out$fit
}

# As fitted_rows() and new_rows() for mixed models.
marginal_rows <- function(object, newdata, na.action) {
  if (is.null(newdata)) {
    rows <- list(X = design_X(object$design), offset = row_offset(object$design))
    rows$labels <- attr(object$frame$frame, "row.names")
    rows$na.action <- object$frame$na.action
    return(c(rows, list(sorted = TRUE)))
  }
  newdata <- as_newdata(newdata)
  rows <- design_newdata(object, newdata, FALSE, na.action)
  labels <- attr(newdata, "row.names")
  rows$labels <- if (length(rows$na.action)) labels[-rows$na.action] else labels
  c(rows, list(sorted = FALSE))
}

#' Fitted values and residuals of a marginal model
#'
#' @description
#' ```
#' fit <- gee(outcome ~ treat + visit, respiratory, id = patient, family = binomial())
#' residuals(fit, "pearson")
#' ```
#'
#' @details
#' Here y is the response (for a binomial family the proportion), mu its mean, V the variance
#' function, and w the prior weight times the number of trials:
#'
#' * `"pearson"`: (y - mu) sqrt(w / V(mu)), as in the moment estimates; not divided by the scale;
#' * `"response"`: y - mu;
#' * `"working"`: (y - mu) / (d mu / d eta);
#' * `"deviance"`: sign(y - mu) sqrt(d), with d the contribution of the row to the deviance of the
#'   family under independence.
#'
#' @param object A fit of [gee()].
#' @param type See details.
#' @param ... Not used; other arguments are an error.
#' @return A vector in the order of the data. With `na.action = na.exclude`, rows that were left out
#'   are `NA`.
#' @examples
#' fit <- gee(outcome ~ treat + visit, respiratory, ~center:id, family = binomial(), corstr = "ex")
#' mean(residuals(fit, "pearson")^2)
#' @export
residuals.margmix_gee <- function(object, type = c("pearson", "response", "working", "deviance"),
                                  ...) {
  check_dots(..., known = names(formals(residuals.margmix_gee)))
  type <- one_of(type, c("pearson", "response", "working", "deviance"), "type")
  rows <- marginal_rows(object, NULL, NULL)
  design <- object$design
  family <- object$family
  eta <- fixed_predictor(object, rows)
  mu <- family$linkinv(eta)
  y <- mean_response(design)
  residual <- switch(type,
    response = y - mu,
    pearson = (y - mu) * sqrt(row_weights(design) * row_trials(design) / family$variance(mu)),
    working = (y - mu) / family$mu.eta(eta),
    deviance = {
      deviance <- family_tools(family)$deviance
      d <- deviance(row_response(design), mu, row_trials(design), row_weights(design))
      sign(y - mu) * sqrt(pmax(d, 0))
    }
  )
  name_rows(residual, rows, object)
}

#' @rdname residuals.margmix_gee
#' @export
fitted.margmix_gee <- function(object, ...) {
  check_dots(...)
  stats::predict(object, type = "response")
}
