# The picture of conditional and marginal: curves of clusters in grey, their average over them.

#' @rdname compare_effects
#' @param along The covariate on the horizontal axis; by default the first numeric one, or the
#'   first factor.
#' @param at A named list of values of other covariates.
#' @param clusters Number of curves of single clusters.
#' @param xlab,ylab,main Axis labels and title.
#' @export
plot.margmix_effects <- function(x, along = NULL, at = list(), clusters = 50L, xlab = NULL,
                                 ylab = NULL, main = NULL, ...) {
  drawn <- plot_data(x, along = along, at = at, clusters = clusters)
  plot(drawn, xlab = xlab, ylab = ylab, main = main, ...)
}

#' @rdname plot_data
#' @param along,at,clusters For [compare_effects()]: see there.
#' @export
plot_data.margmix_effects <- function(x, along = NULL, at = list(), clusters = 50L, ...) {
  check_dots(..., known = names(formals(plot_data.margmix_effects)))
  fit <- x$glmm
  check_whole(clusters, "clusters", 0)
  new <- typical_rows(fit, along, at)
  names <- c(
    cluster = paste0(some_of(cluster_group(fit$design)), ", ", clusters, " ",
      if (ncol(fit$Lambda) > 1L) "draws" else "quantiles"
    ),
    zero = "random effect 0",
    population = "population (glmm)", gee = "population (gee)"
  )
  positions <- data.frame(x = new$x, label = new$labels %||% NA_character_)
  curve <- function(name, values, cluster = NA_integer_) {
    data.frame(curve = names[[name]], cluster = cluster, positions, values)
  }
  mean_of <- function(effects) mean_with_limits(fit, new$data, x$level, random_effects = effects)
  data <- rbind(
    cluster_curves(fit, new, clusters, curve),
    curve("zero", mean_of("zero")), curve("population", mean_of("integrate")),
    if (!is.null(x$gee)) curve("gee", mean_with_limits(x$gee, new$data, x$level))
  )
  data$curve <- factor(data$curve, names)
  picture("curves", data,
    xlab = new$along, ylab = capital(mean_words_of(fit$family)), main = new$held, level = x$level
  )
}

# The curves of clusters have no limits: they stand for the distribution.
cluster_curves <- function(fit, new, clusters, curve) {
  rows <- design_newdata(fit, new$data, "Z", stats::na.pass)
  b <- typical_effects(fit, clusters)
  eta <- fixed_predictor(fit, rows) + rows$Z %*% t(b)
  do.call(rbind, lapply(seq_len(clusters), function(k) {
    mean <- fit$family$linkinv(eta[, k])
    curve("cluster", data.frame(estimate = mean, conf.low = NA_real_, conf.high = NA_real_), k)
  }))
}

#' Means of rows with limits, from the scale of the predictor
#'
#' @param ... Arguments of `predict()`: what the random effects are.
#' @noRd
mean_with_limits <- function(fit, newdata, level, ...) {
  eta <- stats::predict(fit, newdata, type = "link", se.fit = TRUE, ...)
  half <- stats::qt((1 + level) / 2, smallest_df(fit)) * eta$se.fit
  ends <- lapply(list(eta$fit - half, eta$fit + half), fit$family$linkinv)
  data.frame(
    estimate = fit$family$linkinv(eta$fit), conf.low = pmin(ends[[1L]], ends[[2L]]),
    conf.high = pmax(ends[[1L]], ends[[2L]]), row.names = NULL
  )
}

mean_words_of <- function(family) {
  switch(mean_kind(family),
    probability = "probability", proportion = "mean proportion", mean = "mean"
  )
}

capital <- function(text) paste0(toupper(substr(text, 1L, 1L)), substring(text, 2L))

# Drawing -----------------------------------------------------------------------------------------

# How each curve is drawn, in the order of its levels.
curve_style <- data.frame(
  colour = c(ink[["grey"]], ink[["vermilion"]], ink[["black"]], ink[["blue"]]),
  type = c(1L, 2L, 1L, 4L), width = c(0.5, 2, 3, 3), shape = c(NA, 1L, 19L, 17L),
  shift = c(0, -0.05, 0, 0.05)
)

#' @rdname plot_data
#' @param ylab Label of the vertical axis.
#' @export
plot.margmix_curves_picture <- function(x, xlab = NULL, ylab = NULL, main = NULL, ...) {
  words <- picture_words(x, list(xlab = xlab, ylab = ylab, main = main))
  labels <- shown_labels(x)
  shown <- range(x$estimate, x$conf.low, x$conf.high, na.rm = TRUE, finite = TRUE)
  there <- which(table(x$curve) > 0)
  plan <- legend_plan(levels(x$curve)[there])
  legend_plot(x$x, shown, words, plan,
    xaxt = if (is.null(labels)) "s" else "n",
    xlim = range(x$x) + if (is.null(labels)) 0 else c(-0.3, 0.3), ...
  )
  if (!is.null(labels)) graphics::axis(1L, seq_along(labels), labels)
  for (k in seq_len(nlevels(x$curve))) {
    part <- x[as.integer(x$curve) == k, ]
    if (is.null(labels)) draw_curve(part, curve_style[k, ]) else draw_levels(part, curve_style[k, ])
  }
  inner_legend(plan,
    col = curve_style$colour[there], lty = curve_style$type[there],
    lwd = pmax(curve_style$width[there], 1),
    pch = if (is.null(labels)) NA else curve_style$shape[there]
  )
  invisible(x)
}

draw_curve <- function(part, style) {
  banded <- part[!is.na(part$conf.low), ]
  if (nrow(banded)) {
    graphics::polygon(c(banded$x, rev(banded$x)), c(banded$conf.low, rev(banded$conf.high)),
      border = NA, col = grDevices::adjustcolor(style$colour, 0.15)
    )
  }
  for (curve in split(part, factor(part$cluster, exclude = NULL))) {
    graphics::lines(curve$x, curve$estimate,
      col = style$colour, lty = style$type, lwd = style$width
    )
  }
}

# At the levels of a factor: points with intervals, side by side; clusters stay lines.
draw_levels <- function(part, style) {
  if (all(is.na(part$conf.low))) return(draw_curve(part, style))
  x <- part$x + style$shift
  graphics::segments(x, part$conf.low, x, part$conf.high, col = style$colour, lwd = style$width)
  graphics::points(x, part$estimate, col = style$colour, pch = style$shape, cex = 1.3)
}

# The labels of a factor on the horizontal axis, in order; NULL for numbers.
shown_labels <- function(x) {
  if (!anyNA(x$label)) x$label[match(seq_len(max(x$x)), x$x)]
}

# Rows to draw -------------------------------------------------------------------------------------

# Random effects that stand for the population: quantiles of one, draws from the normal
# distribution (with a seed) of several.
typical_effects <- function(fit, clusters) {
  q <- ncol(fit$Lambda)
  if (q > 1L) {
    u <- with_seed(20L, matrix(stats::rnorm(clusters * q), clusters))
    return(u %*% t(fit$Lambda))
  }
  u <- stats::qnorm((seq_len(clusters) - 0.5) / clusters)
  matrix(effects_of_draws(fit$design, fit, u) * fit$Lambda[1L])
}

# Rows along one covariate, the others at their mean, first level or at the values given.
typical_rows <- function(fit, along, at) {
  variables <- model_variables(fit)
  bad <- setdiff(c(along, names(at)), names(variables))
  one <- is.null(along) || is.character(along) && length(along) == 1L
  if (!one) abort("argument", "`along` must be one name.", given = value_text(along))
  if (length(bad) || !is.list(at)) {
    abort("argument", "`along` and `at` must name covariates of the model.",
      given = if (is.list(at)) some_of(code(bad)) else class(at)[1L],
      hint = paste0("There are ", some_of(code(names(variables))), ".")
    )
  }
  if (!length(variables)) {
    abort("argument", "The model must have a covariate to draw the means against.")
  }
  numeric <- vapply(variables, is.numeric, NA)
  along <- along %||% c(names(variables)[numeric], names(variables))[1L]
  values <- variables[[along]]
  values <- if (is.numeric(values)) {
    seq(min(values), max(values), length.out = 101L)
  } else {
    level_values(values)
  }
  typical <- lapply(variables, function(v) if (is.numeric(v)) mean(v) else level_values(v)[1L])
  typical[names(at)] <- at
  typical[[along]] <- values
  numbers <- is.numeric(values)
  list(
    data = data.frame(typical, check.names = FALSE), along = along,
    x = if (numbers) values else seq_along(values), labels = if (!numbers) as.character(values),
    held = held_words(typical[names(typical) != along])
  )
}

# "arm = control, age = 45.2", or of many the first three.
held_words <- function(values) {
  if (!length(values)) return(NULL)
  shown <- vapply(values, function(v) if (is.numeric(v)) format(v, digits = 3L) else paste(v), "")
  words <- paste(names(values), "=", shown)
  paste(c(utils::head(words, 3L), if (length(words) > 3L) "..."), collapse = ", ")
}

level_values <- function(v) if (is.factor(v)) factor(levels(v), levels(v)) else sort(unique(v))

#' Covariates of a model as they came, before functions in its formula
#'
#' @return A named list; those of the fixed effects first.
#' @noRd
model_variables <- function(fit) {
  frame <- fit$frame$frame
  bars <- lapply(fit$frame$parsed$random, function(term) all.vars(term$lhs))
  names <- unique(c(all.vars(stats::delete.response(fixed_terms(fit$design))), unlist(bars)))
  offsets <- all.vars(fit$call$offset)
  names <- unique(c(names, intersect(offsets, fit$frame$data_columns)))
  env <- environment(stats::formula(fit))
  data <- if (!all(names %in% names(frame))) eval(fit$call$data, env)
  found <- lapply(stats::setNames(names, names), function(name) {
    value <- frame[[name]] %||% data[[name]] %||% get0(name, envir = env)
    value[!is.na(value)]
  })
  Filter(function(v) length(v) > 1L && is.atomic(v), found)
}
