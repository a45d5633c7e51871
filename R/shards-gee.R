# The design of a marginal model whose clusters are in shards: what visits, inner units and working
# correlations must know of all of them together.

#' @export
marginal_design.margmix_shards_frame <- function(frame, family, contrasts, correlation) {
  plan <- frame$plan
  visits <- visits_of_shards(plan, correlation)
  to_designs(plan, frame, list(
    family = without_promises(family), contrasts = contrasts, correlation = correlation,
    id_label = frame$id_label, visits = visits$coded, make = shard_gee_design,
    used = function(frame, family) shard_rows_used(frame, family)$frame
  ))
  frame <- drop_unweighted_shards(frame)
  shift <- common_shift(plan)
  facts <- join_marginal_facts(ask_shards(plan, marginal_facts, family, shift), shift)
  keep_by_row(plan, ask_shards(plan, not_one))
  design <- shards_design(common_of_shards(plan, frame$levels), facts, plan)
  check_visits(design, frame$id_label, visits$all, largest_cluster(design), correlation)
  check_inner_units(plan, correlation)
  design <- drop_aliased_shards(design, attr(frame$terms_fixed, "intercept") == 1L)
  design$kinds <- join_kinds(ask_shards(plan, engine_gee_kinds, correlation), correlation)
  design$shared <- engine_gee_shared(design$kinds, correlation)
  list(frame = frame, design = design)
}

# Visits ----------------------------------------------------------------------------------------

#' The visits of all shards
#'
#' Codes of visits and the unit of lags are those of all shards together. Where only times matter a
#' shard reads its own, which may be as many as its rows.
#'
#' @return A list: `all`, from [read_waves()], of the distinct ones; `coded`, these with their
#'   `values`, `engine_code` and `lag_unit`, or `NULL` where a shard reads its own.
#' @noRd
visits_of_shards <- function(plan, correlation) {
  shared <- any(c("lag", "visit") %in% correlation$needs)
  values <- Filter(Negate(is.null), ask_shards(plan, visit_values, shared))
  if (!length(values)) return(list(all = list()))
  values <- unique(join_values(values, "waves"))
  visits <- read_waves(values, correlation)
  list(all = visits, coded = c(visits, list(
    values = values, engine_code = visit_codes(visits, correlation),
    lag_unit = if ("lag" %in% correlation$needs) lag_unit(visits$time)
  )))
}

# Labels have an order that only all of them together show; times have their own.
visit_values <- function(frame, shared) {
  x <- frame$frame[["(waves)"]]
  if (shared || is.factor(x) || is.character(x)) unique(x)
}

# The visits of the rows of a shard, as read_waves() gives them.
shard_visits <- function(x, recipe) {
  known <- recipe$visits
  if (is.null(known)) return(read_waves(x, recipe$correlation))
  at <- match(x, known$values)
  by_row <- c("time", "code", "key", "engine_code")
  known[by_row] <- lapply(known[by_row], function(value) value[at])
  known[c(by_row, "levels", "lag_unit")]
}

# One shard -------------------------------------------------------------------------------------

# Its design, without any judgement that is for all of them together.
shard_gee_design <- function(frame, recipe) {
  frame$frame <- with_common_levels(frame$frame, recipe$levels)
  rows <- shard_rows_used(frame, recipe$family)
  counts <- list(
    unweighted = as.double(rows$frame$n_unweighted %||% 0L),
    ids = as.double(rows$frame$n_ids %||% NA)
  )
  if (!nrow(rows$frame$frame)) return(list(none = TRUE, counts = counts))
  cluster <- index_values(rows$frame$frame[["(id)"]])
  if (is.na(counts$ids)) counts$ids <- as.double(length(cluster$levels))
  visits <- shard_visits(rows$frame$frame[["(waves)"]], recipe)
  design <- gee_arrays(
    rows$frame, recipe$contrasts, recipe$correlation, rows$response, cluster, visits, fixed_columns
  )
  design$group <- recipe$id_label
  design$counts <- counts
  design$spread <- spread_of_clusters(rows$frame$frame[["(id)"]], cluster)
  design$inner_labels <- unit_labels(rows$frame$frame[["(inner)"]])
  design
}

# One shard may have no weight at all.
shard_rows_used <- function(frame, family) {
  weights <- frame$frame[["(weights)"]]
  if (is.null(weights) || !all(weights %in% 0)) return(weighted_rows(frame, family))
  list(frame = drop_unweighted(frame, list(weights = weights, trials = 1)))
}

# Rows without weight take no part; a shard of such rows is left out.
drop_unweighted_shards <- function(frame) {
  plan <- frame$plan
  found <- ask_shards(plan, rows_left)
  left <- vapply(found, `[[`, NA, "some")
  if (!any(left)) {
    abort("weights", "Some of the `weights` must be positive.", given = "all are 0")
  }
  plan$shards <- plan$shards[left]
  frame$n_ids <- sum(vapply(found, `[[`, 0, "ids"))
  frame$n_unweighted <- sum(vapply(found, `[[`, 0, "unweighted"))
  frame$n_dropped <- frame$n_dropped + frame$n_unweighted
  frame
}

rows_left <- function(design) c(list(some = is.null(design$none)), design$counts)

marginal_facts <- function(design, family, shift) {
  trials <- stored_values(design, "trials")
  squares <- stored_values(design, "weights") * trials * (design$y / trials)^2
  c(fixed_facts(design, family, shift), list(
    squares = engine_exact_sums(squares), uneven = uneven_times(design)
  ))
}

join_marginal_facts <- function(facts, shift) {
  c(join_fixed_facts(facts, shift), list(
    squares = add_up(lapply(facts, `[[`, "squares")),
    uneven = any(vapply(facts, `[[`, NA, "uneven"))
  ))
}

# All shards ------------------------------------------------------------------------------------

# Labels of inner units of one shard are checked there.
check_inner_units <- function(plan, correlation) {
  if (!"inner" %in% correlation$needs) return(invisible())
  labels <- ask_shards(plan, inner_labels)
  twice <- unlist(labels)[duplicated(unlist(labels))]
  if (!length(twice)) return(invisible())
  with_first <- vapply(labels, function(some) twice[1L] %in% some, NA)
  abort("inner", "An inner unit must lie inside one `id`.",
    given = paste0(
      "inner ", twice[1L], " in ",
      some_of(paste("shard", plan$recipe$source$labels[plan$shards[with_first]]))
    ),
    hint = "Labels that repeat in each id: inner = ~id:inner."
  )
}

inner_labels <- function(design) design$inner_labels

unit_labels <- function(x) if (!is.null(x)) value_labels(unique(x))

#' @export
cluster_size_range.margmix_shards <- function(design) {
  as.integer(range(design$facts$sizes$values))
}

#' @export
uneven_times.margmix_shards <- function(design) design$facts$uneven

#' @export
squared_response.margmix_shards <- function(design) design$facts$squares
