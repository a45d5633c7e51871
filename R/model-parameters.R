# Methods for package parameters, registered when it is loaded: its tables have the numbers of
# summary() and confint().

# Degrees of freedom are given to the generic table, which knows rules for other classes only;
# errors are raised before it, since it would catch them.
#' @exportS3Method parameters::model_parameters
model_parameters.margmix_fit <- function(model, ci = 0.95, ci_method = df_method,
                                         df_method = NULL, bootstrap = FALSE, standardize = NULL,
                                         effects = "fixed", vcov = NULL, vcov_args = NULL, ...) {
  check_has_effects(model, effects)
  if (isTRUE(bootstrap)) refuse_bootstrap(model)
  if (identical(standardize, "refit")) refuse_standardize()
  rule <- interval_rule(model, ci_method)
  df <- client_inference(model, vcov, vcov_args, rule$df)$df
  out <- NextMethod(
    ci_method = if (rule$profile) "profile" else "wald", effects = "fixed", dof = df
  )
  out$df_error <- unname(df[out$Parameter])
  if (!is.null(ci_method)) attr(out, "ci_method") <- attr(out, "df_method") <- ci_method
  out
}

# Then the standard deviations and correlations, as for mixed models of other packages.
#' @exportS3Method parameters::model_parameters
model_parameters.margmix_glmm <- function(model, ci = 0.95, effects = "all", standardize = NULL,
                                          ...) {
  effects <- one_of(effects, c("all", "fixed", "random"), "effects")
  if (!is.null(standardize)) effects <- "fixed"
  out <- NextMethod(effects = "fixed")
  if (effects == "fixed") return(out)
  method <- if (identical(list(...)$ci_method, "profile")) "profile" else "Wald"
  level <- ci[1L] %||% 0.95
  limits <- stats::confint(model, deviation_names(model), level = level, method = method)
  add_random_parameters(out, tidy_random(model, level, limits), keep_fixed = effects == "all")
}

# What `ci_method` of these packages stands for; they would fall back to Wald limits.
interval_rule <- function(fit, ci_method) {
  if (identical(ci_method, "profile")) {
    check_has_likelihood(fit, "profile intervals")
    return(list(df = "default", profile = TRUE))
  }
  if (isTRUE(ci_method %in% c("boot", "uniroot", "likelihood", "quantile", "bcai", "hdi"))) {
    abort("argument",
      "`ci_method` must be \"wald\", \"normal\", \"profile\" or a rule of summary().",
      given = dQuote(ci_method, FALSE)
    )
  }
  list(df = rule_of_type(ci_method), profile = FALSE)
}

refuse_standardize <- function() {
  refuse_client("standardize = \"refit\"", "does not make fits of this package again",
    "Scale the variables in the data: glmm(y ~ scale(x) + (1 | g), data)."
  )
}

add_random_parameters <- function(fixed, random, keep_fixed) {
  words <- gsub("(Intercept)", "Intercept", random$term, fixed = TRUE)
  words <- sub("^sd__(.*)$", "SD (\\1)", sub("^cor__(.*)\\.(.*)$", "Cor (\\1~\\2)", words))
  rows <- data.frame(
    Parameter = sub("Observation", "Observations", words), Coefficient = random$estimate, SE = NA,
    CI_low = random$conf.low, CI_high = random$conf.high, Effects = "random", Group = random$group
  )
  fixed$Effects <- "fixed"
  fixed$Group <- ""
  rows[setdiff(names(fixed), names(rows))] <- NA_real_
  if (!is.null(fixed$CI)) rows$CI <- fixed$CI[1L]
  rows <- rows[names(fixed)]
  out <- if (keep_fixed) rbind(as.data.frame(fixed), rows) else rows
  kept <- attributes(fixed)
  kept <- kept[setdiff(names(kept), c("names", "row.names", "class"))]
  labels <- stats::setNames(rows$Parameter, rows$Parameter)
  kept$pretty_names <- c(kept$pretty_names, labels)
  kept$effects <- if (keep_fixed) "all" else "random"
  kept$ran_pars <- kept$ignore_group <- TRUE
  attributes(out) <- c(attributes(out)[c("names", "row.names")], kept, list(class = class(fixed)))
  out
}

# Rows are not exchangeable: a bootstrap draws clusters, or responses from the model.
#' @exportS3Method parameters::bootstrap_model
bootstrap_model.margmix_fit <- function(model, ...) refuse_bootstrap(model)

refuse_bootstrap <- function(model) {
  refuse_client("The bootstrap of package parameters", "draws rows, not whole clusters",
    bootstrap_hint(model)
  )
}

#' @exportS3Method parameters::ci
ci.margmix_fit <- function(x, ci = 0.95, dof = NULL, method = NULL, vcov = NULL, vcov_args = NULL,
                           ...) {
  rule <- interval_rule(x, method)
  rows <- lapply(ci, function(level) {
    limits <- if (rule$profile) {
      stats::confint(x, "beta_", level = level, method = "profile")
    } else {
      table <- client_inference(x, vcov, vcov_args, dof %||% rule$df, level)$table
      table[c("conf.low", "conf.high")]
    }
    data.frame(
      Parameter = rownames(limits), CI = level, CI_low = limits[, 1L], CI_high = limits[, 2L],
      row.names = NULL
    )
  })
  do.call(rbind, rows)
}

# Its default is silent for classes that it does not know.
#' @exportS3Method parameters::equivalence_test
equivalence_test.margmix_fit <- function(x, ...) {
  refuse_client("equivalence_test()", "knows other classes only",
    "Compare confint(fit, level = 0.9) with the region of equivalence."
  )
}

#' @exportS3Method parameters::p_value
p_value.margmix_fit <- function(model, dof = NULL, method = NULL, vcov = NULL, vcov_args = NULL,
                                ...) {
  table <- client_inference(model, vcov, vcov_args, dof %||% interval_rule(model, method)$df)$table
  data.frame(Parameter = rownames(table), p = table$p.value)
}

#' @exportS3Method parameters::standard_error
standard_error.margmix_fit <- function(model, effects = "fixed", vcov = NULL, vcov_args = NULL,
                                       ...) {
  effects <- one_of(effects, c("fixed", "random"), "effects")
  if (effects == "random") {
    values <- tidy_values(model, 0.95)
    return(values[c("group", "level", "term", "std.error")])
  }
  se <- sqrt(diag(get_varcov.margmix_fit(model, vcov, vcov_args)))
  names <- names(model$coefficients)
  data.frame(Parameter = names, SE = unname(se[names]))
}

# In version 0.20, before get_df() of package insight.
#' @exportS3Method parameters::degrees_of_freedom
degrees_of_freedom.margmix_fit <- function(model, method = "analytical", ...) {
  get_df.margmix_fit(model, type = method)
}
