# report(): a fit in sentences. Every number is one of summary()'s.

#' A fit in words
#'
#' @description
#' ```
#' fit <- glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial())
#' report(fit)
#' report(fit, type = "markdown")
#' ```
#'
#' @details
#' The report says what was fitted to which data, what the coefficients mean and for whom
#' (conditional on the cluster, or marginal: averaged over the population), how much clusters vary
#' or how strongly their rows are correlated, where standard errors and degrees of freedom come
#' from, and what is doubtful: warnings and notes of the fit, and whether it converged.
#'
#' Its numbers are those of `summary(fit)` with the same `vcov`, `df` and `level`; ratios and their
#' limits are exponentiated coefficients and limits.
#'
#' In a \pkg{knitr} document, a report of type `"markdown"` or `"html"` becomes part of the text.
#' `report()` of package \pkg{report} gives the same.
#'
#' @param x A fit of [glmm()] or [gee()]; a report.
#' @param type `"text"`, `"markdown"` or `"html"`: how the report prints. `format()` takes it too.
#' @param vcov,df,level Covariance matrix, degrees of freedom and confidence level, with the same
#'   defaults as in [summary.margmix_glmm()] and [summary.margmix_gee()].
#' @param digits Significant digits of the numbers.
#' @param ... Not used.
#' @return A list of class `margmix_report`: `sections` (a list of sentences, named by heading),
#'   `coefficients` (those of the summary), `type`. `format()` returns lines of text;
#'   `as.data.frame()` the coefficients, with their names in `term`.
#' @section Errors: `margmix_error_argument` and those of [summary.margmix_glmm()].
#' @examples
#' fit <- gee(outcome ~ treat + visit, respiratory, ~center:id, family = binomial(), corstr = "ex")
#' report(fit)
#' @order 1
#' @export
report <- function(x, ...) UseMethod("report")

#' @export
report.default <- function(x, ...) {
  abort("argument", "`x` must be a fit of glmm() or gee().", given = class(x)[1L])
}

#' @rdname report
#' @rawNamespace S3method(report::report,margmix_fit)
#' @export
report.margmix_fit <- function(x, type = c("text", "markdown", "html"), vcov = NULL,
                               df = "default", level = 0.95, digits = 3L, ...) {
  check_dots(..., known = names(formals(report.margmix_fit)))
  type <- one_of(type, c("text", "markdown", "html"), "type")
  digits <- known_digits(digits)
  own <- do.call(summary, c(list(x, df = df, level = level), list(vcov = vcov)[!is.null(vcov)]))
  sections <- c(
    list(Model = report_model(x), Data = report_data(x)),
    report_effects(own, digits), report_dependence(own, digits),
    list(`Standard errors` = report_errors(own), Checks = report_checks(own))
  )
  structure(list(sections = sections, coefficients = own$coefficients, type = type),
    class = "margmix_report"
  )
}

# What was fitted -------------------------------------------------------------------------------

# What was fitted and how, in sentences.
report_model <- function(fit) UseMethod("report_model")

#' @export
report_model.margmix_glmm <- function(fit) {
  error <- integration_error(fit)
  c(
    paste0(
      "A generalized linear mixed model of family ", family_label(fit$family), ", ",
      code(expression_text(stats::formula(fit))), ", was fitted by ", criterion_words(fit), "."
    ),
    paste0("Integration: ", rule_words(fit$rule, NA), if (is.finite(error) && error > 0) {
      paste0("; the log-likelihood is off by ", format_error(error))
    }, "."),
    paste0(format_logLik(fit), ".")
  )
}

#' @export
report_model.margmix_gee <- function(fit) {
  paste0(
    "A marginal model of family ", family_label(fit$family), ", ",
    code(expression_text(stats::formula(fit))), ", was fitted by generalized estimating ",
    "equations with the working correlation ", correlation_title(fit), "."
  )
}

report_data <- function(fit) {
  name <- fit$frame$data_name
  paste0(size_words(fit), if (has_text(name)) paste0(", from ", code(name)), ".")
}

# What it says ----------------------------------------------------------------------------------

# A list with one section, named by whether the coefficients are conditional or marginal.
report_effects <- function(summary, digits) {
  fit <- summary$fit
  table <- own_coefficients(summary)
  ratios <- ratio_names(fit, rownames(table))
  words <- vapply(seq_len(nrow(table)), function(row) {
    effect_words(table[row, ], ratios[row], format_level(summary$level), digits)
  }, "")
  stats::setNames(list(c(
    if (length(words)) words else "There are no fixed effects.",
    if (!is.null(summary$smooths)) smooth_words(summary$smooths, digits), estimand_hint(fit)
  )), effects_heading(fit))
}

effects_heading <- function(fit) UseMethod("effects_heading")

#' @export
effects_heading.margmix_glmm <- function(fit) coefficient_heading()

#' @export
effects_heading.margmix_gee <- function(fit) marginal_heading(fit)

# What exp() of each coefficient is called; NA where it is no ratio.
ratio_names <- function(fit, rows) {
  ratio <- ratios_of_fit(fit)
  if (!length(ratio)) return(rep(NA_character_, length(rows)))
  words <- ratio_words(fit, ratio[1L])
  names <- ifelse(are_products(fit, rows), paste("ratio of", words), sub("ratios", "ratio", words))
  replace(names, rows == "(Intercept)", NA)
}

# A sentence of a coefficient; of its ratio first, where it has one.
effect_words <- function(row, ratio, level, digits) {
  name <- code(rownames(row))
  if (is.na(row$estimate)) return(paste(name, "is aliased with others and was not estimated."))
  numbers <- function(values) format_ratio(values, digits)
  limits <- c(row$conf.low, row$conf.high)
  between <- function(limits) {
    paste0(level, " limits ", paste(numbers(limits), collapse = " to "))
  }
  normal <- is.infinite(row$df)
  p <- if (row$p.value < 1e-4) "< 0.0001" else paste("=", format(row$p.value, digits = 2L))
  test <- paste0(
    "SE ", numbers(row$std.error), ", ", if (normal) "z" else "t", " = ",
    sprintf("%.2f", row$statistic), if (!normal) paste0(" with ", round(row$df, 1L), " df"),
    ", p ", p
  )
  estimate <- numbers(row$estimate)
  if (is.na(ratio)) return(paste0(name, ": ", estimate, ", ", between(limits), " (", test, ")."))
  paste0(
    name, ": ", ratio, " ", numbers(exp(row$estimate)), ", ", between(exp(limits)),
    " (coefficient ", estimate, ", ", test, ")."
  )
}

# What else a reader may want to know of the population.
estimand_hint <- function(fit) UseMethod("estimand_hint")

#' @export
estimand_hint.margmix_glmm <- function(fit) {
  paste(
    "They compare rows with the same random effects, as those of one cluster;",
    "marginal_standardization() compares averages of the population."
  )
}

#' @export
estimand_hint.margmix_gee <- function(fit) NULL

# How clusters vary, or how their rows hang together: a list with one section.
report_dependence <- function(summary, digits) UseMethod("report_dependence")

#' @export
report_dependence.summary.margmix_glmm <- function(summary, digits) {
  fit <- summary$fit
  rows <- as.data.frame(summary$varcor)
  relations <- attr(summary$varcor, "relations")
  words <- ifelse(is.na(rows$var1),
    "The residual standard deviation is",
    ifelse(is.na(rows$var2),
      paste(code(rows$var1), "of", code(rows$grp), "has the standard deviation"),
      paste(code(rows$var1), "and", code(rows$var2), "of", code(rows$grp), "have the correlation")
    )
  )
  list(`Random effects, in units of the predictor` = c(
    paste0(words, " ", format_ratio(rows$sdcor, digits), "."),
    if (length(relations)) paste0(code(names(relations)), ": ", relations, "."),
    if (length(attr(summary$varcor, "distribution"))) {
      paste0("Of a ", attr(summary$varcor, "distribution"), ".")
    },
    dispersion_sentences(fit, digits)
  ))
}

dispersion_sentences <- function(fit, digits) {
  if (!has_dispersion_formula(fit$design)) {
    words <- dispersion_words(fit, digits)
    return(if (length(words)) paste0(words, "."))
  }
  table <- dispersion_table(fit)
  paste0(
    code(rownames(table)), " of log phi (", dispersion_term(fit$family), "): ",
    format_ratio(table$estimate, digits), " (SE ", format_ratio(table$std.error, digits), ")."
  )
}

#' @export
report_dependence.summary.margmix_gee <- function(summary, digits) {
  rows <- rbind(summary$correlation, scale = summary$scale)
  known <- !is.na(rows$std.error)
  se <- ifelse(known, paste0(" (SE ", format_ratio(rows$std.error, digits), ")"), "")
  fixed <- if (!is.null(summary$fit$scale)) "The scale was fixed."
  list(`Working correlation and scale` = c(
    paste0(code(rownames(rows)), ": ", format_ratio(rows$estimate, digits), se, "."), fixed
  ))
}

# How far to trust it ---------------------------------------------------------------------------

report_errors <- function(summary) {
  c(
    paste0("They are", sub("^SE:", "", summary$words)),
    if (is_modelled(summary$type)) assumption_words(summary$fit)
  )
}

report_checks <- function(summary) {
  remarks <- gsub("\n *", " ", unname(summary$remarks))
  c(
    report_convergence(summary$fit),
    if (length(remarks)) remarks else "The fit has no warnings and no notes."
  )
}

report_convergence <- function(fit) UseMethod("report_convergence")

#' @export
report_convergence.margmix_glmm <- function(fit) {
  convergence_words(fit$convergence, fit$control$tolerance)
}

#' @export
report_convergence.margmix_gee <- function(fit) gee_convergence_words(fit)
