# The same model for another response.

#' Fit the same model to another response
#'
#' The formula is not evaluated again: covariates, clusters, weights, offset and settings stay as
#' they are, and the optimiser starts at the old estimates. This makes [simulate()] and `refit()` a
#' quick parametric bootstrap.
#'
#' @param object A fit.
#' @param newresp The new response, in the form of the old one and in the order of the data (with or
#'   without the rows that `na.action` left out); or a data frame of one such column, such as
#'   [simulate()] returns.
#' @param ... Not used; other arguments are an error.
#' @return A fit like `object`. Its call is that of `object`, its model frame holds the new response.
#' @section Errors: `margmix_error_response` if the new response is not of the form or length of the
#'   old one, or not valid for the family; `margmix_error_missing_values`; and those of [glmm()].
#' @examples
#' fit <- glmm(cbind(r, n - r) ~ seed + (1 | plate), seeds, binomial(), nAGQ = 5)
#' one_more <- transform(seeds, r = pmin(r + 1, n))
#' coef(refit(fit, with(one_more, cbind(r, n - r))))
#' @export
refit <- function(object, newresp, ...) UseMethod("refit")

#' @rdname refit
#' @export
refit.glmm <- function(object, newresp, ...) {
  check_dots(...)
  frame <- object$frame
  frame$frame[[1L]] <- match_response(newresp, frame)
  rows <- attr(frame$frame, "row.names")
  design <- object$design
  response <- family_tools(object$family)$response(
    frame$frame[[1L]], prior_weights(frame$frame), design$weights_type, rows
  )
  for (name in names(response)) design[[name]] <- take_rows(response[[name]], design$order)
  refit_design(object, frame, design)
}

# The new response with the rows of the model frame.
match_response <- function(newresp, frame) {
  if (is.data.frame(newresp) && length(newresp) == 1L) newresp <- newresp[[1L]]
  old <- frame$frame[[1L]]
  columns <- function(y) if (is.matrix(y)) ncol(y) else 1L
  n <- if (is.data.frame(newresp) || is.list(newresp)) 0L else NROW(newresp)
  if (!n %in% c(nrow(frame$frame), frame$n_total) || columns(newresp) != columns(old)) {
    abort("response", "`newresp` must be a response like the old one.",
      given = paste0(
        class(newresp)[1L], " of ", NROW(newresp), " rows; the old one is ", class(old)[1L],
        " of ", nrow(frame$frame), " rows"
      )
    )
  }
  if (n != nrow(frame$frame)) newresp <- take_rows(newresp, -frame$na.action)
  missing <- is.na(if (is.matrix(newresp)) rowSums(newresp) else newresp)
  if (any(missing)) {
    abort("missing_values", "There must be no missing value in `newresp`.",
      given = some_rows(which(missing))
    )
  }
  newresp
}
