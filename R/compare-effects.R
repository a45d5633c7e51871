# Conditional and marginal effects side by side.

#' Conditional and marginal effects of two models
#'
#' @description
#' ```
#' mixed <- glmm(severe ~ treatment * scheduled + (1 | patient), toenail, binomial())
#' marginal <- gee(severe ~ treatment * scheduled, toenail, id = patient, family = binomial())
#' effects <- compare_effects(mixed, marginal)
#' effects
#' plot(effects)
#' ```
#' A table that gives, for each term, the conditional effect of [glmm()], the marginal effect that
#' this model implies, and the marginal effect that [gee()] estimates directly.
#'
#' @details
#' The columns answer two questions.
#'
#' * *Conditional*: how do two rows of the **same cluster** (or of clusters with the same random
#'   effects) differ? The question of a patient, or of a clinic.
#' * *Marginal*: how do **averages over the population** of clusters differ? The question of a
#'   health service. The mixed model implies an answer ([marginal_coefficients()]); estimating
#'   equations give one without a model for the dependence.
#'
#' Unless the link is the identity or (for slopes) the log, the two answers differ, and both are
#' right: the average of curves is flatter than the curves. Attenuation is the ratio of the marginal
#' to the conditional coefficient, as implied by the mixed model. The two marginal columns estimate
#' the same quantities if the mixed model holds. If they are far apart, check its assumptions, or
#' missing data: estimating equations require them to be missing completely at random.
#'
#' If the link gives ratios (odds, rates, risks), these are shown, without the intercept.
#'
#' `plot()` draws the mean against one covariate: for single clusters in grey, at quantiles of the
#' distribution of the random effects; for a cluster with random effect 0 (dashed); for the
#' population, their average (thick); and for the marginal model (dot-dash). The other covariates
#' are held at their mean or first level, or at the values in `at`; the title says which.
#'
#' @param glmm_fit A fit of [glmm()].
#' @param gee_fit A fit of [gee()] with the same response, rows (in any order), family, link and
#'   fixed effects, or `NULL` for the columns of the mixed model only. A negative binomial or
#'   beta-binomial mixed model goes with a fit of `poisson()` or `binomial()`.
#' @param vcov,gee_vcov Covariance matrices: of the mixed model, as in [marginal_coefficients()]; of
#'   the marginal one, as in [vcov.margmix_gee()].
#' @param level Confidence level.
#' @param exponentiate `TRUE` for ratios; the default if the link gives ratios.
#' @param intercept Show the intercept? By default only if no ratios are shown.
#' @param x A result.
#' @param digits Significant digits to print.
#' @param row.names,optional Not used (arguments of the generic).
#' @param ... Not used; for `plot()`, passed to [graphics::plot.default()].
#' @return A list of class `margmix_effects` with the data frame `table` (columns `term`,
#'   `conditional`, `marginal` and `gee`, each with `.low` and `.high`, and `attenuation`), the
#'   fits, and words. `as.data.frame()` gives the table.
#' @section Conditions: errors `margmix_error_argument`, `margmix_error_compare_family`,
#'   `margmix_error_compare_formula`, `margmix_error_compare_rows`; warning
#'   `margmix_warning_compare_clusters` (the models have different clusters); and those of
#'   [marginal_coefficients()].
#' @references
#' Neuhaus, J. M., Kalbfleisch, J. D. and Hauck, W. W. (1991). A comparison of cluster-specific and
#' population-averaged approaches for analyzing correlated binary data. *International Statistical
#' Review* **59**, 25-35.
#' @seealso `vignette("which-model", package = "margmix")`
#' @examples
#' mixed <- glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial())
#' marginal <- gee(cbind(success, n - success) ~ treatment, infection, id = clinic,
#'   family = binomial(), corstr = "exchangeable"
#' )
#' effects <- compare_effects(mixed, marginal)
#' effects
#' plot(effects)
#' @export
compare_effects <- function(glmm_fit, gee_fit = NULL, vcov = "default", gee_vcov = "KC",
                            level = 0.95, exponentiate = NULL, intercept = NULL, ...) {
  check_dots(..., known = names(formals(compare_effects)))
  check_level(level)
  check_choice(exponentiate, "exponentiate")
  check_choice(intercept, "intercept")
  check_compared(glmm_fit, gee_fit)
  ratio <- ratio_of(glmm_fit$family)
  exponentiate <- exponentiate %||% !is.null(ratio)
  rows <- names(glmm_fit$coefficients)
  if (!(intercept %||% !exponentiate)) rows <- setdiff(rows, "(Intercept)")
  parts <- list(
    conditional = coef_inference(glmm_fit, vcov, "default", level, rows),
    marginal = marginal_coefficients(glmm_fit, vcov, level = level),
    gee = if (!is.null(gee_fit)) coef_inference(gee_fit, gee_vcov, "default", level, rows)
  )
  table <- effects_table(parts, rows, if (exponentiate) exp else identity)
  structure(list(
    table = table, glmm = glmm_fit, gee = gee_fit, level = level,
    ratio = if (exponentiate) ratio %||% "exp(coefficient)",
    method = method_words(parts$marginal),
    words = c(glmm = parts$conditional$words, gee = parts$gee$words),
    notes = c(parts$conditional$notes, parts$gee$notes)
  ), class = "margmix_effects")
}

ratio_of <- function(family) {
  kind <- ratio_kind(family)
  if (length(kind)) paste(kind, "ratios")
}

effects_table <- function(parts, rows, scale) {
  columns <- function(table, estimate, name) {
    table <- table[rows, c(estimate, "conf.low", "conf.high")]
    names <- paste0(name, c("", ".low", ".high"))
    stats::setNames(lapply(table, function(x) unname(scale(x))), names)
  }
  marginal <- parts$marginal$table
  data.frame(c(
    list(term = rows), columns(parts$conditional$table, "estimate", "conditional"),
    columns(marginal, "marginal", "marginal"),
    if (!is.null(parts$gee)) columns(parts$gee$table, "estimate", "gee"),
    list(attenuation = marginal[rows, "attenuation"])
  ), row.names = rows)
}

# Do the models belong together? ------------------------------------------------------------------

check_compared <- function(mixed, marginal) {
  known <- is.null(marginal) || inherits(marginal, "margmix_gee")
  if (!known || !inherits(mixed, "margmix_glmm")) {
    abort("argument", "The first fit must be one of glmm(), the second one of gee() (or NULL).",
      given = paste(class(mixed)[1L], "and", class(marginal)[1L])
    )
  }
  if (is.null(marginal)) return(invisible())
  check_same_family(mixed$family, marginal$family)
  check_same_formula(mixed, marginal)
  check_same_rows(mixed, marginal)
  check_same_clusters(mixed, marginal)
}

# Overdispersed counts belong beside gee() for counts, which estimates a scale for the same mean.
check_same_family <- function(a, b) {
  if (have_same_mean(a, b)) return(invisible())
  abort("compare_family", "Both models must have the same family and link.",
    given = paste(family_label(a), "and", family_label(b))
  )
}

check_same_formula <- function(mixed, marginal) {
  a <- names(mixed$coefficients)
  b <- names(marginal$coefficients)
  if (setequal(a, b)) return(invisible())
  abort("compare_formula", "Both models must have the same fixed effects.",
    given = c(
      if (length(setdiff(a, b))) paste("only in glmm():", some_of(code(setdiff(a, b)))),
      if (length(setdiff(b, a))) paste("only in gee():", some_of(code(setdiff(b, a))))
    )
  )
}

check_same_rows <- function(mixed, marginal) {
  a <- row_parts(mixed)
  b <- row_parts(marginal)
  differs <- vapply(names(a), function(name) {
    !isTRUE(all.equal(a[[name]], b[[name]], tolerance = 1e-10, check.attributes = FALSE))
  }, NA)
  if (!any(differs)) return(invisible())
  if (length(a$y) == length(b$y)) {
    keys <- row_keys(a, b)
    if (identical(sort(keys[[1L]]), sort(keys[[2L]]))) return(invisible())
  }
  abort("compare_rows", "Both models must be fitted to the same rows.",
    given = if (length(a$y) != length(b$y)) {
      paste(length(a$y), "rows in glmm(),", length(b$y), "in gee()")
    } else {
      paste(some_of(names(a)[differs]), "of the rows differ")
    },
    hint = "Rows with missing values may have been dropped from one of them."
  )
}

# What the rows of a fit are, in the caller's order.
row_parts <- function(fit) {
  take <- function(x) caller_order(x, fit$design)
  X <- design_X(fit$design)
  c(
    lapply(response_rows(fit$design), take),
    list(covariates = unname(take(X)[, order(colnames(X)), drop = FALSE]))
  )
}

# The same number for rows with the same content, in both fits.
row_keys <- function(a, b) {
  parts <- lapply(list(a, b), function(x) do.call(cbind, x))
  scale <- pmax(apply(abs(parts[[1L]]), 2L, max), 1e-300)
  text <- lapply(parts, function(x) {
    do.call(paste, as.data.frame(round(x / rep(scale, each = nrow(x)), 9L)))
  })
  lapply(text, match, table = unique(unlist(text)))
}

check_same_clusters <- function(mixed, marginal) {
  cluster <- function(fit) {
    code <- caller_order(cluster_codes(fit$design), fit$design)
    match(code, unique(code))
  }
  a <- cluster(mixed)
  b <- cluster(marginal)
  if (identical(a, b)) return(invisible())
  keys <- row_keys(row_parts(mixed), row_parts(marginal))
  reordered <- !identical(keys[[1L]], keys[[2L]])
  if (reordered && identical(contents(keys[[1L]], a), contents(keys[[2L]], b))) return(invisible())
  count <- function(fit) paste(cluster_count(fit$design), "of", code(cluster_group(fit$design)))
  warn("compare_clusters", "The models have different independent units.",
    given = paste("glmm():", count(mixed), "- gee():", count(marginal)),
    hint = "The effects compare, but their standard errors rest on different assumptions."
  )
}

# What clusters consist of, in an order that does not depend on that of rows and labels.
contents <- function(key, cluster) {
  unname(sort(vapply(split(key, cluster), function(k) paste(sort(k), collapse = " "), "")))
}

# Methods -----------------------------------------------------------------------------------------

#' @rdname compare_effects
#' @export
print.margmix_effects <- function(x, digits = max(3L, getOption("digits") - 4L), ...) {
  digits <- known_digits(digits)
  group <- some_of(code(group_labels(x$glmm$design)))
  say("Conditional and marginal effects", if (!is.null(x$ratio)) paste0(": ", x$ratio), "\n\n",
    sep = ""
  )
  say("Conditional:   rows with the same random effects, as of one ", group, " (glmm)\n",
    "Marginal:      averages over the population, implied by the mixed model,\n",
    paste0("               ", x$method, "\n"),
    if (!is.null(x$gee)) "GEE:           averages over the population, estimated directly\n",
    "Attenuation:   marginal / conditional coefficient\n\n",
    sep = ""
  )
  table <- x$table
  number <- function(x) formatC(x, digits = digits, format = "fg", flag = "#")
  cell <- function(name) {
    part <- table[paste0(name, c("", ".low", ".high"))]
    out <- paste0(number(part[[1L]]), " (", number(part[[2L]]), ", ", number(part[[3L]]), ")")
    replace(out, is.na(part[[1L]]), "NA")
  }
  shown <- cbind(
    Conditional = cell("conditional"), Marginal = cell("marginal"),
    GEE = if (!is.null(x$gee)) cell("gee"), Attenuation = sprintf("%.3f", table$attenuation)
  )
  rownames(shown) <- table$term
  print(shown, quote = FALSE, right = TRUE)
  say(format_level(x$level), " limits. glmm: ", x$words[["glmm"]], "\n", sep = "")
  if (!is.null(x$gee)) say("gee: ", x$words[["gee"]], "\n", sep = "")
  print_remarks(x$notes)
  invisible(x)
}

#' @rdname compare_effects
#' @export
as.data.frame.margmix_effects <- function(x, row.names = NULL, optional = FALSE, ...) {
  out <- x$table
  rownames(out) <- NULL
  out
}
