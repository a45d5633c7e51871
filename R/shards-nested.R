# Nested grouping factors of shards: how they lie in each other, which all shards together show, and
# the levels of some of the rows.

#' How the grouping factors of a shard lie in each other
#'
#' @param id The column whose clusters the shards keep whole, or `NULL`.
#' @return A list: `pairs`, how many pairs of levels each two factors have, see [pair_counter()];
#'   `labels`, of the factors whose levels another shard may have, too. Nothing of one factor, or
#'   where none is `id`.
#' @noRd
nesting_facts <- function(frame, id) {
  factors <- grouping_factors(frame$parsed$random)
  if (length(factors) < 2L || !id_is_factor(id, factors)) return(NULL)
  indices <- lapply(factors, function(factor) cluster_index(frame$frame, factor$group))
  count <- pair_counter(lapply(indices, row_codes))
  pairs <- diag(lengths(lapply(indices, `[[`, "levels")))
  for (k in seq_along(factors)) {
    for (l in seq_len(k - 1L)) pairs[k, l] <- pairs[l, k] <- count(k, l)
  }
  open <- vapply(factors, function(factor) !id %in% group_columns(factor$group), NA)
  list(pairs = pairs, labels = lapply(indices, `[[`, "levels")[open])
}

#' The factors from the coarsest, `id`, to the finest
#'
#' @param parts From [nesting_facts()], by shard.
#' @return Positions in `factors`, or `FALSE` where they are not nested in `id`.
#' @section Errors: `not_identified`.
#' @noRd
nesting_of_shards <- function(parts, factors, id) {
  if (length(factors) < 2L) return(seq_along(factors))
  if (!id_is_factor(id, factors)) return(FALSE)
  for (k in seq_along(parts[[1L]]$labels)) {
    if (anyDuplicated(unlist(lapply(parts, function(part) part$labels[[k]])))) return(FALSE)
  }
  labels <- vapply(factors, `[[`, "", "label")
  pairs <- add_up(lapply(parts, `[[`, "pairs"))
  nested <- nesting_order(diag(pairs), labels, function(one, other) pairs[one, other])
  if (identical(labels[nested[1L]], id)) nested else FALSE
}

id_is_factor <- function(id, factors) {
  !is.null(id) && id %in% vapply(factors, `[[`, "", "label")
}

# Factors of a design with the levels that some rows have.
keep_levels <- function(groups, rows) {
  lapply(groups, function(group) {
    if (is.null(group$index)) return(group)
    used <- unique(group$index[rows])
    group$index <- match(group$index[rows], used) - 1L
    group$levels <- group$levels[used + 1L]
    group
  })
}

# The levels of several parts, in their order; those of one factor have no index.
join_levels <- function(groups, parts) {
  for (k in seq_along(groups)) {
    own <- lapply(parts, function(part) part$groups[[k]])
    all <- unique(unlist(lapply(own, `[[`, "levels"), use.names = FALSE))
    groups[[k]]$levels <- all
    groups[[k]]$index <- if (!is.null(own[[1L]]$index)) {
      unlist(lapply(own, function(group) match(group$levels, all)[group$index + 1L] - 1L))
    }
  }
  groups
}

# Clusters of a design, with their rows and levels; `chosen` are positions.
take_clusters <- function(design, chosen) {
  size <- diff(design$start)[chosen]
  rows <- sequence(size, design$start[chosen] + 1L)
  groups <- keep_levels(design$groups, rows)
  small <- keep_rows(design, rows)
  small$start <- c(0L, cumsum(size))
  small$levels <- design$levels[chosen]
  groups[[1L]]$levels <- small$levels
  small$groups <- groups
  with_plan(small)
}
