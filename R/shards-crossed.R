# Crossed factors on shards. A cell is a combination of levels of all factors and of a row of Z:
# rows of a cell have the same random effects. Shards own the rows and answer with sums by cell; the
# design owns the cells of all shards, and the engine finds modes and factors there what it would in
# memory.

# One shard -------------------------------------------------------------------------------------

# Its rows alone do not show how the factors lie in each other, and need no order of elimination.
crossed_shard <- function(frame, recipe) {
  design <- arrays_of_shard(frame, recipe)
  class(design) <- c("margmix_shard_of_cells", class(design))
  design
}

#' @export
with_plan.margmix_shard_of_cells <- function(design, budget) design

#' The design of a shard with `cell`, the cell of each row, from 0
#'
#' Cells are in the order of their first rows, which pooling of equal rows leaves as it was.
#' @noRd
with_cells <- function(design) UseMethod("with_cells")

#' @export
with_cells.default <- function(design) design

#' @export
with_cells.margmix_shard_of_cells <- function(design) {
  n <- length(design$y)
  if (length(design$cell) == n) return(design)
  levels <- lapply(seq_along(design$groups), row_levels, design = design)
  columns <- c(if (!only_intercepts(design)) list(design$Z), levels)
  design$cell <- engine_equal_rows(columns, n) - 1L
  design
}

only_intercepts <- function(design) all(column_names(design) == "(Intercept)")

# As row_facts(), with what must be put together by level and by cell.
crossed_facts <- function(design, family, shift) {
  first <- which(!duplicated(design$cell))
  c(fixed_facts(design, family, shift), list(
    Z = engine_column_sums(design$Z, shift$Z, design$start),
    factors = lapply(seq_along(design$groups), sums_of_levels, design = design),
    cells = list(
      Z = if (!only_intercepts(design)) unname(design$Z[first, , drop = FALSE]),
      index = lapply(design$groups, function(group) group$index[first])
    )
  ))
}

# Of the used rows of each level of factor k the sums of y and trials, and their number; and the
# first y.
sums_of_levels <- function(design, k) {
  level <- row_levels(design, k)
  used <- used_rows(design)
  sums <- rowsum(cbind(design$y * used, row_trials(design) * used, used), level)
  first <- match(seq_along(design$groups[[k]]$levels), replace(level, !used, NA))
  list(
    levels = design$groups[[k]]$levels, sums = unname(sums), first = design$y[first],
    differ = level_agreement(design, k)[["differ"]]
  )
}

#' @export
random_part_of.margmix_shard_of_cells <- function(design, clusters) {
  rows <- seq_len(min(10 * ceiling(clusters), length(design$y)))
  c(
    lapply(response_rows(design), `[`, rows),
    list(
      Z = design$Z[rows, , drop = FALSE], groups = keep_levels(design$groups, rows),
      start = c(0L, length(rows))
    )
  )
}

# All shards ------------------------------------------------------------------------------------

#' The design of crossed factors
#' @param common From [common_of_shards()].
#' @param terms The random terms of the formula.
#' @return See [shards_design()]; with `cells`, from [join_cells()], and `plan`.
#' @section Errors: `shards`, `too_large`, `not_identified`.
#' @noRd
crossed_design <- function(plan, common, family, terms) {
  shift <- common_shift(plan)
  parts <- ask_shards(plan, crossed_facts, family, shift)
  variables <- lapply(common$groups, function(group) {
    length(group_columns(terms[[group$terms[1L]]]$group))
  })
  facts <- join_crossed_facts(parts, variables, shift)
  design <- shards_design(common, facts, plan)
  design$Z <- columns_elsewhere(facts, "Z", colnames(common$Z))
  for (k in seq_along(design$groups)) design$groups[[k]]$levels <- facts$factors[[k]]$labels
  design$cells <- join_cells(parts, facts$factors, ncol(common$Z))
  design$cells$family <- engine_family(family, design)
  with_plan(as_crossed(design))
}

as_crossed <- function(design) {
  kind <- class(random_part(unclass(design)))
  structure(design, class = c("margmix_crossed_shards", "margmix_shards", kind))
}

#' @export
with_plan.margmix_crossed_shards <- function(design, budget = factor_budget(design)) {
  design$plan <- engine_plan(design, budget)
  as_crossed(design)
}

# `variables`: of which the labels of each factor are made.
join_crossed_facts <- function(parts, variables, shift) {
  facts <- join_fixed_facts(parts, shift)
  sizes <- facts$sizes
  facts$clusters <- 1L
  facts$sizes <- list(
    values = facts$rows, counts = 1L, largest = facts$used$rows, any_size = sizes$any_size,
    N = sizes$N
  )
  of <- function(name) lapply(parts, `[[`, name)
  c(facts, list(
    Z = join_columns(of("Z"), shift$Z, facts$rows),
    factors = Map(join_sums_of_levels, by_position(of("factors"), identity), variables)
  ))
}

#' The levels of a factor in all shards
#' @param variables How many variables a label is made of.
#' @return As [level_facts()], with the `labels` in their order.
#' @noRd
join_sums_of_levels <- function(parts, variables) {
  of <- function(name) unlist(lapply(parts, `[[`, name), use.names = FALSE)
  labels <- unique(of("levels"))
  labels <- labels[order_of_labels(labels, variables)]
  level <- match(of("levels"), labels)
  sums <- rowsum(do.call(rbind, lapply(parts, `[[`, "sums")), level)
  none <- sums[, 1L] <= 0
  all <- sums[, 1L] >= sums[, 2L]
  some <- sums[, 2L] > 0
  first <- of("first")
  seen <- !is.na(first)
  differ <- first[seen] != first[seen][match(level[seen], level[seen])]
  list(
    levels = length(labels), labels = labels, together = length(labels),
    states = c(
      failures = sum(none & some), successes = sum(all & some), both = sum(!none & !all)
    ),
    agreement = c(differ = any(of("differ"), differ), shared = any(sums[, 3L] > 1))
  )
}

#' The cells of all shards
#'
#' @param parts From [crossed_facts()], by shard.
#' @param factors From [join_sums_of_levels()], by factor.
#' @return A list: `index`, the level of each cell, from 0, by factor; `Z`; `own`, for each shard
#'   the numbers of its cells. Cells are sorted by the factor with most levels, then by the others.
#' @section Errors: `too_large`.
#' @noRd
join_cells <- function(parts, factors, q) {
  cells <- lapply(parts, `[[`, "cells")
  index <- lapply(seq_along(factors), function(k) {
    unlist(lapply(parts, function(part) {
      match(part$factors[[k]]$levels, factors[[k]]$labels)[part$cells$index[[k]] + 1L] - 1L
    }))
  })
  Z <- do.call(rbind, lapply(cells, `[[`, "Z"))
  sizes <- lengths(lapply(cells, function(part) part$index[[1L]]))
  set <- engine_equal_rows(c(index, list(Z)[!is.null(Z)]), sum(sizes))
  first <- which(!duplicated(set))
  check_cell_count(length(first))
  index <- lapply(index, `[`, first)
  Z <- if (is.null(Z)) matrix(1, length(first), q) else Z[first, , drop = FALSE]
  by <- order(-vapply(factors, `[[`, 1L, "levels"))
  columns <- lapply(seq_len(q), function(j) Z[, j])
  sorted <- do.call(order, c(index[by], columns, list(method = "radix")))
  place <- order(sorted)[set]
  list(
    index = lapply(index, `[`, sorted), Z = Z[sorted, , drop = FALSE],
    own = unname(split(place, rep(seq_along(sizes), sizes)))
  )
}

# The process that fits needs about 500 bytes for each (bench/scale/crossed.md).
most_cells <- 1e8

check_cell_count <- function(count, most = most_cells) {
  if (count <= most) return(invisible())
  abort("too_large",
    "Combinations of levels (and covariates of random slopes) don't fit into memory.",
    given = paste(format(count, big.mark = ","), "combinations of at most", signif(most, 2L)),
    hint = "Round the covariates of random slopes, or fit a sample of the levels of one factor."
  )
}

# Nested ones have other rules of integration, for which clusters must be whole.
check_not_nested <- function(design) {
  labels <- group_labels(design)
  count <- pair_counter(lapply(design$cells$index, `+`, 1))
  if (is.null(nesting_order(level_counts(design), labels, count))) return(invisible())
  abort("shards", "Factors that are nested in each other need shards of whole clusters.",
    given = some_of(code(labels)),
    hint = c(
      "shards(files, id = ) names the coarsest of them; reshard() writes its clusters whole.",
      "Are ids distinct that repeat in each level? (1 | a) + (1 | b) has crossed ones otherwise."
    )
  )
}

# What the engine asks --------------------------------------------------------------------------

#' @export
engine_arrays.margmix_crossed_shards <- function(design) {
  cells <- design$cells
  add_index <- function(group, index) replace(group, "index", list(index))
  structure(list(
    Z = cells$Z, groups = Map(add_index, design$groups, cells$index), plan = design$plan,
    start = c(0L, nrow(cells$Z)), theta_row = design$theta_row, theta_col = design$theta_col,
    weights_type = design$weights_type, p = ncol(design$X), sizes_X = column_rms(design$X),
    sizes_Z = column_rms(design$Z), ask = function(query) answer_cells(design, query)
  ), class = setdiff(class(design), c("margmix_crossed_shards", "margmix_shards")))
}

# Each shard gets the values of its own cells, and answers for these.
answer_cells <- function(design, query) {
  cells <- design$cells
  by_cell <- intersect(c("x", "g_bar", "W_bar"), names(query))
  common <- query[setdiff(names(query), by_cell)]
  each <- lapply(cells$own, function(own) list(lapply(query[by_cell], `[`, own)))
  parts <- ask_shards(design$plan_of_shards, shard_cell_sums, cells$family, common, each = each)
  names <- names(parts[[1L]])
  lapply(stats::setNames(names, names), function(name) {
    values <- lapply(parts, `[[`, name)
    if (name %in% sums_by_cell) add_by_cell(values, cells$own, nrow(cells$Z)) else add_up(values)
  })
}

sums_by_cell <- c("g", "W", "T", "WF", "slopes")

shard_cell_sums <- function(design, family, common, own) {
  engine_cell_sums(design, family, c(common, own))
}

add_by_cell <- function(values, own, count) {
  matrix <- is.matrix(values[[1L]])
  total <- matrix(0, count, NCOL(values[[1L]]))
  for (k in seq_along(values)) total[own[[k]], ] <- total[own[[k]], ] + values[[k]]
  if (matrix) total else drop(total)
}

#' @export
evaluator.margmix_crossed_shards <- function(design) {
  check_factorable(design, "an exact likelihood.")
  evaluate_cells
}

evaluate_cells <- function(design, family, psi, K, deriv, modes, control, scores = FALSE,
                           information = FALSE, only_beta = FALSE) {
  if (scores || information) refuse_rows()
  out <- evaluate_in_memory(
    design, family, psi, K, deriv, modes, control, only_beta = only_beta
  )
  keep_best(design$plan_of_shards, design, family, psi, out)
}

# What a fit answers ----------------------------------------------------------------------------

# Levels and modes are here, as those of data in memory.
#' @export
by_factor.margmix_crossed_shards <- function(design, x) x

#' @export
flip_modes.margmix_crossed_shards <- function(design, modes, signs) {
  flip_modes.default(design, modes, signs)
}

#' @export
cluster_effects.margmix_crossed_shards <- function(design, object, type, condVar) {
  cluster_effects.default(design, object, type, condVar)
}

#' @export
with_new_levels.margmix_crossed_shards <- function(design, fit, newdata) fit

#' @export
sample_levels.margmix_crossed_shards <- function(design) NULL

#' @export
engine_other_modes.margmix_crossed_shards <- function(design, family, psi, K, control) {
  list(better = 0L, missed = 0)
}

# In one pass, of covariates less their means.
#' @export
factor_shares.margmix_crossed_shards <- function(design) {
  centre <- design$X$mean
  parts <- ask_shards(design$plan_of_shards, sums_of_covariates, centre)
  Map(function(parts, factor) {
    level <- match(unlist(lapply(parts, `[[`, "levels")), factor$labels)
    sums <- rowsum(do.call(rbind, lapply(parts, `[[`, "sums")), level)
    size <- sums[, 1L]
    used <- size > 0
    N <- sum(size)
    x <- sums[, -1L, drop = FALSE]
    shift <- colSums(x) / N
    total <- add_up(lapply(parts, `[[`, "squares")) - N * shift^2
    between <- colSums(x[used, , drop = FALSE]^2 / size[used]) - N * shift^2
    with_share(list(
      N = N, N2 = sum(size^2), K = sum(used), within = pmax(total - between, 0), between = between
    ))
  }, by_position(parts, identity), design$facts$factors)
}

# Sizes of the rows of each level, and of their covariates less `centre`.
sums_of_covariates <- function(design, centre) {
  size <- row_sizes(design)
  X <- design$X - rep(centre, each = nrow(design$X))
  squares <- colSums(size * X^2)
  lapply(seq_along(design$groups), function(k) {
    list(
      levels = design$groups[[k]]$levels, squares = squares,
      sums = unname(rowsum(cbind(size, size * X), row_levels(design, k)))
    )
  })
}

# No sums over clusters, which they do not have.
#' @export
kenward_roger_pieces.margmix_crossed_shards <- function(design, fit) refuse_rows()

#' @export
shifted_products.margmix_crossed_shards <- function(design, fit, at) refuse_rows()

#' @export
standardized.margmix_crossed_shards <- function(design, fit, request) refuse_rows()
