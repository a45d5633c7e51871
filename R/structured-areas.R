# Areas whose spatial part has an intrinsic precision beside independent ones.

#' The relation of bym2(): areas, and as further levels their spatial parts
#'
#' The precision of the spatial parts, D - W with row sums D, is scaled for each component of the
#' graph: the geometric mean of its variances is one (Sorbye and Rue 2014). An island's spatial part
#' is independent, of variance one (Freni-Sterrantino, Ventrucci and Rue 2018).
#'
#' @return As [relation_of()], the arrays those of the spatial parts; besides, `constraint`,
#'   `anchor`, `weight` (of [intrinsic_relation()]) and `spatial`, the variances of these parts.
#' @section Errors: `relation`. Notes: `relation`, of islands.
#' @noRd
areas_relation <- function(W, term) {
  what <- expression_text(term$relation$matrix)
  lower <- neighbour_weights(W, what)
  areas <- lower$names
  component <- match(lower$together, unique(lower$together))
  alone <- tabulate(component)[component] == 1L
  if (all(alone)) refuse_matrix(what, "must have at least two neighbouring areas.", "none")
  if (any(alone)) note_islands(areas[alone], what)
  R <- scaled_precision(lower, component, alone)
  spatial <- paste("spatial part of", areas)
  c(
    list(
      kind = "bym2", spatial = R$variance, variance = c((1 + R$variance) / 2, R$variance),
      names = c(areas, spatial)
    ),
    R[c("start", "row", "diagonal", "below", "log_det", "constraint", "anchor", "weight")],
    list(own = rep(c(TRUE, FALSE), each = length(areas)), together = rep(component, 2L))
  )
}

scaled_precision <- function(lower, component, alone) {
  column <- rep.int(seq_along(lower$names), diff(lower$start))
  row <- lower$row + 1L
  degree <- tabulate_sums(c(row, column), rep(lower$below, 2L), length(lower$names))
  lower$diagonal <- ifelse(alone, 1, degree)
  lower$below <- -lower$below
  constraint <- component_constraint(component, alone, degree)
  facts <- engine_relation_facts(c(list(kind = "precision", log_det = 0), lower, constraint))
  scale <- exp(tapply(log(facts$variance), component, mean))[component]
  scale <- unname(replace(scale, alone, 1))
  lower$diagonal <- lower$diagonal * scale
  lower$below <- lower$below * scale[column]
  constraint$weight <- constraint$weight * scale[constraint$anchor + 1L]
  facts <- engine_relation_facts(c(list(kind = "precision", log_det = 0), lower, constraint))
  lower$log_det <- facts$log_det
  lower$variance <- facts$variance
  c(lower, constraint)
}

# Each component but islands adds up to zero; its anchor is the area with most neighbours.
component_constraint <- function(component, alone, degree) {
  connected <- unique(component[!alone])
  C <- outer(component, connected, "==") + 0
  anchor <- vapply(connected, function(k) which.max(degree * (component == k)), 1L)
  list(constraint = C, anchor = anchor - 1L, weight = degree[anchor])
}

note_islands <- function(islands, what) {
  note("relation", paste0(
    code(what), " gives ", count_of(length(islands), "area"), " no neighbour."
  ), given = some_of(islands),
  hint = "Their effects are independent of the others, with the same variance.", levels = islands)
}

#' @export
start_of_relation.margmix_bym2 <- function(relation) 0

#' @export
reading_of.margmix_bym2 <- function(relation) list(value = stats::plogis, name = "phi")

#' @export
relation_words.margmix_bym2 <- function(relation, rho) {
  paste0(
    "neighbouring and independent parts, share of the former ",
    format(stats::plogis(rho), digits = 3L)
  )
}

#' @export
ends_of.margmix_bym2 <- function(relation) {
  list(
    list(at = 13, near = 5, words = "phi is 1: no independent part"),
    list(at = -13, near = -5, words = "phi is 0: no spatial part")
  )
}

#' @export
unit_variance.margmix_bym2 <- function(relation, rho) {
  phi <- stats::plogis(rho)
  c(1 - phi + phi * relation$spatial, relation$spatial)
}

#' @export
levels_words.margmix_bym2 <- function(relation, group, used) {
  paste(count_of(used, "area"), "of", code(group$label))
}
