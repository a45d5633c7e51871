# Exposure time: for how many periods has a cluster had the treatment?

#' Exposure time of clusters that start a treatment
#'
#' @description
#' ```
#' trial <- expand.grid(person = 1:9, period = 1:5, cluster = 1:12)
#' trial$exposure <- exposure_time(trial$period, start = 2 + trial$cluster %% 4)
#' ```
#' In a stepped-wedge trial, clusters start the treatment one after another. The exposure time of a
#' row is 0 before its cluster starts, 1 in the period in which it starts, 2 in the next, and so on.
#' Only the order of the values of `period` matters, so dates work too.
#'
#' @param period Period of each row: numbers, dates, text (in alphabetical order) or a factor (in
#'   the order of its levels).
#' @param start The period in which the cluster of each row starts the treatment; `NA` or `Inf` if
#'   it never does.
#' @param treated,cluster Instead of `start`: whether the cluster had the treatment in this period
#'   (0 or 1, or logical), and which cluster it is.
#' @return A whole number for each row; `NA` if `period` is missing.
#' @section Errors: `margmix_error_exposure_time`: a start that is not a period; a treatment that
#'   varies within a period of a cluster, or that ends again.
#' @seealso [exposure_effects()]
#' @examples
#' exposure_time(c(1, 2, 3, 4), start = 3)
#' exposure_time(period = rep(1:3, 2), treated = c(0, 1, 1, 0, 0, 1), cluster = rep(1:2, each = 3))
#' @export
exposure_time <- function(period, start = NULL, treated = NULL, cluster = NULL) {
  by_start <- !is.null(start) && is.null(treated) && is.null(cluster)
  by_status <- is.null(start) && !is.null(treated) && !is.null(cluster)
  if (!by_start && !by_status) {
    refuse_exposure_time("Either `start`, or `treated` and `cluster`, must be given.",
      names(Filter(Negate(is.null), list(start = start, treated = treated, cluster = cluster)))
    )
  }
  positions <- period_positions(period)
  first <- if (by_start) {
    start_positions(start, positions)
  } else {
    first_treated(positions$index, treated, cluster)
  }
  as.integer(pmax(positions$index - first + 1, 0))
}

refuse_exposure_time <- function(must, given, hint = NULL) {
  abort("exposure_time", must, given = given, hint = hint)
}

# Positions of periods among those of the trial, in order.
period_positions <- function(period) {
  if (!is.atomic(period) || !is.null(dim(period)) || !length(period) || all(is.na(period))) {
    refuse_exposure_time("`period` must be a vector of periods.", class(period)[1L])
  }
  values <- if (is.factor(period)) levels(period) else sort(unique(period))
  list(index = match(period, values), values = values)
}

start_positions <- function(start, positions) {
  n <- length(positions$index)
  if (!is.atomic(start) || !length(start) %in% c(1L, n)) {
    refuse_exposure_time("`start` must be one period, or one for each row.",
      paste(length(start), "for", count_of(n, "row"))
    )
  }
  found <- match(if (is.factor(start)) as.character(start) else start, positions$values)
  never <- is.na(start) | is.numeric(start) & start %in% Inf
  unknown <- is.na(found) & !never
  if (any(unknown)) {
    refuse_exposure_time("`start` must be one of the periods.",
      some_of(unique(as.character(start[unknown]))),
      paste0("Periods: ", some_of(positions$values, 10L), "; NA for a cluster that never starts.")
    )
  }
  found[never] <- Inf
  rep_len(found, n)
}

# The first treated period of the cluster of each row, by position; Inf without one.
first_treated <- function(index, treated, cluster) {
  treated <- treated_status(treated, cluster, length(index))
  known <- !is.na(index)
  cluster <- match(cluster, unique(cluster))
  first <- tapply(ifelse(treated & known, index, Inf), cluster, min, na.rm = TRUE)
  first <- as.numeric(first[as.character(cluster)])
  wrong <- which(known & treated != (index >= first))
  if (length(wrong)) {
    refuse_exposure_time(
      "A cluster must have the treatment in all periods from its first on.",
      paste("untreated in or after the first treated period:", some_rows(wrong)),
      "In a crossover trial use the treatment itself."
    )
  }
  first
}

treated_status <- function(treated, cluster, n) {
  if (length(treated) != n || length(cluster) != n || anyNA(cluster)) {
    refuse_exposure_time("`treated` and `cluster` must have a value for each row.",
      paste0(length(treated), " and ", length(cluster), " for ", count_of(n, "row"),
        if (anyNA(cluster)) "; missing values in `cluster`")
    )
  }
  if (!all(treated %in% 0:1)) {
    refuse_exposure_time("`treated` must be 0 or 1, or TRUE or FALSE.",
      some_of(unique(treated[!treated %in% 0:1]))
    )
  }
  treated == 1
}
