# Methods for package performance, registered when it is loaded.

# For package performance: its icc() and r2_nakagawa() ask insight for the variances, and r2() of a
# class that it does not know would be something else.
#' @exportS3Method performance::r2
r2.margmix_glmm <- function(model, ...) {
  check_in_memory(model$design)
  performance::r2_nakagawa(model, ...)
}

# 1 - sum (y - mu)^2 / sum (y - mean y)^2 (Zheng 2000); its default does not know of trials.
#' @exportS3Method performance::r2
r2.margmix_gee <- function(model, ...) {
  if (all(row_trials(model$design) == 1)) return(NextMethod())
  refuse_client("r2()", "of a marginal model does not know of rows of several trials",
    "Expand them to 0/1 rows; qic() compares fits as they are."
  )
}

# Cook's distances are those of clusters here; it would call them cases.
#' @exportS3Method performance::check_outliers
check_outliers.margmix_fit <- function(x, ...) {
  refuse_client("check_outliers()", "looks for rows, and the units here are clusters",
    "cooks.distance(fit) and influence(fit) leave out one cluster after the other."
  )
}

#' @exportS3Method performance::model_performance
model_performance.margmix_glmm <- function(model, ...) {
  shares <- tryCatch(intraclass_correlation(model), margmix_error = function(e) NULL)
  known <- if (!is.null(shares)) {
    fixed <- shares$variances$estimate[1L]
    rest <- shares$variances$estimate[nrow(shares$variances)]
    list(R2_conditional = 1 - rest, R2_marginal = fixed, ICC = shares$icc$estimate[1L])
  }
  out <- as.data.frame(c(
    information_criteria(model), known,
    list(RMSE = root_mean_square(model), Sigma = stats::sigma(model))
  ))
  structure(out, class = c("performance_model", "data.frame"))
}

# Estimating equations have no likelihood, and no random effects.
#' @exportS3Method performance::model_performance
model_performance.margmix_gee <- function(model, ...) {
  criteria <- qic(model)
  out <- data.frame(
    QIC = criteria$QIC, CIC = criteria$CIC, RMSE = root_mean_square(model),
    Sigma = stats::sigma(model)
  )
  structure(out, class = c("performance_model", "data.frame"))
}

root_mean_square <- function(fit) {
  sqrt(mean(stats::residuals(fit, type = "response")^2, na.rm = TRUE))
}

# Comparisons ------------------------------------------------------------------------------------

# compare_performance() takes models whose class is on a list of its own, and has no other door than
# this generic, which it calls first: what it gets carries a name of that list behind our classes,
# which no method of these packages looks at.
#' @exportS3Method insight::ellipsis_info
ellipsis_info.margmix_fit <- function(objects, ..., only_models = TRUE, verbose = TRUE) {
  fits <- list(objects, ...)
  known <- vapply(fits, inherits, NA, what = "margmix_fit")
  fits[known] <- lapply(fits[known], function(fit) {
    structure(fit, class = c(class(fit), "drc"))
  })
  responses <- lapply(fits, function(fit) unname(stats::model.response(stats::model.frame(fit))))
  same <- vapply(responses, identical, NA, responses[[1L]])
  # names of this form are replaced by those of the caller
  structure(stats::setNames(fits, paste0("..", seq_along(fits))),
    same_response = all(same), class = c("ListModels", "list")
  )
}

# With the boundary and the rules of anova(), which the tests of that package do not know.
#' @exportS3Method performance::test_performance
test_performance.margmix_fit <- function(...) refuse_comparison()

#' @exportS3Method performance::test_likelihoodratio
test_likelihoodratio.margmix_fit <- function(...) refuse_comparison()

#' @exportS3Method performance::test_lrt
test_lrt.margmix_fit <- function(...) refuse_comparison()

#' @exportS3Method performance::test_wald
test_wald.margmix_fit <- function(...) refuse_comparison()

#' @exportS3Method performance::test_vuong
test_vuong.margmix_fit <- function(...) refuse_comparison()

#' @exportS3Method performance::test_bf
test_bf.margmix_fit <- function(...) refuse_comparison()

refuse_comparison <- function() {
  refuse_client("The tests of package performance", "know no clusters and no zero variances", c(
    "anova() compares nested fits; AIC(), BIC() and qic() compare others.",
    "performance::compare_performance() has a table of them."
  ))
}
