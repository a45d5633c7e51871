# Observational exposures: the probability of a row's own setting from a fitted propensity model.

#' The basis of an exposure with a propensity model
#'
#' The probability of the exposure's second value is the mean of the population in the propensity
#' model, random effects integrated out: 1 minus it for the first.
#'
#' @return `basis` with `propensity`, the fit; `probability`, `sign` (n): of its own setting.
#' @section Errors: `propensity`.
#' @noRd
propensity_basis <- function(basis, fit, propensity, settings, target) {
  check_propensity(fit, propensity, settings, target)
  rows <- propensity_rows(propensity)
  p <- population_mean(propensity, rows)$mean
  event <- mean_response(propensity$design) == 1
  basis$sign <- ifelse(event, 1, -1)
  basis$probability <- ifelse(event, p, 1 - p)
  check_positivity(basis$probability, propensity)
  warn_no_choice(p)
  basis$estimated <- FALSE
  basis$propensity <- propensity
  basis
}

check_propensity <- function(fit, propensity, settings, target) {
  refuse <- function(must, given, hint = NULL) {
    abort("propensity", must, given = given, hint = hint)
  }
  if (!inherits(propensity, "margmix_fit")) {
    refuse("`propensity` must be a fit of gee() or glmm() to the exposure.",
      paste("an object of class", class(propensity)[1L]),
      "gee(corstr = \"independence\") has the estimates of glm()."
    )
  }
  y <- mean_response(propensity$design)
  if (!has_trials(propensity$family) || !all(y %in% 0:1)) {
    refuse("`propensity` must be a model of the exposure, with two values.",
      family_label(propensity$family)
    )
  }
  if (length(settings$labels) != 2L) {
    refuse("With `propensity` two settings must be compared.", some_of(settings$labels))
  }
  same <- length(y) == target$n && same_order(propensity$design, fit$design) &&
    identical(cluster_levels(propensity$design), target$levels)
  if (!same) {
    refuse("The fits of outcome and exposure must have the same rows and clusters.",
      paste(count_of(length(y), "row"), "in", count_of(cluster_count(propensity$design), "cluster"),
        "and", count_of(target$n, "row"), "in", count_of(length(target$levels), "cluster")
      ), "Fit both to the same rows in the same order, with the same `id`."
    )
  }
  arm <- observed_setting(settings, target)
  if (anyNA(arm) || nrow(unique(data.frame(arm, y))) != 2L) {
    refuse("The response of `propensity` must be the exposure.",
      paste0("response ", code(expression_text(stats::formula(propensity)[[2L]])), ", exposure ",
        code(settings$exposure)
      )
    )
  }
}

check_positivity <- function(p, propensity) {
  if (all(p > 1e-8)) return(invisible())
  abort("propensity", "The fitted probability of each row's own setting must not be 0.",
    given = paste(count_of(sum(p <= 1e-8), "row"), "with a probability of 0"),
    hint = "Some rows could not have had the other setting: leave them out."
  )
}

# The mean under a setting that a row could not have had is extrapolated by the outcome's model.
warn_no_choice <- function(p, least = 1e-3) {
  few <- sum(pmin(p, 1 - p) < least)
  if (!few) return(invisible())
  warn("propensity", "Some rows hardly had a chance of the other setting.",
    given = paste(count_of(few, "row"), "of", length(p), "with a probability below", least),
    hint = "Their means under it rest on the model of the outcome alone: leave such rows out."
  )
}

propensity_rows <- function(propensity) {
  design <- propensity$design
  Z <- design_Z(design)
  list(
    X = design_X(design), Z = if (is.null(Z)) matrix(0, row_count(design), 0L) else Z,
    offset = row_offset(design)
  )
}

#' @export
propensity_sums.margmix_propensity_basis <- function(basis, fit, rows, k, v, shared) {
  had <- v > 0
  residual <- mean_response(fit$design) - population_mean(fit, rows)$mean
  w <- ifelse(had, -v * residual / basis$probability * basis$sign, 0)
  sums <- setting_sums(basis$propensity, propensity_rows(basis$propensity), shared(w))
  rbind(sums$d_beta, sums$d_theta)
}

#' @export
basis_without.margmix_propensity_basis <- function(basis, i) {
  fit <- refitted_without(basis$propensity, i)
  p <- population_mean(fit, propensity_rows(fit))$mean
  basis$probability <- ifelse(basis$sign > 0, p, 1 - p)
  basis
}

#' @export
basis_words.margmix_propensity_basis <- function(basis, settings) {
  range <- signif(range(basis$probability), 2L)
  paste0(
    "inverse probability weights (p ", range[1L], " to ", range[2L], ") added to the model; ",
    "one of both models must be right"
  )
}
