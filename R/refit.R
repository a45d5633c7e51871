# The same model for another response.

#' Fit the same model to another response
#'
#' @description
#' ```
#' fit <- glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial())
#' refit(fit, simulate(fit, seed = 1))
#' ```
#'
#' The formula is not evaluated again: covariates, clusters, weights, offset and settings stay as
#' they are, and the optimiser starts at the old estimates. With [simulate()], this makes a quick
#' parametric bootstrap.
#'
#' @param object A fit.
#' @param newresp The new response, in the form of the old one and in the order of the data (with or
#'   without the rows that `na.action` left out). For several responses: a data frame of such
#'   columns, as [simulate()] returns, a list, or, if each is a vector, a matrix with a column for
#'   each.
#' @param ... Not used; other arguments are an error.
#' @return A fit like `object`, with the same call; its model frame holds the new response. For
#'   several responses, a data frame with a row for each: coefficients, standard deviations,
#'   `logLik` and `failed` (`NA`, or why there is no fit). These fits start with Newton steps at the
#'   rule of `object`, which take a tenth of the time, and go through all stages of a fit only if
#'   the steps don't end at a maximum.
#' @section Errors: `margmix_error_response` if the new response doesn't have the form or length of
#'   the old one, or isn't valid for the family; `margmix_error_missing_values`; and those of
#'   [glmm()].
#' @section Conditions: note `margmix_note_failed_refits`: some of several responses have no fit.
#' @examples
#' fit <- glmm(cbind(r, n - r) ~ seed + (1 | plate), seeds, binomial(), nAGQ = 5)
#' one_more <- transform(seeds, r = pmin(r + 1, n))
#' coef(refit(fit, with(one_more, cbind(r, n - r))))
#' head(refit(fit, simulate(fit, 20, seed = 1)))
#' @export
refit <- function(object, newresp, ...) UseMethod("refit")

#' @rdname refit
#' @export
#' @rawNamespace S3method(lme4::refit, margmix_glmm)
refit.margmix_glmm <- function(object, newresp, ...) {
  check_dots(...)
  check_in_memory(object$design)
  frame <- object$frame
  several <- several_responses(newresp, frame$frame[[1L]])
  if (!is.null(several)) return(refit_all(object, several))
  record <- condition_record()
  estimate <- withCallingHandlers({
    frame$frame[[1L]] <- match_response(newresp, frame)
    design <- with_response(object, frame)
    fit_design(
      design, object$family, object$nAGQ, object$REML, warm_start(object), object$control
    )
  }, margmix_warning = record$keep, margmix_note = record$keep)
  new_fit(
    "margmix_glmm", estimate, object$call, object$family, frame, design, record$notes(),
    record$warnings()
  )
}

# A zero variance is a stationary point for every response, so no place to start from.
warm_start <- function(object) {
  start <- list(beta = object$beta)
  if (!length(object$boundary)) start$theta <- object$theta
  start$gamma <- object$gamma
  if (has_phi(object$family) && is.null(object$gamma)) start$phi <- object$phi
  start
}

# The new response with the rows of the model frame.
match_response <- function(newresp, frame) {
  if (is.data.frame(newresp) && length(newresp) == 1L) newresp <- newresp[[1L]]
  old <- frame$frame[[1L]]
  n <- nrow(frame$frame)
  fits <- is.atomic(newresp) && NROW(newresp) %in% c(n, frame$n_total) &&
    NCOL(newresp) == NCOL(old)
  if (!fits) {
    abort("response", "`newresp` must be a response like the old one.",
      given = paste0(shape_text(newresp), "; the old one: ", shape_text(old))
    )
  }
  if (NROW(newresp) != n) newresp <- take_rows(newresp, -frame$na.action)
  missing <- is.na(if (is.matrix(newresp)) rowSums(newresp) else newresp)
  if (any(missing)) {
    abort("missing_values", "The variables of the model have missing values in `newresp`.",
      given = some_rows(attr(frame$frame, "row.names")[missing])
    )
  }
  newresp
}

shape_text <- function(y) {
  paste0(
    class(y)[1L], " with ", NROW(y), " rows", if (length(dim(y))) paste(" and", NCOL(y), "columns")
  )
}
