# The design of shards: what the arrays of all shards have in common, with sums over rows in their
# place.

#' @rdname build_design
#' @noRd
#' @export
build_design.margmix_shards_frame <- function(frame, family, contrasts = NULL,
                                              weights_type = "prior", law = new_law("normal")) {
  if (law$name != "normal") refuse_on_shards(law_noun(law))
  plan <- frame$plan
  crossed <- isFALSE(frame$nested)
  to_designs(plan, frame, list(
    family = without_promises(family), contrasts = contrasts, weights_type = weights_type,
    nested = frame$nested, make = if (crossed) crossed_shard else shard_design,
    used = function(frame, family) frame
  ))
  common <- common_of_shards(plan, frame$levels)
  design <- if (crossed) {
    crossed_design(plan, common, family, frame$parsed$random)
  } else {
    design_of_clusters(plan, common, family)
  }
  Map(check_clusters, design$groups, group_labels(design), is.null(design$groups[[1L]]$index))
  if (crossed) check_not_nested(design)
  design <- drop_aliased_shards(design, attr(frame$terms_fixed, "intercept") == 1L)
  check_identified(design, family)
  design
}

# Of whole clusters, whose levels stay in the shards.
design_of_clusters <- function(plan, common, family) {
  shift <- common_shift(plan)
  facts <- join_facts(ask_shards(plan, row_facts, family, shift), shift)
  design <- shards_design(common, facts, plan)
  design$Z <- columns_elsewhere(facts, "Z", colnames(design$Z))
  for (k in seq_along(design$groups)) {
    design$groups[[k]]$levels <- labels_elsewhere(facts$factors[[k]]$levels)
  }
  design
}

# What is kept of shards are designs from now on. `settings`: fields of the recipe, among them
# `make`, a function of the frame of a shard and the recipe, and `used`, one of the frame and the
# family that leaves the rows that take part.
to_designs <- function(plan, frame, settings) {
  recipe <- plan$recipe
  recipe[c(names(settings), "levels")] <- c(settings, list(frame$levels))
  class(recipe) <- c("margmix_design_recipe", class(recipe))
  change_recipe(plan, recipe)
}

# What the designs of all shards have in common.
common_of_shards <- function(plan, levels) {
  common <- ask_shards(plan, common_design, shards = plan$shards[1L])[[1L]]
  flags <- names(Filter(is_logical_level, levels))
  common$xlevels[flags] <- NULL
  common$xlevels_random <- lapply(common$xlevels_random, function(x) x[setdiff(names(x), flags)])
  common
}

shards_design <- function(common, facts, plan) {
  common$X <- columns_elsewhere(facts, "X", colnames(common$X))
  common$levels <- labels_elsewhere(facts$clusters)
  common$facts <- facts
  common$plan_of_shards <- plan
  structure(common, class = c("margmix_shards", class(random_part(common))))
}

labels_elsewhere <- function(count) {
  structure(list(count = count), class = "margmix_elsewhere_labels")
}

# Aliased columns are dropped in every shard.
drop_aliased_shards <- function(design, intercept) {
  X <- design$X
  aliased <- design$aliased
  if (!ncol(X) || has_full_rank(X$gram)) return(design)
  plan <- design$plan_of_shards
  centre <- if (intercept) c(0, X$mean[-1L]) else numeric(ncol(X))
  factors <- ask_shards(plan, shard_triangle, centre)
  R <- constant_to_zero(
    stack_triangles(lapply(factors, `[[`, "R")), add_up(lapply(factors, `[[`, "centred")),
    add_up(lapply(factors, `[[`, "raw"))
  )
  decomposed <- qr(R, tol = 1e-7)
  aliased[decomposed$pivot[seq_along(aliased) > decomposed$rank]] <- TRUE
  if (!any(aliased)) return(design)
  warn_aliased(names(which(aliased)))
  recipe <- plan$recipe
  recipe$aliased <- aliased
  change_recipe(plan, recipe)
  design$aliased <- aliased
  design$X <- some_columns(X, !aliased)
  design
}

shard_triangle <- function(design, centre) triangle_of_rows(design$X, centre, 50000L)

stack_triangles <- function(triangles) {
  Reduce(function(R, next_R) {
    decomposed <- qr(rbind(R, next_R), LAPACK = TRUE)
    qr.R(decomposed)[, order(decomposed$pivot), drop = FALSE]
  }, triangles)
}

# One shard -------------------------------------------------------------------------------------

#' @export
make_element.margmix_design_recipe <- function(recipe, k) take_on(NextMethod(), recipe)

#' @export
take_on.margmix_design_recipe <- function(element, recipe) {
  if (!is.null(element$none)) return(element)
  if (is.null(element$X)) element <- compact_rows(recipe$make(element, recipe))
  if (!is.null(element$none)) return(element)
  aliased <- recipe$aliased
  if (!is.null(aliased) && ncol(element$X) == length(aliased) && any(aliased)) {
    element$X <- element$X[, !aliased, drop = FALSE]
  }
  # what is made of it, where there is room for everything
  element$kept <- if (recipe$memory == Inf) new.env(parent = emptyenv())
  if (!is.null(recipe$collapse) && is.null(element$constant)) {
    element <- pooled_element(element, recipe)
  }
  element$by_row <- recipe$by_row
  with_cells(element)
}

pooled_element <- function(element, recipe) {
  pooled <- pool_rows(element, recipe$family, recipe$collapse, engine_exact_sums)
  pooled$design[c("constant", "patterns")] <- list(
    pooled$constant, pooled$patterns %||% length(element$y)
  )
  pooled$design
}

# The design of a shard, without any judgement: that is for all of them together.
shard_design <- function(frame, recipe) with_plan(arrays_of_shard(frame, recipe))

arrays_of_shard <- function(frame, recipe) {
  frame$frame <- with_common_levels(frame$frame, recipe$levels)
  factors <- grouping_factors(frame$parsed$random)
  cluster <- group_index(frame$frame, factors, recipe$nested)
  design <- random_part(design_arrays(
    frame, recipe$family, factors, cluster, recipe$contrasts, recipe$weights_type, fixed_columns
  ), new_law("normal"))
  design$spread <- spread_of_clusters(frame$frame[[cluster$group]], cluster)
  design
}

#' A number in [0, 1) for each cluster, by which some are chosen however they are split
#' @param x The grouping factor, by row of the frame, where it is one column.
#' @param cluster From [group_index()].
#' @noRd
spread_of_clusters <- function(x, cluster) {
  if (!is.numeric(x) || is.object(x)) return(engine_spread(cluster$levels))
  first <- cluster$start[-length(cluster$start)] + 1L
  engine_spread(as.double(x[if (is.null(cluster$order)) first else cluster$order[first]]))
}

# All but the rows.
common_design <- function(design) {
  for (name in c("X", "Z")) design[[name]] <- design[[name]][0L, , drop = FALSE]
  by_row <- c("y", "trials", "weights", "offset", "time", "wave", "inner", "cell", "spread")
  design[c(by_row, "start", "levels", "order", "plan", "kept")] <- NULL
  for (k in seq_along(design$groups)) {
    design$groups[[k]]$levels <- NULL
    if (!is.null(design$groups[[k]]$index)) design$groups[[k]]$index <- labels_elsewhere(NA)
  }
  unclass(design)
}

# What stands for the rows ----------------------------------------------------------------------

#' A matrix whose rows are in shards
#'
#' It has dimensions and names, and sums over its rows; asking it for rows is an error.
#'
#' @return A list: `n`, `names`, `mean`, `gram` (crossprod), `about` (sums of squares about the
#'   means), `ones` (is a column 1 in every row?).
#' @noRd
columns_elsewhere <- function(facts, part, names) {
  x <- facts[[part]]
  dimnames(x$gram) <- list(names, names)
  structure(c(list(n = facts$rows, names = names), x), class = "margmix_elsewhere")
}

some_columns <- function(x, take) {
  x[c("names", "mean", "about", "ones")] <-
    lapply(unclass(x)[c("names", "mean", "about", "ones")], `[`, take)
  x$gram <- x$gram[take, take, drop = FALSE]
  x
}

#' @export
dim.margmix_elsewhere <- function(x) {
  x <- unclass(x)
  c(x$n, length(x$names))
}

#' @export
dimnames.margmix_elsewhere <- function(x) list(NULL, unclass(x)$names)

#' @export
`[.margmix_elsewhere` <- function(x, ...) refuse_rows()

#' @export
as.matrix.margmix_elsewhere <- function(x, ...) refuse_rows()

#' @export
Ops.margmix_elsewhere <- function(e1, e2) refuse_rows()

#' @export
length.margmix_elsewhere_labels <- function(x) unclass(x)$count

#' @export
`[.margmix_elsewhere_labels` <- function(x, ...) refuse_rows()

#' @export
Ops.margmix_elsewhere_labels <- function(e1, e2) refuse_rows()

#' @export
as.character.margmix_elsewhere_labels <- function(x, ...) refuse_rows()

#' @export
`$.margmix_shards` <- function(x, name) x[[name]]

#' @export
`[[.margmix_shards` <- function(x, name, ...) {
  rows <- c("y", "trials", "weights", "offset", "order", "start")
  if (is.character(name) && name %in% rows) refuse_rows()
  .subset2(x, name)
}

#' Refuse what needs rows in memory
#' @section Errors: `shards`.
#' @noRd
check_in_memory <- function(design) UseMethod("check_in_memory")

#' @export
check_in_memory.default <- function(design) invisible()

#' @export
check_in_memory.margmix_shards <- function(design) refuse_rows()

# The outermost function of the package says what it was that needed rows.
refuse_rows <- function() {
  called <- vapply(sys.calls(), function(call) {
    if (is.name(call[[1L]])) as.character(call[[1L]]) else ""
  }, "")
  own <- called[called %in% names(package_home)]
  abort("shards", "This needs individual rows, but the data are in shards.",
    given = paste0(sub("[.]margmix_.*", "", own[1L]), "()"),
    hint = "Fit a sample of whole clusters in memory, or shards that are small enough."
  )
}
