# Responses drawn from a fitted model.

#' Simulate responses from a mixed model
#'
#' @description
#' ```
#' fit <- glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial())
#' simulate(fit, nsim = 2, seed = 1)
#' ```
#'
#' @details
#' The parameters are those of the fit. `re.form` has the same meaning as in package \pkg{lme4}:
#'
#' * `NA` or `~ 0`, the default: every simulation draws new random effects for every cluster, b ~
#'   N(0, Lambda Lambda') if they are normal, so the clusters are a new sample from the population;
#' * `NULL`: the random effects are those of the fit, at their modes; only clusters of `newdata`
#'   that were not in the fit get new ones.
#'
#' Prior weights of a Gaussian family divide the variance. In other families, and as frequencies,
#' weights do not change the distribution of a response.
#'
#' @param object A fit by [glmm()].
#' @param nsim Number of simulations.
#' @param seed A whole number to start the random number generator from; its state is then restored.
#'   `NULL`: draw from the current state.
#' @param re.form `NA` or `~ 0`: draw new random effects. `NULL`: keep those of the fit.
#' @param newdata A data frame with covariates, offsets and the grouping variable; `NULL`: the rows
#'   of the fit.
#' @param trials With `newdata`, for a binomial family: the number of trials, one for all rows or
#'   one for each.
#' @param ... Not used; other arguments are an error.
#' @return A data frame with `nsim` columns `sim_1`, `sim_2`, ... and a row for each row of the
#'   data, in their order. Each column is a response in the form given to the fit: numbers, logical,
#'   a factor, `cbind(success, failure)` or a proportion; [refit()] takes it. Rows left out by
#'   `na.exclude` or without a known predictor are `NA`. The attribute `"seed"` is the seed, or the
#'   state of the generator before, as in [stats::simulate()].
#' @section Conditions:
#' * Error `margmix_error_trials`: fractional trials, or several trials in a row if the response is
#'   logical or a factor.
#' * Warning `margmix_warning_mean_range`: with a log link of a binomial, or an identity link of a
#'   Poisson family, a simulated mean can lie outside its range; such responses are `NA`.
#' * Errors of `newdata` as in [predict.margmix_glmm()].
#' @examples
#' fit <- glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial())
#' new <- simulate(fit, nsim = 2, seed = 1)
#' head(new)
#'
#' # a parametric bootstrap of the treatment effect
#' new <- simulate(fit, nsim = 10, seed = 1)
#' sapply(new, function(y) coef(refit(fit, y))["treatmentdrug"])
#' @importFrom stats simulate
#' @export
simulate.margmix_glmm <- function(object, nsim = 1, seed = NULL, re.form = NA, newdata = NULL,
                                  trials = 1, ...) {
  check_dots(..., known = names(formals(simulate.margmix_glmm)))
  check_whole(nsim, "nsim", 0)
  conditional <- !is_zero_form(re.form)
  plan <- simulation_plan(object, newdata, trials)
  state <- generator_state()
  draws <- with_seed(seed, lapply(seq_len(nsim), function(i) {
    simulate_response(object, plan, conditional)
  }))
  if (any(vapply(draws, function(y) attr(y, "outside"), 0) > 0)) warn_mean_range(object, draws)
  structure(
    lapply(draws, restore_response, object = object, plan = plan),
    names = paste0("sim_", seq_len(nsim), recycle0 = TRUE), class = "data.frame",
    row.names = plan_row_names(plan),
    seed = if (is.null(seed)) state else structure(seed, kind = as.list(RNGkind()))
  )
}

#' What all simulations share
#'
#' @return The rows of [fitted_rows()] or [new_rows()] with `eta`, the predictor without random
#'   effects; `cluster`, a matrix with a column for each grouping factor, in which new clusters
#'   follow those of the fit; `n_clusters`, by factor; `trials`; and `weights`.
#' @noRd
simulation_plan <- function(object, newdata, trials) {
  design <- object$design
  if (is.null(newdata)) {
    plan <- fitted_rows(object, "eb")
    plan$trials <- row_trials(design)
    plan$weights <- cdf_weights(design)
    plan$phi <- object$phi
  } else {
    plan <- new_rows(object, newdata, "eb", stats::na.pass)
    plan$trials <- newdata_trials(trials, length(plan$offset))
    plan$weights <- 1
    plan$phi <- phi_of_rows(object, newdata)
  }
  check_whole_trials(plan$trials, object$frame$frame[[1L]])
  plan$n_clusters <- level_counts(design)
  for (k in seq_len(factor_count(design))) {
    if (is.null(plan$new_label)) next
    label <- plan$new_label[, k]
    new <- unique(label[!is.na(label)])
    if (!length(new)) next
    added <- is.na(plan$cluster[, k])
    plan$cluster[added, k] <- plan$n_clusters[k] + match(label[added], new, NA)
    plan$n_clusters[k] <- plan$n_clusters[k] + length(new)
  }
  plan$eta <- fixed_predictor(object, plan)
  plan$X <- NULL
  plan
}

newdata_trials <- function(trials, n) {
  fits <- is.numeric(trials) && length(trials) %in% c(1L, n) && !anyNA(trials) && all(trials >= 0)
  if (!fits) {
    abort("trials", "`trials` must be one number, or one for each row of `newdata`, none negative.",
      given = paste0("`trials` of length ", length(trials), ", ", n, " rows")
    )
  }
  rep_len(as.numeric(trials), n)
}

check_whole_trials <- function(trials, y) {
  if (any(trials != round(trials))) {
    abort("trials", "Numbers of trials must be whole to simulate from a binomial distribution.",
      given = format(trials[trials != round(trials)][1L])
    )
  }
  if ((is.factor(y) || is.logical(y)) && any(trials > 1)) {
    abort("trials", "A logical response or a factor can hold only one trial per row.",
      hint = "Give the response as cbind(success, failure), or as a proportion."
    )
  }
}

# One simulation: successes or values, with the number of means outside their range as attribute.
simulate_response <- function(object, plan, conditional) {
  b <- random_effects_draws(object, plan$n_clusters, conditional)
  unknown <- rowSums(is.na(plan$cluster)) > 0
  eta <- replace(add_effects(plan$eta, b, plan, object$design), unknown, NA)
  mu <- if (length(eta)) object$family$linkinv(eta) else eta
  range <- family_tools(object$family)$mean_range
  outside <- which(mu < range[1L] | mu > range[2L])
  mu[outside] <- NA
  known <- which(!is.na(mu) & !is.na(plan$phi))
  of_known <- function(x) if (length(x) > 1L) x[known] else x
  y <- rep(NA_real_, length(mu))
  y[known] <- family_tools(object$family)$simulate(
    mu[known], plan$trials[known], of_known(plan$phi), of_known(plan$weights)
  )
  structure(y, outside = length(outside))
}

# By grouping factor, levels x effects: at their modes, or new; levels beyond those of the fit are
# always new.
random_effects_draws <- function(object, n_clusters, conditional) {
  modes <- by_factor(object$design, object$modes)
  Map(function(group, u, m, k) {
    conditional <- conditional || is_smooth(group)
    old <- if (conditional) nrow(u) else 0L
    drawn <- matrix(stats::rnorm((m - old) * ncol(u)), m - old, ncol(u), byrow = TRUE)
    drawn <- effects_of_draws(object$design, object, drawn)
    if (!conditional) {
      rho <- rho_of(object$design, object$rho, k)
      drawn <- related_draws(group$relation, rho, drawn)
    }
    u <- if (conditional) rbind(u, drawn) else drawn
    u %*% t(object$Lambda[group$columns, group$columns, drop = FALSE])
  }, random_factors(object$design), modes, n_clusters, seq_along(modes))
}

warn_mean_range <- function(object, draws) {
  outside <- sum(vapply(draws, function(y) attr(y, "outside"), 0))
  warn("mean_range",
    paste0(
      "Means of a ", object$family$family, " family with ", object$family$link,
      " link can leave their range when random effects are drawn."
    ),
    given = paste0(outside, " of ", length(draws) * length(draws[[1L]]), " responses are NA")
  )
}

# In the caller's order and form.
restore_response <- function(y, object, plan) {
  attributes(y) <- NULL
  model <- object$frame$frame[[1L]]
  trials <- plan$trials
  if (plan$sorted) {
    y <- caller_order(y, object$design)
    trials <- caller_order(trials, object$design)
  }
  if (is.matrix(model) && ncol(model) == 2L) {
    y <- cbind(y, trials - y)
    colnames(y) <- colnames(model)
  } else if (has_trials(object$family)) {
    y <- as_proportion(y, trials, model)
  }
  counts <- is.matrix(y) || family_tools(object$family)$discrete && all(trials == 1)
  if (is.integer(model) && counts) storage.mode(y) <- "integer"
  stats::napredict(plan$na.action, y)
}

as_proportion <- function(y, trials, model) {
  if (is.logical(model)) return(y == 1)
  if (!is.factor(model)) return(ifelse(trials > 0, y / trials, 0 * y))
  used <- if (nlevels(model) > 2L) levels(droplevels(model)) else levels(model)
  factor(used[y + 1], levels(model))
}

plan_row_names <- function(plan) {
  excluded <- inherits(plan$na.action, "exclude")
  if (excluded) {
    padded <- stats::napredict(plan$na.action, stats::setNames(plan$labels, plan$labels))
    return(names(padded))
  }
  plan$labels
}
