# Continuous responses without residual variance: the likelihood has no maximum.
#
# If the fixed and random effects reproduce the response exactly, the likelihood grows without bound
# as the residual variance goes to zero. The plainest case, responses that are constant in every
# cluster, is found before anything is fitted; others by the dispersion that a search ends with.

#' Refuse continuous responses that are constant within clusters
#'
#' A random intercept then reproduces them, whatever the other terms are.
#'
#' @section Errors: `residual_variance`.
#' @noRd
check_constant_clusters <- function(design, family) {
  tools <- family_tools(family)
  if (tools$discrete || !tools$has_dispersion) return(invisible())
  for (k in intercept_groups(design)) {
    if (!is_constant_in_levels(design, k)) next
    abort_exact(
      paste0("responses are constant within every level of ", code(group_labels(design)[k])),
      hint = "Keep one row of each level and use a model without random effects."
    )
  }
  invisible()
}

# With rows that share a level at all; the first rows usually show that they are not.
is_constant_in_levels <- function(design, k) {
  found <- level_agreement(design, k)
  !found[["differ"]] && found[["shared"]]
}

# Do responses of a level differ? Is a level shared by rows?
level_agreement <- function(design, k) UseMethod("level_agreement")

#' @export
level_agreement.default <- function(design, k) {
  used <- if (all_used(design)) seq_along(design$y) else which(used_rows(design))
  for (take in unique(pmin(c(5000L, length(used)), length(used)))) {
    rows <- used[seq_len(take)]
    level <- row_levels(design, k, rows)
    differ <- any(design$y[rows] != design$y[rows][match(level, level)])
    if (differ) break
  }
  c(differ = differ, shared = anyDuplicated(level) > 0L)
}

# Grouping factors of independent levels with a random intercept.
intercept_groups <- function(design) {
  constant <- all_ones(design$Z)
  which(vapply(design$groups, function(group) {
    is.null(group$relation) && any(constant[group$columns])
  }, NA))
}

# Is a column 1 in every row?
all_ones <- function(Z) UseMethod("all_ones")

#' @export
all_ones.default <- function(Z) ones_of(engine_column_facts(Z))

ones_of <- function(facts) unname(facts$mean == 1 & facts$about == 0)

#' Refuse a dispersion that has run into a residual variance of zero
#'
#' @param phi Where a search is or has ended; of each row, or of all.
#' @param share Of the variance of the response.
#' @section Errors: `residual_variance`.
#' @noRd
check_collapse <- function(design, family, phi, share) {
  tools <- family_tools(family)
  if (tools$discrete || !tools$has_dispersion) return(invisible())
  scale <- variance_scale(list(family = family, phi = phi))
  found <- response_variance(design, family, phi)
  if (min(scale) * found[["function"]] < share * found[["of_y"]]) abort_exact()
  invisible()
}

# Means over rows: of the variance function at the response, and of its squares about its mean.
response_variance <- function(design, family, phi) UseMethod("response_variance")

#' @export
response_variance.default <- function(design, family, phi) {
  y <- design$y
  c(
    `function` = mean(family_tools(family)$variance(y, phi, 1)), of_y = mean((y - mean(y))^2)
  )
}

abort_exact <- function(given = "the fixed and random effects reproduce the response exactly",
                        hint = NULL) {
  abort("residual_variance",
    "The random and fixed effects leave no variation of the response unexplained.",
    given, hint
  )
}
