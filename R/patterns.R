#' Fit rows that other sites may not show
#'
#' @description
#' ```
#' here <- export_patterns(subset(ohio, id < 300), resp ~ age + (1 | id)) # saveRDS(here, "a.rds")
#' there <- export_patterns(subset(ohio, id >= 300), resp ~ age + (1 | id)) # at another site
#' glmm(resp ~ age + (1 | id), patterns(list(here, there)), binomial()) # or of files
#' ```
#'
#' A site exports the distinct rows of the variables of a formula with their counts. The fit to the
#' patterns of all sites equals the fit to their pooled rows, digit by digit.
#'
#' @details
#' Values are exported as they are: the site must first round, group or recode anything that could
#' identify someone (a date, a continuous covariate, an identifier). Clusters of different sites are
#' different clusters if their identifiers differ. If they may coincide, `site = "hospital"` adds a
#' column of that name that says which file a row is from, for `(1 | hospital:patient)`.
#'
#' Rows are counted as with `glmm_control(weights_type = "frequency")`. `gee()` refuses patterns,
#' since it needs the rows of a cluster together.
#'
#' @param data A data frame.
#' @param formula The formula of the model, or one with more variables.
#' @param min_cell Patterns of fewer rows are left out, which can bias every estimate. The number of
#'   rows lost is reported, and kept in the attribute `left_out`.
#' @param files Paths of files; or a list of results of `export_patterns()`.
#' @param read A function that reads a file.
#' @param site `NULL`, or the name of a column to add that numbers the files (or contains their
#'   names).
#' @return A data frame of class `margmix_counted` with a column `.count`.
#' @section Errors: `margmix_error_patterns` (a file that can't be read, has no counts, or whose
#'   columns differ from those of the first), `margmix_error_argument`. Note:
#'   `margmix_note_patterns`.
#' @examples
#' half <- split(ohio, ohio$id %% 2)
#' sites <- lapply(half, export_patterns, resp ~ age + smoke + (1 | id))
#' glmm(resp ~ age + smoke + (1 | id), patterns(sites), binomial(), nAGQ = 9)
#' @export
export_patterns <- function(data, formula, min_cell = 1) {
  if (!is.data.frame(data)) {
    abort("argument", "`data` must be a data frame.", given = class(data)[1L])
  }
  if (!inherits(formula, "formula")) {
    abort("argument", "`formula` must be a formula.", given = class(formula)[1L])
  }
  if (!is.numeric(min_cell) || length(min_cell) != 1L || !isTRUE(min_cell >= 1)) {
    abort("argument", "`min_cell` must be one number, at least 1.", given = deparse(min_cell)[1L])
  }
  columns <- intersect(names(data), all.vars(formula))
  if ("." %in% all.vars(formula)) columns <- names(data)
  absent <- setdiff(all.vars(formula), c(".", names(data)))
  if (length(absent)) {
    abort("argument", "`data` must have the variables of the formula.",
      given = paste("no", some_of(code(absent)))
    )
  }
  counted <- count_rows(as.data.frame(data)[columns])
  few <- counted$.count < min_cell
  lost <- sum(counted$.count[few])
  if (lost > 0) {
    note("patterns", paste0(
      count_of(lost, "row"), " of ", sum(counted$.count), " are in patterns of fewer than ",
      min_cell, " and left out."
    ), hint = "Estimates from what is left can be biased; coarser variables lose less.")
  }
  structure(counted[!few, , drop = FALSE], left_out = lost)
}

#' @rdname export_patterns
#' @export
patterns <- function(files, read = readRDS, site = NULL) {
  names <- if (is.character(files)) basename(files) else names(files) %||% seq_along(files)
  sites <- if (is.character(files)) lapply(files, read_patterns, read) else files
  if (!is.list(sites) || is.data.frame(sites) || !length(sites)) {
    abort("patterns", "`files` must be paths of files, or a list of patterns.",
      given = class(files)[1L]
    )
  }
  for (k in seq_along(sites)) check_patterns(sites[[k]], names[k], names(sites[[1L]]))
  if (!is.null(site)) {
    sites <- Map(function(x, name) {
      x[[site]] <- name
      x
    }, sites, names)
  }
  all <- do.call(rbind, lapply(unname(sites), as.data.frame))
  count_rows(all[setdiff(names(all), ".count")], all$.count)
}

read_patterns <- function(file, read) {
  tryCatch(suppressWarnings(read(file)), error = function(e) {
    abort("patterns", "A file of patterns can't be read.",
      given = paste0(file, ": ", conditionMessage(e)),
      hint = "`read` is the function that reads it."
    )
  })
}

check_patterns <- function(x, name, columns) {
  if (!is.data.frame(x) || !is.numeric(x$.count) || anyNA(x$.count) || any(x$.count < 0)) {
    abort("patterns", "Patterns must be a data frame with a column `.count` of numbers of rows.",
      given = paste0("site ", name, ": ", some_of(names(x)))
    )
  }
  if (!setequal(names(x), columns)) {
    other <- c(setdiff(names(x), columns), setdiff(columns, names(x)))
    abort("patterns", "All sites must export the same columns.",
      given = paste0("site ", name, " differs in ", some_of(code(other))),
      hint = "Export with the same formula everywhere."
    )
  }
}

# The distinct rows of a data frame and how many there are of each.
count_rows <- function(data, count = rep(1, nrow(data))) {
  codes <- lapply(unname(data), function(x) match(x, unique(x)))
  set <- engine_equal_rows(codes, nrow(data))
  out <- data[!duplicated(set), , drop = FALSE]
  out$.count <- as.vector(rowsum(count, set, reorder = FALSE))
  row.names(out) <- NULL
  as_counted(out)
}
