# Checks of designs with related levels.

# Grouping factors with several levels that are independent.
independent_groups <- function(groups) {
  vapply(groups, function(group) is.null(group$relation) && !is_smooth(group), NA)
}

# Factors with independent levels must be identified among themselves. How far those with related
# ones are depends on the relation: a direction that is not shows in the information at the end.
#' @export
check_identified.margmix_related <- function(design, family) {
  free <- which(independent_groups(design$groups))
  if (!length(free)) return(invisible())
  check_identified.margmix_several_factors(design_part(design, free), family)
}

# The design with some of its grouping factors, without its class.
design_part <- function(design, free) {
  columns <- sort(as.integer(unlist(lapply(design$groups[free], `[[`, "columns"))))
  terms <- sort(as.integer(unlist(lapply(design$groups[free], `[[`, "terms"))))
  part <- unclass(design)
  part$Z <- design$Z[, columns, drop = FALSE]
  entries <- design$theta_row %in% (columns - 1L)
  part$theta_row <- match(design$theta_row[entries] + 1L, columns) - 1L
  part$theta_col <- match(design$theta_col[entries] + 1L, columns) - 1L
  part$theta_span <- NULL
  renumber <- function(x) {
    x$columns <- match(x$columns, columns)
    if (!is.null(x$terms)) x$terms <- match(x$terms, terms)
    x
  }
  part$random <- lapply(design$random[terms], renumber)
  part$groups <- lapply(design$groups[free], renumber)
  part
}

# What is smooth is as identified as its basis: the penalized columns are near the others or not.
#' @export
check_identified.margmix_smoothed <- check_identified.margmix_related

#' Refuse what is not available where levels are related
#' @section Errors: `related`.
#' @noRd
check_unrelated <- function(design, what, hint = NULL) {
  if (supports(design, "unrelated")) return(invisible())
  check_not_smooth(design, what, hint)
  labels <- vapply(design$groups, `[[`, "", "label")
  related <- !vapply(lapply(design$groups, `[[`, "relation"), is.null, NA)
  abort("related", paste(what, "not available where the levels of a random effect are related."),
    given = some_of(code(labels[related])), hint = hint
  )
}
