# Equal rows are one row: where the likelihood needs only their number and the sum of their
# responses, a model is fitted to the distinct rows.

#' The distinct rows of a design
#'
#' Rows that share X, Z, levels and what `pool` of the family asks for are one row of the result.
#' Its log-likelihood, with the `constant` added, is that of the rows of the design, under any rule
#' of integration, for rows of one cluster only are put together.
#'
#' @param design A design.
#' @param family Its family.
#' @param collapse `"auto"`: if there are at least 10,000 rows and a sample of them says that at
#'   most half are distinct; `TRUE` or `FALSE`.
#' @param total How terms of the constant are summed.
#' @return A list: `design`; `constant`; `patterns`, the number of distinct rows, or `NULL` if
#'   `design` is as it was.
#' @noRd
pool_rows <- function(design, family, collapse = "auto", total = sum) UseMethod("pool_rows")

#' @export
pool_rows.default <- function(design, family, collapse = "auto", total = sum) {
  as_it_is <- list(design = design, constant = 0)
  pool <- family_tools(family)$pool
  if (isFALSE(collapse) || is.null(pool) || !all_used(design)) return(as_it_is)
  if (!isTRUE(collapse) && !has_equal_rows(design, pool)) return(as_it_is)
  set <- engine_equal_rows(shared_columns(design, pool), length(design$y))
  patterns <- max(set)
  if (patterns == length(set)) return(as_it_is)
  first <- engine_run_starts(cummax(set))
  all <- response_rows(design)
  pooled <- pool$rows(all, lapply(all, `[`, first), function(x) {
    as.vector(rowsum(x, set, reorder = FALSE))
  })
  list(
    design = keep_first_rows(design, first, pooled[names(all)]), constant = total(pooled$constant),
    patterns = patterns
  )
}

# What the rows of a set must share, of all `rows` or some.
shared_columns <- function(design, pool, rows = NULL) {
  columns <- c(
    list(design$X, design$Z), if (has_dispersion_formula(design)) list(design$D),
    unname(Filter(function(x) length(x) > 1L, design[pool$shared]))
  )
  if (!is.null(rows)) {
    columns <- lapply(columns, function(x) if (is.matrix(x)) x[rows, , drop = FALSE] else x[rows])
  }
  c(columns, lapply(seq_along(design$groups), row_levels, design = design, rows = rows))
}

# Are there many equal rows? Blocks of sorted rows are asked, which lie in few clusters.
has_equal_rows <- function(design, pool, blocks = 8L, length = 512L) {
  n <- length(design$y)
  if (n < 10000L) return(FALSE)
  first <- round(seq(0, n - length, length.out = blocks))
  rows <- rep(first, each = length) + seq_len(length)
  2L * max(engine_equal_rows(shared_columns(design, pool, rows), length(rows))) <= length(rows)
}

#' The design of the first row of each set of equal rows
#'
#' @param response Their `y`, `trials`, `weights` and `offset`.
#' @noRd
keep_first_rows <- function(design, first, response) {
  clusters <- length(design$levels)
  small <- keep_rows(design, first)
  small[names(response)] <- response
  cluster <- rep.int(seq_len(clusters), diff(design$start))[first]
  small$start <- c(0L, cumsum(tabulate(cluster, clusters)))
  small$groups <- lapply(small$groups, function(group) {
    group$index <- group$index[first] # NULL of one factor
    group
  })
  small["order"] <- list(NULL)
  with_plan(small)
}

# How families pool rows -----------------------------------------------------------------------

# w log choose(n, k), also for fractions; without successes, or failures, it is 0.
log_choose_terms <- function(n, k, w) {
  both <- which(k > 0 & k < n)
  n <- n[both]
  k <- k[both]
  w[both] * (lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1))
}

#' How responses of equal rows are put together
#'
#' @format A list of `shared`, what rows must have in common beside covariates and levels, and
#'   `rows(all, first, sum)`: `y`, `trials`, `weights`, `offset` of the distinct rows and the
#'   terms of the `constant` that they lack, from those of all rows, of the first row of each set,
#'   and a function that sums over sets.
#' @noRd
pool_binomial <- list(
  shared = "offset",
  rows = function(all, first, sum) {
    y <- sum(all$weights * all$y)
    trials <- sum(all$weights * all$trials)
    one <- rep(1, length(y))
    list(
      y = y, trials = trials, weights = one, offset = first$offset,
      constant = c(
        log_choose_terms(all$trials, all$y, all$weights), -log_choose_terms(trials, y, one)
      )
    )
  }
)

# With a log link the exposures add up: sum of w (y (o + eta) - exp(o) exp(eta)).
pool_poisson_log <- list(
  shared = character(),
  rows = function(all, first, sum) {
    y <- sum(all$weights * all$y)
    most <- max(all$offset)
    offset <- most + log(sum(all$weights * exp(all$offset - most)))
    list(
      y = y, trials = first$trials, weights = rep(1, length(y)), offset = offset,
      constant = c(
        all$weights * (all$y * all$offset - lgamma(all$y + 1)), lgamma(y + 1) - y * offset
      )
    )
  }
)

pool_poisson <- list(
  shared = "offset",
  rows = function(all, first, sum) {
    weights <- sum(all$weights)
    y <- sum(all$weights * all$y) / weights
    list(
      y = y, trials = first$trials, weights = weights, offset = first$offset,
      constant = c(weights * lgamma(y + 1), -all$weights * lgamma(all$y + 1))
    )
  }
)

# Families whose weights multiply the log-likelihood count rows that are equal in the response, too.
pool_equal_responses <- list(
  shared = c("y", "trials", "offset"),
  rows = function(all, first, sum) {
    c(first[c("y", "trials", "offset")], list(weights = sum(all$weights), constant = numeric()))
  }
)
