# Predictions with related levels: times and places between those of the fit.

# New levels --------------------------------------------------------------------------------------

#' A fit that knows the times and places of new rows
#'
#' Levels without rows change nothing else, and their modes and variances given the data are the
#' predictions there (kriging).
#'
#' @noRd
with_new_levels <- function(design, fit, newdata) UseMethod("with_new_levels")

#' @export
with_new_levels.default <- function(design, fit, newdata) fit

#' @export
with_new_levels.margmix_related <- function(design, fit, newdata) {
  frame <- NULL
  grown <- FALSE
  for (k in seq_along(design$groups)) {
    group <- design$groups[[k]]
    term <- fit$frame$parsed$random[[group$terms[1L]]]
    if (is.null(term$relation$series)) next
    frame <- frame %||% newdata_frame(fit, newdata, TRUE)
    new <- new_levels(group$relation, group, term, frame)
    if (!length(new$label)) next
    grown <- TRUE
    at <- with_levels(group$relation, group, new)
    fit$design$groups[[k]] <- at$group
    fit$modes[[k]] <- rbind(fit$modes[[k]], matrix(0, length(new$label), ncol(fit$modes[[k]])))
    fit$modes[[k]] <- fit$modes[[k]][at$order, , drop = FALSE]
  }
  if (!grown) return(fit)
  fit$design <- with_plan(fit$design)
  fit$modes <- engine_evaluate(
    fit$design, fit$family, fit_psi(fit), 1L, 0L, fit$modes, fit$control
  )$modes
  fit
}

#' Distinct levels of new rows that a relation covers and the fit does not have
#'
#' @param frame A model frame of the new rows.
#' @return `NULL`, or a list: `label`, `series` (a number) and `at`, the time or place, of each.
#' @noRd
new_levels <- function(relation, group, term, frame) UseMethod("new_levels")

#' @export
new_levels.default <- function(relation, group, term, frame) NULL

#' @export
new_levels.margmix_relation <- function(relation, group, term, frame) {
  if (!is.null(relation$gap)) new_times(relation, group, term, frame)
}

# The series of each row, from 1; `NA` of those that the fit does not have.
known_series <- function(term, frame, relation) {
  series <- term$relation$series
  if (identical(series, 1)) return(rep(1L, nrow(frame)))
  match_clusters(frame, series, relation$series)$cluster
}

new_times <- function(relation, group, term, frame) {
  found <- match_clusters(frame, term$group, group$levels)
  own <- known_series(term, frame, relation)
  label <- expression_text(term$relation$time)
  use <- which(is.na(found$cluster) & !is.na(own) & !is.na(found$label))
  use <- use[!duplicated(found$label[use])]
  time <- frame[[label]][use]
  if (is.null(relation$steps)) {
    at <- time_values(time, label, term$relation$kind)
  } else {
    at <- match(as.character(time), relation$steps)
    use <- use[!is.na(at)]
    at <- at[!is.na(at)]
  }
  list(label = found$label[use], series = own[use], at = at)
}

#' The factor with new levels
#' @param new From [new_levels()].
#' @return A list: `group`, and `order`: which of the old levels, followed by the new, each one is.
#' @noRd
with_levels <- function(relation, group, new) UseMethod("with_levels")

#' @export
with_levels.margmix_relation <- function(relation, group, new) {
  series <- c(relation$together, new$series)
  at <- c(relation$at, new$at)
  order <- order(series, at)
  gap <- c(0, diff(at[order]))
  gap[!duplicated(series[order])] <- 0
  steps <- gap / relation$unit
  if (relation$kind == "ar1") check_whole_steps(steps, new$label, "ar1()")
  relation$gap <- if (relation$kind == "ar1") round(steps) else gap
  relation$together <- series[order]
  relation$at <- at[order]
  m <- length(group$levels)
  group$cluster <- c(group$cluster, group$cluster[match(new$series, series[seq_len(m)])])[order]
  group$levels <- c(group$levels, new$label)[order]
  group$index <- match(seq_len(m), order)[group$index + 1L] - 1L
  group$relation <- relation
  list(group = group, order = order)
}

check_whole_steps <- function(steps, labels, what) {
  if (all(abs(steps - round(steps)) <= 1e-6 * pmax(1, abs(steps)))) return(invisible())
  abort("time", paste("New times of", what, "must be whole steps from those of the fit."),
    given = some_of(labels)
  )
}
