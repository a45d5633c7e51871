# Pictures of the diagnostics.

#' @rdname diagnose_convergence
#' @export
plot.margmix_convergence <- function(x, ...) plot(plot_data(x), ...)

#' @rdname plot_data
#' @export
plot_data.margmix_convergence <- function(x, ...) {
  check_dots(...)
  values <- x$eigenvalues
  points_picture(seq_along(values), values,
    label = as.character(seq_along(values)), xlab = "Direction of the parameters, scaled",
    ylab = "Eigenvalue of the information", log = "y",
    lines = data.frame(at = 1e-6, words = "hardly determined below this")
  )
}

#' @rdname diagnose_integration
#' @export
plot.margmix_integration <- function(x, ...) plot(plot_data(x), ...)

#' @rdname plot_data
#' @export
plot_data.margmix_integration <- function(x, ...) {
  check_dots(...)
  table <- x$table
  points_picture(seq_along(table$K), table$logLik,
    label = as.character(table$K), xlab = "Nodes per random effect", ylab = "Log-likelihood",
    joined = TRUE, lines = if (!is.null(x$importance)) {
      data.frame(at = x$importance$logLik, words = "importance sampling")
    }
  )
}

#' @export
plot.margmix_integration_groups <- function(x, ...) plot(plot_data(x), ...)

# The estimate after each draw, with two Monte Carlo standard errors on both sides.
#' @rdname plot_data
#' @export
plot_data.margmix_integration_groups <- function(x, ...) {
  check_dots(...)
  top <- max(x$log_weights)
  count <- seq_along(x$log_weights)
  w <- exp(x$log_weights - top)
  mean <- cumsum(w) / count
  error <- sqrt(pmax(cumsum(w^2) / count - mean^2, 0) / count) / mean
  estimate <- top + log(mean)
  shown <- count >= min(20, length(count))
  points_picture(count[shown], estimate[shown], (estimate - 2 * error)[shown],
    (estimate + 2 * error)[shown],
    xlab = "Draws", ylab = "Log-likelihood", joined = TRUE,
    lines = data.frame(at = x$logLik, words = x$rule)
  )
}

#' @rdname diagnose_endogeneity
#' @export
plot.margmix_endogeneity <- function(x, ...) plot(plot_data(x), ...)

#' @rdname plot_data
#' @export
plot_data.margmix_endogeneity <- function(x, ...) {
  check_dots(...)
  table <- x$table[!is.na(x$table$within), , drop = FALSE]
  if (!nrow(table)) {
    abort("endogeneity", "There is no covariate with an effect within clusters to plot.")
  }
  larger <- x$fit
  half <- stats::qt((1 + x$level) / 2, x$joint$df[2L])
  se <- vapply(rownames(table), function(name) {
    c_within <- names(larger$beta) == name
    c_between <- c_within | names(larger$beta) == paste0("mean of ", name)
    V <- larger$vcov_full[seq_along(c_within), seq_along(c_within)]
    sqrt(c(sum(V[c_within, c_within]), sum(V[c_between, c_between])))
  }, numeric(2L))
  estimate <- rbind(table$within, table$between)
  label <- rbind(paste(rownames(table), "within"), paste(rownames(table), "between"))
  forest_picture(c(label), c(estimate), c(estimate - half * se), c(estimate + half * se),
    panel = "Effect within and between clusters", none = 0, log = FALSE, level = x$level
  )
}

#' @rdname diagnose_overdispersion
#' @export
plot.margmix_overdispersion <- function(x, ...) plot(plot_data(x), ...)

#' @rdname plot_data
#' @export
plot_data.margmix_overdispersion <- function(x, ...) {
  check_dots(...)
  picture("histogram", data.frame(statistic = x$simulated, observed = x$statistic),
    xlab = "Pearson statistic", ylab = "Simulations from the fit",
    legend = c("simulated", "observed")
  )
}

#' Points along a scale, perhaps joined, with horizontal lines of reference
#'
#' @param label Labels on the horizontal axis in place of numbers, or `NA`.
#' @param lines `NULL`, or a data frame: `at` and `words`.
#' @noRd
points_picture <- function(x, estimate, low = NA_real_, high = NA_real_, label = NA_character_,
                           xlab, ylab, log = "", joined = FALSE, lines = NULL) {
  picture("points",
    data.frame(x = x, label = label, estimate = estimate, conf.low = low, conf.high = high),
    xlab = xlab, ylab = ylab, log = log, joined = joined, lines = lines
  )
}

# Drawing -----------------------------------------------------------------------------------------

#' @rdname plot_data
#' @export
plot.margmix_points_picture <- function(x, xlab = NULL, ylab = NULL, main = NULL, ...) {
  words <- picture_words(x, list(xlab = xlab, ylab = ylab, main = main))
  shown <- range(x$estimate, x$conf.low, x$conf.high, words$lines$at, na.rm = TRUE, finite = TRUE)
  logarithmic <- words$log == "y"
  plan <- if (is.null(words$lines)) list(share = 0) else legend_plan(words$lines$words)
  room <- with_headroom(if (logarithmic) log(shown) else shown, plan)
  labels <- shown_labels(x)
  titled_plot(x$x, x$estimate, words,
    log = words$log, ylim = if (logarithmic) exp(room) else room,
    xaxt = if (is.null(labels)) "s" else "n", ...
  )
  if (!is.null(labels)) graphics::axis(1L, seq_along(labels), labels)
  if (!all(is.na(x$conf.low))) {
    graphics::polygon(c(x$x, rev(x$x)), c(x$conf.low, rev(x$conf.high)),
      border = NA, col = grDevices::adjustcolor(ink[["blue"]], 0.2)
    )
  }
  graphics::lines(x$x, x$estimate,
    col = ink[["blue"]], pch = 19L,
    type = if (!words$joined) "p" else if (is.null(labels)) "l" else "b"
  )
  if (!is.null(words$lines)) {
    graphics::abline(h = words$lines$at, lty = 2L, col = "grey40")
    inner_legend(plan, lty = 2L, col = "grey40")
  }
  invisible(x)
}

#' @rdname plot_data
#' @export
plot.margmix_histogram_picture <- function(x, xlab = NULL, ylab = NULL, main = "", ...) {
  words <- picture_words(x, list(xlab = xlab, ylab = ylab, main = main))
  bars <- graphics::hist(x$statistic, plot = FALSE)
  plan <- legend_plan(words$legend)
  legend_plot(range(bars$breaks, x$observed[1L], na.rm = TRUE), c(0, max(bars$counts)), words,
    plan, ...
  )
  plot(bars, col = "grey85", border = "white", add = TRUE)
  graphics::segments(x$observed[1L], 0, x$observed[1L], max(bars$counts),
    lwd = 3, col = ink[["vermilion"]]
  )
  inner_legend(plan,
    pch = c(15L, NA), lty = c(NA, 1L), lwd = c(NA, 3), col = c("grey85", ink[["vermilion"]])
  )
  invisible(x)
}
