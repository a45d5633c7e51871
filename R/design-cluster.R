# The cluster index: rows that share a value of the grouping factor, by value, in any row order.

#' Index the clusters of a model frame
#'
#' @param frame A data frame with the variables of `group`.
#' @param group The grouping factor: a name, a call, or an interaction `a:b`.
#' @return A list: `order`, the permutation that sorts rows by cluster (stable), or `NULL` if they
#'   already are; `start`, 0-based offsets of the clusters in the sorted rows, and their end;
#'   `levels`, labels in sorted order (levels of a factor, numbers by size, text as in the C
#'   locale).
#' @section Errors: `group`: the group is not an atomic vector or factor.
#' @noRd
cluster_index <- function(frame, group) {
  columns <- group_columns(group)
  values <- unclass(frame)[columns]
  for (name in columns) check_group(values[[name]], name)
  if (length(values) == 1L) return(index_values(values[[1L]]))
  codes <- lapply(values, value_codes)
  index <- index_values(combine_codes(codes))
  first <- index$start[-length(index$start)] + 1L
  if (!is.null(index$order)) first <- index$order[first]
  labels <- lapply(codes, function(code) code$levels[code$code[first]])
  index$levels <- do.call(paste, c(unname(labels), sep = ":"))
  if (anyDuplicated(index$levels)) {
    abort("group", "The labels of an interaction of groups must be distinct.",
      given = some_of(unique(index$levels[duplicated(index$levels)])),
      hint = "Colons inside the labels make them ambiguous."
    )
  }
  index
}

check_group <- function(x, name) {
  if (is.atomic(x) && is.null(dim(x)) && !is.complex(x) && !is.raw(x)) return(invisible())
  abort("group", "A grouping variable must be an atomic vector or a factor.",
    given = paste0(code(name), " of class ", class(x)[1L]),
    hint = if (is.matrix(x)) {
      "Combinations of variables are a:b, and places of a field exp(x + y | g)."
    }
  )
}

index_values <- function(x) {
  key <- sort_key(x)
  order <- sorting_order(key)
  if (!is.null(order)) {
    x <- x[order]
    key <- key[order]
  }
  start <- engine_run_starts(key)
  levels <- value_labels(x[start])
  # Doubles that differ by rounding only have one label, and are one value, as in factor().
  if (is.double(key) && !all(is_whole(key[start])) && anyDuplicated(levels)) {
    by_label <- factor(value_labels(x), unique(levels))
    if (!is.null(order)) by_label[order] <- by_label
    return(index_values(by_label))
  }
  list(order = order, start = c(start - 1L, length(key)), levels = levels)
}

sort_key <- function(x) {
  if (is.factor(x)) return(as.integer(x))
  if (is.logical(x)) return(as.integer(x))
  as.vector(unclass(x))
}

# NULL if sorted. Text is sorted as in the C locale, so that results are the same everywhere.
sorting_order <- function(key) {
  if (is.character(key)) {
    n <- length(key)
    runs <- key[c(TRUE, key[-1L] != key[-n])]
    order_runs <- order(runs, method = "radix")
    if (!anyDuplicated(runs) && !is.unsorted(order_runs)) return(NULL)
  } else if (!is.unsorted(key)) {
    return(NULL)
  }
  order(key, method = "radix")
}

#' The text by which values are matched
#'
#' Whole numbers read the same whether stored as integer or double: 100000, not 1e+05.
#' @noRd
value_labels <- function(x) {
  if (is.factor(x) && anyNA(levels(x))) levels(x)[is.na(levels(x))] <- "<NA>"
  if (is.factor(x) || !is.double(x) || is.object(x)) return(as.character(x))
  small <- is.na(x) | x == round(x) & abs(x) <= .Machine$integer.max
  if (all(small)) return(as.character(as.integer(x)))
  whole <- is.finite(x) & x == round(x)
  labels <- as.character(x)
  labels[whole] <- sprintf("%.0f", x[whole])
  labels
}

# Integer codes 1, 2, ... of the distinct values of a vector, in sorted order.
value_codes <- function(x) {
  index <- index_values(x)
  code <- rep.int(seq_along(index$levels), diff(index$start))
  if (!is.null(index$order)) code[index$order] <- code
  list(code = code, levels = index$levels)
}

# One number per combination of codes, sorted as the codes are, the first slowest.
combine_codes <- function(codes) {
  key <- codes[[1L]]$code
  for (code in codes[-1L]) {
    size <- length(code$levels)
    if (max(key) * as.numeric(size) > 2^52) key <- value_codes(key)$code
    key <- (key - 1) * size + code$code
  }
  key
}

#' Match the clusters of new data, by value
#'
#' @param frame A data frame with the variables of `group`.
#' @param levels Cluster labels of a design.
#' @return A list: `cluster`, positions in `levels` (`NA` for a new cluster); `label`, the label
#'   of each row (`NA` if a grouping variable is missing).
#' @noRd
match_clusters <- function(frame, group, levels) {
  columns <- group_columns(group)
  labels <- lapply(columns, function(name) {
    check_group(frame[[name]], name)
    value_labels(frame[[name]])
  })
  label <- if (length(labels) == 1L) labels[[1L]] else do.call(paste, c(labels, sep = ":"))
  label[Reduce(`|`, lapply(labels, is.na))] <- NA_character_
  list(cluster = match(label, levels, incomparables = NA), label = label)
}
