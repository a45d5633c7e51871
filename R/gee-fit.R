# From a design to a fitted marginal model: start GLM, separation, estimating equations.

#' Fit a design by generalized estimating equations
#'
#' @param design From [build_gee_design()].
#' @param family A family object; quasi families in their plain form.
#' @param correlation A specification.
#' @param scale `NULL` (estimated) or the value of phi.
#' @param bias_reduce Add the bias-reducing adjustment?
#' @param start `NULL` or p starting values.
#' @return The fields of a fit that do not depend on the data frame; see [new_fit()].
#' @section Conditions: errors `start`, `gee_failed`, `correlation`; warnings `separation`,
#'   `convergence`, `correlation`; note `boundary`.
#' @noRd
fit_gee_design <- function(design, family, correlation = cor_independence(), scale = NULL,
                           bias_reduce = FALSE, start = NULL, control = gee_control()) {
  check_scale(design)
  start_glm <- engine_gee_start(design, family, start_level(design, family), control)
  separation <- if (bias_reduce) {
    separation_found()
  } else {
    check_separation(design, family, start_glm, control$separation)
  }
  beta <- gee_start_values(design, family, start_glm, start, bias_reduce)
  fit <- engine_gee_fit(design, family, correlation, beta, scale, bias_reduce, control)
  report_gee(fit, design, correlation, control)
  frechet <- frechet_count(design, family, correlation, fit)
  names(fit$beta) <- colnames(design$X)
  names(fit$alpha) <- correlation_labels(correlation, design, length(fit$alpha))
  list(
    beta = fit$beta, phi = fit$phi, alpha = fit$alpha, alpha_engine = fit$alpha_engine,
    correlation = correlation, scale = scale, bias_reduce = bias_reduce,
    boundary = if (fit$bounded) names(fit$alpha)[fit$alpha == 0] else character(),
    convergence = list(
      converged = fit$converged, criterion = fit$criterion, iterations = fit$iterations,
      halvings = fit$halvings, clamped = fit$clamped
    ),
    frechet = frechet, start_glm = start_glm, separation = separation, control = control
  )
}

# Predictor of the model with one mean for all rows.
start_level <- function(design, family) {
  w <- design$weights
  total <- sum(w * design$trials)
  mean <- sum(w * design$y) / total
  if (family$family == "binomial") mean <- (sum(w * design$y) + 0.5) / (total + 1)
  if (family$family == "poisson") mean <- mean + 0.5 / total
  if (family$link == "log") mean <- max(mean, 1e-8)
  family$linkfun(mean)
}

gee_start_values <- function(design, family, start_glm, start, bias_reduce) {
  if (is.null(start)) {
    # The estimates without the adjustment may be infinite: begin at the model of one mean.
    constant <- bias_reduce && ncol(design$X) && all(design$X[, 1L] == 1)
    if (!constant) return(start_glm$beta)
    return(c(start_level(design, family) - mean(design$offset), numeric(ncol(design$X) - 1L)))
  }
  if (inherits(start, "margmix_fit")) start <- start$beta
  if (is.list(start)) start <- start$beta
  if (!is.numeric(start) || length(start) != ncol(design$X) || !all(is.finite(start))) {
    abort("start", "`start` must be a fit, or one finite number for each coefficient.",
      given = paste(class(start)[1L], "of length", length(start)),
      hint = paste("There are", ncol(design$X), "coefficients.")
    )
  }
  start
}

# Only single 0/1 responses have the bounds. What is found belongs to the summary: the coefficients
# and robust standard errors do not rest on it.
frechet_count <- function(design, family, correlation, fit) {
  binary <- family$family == "binomial" && all(design$trials == 1)
  if (!binary || !length(fit$alpha) || all(fit$alpha == 0) || fit$status != "ok") return(NULL)
  engine_frechet(design, family, correlation, fit$beta, fit$alpha_engine)
}

report_gee <- function(fit, design, correlation, control) {
  check_pairs(fit, design, correlation, control)
  if (fit$status != "ok") refuse_gee(fit$status)
  if (!fit$converged) {
    warn("convergence", "The estimating equations were not solved.",
      given = paste0(
        fit$iterations - 1L, " iterations; the last step was ", format(signif(fit$criterion, 2L)),
        " standard errors"
      ),
      hint = "Try corstr = \"independence\", or a larger `max_iterations` in gee_control()."
    )
  }
  if (fit$clamped) {
    warn("correlation", paste(
      "The estimated correlations must form a correlation matrix that is not",
      "nearly singular."
    ),
      given = paste("working correlation", correlation$label),
      hint = c(
        paste0(
          "They were moved towards 0 until no eigenvalue is below ", fit$smallest_eigenvalue,
          "; SEs stay robust to this."
        ),
        "A simpler working correlation may describe the data better."
      )
    )
  }
  if (fit$bounded) {
    note("boundary", paste(
      "Estimated within-cluster correlation was negative and is set to 0 (few or unequal",
      "clusters); SEs stay robust to this."
    ), hint = "gee_control(alpha_bound = FALSE) lifts the bound.")
  }
}

#' Check that the correlations rest on more pairs than there are coefficients
#'
#' Otherwise "pairs - p" is no divisor.
#' @section Conditions: error `few_pairs` with `alpha_method = "sas"`, warning `few_pairs` with
#'   `"default"`, which then divides by the number of pairs.
#' @noRd
check_pairs <- function(fit, design, correlation, control) {
  strict <- control$alpha_method == "sas"
  if (!strict && control$alpha_method != "default") return(invisible())
  few <- which(fit$pairs > 0 & fit$pairs <= ncol(design$X))
  if (correlation$type == "decay") few <- intersect(few, 1L)
  if (!length(few)) return(invisible())
  labels <- correlation_labels(correlation, design, length(fit$pairs))
  raise <- if (strict) abort else warn
  raise("few_pairs", paste(
    "A correlation must rest on more pairs of rows than there are coefficients, where",
    "the divisor is pairs - p."
  ),
    given = paste0(
      some_of(paste0(labels[few], " (", count_of(fit$pairs[few], "pair"), ")")), "; p = ",
      ncol(design$X)
    ),
    hint = c(
      if (!strict) "For these the divisor is the number of pairs.",
      "A simpler working correlation needs fewer pairs; alpha_method = \"geepack\" subtracts no p."
    )
  )
}

refuse_gee <- function(status) {
  must <- switch(status,
    invalid_start = "The means at the starting values must lie inside their range.",
    singular = "The information matrix must be positive definite.",
    no_valid_step = "The search for a solution must not leave the range of the means.",
    no_scale = "The residuals must not all be zero: the scale can't be estimated."
  )
  hint <- switch(status,
    invalid_start = "Give `start`, or use another link.",
    no_valid_step = , singular = c(
      "A simpler working correlation may help: corstr = \"independence\" needs no estimate.",
      "Are responses separated, or fitted means at the end of their range?"
    ),
    no_scale = "Fix it with `scale`, or check the response."
  )
  abort("gee_failed", must, given = paste("engine status", status), hint = hint)
}
