# The pictures of a scan: quantiles of -log10 p, or -log10 p along the chromosomes.

#' @rdname scan-methods
#' @export
plot.margmix_scan <- function(x, type = c("qq", "manhattan"), position = x$position,
                              chromosome = x$chromosome, trait = NULL, ...) {
  plot(plot_data(x, type, position, chromosome, trait), ...)
}

#' @rdname plot_data
#' @inheritParams scan-methods
#' @export
plot_data.margmix_scan <- function(x, type = c("qq", "manhattan"), position = x$position,
                                   chromosome = x$chromosome, trait = NULL, ...) {
  check_dots(...)
  type <- one_of(type, c("qq", "manhattan"), "type")
  force(position)
  force(chromosome)
  if (length(x$trait)) {
    rows <- which(x$trait == one_of(trait %||% x$trait[1L], unique(x$trait), "trait"))
    if (length(position) == nrow(x)) position <- position[rows]
    if (length(chromosome) == nrow(x)) chromosome <- chromosome[rows]
    x <- x[rows, ]
  }
  seen <- which(!is.na(x$p.value))
  if (!length(seen)) {
    abort("argument", "A picture needs a variant that was tested.", given = "none")
  }
  data <- data.frame(
    variant = as.character(x$variant[seen]), panel = 1L, x = seen,
    estimate = -log10(pmax(x$p.value[seen], 1e-300))
  )
  if (type == "manhattan") return(manhattan_picture(data, position, chromosome))
  data <- data[order(data$estimate, decreasing = TRUE), ]
  data$x <- -log10(stats::ppoints(nrow(data)))
  picture("scan", data,
    xlab = expression(Expected ~ -log[10](p)), ylab = expression(Observed ~ -log[10](p)),
    lambda = sprintf("lambda = %.3f", genomic_inflation(x$p.value))
  )
}

# Chromosomes beside each other, in the order in which they come.
manhattan_picture <- function(data, position, chromosome) {
  last <- max(data$x)
  if (!is.null(position) && (!is.numeric(position) || length(position) < last)) {
    abort("argument", "`position` must be a number for each variant.", given = value_text(position))
  }
  if (!is.null(chromosome) && (!is.atomic(chromosome) || length(chromosome) < last)) {
    abort("argument", "`chromosome` must have a value for each variant.",
      given = value_text(chromosome)
    )
  }
  at <- if (is.null(position)) data$x else position[data$x]
  of <- if (is.null(chromosome)) rep(1L, nrow(data)) else chromosome[data$x]
  names <- unique(of)
  data$panel <- match(of, names)
  low <- vapply(names, function(name) min(at[of == name]), 0)
  lengths <- vapply(names, function(name) diff(range(at[of == name])) + 1, 0)
  data$x <- c(0, cumsum(lengths))[data$panel] - low[data$panel] + at
  picture("scan", data,
    xlab = if (is.null(chromosome)) "Variant" else "Chromosome", ylab = expression(-log[10](p)),
    chromosomes = if (!is.null(chromosome)) {
      list(names = as.character(names), at = as.vector(tapply(data$x, data$panel, mean)))
    }
  )
}

# Of a genome.
significance <- -log10(5e-8)

#' @rdname plot_data
#' @export
plot.margmix_scan_picture <- function(x, ...) {
  words <- picture_words(x)
  old <- graphics::par(mar = c(4, 4.5, 1, 1))
  on.exit(graphics::par(old))
  graphics::plot(x$x, x$estimate,
    xlab = words$xlab, ylab = words$ylab, pch = 20,
    col = ifelse(x$panel %% 2 == 1, ink[["blue"]], "grey45"),
    xaxt = if (is.null(words$chromosomes)) "s" else "n", ...
  )
  if (!is.null(words$lambda)) {
    graphics::abline(0, 1, col = "grey40")
    graphics::legend("topleft", words$lambda, bty = "n")
    return(invisible(x))
  }
  if (!is.null(words$chromosomes)) {
    graphics::axis(1L, words$chromosomes$at, words$chromosomes$names, tick = FALSE)
  }
  graphics::abline(h = significance, lty = 2L, col = "grey40")
  invisible(x)
}

#' @exportS3Method ggplot2::autoplot
autoplot.margmix_scan_picture <- function(object, ...) {
  words <- picture_words(object)
  data <- as.data.frame(object)
  data$odd <- data$panel %% 2 == 1
  drawn <- ggplot2::ggplot(data, aes_of(x = "x", y = "estimate")) +
    (if (is.null(words$lambda)) {
      ggplot2::geom_hline(yintercept = significance, linetype = 2L, colour = "grey40")
    } else {
      ggplot2::geom_abline(colour = "grey40")
    }) +
    ggplot2::geom_point(aes_of(colour = "odd"), size = 1, show.legend = FALSE) +
    ggplot2::scale_colour_manual(values = c(`TRUE` = ink[["blue"]], `FALSE` = "grey45")) +
    ggplot2::labs(x = words$xlab, y = words$ylab, subtitle = words$lambda) + cluster_theme()
  if (is.null(words$chromosomes)) return(drawn)
  drawn + ggplot2::scale_x_continuous(
    breaks = words$chromosomes$at, labels = words$chromosomes$names, guide = apart()
  )
}
