# Methods for package gtsummary, registered when it is loaded.

# Rows of coefficients alone, as a standard deviation would stand under the name of a ratio; the
# header says whether the ratios are conditional or marginal.
#' @exportS3Method gtsummary::tbl_regression
tbl_regression.margmix_fit <- function(x, tidy_fun = tidy_coefficients, ...) {
  default <- utils::getS3method("tbl_regression", "default", envir = asNamespace("gtsummary"))
  table <- default(x, tidy_fun = tidy_fun, ...)
  ratio <- ratios_of_fit(x)[1L]
  if (is.null(ratio) || !isTRUE(table$inputs$exponentiate)) return(table)
  heading <- sub("ratios", "ratio", sub(" \\(.*", "", ratio_heading(x, ratio_words(x, ratio))))
  getExportedValue("gtsummary", "modify_header")(table, estimate = paste0("**", heading, "**"))
}

tidy_coefficients <- function(x, ...) tidy(x, effects = "fixed", ...)
