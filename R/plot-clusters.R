# Pictures of the clusters: random effects in order, shrinkage of their means.

#' @rdname ranef.margmix_glmm
#' @param level Level of the intervals, condval -/+ z condsd.
#' @param labels Label the clusters? By default if there are at most 40.
#' @details `plot()` draws a caterpillar plot: the effects of each term in increasing order, with
#'   normal intervals.
#' @export
plot.ranef.margmix_glmm <- function(x, level = 0.95, labels = NULL, ...) {
  plot(plot_data(x, level = level), labels = labels, ...)
}

#' @rdname plot_data
#' @param level Level of the intervals; for random effects, condval -/+ z condsd.
#' @export
plot_data.ranef.margmix_glmm <- function(x, level = 0.95, ...) {
  check_dots(..., known = names(formals(plot_data.ranef.margmix_glmm)))
  check_level(level)
  effects <- as.data.frame(x)
  panel <- paste(effects$grpvar, effects$term, sep = ": ")
  half <- stats::qnorm((1 + level) / 2) * effects$condsd
  picture("caterpillar",
    data.frame(
      panel = factor(panel, unique(panel)), level = as.character(effects$grp),
      order = stats::ave(effects$condval, panel, FUN = function(v) rank(v, ties.method = "first")),
      estimate = effects$condval, conf.low = effects$condval - half,
      conf.high = effects$condval + half
    ),
    xlab = "Random effect (scale of the predictor)"
  )
}

#' @rdname plot_data
#' @param labels Label the clusters? By default if there are at most 40.
#' @export
plot.margmix_caterpillar_picture <- function(x, labels = NULL, xlab = NULL, main = NULL, ...) {
  check_choice(labels, "labels")
  words <- picture_words(x, list(xlab = xlab))
  parts <- split(x, x$panel)
  panels <- length(parts)
  old <- panel_settings(mfrow = if (panels > 3L) grDevices::n2mfrow(panels) else c(1L, panels))
  on.exit(graphics::par(old))
  for (part in parts) {
    title <- main %||% as.character(part$panel[1L])
    draw_caterpillar(part, labels %||% (nrow(part) <= 40L), title, words$xlab, ...)
  }
  invisible(x)
}

# Sets `mfrow` and others. Returned are the old values of all that `mfrow` changes, in an order that
# restores them: `mfrow` sets `cex`, and lines of margin are as wide as `cex` makes them.
panel_settings <- function(...) {
  old <- graphics::par("mfrow", "cex", "mar")
  graphics::par(...)
  old
}

draw_caterpillar <- function(part, labels, main, xlab, ...) {
  m <- nrow(part)
  wanted <- if (labels) text_inches(part$level, 0.8) + 0.3 else 0
  if (wanted > graphics::par("mai")[2L]) {
    old <- graphics::par(mai = replace(graphics::par("mai"), 2L, wanted))
    on.exit(graphics::par(old))
  }
  titled_plot(part$estimate, part$order, list(xlab = xlab, ylab = "", main = main),
    xlim = range(part$conf.low, part$conf.high, part$estimate, 0, na.rm = TRUE), yaxt = "n", ...
  )
  graphics::abline(v = 0, col = ink[["grey"]], lty = 2L)
  graphics::segments(part$conf.low, part$order, part$conf.high, col = "grey50")
  graphics::points(part$estimate, part$order, pch = 19L, cex = point_size(m), col = ink[["blue"]])
  if (labels) label_axis(2L, part$order, part$level)
}

point_size <- function(m) max(0.3, min(1, 30 / m))

# Labels small enough not to touch each other.
label_axis <- function(side, at, labels) {
  room <- graphics::par("pin")[if (side == 2L) 2L else 1L] / max(length(at), 1L)
  size <- min(0.8, room / (0.75 * graphics::par("cin")[2L]))
  for (k in seq_along(at)) {
    graphics::axis(side, at[k], labels[k], las = 2L, cex.axis = max(size, 0.3), tcl = -0.2,
      mgp = c(3, 0.4, 0))
  }
}

#' Plot cluster means and their predictions
#'
#' @description
#' ```
#' fit <- glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial())
#' plot_shrinkage(fit)
#' ```
#'
#' @details
#' The picture shows, for each cluster, the observed mean response (open) and the mean of its
#' predictions (filled), in the order of the observed means. Predictions are linkinv(offset + X
#' beta + Z b) at the empirical-Bayes b, averaged over the rows of the cluster as the observations
#' are. Clusters with little data borrow from the others: their segment is long and points towards
#' the dashed line, the mean of the predictions at random effect 0. The area of an open point grows
#' with the number of observations.
#'
#' With more than 40 clusters, the predictions are drawn against the observed means. Without
#' shrinkage all points would lie on the diagonal; if all cluster means were alike, on a horizontal
#' line.
#'
#' `plot()` of a fit draws this picture.
#'
#' @param fit,x A fit of [glmm()].
#' @param type Which empirical-Bayes value of the random effects: `"mode"` (as in `fitted()`),
#'   `"mean"` or `"median"`.
#' @param labels Label the clusters? By default if there are at most 40.
#' @param ... Passed to [graphics::plot.default()].
#' @return Invisibly, a data frame with a row for each cluster: `level`, `observed`, `predicted`,
#'   `at_zero` (the prediction at random effect 0), `size` (observations).
#' @examples
#' fit <- glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial())
#' plot_shrinkage(fit)
#' @export
plot_shrinkage <- function(fit, type = c("mode", "mean", "median"), labels = NULL, ...) {
  plot(plot_data(fit, type = type), labels = labels, ...)
}

#' @rdname plot_shrinkage
#' @export
plot.margmix_glmm <- function(x, ...) plot_shrinkage(x, ...)

#' @rdname plot_data
#' @param type For a fit: which value of the random effects, as in [plot_shrinkage()].
#' @export
plot_data.margmix_glmm <- function(x, type = c("mode", "mean", "median"), ...) {
  check_dots(..., known = names(formals(plot_data.margmix_glmm)))
  means <- cluster_means(x, one_of(type, c("mode", "mean", "median"), "type"))
  words <- mean_words_of(x$family)
  picture("shrinkage", means,
    group = cluster_group(x$design), mean = words, main = "Observed and predicted cluster means"
  )
}

#' Observed and predicted mean of each cluster
#'
#' @return See [plot_shrinkage()]. Clusters without weight are left out.
#' @noRd
cluster_means <- function(fit, type) {
  design <- fit$design
  if (length(group_labels(design)) > 1L) {
    abort("several_groups", "`plot_shrinkage()` needs a model with one grouping factor.",
      given = some_of(code(group_labels(design))), hint = "plot(ranef(fit)) shows each factor."
    )
  }
  check_unrelated(design, "`plot_shrinkage()` is", "plot(ranef(fit)) shows the effects.")
  b <- as.matrix(ranef(fit, type = type, condVar = FALSE)[[1L]])
  cluster <- cluster_codes(design)
  eta <- fixed_eta(design, fit$beta)
  random <- rowSums(design_Z(design) * b[cluster, , drop = FALSE])
  size <- row_trials(design) * row_weights(design)
  total <- sums_by_cluster(size, design)
  mean_of <- function(x) sums_by_cluster(x, design) / total
  out <- data.frame(
    level = cluster_levels(design), observed = mean_of(row_weights(design) * row_response(design)),
    predicted = mean_of(size * fit$family$linkinv(eta + random)),
    at_zero = mean_of(size * fit$family$linkinv(eta)), size = total
  )
  out[total > 0, ]
}

#' @rdname plot_data
#' @export
plot.margmix_shrinkage_picture <- function(x, labels = NULL, xlab = NULL, ylab = NULL, main = NULL,
                                           ...) {
  check_choice(labels, "labels")
  words <- picture_words(x, list(xlab = xlab, ylab = ylab, main = main))
  if (nrow(x) > 40L && !isTRUE(labels)) {
    draw_many_means(x, words, ...)
  } else {
    draw_means(x, words, labels %||% TRUE, ...)
  }
  invisible(x)
}

draw_means <- function(x, words, labels, ...) {
  x <- x[order(x$observed, x$predicted), ]
  at <- seq_len(nrow(x))
  plan <- legend_plan(c("observed", "predicted", "mean at random effect 0"))
  words$xlab <- words$xlab %||% paste(words$group, "in order of its mean")
  words$ylab <- words$ylab %||% capital(words$mean)
  legend_plot(at, range(x$observed, x$predicted), words, plan, xaxt = "n", ...)
  graphics::abline(h = mean_at_zero(x), col = ink[["grey"]], lty = 2L)
  graphics::segments(at, x$observed, at, x$predicted, col = ink[["grey"]])
  graphics::points(at, x$observed, cex = 2 * point_size(nrow(x)) * sqrt(x$size / max(x$size)))
  graphics::points(at, x$predicted, pch = 19L, cex = point_size(nrow(x)), col = ink[["vermilion"]])
  if (labels) label_axis(1L, at, x$level)
  inner_legend(plan,
    pch = c(1L, 19L, NA), lty = c(NA, NA, 2L),
    col = c(ink[["black"]], ink[["vermilion"]], ink[["grey"]])
  )
}

draw_many_means <- function(x, words, ...) {
  plan <- legend_plan(c(words$group, "no shrinkage", "mean at random effect 0"))
  words$xlab <- words$xlab %||% paste("Observed", words$mean, "of a", words$group)
  words$ylab <- words$ylab %||% paste("Predicted", words$mean)
  shown <- range(x$observed, x$predicted)
  legend_plot(x$observed, shown, words, plan, ...)
  graphics::segments(shown[1L], shown[1L], shown[2L], shown[2L], col = ink[["grey"]])
  graphics::abline(h = mean_at_zero(x), col = ink[["grey"]], lty = 2L)
  graphics::points(x$observed, x$predicted,
    cex = 1.2 * sqrt(x$size / max(x$size)), pch = 19L,
    col = grDevices::adjustcolor(ink[["blue"]], 0.35)
  )
  inner_legend(plan,
    pch = c(19L, NA, NA), lty = c(NA, 1L, 2L), col = c(ink[["blue"]], ink[["grey"]], ink[["grey"]])
  )
}

mean_at_zero <- function(x) stats::weighted.mean(x$at_zero, x$size)
