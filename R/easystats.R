# Methods for packages insight and performance, registered when these are loaded.

# Fixed and random part apart, as other mixed models have them there.
#' @exportS3Method insight::find_formula
find_formula.margmix_glmm <- function(x, verbose = TRUE, ...) {
  parsed <- x$frame$parsed
  random <- lapply(parsed$random, function(term) {
    bar <- call("|", term$lhs[[2L]], term$group)
    stats::as.formula(call("~", bar), environment(parsed$fixed))
  })
  if (length(random) == 1L) random <- random[[1L]]
  structure(list(conditional = parsed$fixed, random = unname(random)),
    class = c("insight_formula", "list")
  )
}

#' @exportS3Method insight::find_statistic
find_statistic.margmix_fit <- function(x, ...) "t-statistic"

# Its default takes the third column of the coefficients, which is not the statistic here.
#' @exportS3Method insight::get_statistic
get_statistic.margmix_fit <- function(x, ...) {
  table <- summary(x)$coefficients
  structure(
    data.frame(Parameter = rownames(table), Statistic = table$statistic),
    statistic = "t-statistic"
  )
}

# For package performance: its icc() and r2_nakagawa() ask insight for the variances, and r2() of a
# class that it does not know would be something else.
#' @exportS3Method performance::r2
r2.margmix_glmm <- function(model, ...) performance::r2_nakagawa(model, ...)

#' @exportS3Method insight::is_mixed_model
is_mixed_model.margmix_glmm <- function(x) TRUE

#' @exportS3Method insight::get_variance
get_variance.margmix_glmm <- function(x, component = "all", ...) {
  parts <- intraclass_correlation(x)$variances
  n <- nrow(parts)
  variance <- stats::setNames(parts$variance, rownames(parts))
  constant <- grepl("^\\(Intercept\\)", colnames(x$design$Z))
  group <- group_labels(x$design)[column_groups(x$design)]
  intercepts <- stats::setNames(rowSums(x$Lambda^2)[constant], group[constant])
  out <- list(
    var.fixed = variance[[1L]], var.random = sum(variance[-c(1L, n)]), var.residual = variance[[n]],
    var.distribution = variance[[n]], var.dispersion = 0, var.intercept = intercepts
  )
  if (identical(component, "all")) out else out[[paste0("var.", component)]]
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
    list(AIC = stats::AIC(model), BIC = stats::BIC(model)), known,
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
