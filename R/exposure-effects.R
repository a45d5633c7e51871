# Effects by exposure time, and their average.

#' Effects by time since the start of a treatment, and their average
#'
#' @description
#' ```
#' trial <- expand.grid(person = 1:9, period = 1:5, cluster = 1:12)
#' trial$exposure <- exposure_time(trial$period, start = 2 + trial$cluster %% 4)
#' trial$y <- trial$exposure / 9 + cos(seq_len(nrow(trial))^2)
#' fit <- glmm(y ~ factor(period) + factor(exposure) + (1 | cluster / period), trial)
#' exposure_effects(fit, "exposure")
#' ```
#' If an effect grows or wanes with the time since a cluster started the treatment, a model with a
#' single treatment effect does not estimate its average. In a stepped-wedge trial the estimate can
#' lie outside the range of all effects, or have the wrong sign (Kenny et al. 2022). With the
#' exposure time in the model as a factor (or in any other form), each time s has its point effect.
#' The time-averaged effect is their mean over `times`, and the long-term effect is that of the
#' longest time.
#'
#' @details
#' The effect at time s is the difference between the linear predictors with the exposure time set
#' to s and to 0, averaged over the rows of the fit. It differs between rows only if exposure time
#' has interactions. Offsets play no part. Effects are conditional for a fit of [glmm()], and
#' marginal for one of [gee()]. For a [marginal_standardization()] with the exposure times as
#' `values`, they are its contrasts with time 0: marginal, on the scale of risks or means. Averages
#' of ratios are geometric.
#'
#' Standard errors and degrees of freedom are those of linear combinations of coefficients, by
#' default of Kenward and Roger or Satterthwaite. For a standardization, the average has the
#' smallest degrees of freedom of its contrasts. The printed result includes the joint test of equal
#' effects at all times. Don't assume a single treatment effect without it; but it has little power
#' in small trials.
#'
#' @param x A fit of [glmm()] or [gee()]; or a result of [marginal_standardization()].
#' @param exposure Name of the exposure time in the data, where 0 is no treatment: numbers, or a
#'   factor whose levels are numbers. [exposure_time()] computes it.
#' @param times Exposure times to report and to average; by default all in the data.
#' @param vcov,df As in [summary.margmix_glmm()] and [summary.margmix_gee()].
#' @param level Confidence level.
#' @param exponentiate `TRUE` for ratios; the default if the link gives odds, rate or risk ratios.
#' @param digits Significant digits to print.
#' @param ... Not used.
#' @return A data frame of class `margmix_exposure_effects`: `effect` (`"point"`, `"average"`,
#'   `"long-term"`), `time` (for the average, the last one), `estimate`, `std.error` (of the
#'   logarithm, for ratios), `df`, `statistic`, `p.value`, `conf.low`, `conf.high`; for a
#'   standardization also `contrast` and its subgroups. The attribute `constant` is the test of
#'   equal effects.
#' @section Errors: `margmix_error_exposure`: not in the model, or not a time with 0;
#'   `margmix_error_times`: times that are not in the data or the standardization.
#' @references
#' Kenny, A., Voldal, E. C., Xia, F., Heagerty, P. J. and Hughes, J. P. (2022). Analysis of stepped
#' wedge cluster randomized trials in the presence of a time-varying treatment effect. *Statistics
#' in Medicine* **41**, 4311-4339.
#' @seealso [exposure_time()]; [correlations] for periods nested in clusters.
#' @examples
#' set.seed(1)
#' trial <- expand.grid(person = 1:8, period = 1:5, cluster = 1:12)
#' trial$exposure <- exposure_time(trial$period, start = 2 + (trial$cluster - 1) %/% 3)
#' trial$y <- rbinom(nrow(trial), 1, plogis(rnorm(12, sd = 0.4)[trial$cluster] +
#'   0.3 * trial$exposure))
#' fit <- gee(y ~ factor(period) + factor(exposure), trial, id = cluster, family = binomial(),
#'   corstr = cor_nested(), inner = ~cluster:period
#' )
#' exposure_effects(fit, "exposure")
#' exposure_effects(marginal_standardization(fit, "exposure", values = 0:4,
#'   contrast = "difference"
#' ))
#' @export
exposure_effects <- function(x, ...) UseMethod("exposure_effects")

#' @export
exposure_effects.default <- function(x, ...) {
  abort("argument",
    "`x` must be a fit of glmm() or gee(), or a result of marginal_standardization().",
    given = class(x)[1L]
  )
}

#' @rdname exposure_effects
#' @export
exposure_effects.margmix_fit <- function(x, exposure, times = NULL, vcov = default_vcov(x),
                                         df = "default", level = 0.95, exponentiate = NULL, ...) {
  check_dots(..., known = names(formals(exposure_effects.margmix_fit)))
  check_level(level)
  settings <- time_settings(x, quoted(exposure, "exposure", substitute(exposure)))
  times <- check_times(times, settings$time)
  C <- exposure_contrasts(x, exposure, settings$value[match(c(0, times), settings$time)])
  map <- averaging_map(length(times))
  covariance <- chosen_vcov(x, vcov)
  degrees <- chosen_df(x, df, covariance)
  C_all <- map %*% C
  ratio <- ratios_of_fit(x)
  exponentiate <- exponentiate %||% (length(ratio) > 0L)
  table <- estimate_table(drop(C_all %*% x$beta), C_all %*% covariance$vcov %*% t(C_all),
    hypothesis_df(degrees, C_all), level, exponentiate
  )
  reported <- degrees
  reported$df <- stats::setNames(table$df, time_labels(times))[-nrow(table)]
  structure(cbind(time_columns(times), table),
    class = c("margmix_exposure_effects", "data.frame"),
    heading = c(
      times_heading(x, if (exponentiate) ratio[1L]),
      paste0(format_level(level), " limits. ", inference_words(x, covariance, reported))
    ),
    notes = few_clusters_notes(reported), constant = constant_test(x, C, covariance, df)
  )
}

#' @rdname exposure_effects
#' @export
exposure_effects.margmix_standardization <- function(x, times = NULL, level = x$options$level,
                                                     ...) {
  check_dots(..., known = names(formals(exposure_effects.margmix_standardization)))
  check_level(level)
  settings <- label_times(x$levels, x$exposure)
  if (!identical(label_times(x$reference, x$exposure), 0)) {
    abort("exposure", "The reference of the standardization must be exposure time 0.",
      given = x$reference, hint = "Use reference = \"0\"."
    )
  }
  times <- check_times(times, settings)
  rows <- x$contrasts
  time <- label_times(rows$level, x$exposure)
  cell <- interaction(rows[c(x$by, "contrast")], drop = TRUE, lex.order = TRUE)
  log <- rows$contrast != "difference"
  scaled <- ifelse(log, log(rows$estimate), rows$estimate)
  parts <- lapply(unique(cell), function(one) {
    at <- which(cell == one)[match(times, time[cell == one])]
    C <- matrix(0, length(at), nrow(rows))
    C[cbind(seq_along(at), at)] <- 1
    C <- averaging_map(length(at)) %*% C
    df <- c(rows$df[at], min(rows$df[at]), rows$df[at[length(at)]])
    table <- estimate_table(drop(C %*% scaled), C %*% x$vcov_contrasts %*% t(C), df, level,
      log[at[1L]])
    cbind(rows[rep(at[1L], nrow(C)), c(x$by, "contrast"), drop = FALSE], time_columns(times),
      table, row.names = NULL)
  })
  structure(do.call(rbind, parts),
    class = c("margmix_exposure_effects", "data.frame"), by = c("contrast", x$by),
    heading = c(standardization_heading(x)[1:2], paste0("Limits:  ", format_level(level)))
  )
}

#' @rdname exposure_effects
#' @export
print.margmix_exposure_effects <- function(x, digits = max(3L, getOption("digits") - 3L), ...) {
  digits <- known_digits(digits)
  if (is.null(attr(x, "heading"))) return(print.data.frame(x, digits = digits))
  say("Effects by exposure time, compared with time 0\n")
  say(attr(x, "heading"), sep = "\n")
  by <- attr(x, "by")
  cell <- if (length(by)) do.call(paste, c(unname(unclass(x)[by]), sep = ", ")) else ""
  cell <- rep_len(cell, nrow(x))
  for (one in unique(cell)) {
    say("\n", one, if (nzchar(one)) "\n", sep = "")
    part <- x[cell == one, ]
    shown <- cbind(
      Estimate = format_ratio(part$estimate, digits), Lower = format_ratio(part$conf.low, digits),
      Upper = format_ratio(part$conf.high, digits), df = format_df(part$df),
      `p-value` = format.pval(part$p.value, digits = 2L, eps = 1e-4)
    )
    rownames(shown) <- time_labels(part$time[part$effect == "point"])
    print(shown, quote = FALSE, right = TRUE)
  }
  test <- attr(x, "constant")
  if (!is.null(test)) say("\n", constant_words(test), "\n", sep = "")
  print_remarks(attr(x, "notes"))
  invisible(x)
}

# Pieces ------------------------------------------------------------------------------------------

#' The exposure times of a fit
#' @return A list: `time`, sorted numbers with 0 the first; `value`, as they are in the data.
#' @section Errors: `exposure`.
#' @noRd
time_settings <- function(fit, exposure) {
  if (!is.character(exposure) || length(exposure) != 1L) {
    abort("exposure", "`exposure` must be the name of a variable, in quotes.",
      given = class(exposure)[1L])
  }
  target <- fit_target(fit)
  if (!length(affected_columns(target, exposure))) {
    abort("exposure", "`exposure` must be a variable of the model.", given = exposure)
  }
  raw <- target$raw(exposure)
  value <- if (is.factor(raw)) levels(raw) else sort(unique(raw))
  time <- label_times(value, exposure)
  order <- order(time)
  if (!identical(time[order[1L]], 0) || length(time) < 2L) {
    abort("exposure", "An exposure time must have 0, for no treatment, and times above it.",
      given = paste(code(exposure), "with", some_of(value)),
      hint = "exposure_time() computes it."
    )
  }
  list(time = time[order], value = value[order])
}

label_times <- function(labels, exposure) {
  time <- suppressWarnings(as.numeric(as.character(labels)))
  if (!anyNA(time)) return(time)
  abort("exposure", "Exposure times must be numbers.",
    given = paste(code(exposure), "with", some_of(labels[is.na(time)]))
  )
}

check_times <- function(times, known) {
  positive <- known[known > 0]
  if (is.null(times)) return(positive)
  good <- is.numeric(times) && length(times) && all(times %in% positive) && !anyDuplicated(times)
  if (good) return(sort(times))
  abort("times", "`times` must be exposure times above 0 that are there, each once.",
    given = some_of(times), hint = paste0("Times: ", some_of(positive, 10L), ".")
  )
}

# Mean of the design at each value minus that at the first: (values - 1) x p.
exposure_contrasts <- function(fit, exposure, values) {
  target <- fit_target(fit)
  used <- target$weight > 0
  centre <- vapply(seq_along(values), function(k) {
    setting <- stats::setNames(list(values[k]), exposure)
    X <- counterfactual_design(fit, target, setting, used)$X
    colSums(X * target$weight) / sum(target$weight)
  }, numeric(length(fit$beta)))
  t(matrix(centre, ncol = length(values)))[-1L, , drop = FALSE] -
    rep(centre[seq_along(fit$beta)], each = length(values) - 1L)
}

# Point effects, their average, and the last again.
averaging_map <- function(count) {
  rbind(diag(count), 1 / count, diag(count)[count, ])
}

time_columns <- function(times) {
  last <- times[length(times)]
  data.frame(
    effect = c(rep("point", length(times)), "average", "long-term"), time = c(times, last, last)
  )
}

time_labels <- function(times) {
  range <- unique(range(times))
  c(
    paste("time", times), paste("average of time", paste(range, collapse = " to ")), "long-term"
  )
}

times_heading <- function(fit, ratio) {
  words <- if (is.null(ratio)) {
    paste0("differences of ", if (has_identity_link(fit$family)) "means" else "predictors")
  } else {
    ratio_words(fit, ratio)
  }
  ratio_heading(fit, words)
}

# Joint test that the effect is the same at all times; NULL for one time.
constant_test <- function(fit, C, covariance, df) {
  if (nrow(C) < 2L) return(NULL)
  differences <- C[-1L, , drop = FALSE] - rep(C[1L, ], each = nrow(C) - 1L)
  # those of a straight line are one
  independent <- independent_columns(matrix(0, ncol(C), 0L), t(differences))
  differences <- differences[independent, , drop = FALSE]
  vcov <- if (covariance$type == "given") covariance$vcov else covariance$type
  inference <- wald_inference(fit, vcov, df, list(count = 0))
  wald_test(list(large = fit, C = differences), inference)
}

constant_words <- function(test) {
  if (is.na(test$p.value)) return("Equal effects at all times: too few clusters for a joint test.")
  paste0(
    "Equal effects at all times: F = ", trimws(formatC(test$statistic, digits = 3L, format = "fg")),
    " with ", test$df1, " and ", format_df(test$df2), " df, p = ",
    format.pval(test$p.value, digits = 2L, eps = 1e-4), "."
  )
}
