# Sums over the rows of a shard that checks, starting values and words need, and how those of all
# shards are put together.

# Numbers, or sums without rounding; a part may have either.
add_up <- function(parts) {
  shape <- shape_of_sum(parts)
  if (is.null(shape)) Reduce(`+`, parts) else engine_exact_total(parts, shape)
}

#' Facts of the rows of a design
#'
#' @param design A design in memory.
#' @param shift A list of `X`, `Z`, `y`: what columns are compared with, from [common_shift()].
#' @return A list: `rows`, `clusters`; `X`, `Z`, `y` (sums of columns, from [engine_column_sums()]);
#'   `response`, from [exact_response()]; `used`, rows with weight and
#'   trials, and the sum of their weights; `sizes`, from [cluster_size_facts()]; `factors`, from
#'   [level_facts()]. [fixed_facts()] has no facts of random effects.
#' @noRd
row_facts <- function(design, family, shift) {
  c(fixed_facts(design, family, shift), list(
    Z = engine_column_sums(design$Z, shift$Z, design$start),
    factors = lapply(seq_along(design$groups), level_facts, design = design)
  ))
}

# Of grouping factor k.
level_facts <- function(design, k) {
  list(
    levels = length(design$groups[[k]]$levels), together = levels_together(design, k),
    states = level_states(design, k), agreement = level_agreement(design, k)
  )
}

fixed_facts <- function(design, family, shift) {
  used <- count_used(design)
  list(
    rows = length(design$y), clusters = length(design$levels),
    X = engine_column_sums(design$X, shift$X, design$start),
    response = exact_response(design, family),
    y = engine_column_sums(as.matrix(design$y), shift$y, design$start),
    used = list(
      rows = used$rows, weight = engine_exact_sums(row_weights(design)[used_rows(design)]),
      most = max(stored_values(design, "weights"))
    ),
    sizes = cluster_size_facts(design)
  )
}

# As response_totals(), without rounding, and with the sum of the offsets instead of their mean.
exact_response <- function(design, family) {
  n <- length(design$y)
  w <- stored_values(design, "weights")
  offset <- stored_values(design, "offset")
  sums <- function(x) engine_exact_sums(rep_len(x, n))
  list(
    weights = sums(w), trials = sums(w * stored_values(design, "trials")), y = sums(w * design$y),
    offset = sums(offset), most = max(offset),
    exposure = if (has_log_link(family)) sums(w * exp(offset)) else 0
  )
}

#' A row that shards have in common, from which columns are measured
#'
#' Sums of squares about a mean are those about a row of the data, less a correction that is small.
#' The row is that of the first cluster by `spread`, however clusters are split.
#' @noRd
common_shift <- function(plan) {
  firsts <- ask_shards(plan, first_by_spread)
  firsts[[which.min(vapply(firsts, `[[`, 0, "spread"))]]
}

first_by_spread <- function(design) {
  first <- which.min(design$spread %||% 0)
  row <- design$start[first] + 1L
  list(
    spread = design$spread[first] %||% 0, X = unname(design$X[row, ]), y = design$y[row],
    Z = if (!is.null(design$Z)) unname(design$Z[row, ])
  )
}

#' Sizes of clusters
#' @return A list: `values` of the rows of clusters, and their `counts`; `largest`, most used rows;
#'   `any_size`, most trials; `N`, the sum of the sizes of the rows.
#' @noRd
cluster_size_facts <- function(design) {
  rows <- rows_per_cluster(design)
  if (has_counted_rows(design)) rows <- sums_by_cluster(row_weights(design), design)
  values <- sort(unique(rows))
  list(
    values = values, counts = tabulate(match(rows, values), length(values)),
    largest = largest_used_cluster(design), any_size = most_trials(design), N = total_size(design)
  )
}

# All shards ------------------------------------------------------------------------------------

join_facts <- function(facts, shift) {
  of <- function(name) lapply(facts, `[[`, name)
  c(join_fixed_facts(facts, shift), list(
    Z = join_columns(of("Z"), shift$Z, sum(unlist(of("rows")))),
    factors = by_position(of("factors"), join_level_facts)
  ))
}

# `join` of what shards say of the first factor, of the second, and so on.
by_position <- function(parts, join) {
  lapply(seq_along(parts[[1L]]), function(k) join(lapply(parts, `[[`, k)))
}

join_level_facts <- function(parts) {
  of <- function(name) lapply(parts, `[[`, name)
  list(
    levels = add_up(of("levels")), together = max(unlist(of("together"))),
    states = add_up(of("states")), agreement = Reduce(`|`, of("agreement"))
  )
}

join_fixed_facts <- function(facts, shift) {
  of <- function(name) lapply(facts, `[[`, name)
  rows <- sum(unlist(of("rows")))
  used <- of("used")
  list(
    rows = rows, clusters = sum(unlist(of("clusters"))),
    X = join_columns(of("X"), shift$X, rows), response = join_totals(of("response"), rows),
    y = join_columns(of("y"), shift$y, rows)[c("mean", "about")],
    used = list(
      rows = sum(vapply(used, `[[`, 0L, "rows")), weight = add_up(lapply(used, `[[`, "weight")),
      most = max(vapply(used, `[[`, 0, "most"))
    ),
    sizes = join_sizes(of("sizes"))
  )
}

join_columns <- function(parts, shift, rows) {
  of <- function(name) add_up(lapply(parts, `[[`, name))
  d <- of("d")
  mean <- shift + d / rows
  about <- pmax(of("d2") - d * (d / rows), 0)
  list(mean = mean, about = about, gram = of("gram"), ones = mean == 1 & about == 0)
}

join_totals <- function(parts, rows) {
  names <- c("weights", "trials", "y", "exposure")
  sums <- lapply(stats::setNames(names, names), function(name) add_up(lapply(parts, `[[`, name)))
  c(sums, list(
    most = max(vapply(parts, `[[`, 0, "most")),
    offset = add_up(lapply(parts, `[[`, "offset")) / rows
  ))
}

join_anova <- function(parts) {
  of <- function(name) lapply(parts, `[[`, name)
  N <- add_up(of("N"))
  centre <- add_up(Map(`*`, of("N"), of("centre"))) / N
  list(
    N = N, N2 = add_up(of("N2")), K = add_up(of("K")), within = add_up(of("within")),
    between = add_up(lapply(parts, function(part) {
      part$between + part$N * (part$centre - centre)^2
    }))
  )
}

join_sizes <- function(parts) {
  of <- function(name) unlist(lapply(parts, `[[`, name))
  counts <- tapply(of("counts"), of("values"), sum)
  list(
    values = as.numeric(names(counts)), counts = as.vector(counts), largest = max(of("largest")),
    any_size = max(of("any_size")), N = add_up(lapply(parts, `[[`, "N"))
  )
}
