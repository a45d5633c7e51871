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
#'   `convergence`, `correlation`; notes `boundary`, `two_step`.
#' @noRd
fit_gee_design <- function(design, family, correlation = cor_independence(), scale = NULL,
                           bias_reduce = FALSE, start = NULL, control = gee_control()) {
  check_scale(design, control$threads)
  design <- compact_rows(design, c("trials", "weights"))
  adjustment <- bias_adjustment(family, scale)
  start_glm <- engine_gee_start(
    design, family, start_level(design, family),
    if (bias_reduce && !is.nan(adjustment)) adjustment else 0, control
  )
  separation <- if (bias_reduce) {
    separation_found()
  } else {
    check_separation(design, family, start_glm, control$separation)
  }
  beta <- gee_start_values(design, start_glm, start)
  fit <- engine_gee_fit(
    design, family, correlation, beta, scale, bias_reduce, adjustment, control
  )
  names(fit$beta) <- colnames(design$X)
  names(fit$alpha) <- correlation_labels(correlation, design, fit)
  fit$alpha[no_pairs(fit, correlation, design)] <- NA
  fit$boundary <- correlation_boundary(fit, correlation)
  fit$separation <- separation
  if (is.null(scale) && !has_residuals(fit, design, family)) fit$status <- "no_scale"
  report_gee(fit, design, family, correlation, control)
  # estimates that run to infinity stop somewhere
  fit$converged <- fit$converged && !separation$separated
  frechet <- frechet_count(design, family, correlation, fit, control$threads)
  list(
    beta = fit$beta, phi = fit$phi, alpha = fit$alpha, alpha_engine = fit$alpha_engine,
    correlation = correlation, scale = scale, bias_reduce = bias_reduce,
    boundary = fit$boundary,
    convergence = list(
      converged = fit$converged, criterion = fit$criterion, iterations = fit$iterations,
      halvings = fit$halvings, clamped = fit$clamped, two_step = fit$two_step
    ),
    frechet = frechet, start_glm = start_glm, separation = separation, control = control
  )
}

# The dispersion that Firth's adjustment is multiplied by, NaN for phi. That of a binomial or
# Poisson likelihood is 1; the estimate of it goes to 0 just where the adjustment is to keep
# estimates finite.
bias_adjustment <- function(family, scale) {
  scale %||% if (has_phi(family)) NaN else 1
}

gee_start_values <- function(design, start_glm, start) {
  if (is.null(start)) return(start_glm$beta)
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

# Are Pearson residuals more than rounding? They are not where every row is fitted exactly.
has_residuals <- function(fit, design, family) {
  mu <- family$linkinv(start_level(design, family))
  isTRUE(fit$phi > 1e-20 * squared_response(design) / (nrow(design$X) * family$variance(mu)))
}

# The weighted sum of squares of the responses.
squared_response <- function(design) UseMethod("squared_response")

#' @export
squared_response.default <- function(design) {
  trials <- stored_values(design, "trials")
  sum(stored_values(design, "weights") * trials * (design$y / trials)^2)
}

# Parameters that no pair of rows has anything to say of: they play no part in the fit.
no_pairs <- function(fit, correlation, design) {
  correlation_fact(correlation, "empty")(fit, design, correlation)
}

#' Correlations that ended at an end of their range
#' @return Their names.
#' @noRd
correlation_boundary <- function(fit, correlation) {
  at_end <- correlation_fact(correlation, "at_end")(fit)
  names(fit$alpha)[at_end %in% TRUE]
}

# Only single 0/1 responses have the bounds. What is found belongs to the summary: the coefficients
# and robust standard errors do not rest on it.
frechet_count <- function(design, family, correlation, fit, threads) {
  if (!is_binary(family, design) || !any(fit$alpha_engine != 0) || fit$status != "ok") return(NULL)
  engine_frechet(design, family, correlation, fit$beta, fit$alpha_engine, threads)
}
