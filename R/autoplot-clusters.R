# autoplot() of clusters and of diagnostics.

#' @exportS3Method ggplot2::autoplot
autoplot.margmix_caterpillar_picture <- function(object, ...) {
  words <- picture_words(object)
  data <- as.data.frame(object)
  one <- nlevels(data$panel) == 1L && nrow(data) <= 40L
  ggplot2::ggplot(data, aes_of(x = "estimate", y = "order")) +
    ggplot2::geom_vline(xintercept = 0, linetype = 2L, colour = ink[["grey"]]) +
    ggplot2::geom_segment(aes_of(x = "conf.low", xend = "conf.high", yend = "order"),
      colour = "grey50", na.rm = TRUE) +
    ggplot2::geom_point(colour = ink[["blue"]]) +
    ggplot2::facet_wrap("panel", scales = "free_x") +
    ggplot2::scale_y_continuous(
      breaks = if (one) data$order, labels = if (one) data$level else ggplot2::waiver()
    ) +
    ggplot2::labs(x = words$xlab, y = NULL) + cluster_theme()
}

cluster_theme <- function() {
  ggplot2::theme_bw() + ggplot2::theme(panel.grid = ggplot2::element_blank())
}

#' @exportS3Method ggplot2::autoplot
autoplot.margmix_ranks_picture <- function(object, ...) {
  words <- picture_words(object)
  data <- as.data.frame(object)
  data$end <- factor(ifelse(data$end, words$legend[1L], words$legend[2L]), words$legend)
  ggplot2::ggplot(data, aes_of(x = "estimate", y = "rank")) +
    ggplot2::geom_vline(xintercept = 0, linetype = 2L, colour = ink[["grey"]]) +
    ggplot2::geom_segment(aes_of(x = "lower", xend = "upper", yend = "rank"),
      colour = ink[["grey"]]) +
    ggplot2::geom_point(aes_of(colour = "end", shape = "end")) +
    (if (nrow(data) <= 40L) {
      ggplot2::geom_text(aes_of(x = "upper", label = "cluster"), hjust = -0.4, size = 2.8)
    }) +
    ggplot2::scale_x_continuous(expand = ggplot2::expansion(mult = c(0.05, 0.1))) +
    ggplot2::scale_colour_manual(values = c(ink[["vermilion"]], ink[["black"]]), drop = FALSE) +
    ggplot2::scale_shape_manual(values = c(19L, 1L), drop = FALSE) +
    ggplot2::guides(colour = two_lines(), shape = two_lines()) +
    headroom(1, words$m) + ggplot2::labs(x = words$xlab, y = words$ylab, title = words$main) +
    cluster_theme() + legend_inside()
}

#' @exportS3Method ggplot2::autoplot
autoplot.margmix_shrinkage_picture <- function(object, ...) {
  words <- picture_words(object)
  data <- as.data.frame(object)
  at_zero <- mean_at_zero(data)
  ggplot2::ggplot(data, aes_of(x = "observed", y = "predicted")) +
    ggplot2::geom_abline(colour = ink[["grey"]]) +
    ggplot2::geom_hline(yintercept = at_zero, linetype = 2L, colour = ink[["grey"]]) +
    ggplot2::geom_point(aes_of(size = "size"),
      colour = ink[["blue"]], alpha = if (nrow(data) > 40L) 0.35 else 1
    ) +
    (if (nrow(data) <= 40L) {
      ggplot2::geom_text(aes_of(label = "level"),
        hjust = -0.8, size = 2.8, check_overlap = TRUE)
    }) +
    ggplot2::scale_size_area(max_size = 4, guide = "none") +
    ggplot2::labs(
      x = paste("Observed", words$mean, "of a", words$group), y = paste("Predicted", words$mean),
      title = words$main,
      caption = "Diagonal: no shrinkage. Dashed: mean at random effect 0. Area: observations."
    ) +
    cluster_theme() + ggplot2::theme(
      plot.title.position = "plot", plot.title = ggplot2::element_text(size = 11),
      plot.caption = ggplot2::element_text(size = 7)
    )
}

#' @exportS3Method ggplot2::autoplot
autoplot.margmix_points_picture <- function(object, ...) {
  words <- picture_words(object)
  data <- as.data.frame(object)
  labels <- shown_labels(object)
  scale <- if (words$log == "y") ggplot2::scale_y_log10 else ggplot2::scale_y_continuous
  banded <- !all(is.na(data$conf.low))
  ggplot2::ggplot(data, aes_of(x = "x", y = "estimate")) +
    (if (banded) {
      ggplot2::geom_ribbon(aes_of(ymin = "conf.low", ymax = "conf.high"),
        fill = ink[["blue"]], alpha = 0.2)
    }) +
    (if (words$joined) ggplot2::geom_line(colour = ink[["blue"]])) +
    (if (!is.null(labels)) ggplot2::geom_point(colour = ink[["blue"]], size = 2)) +
    (if (!is.null(words$lines)) {
      ggplot2::geom_hline(yintercept = words$lines$at, linetype = 2L, colour = "grey40")
    }) +
    (if (!is.null(labels)) {
      ggplot2::scale_x_continuous(breaks = seq_along(labels), labels = labels)
    }) +
    scale() +
    ggplot2::labs(x = words$xlab, y = words$ylab, caption = if (!is.null(words$lines)) {
      paste0("Dashed: ", words$lines$words)
    }) + cluster_theme()
}

#' @exportS3Method ggplot2::autoplot
autoplot.margmix_histogram_picture <- function(object, ...) {
  words <- picture_words(object)
  ggplot2::ggplot(as.data.frame(object), aes_of(x = "statistic")) +
    ggplot2::geom_histogram(bins = 20L, fill = "grey80", colour = "white") +
    ggplot2::geom_vline(xintercept = object$observed[1L], colour = ink[["vermilion"]],
      linewidth = 1.2) +
    ggplot2::labs(x = paste(words$xlab, "(line: observed)"), y = words$ylab) +
    cluster_theme()
}
