# What a picture draws, as a data frame: plot() and autoplot() have nothing else to go by.

#' The numbers of a picture
#'
#' @description
#' ```
#' fit <- glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial())
#' drawn <- plot_data(odds_ratios(fit))
#' drawn
#' plot(drawn)
#' ```
#'
#' Everything that has a `plot()` method here has its numbers in `plot_data()`. Both `plot()` (base
#' graphics) and, if package \pkg{ggplot2} is installed, `ggplot2::autoplot()` draw this data frame,
#' which you can change and draw again.
#'
#' @details
#' \describe{
#'   \item{[odds_ratios()], [rate_ratios()], [risk_ratios()]}{A forest plot on a logarithmic axis
#'     with the numbers beside it: `panel`, `label`, `estimate`, `conf.low`, `conf.high`, `none`
#'     (the value that means no effect), `log` (is the axis logarithmic?), `text` (the numbers
#'     beside it).}
#'   \item{[marginal_standardization()]}{The same, with a panel for the means and one for each
#'     contrast.}
#'   \item{[diagnose_endogeneity()]}{The same: effects within and between clusters.}
#'   \item{[compare_effects()]}{Means along a covariate: `curve`, `cluster`, `x`, `label` (of a
#'     factor), `estimate`, `conf.low`, `conf.high`.}
#'   \item{[ranef()]}{A caterpillar plot: `panel`, `level`, `order`, `estimate`, `conf.low`,
#'     `conf.high`.}
#'   \item{[rank_clusters()]}{A caterpillar plot by expected rank: the columns of the table, and
#'     `end` (belongs to the lowest or the highest with probability above one half).}
#'   \item{[glmm()]}{Shrinkage of cluster means: the columns of [plot_shrinkage()].}
#'   \item{[diagnose_integration()], [diagnose_convergence()]}{Log-likelihood by number of nodes or
#'     draws; eigenvalues of the scaled information: `x`, `label`, `estimate`, `conf.low`,
#'     `conf.high`.}
#'   \item{[diagnose_distribution()]}{The same columns: the gradient function and its band.}
#'   \item{[profile()][profile.margmix_glmm]}{zeta by value: `panel`, `x`, `estimate`, and
#'     `straight`, as Wald intervals have it.}
#'   \item{[smooth_terms()]}{Curves with bands, a panel for each: the columns of `curves`.}
#'   \item{[diagnose_overdispersion()]}{A histogram: `statistic` (simulated), `observed`.}
#'   \item{[association_scan()]}{-log10 p of variants: `variant`, `panel` (of chromosomes, in their
#'     order), `x` (the expected value, or the position), `estimate`.}
#' }
#'
#' Colours are those of Okabe and Ito (2008), which people with a colour vision deficiency can tell
#' apart; lines also differ in type and points in shape.
#'
#' @param x A fit or a result from the list below.
#' @param ... Arguments that choose what is drawn: those of the `plot()` method. `autoplot()` takes
#'   no others: add layers to what it returns.
#' @return `plot_data()`: a data frame of class `margmix_plot_data` with the columns above. `plot()`
#'   returns it, invisibly; `autoplot()` returns a ggplot.
#' @section Errors: `margmix_error_argument`: there is no picture of `x`, or `x` has lost what says
#'   how to draw it.
#' @references
#' Okabe, M. and Ito, K. (2008). *Color universal design: how to make figures and presentations that
#' are friendly to colorblind people*. <https://jfly.uni-koeln.de/color/>
#' @examples
#' fit <- glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial())
#' plot_data(rank_clusters(fit))
#' plot(odds_ratios(fit))
#' if (requireNamespace("ggplot2", quietly = TRUE)) ggplot2::autoplot(odds_ratios(fit))
#' @export
plot_data <- function(x, ...) UseMethod("plot_data")

#' @export
plot_data.default <- function(x, ...) {
  abort("argument", "`x` must be a fit or a result that plot() draws.",
    given = paste("an object of class", class(x)[1L])
  )
}

#' @export
plot_data.margmix_plot_data <- function(x, ...) x

#' @export
plot_data.margmix_gee <- function(x, ...) refuse_gee_picture()

refuse_gee_picture <- function() {
  abort("argument", "There is no single picture of a marginal model.",
    hint = paste(
      "Plot odds_ratios(), marginal_standardization(), compare_effects() with a fit of glmm(),",
      "or cooks.distance()."
    )
  )
}

#' A data frame to draw
#'
#' @param kind "forest", "curves", "caterpillar", "shrinkage", "ranks", "points",
#'   "histogram" or "scan", of the class `margmix_<kind>_picture`.
#' @param ... Titles and labels: `main`, `xlab`, `ylab` and others that the kind needs.
#' @noRd
picture <- function(kind, data, ...) {
  rownames(data) <- NULL
  structure(data,
    words = list(...),
    class = c(paste0("margmix_", kind, "_picture"), "margmix_plot_data", "data.frame")
  )
}

# Its titles and labels, those in `given` instead where they are not NULL.
picture_words <- function(x, given = list()) {
  words <- attr(x, "words")
  if (is.null(words)) {
    abort("argument", "`x` must be what plot_data() returned, with all its columns.",
      hint = "Rows may be left out and values changed: x <- x[rows, ]."
    )
  }
  do.call(check_labels, given)
  given <- given[!vapply(given, is.null, NA)]
  words[names(given)] <- given
  words
}

#' @export
`[.margmix_plot_data` <- function(x, ...) {
  out <- NextMethod()
  if (is.data.frame(out) && identical(names(out), names(x))) {
    attr(out, "words") <- attr(x, "words")
  } else if (is.data.frame(out)) {
    class(out) <- "data.frame"
  }
  out
}

#' @export
print.margmix_plot_data <- function(x, ...) {
  class(x) <- "data.frame"
  print(x, ...)
}

#' @export
as.data.frame.margmix_plot_data <- function(x, ...) {
  attr(x, "words") <- NULL
  structure(x, class = "data.frame")
}

# Style -------------------------------------------------------------------------------------------

# Okabe and Ito's colours.
ink <- c(
  black = "#000000", blue = "#0072B2", vermilion = "#D55E00", green = "#009E73", grey = "grey60"
)

#' A legend inside the picture, above the data
#'
#' As many columns as fit beside each other, in smaller letters if not even one does.
#' @return A list: `words`, `columns`, `cex` and `share` of the height that it takes.
#' @noRd
legend_plan <- function(words) {
  room <- graphics::par("pin")
  for (cex in c(0.85, 0.75, 0.65, 0.55)) {
    columns <- floor(room[1L] / (text_inches(words, cex) + 0.55 * cex))
    if (columns >= 2) break
  }
  columns <- max(1, min(columns, length(words)))
  if (columns < length(words)) columns <- ceiling(length(words) / ceiling(length(words) / columns))
  lines <- ceiling(length(words) / columns) + 0.8
  list(
    words = words, columns = columns, cex = cex,
    share = min(0.5, lines * 0.9 * cex * graphics::par("cin")[2L] / room[2L])
  )
}

# Limits of the axis with room for it.
with_headroom <- function(limits, plan) limits + c(0, plan$share / (1 - plan$share) * diff(limits))

# Ticks where there are data, not beside the legend.
inner_ticks <- function(limits) {
  ticks <- pretty(limits)
  ticks[ticks >= limits[1L] - 0.02 * diff(limits) & ticks <= limits[2L] + 0.02 * diff(limits)]
}

inner_legend <- function(plan, ...) {
  graphics::legend("top", plan$words,
    bty = "n", cex = plan$cex, ncol = plan$columns,
    text.width = max(text_width(plan$words, plan$cex)) + graphics::strwidth("m", cex = plan$cex),
    ...
  )
}

# Room for text: knitr measures letters of one device and draws with those of another, which are up
# to 12% wider.
text_width <- function(labels, cex, ...) 1.15 * graphics::strwidth(labels, cex = cex, ...)

# Width of labels before there is a plot, for which strwidth() waits: half their height by letter.
text_inches <- function(labels, cex) {
  0.5 * graphics::par("cin")[2L] * cex * max(nchar(labels, "width"), 0L)
}

#' Letters of titles and labels small enough for the figure
#'
#' @param words With `main`, `xlab` and `ylab`.
#' @return A list of arguments of plot().
#' @noRd
fitting_titles <- function(words) {
  size <- graphics::par("fin")
  fit <- function(text, largest, room) {
    if (!length(text)) return(largest)
    max(0.5, min(largest, largest * 0.95 * room / text_inches(text, largest)))
  }
  labels <- min(fit(words$xlab, 1, size[1L]), fit(words$ylab, 1, size[2L]))
  list(
    xlab = words$xlab, ylab = words$ylab, main = words$main, cex.lab = labels,
    cex.main = fit(words$main, 1.2, 0.75 * size[1L]) # bold letters are wider
  )
}

# An empty plot() with them; what is in `...` goes first.
titled_plot <- function(x, y, words, ...) {
  given <- list(...)
  titles <- fitting_titles(words)
  do.call(graphics::plot, c(
    list(x, y, type = "n"), titles[setdiff(names(titles), names(given))], given
  ))
}

# The same with room for a legend above the data.
legend_plot <- function(x, shown, words, plan, ...) {
  titled_plot(range(x), shown, words, ylim = with_headroom(shown, plan), yaxt = "n", ...)
  graphics::axis(2L, inner_ticks(shown), las = 1L)
}
