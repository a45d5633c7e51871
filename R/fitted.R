# Fitted values and residuals.

#' Fitted values of a mixed model
#'
#' @description
#' ```
#' fit <- glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial())
#' fitted(fit)
#' ```
#'
#' The mean of each row of the fit in its own cluster, that is, at the mode of the cluster's random
#' effects. This is `predict(object, type = "response")`; see there for other means.
#'
#' @param object A fit of [glmm()].
#' @param ... Not used; other arguments are an error.
#' @return A vector in the order of the data; probabilities for a binomial family. With
#'   `na.action = na.exclude`, rows that were left out are `NA`.
#' @examples
#' fit <- glmm(seizures ~ treatment + (1 | subject), epilepsy, poisson())
#' head(fitted(fit))
#' @export
fitted.margmix_glmm <- function(object, ...) {
  check_dots(...)
  stats::predict(object, type = "response")
}

#' Residuals of a mixed model
#'
#' @description
#' ```
#' fit <- glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial())
#' residuals(fit, "pearson")
#' ```
#'
#' Here y is the response (for a binomial family the proportion), mu its mean, V the variance
#' function, and w the prior weight times the number of trials:
#'
#' * `"deviance"`: sign(y - mu) sqrt(d), with d the contribution of the row to the deviance;
#' * `"pearson"`: (y - mu) sqrt(w / V(mu)); for a Gaussian family neither these nor deviance
#'   residuals are divided by sigma, unless it differs between rows (a `dispersion` formula);
#' * `"response"`: y - mu;
#' * `"working"`: (y - mu) / (d mu / d eta);
#' * `"quantile"`: randomised quantile residuals (Dunn and Smyth 1996), the normal quantiles of a
#'   number drawn uniformly between P(Y < y) and P(Y <= y); if the response is continuous, that
#'   number is the distribution function itself. If the model holds, they are standard normal for
#'   any family.
#'
#' @details
#' `random_effects` chooses mu. At the modes of the random effects (`"eb"`), residuals are those
#' within clusters. Modes follow the data, so with few rows in a cluster such residuals are smaller
#' than under the true random effects, and quantile residuals are not exactly standard normal. With
#' `"integrate"`, quantile residuals use the marginal distribution of a response, with random
#' effects integrated out: each is exactly standard normal if the model holds, apart from the
#' estimation of its parameters, but residuals of one cluster are correlated. Deviance, Pearson and
#' working residuals belong to the conditional distribution and are not defined then.
#'
#' @param object A fit by [glmm()].
#' @param type See above.
#' @param random_effects Which mean: `"eb"`, that of the row's own cluster; `"zero"`, at random
#'   effect 0; `"integrate"`, that of the population (see [predict.margmix_glmm()]).
#' @param seed A whole number that seeds the quantile residuals; the state of the random number
#'   generator is then restored. `NULL`: drawn from the current state.
#' @param ... Not used; other arguments are an error.
#' @return A vector in the order of the data. With `na.action = na.exclude`, rows that were left out
#'   are `NA`.
#' @section Errors: `margmix_error_residuals` for a type that the population mean does not have;
#'   `margmix_error_trials` for quantile residuals with fractional numbers of trials.
#' @references
#' Dunn, P. K. and Smyth, G. K. (1996). Randomized quantile residuals. *Journal of Computational and
#' Graphical Statistics* **5**, 236-244.
#' @examples
#' fit <- glmm(seizures ~ treatment + (1 | subject), epilepsy, poisson())
#' summary(residuals(fit, "pearson"))
#'
#' # too many large ones: seizures vary more than the model says
#' r <- residuals(fit, "quantile", random_effects = "integrate", seed = 1)
#' mean(abs(r) > 2)
#' @export
residuals.margmix_glmm <- function(object,
                           type = c("deviance", "pearson", "response", "working", "quantile"),
                           random_effects = c("eb", "zero", "integrate"), seed = NULL, ...) {
  check_dots(..., known = names(formals(residuals.margmix_glmm)))
  types <- c("deviance", "pearson", "response", "working", "quantile")
  type <- one_of(type, types, "type")
  random_effects <- one_of(random_effects, c("eb", "zero", "integrate"), "random_effects")
  if (random_effects == "integrate" && !type %in% c("response", "quantile")) {
    abort("residuals",
      "With `random_effects = \"integrate\"`, `type` must be \"response\" or \"quantile\".",
      given = paste0("type = \"", type, "\""),
      hint = "The other types belong to the distribution within a cluster."
    )
  }
  object <- fit_to_predict(object, random_effects)
  rows <- fitted_rows(object, random_effects)
  residual <- if (type == "quantile") {
    quantile_residual(object, rows, random_effects, seed)
  } else {
    mean_residual(object, rows, type, random_effects)
  }
  name_rows(residual, rows, object)
}

# Residuals that compare the response to its mean; in the order of the design.
mean_residual <- function(object, rows, type, random_effects) {
  design <- object$design
  family <- object$family
  trials <- row_trials(design)
  mu <- predict_rows(object, rows, "response", random_effects)$fit
  y <- mean_response(design)
  switch(type,
    response = y - mu,
    pearson = (y - mu) * sqrt(
      row_weights(design) * trials /
        (relative_scale(object) * family_tools(family)$variance(mu, object$phi, trials))
    ),
    working = (y - mu) / family$mu.eta(family$linkfun(mu)),
    deviance = {
      d <- family_tools(family)$deviance(
        row_response(design), mu, trials, row_weights(design), object$phi
      )
      sign(y - mu) * sqrt(pmax(d, 0) / relative_scale(object))
    }
  )
}

# A scale that all rows share is left out of Pearson and deviance residuals; one that differs
# between rows belongs to them.
relative_scale <- function(fit) {
  if (has_dispersion_formula(fit$design)) variance_scale(fit) else 1
}

# The response on the scale of the mean; without trials it is 0, as in glm().
mean_response <- function(design) {
  trials <- row_trials(design)
  y <- design$y / trials
  if (min(trials) == 0) y[trials == 0] <- 0
  y
}

quantile_residual <- function(object, rows, random_effects, seed) {
  trials <- row_trials(object$design)
  if (any(trials != round(trials))) {
    abort("trials", "Numbers of trials must be whole for quantile residuals.",
      given = format(trials[trials != round(trials)][1L])
    )
  }
  p <- if (random_effects == "integrate") {
    marginal_cdf(object, fixed_predictor(object, rows), random_sd(rows$Z, object$Lambda))
  } else {
    conditional_cdf(object, predict_rows(object, rows, "response", random_effects)$fit)
  }
  if (family_tools(object$family)$discrete) {
    u <- with_seed(seed, stats::runif(length(p$lower)))
    p$upper <- p$lower + u * (p$upper - p$lower)
  }
  # Far out in the tails the distribution function is 0 or 1 to machine precision.
  tiny <- .Machine$double.eps / 2
  stats::qnorm(pmin(1 - tiny, pmax(tiny, p$upper)))
}

#' Draw random numbers from a seed and restore the generator
#'
#' @param seed A number, or `NULL` to draw from the current state.
#' @param draw An expression.
#' @noRd
with_seed <- function(seed, draw) {
  if (is.null(seed)) return(draw)
  check_seed(seed)
  state <- get0(".Random.seed", envir = globalenv(), inherits = FALSE)
  on.exit(restore_generator(state))
  set.seed(seed)
  draw
}

# `NULL` is the state of a generator that was not yet used.
restore_generator <- function(state) {
  if (is.null(state)) return(rm(".Random.seed", envir = globalenv()))
  assign(".Random.seed", state, envir = globalenv())
}

# The state of R's generator, which is started if it was not yet used.
generator_state <- function() {
  if (!exists(".Random.seed", envir = globalenv(), inherits = FALSE)) stats::runif(1)
  get(".Random.seed", envir = globalenv(), inherits = FALSE)
}
