# Smooth terms in a design: what they are, and what is refused.

# Is a random term, or a grouping factor, the penalized part of a smooth?
is_smooth <- function(term) !is.null(term$smooth)

smooth_groups <- function(design) vapply(design$groups, is_smooth, NA)

# Grouping factors whose levels are clusters.
cluster_groups <- function(design) Filter(Negate(is_smooth), design$groups)

# Their names.
cluster_labels <- function(design) setdiff(group_labels(design), smooth_labels(design))

smooth_labels <- function(design) group_labels(design)[smooth_groups(design)]

smooth_columns_of <- function(random) {
  as.integer(unlist(lapply(Filter(is_smooth, random), `[[`, "columns")))
}

# Columns of Z whose standard deviation is that of the first of their smooth.
repeated_columns <- function(design) {
  as.integer(unlist(lapply(Filter(is_smooth, design$random), function(term) term$columns[-1L])))
}

smooth_boundary_words <- function(group, zero) {
  if (!all(zero)) return(NULL)
  c(zero = paste0("the penalized part of ", code(group$label), " is zero"))
}

#' Refuse what would integrate smooths out, or leave them out
#' @section Errors: `smooth`.
#' @noRd
check_not_smooth <- function(design, what, hint = NULL) {
  if (!any(smooth_groups(design))) return(invisible())
  abort("smooth", paste(what, "not available with smooth terms."),
    given = some_of(code(smooth_labels(design))), hint = hint
  )
}

# Curves are not part of what varies in the population.
#' @export
scale_by_level.margmix_smoothed <- function(design, fit, Z, cluster) {
  check_not_smooth(design, "Means and variances of the population are",
    "predict(random_effects = \"zero\") has the curves at random effects of zero."
  )
}

#' @export
groups_words.margmix_smoothed <- function(design) {
  design$groups <- cluster_groups(design)
  words <- groups_words.margmix_related(design)
  if (nzchar(words)) words else "one cluster"
}

#' What `random_effects` or `re.form` of predict() ask for, with the curves
#'
#' @param asked From [read_re_form()].
#' @return The same, or the columns of the smooths kept beside those that were asked for.
#' @noRd
with_curves <- function(design, asked) UseMethod("with_curves")

#' @export
with_curves.default <- function(design, asked) asked

#' @export
with_curves.margmix_smoothed <- function(design, asked) {
  if (asked$effects == "integrate" || asked$effects == "eb" && is.null(asked$kept)) return(asked)
  kept <- asked$kept %||% logical(ncol(design$Z))
  kept[smooth_columns_of(design$random)] <- TRUE
  list(effects = "eb", kept = if (!all(kept)) kept)
}
