# The picture of conditional and marginal: curves of clusters in grey, their average over them.

#' @rdname compare_effects
#' @param along The covariate on the horizontal axis; by default the first numeric one, or the
#'   first factor.
#' @param at A named list with values of other covariates.
#' @param clusters Number of curves of single clusters.
#' @param xlab,ylab Labels of the axes.
#' @export
plot.margmix_effects <- function(x, along = NULL, at = list(), clusters = 50L, xlab = NULL,
                                 ylab = NULL, ...) {
  curves <- effect_curves(x, along, at, clusters)
  graphics::plot(range(curves$x), range(curves$clusters, curves$population, curves$gee),
    type = "n", xlab = xlab %||% curves$along, ylab = ylab %||% curves$label,
    xaxt = curves$xaxt, ...
  )
  if (curves$xaxt == "n") graphics::axis(1L, curves$x, curves$labels)
  graphics::matlines(curves$x, curves$clusters, lty = 1L, lwd = 0.6, col = "grey70")
  graphics::lines(curves$x, curves$zero, lty = 2L, lwd = 1.5, col = "grey30")
  graphics::lines(curves$x, curves$population, lwd = 3)
  red <- "#c8442f"
  if (!is.null(curves$gee)) graphics::lines(curves$x, curves$gee, lty = 3L, lwd = 3, col = red)
  graphics::legend("top",
    horiz = TRUE, inset = c(0, -0.12), xpd = NA, bty = "n", cex = 0.8,
    legend = c(
      paste("a", x$glmm$design$group), "random effect 0", "population (glmm)",
      if (!is.null(curves$gee)) "population (gee)"
    ),
    lty = c(1L, 2L, 1L, 3L)[seq_len(3L + !is.null(curves$gee))], lwd = c(0.6, 1.5, 3, 3),
    col = c("grey70", "grey30", "black", red)
  )
  invisible(curves)
}

#' Curves of clusters and of the population
#'
#' @return A list: `x` (positions), `clusters` (a column for each), `zero`, `population`, `gee` (or
#'   `NULL`), `along`, `labels`, `label`, `xaxt`.
#' @noRd
effect_curves <- function(effects, along, at, clusters) {
  fit <- effects$glmm
  new <- typical_rows(fit, along, at)
  rows <- design_newdata(fit, new$data, "Z", stats::na.pass)
  eta <- fixed_predictor(fit, rows)
  b <- typical_effects(fit, clusters)
  linkinv <- fit$family$linkinv
  random <- rows$Z %*% t(b)
  list(
    x = new$x, clusters = matrix(linkinv(eta + random), length(eta)), zero = linkinv(eta),
    population = engine_population_mean(eta, random_sd(rows$Z, fit$Lambda),
      population_law(fit))$mean,
    gee = if (!is.null(effects$gee)) {
      linkinv(fixed_predictor(effects$gee, design_newdata(effects$gee, new$data, FALSE)))
    },
    along = new$along, labels = new$labels, xaxt = if (is.null(new$labels)) "s" else "n",
    label = switch(mean_kind(fit$family),
      probability = "Probability", proportion = "Mean proportion", mean = "Mean"
    )
  )
}

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
    x = if (numbers) values else seq_along(values), labels = if (!numbers) as.character(values)
  )
}

level_values <- function(v) if (is.factor(v)) factor(levels(v), levels(v)) else sort(unique(v))

#' Covariates of a model as they came, before functions in its formula
#'
#' @return A named list; those of the fixed effects first.
#' @noRd
model_variables <- function(fit) {
  frame <- fit$frame$frame
  bars <- lapply(fit$frame$parsed$random, function(term) all.vars(term$lhs))
  names <- unique(c(all.vars(stats::delete.response(fit$design$terms)), unlist(bars)))
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
