# The same model under several distributions of its random effect, side by side.

#' How much depends on the distribution of the random effect?
#'
#' @description
#' ```
#' fit <- glmm(outcome ~ treat + age + (1 | patient), respiratory, binomial())
#' compare_distributions(fit, exposure = "treat")
#' ```
#'
#' @details
#' The model is fitted with normal random effects; with the bridge distribution if the link is
#' logit; with a t distribution ([t_effects()]) if there is only a random intercept; and with
#' [mass_points()], which assumes no distribution. Results that agree do not depend on the choice.
#' Effects of covariates within clusters usually agree closely; intercepts, effects between clusters
#' and predictions for single clusters less so (McCulloch and Neuhaus 2011). Under a log link a t
#' distribution has no population mean, and its column is `NA`.
#'
#' @param fit A fit of [glmm()] with one random effect and a family without a dispersion parameter.
#' @param exposure Name of a covariate. Population means are then computed with all rows set to each
#'   of its values, with differences from the first, as by [marginal_standardization()].
#' @param points As in [mass_points()].
#' @param df Degrees of freedom of the t distribution; by default those of `fit`, otherwise 5.
#' @param x The result.
#' @param digits Significant digits to print.
#' @param ... Not used.
#' @return A list of class `margmix_distributions`: `coefficients`, a data frame with a column for
#'   each distribution and `std.error`, that of `fit`; `means`, population means and their
#'   differences (without `exposure`, the mean of all rows as they are); `criteria`: `logLik`,
#'   `parameters`, `AIC` and `sd` of the random effect; `df` of the t distribution; `fits`.
#' @section Conditions: those of [mass_points()] and [t_effects()].
#' @references
#' McCulloch, C. E. and Neuhaus, J. M. (2011). Misspecifying the shape of a random effects
#' distribution: why getting it wrong may not matter. *Statistical Science* 26, 388-402.
#' @examples
#' fit <- glmm(cbind(r, n - r) ~ seed + (1 | plate), seeds, binomial(), nAGQ = 7)
#' compare_distributions(fit, exposure = "seed")
#' @export
compare_distributions <- function(fit, exposure = NULL, points = NULL, df = NULL, ...) {
  check_dots(..., known = names(formals(compare_distributions)))
  check_glmm(fit)
  check_in_memory(fit$design)
  check_one_effect(fit)
  own <- random_distribution(fit$design)
  fits <- lapply(compared_laws(fit, df), function(law) {
    if (identical(law, own)) fit else with_random_distribution(fit, law)
  })
  fits$mass_points <- mass_points(fit, points)
  rows <- compared_rows(fit, exposure)
  means <- vapply(fits, function(other) {
    vapply(rows, function(row) population_mean_of(other, row), 0)
  }, numeric(length(rows)))
  means <- matrix(means, length(rows), dimnames = list(names(rows), names(fits)))
  if (length(rows) > 1L) {
    differences <- means[-1L, , drop = FALSE] - rep(means[1L, ], each = length(rows) - 1L)
    rownames(differences) <- paste(rownames(differences), "minus", rownames(means)[1L])
    means <- rbind(means, differences)
  }
  loglik <- lapply(fits, stats::logLik)
  structure(list(
    coefficients = data.frame(
      do.call(cbind, lapply(fits, `[[`, "beta")),
      std.error = sqrt(diag(beta_vcov(fit, "model")$vcov)), row.names = names(fit$beta)
    ),
    means = as.data.frame(means),
    criteria = data.frame(
      logLik = vapply(loglik, as.numeric, 0), parameters = vapply(loglik, attr, 0, "df"),
      AIC = vapply(loglik, stats::AIC, 0),
      sd = vapply(fits, function(other) other$sd %||% abs(other$theta[[1L]]), 0)
    ),
    df = if (!is.null(fits$t)) random_distribution(fits$t$design)$df,
    exposure = exposure, fits = fits, fit = fit
  ), class = "margmix_distributions")
}

# Those that the family and the random term have, by name.
compared_laws <- function(fit, df) {
  own <- random_distribution(fit$design)
  t <- if (is.null(df) && !is.na(own$df)) own else t_effects(if (is.null(df)) 5 else df)
  laws <- list(normal = new_law("normal"))
  if (has_bridge(fit$family)) laws$bridge <- new_law("bridge")
  if (has_smooth_integrand(fit$family) && all(design_Z(fit$design) == 1)) laws$t <- t
  laws
}

# The same design with effects of another distribution.
with_random_distribution <- function(fit, law) {
  design <- random_part(fit$design, law)
  record <- condition_record()
  estimate <- withCallingHandlers(
    fit_design(design, fit$family, "auto", FALSE, NULL, fit$control),
    margmix_warning = record$keep, margmix_note = record$keep
  )
  call <- fit$call
  call$random_distribution <- law_call(law)
  new_fit("margmix_glmm", estimate, call, fit$family, fit$frame, design, record$notes(),
    record$warnings())
}

# The rows as they are, or with the exposure set to each of its values: X, Z, offset, and weights.
compared_rows <- function(fit, exposure) {
  weight <- row_sizes(fit$design)
  if (is.null(exposure)) {
    rows <- list(
      X = design_X(fit$design), Z = design_Z(fit$design), offset = row_offset(fit$design)
    )
    return(list(`all rows` = c(rows, list(weight = weight))))
  }
  target <- fit_target(fit)
  settings <- exposure_settings(fit, exposure, NULL, NULL, target)
  out <- lapply(seq_along(settings$labels), function(k) {
    setting <- lapply(unclass(settings$values)[settings$exposure], `[`, k)
    rows <- counterfactual_design(fit, target, setting, rep(TRUE, target$n))
    c(rows[c("X", "Z", "offset")], list(weight = weight))
  })
  stats::setNames(out, settings$labels)[order(seq_along(out) != settings$reference)]
}

#' The mean of rows over the distribution of the random effect
#' @noRd
population_mean_of <- function(fit, rows) UseMethod("population_mean_of")

#' @export
population_mean_of.margmix_glmm <- function(fit, rows) {
  eta <- drop(rows$X %*% fit$beta) + rows$offset
  s <- abs(fit$theta[[1L]] * rows$Z[, 1L])
  mean <- tryCatch(
    engine_population_mean(eta, s, population_law(fit))$mean,
    margmix_error_population_mean = function(e) NA_real_
  )
  sum(rows$weight * mean) / sum(rows$weight)
}

#' @export
population_mean_of.margmix_mass_points <- function(fit, rows) {
  eta <- drop(rows$X %*% fit$beta) + rows$offset
  mean <- drop(fit$fit$family$linkinv(outer(eta, fit$points$held, function(e, b) {
    e + b * rows$Z[, 1L]
  })) %*% fit$points$mass)
  sum(rows$weight * mean) / sum(rows$weight)
}

#' @rdname compare_distributions
#' @export
print.margmix_distributions <- function(x, digits = max(3L, getOption("digits") - 3L), ...) {
  digits <- known_digits(digits)
  say("One model, ", length(x$fits), " distributions of the random effect by ",
    code(cluster_group(x$fit$design)), "\n\n", sep = "")
  say(coefficient_heading(), ":\n", sep = "")
  print(format(x$coefficients, digits = digits))
  by <- if (!is.null(x$exposure)) paste(" by", code(x$exposure))
  say("\nPopulation means", by, ":\n", sep = "")
  print(format(x$means, digits = digits))
  cat("\n")
  print(format(x$criteria, digits = digits + 2L))
  if (length(x$df)) {
    say("t: ", format(x$df), " degrees of freedom",
      if (anyNA(x$means$t)) "; under a log link it has no population mean", "\n", sep = "")
  }
  say("\n", movement_words(x), "\n", sep = "")
  invisible(x)
}

# By how much coefficients other than the intercept, and means, move between distributions.
movement_words <- function(x) {
  names <- names(x$fits)
  spread <- function(table) {
    apply(as.matrix(table[names]), 1L, function(v) diff(range(v, na.rm = TRUE)))
  }
  slopes <- rownames(x$coefficients) != "(Intercept)"
  moves <- (spread(x$coefficients) / x$coefficients$std.error)[slopes]
  c_words <- if (length(moves)) {
    paste0(
      "coefficients move by up to ", sprintf("%.2f", max(moves)), " standard errors (",
      code(names(moves)[which.max(moves)]), "), and "
    )
  }
  paste0(
    "Across distributions, ", c_words, "population means and their differences move by up to ",
    format(signif(max(spread(x$means)), 2L)), ".\n",
    if (length(moves) && max(moves) > 0.5) {
      "The choice matters here: report it, and why."
    } else {
      "The choice hardly matters for what is shown here."
    }
  )
}
