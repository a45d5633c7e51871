# From a model frame to the arrays of the estimating equations.

#' Build the design of a marginal model
#'
#' Rows are sorted by cluster, and in a cluster by inner unit and visit.
#'
#' @param frame From [build_frame()], with columns `(id)`, `(waves)`, `(inner)`.
#' @param family,contrasts As in [build_design()].
#' @param correlation A working correlation.
#' @return A `margmix_design` without random part, and with: `time` (n doubles: times of the visits,
#'   or `NULL`: positions in the cluster), `wave` (n codes 0, 1, ... of the visits), `wave_levels`,
#'   `lag_unit` (the time that is one lag),
#'   `inner` (n codes), each `NULL` where the correlation has no use for it.
#' @section Errors: those of [build_design()]; `waves`, `duplicate_rows`, `inner`.
#' @noRd
build_gee_design <- function(frame, family, contrasts, correlation, response) {
  cluster <- index_values(frame$frame[["(id)"]])
  visits <- read_waves(frame$frame[["(waves)"]], correlation)
  check_visits(cluster, frame$id_label, visits, max(diff(cluster$start)), correlation)
  gee_arrays(frame, contrasts, correlation, response, cluster, visits, fixed_design)
}

# `largest`: rows of the largest cluster.
check_visits <- function(cluster, id_label, visits, largest, correlation) {
  check_clusters(cluster, id_label,
    otherwise = "`id` names the independent units; glm() takes all rows as independent."
  )
  check_positions(visits, largest, correlation)
  check_size(visits, largest, correlation)
}

# The arrays and what describes them. `visits` may know the codes of the engine already;
# `fixed_part` is as in design_arrays().
gee_arrays <- function(frame, contrasts, correlation, response, cluster, visits, fixed_part) {
  rows <- attr(frame$frame, "row.names")
  note_row_order(visits, cluster, correlation)
  inner <- read_inner(frame$frame[["(inner)"]], cluster, correlation)
  cluster$order <- row_order(cluster, inner$code, visits$key)
  check_duplicates(cluster, visits, correlation, rows)
  response$offset <- total_offset(frame$frame)
  check_finite(response$offset, "The offset", rows)
  sorted <- sort_covariates(frame, cluster$order)
  check_contrasts(contrasts, sorted)
  fixed <- fixed_part(
    frame$terms_fixed, sorted, contrasts, function() take_rows(rows, cluster$order)
  )
  codes <- visits$engine_code %||% visit_codes(visits, correlation)
  structure(c(
    fixed[c("X", "aliased", "assign")], lapply(response, take_rows, cluster$order), cluster,
    list(
      group = frame$id_label, terms = frame$terms_fixed,
      time = if ("time" %in% correlation$needs) take_rows(visits$time, cluster$order),
      wave = take_rows(codes, cluster$order),
      wave_levels = visits$levels,
      lag_unit = if ("lag" %in% correlation$needs) visits$lag_unit %||% lag_unit(visits$time),
      inner = if ("inner" %in% correlation$needs) take_rows(inner$code, cluster$order)
    ),
    fixed[c("xlevels", "contrasts")], list(weights_type = "prior")
  ), class = "margmix_design")
}

# Position of each row in its cluster's order; NULL if the rows are sorted as they are.
row_order <- function(cluster, inner, key) {
  if (is.null(inner) && is.null(key)) return(cluster$order)
  code <- rep.int(seq_along(cluster$levels), diff(cluster$start))
  if (!is.null(cluster$order)) code[cluster$order] <- code
  keys <- Filter(Negate(is.null), list(code, inner, key))
  order <- do.call(order, c(keys, list(method = "radix")))
  if (is.unsorted(order)) order
}

# Visits ----------------------------------------------------------------------------------------

#' Read the times of visits
#'
#' Numbers, dates and times are taken as they are; factors and text whose labels are all numbers as
#' these numbers, with a note where the levels of a factor have another order; other factors as the
#' positions of their levels.
#'
#' @return A list: `time` (doubles, or `NULL` for text), `code` (integers from 0), `levels`, and
#'   `key` to sort by; empty without waves.
#' @section Errors: `waves`.
#' @noRd
read_waves <- function(x, correlation) {
  if (is.null(x)) return(list())
  time <- wave_times(x)
  note_level_order(x, time, correlation)
  if (is.null(time) && any(c("time", "lag") %in% correlation$needs)) {
    abort("waves", paste0(
      "`waves` must be numbers, dates or a factor for an ", correlation$label, " correlation."
    ), given = paste("text such as", some_of(dQuote(unique(x), FALSE), 3L)))
  }
  index <- index_values(if (is.null(time)) x else time)
  code <- rep.int(seq_along(index$levels) - 1L, diff(index$start))
  if (!is.null(index$order)) code[index$order] <- code
  levels <- index$levels
  if (is.factor(x)) {
    first <- match(seq_along(levels) - 1L, code)
    levels <- as.character(x[first])
  }
  list(time = time, code = code, levels = levels, key = code)
}

#' Codes of the visits as the engine takes them
#'
#' @return Integers from 0: the lag to the first visit of all (`"lag"`), or the rank of the visit or
#'   its row in a fixed matrix (`"visit"`); `NULL` where they have no use.
#' @section Errors: `waves`.
#' @noRd
visit_codes <- function(visits, correlation) {
  if (is.null(visits$code)) return(NULL)
  if ("lag" %in% correlation$needs) return(lag_codes(visits$time, correlation))
  if (!"visit" %in% correlation$needs) return(NULL)
  R <- correlation$R
  if (is.null(R)) return(visits$code)
  row <- if (is.null(rownames(R))) seq_along(visits$levels) else match(visits$levels, rownames(R))
  unknown <- is.na(row) | row > nrow(R)
  if (any(unknown)) {
    abort("waves", "The fixed correlation matrix must have a row for every wave.",
      given = paste0(nrow(R), " rows; no row for wave ", some_of(visits$levels[unknown]))
    )
  }
  row[visits$code + 1L] - 1L
}

# Whole numbers that are 1 apart somewhere are lags as they are; others are counted in units of the
# smallest gap.
lag_unit <- function(time) {
  gaps <- diff(sort(unique(time)))
  if (!length(gaps) || all(gaps == round(gaps)) && any(gaps == 1)) 1 else min(gaps)
}

lag_codes <- function(time, correlation) {
  unit <- lag_unit(time)
  lag <- (time - min(time)) / unit
  whole <- abs(lag - round(lag)) < 1e-6 * pmax(1, lag)
  if (!all(whole) || max(lag) > 1e6) {
    abort("waves", paste0(
      "For a ", correlation$label, " correlation the waves must be whole multiples of a unit."
    ),
      given = paste0(
        "smallest gap ", format(unit), ", but also a wave at ", format(time[!whole | lag > 1e6][1L])
      ),
      hint = "cor_ar1() and cor_decay() take real times."
    )
  }
  as.integer(round(lag))
}

wave_times <- function(x) {
  if (is.factor(x) || is.character(x)) {
    labels <- if (is.factor(x)) levels(x) else unique(x)
    numbers <- suppressWarnings(as.numeric(labels))
    if (!anyNA(numbers)) return(numbers[if (is.factor(x)) as.integer(x) else match(x, labels)])
    return(if (is.factor(x)) as.numeric(x))
  }
  time <- as.numeric(x)
  if (!all(is.finite(time))) {
    abort("waves", "`waves` must be finite.", given = format(time[!is.finite(time)][1L]))
  }
  time
}

# Labels 10 < 11 < 2 are as a rule numbers sorted as text, not an order that is meant.
note_level_order <- function(x, time, correlation) {
  if (!is.factor(x) || !uses_waves(correlation)) return(invisible())
  numbers <- time[match(levels(x), x)]
  if (!is.unsorted(numbers, na.rm = TRUE)) return(invisible())
  note("wave_levels", "`waves` is a factor of numbers, which are taken as the times of the visits.",
    given = paste("levels in the order", some_of(levels(x))),
    hint = "as.integer() of it takes positions in the order of the levels instead."
  )
}

check_duplicates <- function(cluster, visits, correlation, rows) {
  if (is.null(visits$code) || correlation$repeats) return(invisible())
  code <- take_rows(visits$code, cluster$order)
  n <- length(code)
  same <- c(FALSE, code[-1L] == code[-n])
  same[cluster$start[-length(cluster$start)] + 1L] <- FALSE
  if (!any(same)) return(invisible())
  second <- which(same)
  row <- take_rows(rows, cluster$order)
  i <- findInterval(second[1L] - 1L, cluster$start)
  abort("duplicate_rows", "A cluster must have at most one row at each wave.",
    given = paste0(
      "id ", cluster$levels[i], " has wave ", visits$levels[code[second[1L]] + 1L], " in rows ",
      row[second[1L] - 1L], " and ", row[second[1L]],
      if (length(second) > 1L) paste0(" (", length(second), " repeated pairs in all)")
    ),
    hint = repeats_hint(length(second) > length(code) / 4, correlation)
  )
}

# A few repeats are mostly ids that are not unique; many are a design with several rows at a time.
repeats_hint <- function(many, correlation) {
  unique_id <- "Is `id` unique across sites? Otherwise use ~site:id."
  several <- if (uses_waves(correlation)) {
    "Several rows at a time (a stepped wedge): cor_decay(), or cor_nested() with `inner` periods."
  } else {
    paste0("Leave `waves` out: they have no use with corstr = \"", correlation$type, "\".")
  }
  if (many) c(several, unique_id) else c(unique_id, several)
}

uses_waves <- function(correlation) any(c("time", "lag", "visit") %in% correlation$needs)

# Without waves the rows of a fixed matrix are positions.
check_positions <- function(visits, largest, correlation) {
  R <- correlation$R
  if (!is.null(visits$code) || is.null(R) || largest <= nrow(R)) return(invisible())
  abort("waves", "The fixed correlation matrix must have a row for every row of a cluster.",
    given = paste0(nrow(R), " rows; the largest cluster has ", largest)
  )
}

# Rows of an id that lie apart were sorted by something else, perhaps not by time within the id.
note_row_order <- function(visits, cluster, correlation) {
  if (!uses_waves(correlation) || !is.null(visits$code) || is.null(cluster$order)) {
    return(invisible())
  }
  code <- rep.int(seq_along(cluster$levels), diff(cluster$start))
  code[cluster$order] <- code
  if (sum(diff(code) != 0) < length(cluster$levels)) return(invisible())
  note("row_order", paste0(
    "Some ids have rows that are not adjacent. Without `waves` they are visits 1, 2, ... in order."
  ), hint = "Give `waves` if that is not their order in time.")
}

# What has one parameter for each pair of visits, or needs a dense factor, is for visits that are
# few: times measured to the second are as many as the rows.
check_size <- function(visits, largest, correlation) {
  count <- correlation_fact(correlation, "count")
  many <- count(length(visits$levels %||% seq_len(largest)), largest)
  if (many <= correlation_fact(correlation, "most")) return(invisible())
  words <- correlation_fact(correlation, "too_many")
  abort("waves", words[["must"]],
    given = paste(format(many, big.mark = ","), words[["what"]]),
    hint = "cor_ar1() and cor_decay() take any number of visits, and real times."
  )
}

# Inner units -----------------------------------------------------------------------------------

# Codes of the inner units by row, or an empty list.
read_inner <- function(x, cluster, correlation) {
  if (!"inner" %in% correlation$needs) return(list())
  if (is.null(x)) {
    abort("inner", "`inner` must be given for a nested exchangeable correlation.",
      hint = paste(
        "`id` is the independent unit, `inner` the units inside it:",
        "id = hospital, inner = ward."
      )
    )
  }
  codes <- value_codes(x)
  id <- rep.int(seq_along(cluster$levels), diff(cluster$start))
  if (!is.null(cluster$order)) id[cluster$order] <- id
  first <- id[match(seq_along(codes$levels), codes$code)]
  spans <- which(id != first[codes$code])
  if (length(spans)) {
    unit <- codes$code[spans[1L]]
    abort("inner", "An inner unit must lie inside one `id`.",
      given = paste0(
        "inner ", codes$levels[unit], " in ids ",
        some_of(cluster$levels[unique(id[codes$code == unit])])
      ),
      hint = "Labels that repeat in each id: inner = ~id:inner."
    )
  }
  list(code = codes$code)
}
