# The object that glmm() and gee() return, and how it prints.

#' The fit object
#'
#' @param class Its first class; the second is `margmix_fit`.
#' @param estimate From [fit_design()] or [fit_gee_design()].
#' @return The fields that all fits have, around those of `estimate`; see [component()].
#' @noRd
new_fit <- function(class, estimate, call, family, frame, design, notes, warnings) {
  coefficients <- stats::setNames(rep(NA_real_, length(design$aliased)), names(design$aliased))
  coefficients[!design$aliased] <- estimate$beta
  if (inherits(call$formula, "formula")) {
    environment(call$formula) <- environment(frame$parsed$formula)
  }
  structure(c(
    list(
      call = call, formula = frame$parsed$formula, parsed = frame$parsed,
      family = without_promises(family),
      coefficients = coefficients
    ),
    estimate,
    list(
      design = compact_rows(design), frame = frame, notes = notes, warnings = warnings,
      na.action = frame$na.action, contrasts = design$contrasts, xlevels = design$xlevels,
      memory = new.env(parent = emptyenv())
    )
  ), class = c(class, "margmix_fit"))
}

# The end of a printed fit: coefficients, rows and clusters, what the reader should know.
print_estimates <- function(x, heading, none, digits) {
  cat("\n", heading, ":\n", sep = "")
  if (length(x$coefficients)) {
    print(format(x$coefficients, digits = digits), quote = FALSE)
  } else {
    cat("(", none, ")\n", sep = "")
  }
  cat("\n", size_words(x), "\n", sep = "")
  print_remarks(fit_remarks(x))
  invisible(x)
}
