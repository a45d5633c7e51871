# Predictions for package ggeffects, which asks insight::get_predicted() for those of a class that
# it does not know, with the data alone.

#' Predictions of a grid, with t limits
#'
#' @param random_effects Of a mixed model: `"zero"`, or `"integrate"`.
#' @return As `insight::get_predicted()`: means, with the attribute `ci_data`.
#' @section Errors: `other_package`: what ggeffects was asked for and would leave unanswered.
#' @noRd
predicted_for_ggeffects <- function(fit, data, random_effects) {
  refuse_in_ggeffects()
  arguments <- with_effects(fit, list(fit, data), random_effects %||% "zero")
  level <- asked_of_ggeffects("ci.lvl", "ci_level")
  limits <- if (length(level) == 1L && !is.na(level)) mean_limits(fit, arguments, level)
  structure(unname(do.call(stats::predict, c(arguments, list(type = "response")))),
    ci_data = limits, ci = level, data = data, class = c("get_predicted", "numeric")
  )
}

# The standard error of the predictor, and the means at its t limits.
mean_limits <- function(fit, arguments, level) {
  check_level(level)
  predicted <- do.call(stats::predict, c(arguments, list(type = "link", se.fit = TRUE)))
  eta <- unname(predicted$fit)
  se <- unname(predicted$se.fit)
  X <- design_newdata(fit, arguments[[2L]], FALSE)$X
  half <- stats::qt((1 + level) / 2, row_df(fit, X)) * se
  # a decreasing link, such as the inverse, turns them round
  limits <- list(fit$family$linkinv(eta - half), fit$family$linkinv(eta + half))
  data.frame(
    SE = se, CI_low = pmin(limits[[1L]], limits[[2L]]), CI_high = pmax(limits[[1L]], limits[[2L]])
  )
}

#' Degrees of freedom of predictors x'beta, as those of means in emmeans
#'
#' @param X Rows x.
#' @return A number for each row, from [hypothesis_df()].
#' @noRd
row_df <- function(fit, X) {
  key <- do.call(paste, as.data.frame(X))
  first <- which(!duplicated(key) & !is.na(rowSums(X)))
  degrees <- chosen_df(fit, "default", chosen_vcov(fit, default_vcov(fit)))
  hypothesis_df(degrees, X[first, , drop = FALSE])[match(key, key[first])]
}

#' What a caller in package ggeffects was asked for
#'
#' The level of its intervals is read where the call comes from, and so is what would be left
#' unanswered without a word.
#'
#' @param ... Names of an argument, in the versions of that package.
#' @return Its value; `NULL` if there is none.
#' @noRd
asked_of_ggeffects <- function(...) {
  for (frame in rev(frames_of("ggeffects"))) {
    for (name in c(...)) if (exists(name, frame, inherits = FALSE)) return(get(name, frame))
  }
  NULL
}

refuse_in_ggeffects <- function() {
  type <- asked_of_ggeffects("type") %||% "fixed"
  interval <- asked_of_ggeffects("interval") %||% "confidence"
  vcov <- asked_of_ggeffects("vcov.fun", "vcov")
  if (!type %in% c("fe", "fixed") || interval != "confidence") {
    refuse_client("ggpredict()", "gives intervals of means only",
      c(
        "type = \"fixed\" is a cluster at random effect 0.",
        "random_effects = \"integrate\" gives means of the population, with their intervals."
      )
    )
  }
  if (is.null(vcov) || isFALSE(vcov)) return(invisible())
  refuse_client("ggpredict()", "has the default covariance matrix only",
    "predict(fit, newdata, vcov = , se.fit = TRUE) has others for fits of gee()."
  )
}
