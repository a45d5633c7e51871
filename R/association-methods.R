# A scan, printed; its inflation.

#' Print and plot a scan of variants
#'
#' `print()` shows the variants with the smallest p-values and the inflation factor lambda_GC: the
#' median of the chi-squared statistics divided by that of their null distribution, 1 without
#' inflation. `plot()` and, if package \pkg{ggplot2} is installed, `ggplot2::autoplot()` draw -log10
#' p against its expectation for as many null tests (`"qq"`), or against the position
#' (`"manhattan"`).
#'
#' If few cases carry an allele, a test has few possible values, and the median is one of them:
#' lambda_GC is then below 1 even for an exact test, and says less than the small p-values do.
#'
#' @param x From [association_scan()].
#' @param n How many variants to print.
#' @param type `"qq"` or `"manhattan"`.
#' @param position,chromosome For `"manhattan"`: a number and a chromosome for each variant; by
#'   default those of the table, or the order.
#' @param trait For a scan of several traits, the one to draw.
#' @param ... For `plot()`: passed to [graphics::plot.default()].
#' @return `print()` returns `x` and `plot()` its [plot_data()], both invisibly.
#'   `genomic_inflation()`: lambda_GC.
#' @examples
#' genomic_inflation(runif(1000)) # p-values without association
#' @name scan-methods
#' @export
print.margmix_scan <- function(x, n = 10L, ...) {
  tested <- sum(!is.na(x$p.value))
  say("Association scan: ", count_of(nrow(x), "variant"), ", ", tested, " tested\n", sep = "")
  ratio <- attr(x, "ratio")
  say("Variance of scores: ", if (is.null(ratio)) "exact" else paste(sprintf(
    "by a ratio of %.4f (coefficient of variation %.4f)", ratio, attr(x, "ratio_cv")
  ), collapse = ", "), "\n", sep = "")
  traits <- x$trait %||% rep("", nrow(x))
  lambda <- tapply(x$p.value, factor(traits, unique(traits)), genomic_inflation)
  label <- paste0(names(lambda), ifelse(nzchar(names(lambda)), ": ", ""))
  if (tested > 0L) {
    say("Inflation lambda_GC: ", paste0(label, sprintf("%.3f", lambda), collapse = ", "), "\n",
      sep = ""
    )
  }
  often <- sum(x$frequency > 0.5, na.rm = TRUE)
  if (often > 0L) {
    say("The counted allele is the more frequent one in ", count_of(often, "row"), "\n", sep = "")
  }
  say("Coefficients per allele, conditional on the random effects\n\n")
  shown <- c("variant", "people", "frequency", "estimate", "std.error", "p.value", "method")
  top <- utils::head(order(x$p.value), n)
  print(as.data.frame(x)[top, c(intersect("trait", names(x)), shown)],
    digits = 4L, row.names = FALSE
  )
  invisible(x)
}

#' @rdname scan-methods
#' @param p p-values.
#' @export
genomic_inflation <- function(p) {
  if (!is.numeric(p) && !identical(p, NA) || !isTRUE(all(p >= 0 & p <= 1, na.rm = TRUE))) {
    abort("argument", "`p` must be p-values, numbers from 0 to 1.", given = value_text(p))
  }
  stats::median(stats::qchisq(p, 1, lower.tail = FALSE), na.rm = TRUE) / stats::qchisq(0.5, 1)
}
