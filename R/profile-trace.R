# The profile itself: how far the log-likelihood falls along a quantity.

#' Profile likelihood
#'
#' @description
#' ```
#' fit <- glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial())
#' traced <- profile(fit)
#' plot(traced)
#' confint(traced, level = 0.9)
#' ```
#'
#' A profile shows how far the log-likelihood falls when one coefficient or standard deviation is
#' held at other values and all other parameters are maximised. If the signed root of twice the
#' fall, `zeta`, is a straight line in the value, intervals of estimate -/+ t SE agree with profile
#' limits; if it bends, they don't.
#'
#' @details
#' Points lie at equal steps between the estimate and the profile limits of `level` (those of
#' `confint(fitted, method = "profile")`, which allow for few clusters). Each is a maximum found
#' with exact derivatives at the integration rule of the fit. If a standard deviation reaches zero
#' before its limit, its points start there. In restricted fits (`REML = TRUE`), profiles of
#' standard deviations use the restricted likelihood, those of coefficients the likelihood.
#'
#' @param fitted A fit of [glmm()].
#' @param which What to profile, as `parm` in [confint.margmix_glmm()]: names or numbers, `"all"`,
#'   `"beta_"` (coefficients), `"sd_"` or `"theta_"` (standard deviations).
#' @param level Confidence level whose limits are the ends of the profile.
#' @param points Number of points on each side of the estimate.
#' @param df `Inf` refers coefficients to chi^2 even if clusters are few.
#' @param ... Not used.
#' @return `profile()`: a data frame of class `margmix_profile`, named as in package \pkg{lme4}:
#'   `.par` (factor, the parameter held), `.focal` (its value), `.zeta`, and `logLik`. Its rows are
#'   in the order of values. A side along which the likelihood flattens ends at 95, 80 or 50%
#'   limits, or has no points.
#' @section Errors: `margmix_error_parm`, `margmix_error_argument`.
#' @references
#' Bates, D. M. and Watts, D. G. (1988). *Nonlinear Regression Analysis and Its Applications*,
#' chapter 6. Wiley.
#' @examples
#' fit <- glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial())
#' traced <- profile(fit, "sd_", points = 4)
#' as.data.frame(traced)
#' plot(traced)
#' @export
profile.margmix_glmm <- function(fitted, which = "all", level = 0.99, points = 8,
                                 df = "default", ...) {
  check_dots(...)
  check_level(level)
  check_whole(points, "points", 2)
  check_ratio_df(df)
  coefficients <- names(fitted$coefficients)
  rows <- chosen_rows(which, c(coefficients, deviation_names(fitted)), coefficients)
  rows <- setdiff(rows, aliased_names(fitted$design))
  reference <- profile_reference(fitted, df)
  traces <- visit_profiles(fitted, rows, function(profile) {
    scale <- limit_scale(profile, reference)
    structure(trace_profile(profile, level, points, scale), scale = scale)
  })
  table <- do.call(rbind, Map(function(row, trace) cbind(.par = rep(row, nrow(trace)), trace),
    rows, traces
  ))
  table$.par <- factor(table$.par, rows)
  rownames(table) <- NULL
  structure(table,
    level = level, words = profile_words(fitted, rows, level, reference),
    scales = stats::setNames(lapply(traces, attr, "scale"), rows),
    class = c("margmix_profile", "data.frame")
  )
}

# The points of one profile, in the order of its values.
trace_profile <- function(profile, level, points, scale) {
  estimate <- profile$quantity$estimate
  best <- profile$fit$logLik
  tangent <- first_step(profile, 1)$tangent
  side <- function(sign, end) {
    if (!is.finite(end) || end == estimate) return(NULL)
    walk <- walk_profile(profile, tangent)
    value <- seq(estimate, end, length.out = points + 1L)[-1L]
    logLik <- vapply(value, function(value) walk(value)$value, 0)
    data.frame(value = value, .zeta = sign * sqrt(pmax(0, 2 * (best - logLik))), logLik = logLik)
  }
  ends <- profile_ends(profile, level, scale)
  out <- rbind(
    side(-1, ends[1L]), data.frame(value = estimate, .zeta = 0, logLik = best), side(1, ends[2L])
  )
  out <- out[is.finite(out$logLik), ]
  out$.focal <- profile$printed(out$value)
  out[order(out$.focal), c(".focal", ".zeta", "logLik")]
}

# The limits of `level`; where the likelihood stays above them, those of a smaller one. The
# logarithm of a standard deviation that may be zero ends far below its estimate.
profile_ends <- function(profile, level, scale) {
  ends <- profile_limits(profile, limit_cutoff(scale, level))
  if (isTRUE(profile$quantity$log) && identical(ends[1L], -Inf)) {
    ends[1L] <- profile$quantity$estimate + log(near_zero)
  }
  if (identical(ends[1L], -Inf)) ends[1L] <- profile$quantity$estimate # at its limit
  for (smaller in c(0.95, 0.8, 0.5)) {
    short <- which(!is.finite(ends) & smaller < level)
    ends[short] <- vapply(c(-1, 1)[short], function(side) {
      profile_limit(profile, limit_cutoff(scale, smaller), side)
    }, 0)
  }
  ends
}

# A standard deviation this many times its estimate counts as zero.
near_zero <- 1e-5

#' @rdname profile.margmix_glmm
#' @details `confint()` interpolates between the points.
#' @param object,x What `profile()` returned.
#' @param digits Significant digits to print.
#' @param parm Names among `.par`; all of them by default.
#' @export
confint.margmix_profile <- function(object, parm, level = 0.95, ...) {
  check_dots(...)
  check_level(level)
  traced <- levels(object$.par)
  rows <- if (missing(parm)) traced else chosen_rows(parm, traced, traced)
  if (level > attr(object, "level")) {
    abort("argument", "The profile doesn't reach as far as these intervals.",
      given = paste0("level = ", level, ", profile to level = ", attr(object, "level")),
      hint = "Give profile() the larger `level`."
    )
  }
  limits <- t(vapply(rows, function(row) {
    cutoff <- limit_cutoff(attr(object, "scales")[[row]], level)
    interpolate_limits(object[object$.par == row, ], cutoff)
  }, numeric(2L)))
  dimnames(limits) <- list(rows, limit_names(level))
  words <- sub("^[^ ]+ (.*) intervals", paste(format_level(level), "\\1 intervals, interpolated"),
    attr(object, "words")
  )
  structure(limits, heading = words, class = c("margmix_confint", "matrix", "array"))
}

# A side that ends before has its end there only at a standard deviation of zero.
interpolate_limits <- function(trace, cutoff) {
  limit <- function(side) {
    end <- side * trace$.zeta[if (side < 0) 1L else nrow(trace)]
    estimate <- trace$.focal[trace$.zeta == 0][1L]
    at_zero <- side < 0 && (abs(trace$.focal[1L]) <= 2 * near_zero * estimate ||
      trace$.par[1L] == "sigma" && trace$.zeta[1L] == 0)
    if (end < cutoff - 1e-6) return(if (at_zero) 0 else NA_real_)
    stats::splinefun(trace$.zeta, trace$.focal, "monoH.FC")(side * min(cutoff, end))
  }
  c(limit(-1), limit(1))
}

#' @rdname profile.margmix_glmm
#' @export
print.margmix_profile <- function(x, digits = max(3L, getOption("digits") - 3L), ...) {
  digits <- known_digits(digits)
  say("Profiles of", count_of(nlevels(x$.par), "parameter"), "to", format_level(attr(x, "level")),
    "limits,", nrow(x), "points\n"
  )
  print(stats::confint(x, level = min(0.95, attr(x, "level"))), digits = digits, ...)
  invisible(x)
}

#' @export
as.data.frame.margmix_profile <- function(x, ...) {
  attr(x, "level") <- attr(x, "words") <- attr(x, "scales") <- NULL
  structure(x, class = "data.frame")
}

#' @rdname profile.margmix_glmm
#' @details `plot()` draws `zeta` against the value, a panel for each parameter, with dotted lines
#'   at the 50, 80, 95 and 99% limits of chi^2 and the straight line that Wald intervals assume.
#' @export
plot.margmix_profile <- function(x, ...) plot(plot_data(x), ...)

#' @rdname plot_data
#' @export
plot_data.margmix_profile <- function(x, ...) {
  check_dots(...)
  slope <- function(part) {
    at <- which(part$.zeta == 0)[1L]
    near <- setdiff(at + -1:1, c(0L, nrow(part) + 1L))
    stats::coef(stats::lm(.zeta ~ .focal, part[near, ]))[[2L]] * (part$.focal - part$.focal[at])
  }
  parts <- split(as.data.frame(x), x$.par)
  picture("profile",
    data.frame(
      panel = rep(names(parts), vapply(parts, nrow, 1L)),
      x = unlist(lapply(parts, `[[`, ".focal")), estimate = unlist(lapply(parts, `[[`, ".zeta")),
      straight = unlist(lapply(parts, slope))
    ),
    main = NULL, xlab = NULL, ylab = "zeta"
  )
}

#' @rdname plot_data
#' @export
plot.margmix_profile_picture <- function(x, xlab = NULL, ylab = NULL, main = NULL, ...) {
  words <- picture_words(x, list(xlab = xlab, ylab = ylab, main = main))
  parts <- split(x, factor(x$panel, unique(x$panel)))
  before <- graphics::par(mfrow = grDevices::n2mfrow(length(parts)), mar = c(4, 4, 2, 1))
  on.exit(graphics::par(before))
  for (name in names(parts)) {
    part <- parts[[name]]
    graphics::plot(part$x, part$estimate,
      type = "n", xlab = words$xlab %||% name, ylab = words$ylab, main = words$main, ...
    )
    graphics::abline(h = profile_lines, col = ink[["grey"]], lty = 3L)
    graphics::lines(part$x, part$straight, col = ink[["vermilion"]], lty = 2L)
    graphics::lines(part$x, part$estimate, col = ink[["blue"]], type = "o", pch = 16L)
  }
  invisible(x)
}

# zeta at the limits of 50, 80, 95 and 99%.
profile_lines <- c(-1, 1) * rep(stats::qnorm((1 + c(0, 0.5, 0.8, 0.95, 0.99)) / 2), each = 2L)

#' @exportS3Method ggplot2::autoplot
autoplot.margmix_profile <- function(object, ...) ggplot2::autoplot(plot_data(object))

#' @exportS3Method ggplot2::autoplot
autoplot.margmix_profile_picture <- function(object, ...) {
  words <- picture_words(object)
  data <- as.data.frame(object)
  data$panel <- factor(data$panel, unique(data$panel))
  ggplot2::ggplot(data, aes_of(x = "x", y = "estimate")) +
    ggplot2::geom_hline(yintercept = profile_lines, colour = ink[["grey"]], linetype = 3L) +
    ggplot2::geom_line(aes_of(y = "straight"), colour = ink[["vermilion"]], linetype = 2L) +
    ggplot2::geom_line(colour = ink[["blue"]]) +
    ggplot2::geom_point(colour = ink[["blue"]]) +
    ggplot2::facet_wrap("panel", scales = "free_x") +
    ggplot2::labs(x = words$xlab, y = words$ylab, title = words$main) +
    ggplot2::theme_bw()
}
