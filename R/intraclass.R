# Intraclass correlation and the share of variance of each random term.

#' Intraclass correlation and variance components
#'
#' @description
#' ```
#' fit <- glmm(severe ~ treatment * scheduled + (1 | patient), toenail, binomial())
#' intraclass_correlation(fit)
#' ```
#' How alike are two responses of one cluster, and how much of the variance is due to each random
#' term, on the latent scale of the predictor and on that of the responses?
#'
#' @details **Latent scale.** The variances of the predictor, averaged over rows, are: of the fixed
#' part, V_f = Var(x'beta), with divisor N - 1; of each random term, V_k = mean of z'Sigma_k z
#' (Johnson 2014); and the variance d of the response's own distribution on that scale. d is pi^2 /
#' 3 for logit, 1 for probit, pi^2 / 6 for cloglog, and sigma^2 for a Gaussian response with
#' identity link. For counts and positive responses with a log link it is log(1 + V(lambda) /
#' lambda^2), where lambda is the mean of the population means and V the variance of a response
#' (Poisson: log(1 + 1/lambda)); for Poisson with a square root link, 1/4 (Nakagawa, Johnson and
#' Schielzeth 2017). Other links have no such scale (`NA`). The *adjusted* ICC is sum V_k / (sum
#' V_k + d), the correlation of two latent responses at given covariates; the *unadjusted* one is
#' sum V_k / (V_f + sum V_k + d).
#'
#' With several grouping factors these are the correlations of two responses that share all of them.
#'
#' **Response scale.** The variance of the mean given b, divided by Var(y), both at given
#' covariates, is the correlation of two responses with the same covariates. It depends on them; the
#' number reported is the ratio of the averages over the rows (of one trial each, for a binomial
#' response). The integrals are exact, not an expansion: with normal random effects the conditional
#' mean depends on a single normal variable.
#'
#' Standard errors are by the delta method in beta, theta and the residual variance jointly; Wald
#' limits are normal on the logit scale. An estimate of 0 has the lower limit 0 and no upper limit.
#' The variance of a field and its range are hard to tell apart: where the range is estimated too
#' short, its share is too small, and the Wald limits too narrow. In 500 simulated tissues they
#' covered the share of the field in 91%, and profile limits in 95%; those of a lineage tree in 96%
#' and 95%, of batches in 94% and 96% (`bench/simulation/structured.md` of the source).
#'
#' Package \pkg{performance} uses the latent components, so its `icc()` and `r2_nakagawa()` work for
#' these fits.
#'
#' @param object A fit of [glmm()].
#' @param newdata Rows to average over instead of those of the fit. One row gives the correlation at
#'   its covariates.
#' @param level Confidence level.
#' @param method Of the limits: `"Wald"`, by the delta method on the logit scale, or `"profile"`,
#'   where the likelihood, maximised at a given share, has fallen by half a quantile of chi^2 with 1
#'   df. Those of a restricted fit are of its maximum likelihood fit.
#' @param x A result.
#' @param digits Significant digits to print.
#' @param row.names,optional Not used (arguments of the generic).
#' @param ... Not used.
#' @return A list of class `margmix_icc` with the data frames `icc` (rows `adjusted`, `unadjusted`
#'   and `response`) and `variances` (one row for the fixed part, each random term and the
#'   distribution). Both have the columns `estimate` (in `variances` the share of the total),
#'   `std.error`, `conf.low` and `conf.high`; `variances` also has `variance`. `as.data.frame()`
#'   returns `icc`.
#' @section Errors: `margmix_error_argument`, `margmix_error_family`, and those of
#'   [predict.margmix_glmm()] for `newdata` and of `confint(method = "profile")`.
#' @references
#' Johnson, P. C. D. (2014). Extension of Nakagawa & Schielzeth's R2 GLMM to random slopes models.
#' *Methods in Ecology and Evolution* **5**, 944-946.
#'
#' Nakagawa, S., Johnson, P. C. D. and Schielzeth, H. (2017). The coefficient of determination R2
#' and intra-class correlation coefficient from generalized linear mixed-effects models revisited
#' and expanded. *Journal of the Royal Society Interface* **14**, 20170213.
#' @seealso [marginal_covariance()]
#' @examples
#' fit <- glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial())
#' intraclass_correlation(fit)
#' @export
intraclass_correlation <- function(object, newdata = NULL, level = 0.95,
                                   method = c("Wald", "profile"), ...) {
  check_dots(..., known = names(formals(intraclass_correlation)))
  check_level(level)
  check_glmm(object, "object", hint = "gee() has a working correlation instead.")
  method <- one_of(method, c("Wald", "profile"), "method")
  object <- with_fixed_curves(object)
  rows <- moment_rows(object, newdata)
  ratios <- variance_ratios(object, rows)
  V <- variance_vcov(object)
  table <- do.call(rbind, lapply(ratios, share_row, V, level))
  if (method == "profile") table <- with_profile_limits(table, object, rows, level)
  shares <- utils::tail(ratios, -3L)
  structure(list(
    icc = table[1:3, ],
    variances = data.frame(
      variance = vapply(shares, function(r) r$part$value, 0), table[names(shares), ]
    ),
    level = level, method = method, family = object$family, rows = nrow(rows$X),
    group = group_labels(object$design), distribution = attr(ratios, "distribution"),
    new = !is.null(newdata)
  ), class = "margmix_icc")
}

# Lists of `part` and `whole`: the correlations, and the share of each variance.
variance_ratios <- function(fit, rows) {
  latent <- latent_ratios(fit, rows)
  structure(append(latent, list(response = response_ratio(fit, rows)), 2L),
    distribution = attr(latent, "distribution")
  )
}

latent_ratios <- function(fit, rows) {
  parts <- latent_parts(fit, rows)
  total <- Reduce(add_quantities, parts)
  random <- Reduce(add_quantities, parts[-c(1L, length(parts))])
  adjusted <- add_quantities(random, parts[[length(parts)]])
  structure(c(
    list(adjusted = part_of_whole(random, adjusted), unadjusted = part_of_whole(random, total)),
    lapply(parts, part_of_whole, total)
  ), distribution = attr(parts, "distribution"))
}

response_ratio <- function(fit, rows) {
  response <- response_parts(fit, rows)
  part_of_whole(response$between, response$total)
}

part_of_whole <- function(part, whole) list(part = part, whole = whole)

# Methods -----------------------------------------------------------------------------------------

#' @rdname intraclass_correlation
#' @export
print.margmix_icc <- function(x, digits = max(3L, getOption("digits") - 3L), ...) {
  digits <- known_digits(digits)
  say("Intraclass correlation by ", some_of(code(x$group)), ", averaged over ",
    count_of(x$rows, if (x$new) "row of `newdata`" else "row"), "\n\n",
    sep = ""
  )
  shown <- share_columns(x$icc, digits)
  rownames(shown) <- c(
    "latent scale, at given covariates (adjusted)",
    "latent scale, over all covariates (unadjusted)", "response scale, at given covariates"
  )
  print(shown, quote = FALSE, right = TRUE)
  say("\nVariances on the scale of the predictor (distribution: ", x$distribution, ")\n", sep = "")
  table <- cbind(
    Variance = format(x$variances$variance, digits = digits), share_columns(x$variances, digits)
  )
  colnames(table)[2L] <- "Share"
  rownames(table) <- rownames(x$variances)
  print(table, quote = FALSE, right = TRUE)
  say(format_level(x$level), if (x$method == "profile") {
    "profile likelihood limits.\n"
  } else {
    "limits by the delta method on the logit scale, model-based.\n"
  })
  invisible(x)
}

share_columns <- function(table, digits) {
  number <- function(x) ifelse(is.na(x), "NA", formatC(x, digits = digits, format = "g"))
  cbind(
    Estimate = number(table$estimate), Lower = number(table$conf.low),
    Upper = number(table$conf.high)
  )
}

#' @rdname intraclass_correlation
#' @export
as.data.frame.margmix_icc <- function(x, row.names = NULL, optional = FALSE, ...) {
  data.frame(scale = rownames(x$icc), x$icc, row.names = NULL)
}
