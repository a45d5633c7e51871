# Forest plots: estimates with limits, labels at the left and numbers at the right.

#' @rdname odds_ratios
#' @details `plot()` draws a forest plot on a logarithmic axis with the numbers beside it; intervals
#'   that leave the axis end in an arrow.
#' @param xlab,main Label of the axis, title.
#' @export
plot.margmix_ratios <- function(x, xlab = NULL, main = NULL, ...) {
  plot(plot_data(x), xlab = xlab, main = main, ...)
}

#' @rdname plot_data
#' @export
plot_data.margmix_ratios <- function(x, ...) {
  check_dots(...)
  heading <- attr(x, "heading")
  if (is.null(heading)) {
    abort("argument", "`x` must be what odds_ratios() or its relatives returned, with all columns.")
  }
  forest_picture(x$term, x$estimate, x$conf.low, x$conf.high,
    panel = sub(" \\(.*", "", heading[1L]), none = 1, log = TRUE,
    level = attr(x, "level")
  )
}

#' The data of a forest plot
#'
#' @param panel,none,log By row or for all of them: title of its panel, value that means no effect
#'   (`NA`: none), is the axis logarithmic?
#' @noRd
forest_picture <- function(label, estimate, low, high, panel, none, log, level) {
  numbers <- forest_numbers(cbind(estimate, low, high), panel, log)
  text <- paste0(numbers[, 1L], " (", numbers[, 2L], " to ", numbers[, 3L], ")")
  text[is.na(estimate)] <- "not estimated"
  picture("forest",
    data.frame(
      panel = panel, label = label, estimate = estimate, conf.low = low, conf.high = high,
      none = none, log = log, text = text
    ),
    xlab = NULL, main = NULL, numbers = paste0("Estimate (", format_level(level), " limits)")
  )
}

#' Numbers of a forest as text
#'
#' Where an interval says no more, neither do the digits: two of the shorter arm of the interval.
#' @param x Matrix: estimate and its limits, by row.
#' @noRd
forest_numbers <- function(x, panel, log) {
  log <- rep(log, length.out = nrow(x))
  decimals <- rep(forest_decimals(x, panel, log), 3L)
  x <- c(x)
  # of a ratio something must be left; a difference may well be 0.00
  plain <- is.finite(x) & abs(x) < 1e7 &
    (x == 0 | abs(x) >= 0.5 * 10^-decimals | (!log & decimals < 6))
  shown <- format_ratio(x, 3L)
  for (k in which(plain)) {
    rounded <- round(x[k], decimals[k]) + 0
    shown[k] <- formatC(rounded, digits = decimals[k], format = "f", big.mark = ",")
  }
  matrix(shown, ncol = 3L)
}

# Those of a panel agree, but for rows that need more by at least two decimals.
forest_decimals <- function(x, panel, log) {
  digits <- function(v, n) n - 1 - floor(log10(ifelse(is.finite(v) & v > 0, v, NA)))
  need <- digits(pmin(x[, 1L] - x[, 2L], x[, 3L] - x[, 1L], na.rm = TRUE), 2)
  need <- ifelse(is.na(need), digits(abs(x[, 1L]), 3), need)
  need <- ifelse(log, pmax(need, pmin(digits(x[, 2L], 2), 2), na.rm = TRUE), need)
  need <- pmin(pmax(need, 0), 6)
  together <- function(v) {
    if (all(is.na(v))) return(rep(2, length(v)))
    least <- max(v[v <= min(v, na.rm = TRUE) + 1], na.rm = TRUE)
    pmax(v, least, na.rm = TRUE)
  }
  stats::ave(need, rep(panel, length.out = length(need)), FUN = together)
}

#' Ends and ticks of the axis of a panel
#'
#' An interval may reach 30 times (or 20 standard widths) further than the estimates; beyond that
#' it is cut, so that one of them does not press the others into a point.
#'
#' @param part Rows of the panel.
#' @return A list: `limits` (on the scale of the numbers), `ticks`, `log`.
#' @noRd
forest_axis <- function(part) {
  log <- part$log[1L] && all(part$estimate > 0, na.rm = TRUE)
  to <- if (log) base::log else identity
  finite <- function(v) v[is.finite(v)]
  centre <- finite(to(c(part$estimate, part$none)))
  ends <- finite(to(c(part$conf.low, part$conf.high)))
  if (!length(centre)) centre <- 0
  reach <- range(centre, ends)
  if (log) reach <- c(max(reach[1L], min(centre) - log(30)), min(reach[2L], max(centre) + log(30)))
  if (diff(reach) <= 0) reach <- reach + c(-1, 1) * max(abs(reach), 1) / 10
  reach <- reach + c(-0.03, 0.03) * diff(reach)
  ticks <- if (log) {
    grDevices::axisTicks(reach / base::log(10), log = TRUE, nint = 4L)
  } else {
    pretty(reach, 4L)
  }
  list(
    limits = if (log) exp(reach) else reach, log = log,
    ticks = ticks[to(ticks) >= reach[1L] & to(ticks) <= reach[2L]]
  )
}

# Drawing -----------------------------------------------------------------------------------------

#' @rdname plot_data
#' @param xlab,main For forest plots: label below the lowest axis, and title.
#' @export
plot.margmix_forest_picture <- function(x, xlab = NULL, main = NULL, ...) {
  check_dots(..., known = names(formals(plot.margmix_forest_picture)))
  words <- picture_words(x, list(xlab = xlab, main = main))
  old <- graphics::par(mai = rep(0.08, 4L), xpd = NA)
  on.exit(graphics::par(old))
  graphics::plot.new()
  size <- graphics::par("pin")
  graphics::plot.window(c(0, size[1L]), c(0, size[2L]), xaxs = "i", yaxs = "i")
  shape <- forest_shape(x, words, size)
  top <- shape$top
  if (!is.null(words$main)) {
    graphics::text(0, top - shape$line, words$main,
      adj = c(0, 0.5), font = 2L, cex = shape$cex * 1.1
    )
    top <- top - 2 * shape$line
  }
  for (part in split(x, factor(x$panel, unique(x$panel)))) {
    top <- draw_forest_panel(part, shape, top, words$numbers)
  }
  if (!is.null(words$xlab)) {
    graphics::text(mean(shape$plot), top, words$xlab, adj = c(0.5, 0.5), cex = shape$cex)
  }
  invisible(x)
}

#' Sizes that fit the device, in inches
#'
#' Text gets smaller, down to half its size, until everything fits; then the numbers at the right
#' are left out.
#' @return A list: `cex`; `line`, the height of a line; `row`, of a row; `top`, where the first
#'   line begins; `plot`, left and right end of the axes; `numbers`, the right end of the numbers or
#'   `NULL`.
#' @noRd
forest_shape <- function(x, words, size) {
  width <- function(text, font = 1L) {
    max(0, text_width(text, 1, units = "inches", font = font))
  }
  label <- max(width(x$label), 0.1)
  numbers <- max(width(x$text), width(words$numbers, 2L))
  title <- max(width(unique(x$panel), 2L) - label - 1, 0)
  panels <- length(unique(x$panel))
  line <- 1.35 * graphics::strheight("M", units = "inches", cex = 1) + 0.05
  lines <- 1.25 * nrow(x) + 3.1 * panels + 2 * !is.null(words$main) + 1.2 * !is.null(words$xlab)
  for (with_numbers in c(TRUE, FALSE)) {
    text <- label + title + with_numbers * numbers
    cex <- min(1, size[2L] / (lines * line), (size[1L] - 1.3) / text)
    if (cex >= 0.5) break
  }
  cex <- max(cex, 0.4)
  spare <- max(0, size[2L] / (cex * line) - lines)
  wider <- min(1, spare / nrow(x))
  left <- min(label * cex, size[1L] * 0.6) + 0.2
  list(
    cex = cex, line = cex * line, row = cex * line * (1.25 + wider),
    top = size[2L] - cex * line * (spare - wider * nrow(x)) / 2,
    plot = c(left, size[1L] - 0.05 - with_numbers * (numbers * cex + 0.15)),
    numbers = if (with_numbers) size[1L]
  )
}

# Returns the height where the panel ends.
draw_forest_panel <- function(part, shape, top, numbers) {
  axis <- forest_axis(part)
  to <- if (axis$log) log else identity
  place <- function(v) {
    reach <- to(axis$limits)
    shape$plot[1L] + diff(shape$plot) * (to(v) - reach[1L]) / diff(reach)
  }
  write <- function(x, y, text, side, ...) {
    graphics::text(x, y, text, adj = c(side, 0.5), cex = shape$cex, ...)
  }
  write(0, top - shape$line * 0.6, part$panel[1L], 0, font = 2L)
  if (!is.null(shape$numbers)) write(shape$numbers, top - shape$line * 0.6, numbers, 1, font = 2L)
  y <- top - shape$line * 1.2 - shape$row * (seq_len(nrow(part)) - 0.5)
  bottom <- top - shape$line * 1.2 - shape$row * nrow(part)
  none <- place(part$none[1L])
  if (is.finite(none)) {
    graphics::segments(none, top - shape$line * 1.2, none, bottom, col = ink[["grey"]], lty = 2L)
  }
  draw_intervals(place(part$conf.low), place(part$estimate), place(part$conf.high), y, shape)
  write(0, y, part$label, 0)
  if (!is.null(shape$numbers)) write(shape$numbers, y, part$text, 1)
  draw_axis(place(axis$ticks), axis$ticks, bottom, shape)
  bottom - shape$line * 1.9
}

draw_intervals <- function(low, estimate, high, y, shape) {
  inside <- function(v) pmin(pmax(v, shape$plot[1L]), shape$plot[2L])
  known <- which(!is.na(low) & !is.na(high))
  blue <- ink[["blue"]]
  graphics::segments(inside(low[known]), y[known], inside(high[known]), col = blue, lwd = 2)
  arrow <- function(rows, end) {
    if (!length(rows)) return(invisible())
    graphics::arrows(inside(estimate[rows]), y[rows], end, length = 0.07, col = blue, lwd = 2)
  }
  arrow(known[low[known] < shape$plot[1L] - 1e-9], shape$plot[1L])
  arrow(known[high[known] > shape$plot[2L] + 1e-9], shape$plot[2L])
  graphics::points(inside(estimate), y, pch = 15L, cex = 1.1 * shape$cex, col = blue)
}

# Labels that would touch the one before are left out.
draw_axis <- function(at, ticks, y, shape) {
  graphics::segments(shape$plot[1L], y, shape$plot[2L], y, col = "grey30")
  graphics::segments(at, y, at, y - shape$line * 0.25, col = "grey30")
  label <- tick_labels(ticks)
  half <- text_width(label, 0.9 * shape$cex, units = "inches") / 2
  end <- -Inf
  for (k in seq_along(at)) {
    if (at[k] - half[k] <= end + 0.08) next
    graphics::text(at[k], y - shape$line * 0.75, label[k], cex = 0.9 * shape$cex)
    end <- at[k] + half[k]
  }
}

tick_labels <- function(ticks) {
  label <- format(ticks,
    trim = TRUE, drop0trailing = TRUE, scientific = FALSE, big.mark = ","
  )
  extreme <- abs(ticks) >= 1e5 | (abs(ticks) < 1e-4 & ticks != 0)
  replace(label, extreme, formatC(ticks[extreme], format = "g"))
}
