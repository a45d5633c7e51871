# Clusters at the height of their expected rank.

#' @rdname rank_clusters
#' @param labels Label the clusters? By default if there are at most 40; where labels would overlap,
#'   the one of the more extreme rank is drawn.
#' @param xlab,main Label of the axis, title.
#' @details `plot()` draws a caterpillar plot in the order of rank: posterior means with their
#'   intervals at the height of the expected rank, filled if the cluster belongs to one of the ends
#'   with probability above one half. Shrinkage shows as ranks that stay in the middle: the less the
#'   data say about the order, the narrower the band of heights.
#' @export
plot.margmix_ranks <- function(x, labels = NULL, xlab = NULL, main = NULL, ...) {
  plot(plot_data(x), labels = labels, xlab = xlab, main = main, ...)
}

#' @rdname plot_data
#' @export
plot_data.margmix_ranks <- function(x, ...) {
  check_dots(...)
  if (is.null(attr(x, "tail"))) {
    abort("argument", "`x` must be what rank_clusters() returned, with all columns.")
  }
  table <- as.data.frame(x)
  class(table) <- "data.frame"
  share <- paste0(100 * attr(x, "tail"), "%")
  picture("ranks", cbind(table, end = x$p_low > 0.5 | x$p_high > 0.5),
    xlab = paste(attr(x, "effect"), "by", attr(x, "group"), "(scale of the predictor)"),
    ylab = "Expected rank",
    main = paste("Clusters of", attr(x, "group")), m = attr(x, "clusters"),
    legend = c(paste0("probably in the lowest or highest ", share), "other clusters")
  )
}

#' @rdname plot_data
#' @export
plot.margmix_ranks_picture <- function(x, labels = NULL, xlab = NULL, main = NULL, ...) {
  check_choice(labels, "labels")
  words <- picture_words(x, list(xlab = xlab, main = main))
  labels <- labels %||% (nrow(x) <= 40L)
  plan <- legend_plan(words$legend)
  shown <- range(x$lower, x$upper, 0)
  wide <- if (labels) text_inches(x$cluster, 0.8) else 0
  legend_plot(x$estimate, c(1, words$m), words, plan,
    xlim = shown + c(0, diff(shown) * min(1, wide / graphics::par("pin")[1L])), ...
  )
  graphics::segments(0, 1, 0, words$m, col = ink[["grey"]], lty = 2L)
  graphics::segments(x$lower, x$rank, x$upper, col = ink[["grey"]])
  graphics::points(x$estimate, x$rank,
    pch = ifelse(x$end, 19L, 1L), cex = point_size(nrow(x)),
    col = ifelse(x$end, ink[["vermilion"]], ink[["black"]])
  )
  if (labels) {
    size <- label_size(x$upper, x$rank, x$cluster)
    apart <- labels_apart(x$upper, x$rank, x$cluster, size)
    graphics::text(x$upper[apart], x$rank[apart], x$cluster[apart],
      pos = 4L, offset = 0.3, cex = size
    )
  }
  inner_legend(plan, pch = c(19L, 1L), col = c(ink[["vermilion"]], ink[["black"]]))
  invisible(x)
}

# The largest letters with which no two labels meet, or the smallest that can be read.
label_size <- function(x, y, labels) {
  for (cex in c(0.8, 0.7, 0.6)) {
    near <- abs(outer(y, y, "-")) < graphics::strheight("M", cex = cex) * 1.2 &
      abs(outer(x, x, "-")) < max(text_width(labels, cex))
    if (sum(near) == length(x)) break
  }
  cex
}

# The labels that meet none of a more extreme rank.
labels_apart <- function(x, y, labels, cex) {
  high <- graphics::strheight("M", cex = cex) * 1.2
  end <- x + text_width(labels, cex)
  kept <- integer()
  for (i in order(-abs(y - mean(range(y))))) {
    meets <- abs(y[kept] - y[i]) < high & x[kept] < end[i] & x[i] < end[kept]
    if (!any(meets)) kept <- c(kept, i)
  }
  kept
}
