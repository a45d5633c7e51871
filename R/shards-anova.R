# Fits to the same shards side by side: what anova() has to know of their rows.

#' What stands for the rows of fits to shards
#'
#' One pass makes the designs of all fits of each shard and keeps their columns up to a rotation of
#' the rows, which changes neither whether two columns are equal nor which columns span others.
#'
#' @param in_shards Which of the fits are fits to shards?
#' @return For each fit an object of class `margmix_compared_shards`: `data`, `X`, `Z`, as
#'   [comparison_data()] and its relatives give them, with rows that are combinations of rows;
#'   `groups`, `correlated`.
#' @section Errors: `shards`, `anova_rows`.
#' @noRd
compared_shards <- function(fits, in_shards) {
  if (!all(in_shards)) refuse_other_shards("a fit in memory")
  rotated <- rotated_columns(fits)
  last <- cumsum(vapply(rotated$sizes, sum, 0L))
  Map(function(fit, size, last) {
    columns <- rotated$R[, seq_len(sum(size)) + last - sum(size), drop = FALSE]
    kind <- factor(rep(names(size), size), names(size))
    part <- function(name) columns[, kind == name, drop = FALSE]
    parts <- lapply(stats::setNames(names(size), names(size)), part)
    structure(list(
      X = parts$X, Z = parts$Z, data = lapply(parts[setdiff(names(size), c("X", "Z"))], drop),
      groups = as.list(group_labels(fit$design)), correlated = correlated_pairs(fit)
    ), class = "margmix_compared_shards")
  }, fits, rotated$sizes, last)
}

refuse_other_shards <- function(given) {
  abort("shards", "A fit to shards compares with fits to the same shards.",
    given = given, hint = "Fit both models to the same shards, or compare them by AIC()."
  )
}

rotated_columns <- function(fits) {
  plans <- lapply(fits, function(fit) plan_of_shards(fit$design))
  sources <- lapply(fits, function(fit) fit$frame$source)
  used <- unique(lapply(plans, `[[`, "shards"))
  recipes <- lapply(plans, function(plan) single_rows(plan$recipe))
  plan <- shard_plan(sources[[1L]], structure(
    list(source = recipes[[1L]]$source, memory = 0, recipes = recipes),
    class = "margmix_several_recipes"
  ), used[[1L]])
  pieces <- vapply(sources, function(source) length(source$pieces), 0L)
  if (length(used) > 1L || length(unique(pieces)) > 1L) refuse_other_shards("other shards")
  parts <- ask_shards(plan, triangle_of_designs)
  n <- Reduce(`+`, lapply(parts, `[[`, "n"))
  if (!all(vapply(parts, function(part) length(unique(part$n)) == 1L, NA))) {
    refuse_other_responses(paste(paste(n, collapse = " and "), "rows"))
  }
  list(R = stack_triangles(lapply(parts, `[[`, "R")), sizes = parts[[1L]]$sizes)
}

# Equal rows may have been pooled.
single_rows <- function(recipe) {
  recipe$collapse <- NULL
  recipe
}

# The designs of several fits.
#' @export
make_element.margmix_several_recipes <- function(recipe, k) {
  lapply(recipe$recipes, function(one) with_recipe_options(one, make_element(one, k)))
}

triangle_of_designs <- function(designs) {
  columns <- lapply(designs, columns_to_compare)
  n <- vapply(designs, function(design) length(design$y), 0L)
  same <- length(unique(n)) == 1L
  all <- if (same) do.call(cbind, lapply(columns, function(parts) do.call(cbind, parts)))
  list(
    n = n, sizes = lapply(columns, function(parts) vapply(parts, NCOL, 0L)),
    R = if (same) triangle_of_rows(all, numeric(ncol(all)), 50000L)$R
  )
}

# Rows as in the data: each model sorts them in its way.
columns_to_compare <- function(design) {
  columns <- list(
    X = design$X, Z = design$Z, y = design$y, trials = row_trials(design),
    weights = row_weights(design), offset = row_offset(design)
  )
  lapply(Filter(Negate(is.null), columns), caller_order, design)
}

#' @export
comparison_data.margmix_compared_shards <- function(fit) fit$data

#' @export
comparison_X.margmix_compared_shards <- function(fit) fit$X

#' @export
comparison_Z.margmix_compared_shards <- function(fit) fit$Z

#' @export
comparison_groups.margmix_compared_shards <- function(fit) fit$groups

#' @export
correlated_pairs.margmix_compared_shards <- function(fit) fit$correlated
