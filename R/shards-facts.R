# Sums over the rows of a shard that checks, starting values and words need, and how those of all
# shards are put together.

add_up <- function(parts) Reduce(`+`, parts)

#' Facts of the rows of a design
#'
#' @param design A design in memory.
#' @return A list: `rows`, `clusters`; `X`, `Z` (see [columns_elsewhere()]); `response`, from
#'   [response_totals()]; `y` (mean and sum of squares about it); `used`, rows with weight and
#'   trials, and the sum of their weights; `sizes`, from [cluster_size_facts()]; `factors`, from
#'   [level_facts()]. [fixed_facts()] has no facts of random effects.
#' @noRd
row_facts <- function(design, family) {
  c(fixed_facts(design, family), list(
    Z = column_facts(design$Z),
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

fixed_facts <- function(design, family) {
  y <- design$y
  list(
    rows = length(y), clusters = length(design$levels),
    X = column_facts(design$X), response = response_totals(design, family),
    y = list(mean = mean(y), about = drop(crossprod(y - mean(y)))),
    used = c(count_used(design), list(most = max(stored_values(design, "weights")))),
    sizes = cluster_size_facts(design)
  )
}

column_facts <- function(X) {
  facts <- engine_column_facts(X, gram = TRUE)
  c(facts, list(ones = ones_of(facts)))
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

join_facts <- function(facts) {
  of <- function(name) lapply(facts, `[[`, name)
  c(join_fixed_facts(facts), list(
    Z = join_columns(of("Z"), unlist(of("rows"))),
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

join_fixed_facts <- function(facts) {
  of <- function(name) lapply(facts, `[[`, name)
  rows <- unlist(of("rows"))
  list(
    rows = sum(rows), clusters = sum(unlist(of("clusters"))),
    X = join_columns(of("X"), rows), response = join_totals(of("response"), rows),
    y = join_spread(of("y"), rows),
    used = Reduce(function(a, b) {
      list(rows = a$rows + b$rows, weight = a$weight + b$weight, most = max(a$most, b$most))
    }, of("used")),
    sizes = join_sizes(of("sizes"))
  )
}

# Sums of squares about the mean of all are those about each mean, and those of the means.
join_spread <- function(parts, rows) {
  mean <- add_up(Map(function(part, n) n * part$mean, parts, rows)) / sum(rows)
  list(
    mean = mean,
    about = add_up(Map(function(part, n) part$about + n * (part$mean - mean)^2, parts, rows))
  )
}

join_totals <- function(parts, rows) {
  sums <- Reduce(function(a, b) {
    names <- c("weights", "trials", "y", "exposure")
    c(Map(`+`, a[names], b[names]), list(most = max(a$most, b$most)))
  }, parts)
  offsets <- vapply(parts, `[[`, 0, "offset")
  c(sums, list(offset = add_up(as.list(rows * offsets)) / sum(rows)))
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

join_columns <- function(parts, rows) {
  c(join_spread(parts, rows), list(
    gram = add_up(lapply(parts, `[[`, "gram")),
    ones = Reduce(`&`, lapply(parts, `[[`, "ones"))
  ))
}

join_sizes <- function(parts) {
  of <- function(name) unlist(lapply(parts, `[[`, name))
  counts <- tapply(of("counts"), of("values"), sum)
  list(
    values = as.numeric(names(counts)), counts = as.vector(counts), largest = max(of("largest")),
    any_size = max(of("any_size")), N = add_up(lapply(parts, `[[`, "N"))
  )
}
