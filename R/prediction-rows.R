# The rows that are predicted: those of a fit, or of new data.

#' The rows to predict
#'
#' `fitted_rows()`: those of the fit, sorted as in the design; `new_rows()`: those of new data.
#'
#' `cluster` and `new_label` are matrices with a column for each grouping factor.
#'
#' @return A list: `X`, `Z`, `offset`, `cluster`, `new_label` (see [design_newdata()]; the last
#'   three only as far as `random_effects` needs them), `labels`, `na.action`, `group`, and
#'   `sorted`: are the rows sorted as in the design?
#' @noRd
fitted_rows <- function(object, random_effects) {
  fitted_rows_of(object$design, object, random_effects)
}

fitted_rows_of <- function(design, object, random_effects) UseMethod("fitted_rows_of")

#' @export
fitted_rows_of.default <- function(design, object, random_effects) {
  rows <- c(design[c("X", "Z", "group")], list(offset = row_offset(design)))
  if (random_effects == "eb") rows$cluster <- row_clusters(design)
  if (random_effects == "integrate") rows$Z <- marginal_Z(object)
  rows$labels <- attr(object$frame$frame, "row.names")
  rows$na.action <- object$frame$na.action
  c(rows, list(sorted = TRUE))
}

new_rows <- function(object, newdata, random_effects, na.action) {
  newdata <- as_newdata(newdata)
  if (random_effects == "eb") check_group_given(object, newdata)
  integrate <- if (levels_matter(object$design)) TRUE else "Z"
  needed <- switch(random_effects, eb = TRUE, integrate = integrate, zero = FALSE)
  rows <- design_newdata(object, newdata, needed, na.action)
  if (random_effects == "integrate") {
    rows$Z <- marginal_Z(object, rows$Z, rows$cluster)
    rows[c("cluster", "new_label")] <- NULL
  }
  labels <- attr(newdata, "row.names")
  rows$labels <- if (length(rows$na.action)) labels[-rows$na.action] else labels
  c(rows, list(group = cluster_group(object$design), sorted = FALSE))
}

check_group_given <- function(object, newdata) {
  groups <- lapply(object$frame$parsed$random, function(term) all.vars(term$group))
  group <- unique(unlist(groups))
  absent <- setdiff(intersect(group, object$frame$data_columns), names(newdata))
  if (!length(absent)) return(invisible())
  abort("newdata", "`newdata` must have the grouping variable: each cluster has its own mean.",
    given = paste("no", some_of(code(absent))), variables = absent,
    hint = paste(
      "predict(random_effects = \"integrate\") gives means of the population,",
      "without clusters."
    )
  )
}

# In the caller's order, with the caller's row names. Automatic ones stay a deferred conversion of
# integers, which takes no memory.
name_rows <- function(x, rows, object) {
  if (rows$sorted) x <- caller_order(x, object$design)
  names(x) <- as.character(rows$labels)
  stats::napredict(rows$na.action, x)
}

# Rows without a missing value in what they need.
known_rows <- function(object, rows) {
  known <- !is.na(fixed_predictor(object, rows))
  if (!is.null(rows$Z)) known <- known & !is.na(rowSums(rows$Z))
  if (!is.null(rows$new_label)) {
    missing <- is.na(rows$cluster) & is.na(rows$new_label)
    known <- known & rowSums(missing) == 0
  }
  known
}

take_prediction_rows <- function(rows, take) {
  for (name in c("X", "Z", "offset", "cluster")) {
    rows[[name]] <- if (is.matrix(rows[[name]])) {
      rows[[name]][take, , drop = FALSE]
    } else {
      rows[[name]][take]
    }
  }
  rows
}
