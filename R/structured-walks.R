# Random walks as relations between times: intrinsic precisions under the constraint that each
# series adds up to zero, and of second order has no trend.

walk_orders <- c(rw1 = 1L, rw2 = 2L)

#' The relation of a random walk
#'
#' Of first order between the times that there are: the increment over a gap of g steps has variance
#' g. Of second order over all steps from the first time of a series to its last; steps without
#' data are levels too.
#'
#' @inheritParams relation_of
#' @return As [relation_of()], see [intrinsic_relation()]; besides, `series` (labels), `steps`,
#'   `unit`, `at` (times) and `step` (whole numbers) of the levels, `inside`: do they count for the
#'   constraint?
#' @noRd
walk_relation <- function(term, frame, index) {
  walk <- series_relation(term, frame, index)
  walk$step <- walk_steps(walk$gap, walk$together)
  walk$inside <- rep(TRUE, length(walk$names))
  check_walk_lengths(walk, walk_orders[[walk$kind]], term)
  with_walk_precision(with_all_steps(walk))
}

# Steps since the first time of each series, and of the others nothing is asked.
walk_steps <- function(gap, series) {
  steps <- cumsum(gap)
  round(steps - steps[match(series, series)])
}

most_walks <- 100L

check_walk_lengths <- function(walk, order, term) {
  count <- tabulate(walk$together, length(walk$series))
  short <- walk$series[count < order + 1L]
  if (length(short)) {
    own <- !identical(term$relation$series, 1)
    abort("time", paste0(
      "A series of ", walk$kind, "() must have at least ", order + 1L, " times."
    ), given = if (own) paste("fewer in", some_of(short)) else paste(count, "in", term$label),
      levels = short
    )
  }
  if (length(count) <= most_walks) return(invisible())
  abort("relation", paste("A random walk can have", most_walks, "series at most."),
    given = paste0(term$label, ": ", length(count), " series"),
    hint = "ar1() and ou() have no constraint for each series, and no such limit."
  )
}

# A random walk of second order has a level for each step.
with_all_steps <- function(walk) {
  if (walk_orders[[walk$kind]] == 1L) return(walk)
  own <- split(seq_along(walk$step), walk$together)
  series <- rep(seq_along(own), vapply(own, function(l) diff(range(walk$step[l])) + 1, 0))
  first <- vapply(own, function(l) min(walk$step[l]), 0)
  step <- first[series] + sequence(tabulate(series)) - 1
  old <- match(paste(series, step), paste(walk$together, walk$step))
  start <- vapply(own, function(l) walk$at[l[which.min(walk$step[l])]], 0)
  at <- start[series] + (step - first[series]) * walk$unit
  time <- if (is.null(walk$steps)) value_labels(at) else walk$steps[round(at)]
  label <- if (length(own) == 1L && identical(walk$series, "1")) {
    time
  } else {
    paste(walk$series[series], time, sep = ":")
  }
  new <- is.na(old)
  walk$names <- ifelse(new, label, walk$names[old])
  walk$own <- !new
  walk$inside <- if (any(new)) inside_walk(walk, series, step) else walk$inside[old]
  walk$together <- unname(series)
  walk$step <- unname(step)
  walk$at <- unname(at)
  walk
}

# Steps from the first to the last time of the data of each series.
inside_walk <- function(walk, series, step) {
  ends <- vapply(split(walk$step[walk$inside], walk$together[walk$inside]), range, numeric(2L))
  step >= ends[1L, series] & step <= ends[2L, series]
}

with_walk_precision <- function(walk) {
  order <- walk_orders[[walk$kind]]
  precision <- intrinsic_relation(
    walk_precision(walk, order), walk_constraint(walk, order), walk$kind
  )
  kept <- c("series", "steps", "unit", "at", "step", "inside", "together", "own")
  precision[kept] <- walk[kept]
  precision$walk <- walk$kind
  precision
}

# Q = D'D of the differences D that a random walk takes as independent, of unit variance.
walk_precision <- function(walk, order) {
  m <- length(walk$step)
  last <- which(walk$together[-1L] == walk$together[-m]) + 1L # each with the level before it
  if (order == 1L) {
    root <- 1 / sqrt(walk$step[last] - walk$step[last - 1L])
    weights <- list(-root, root)
  } else {
    last <- last[(last - 1L) %in% last]
    weights <- list(1, -2, 1)
  }
  weights <- lapply(weights, rep_len, length(last))
  at <- lapply(rev(seq_along(weights)) - 1L, function(back) last - back)
  D <- Matrix::sparseMatrix(
    rep(seq_along(last), length(at)), unlist(at),
    x = unlist(weights), dims = c(length(last), m)
  )
  named_square(Matrix::crossprod(D), walk$names)
}

# Sums to zero over each series, and of second order has no slope. The anchors are the middle of
# each, or both ends.
walk_constraint <- function(walk, order) {
  own <- split(which(walk$inside), walk$together[walk$inside])
  C <- matrix(0, length(walk$step), length(own) * order)
  anchor <- list()
  for (s in seq_along(own)) {
    at <- own[[s]]
    C[at, s] <- 1
    if (order == 2L) C[at, length(own) + s] <- walk$step[at] - mean(walk$step[at])
    anchor[[s]] <- if (order == 2L) range(at) else at[(length(at) + 1L) %/% 2L]
  }
  anchor <- do.call(rbind, anchor)
  list(constraint = C, anchor = as.integer(anchor) - 1L)
}

#' A known precision that is singular, under the constraint that makes it a distribution
#'
#' @param Q With names.
#' @param constraint A list: `constraint` C (levels x r), C'b = 0; `anchor`, r levels (from 0).
#' @return As [relation_of()]: besides, the entries of `constraint`, and `weight` of the anchors.
#' @noRd
intrinsic_relation <- function(Q, constraint, what) {
  lower <- sparse_lower(Q, what)
  constraint$weight <- lower$diagonal[constraint$anchor + 1L]
  relation <- c(list(kind = "precision", log_det = 0), lower, constraint)
  facts <- engine_relation_facts(relation)
  relation$log_det <- facts$log_det
  relation$variance <- facts$variance
  relation
}

# Words -------------------------------------------------------------------------------------------

#' @export
relation_words.margmix_rw1 <- function(relation, rho) {
  paste0("random walk of first order, variance 1 of a ", step_words(relation))
}

#' @export
relation_words.margmix_rw2 <- function(relation, rho) {
  paste0(
    "random walk of second order, variance 1 of the change of slope in a ", step_words(relation)
  )
}

step_words <- function(relation) {
  if (relation$unit == 1) "step" else paste("step of", signif(relation$unit, 4L))
}

#' @export
levels_words.margmix_rw1 <- levels_words.margmix_ar1

#' @export
levels_words.margmix_rw2 <- levels_words.margmix_ar1

# New times ---------------------------------------------------------------------------------------

#' @export
new_levels.margmix_rw1 <- function(relation, group, term, frame) {
  new_times(relation, group, term, frame)
}

#' @export
new_levels.margmix_rw2 <- function(relation, group, term, frame) {
  new <- new_times(relation, group, term, frame)
  if (!length(new$label)) return(new)
  walk <- with_all_steps(walk_with_times(relation, group, new)$walk)
  hidden <- !walk$names %in% c(group$levels, new$label)
  list(
    label = c(new$label, walk$names[hidden]), series = c(new$series, walk$together[hidden]),
    at = c(new$at, walk$at[hidden])
  )
}

# What is known of times beyond those of the data follows from the latter, which alone add up to
# zero.
#' @export
with_levels.margmix_rw1 <- function(relation, group, new) {
  found <- walk_with_times(relation, group, new)
  m <- length(group$levels)
  walk <- found$walk
  group$cluster <- c(
    group$cluster, group$cluster[match(new$series, relation$together)]
  )[found$order]
  group$levels <- walk$names
  group$index <- match(seq_len(m), found$order)[group$index + 1L] - 1L
  class <- class(relation)
  relation <- with_walk_precision(walk)
  relation$names <- NULL
  group$relation <- structure(relation, class = class)
  list(group = group, order = found$order)
}

#' @export
with_levels.margmix_rw2 <- with_levels.margmix_rw1

# The levels of a walk and new ones, in order.
walk_with_times <- function(relation, group, new) {
  series <- c(relation$together, new$series)
  at <- c(relation$at, new$at)
  start <- match(seq_along(relation$series), relation$together)
  steps <- relation$step[start][series] + (at - relation$at[start][series]) / relation$unit
  check_whole_steps(steps, new$label, "a random walk")
  order <- order(series, at)
  old <- seq_along(series) <= length(relation$together)
  kept <- relation[c("series", "steps", "unit")]
  list(order = order, walk = c(kept, list(
    kind = relation$walk, names = c(group$levels, new$label)[order],
    own = rep(TRUE, length(old)), together = series[order], at = at[order],
    step = round(steps)[order], inside = c(relation$inside, rep(FALSE, sum(!old)))[order]
  )))
}
