# Pictures of the clusters, in base graphics.

#' @rdname ranef.margmix_glmm
#' @param level Level of the intervals, condval -/+ z condsd.
#' @param labels Draw the labels of the clusters? By default if there are at most 40.
#' @details `plot()` draws a caterpillar plot: the effects of each term in increasing order with
#'   normal intervals.
#' @export
plot.ranef.margmix_glmm <- function(x, level = 0.95, labels = NULL, ...) {
  check_level(level)
  effects <- as.data.frame(x)
  parts <- split(effects, list(factor(effects$grp, unique(effects$grp)), effects$term), drop = TRUE)
  old <- panel_settings(mfrow = c(1L, length(parts)))
  on.exit(graphics::par(old))
  for (part in parts) {
    draw_caterpillar(part, stats::qnorm((1 + level) / 2), labels %||% (nrow(part) <= 40L),
      main = paste(part$grp[1L], part$term[1L], sep = ": "), ...
    )
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

draw_caterpillar <- function(part, z, labels, main, xlab = "Random effect", ...) {
  part <- part[order(part$condval), ]
  m <- nrow(part)
  half <- if (anyNA(part$condsd)) 0 else z * part$condsd
  graphics::plot(part$condval, seq_len(m),
    xlim = range(part$condval - half, part$condval + half, 0), type = "n", yaxt = "n", ylab = "",
    xlab = xlab, main = main, ...
  )
  graphics::abline(v = 0, col = "grey60", lty = 2L)
  graphics::segments(part$condval - half, seq_len(m), part$condval + half, col = "grey50")
  graphics::points(part$condval, seq_len(m), pch = 19L, cex = point_size(m))
  if (labels) graphics::axis(2L, seq_len(m), part$level, las = 1L, cex.axis = 0.7)
}

point_size <- function(m) max(0.3, min(1, 30 / m))

#' Plot cluster means and their predictions
#'
#' @description
#' ```
#' fit <- glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial())
#' plot_shrinkage(fit)
#' ```
#'
#' @details
#' For each cluster the observed mean response (open) and the mean of its predictions (filled), in
#' the order of the observed means. Predictions are linkinv(offset + X beta + Z b) at the
#' empirical-Bayes b, averaged over the rows of the cluster as the observations are. Clusters with
#' little data borrow from the others: their segment is long and points towards the dashed line, the
#' mean of the predictions at random effect 0. Areas of the open points grow with the number of
#' observations.
#'
#' `plot()` of a fit draws this picture.
#'
#' @param fit,x A fit of [glmm()].
#' @param type Which empirical-Bayes value of the random effects: `"mode"` (as in `fitted()`),
#'   `"mean"` or `"median"`.
#' @param labels Draw the labels of the clusters? By default if there are at most 40.
#' @param ... Passed to [graphics::plot.default()].
#' @return A data frame, invisibly, by cluster: `level`, `observed`, `predicted`, `at_zero` (the
#'   prediction at random effect 0), `size` (observations).
#' @examples
#' fit <- glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial())
#' plot_shrinkage(fit)
#' @export
plot_shrinkage <- function(fit, type = c("mode", "mean", "median"), labels = NULL, ...) {
  means <- cluster_means(fit, one_of(type, c("mode", "mean", "median"), "type"))
  draw_shrinkage(means, labels %||% (nrow(means) <= 40L), fit$design$group, ...)
  invisible(means)
}

#' @rdname plot_shrinkage
#' @export
plot.margmix_glmm <- function(x, ...) plot_shrinkage(x, ...)

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
  b <- as.matrix(ranef(fit, type = type, condVar = FALSE)[[1L]])
  cluster <- rep.int(seq_along(design$levels), diff(design$start))
  eta <- row_offset(design) + drop(design$X %*% fit$beta)
  random <- rowSums(design$Z * b[cluster, , drop = FALSE])
  size <- row_trials(design) * row_weights(design)
  total <- cluster_sums(size, design$start)
  mean_of <- function(x) cluster_sums(x, design$start) / total
  out <- data.frame(
    level = design$levels, observed = mean_of(row_weights(design) * design$y),
    predicted = mean_of(size * fit$family$linkinv(eta + random)),
    at_zero = mean_of(size * fit$family$linkinv(eta)), size = total
  )
  out[total > 0, ]
}

draw_shrinkage <- function(means, labels, group, xlab = paste(group, "in order of its mean"),
                           ylab = "Mean response",
                           main = "Observed and predicted cluster means", ...) {
  means <- means[order(means$observed, means$predicted), ]
  at <- seq_len(nrow(means))
  cex <- point_size(length(at))
  graphics::plot(at, means$observed,
    ylim = range(means$observed, means$predicted), type = "n", xaxt = "n", xlab = xlab,
    ylab = ylab, main = main, ...
  )
  graphics::abline(h = stats::weighted.mean(means$at_zero, means$size), col = "grey60", lty = 2L)
  graphics::segments(at, means$observed, at, means$predicted, col = "grey60")
  graphics::points(at, means$observed, cex = 2 * cex * sqrt(means$size / max(means$size)))
  graphics::points(at, means$predicted, pch = 19L, cex = cex, col = "firebrick")
  if (labels) graphics::axis(1L, at, means$level, las = 2L, cex.axis = 0.7)
  graphics::legend("topleft", c("observed", "predicted"),
    pch = c(1L, 19L), col = c("black", "firebrick"), bty = "n"
  )
}
