# The pictures in package ggplot2: methods that are registered when it is loaded.

# autoplot() of everything that plot_data() knows.
draw_autoplot <- function(object, ...) ggplot2::autoplot(plot_data(object, ...))

#' @exportS3Method ggplot2::autoplot
autoplot.margmix_ratios <- draw_autoplot

#' @exportS3Method ggplot2::autoplot
autoplot.margmix_standardization <- draw_autoplot

#' @exportS3Method ggplot2::autoplot
autoplot.margmix_effects <- draw_autoplot

#' @exportS3Method ggplot2::autoplot
autoplot.margmix_fit <- draw_autoplot

#' @exportS3Method ggplot2::autoplot
autoplot.margmix_ranks <- draw_autoplot

#' @exportS3Method ggplot2::autoplot
autoplot.ranef.margmix_glmm <- draw_autoplot

#' @exportS3Method ggplot2::autoplot
autoplot.margmix_convergence <- draw_autoplot

#' @exportS3Method ggplot2::autoplot
autoplot.margmix_dependence <- draw_autoplot

#' @exportS3Method ggplot2::autoplot
autoplot.margmix_distribution_check <- draw_autoplot

#' @exportS3Method ggplot2::autoplot
autoplot.margmix_endogeneity <- draw_autoplot

#' @exportS3Method ggplot2::autoplot
autoplot.margmix_integration <- draw_autoplot

#' @exportS3Method ggplot2::autoplot
autoplot.margmix_integration_groups <- draw_autoplot

#' @exportS3Method ggplot2::autoplot
autoplot.margmix_overdispersion <- draw_autoplot

#' @exportS3Method ggplot2::autoplot
autoplot.margmix_scan <- draw_autoplot

# Columns of the data by name, without names that R CMD check takes for variables.
aes_of <- function(...) {
  do.call(ggplot2::aes, lapply(list(...), function(name) if (is.character(name)) as.name(name)))
}

# A legend at the top, in two lines, and room for it above what is drawn.
legend_inside <- function() {
  ggplot2::theme(
    legend.position = c(0.5, 0.985), legend.justification = c(0.5, 1),
    legend.direction = "horizontal", legend.title = ggplot2::element_blank(),
    legend.background = ggplot2::element_blank(), legend.key = ggplot2::element_blank(),
    legend.margin = ggplot2::margin(0, 0, 0, 0), legend.text = ggplot2::element_text(size = 8),
    legend.key.height = ggplot2::unit(0.9, "lines"),
    plot.title.position = "plot", plot.title = ggplot2::element_text(size = 11),
    plot.margin = ggplot2::margin(6, 12, 6, 6)
  )
}

headroom <- function(...) {
  ggplot2::scale_y_continuous(
    expand = ggplot2::expansion(mult = c(0.05, 0.27)),
    breaks = inner_ticks(range(..., na.rm = TRUE, finite = TRUE))
  )
}

two_lines <- function() ggplot2::guide_legend(nrow = 2L, byrow = TRUE)

#' A forest
#'
#' Panels may have different scales, of which ggplot2 has no more than one: positions are
#' logarithms where the panel is logarithmic, and the ticks are labelled with the numbers.
#' @exportS3Method ggplot2::autoplot
#' @noRd
autoplot.margmix_forest_picture <- function(object, ...) {
  words <- picture_words(object)
  panels <- split(object, factor(object$panel, unique(object$panel)))
  axes <- lapply(panels, forest_axis)
  placed <- Map(function(part, axis) {
    to <- if (axis$log) log else identity
    inside <- function(v) pmin(pmax(to(v), to(axis$limits[1L])), to(axis$limits[2L]))
    data.frame(
      panel = part$panel, x = inside(part$estimate), low = inside(part$conf.low),
      high = inside(part$conf.high), none = to(part$none), left = to(axis$limits[1L]),
      right = to(axis$limits[2L])
    )
  }, panels, axes)
  data <- do.call(rbind, placed)
  data$panel <- factor(data$panel, names(panels))
  data$y <- rev(seq_len(nrow(data)))
  ordered <- do.call(rbind, panels)
  ggplot2::ggplot(data, aes_of(x = "x", y = "y")) +
    ggplot2::geom_blank(aes_of(x = "left")) + ggplot2::geom_blank(aes_of(x = "right")) +
    ggplot2::geom_vline(aes_of(xintercept = "none"), linetype = 2L, colour = ink[["grey"]],
      na.rm = TRUE) +
    ggplot2::geom_segment(aes_of(x = "low", xend = "high", yend = "y"), colour = ink[["blue"]],
      na.rm = TRUE) +
    ggplot2::geom_point(shape = 15L, size = 2.5, colour = ink[["blue"]], na.rm = TRUE) +
    ggplot2::facet_wrap("panel", scales = "free", ncol = 1L) +
    ggplot2::scale_y_continuous(
      breaks = data$y, labels = ordered$label, expand = ggplot2::expansion(add = 0.6),
      sec.axis = ggplot2::dup_axis(labels = ordered$text), guide = apart()
    ) +
    ggplot2::scale_x_continuous(
      breaks = function(limits) names_of_ticks(axis_of(limits, axes)),
      labels = function(breaks) names(breaks), expand = ggplot2::expansion(0), guide = apart()
    ) +
    ggplot2::labs(x = words$xlab, y = NULL, title = words$main, subtitle = words$numbers) +
    forest_theme()
}

# Labels that would touch are left out.
apart <- function() ggplot2::guide_axis(check.overlap = TRUE)

# The panel whose ends these are.
axis_of <- function(limits, axes) {
  ends <- vapply(axes, function(axis) if (axis$log) log(axis$limits) else axis$limits, numeric(2L))
  axes[[which.min(colSums(abs(ends - limits)))]]
}

names_of_ticks <- function(axis) {
  stats::setNames(if (axis$log) log(axis$ticks) else axis$ticks, tick_labels(axis$ticks))
}

forest_theme <- function() {
  ggplot2::theme_minimal() +
    ggplot2::theme(
      strip.text = ggplot2::element_text(hjust = 0, face = "bold"), strip.clip = "off",
      plot.title.position = "plot",
      panel.grid.minor = ggplot2::element_blank(),
      panel.grid.major.y = ggplot2::element_blank(),
      axis.line.x.bottom = ggplot2::element_line(colour = "grey30"),
      axis.text = ggplot2::element_text(colour = "black", size = 8),
      plot.subtitle = ggplot2::element_text(hjust = 1, face = "bold", size = 9)
    )
}

#' @exportS3Method ggplot2::autoplot
autoplot.margmix_curves_picture <- function(object, ...) {
  words <- picture_words(object)
  labels <- shown_labels(object)
  style <- curve_style[match(levels(object$curve), levels(object$curve)), ]
  named <- function(v) stats::setNames(v, levels(object$curve)[seq_along(v)])
  data <- as.data.frame(object)
  data$line <- paste(data$curve, data$cluster)
  ggplot2::ggplot(data, aes_of(x = "x", y = "estimate", colour = "curve")) +
    ggplot2::geom_ribbon(
      aes_of(ymin = "conf.low", ymax = "conf.high", fill = "curve", group = "line"),
      alpha = 0.15, colour = NA, data = data[!is.na(data$conf.low), ], show.legend = FALSE
    ) +
    ggplot2::geom_line(aes_of(linetype = "curve", linewidth = "curve", group = "line")) +
    ggplot2::scale_colour_manual(values = named(style$colour)) +
    ggplot2::scale_fill_manual(values = named(style$colour)) +
    ggplot2::scale_linetype_manual(values = named(style$type)) +
    ggplot2::scale_discrete_manual("linewidth", values = named(style$width / 2.5)) +
    (if (!is.null(labels)) {
      ggplot2::scale_x_continuous(breaks = seq_along(labels), labels = labels)
    }) +
    ggplot2::guides(colour = two_lines(), linetype = two_lines(), linewidth = two_lines()) +
    headroom(data$estimate, data$conf.low, data$conf.high) +
    ggplot2::labs(x = words$xlab, y = words$ylab, title = words$main) +
    ggplot2::theme_bw() + legend_inside()
}
