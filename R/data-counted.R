# Data of counted rows: tables in a database, grouped there, and patterns that sites export.

#' Data whose rows are counted, or as they are
#'
#' @param data From [model_data()].
#' @param call The call of the fitting function; its expressions say which columns are needed.
#' @param parsed From [parse_formula()].
#' @return `data`; for a table in a database, or [patterns()], a data frame of class
#'   `margmix_counted` with the needed columns and `.count`, the number of rows that are equal in
#'   them.
#' @section Errors: `weights` (rows that are counted have none), `database`.
#' @noRd
counted_data <- function(data, call, parsed) UseMethod("counted_data")

#' @export
counted_data.default <- function(data, call, parsed) data

#' @export
counted_data.margmix_counted <- function(data, call, parsed) {
  if (!is.null(call[["weights"]])) {
    abort("weights", "`weights` can't be given for counted rows.",
      given = expression_text(call[["weights"]]),
      hint = "Trials can be given as cbind(successes, failures)."
    )
  }
  data
}

#' @export
counted_data.tbl_sql <- function(data, call, parsed) {
  used <- unlist(lapply(c(list(parsed$frame), call[column_arguments]), all.vars))
  columns <- colnames(data)
  if (!"." %in% used) columns <- intersect(columns, used)
  counted <- as_counted(group_rows(data, columns))
  counted_data(counted, call, parsed)
}

# One GROUP BY, which the database runs; only its groups arrive.
group_rows <- function(table, columns, most = getOption("margmix.most_patterns", 1e7)) {
  for (package in c("dplyr", "dbplyr")) require_package(package, "A table in a database")
  if (".count" %in% columns) {
    abort("database", "No column of a table may be called `.count`.", given = "`.count`")
  }
  groups <- do.call(dplyr::count, c(list(table), lapply(columns, as.name), list(name = ".count")))
  groups <- as.data.frame(dplyr::collect(groups, n = most + 1))
  if (nrow(groups) > most) {
    abort("database", "The table has too many distinct rows to be counted in the database.",
      given = paste("more than", format(most, big.mark = ",", scientific = FALSE), "kinds"),
      hint = c(
        "A continuous covariate makes every row its own kind: round it, or collect() the table.",
        "options(margmix.most_patterns = ) sets the limit."
      )
    )
  }
  groups
}

# A package that one feature needs.
require_package <- function(package, what) {
  if (requireNamespace(package, quietly = TRUE)) return(invisible())
  abort("package", paste0(what, " needs the package ", package, "."),
    given = "it is not installed", hint = paste0("install.packages(\"", package, "\")")
  )
}

as_counted <- function(data) {
  structure(plain_columns(data), class = c("margmix_counted", "data.frame"))
}

plain_columns <- function(data) {
  large <- vapply(data, inherits, NA, "integer64")
  if (any(large)) data[large] <- lapply(unclass(data)[large], plain_column)
  data
}

# 64-bit integers are doubles in disguise to whoever does not know their class.
plain_column <- function(x) {
  if (!inherits(x, "integer64")) return(x)
  require_package("bit64", "A column of 64-bit integers")
  text <- bit64::as.character.integer64(x)
  number <- as.double(text)
  if (all(abs(number) < 2^53, na.rm = TRUE)) number else factor(text)
}

is_counted <- function(data) inherits(data, "margmix_counted")

# Names of the columns, also of a table that is elsewhere.
data_columns <- function(data) UseMethod("data_columns")

#' @export
data_columns.default <- function(data) names(data)

#' @export
data_columns.tbl_sql <- function(data) colnames(data)

#' @export
data_columns.margmix_shards_source <- function(data) names(data$template)

# What needs rows one by one.
check_single_rows <- function(frame, what) {
  if (!frame$counted) return(invisible())
  abort("data", paste(what, "must have single rows, not counted ones."),
    given = paste("data", code(frame$data_name)),
    hint = "dplyr::collect() of the columns that are needed makes a data frame."
  )
}
