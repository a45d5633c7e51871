# Do the responses vary more within clusters than the family says?

#' Overdispersion within clusters
#'
#' @description
#' ```
#' fit <- glmm(seizures ~ treatment + (1 | subject), epilepsy, poisson())
#' diagnose_overdispersion(fit)
#' ```
#'
#' @details
#' The statistic is Pearson's: the sum of w (y - mu)^2 / V(mu) over the rows, with mu at the modes
#' of the random effects. Since modes follow the data, it does not have a chi-square distribution,
#' and dividing it by residual degrees of freedom, as is often done, is a guess. Its distribution is
#' therefore simulated: `nsim` data sets are drawn from the fitted model, with new random effects,
#' and the statistic is computed at the new modes of each. The parameters stay at their estimates,
#' which makes the test slightly conservative.
#'
#' The ratio is the statistic divided by the mean of the simulated ones. If it is significantly
#' above 1, counts can be modelled by [nbinom2()] or [nbinom1()], binomial counts by
#' [betabinomial()], and both by a random effect of each row; or a covariate, a random slope or the
#' link is wrong.
#'
#' Families whose dispersion is a free scale (Gaussian, Gamma, inverse Gaussian) have nothing to
#' test, and single 0/1 responses can't show overdispersion.
#'
#' @param fit A fit of [glmm()] with normal random effects, by any grouping factors.
#' @param nsim Number of simulated data sets.
#' @param level The check fires if the one-sided p-value of either tail is below (1 - `level`) / 2.
#' @param seed Seed of the simulation; the state of the generator is restored. `NULL` draws from
#'   that state.
#' @param x The result.
#' @param digits Significant digits to print.
#' @param ... Passed on by `plot()`; otherwise not used.
#' @return A list of class `margmix_overdispersion`: `statistic`, `simulated` (`nsim` numbers),
#'   `ratio`, `p.value` (two-sided), `fires`, `seed`. `plot()` draws the simulated statistics and
#'   the observed one.
#'
#'   If package \pkg{performance} is installed, its `check_overdispersion()` runs this test.
#' @section Errors: `margmix_error_overdispersion` if the response can't show it;
#'   `margmix_error_random_distribution`; `margmix_error_too_large` for crossed factors that are too
#'   large to factorize.
#' @examples
#' fit <- glmm(seizures ~ treatment + (1 | subject), epilepsy, poisson())
#' diagnose_overdispersion(fit, nsim = 50)
#' @export
diagnose_overdispersion <- function(fit, nsim = 200L, level = 0.95, seed = 1, ...) {
  check_dots(..., known = names(formals(diagnose_overdispersion)))
  check_glmm(fit)
  check_level(level)
  check_whole(nsim, "nsim", 1)
  check_normal(fit, "The test for overdispersion")
  check_can_overdisperse(fit)
  plan <- simulation_plan(fit, NULL, 1)
  statistic <- pearson_statistic(fit, row_response(fit$design))
  simulated <- with_seed(seed, vapply(seq_len(nsim), function(i) {
    y <- simulate_response(fit, plan, FALSE)
    attributes(y) <- NULL
    pearson_statistic(fit, y)
  }, 0))
  known <- simulated[is.finite(simulated)]
  upper <- (1 + sum(known >= statistic)) / (1 + length(known))
  lower <- (1 + sum(known <= statistic)) / (1 + length(known))
  structure(list(
    statistic = statistic, simulated = simulated, ratio = statistic / mean(known),
    p.value = min(1, 2 * min(upper, lower)), fires = min(upper, lower) < (1 - level) / 2,
    level = level, seed = seed, family = fit$family, nsim = nsim
  ), class = "margmix_overdispersion")
}

#' @section Errors: `overdispersion`.
#' @noRd
check_can_overdisperse <- function(fit) {
  family <- fit$family
  if (scales_variance(family)) {
    abort("overdispersion", "Overdispersion needs a family without a free scale.",
      given = paste0(
        family$family, ", whose dispersion is estimated: ", signif(stats::median(fit$phi), 3L)
      )
    )
  }
  if (has_trials(family) && max(row_trials(fit$design)) <= 1) {
    abort("overdispersion", "Single 0/1 responses cannot show overdispersion.",
      given = "one trial in each row",
      hint = "Group the rows that share covariates as cbind(success, failure)."
    )
  }
}

# Pearson's statistic with the modes of the random effects that belong to y.
pearson_statistic <- function(fit, y) {
  design <- fit$design
  design$y <- y
  found <- engine_evaluate(
    design, fit$family, fit_psi(fit), 1L, 0L, fit$modes, fit$control
  )
  if (found$status != "ok") return(NA_real_)
  eta <- predictor_at_modes(design, list(
    beta = fit$beta, Lambda = fit$Lambda, modes = found$modes
  ))
  mu <- fit$family$linkinv(eta)
  trials <- row_trials(design)
  variance <- variance_scale(fit) * family_tools(fit$family)$variance(mu, fit$phi, trials)
  squares <- row_weights(design) * trials * (y / trials - mu)^2 / variance
  sum(squares[used_rows(design)])
}

#' @rdname diagnose_overdispersion
#' @export
print.margmix_overdispersion <- function(x, digits = 3L, ...) {
  digits <- known_digits(digits)
  say("Overdispersion within clusters, ", x$family$family,
    " family: Pearson statistic at the modes\nagainst ", x$nsim, " simulations from the fit (seed ",
    if (is.null(x$seed)) "not set" else x$seed, ")\n\n",
    "Ratio to the simulated mean: ", format(x$ratio, digits = digits), ", p = ",
    format.pval(x$p.value, digits = 2L), "\n",
    sep = ""
  )
  say(if (!x$fires) {
    "No problem found."
  } else if (x$ratio > 1) {
    "The responses vary more within clusters than the family implies."
  } else {
    "The responses vary less within clusters than the family implies."
  }, "\n", sep = "")
  invisible(x)
}

#' @exportS3Method performance::check_overdispersion
check_overdispersion.margmix_glmm <- function(x, ...) {
  found <- diagnose_overdispersion(x, ...)
  structure(list(
    chisq_statistic = found$statistic, dispersion_ratio = found$ratio,
    residual_df = stats::df.residual(x), p_value = found$p.value
  ), class = c("check_overdisp", "see_check_overdisp"), simulated = TRUE)
}
