# The first pass over shards: what can be known before there is a model.

#' How an element is made from a shard
#'
#' An element is what is kept of a shard and given to a piece of work: its data, model frame, or
#' design, by the class of the recipe.
#'
#' @param recipe A list: `source` (`pieces`, `labels`, `read`), `memory` (most bytes to keep in a
#'   process), `options` (to be set meanwhile), and what the class needs.
#' @param k Number of the shard.
#' @noRd
make_element <- function(recipe, k) UseMethod("make_element")

#' @export
make_element.margmix_read_recipe <- function(recipe, k) read_shard(recipe$source, k)

#' An element that was made by an earlier recipe, as this one wants it
#' @noRd
take_on <- function(element, recipe) UseMethod("take_on", recipe)

#' @export
take_on.default <- function(element, recipe) element

# The data that the first pass has kept, which is then let go, or what is read again.
take_shard <- function(source, k) {
  room <- if (!is.null(source$first_key)) shard_rooms[[source$first_key]]
  name <- as.character(source$first_number[k])
  data <- room$elements[[name]]
  if (is.null(data)) return(read_shard(source, k))
  room$elements[[name]] <- room$sizes[[name]] <- NULL
  data
}

read_shard <- function(source, k) {
  label <- source$labels[k]
  data <- tryCatch(suppressWarnings(source$read(source$pieces[[k]])), error = function(e) {
    abort("shards", "A shard can't be read.",
      given = paste0("shard ", label, ": ", conditionMessage(e)),
      hint = memory_hint(conditionMessage(e)) %||%
        "Is the file complete, and is `read` the right function for it?"
    )
  })
  if (!is.data.frame(data)) {
    abort("shards", "`read` must return a data frame.",
      given = paste0("shard ", label, ": an object of class ", class(data)[1L])
    )
  }
  if (!nrow(data)) {
    abort("shards", "A shard has no rows.", given = paste0("shard ", label, ": 0 rows"),
      hint = "Leave it out."
    )
  }
  before <- source$rows[k]
  if (!is.null(before) && nrow(data) != before) {
    abort("shards", "A shard has changed since shards() read it.",
      given = paste0("shard ", label, ": ", count_of(nrow(data), "row"), ", ", before, " before")
    )
  }
  # classes that others add, such as that of a data.table, change how `[` works
  as.data.frame(data)
}

#' Facts of the columns of a shard
#' @return A list: `n`; `kinds`, named by column; `template`, the data frame without rows; unless
#'   `id` is `NULL`, `id`, the first and last of its values, and `clusters`, how many.
#' @noRd
shard_columns <- function(data, id) {
  facts <- list(
    n = nrow(data), kinds = vapply(data, column_kind, ""),
    template = plain_columns(data[0L, , drop = FALSE])
  )
  if (is.null(id)) return(facts)
  if (!id %in% names(data)) {
    abort("shards", "Every shard must have the column of the clusters.",
      given = paste0("no ", code(id), " among ", some_of(code(names(data))))
    )
  }
  values <- id_values(data[[id]])
  c(facts, list(clusters = length(values), id = values[c(1L, length(values))]))
}

# Distinct values, sorted; text as in the C locale.
id_values <- function(x) {
  sorted <- is.numeric(x) && !is.object(x) && !anyNA(x) && !is.unsorted(x)
  if (sorted) return(row_ids(x[engine_run_starts(x)]))
  x <- row_ids(x)
  sort(unique(x[!is.na(x)]), method = "radix")
}

# Values of the clusters of rows, as they are compared.
row_ids <- function(x) {
  check_group(x, "id")
  x <- plain_column(x)
  if (is.numeric(x)) as.double(x) else value_labels(x)
}

# Integers of any size and doubles are numbers.
column_kind <- function(x) {
  if (inherits(x, "integer64")) return("number")
  if (is.factor(x)) return(if (is.ordered(x)) "ordered factor" else "factor")
  if (inherits(x, "difftime")) return(paste("a difference in", attr(x, "units")))
  if (is.object(x)) return(class(x)[1L])
  if (is.numeric(x)) "number" else typeof(x)
}

# All shards ------------------------------------------------------------------------------------

#' Check that shards go together
#'
#' @param facts From [shard_columns()], by shard.
#' @section Errors: `shards`.
#' @noRd
check_columns <- function(facts, labels) {
  first <- facts[[1L]]$kinds
  for (k in seq_along(facts)[-1L]) {
    kinds <- facts[[k]]$kinds
    other <- c(setdiff(names(kinds), names(first)), setdiff(names(first), names(kinds)))
    if (length(other)) {
      abort("shards", "All shards must have the same columns.",
        given = paste0("shards ", labels[1L], " and ", labels[k], " differ in ",
          some_of(code(other))
        )
      )
    }
    different <- names(first)[kinds[names(first)] != first]
    if (length(different)) {
      abort("shards", "A column must have the same type in all shards.",
        given = paste0(
          code(different), " is ", first[different], " in shard ", labels[1L], ", ",
          kinds[different], " in ", labels[k]
        ), hint = "`read` may convert it."
      )
    }
  }
}

# The order of shards without whole clusters: by what `read` takes of each, where that is a value.
order_of_pieces <- function(pieces, labels) {
  single <- all(vapply(pieces, function(x) is.atomic(x) && length(x) == 1L, NA))
  if (!single) return(seq_along(pieces))
  numbers <- all(vapply(pieces, is.numeric, NA))
  order(if (numbers) unlist(pieces) else labels, method = "radix")
}

#' The order of shards, by the first of their clusters
#'
#' @param values A function that returns the clusters of all shards, which are asked for where the
#'   ranges of the shards overlap.
#' @section Errors: `shards` (a cluster is in two of them).
#' @noRd
order_shards <- function(facts, labels, values) {
  ends <- lapply(facts, `[[`, "id")
  first <- unlist(lapply(ends, `[`, 1L))
  last <- unlist(lapply(ends, `[`, 2L))
  by <- order(first, method = "radix")
  apart <- vapply(seq_along(by)[-1L], function(i) {
    identical(order(c(last[by[i - 1L]], first[by[i]]), method = "radix"), 1:2) &&
      last[by[i - 1L]] != first[by[i]]
  }, NA)
  if (!all(apart)) check_distinct_clusters(values(), labels)
  by
}

check_distinct_clusters <- function(values, labels) {
  shard <- rep(seq_along(values), lengths(values))
  all <- unlist(values)
  twice <- which(duplicated(all))
  if (!length(twice)) return(invisible())
  one <- shard[match(all[twice[1L]], all)]
  other <- shard[twice[1L]]
  same <- identical(values[[one]], values[[other]])
  abort("shards", "A cluster is spread over several shards.",
    given = paste0(
      some_of(value_labels(unique(all[twice])), 1L),
      " in shards ", labels[one], " and ", labels[other]
    ),
    hint = c(
      if (same) "The shards have the same clusters: was one given twice?",
      "reshard() writes the rows of each cluster into one file."
    )
  )
}
