# Methods of marginal standardizations.

#' Print, plot and use marginal standardizations
#'
#' @description
#' ```
#' fit <- gee(outcome ~ treat + sex + age, respiratory, id = patient, family = binomial())
#' result <- marginal_standardization(fit, "treat")
#' confint(result, level = 0.9)
#' plot(result)
#' ```
#'
#' @param x,object A result of [marginal_standardization()].
#' @param digits Significant digits.
#' @param what `"contrasts"` or `"means"`; for `as.data.frame()` and `plot()` also `"both"`.
#' @param covariates For `vcov()`: `"fixed"` to leave out the sampling of covariates.
#' @param parm Names or numbers of the rows to return.
#' @param level,conf.level Confidence level; by default that of the result.
#' @param conf.int `FALSE` to leave out the limits.
#' @param exponentiate `FALSE` for logarithms of ratios, the scale of their standard errors.
#'   `mice::pool()` gets these, since it pools estimates and standard errors on one scale.
#' @param row.names,optional,... Not used.
#' @return `vcov()`: covariance matrix of the means, or of the contrasts (ratios on the log scale).
#'   `confint()`: limits (for ratios, of the ratios themselves). `coef()`: the estimates.
#'   `as.data.frame()`: all rows of both tables, with a column `type`; `tidy()`: the same with
#'   `term`. `summary()`: the result with a heading for tests, printed with p-values.
#' @examples
#' fit <- glmm(outcome ~ treat + sex + age + (1 | patient), respiratory, binomial())
#' result <- marginal_standardization(fit, "treat")
#' summary(result)
#' confint(result, level = 0.9)
#' as.data.frame(result)
#' plot(result)
#' @order 1
#' @name print.margmix_standardization
NULL

#' @rdname print.margmix_standardization
#' @export
print.margmix_standardization <- function(x, digits = max(3L, getOption("digits") - 3L), ...) {
  digits <- known_digits(digits)
  say(standardization_heading(x), sep = "\n")
  say("\n", mean_words(x), "\n", sep = "")
  print_standardized(x, x$means, digits, tests = FALSE)
  words <- contrast_words(x$family)
  for (contrast in unique(x$contrasts$contrast)) {
    say("\n", words[[contrast]], "\n", sep = "")
    part <- x$contrasts[x$contrasts$contrast == contrast, ]
    print_standardized(x, part, digits, tests = TRUE)
  }
  print_remarks(x$notes)
  invisible(x)
}

# An observation is a row, or one of its trials.
average_words <- c(
  individual = "observation", cluster = "cluster", period = "period, and observation in it,",
  `cluster-period` = "period, and cluster in it,"
)

standardization_heading <- function(x) {
  estimand <- c(
    ATE = "all target rows (ATE)", ATT = "rows at the setting compared (ATT)",
    ATU = "rows at the reference (ATU)"
  )[[x$options$estimand]]
  c(
    paste0("Marginal standardization over ", estimand, ", exposure ", some_of(code(x$exposure))),
    paste0("Model:   ", model_words(x)),
    paste0("Basis:   ", x$basis),
    paste0("Rows:    ", count_of(x$rows, "row"), if (x$target == "new") " of new data",
      if (x$options$weighted) ", weighted as given",
      if (by_survey(x)) {
        ", with their survey weights"
      } else if (x$options$average != "individual" || !x$options$weighted) {
        paste0(", every ", average_words[[x$options$average]], " counts alike")
      }
    ),
    paste0("SE:      ", standardization_se_words(x)),
    paste0("Limits:  ", format_level(x$options$level), ", ", standardization_df_words(x))
  )
}

# The rows of a fit with survey weights, which count as many as they stand for.
by_survey <- function(x) isTRUE(x$options$survey) && x$target != "new" && !x$options$weighted

model_words <- function(x) {
  family <- family_label(x$family)
  if (x$model != "margmix_glmm") return(paste0("gee, ", family, ", marginal"))
  paste0("glmm, ", family, ", ", switch(x$options$random_effects,
    integrate = if (length(x$group)) {
      paste0("random effects of ", some_of(code(x$group)), " integrated out")
    } else {
      "without clusters"
    },
    zero = "random effects at zero: not the population mean",
    eb = paste0("random effects at the modes of the observed clusters of ", some_of(code(x$group)))
  ))
}

standardization_se_words <- function(x) {
  paste0(
    covariance_fact(x$vcov, "words"),
    if (!is.null(x$clusters)) paste0(", ", x$clusters, " clusters"), "; ",
    if (x$options$covariates == "sampled") "covariates sampled" else "for these covariate values"
  )
}

standardization_df_words <- function(x) {
  range_of <- function(df) {
    if (all(is.na(df))) return("unknown")
    df_range_words(df)
  }
  known <- c(x$means$df, x$contrasts$df)
  if (!any(!is.na(known))) return("no degrees of freedom")
  if (all(known == Inf, na.rm = TRUE)) return("normal")
  rule <- c(contrasts = "", means = "")
  robust <- !x$vcov %in% c("model", "given") && !isTRUE(x$options$survey)
  if (!is.numeric(x$options$df) && robust) {
    rule[] <- if (is.null(x$assigned)) "Satterthwaite " else "Welch "
    if (x$options$covariates == "sampled") rule[["means"]] <- "Welch "
    if (startsWith(x$vcov, "jackknife")) rule[] <- ""
  }
  paste0(
    "t with ", rule[["contrasts"]], "df ", range_of(x$contrasts$df), " (contrasts), ",
    rule[["means"]], "df ", range_of(x$means$df), " (means)"
  )
}

mean_words <- function(x) {
  what <- switch(mean_kind(x$family),
    probability = "risks", proportion = "mean proportions", mean = "means"
  )
  paste("Standardized", what)
}

print_standardized <- function(x, table, digits, tests) {
  label <- if (tests) paste(table$level, "vs", table$reference) else table$level
  if (!is.null(table$rows)) label <- paste0(label, " [rows at ", table$rows, "]")
  for (name in rev(x$by)) label <- paste0(name, " = ", table[[name]], ": ", label)
  shown <- cbind(
    Estimate = format_ratio(table$estimate, digits), SE = format_ratio(table$std.error, digits),
    Lower = format_ratio(table$conf.low, digits), Upper = format_ratio(table$conf.high, digits),
    `p-value` = if (tests) format.pval(table$p.value, digits = 2L, eps = 1e-4)
  )
  if (tests && table$contrast[1L] != "difference") colnames(shown)[2L] <- "SE(log)"
  rownames(shown) <- paste0("  ", label)
  print(shown, quote = FALSE, right = TRUE)
}

#' @rdname print.margmix_standardization
#' @export
summary.margmix_standardization <- function(object, ...) {
  structure(list(result = object), class = "summary.margmix_standardization")
}

#' @rdname print.margmix_standardization
#' @export
print.summary.margmix_standardization <- function(x, digits = max(3L, getOption("digits") - 3L),
                                                  ...) {
  digits <- known_digits(digits)
  result <- x$result
  print(result, digits = digits)
  table <- as.data.frame(result)
  say("\nDegrees of freedom and tests\n")
  print(
    table[c("term", "df", "statistic", "p.value")], digits = digits, row.names = FALSE,
    right = FALSE
  )
  invisible(x)
}

#' @rdname print.margmix_standardization
#' @export
vcov.margmix_standardization <- function(object, what = c("contrasts", "means"),
                                         covariates = object$options$covariates, ...) {
  what <- one_of(what, c("contrasts", "means"), "what")
  covariates <- one_of(covariates, c("sampled", "fixed"), "covariates")
  V <- object[[paste0("vcov_", what)]]
  if (covariates == object$options$covariates) return(V)
  if (covariates == "sampled") {
    abort("argument", "The result must have been computed with covariates = \"sampled\".",
      given = "covariates = \"fixed\""
    )
  }
  if (!is.null(object$assigned)) {
    abort("argument", "Means of an assigned exposure have a covariance for sampled clusters only.",
      given = "covariates = \"fixed\""
    )
  }
  fixed <- object$vcov_means_fixed
  if (what == "means") fixed else named_square(object$map %*% fixed %*% t(object$map), rownames(V))
}

#' @rdname print.margmix_standardization
#' @export
coef.margmix_standardization <- function(object, what = c("contrasts", "means"), ...) {
  what <- one_of(what, c("contrasts", "means"), "what")
  stats::setNames(object[[what]]$estimate, rownames(object[[paste0("vcov_", what)]]))
}

#' @rdname print.margmix_standardization
#' @export
confint.margmix_standardization <- function(object, parm, level = object$options$level,
                                            what = c("both", "contrasts", "means"), ...) {
  check_level(level)
  what <- one_of(what, c("both", "contrasts", "means"), "what")
  table <- at_level(standardization_rows(object, what), level)
  out <- as.matrix(table[c("conf.low", "conf.high")])
  tails <- c((1 - level) / 2, (1 + level) / 2)
  dimnames(out) <- list(table$term, paste(format(100 * tails, trim = TRUE), "%"))
  limits_of(out, parm)
}

at_level <- function(table, level) {
  ratio <- table$type %in% c("ratio", "odds_ratio")
  estimate <- ifelse(ratio, suppressWarnings(log(table$estimate)), table$estimate)
  half <- stats::qt((1 + level) / 2, table$df) * table$std.error
  table$conf.low <- ifelse(ratio, exp(estimate - half), estimate - half)
  table$conf.high <- ifelse(ratio, exp(estimate + half), estimate + half)
  table
}

# Both tables as one.
standardization_rows <- function(x, what) {
  columns <- c("estimate", "std.error", "df", "statistic", "p.value", "conf.low", "conf.high")
  part <- function(name, type, reference) {
    table <- x[[name]]
    table[setdiff(columns, names(table))] <- NA_real_
    data.frame(
      term = rownames(x[[paste0("vcov_", name)]]), type = type, table[x$by], level = table$level,
      reference = reference, table[columns]
    )
  }
  out <- rbind(
    if (what != "contrasts") part("means", "mean", NA_character_),
    if (what != "means") part("contrasts", x$contrasts$contrast, x$contrasts$reference)
  )
  rownames(out) <- NULL
  out
}

#' @rdname print.margmix_standardization
#' @export
as.data.frame.margmix_standardization <- function(x, row.names = NULL, optional = FALSE,
                                                  what = c("both", "contrasts", "means"), ...) {
  standardization_rows(x, one_of(what, c("both", "contrasts", "means"), "what"))
}

#' @rdname print.margmix_standardization
#' @export
tidy.margmix_standardization <- function(x, conf.int = TRUE, conf.level = x$options$level,
                                         what = c("both", "contrasts", "means"),
                                         exponentiate = !"parametric" %in% ...names(), ...) {
  what <- one_of(what, c("both", "contrasts", "means"), "what")
  check_switch(conf.int, "conf.int")
  check_switch(exponentiate, "exponentiate")
  check_level(conf.level, "conf.level")
  table <- at_level(standardization_rows(x, what), conf.level)
  if (!exponentiate) table <- log_ratios(table)
  if (!conf.int) table$conf.low <- table$conf.high <- NULL
  as_tibble_if_known(table)
}

# Ratios on the scale of their standard errors.
log_ratios <- function(table) {
  ratio <- table$type %in% c("ratio", "odds_ratio")
  for (name in c("estimate", "conf.low", "conf.high")) {
    table[[name]][ratio] <- suppressWarnings(log(table[[name]][ratio]))
  }
  table$term[ratio] <- paste("log", table$term[ratio])
  table
}

#' @rdname print.margmix_standardization
#' @details `glance()` has one row: the fit's model, the rows and clusters averaged over, and the
#'   settings of the standardization.
#' @export
glance.margmix_standardization <- function(x, ...) {
  check_passed_dots(..., known = "x")
  as_tibble_if_known(data.frame(
    model = sub("margmix_", "", x$model, fixed = TRUE), nobs = x$rows,
    nclusters = x$clusters %||% NA_integer_, exposure = some_of(x$exposure),
    reference = some_of(x$reference),
    covariates = x$options$covariates, average = x$options$average, vcov = x$vcov,
    df.residual = min(x$contrasts$df, x$means$df, na.rm = TRUE),
    conf.level = x$options$level
  ))
}
