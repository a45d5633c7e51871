# Several grouping factors: their levels in every row, and how they lie in each other.

#' The grouping factors of the random terms
#'
#' Terms share a factor if they have the same variables: a:b and b:a are one factor.
#'
#' @param random The random terms of a parsed formula.
#' @return A list with an element per factor, in order of appearance: `group` (its expression),
#'   `label`, and `terms` (positions of its terms).
#' @noRd
grouping_factors <- function(random) {
  keys <- vapply(random, function(term) {
    columns <- paste(sort(group_columns(term$group), method = "radix"), collapse = ":")
    if (is.null(term$relation)) columns else term$label
  }, "")
  factors <- lapply(unique(keys), function(key) {
    terms <- which(keys == key)
    term <- random[[terms[1L]]]
    list(group = term$group, label = term$group_label, terms = terms)
  })
  labels <- make.unique(vapply(factors, `[[`, "", "label"))
  Map(replace, factors, "label", labels)
}

#' Index the rows of a model frame by its grouping factors
#'
#' With one factor this is [cluster_index()]. With several the structure is
#' * `"nested"`: each level of a factor lies in one level of the next coarser one. Factors are
#'   ordered from the coarsest to the finest, rows are sorted by them in that order, and `start` and
#'   `levels` are those of the coarsest: its levels are independent of each other;
#' * `"general"`: anything else. Rows are sorted by the factor with most levels, then by the
#'   others; all rows are one cluster.
#'
#' @param frame A data frame with the variables of the groups.
#' @param factors From [grouping_factors()].
#' @param nested The factors from the coarsest to the finest, where rows elsewhere have shown that
#'   they are nested, or `FALSE`, where these are to show how they lie; then nothing is checked.
#' @return A list: `order`, `start`, `levels`, `group`, `structure`, `groups` as in
#'   [build_design()], the latter without `columns` and `names`, which depend on Z.
#' @section Errors: `group`, `few_clusters`, `not_identified` (two factors with the same rows).
#' @noRd
group_index <- function(frame, factors, nested = NULL) {
  indices <- lapply(factors, function(factor) cluster_index(frame, factor$group))
  labels <- vapply(factors, `[[`, "", "label")
  if (is.null(nested)) Map(check_clusters, indices, labels, length(factors) == 1L)
  groups <- Map(function(factor, index) {
    list(label = factor$label, levels = index$levels, terms = factor$terms)
  }, factors, indices)
  if (length(factors) == 1L) {
    return(c(indices[[1L]], list(
      group = labels, structure = "independent", groups = groups
    )))
  }
  codes <- lapply(indices, row_codes)
  sizes <- lengths(lapply(indices, `[[`, "levels"))
  nested <- nested %||% nesting_order(sizes, labels, pair_counter(codes))
  if (isFALSE(nested)) nested <- NULL
  by <- nested %||% order(-sizes)
  order <- do.call(base::order, c(codes[by], list(method = "radix")))
  if (!is.unsorted(order)) order <- NULL
  codes <- lapply(codes, take_rows, order)
  groups <- Map(function(group, code) c(group, list(index = code - 1L)), groups, codes)
  n <- length(codes[[1L]])
  if (is.null(nested)) {
    return(list(
      order = order, start = c(0L, n), levels = "all rows", group = paste(labels, collapse = ", "),
      structure = "general", groups = groups
    ))
  }
  top <- nested[1L]
  list(
    order = order, start = c(which(!duplicated(codes[[top]])) - 1L, n),
    levels = indices[[top]]$levels, group = labels[top], structure = "nested",
    groups = groups[nested]
  )
}

# The level of each row of the frame, from 1.
row_codes <- function(index) {
  code <- rep.int(seq_along(index$levels), diff(index$start))
  if (!is.null(index$order)) code[index$order] <- code
  code
}

# Of two factors: how many pairs of their levels there are among the rows.
pair_counter <- function(codes) {
  function(one, other) {
    pair <- (codes[[one]] - 1) * max(codes[[other]]) + codes[[other]]
    cells <- max(pair)
    if (cells > 4 * length(pair)) sum(!duplicated(pair)) else sum(tabulate(pair, cells) > 0L)
  }
}

# Factors from the coarsest to the finest if each lies in the next coarser one, otherwise NULL.
# `pairs`: a function as pair_counter() makes it.
nesting_order <- function(sizes, labels, pairs) {
  by <- order(sizes)
  nested <- TRUE
  for (k in seq_along(by)[-1L]) {
    outer <- by[k - 1L]
    inner <- by[k]
    distinct <- pairs(outer, inner)
    if (distinct == sizes[inner] && sizes[inner] == sizes[outer]) {
      abort("not_identified", "Two grouping factors group the rows in the same way.",
        given = some_of(code(labels[c(outer, inner)])),
        hint = "Their variances can't be told apart: leave one out."
      )
    }
    nested <- nested && distinct == sizes[inner]
  }
  if (nested) by
}

# The columns of Z that belong to each factor; with several factors their names carry its label.
label_columns <- function(design) {
  for (k in seq_along(design$groups)) {
    terms <- design$random[design$groups[[k]]$terms]
    columns <- sort(unlist(lapply(terms, `[[`, "columns")))
    design$groups[[k]]$columns <- columns
    design$groups[[k]]$names <- colnames(design$Z)[columns]
  }
  if (length(design$groups) > 1L) {
    labels <- group_labels(design)[column_groups(design)]
    colnames(design$Z) <- paste0(colnames(design$Z), "|", labels)
  }
  design
}

# The grouping factor of each column of Z.
column_groups <- function(design) {
  out <- integer(ncol(design$Z))
  for (k in seq_along(design$groups)) out[design$groups[[k]]$columns] <- k
  out
}

# A marginal model has one factor and no list of them.
group_labels <- function(design) {
  if (is.null(design$groups)) return(design$group)
  vapply(design$groups, `[[`, "", "label")
}

# The names of the columns of Z without the labels of their factors.
column_names <- function(design) {
  out <- character(ncol(design$Z))
  for (group in design$groups) out[group$columns] <- group$names
  out
}
