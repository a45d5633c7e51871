# Curves of smooth terms, with bands.

# Of one variable, over its range.
drawn_curve <- function(curve, fit, level, points) {
  smooth <- curve$piece$smooth
  drawn <- length(smooth$term) == 1L && is.numeric(fit$frame$frame[[smooth$term]])
  if (!drawn) return(NULL)
  rows <- curve_grid(curve, fit, points)
  estimate <- drop(rows$X %*% c(
    fit$beta[curve$fixed[!is.na(curve$fixed)]], curve_effects(fit)[curve$random]
  ))
  se <- sqrt(curve_variance(fit, curve, rows$X))
  half <- stats::qnorm((1 + level) / 2) * se
  data.frame(
    term = curve$label, variable = smooth$term, x = rows$x, estimate = estimate, std.error = se,
    conf.low = estimate - half, conf.high = estimate + half
  )
}

# Columns of a curve over a grid, where a variable that multiplies it is 1.
curve_grid <- function(curve, fit, points) {
  smooth <- curve$piece$smooth
  seen <- fit$frame$frame[[smooth$term]]
  data <- list(seq(min(seen), max(seen), length.out = points))
  names(data) <- smooth$term
  if (smooth$by != "NA") data[[smooth$by]] <- rep(smooth$by.level %||% 1, points)
  X <- smooth_rows(curve$piece, data, curve$basis)
  order <- order(curve$piece$penalty == 0, decreasing = TRUE)
  X <- X[, order, drop = FALSE]
  fixed <- sum(curve$piece$penalty == 0)
  kept <- c(!is.na(curve$fixed), rep(TRUE, ncol(X) - fixed))
  list(x = data[[1L]], X = X[, kept, drop = FALSE])
}

#' @export
plot_data.margmix_smooths <- function(x, ...) {
  if (is.null(x$curves)) {
    abort("argument", "Only curves of one variable can be drawn.",
      given = some_of(x$table$term)
    )
  }
  picture("smooths", x$curves, main = NULL, xlab = NULL, ylab = "predictor", level = x$level)
}

#' @rdname smooth_terms
#' @export
plot.margmix_smooths <- function(x, ...) plot(plot_data(x), ...)

#' @rdname plot_data
#' @export
plot.margmix_smooths_picture <- function(x, xlab = NULL, ylab = NULL, main = NULL, ...) {
  words <- picture_words(x, list(xlab = xlab, ylab = ylab, main = main))
  parts <- split(x, factor(x$term, unique(x$term)))
  before <- graphics::par(mfrow = grDevices::n2mfrow(length(parts)), mar = c(4, 4, 2, 1))
  on.exit(graphics::par(before))
  shown <- range(x$conf.low, x$conf.high)
  for (term in names(parts)) {
    part <- parts[[term]]
    part$cluster <- NA_integer_
    graphics::plot(range(part$x), shown,
      type = "n", xlab = words$xlab %||% part$variable[1L], ylab = words$ylab,
      main = words$main %||% term, ...
    )
    graphics::abline(h = 0, col = ink[["grey"]], lty = 3L)
    draw_curve(part, curve_style[3L, ])
  }
  invisible(x)
}

#' @exportS3Method ggplot2::autoplot
autoplot.margmix_smooths <- function(object, ...) ggplot2::autoplot(plot_data(object))

#' @exportS3Method ggplot2::autoplot
autoplot.margmix_smooths_picture <- function(object, ...) {
  words <- picture_words(object)
  data <- as.data.frame(object)
  data$term <- factor(data$term, unique(data$term))
  ggplot2::ggplot(data, aes_of(x = "x", y = "estimate")) +
    ggplot2::geom_ribbon(aes_of(ymin = "conf.low", ymax = "conf.high"), alpha = 0.15) +
    ggplot2::geom_line() +
    ggplot2::facet_wrap("term", scales = "free_x") +
    ggplot2::labs(x = words$xlab, y = words$ylab, title = words$main) +
    ggplot2::theme_bw()
}
