# The methods that every R model has, for marginal models.

#' Parts of a marginal fit
#'
#' @description
#' ```
#' fit <- gee(resp ~ age + smoke, ohio, id = id, family = binomial(), corstr = "exchangeable")
#' coef(fit)
#' ```
#'
#' @details
#' Rows are in the caller's order everywhere.
#'
#' * `coef()` and `fixef()`: the coefficients on the scale of the predictor, averaged over the
#'   population. Aliased coefficients are `NA`.
#' * `family()`: the family as given, including quasi families.
#' * `nobs()`: the number of rows fitted. `sigma()`: the square root of the scale phi.
#' * `weights()`: prior weights, times the number of trials.
#' * `df.residual()`: the smallest degrees of freedom of the coefficients in `summary()`, for
#'   functions that use one value for all t intervals.
#' * `estfun()` and `bread()` of package \pkg{sandwich}: the scores of the clusters (K x p) and K
#'   times B^-1, so that `sandwich()` gives `vcov(fit, "robust")`.
#' * `logLik()`, `AIC()`, `BIC()` and `deviance()` are errors, since estimating equations have no
#'   likelihood. See [qic()].
#'
#' @param object,x,formula A fit of [gee()].
#' @param digits Significant digits to print.
#' @param ... Not used.
#' @return As described.
#' @name gee-methods
NULL

#' @rdname gee-methods
#' @export
print.margmix_gee <- function(x, digits = max(3L, getOption("digits") - 3L), ...) {
  digits <- known_digits(digits)
  say(gee_heading(x, digits), sep = "\n")
  print_estimates(x, marginal_heading(x), "no coefficients", digits)
}

# What was fitted: heading, formula, data, family, correlation and scale.
gee_heading <- function(fit, digits = 4L, with_alpha = TRUE) {
  formula <- paste(deparse(stats::formula(fit), width.cutoff = 80L), collapse = "\n         ")
  c(
    "Marginal (population-averaged) model, fitted by generalized estimating equations",
    paste("Formula:", formula),
    if (has_text(fit$frame$data_name)) paste("Data:   ", fit$frame$data_name),
    paste0("Family:  ", family_label(fit$family)),
    if (fit$bias_reduce) "Method:  bias-reducing (Firth-type) adjustment of the equations",
    if (with_alpha) {
      c(
        paste("Working correlation:", correlation_words(fit, digits)),
        paste0(
          "Scale:   ", format(fit$phi, digits = digits),
          if (is.null(fit$scale)) " (estimated)" else " (fixed)"
        )
      )
    }
  )
}

# The working correlation, and the time its parameters belong to where that is not one visit.
correlation_title <- function(fit) {
  design <- fit$design
  unit <- visit_lag(design)
  paste0(
    fit$correlation$label, if (unit != 1) paste(", lags of", format(unit)),
    if (uneven_times(design)) ", correlation over time 1"
  )
}

# Do rows that follow each other lie at other times than 1 apart?
uneven_times <- function(design) UseMethod("uneven_times")

#' @export
uneven_times.default <- function(design) {
  if (is.null(design$time)) return(FALSE)
  gaps <- diff(design$time)
  gaps[design$start[-c(1L, length(design$start))]] <- 1
  !all(gaps %in% c(0, 1))
}

correlation_words <- function(fit, digits) {
  alpha <- fit$alpha
  if (!length(alpha)) return(fit$correlation$label)
  paste0(
    correlation_title(fit), ", ",
    some_of(paste(names(alpha), "=", vapply(alpha, format, "", digits = digits)), 6L)
  )
}

#' @rdname gee-methods
#' @export
coef.margmix_gee <- function(object, ...) object$coefficients

#' @rdname gee-methods
#' @export
sigma.margmix_gee <- function(object, ...) sqrt(object$phi)

#' @rdname gee-methods
#' @export
nobs.margmix_gee <- function(object, ...) row_count(object$design)

#' @rdname gee-methods
#' @export
family.margmix_gee <- function(object, ...) object$family$given %||% object$family

#' @rdname gee-methods
#' @export
formula.margmix_gee <- function(x, ...) {
  if (!"." %in% all.names(x$formula)) return(x$formula)
  x$frame$parsed$fixed
}

#' @rdname gee-methods
#' @export
terms.margmix_gee <- function(x, ...) fixed_terms(x$design)

#' @rdname gee-methods
#' @export
model.frame.margmix_gee <- function(formula, ...) {
  check_in_memory(formula$design)
  formula$frame$frame
}

#' @rdname gee-methods
#' @export
model.matrix.margmix_gee <- function(object, ...) fixed_matrix(object)

#' @rdname gee-methods
#' @export
df.residual.margmix_gee <- function(object, ...) smallest_df(object)

#' @rdname gee-methods
#' @export
logLik.margmix_gee <- function(object, ...) refuse_likelihood("log-likelihood")

#' @rdname gee-methods
#' @param k Not used.
#' @export
AIC.margmix_gee <- function(object, ..., k = 2) refuse_likelihood("AIC")

#' @rdname gee-methods
#' @export
BIC.margmix_gee <- function(object, ...) refuse_likelihood("BIC")

#' @rdname gee-methods
#' @export
deviance.margmix_gee <- function(object, ...) refuse_likelihood("deviance")

#' @export
profile.margmix_gee <- function(fitted, ...) refuse_likelihood("profile")

refuse_likelihood <- function(what) {
  abort("no_likelihood", paste0("Estimating equations have no likelihood, hence no ", what, "."),
    hint = "qic() compares marginal models."
  )
}

# What only mixed models have.

#' @rdname gee-methods
#' @export
fixef.margmix_gee <- function(object, ...) object$coefficients

#' @export
ranef.margmix_gee <- function(object, ...) refuse_random()

#' @export
VarCorr.margmix_gee <- function(x, sigma = 1, ...) refuse_random()

refuse_random <- function() {
  abort("no_random", "Marginal models have no random effects.",
    hint = "glmm() has them; component(fit, \"alpha\") has the working correlation."
  )
}

#' @export
simulate.margmix_gee <- function(object, nsim = 1, seed = NULL, ...) {
  abort("no_likelihood", "Estimating equations have no distribution to simulate from.",
    hint = "Simulate from a fit of glmm()."
  )
}

#' @export
plot.margmix_gee <- function(x, ...) refuse_gee_picture()

# The parts of component().
gee_components <- function() {
  shared <- c(
    "beta", "phi", "convergence", "boundary", "separation", "notes", "warnings", "control", "X",
    "y", "trials", "weights", "offset", "cluster", "levels", "cluster_sizes", "group", "n_total",
    "n_dropped", "na.action"
  )
  c(fit_components[shared], list(
    alpha = stored("alpha"), correlation = stored("correlation"), frechet = stored("frechet"),
    scale = stored("scale"), waves = function(fit) wave_levels(fit$design),
    scores = function(fit) cluster_pieces(fit)$scores,
    information = function(fit) cluster_pieces(fit)$information
  ))
}
