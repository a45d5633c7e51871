# A scan, printed and drawn.

#' Print and plot a scan of variants
#'
#' `print()` shows the variants with the smallest p-values and the inflation factor lambda_GC: the
#' median of the chi-squared statistics over that of their distribution, 1 without inflation.
#' `plot()` draws -log10 p against what is expected of as many null tests (`"qq"`), or against the
#' position (`"manhattan"`).
#'
#' Where few cases carry an allele a test has few values, of which the median is one: lambda_GC is
#' then below 1 even for an exact test, and says less than the small p-values do.
#'
#' @param x From [association_scan()].
#' @param n How many variants to print.
#' @param type `"qq"` or `"manhattan"`.
#' @param position,chromosome For `"manhattan"`: a number and a chromosome for each variant; by
#'   default those of the table, or the order.
#' @param trait Of a scan of several, the one to draw.
#' @param ... Of `plot()`: passed to [graphics::plot.default()].
#' @return `x`, invisibly. `genomic_inflation()`: lambda_GC.
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
  if (often > 0L) say("The counted allele is the more frequent one in", often, "rows\n")
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
  stats::median(stats::qchisq(p, 1, lower.tail = FALSE), na.rm = TRUE) / stats::qchisq(0.5, 1)
}

#' @rdname scan-methods
#' @export
plot.margmix_scan <- function(x, type = c("qq", "manhattan"), position = x$position,
                              chromosome = x$chromosome, trait = NULL, ...) {
  type <- one_of(type, c("qq", "manhattan"), "type")
  force(position)
  force(chromosome)
  if (!is.null(x$trait)) {
    rows <- which(x$trait == one_of(trait %||% x$trait[1L], unique(x$trait), "trait"))
    if (length(position) == nrow(x)) position <- position[rows]
    if (length(chromosome) == nrow(x)) chromosome <- chromosome[rows]
    x <- x[rows, ]
  }
  old <- graphics::par(mar = c(4, 4.5, 1, 1))
  on.exit(graphics::par(old))
  seen <- which(!is.na(x$p.value))
  y <- -log10(pmax(x$p.value[seen], 1e-300))
  if (type == "qq") draw_qq(y, genomic_inflation(x$p.value), ...)
  if (type == "manhattan") draw_manhattan(y, seen, position, chromosome, ...)
  invisible(x)
}

draw_qq <- function(y, lambda, ...) {
  expected <- -log10(stats::ppoints(length(y)))
  graphics::plot(expected, sort(y, decreasing = TRUE),
    xlab = expression(Expected ~ -log[10](p)), ylab = expression(Observed ~ -log[10](p)),
    pch = 20, col = "#0072B2", ...
  )
  graphics::abline(0, 1, col = "grey40")
  graphics::legend("topleft", sprintf("lambda = %.3f", lambda), bty = "n")
}

draw_manhattan <- function(y, seen, position, chromosome, ...) {
  at <- if (is.null(position)) seen else position[seen]
  of <- if (is.null(chromosome)) rep(1L, length(seen)) else chromosome[seen]
  names <- unique(of)
  length_of <- vapply(names, function(name) diff(range(at[of == name])) + 1, 0)
  start <- c(0, cumsum(length_of))[match(of, names)] -
    vapply(names, function(name) min(at[of == name]), 0)[match(of, names)]
  x <- start + at
  graphics::plot(x, y,
    xlab = if (is.null(chromosome)) "Variant" else "Chromosome", ylab = expression(-log[10](p)),
    pch = 20, col = c("#0072B2", "grey45")[match(of, names) %% 2L + 1L],
    xaxt = if (is.null(chromosome)) "s" else "n", ...
  )
  if (!is.null(chromosome)) {
    graphics::axis(1L, tapply(x, match(of, names), mean), names, tick = FALSE)
  }
  graphics::abline(h = -log10(5e-8), lty = 2L, col = "grey40")
}
