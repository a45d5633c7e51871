# summary() of a marginal model.

#' Summary of a marginal model
#'
#' @description
#' ```
#' fit <- gee(resp ~ age + smoke, ohio, id = id, family = binomial(), corstr = "exchangeable")
#' summary(fit)
#' summary(fit, vcov = "robust", df = Inf)      # what most other software prints
#' ```
#'
#' @details
#' The coefficients are **marginal**: they compare population means at two values of a covariate.
#'
#' Standard errors are robust: they do not rely on the working correlation. The default, `"KC"`, is
#' corrected for the number of clusters (Kauermann and Carroll 2001) and comes with Satterthwaite
#' degrees of freedom (McCaffrey and Bell 2006), which depend on the clusters and on the
#' coefficient. Coefficients with fewer than 10 degrees of freedom are listed; fewer than 4 give a
#' warning.
#'
#' Standard errors of the scale and of correlations come from the sandwich of all estimating
#' equations together (as in Yan and Fine 2004); a correlation at its bound has none.
#'
#' @param object A fit of [gee()].
#' @param vcov Covariance matrix of the coefficients: a type of [vcov.margmix_gee()], or a matrix.
#' @param df Degrees of freedom: numbers, one for all coefficients or one for each (`Inf` for the
#'   normal distribution), or a rule, with K clusters and p coefficients, of which p_b are constant
#'   in every cluster: `"satterthwaite"` (under the working model), `"K-pb"`, `"K-p"`,
#'   `"between-within"` (K - p_b or, for covariates that vary within clusters, what is left of the
#'   rows), `"pan-wall"` (Pan and Wall 2002) or `"fay-graubard"` (Fay and Graubard 2001).
#'   `"default"`: Satterthwaite for `"KC"`, otherwise K - p_b.
#' @param level Confidence level of the limits in `coefficients`.
#' @param x A summary.
#' @param digits Significant digits to print.
#' @param ... Not used.
#' @return A list of class `summary.margmix_gee`: `coefficients` (data frame: `estimate`,
#'   `std.error`, `df`, `statistic`, `p.value`, `conf.low`, `conf.high`), `vcov`, `correlation` and
#'   `scale` (data frames: `estimate`, `std.error`), `words` (which covariance and degrees of
#'   freedom), `remarks`, and `fit`.
#' @section Conditions: errors `margmix_error_argument`, `margmix_error_vcov`,
#'   `margmix_error_df`; warnings `margmix_warning_few_clusters`, `margmix_warning_leverage`.
#' @references
#' Fay, M. P. and Graubard, B. I. (2001). Small-sample adjustments for Wald-type tests using
#' sandwich estimators. *Biometrics* **57**, 1198-1206.
#'
#' Kauermann, G. and Carroll, R. J. (2001). A note on the efficiency of sandwich covariance matrix
#' estimation. *Journal of the American Statistical Association* **96**, 1387-1396.
#'
#' McCaffrey, D. F. and Bell, R. M. (2006). Improved hypothesis testing for coefficients in
#' generalized estimating equations with small samples of clusters. *Statistics in Medicine*
#' **25**, 4081-4098.
#'
#' Pan, W. and Wall, M. M. (2002). Small-sample adjustments in using the sandwich variance estimator
#' in generalized estimating equations. *Statistics in Medicine* **21**, 1429-1441.
#'
#' Yan, J. and Fine, J. (2004). Estimating equations for association structures. *Statistics in
#' Medicine* **23**, 859-874.
#' @examples
#' fit <- gee(outcome ~ treat + visit, respiratory, ~center:id, family = binomial(), corstr = "ex")
#' summary(fit)
#' @export
summary.margmix_gee <- function(object, vcov = "KC", df = "default", level = 0.95, ...) {
  check_dots(..., known = names(formals(summary.margmix_gee)))
  inference <- coef_inference(object, vcov, df, level)
  moments <- moment_table(object)
  structure(list(
    coefficients = named_coefficients(inference$table), vcov = inference$vcov,
    type = inference$type, level = level,
    words = inference$words, correlation = moments[-1L, ], scale = moments[1L, ],
    remarks = c(fit_remarks(object), frechet_note(object), inference$notes), fit = object
  ), class = "summary.margmix_gee")
}

#' @rdname summary.margmix_gee
#' @export
print.summary.margmix_gee <- function(x, digits = max(3L, getOption("digits") - 3L), ...) {
  digits <- known_digits(digits)
  fit <- x$fit
  say(gee_heading(fit, digits, with_alpha = FALSE), sep = "\n")
  say("\n", size_words(fit), "\n\n", sep = "")
  print_moments(x, digits)
  say(marginal_heading(fit), ":\n", sep = "")
  print_coefficients(x$coefficients, digits)
  say(x$words, "\n", sep = "")
  say(gee_convergence_words(fit), "\n", sep = "")
  print_remarks(x$remarks)
  invisible(x)
}

#' @rdname summary.margmix_gee
#' @export
vcov.summary.margmix_gee <- function(object, ...) {
  complete_vcov(object$vcov, aliased_coefficients(object$fit$design))
}

#' @rdname summary.margmix_gee
#' @export
coef.summary.margmix_gee <- function(object, ...) as.matrix(object$coefficients)

marginal_heading <- function(fit) {
  paste0(
    if (models_risks(fit$family)) "Risk differences" else "Coefficients",
    ", averaged over the population (marginal)"
  )
}

# phi and the correlations with their standard errors, which those do not have that were moved into
# their range, or that belong to other coefficients.
moment_table <- function(fit) {
  se <- rep(NA_real_, 1L + length(fit$alpha))
  if (is.null(fit$schedule)) se <- sqrt(engine_moment_variance(fit))
  moved <- fit$convergence$clamped || fit$convergence$two_step
  se[-1L][moved | names(fit$alpha) %in% fit$boundary | is.na(fit$alpha)] <- NA
  if (!is.null(fit$scale)) se[1L] <- NA
  estimate <- c(phi = fit$phi, fit$alpha)
  data.frame(estimate = unname(estimate), std.error = se, row.names = make.unique(names(estimate)))
}

print_moments <- function(x, digits, most = 15L) {
  table <- rbind(x$correlation, scale = x$scale)
  rest <- max(0L, nrow(x$correlation) - most)
  if (rest) table <- table[c(seq_len(most), nrow(table)), ]
  say("Working correlation (", correlation_title(x$fit), ") and scale:\n", sep = "")
  shown <- cbind(Estimate = table$estimate, `Std. Error` = table$std.error)
  rownames(shown) <- rownames(table)
  print(shown, digits = digits, na.print = "")
  if (rest) say("(", rest, " more correlations)\n", sep = "")
  if (!is.null(x$fit$scale)) say("The scale was fixed.\n")
  cat("\n")
}

gee_convergence_words <- function(fit) {
  convergence <- fit$convergence
  paste0(
    if (convergence$converged) "Converged" else "NOT converged",
    if (convergence$two_step) " (coefficients, given the correlation)", ": last step ",
    format(signif(convergence$criterion, 2L)), " standard errors (limit ",
    format(fit$control$tolerance), "), ", count_of(convergence$iterations, "iteration"), "."
  )
}

frechet_note <- function(fit) {
  count <- fit$frechet
  if (is.null(count) || count[["pairs"]] == 0) return(NULL)
  c(frechet = paste0(
    "The working correlation of ", count_of(count[["pairs"]], "pair"), " of rows in ",
    count_of(count[["clusters"]], "cluster"), " is outside the range that\n",
    "two 0/1 responses with their means can have (Frechet bounds); robust SEs allow for that."
  ))
}
