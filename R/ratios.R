# Ratios: exponentiated coefficients under the name they have for the link.

#' Conditional and marginal odds, rate and risk ratios
#'
#' @description
#' ```
#' fit <- glmm(severe ~ treatment * scheduled + (1 | patient), toenail, binomial())
#' odds_ratios(fit)
#' ```
#'
#' @details
#' These tables give exp(beta) with limits exp(beta -/+ t SE). For a mixed model these ratios are
#' **conditional**: they compare two values of a covariate for the same cluster (or for clusters
#' with equal random effects). Odds ratios for the population are nearer to 1. For a fit of [gee()]
#' they are **marginal**: they compare population means.
#'
#' * `odds_ratios()`: binomial and beta-binomial families with logit link; also [beta_family()],
#'   where the odds mu / (1 - mu) are those of the mean proportion, not of an event, as the output
#'   says.
#' * `rate_ratios()`: Poisson and negative binomial families with log link; also Gamma, inverse
#'   Gaussian and Gaussian ones, where they are ratios of means.
#' * `risk_ratios()`: binomial family with log link; for a fit of [gee()] also Poisson with log link
#'   and a 0/1 response ("modified Poisson", Zou and Donner 2013), whose robust standard errors do
#'   not need the Poisson variance.
#'
#' The row of an interaction is the factor by which one ratio changes per unit of the other
#' covariate.
#'
#' @inheritParams summary.margmix_glmm
#' @param object A fit.
#' @param level Confidence level.
#' @param intercept `TRUE` to include the intercept: the odds, rate or risk itself when all
#'   covariates and the random effects are 0 (not the population's).
#' @param x A table of ratios.
#' @return A data frame of class `margmix_ratios` with the columns `term`, `estimate`,
#'   `conf.low`, `conf.high`, `std.error` (of the log ratio), `df`, `statistic` and `p.value` (of
#'   the test that the ratio is 1), and the row names `term`. The printed table says which question
#'   the ratios answer and which covariance matrix was used. `as.data.frame()` and `tidy()` return
#'   the plain table, for `knitr::kable()` and the like.
#' @section Conditions: error `margmix_error_link`: the link doesn't give this ratio; and those of
#'   [summary.margmix_glmm()].
#' @references
#' Zou, G. Y. and Donner, A. (2013). Extension of the modified Poisson regression model to
#' prospective studies with correlated binary data. *Statistical Methods in Medical Research*
#' **22**, 661-670.
#' @examples
#' fit <- glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial())
#' odds_ratios(fit)
#' odds_ratios(fit, vcov = "KC", level = 0.9)
#' @order 1
#' @export
odds_ratios <- function(object, ...) UseMethod("odds_ratios")

#' @rdname odds_ratios
#' @export
rate_ratios <- function(object, ...) UseMethod("rate_ratios")

#' @rdname odds_ratios
#' @export
risk_ratios <- function(object, ...) UseMethod("risk_ratios")

#' @export
odds_ratios.default <- function(object, ...) refuse_ratios(object)

#' @export
rate_ratios.default <- function(object, ...) refuse_ratios(object)

#' @export
risk_ratios.default <- function(object, ...) refuse_ratios(object)

refuse_ratios <- function(object) {
  abort("fit", "`object` must be a fit of glmm() or gee().",
    given = paste("an object of class", class(object)[1L])
  )
}

#' @rdname odds_ratios
#' @export
odds_ratios.margmix_glmm <- function(object, vcov = "default", df = "default", level = 0.95,
                             intercept = FALSE, ...) {
  check_dots(..., known = names(formals(odds_ratios.margmix_glmm)))
  coefficient_ratios(object, "odds", vcov, df, level, intercept)
}

#' @rdname odds_ratios
#' @export
rate_ratios.margmix_glmm <- function(object, vcov = "default", df = "default", level = 0.95,
                             intercept = FALSE, ...) {
  check_dots(..., known = names(formals(rate_ratios.margmix_glmm)))
  coefficient_ratios(object, "rate", vcov, df, level, intercept)
}

#' @rdname odds_ratios
#' @export
risk_ratios.margmix_glmm <- function(object, vcov = "default", df = "default", level = 0.95,
                             intercept = FALSE, ...) {
  check_dots(..., known = names(formals(risk_ratios.margmix_glmm)))
  coefficient_ratios(object, "risk", vcov, df, level, intercept)
}

#' @rdname odds_ratios
#' @export
odds_ratios.margmix_gee <- function(object, vcov = "KC", df = "default", level = 0.95,
                                    intercept = FALSE, ...) {
  check_dots(..., known = names(formals(odds_ratios.margmix_gee)))
  coefficient_ratios(object, "odds", vcov, df, level, intercept)
}

#' @rdname odds_ratios
#' @export
rate_ratios.margmix_gee <- function(object, vcov = "KC", df = "default", level = 0.95,
                                    intercept = FALSE, ...) {
  check_dots(..., known = names(formals(rate_ratios.margmix_gee)))
  coefficient_ratios(object, "rate", vcov, df, level, intercept)
}

#' @rdname odds_ratios
#' @export
risk_ratios.margmix_gee <- function(object, vcov = "KC", df = "default", level = 0.95,
                                    intercept = FALSE, ...) {
  check_dots(..., known = names(formals(risk_ratios.margmix_gee)))
  coefficient_ratios(object, "risk", vcov, df, level, intercept)
}

# The link and the families whose exponentiated coefficients have the name, in words.
ratio_words_of <- list(
  odds = list(link = "logit", families = "binomial, betabinomial or beta"),
  rate = list(
    link = "log", families = "poisson, nbinom2, nbinom1, Gamma, inverse.gaussian or gaussian"
  ),
  risk = list(
    link = "log", families = "binomial (by gee() also poisson, if all responses are 0 or 1)"
  )
)

coefficient_ratios <- function(fit, ratio, vcov, df, level, intercept) {
  check_ratio(fit, ratio)
  check_switch(intercept, "intercept")
  rows <- setdiff(names(fit$coefficients), curve_coefficients(fit))
  if (!intercept) rows <- setdiff(rows, "(Intercept)")
  inference <- coef_inference(fit, vcov, df, level, rows)
  words <- ratio_words(fit, ratio)
  ratio_table(fit, inference, heading = c(
    ratio_heading(fit, words),
    paste0(format_level(level), " limits. ", inference$words)
  ))
}

check_ratio <- function(fit, ratio) {
  given <- ratios_of_fit(fit)
  if (ratio %in% given) return(invisible())
  needed <- ratio_words_of[[ratio]]
  abort("link",
    paste0("For ", ratio, " ratios the link must be ", needed$link, " and the family ",
      needed$families, "."
    ),
    given = family_label(fit$family),
    hint = if (length(given)) {
      c(paste0("Use ", given, "_ratios()."), if (ratio == "risk") {
        "marginal_standardization() gives risk ratios and differences of the population."
      })
    } else {
      "exp() of a coefficient of this link is not a ratio of odds, rates or risks."
    }
  )
}

# "odds", "rate" or "risk", or none.
ratios_of_fit <- function(fit) UseMethod("ratios_of_fit")

#' @export
ratios_of_fit.margmix_glmm <- function(fit) ratio_kind(fit$family)

# Robust Poisson regression of a 0/1 response has rates that are risks (Zou and Donner 2013).
#' @export
ratios_of_fit.margmix_gee <- function(fit) {
  kind <- ratio_kind(fit$family)
  risks <- identical(kind, "rate") && counts_events(fit$family) &&
    all(row_response(fit$design) %in% 0:1)
  c(kind, if (risks) "risk")
}

# Exponentiated coefficients of a positive response are ratios of means, not of rates; those of a
# proportion compare odds, but of no event.
ratio_words <- function(fit, ratio) {
  if (family_tools(fit$family)$discrete) return(paste(ratio, "ratios"))
  if (ratio == "odds") "ratios of odds of the mean proportion" else "mean ratios"
}

#' Table of exponentiated coefficients
#'
#' @param fit A fit with `coefficients` and `design`.
#' @param inference From `coef_inference()`.
#' @param heading Lines to print above the table.
#' @return See [odds_ratios()].
#' @noRd
ratio_table <- function(fit, inference, heading) {
  table <- inference$table
  structure(
    data.frame(
      term = rownames(table), estimate = exp(table$estimate), conf.low = exp(table$conf.low),
      conf.high = exp(table$conf.high), table[c("std.error", "df", "statistic", "p.value")],
      row.names = rownames(table)
    ),
    class = c("margmix_ratios", "data.frame"),
    heading = heading, level = inference$level,
    notes = c(inference$notes, if (any(are_products(fit, rownames(table)))) {
      c(interaction = paste(
        "Rows of interactions are ratios of ratios; those of their variables hold where the other",
        "one is 0 or at its reference level."
      ))
    })
  )
}

# Are the coefficients those of interactions?
are_products <- function(fit, rows) {
  term <- coefficient_terms(fit$design)[match(rows, names(fit$coefficients))]
  term %in% which(attr(fixed_terms(fit$design), "order") > 1L)
}

format_level <- function(level) paste0(format(100 * level), "%")

#' @rdname odds_ratios
#' @export
print.margmix_ratios <- function(x, digits = max(3L, getOption("digits") - 3L), ...) {
  digits <- known_digits(digits)
  expected <- c("estimate", "conf.low", "conf.high", "p.value")
  if (!all(expected %in% names(x)) || is.null(attr(x, "heading"))) {
    print.data.frame(x, digits = digits)
    return(invisible(x))
  }
  say(attr(x, "heading"), "", sep = "\n")
  shown <- cbind(
    Ratio = format_ratio(x$estimate, digits),
    Lower = format_ratio(x$conf.low, digits), Upper = format_ratio(x$conf.high, digits),
    `p-value` = format.pval(x$p.value, digits = 2L, eps = 1e-4)
  )
  rownames(shown) <- row.names(x)
  print(shown, quote = FALSE, right = TRUE)
  print_remarks(attr(x, "notes"))
  invisible(x)
}

#' @export
as.data.frame.margmix_ratios <- function(x, ...) {
  attributes(x)[c("heading", "level", "notes")] <- NULL
  structure(x, class = "data.frame", row.names = .set_row_names(length(x[[1L]])))
}

# The heading of one table does not hold for several.
#' @export
rbind.margmix_ratios <- function(...) do.call(rbind, lapply(list(...), as.data.frame))

#' @export
tidy.margmix_ratios <- function(x, ...) as_tibble_if_known(as.data.frame(x))

# Each number by itself: an upper limit of 1e6 must not cost the others their digits.
format_ratio <- function(x, digits) {
  shown <- formatC(x, digits = digits, format = "fg", flag = "#")
  extreme <- is.finite(x) & x != 0 & (abs(x) >= 1e5 | abs(x) < 1e-4)
  shown[extreme] <- formatC(x[extreme], digits = digits - 1L, format = "e")
  sub("\\.$", "", trimws(shown))
}
