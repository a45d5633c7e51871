# What the means of a standardization rest on: the model alone, or also how the exposure was
# assigned. The basis is chosen once; what differs between its kinds are methods.

#' Choose the basis of a standardization
#'
#' * `margmix_model_basis`: the means are those of the model;
#' * `margmix_assigned_basis`: the residuals of the rows that had a setting, weighted by one over
#'   the probability of it, are added to the means of the model. The probabilities are known, the
#'   observed shares, or fitted by a propensity model (`margmix_propensity_basis`).
#'
#' @param request The arguments of [marginal_standardization()]: `randomized`, `NULL`, `TRUE`,
#'   `"clusters"`, `"individuals"`, or the probability of each setting; `propensity`, `NULL`, or a
#'   fit of the exposure; `period`, `NULL` or a name.
#' @return A list; of an assigned basis: `arm` (n positions among the settings, `NA` for none),
#'   `probability` (n, of the row's own setting), `by_cluster`: is the exposure constant in
#'   clusters? `units` (m x settings): clusters or individuals that had the setting, `total` (m)
#'   and `estimated`: are the probabilities their shares?
#' @section Errors: `randomized`, `propensity`, `crossed_clusters`.
#' @noRd
standardization_basis <- function(fit, request, settings, target, weight) {
  randomized <- request$randomized
  propensity <- request$propensity
  if (is.null(randomized) && is.null(propensity)) {
    return(structure(list(), class = "margmix_model_basis"))
  }
  check_assigned(fit, randomized, propensity, settings, target, request$options)
  basis <- assigned_units(settings, target)
  if (!is.null(request$period)) return(period_basis(basis, request, settings, target, weight))
  check_arms(basis, settings, target)
  basis <- if (is.null(propensity)) {
    randomized_basis(basis, randomized, settings, target)
  } else {
    propensity_basis(basis, fit, propensity, settings, target)
  }
  structure(basis, class = c(
    if (!is.null(propensity)) "margmix_propensity_basis", "margmix_assigned_basis"
  ))
}

#' Weights of the rows for the average asked for
#' @noRd
averaged_weight <- function(basis, weight, cells, target, average) UseMethod("averaged_weight")

#' @export
averaged_weight.default <- function(basis, weight, cells, target, average) {
  if (average != "cluster") return(weight)
  equal_clusters(weight, cells$group, target) * (target$cluster_weights[target$cluster] %||% 1)
}

check_assigned <- function(fit, randomized, propensity, settings, target, options) {
  name <- if (is.null(propensity)) "randomized" else "propensity"
  refuse <- function(must, given, hint = NULL) abort(name, must, given = given, hint = hint)
  if (!is.null(randomized) && !is.null(propensity)) {
    refuse("Only one of `randomized` and `propensity` can be given.", NULL)
  }
  if (!supports(fit$design, "clusters")) {
    abort("crossed_clusters", "Crossed grouping factors leave no independent clusters.",
      given = code(name), hint = paste("Leave out", code(name), "for the means of the model.")
    )
  }
  if (!target$sorted) {
    refuse(paste0("With `", name, "` the target rows must be those of the fit."), "`newdata`")
  }
  if (length(fit$schedule)) {
    refuse(paste0("`", name, "` is not combined with weights over a schedule of visits."),
      "a fit with `ipw`", "Leave it out for the means of the model."
    )
  }
  if (length(settings$exposure) > 1L || !settings$discrete) {
    refuse(paste0("With `", name, "` the exposure must be one variable with groups."),
      some_of(code(settings$exposure))
    )
  }
  other <- c(
    if (options$estimand != "ATE") paste0("estimand = \"", options$estimand, "\""),
    if (options$random_effects != "integrate") {
      paste0("random_effects = \"", options$random_effects, "\"")
    },
    if (options$covariates != "sampled") "covariates = \"fixed\""
  )
  if (length(other)) {
    refuse(paste0("`", name, "` is for the population that the clusters were sampled from."), other,
      "Use the defaults of `estimand`, `random_effects` and `covariates`."
    )
  }
}

# The units that had each setting: clusters where the exposure is constant in all of them,
# otherwise individuals.
assigned_units <- function(settings, target) {
  arm <- observed_setting(settings, target)
  m <- length(target$levels)
  # 0 for a value that is not compared
  code <- value_codes(target$raw(settings$exposure))$code
  first <- code[match(seq_len(m), target$cluster)]
  varies <- unique(target$cluster[code != first[target$cluster]])
  by_cluster <- !length(varies)
  units <- vapply(seq_along(settings$labels), function(k) {
    n <- drop(rowsum((arm %in% k) * target$weight, target$cluster))
    if (by_cluster) as.numeric(n > 0) else n
  }, numeric(m))
  total <- drop(rowsum(target$weight, target$cluster))
  list(
    arm = arm, by_cluster = by_cluster, varies = target$levels[varies],
    units = matrix(units, m), total = if (by_cluster) as.numeric(total > 0) else unname(total)
  )
}

check_arms <- function(basis, settings, target) {
  with <- colSums(basis$units > 0)
  few <- which(with < 2)
  if (!length(few)) return(invisible())
  abort("randomized", "Every setting must have been given in two clusters or more.",
    given = paste0(settings$exposure, " = ", settings$labels[few], " in ",
      vapply(with[few], count_of, "", "cluster")
    ),
    hint = "Leave the setting out of `values`."
  )
}

randomized_basis <- function(basis, randomized, settings, target) {
  if (identical(randomized, "clusters") && !basis$by_cluster) {
    abort("randomized", "The exposure of randomized clusters must be constant in each of them.",
      given = paste(code(settings$exposure), "varies in", some_of(basis$varies)),
      hint = "Use randomized = \"individuals\" if it was assigned within clusters."
    )
  }
  basis$estimated <- !is.numeric(randomized)
  p <- if (basis$estimated) {
    check_randomized_word(randomized)
    if (isTRUE(randomized) && !basis$by_cluster) note_periods(settings, target)
    colSums(basis$units) / sum(basis$total)
  } else {
    known_probability(randomized, settings, anyNA(basis$arm))
  }
  basis$share <- p
  basis$probability <- p[basis$arm]
  basis
}

check_randomized_word <- function(randomized) {
  if (isTRUE(randomized) || is.character(randomized) && length(randomized) == 1L &&
    randomized %in% c("clusters", "individuals")) {
    return(invisible())
  }
  abort("randomized",
    "`randomized` must be TRUE, \"clusters\", \"individuals\" or the probability of each setting.",
    given = some_of(randomized)
  )
}

# Was the exposure perhaps assigned to clusters by period, as in a stepped wedge? Then it is
# constant in each cluster at each value of another variable, and individuals were not randomized.
note_periods <- function(settings, target) {
  arm <- value_codes(target$raw(settings$exposure))$code
  others <- setdiff(unique(unlist(lapply(target$variables, all.vars))), settings$exposure)
  is_period <- vapply(others, function(name) {
    x <- target$raw(name)
    if (is.null(x) || is.matrix(x)) return(FALSE)
    cell <- paste(target$cluster, value_codes(x)$code)
    cells <- length(unique(cell))
    cells <= target$n / 2 && cells > length(target$levels) &&
      length(unique(paste(cell, arm))) == cells
  }, NA)
  if (!any(is_period)) return(invisible())
  period <- others[is_period][1L]
  note("randomized", "The exposure is compared as if individuals had been randomized.",
    given = paste(code(settings$exposure), "is constant in each cluster at each value of",
      code(period)
    ),
    hint = paste0("If clusters were assigned to it by period, as in a stepped wedge, period = \"",
      period, "\" compares within periods."
    )
  )
}

# `other`: have some rows none of the settings?
known_probability <- function(p, settings, other) {
  labels <- settings$labels
  if (!is.null(names(p)) && setequal(names(p), labels)) p <- p[labels]
  fits <- length(p) == length(labels) && all(is.finite(p)) && all(p > 0 & p < 1) &&
    (if (other) sum(p) < 1 + 1e-8 else abs(sum(p) - 1) < 1e-6)
  if (fits) return(unname(p))
  abort("randomized", paste(
    "Probabilities of the settings must be between 0 and 1, one for each, with a sum of",
    if (other) "at most 1." else "1."
  ), given = some_of(signif(p, 4L)), hint = paste0("Settings: ", some_of(labels, 10L), "."))
}

# Words -------------------------------------------------------------------------------------------

#' What the means rest on, for the print
#' @return Lines of text, without their label.
#' @noRd
basis_words <- function(basis, settings) UseMethod("basis_words")

#' @export
basis_words.margmix_model_basis <- function(basis, settings) {
  "means of the model, which must be right"
}

#' @export
basis_words.margmix_assigned_basis <- function(basis, settings) {
  what <- if (basis$by_cluster) "clusters" else "individuals"
  paste0(
    "randomized ", what, " (", some_of(paste(colSums(basis$units), "with", settings$labels)), "), ",
    if (basis$estimated) "shares as probabilities" else "known probabilities",
    "; holds for any model"
  )
}
