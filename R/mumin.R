# Methods for package MuMIn, registered when it is loaded. Its own build formulas of the fixed terms
# alone, and give all coefficients the degrees of freedom of df.residual().

# `random` is what makeArgs() adds to the formula of each model.
#' @exportS3Method MuMIn::getAllTerms
getAllTerms.margmix_glmm <- function(x, ...) {
  out <- getExportedValue("MuMIn", "getAllTerms")(x$frame$parsed$fixed, ...)
  bars <- vapply(random_bars(x$frame$parsed), expression_text, "")
  attr(out, "random.terms") <- bars
  attr(out, "random") <- stats::reformulate(c(".", paste0("(", bars, ")")), ".",
    env = environment(stats::formula(x))
  )
  out
}

#' @exportS3Method MuMIn::makeArgs
makeArgs.margmix_glmm <- function(obj, termNames, opt, ...) {
  out <- NextMethod()
  if (is.null(opt$random)) return(out)
  out$formula <- with_bars(out$formula, random_bars(obj$frame$parsed))
  out
}

#' @exportS3Method MuMIn::coefTable
coefTable.margmix_fit <- function(model, ...) {
  table <- coef_inference(model)$table
  structure(
    cbind(Estimate = table$estimate, `Std. Error` = table$std.error, df = table$df),
    dimnames = list(rownames(table), c("Estimate", "Std. Error", "df")),
    class = c("coefTable", "matrix")
  )
}
