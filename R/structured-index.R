# Designs with related levels: what is related to what, and which rows are independent of others.

#' Index the rows of a model frame by its grouping factors, some of which have related levels
#'
#' @inheritParams group_index
#' @param random The random terms of the parsed formula.
#' @param env Where trees and matrices are looked for.
#' @return As [group_index()] of several factors. A factor whose levels are related has, besides,
#'   its `relation` (see [relation_of()]), all `levels` that this knows, and `cluster`, the
#'   independent block of each of them, from 0. `structure` is `"general"`; the clusters are
#'   the blocks of rows that no factor and no relation connects.
#' @noRd
related_index <- function(frame, factors, random, env) {
  indices <- lapply(factors, function(factor) cluster_index(frame, factor$group))
  labels <- vapply(factors, `[[`, "", "label")
  smooth <- vapply(factors, function(factor) is_smooth(random[[factor$terms[1L]]]), NA)
  Map(check_clusters, indices[!smooth], labels[!smooth], length(factors) == 1L)
  codes <- lapply(indices, row_codes)
  groups <- Map(function(factor, index, code) {
    group <- list(label = factor$label, levels = index$levels, terms = factor$terms)
    term <- random[[factor$terms[1L]]]
    group$smooth <- term$smooth
    if (is.null(term$relation)) return(group)
    relation <- relation_of(term, frame, index, env)
    group$levels <- relation$names
    relation$names <- NULL
    group$relation <- relation
    group
  }, factors, indices, codes)
  codes <- Map(function(group, index, code) {
    if (is.null(group$relation)) code else match(index$levels, group$levels)[code]
  }, groups, indices, codes)
  check_distinct_factors(groups, codes, labels)
  check_distinct_relations(groups, codes, random)
  block <- independent_blocks(groups, codes)
  order <- do.call(base::order, c(list(block), codes, list(method = "radix")))
  if (!is.unsorted(order)) order <- NULL
  codes <- lapply(codes, take_rows, order)
  block <- take_rows(block, order)
  first <- which(!duplicated(block))
  groups <- Map(function(group, code) {
    group$index <- code - 1L
    if (!is.null(group$relation)) group$cluster <- level_blocks(group, code, block)
    group
  }, groups, codes)
  list(
    order = order, start = c(first - 1L, length(block)),
    levels = if (length(first) > 1L) as.character(seq_along(first)) else "all rows",
    group = if (length(first) > 1L) labels[1L] else paste(labels, collapse = ", "),
    structure = "general", groups = groups
  )
}

# Of independent levels two factors that group the rows in the same way can't be told apart.
check_distinct_factors <- function(groups, codes, labels) {
  free <- independent_groups(groups)
  if (sum(free) < 2L) return(invisible())
  sizes <- lengths(lapply(groups, `[[`, "levels"))
  nesting_order(sizes[free], labels[free], pair_counter(codes[free]))
}

#' Blocks of rows that no level, and no relation of levels, connects
#' @return A number for each row: 1, 2, ... in the order of their first rows.
#' @noRd
independent_blocks <- function(groups, codes) {
  together <- Map(function(group, code) {
    if (is.null(group$relation)) code else group$relation$together[code]
  }, groups, codes)
  block <- seq_along(codes[[1L]])
  repeat {
    before <- block
    for (code in together) block <- least_by(block, code)[code]
    block <- block[block]
    if (identical(block, before)) break
  }
  match(block, unique(block))
}

# The least value of x in each group.
least_by <- function(x, code) {
  out <- integer(max(code))
  down <- order(-x)
  out[code[down]] <- x[down]
  out
}

#' Components of the graph on m levels with edges between i and j
#' @noRd
graph_components <- function(m, i, j) {
  component <- seq_len(m)
  repeat {
    before <- component
    least <- pmin(component[i], component[j])
    down <- order(-least)
    for (end in list(i, j)) {
      lowered <- component
      lowered[end[down]] <- least[down]
      component <- pmin(component, lowered)
    }
    component <- component[component]
    if (identical(component, before)) return(component)
  }
}

# The block of each level; levels that are related to no row belong to the first.
level_blocks <- function(group, code, block) {
  together <- group$relation$together
  of <- block[match(seq_len(max(together)), together[code])]
  of[is.na(of)] <- 1L
  of[together] - 1L
}
