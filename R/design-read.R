# What other rooms ask of a design. design-rows.R has what is read by row, design-groups.R the labels
# of factors and columns.

# Rows and clusters --------------------------------------------------------------------------------

design_X <- function(design) design$X
design_Z <- function(design) design$Z
row_response <- function(design) design$y

# n rows, p columns of X and q of Z.
row_count <- function(design) nrow(design$X)
fixed_count <- function(design) ncol(design$X)
effect_count <- function(design) ncol(design$Z)

# Does a weight count equal rows?
has_counted_rows <- function(design) design$weights_type == "frequency"

#' Rows of the caller in the order of the design, the other way round than [caller_order()]
#' @noRd
design_order <- function(x, design) take_rows(x, design$order)

#' The independent clusters of a design
#'
#' @return `cluster_levels()`: their m labels; `cluster_count()`: m; `cluster_group()`: the label of
#'   what they are the levels of; `rows_per_cluster()`: m sizes; `cluster_codes()`: the cluster of
#'   each row, from 1, which with several factors is not that of [row_levels()].
#' @noRd
cluster_levels <- function(design) design$levels
cluster_count <- function(design) length(design$levels)
cluster_group <- function(design) design$group
rows_per_cluster <- function(design) diff(design$start)
cluster_codes <- function(design) rep.int(seq_along(design$levels), diff(design$start))

# Are the rows of two designs sorted in the same way, into clusters of the same sizes?
same_order <- function(one, other) {
  identical(one$start, other$start) && identical(one$order, other$order)
}
