# Sums over the rows of a shard that checks, starting values and words need, and how those of all
# shards are put together.

add_up <- function(parts) Reduce(`+`, parts)

#' Facts of the rows of a design
#'
#' @param design A design in memory.
#' @return A list: `rows`, `clusters`; `X`, `Z` (see [columns_elsewhere()]); `response`, from
#'   [response_totals()]; `y` (mean and sum of squares about it); `used`, rows with weight and
#'   trials, and the sum of their weights; `sizes`, from [cluster_size_facts()]; `factors`, from
#'   [level_facts()]; `anova`, from [factor_anova()]. [fixed_facts()] has no facts of random
#'   effects.
#' @noRd
row_facts <- function(design, family) {
  c(fixed_facts(design, family), list(
    Z = column_facts(design$Z), anova = factor_anova(design),
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
  used <- used_rows(design)
  weights <- row_weights(design)
  y <- design$y
  list(
    rows = length(y), clusters = length(design$levels),
    X = column_facts(design$X), response = response_totals(design, family),
    y = list(mean = mean(y), about = sum((y - mean(y))^2)),
    used = list(rows = sum(used), weight = sum(weights[used]), most = max(weights)),
    sizes = cluster_size_facts(design)
  )
}

column_facts <- function(X) {
  mean <- colMeans(X)
  list(
    mean = mean, gram = crossprod(X), about = colSums((X - rep(mean, each = nrow(X)))^2),
    ones = vapply(seq_len(ncol(X)), function(j) all(X[, j] == 1), NA)
  )
}

#' Sizes of clusters, and the sums that the between-cluster share of a column is made of
#' @return A list: `rows`, a table of the rows of clusters; `largest`, most used rows; `N`, `N2`,
#'   `K`: sum, sum of squares and number of sizes; `centre`, `between`, `within`, see
#'   [anova_sums()].
#' @noRd
cluster_size_facts <- function(design) {
  counted <- design$weights_type == "frequency"
  rows <- diff(design$start)
  if (counted) rows <- cluster_sums(row_weights(design), design$start)
  size <- row_sizes(design)
  sums <- function(x) cluster_sums(x, design$start)
  c(
    list(
      rows = table(rows), largest = max(sums(as.numeric(used_rows(design)))),
      any_size = max(row_trials(design))
    ),
    anova_sums(design$X, size, row_levels(design), sums)
  )
}

# All shards ------------------------------------------------------------------------------------

join_facts <- function(facts) {
  of <- function(name) lapply(facts, `[[`, name)
  c(join_fixed_facts(facts), list(
    Z = join_columns(of("Z"), unlist(of("rows"))),
    shares = by_position(of("anova"), function(parts) with_share(join_anova(parts))),
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

# Facts of some of the columns of X.
take_shares <- function(facts, take) {
  facts$sizes$share <- facts$sizes$share[take]
  facts$shares <- lapply(facts$shares, function(x) replace(x, "share", list(x$share[take])))
  facts
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
  of <- function(name) lapply(parts, `[[`, name)
  tables <- of("rows")
  values <- as.numeric(unlist(lapply(tables, names)))
  counts <- tapply(unlist(lapply(tables, as.vector)), values, sum)
  sums <- join_anova(parts)
  list(
    values = as.numeric(names(counts)), counts = as.vector(counts),
    largest = max(unlist(of("largest"))), any_size = max(unlist(of("any_size"))),
    N = sums$N, K = sums$K, share = share_of(sums)
  )
}
