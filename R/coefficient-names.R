# The table of coefficients, which answers to the names that other summaries give its columns.

# By the names of lm(), glm(), lme4 and geepack.
usual_names <- c(
  Estimate = "estimate", `Std. Error` = "std.error", `Std.err` = "std.error",
  `t value` = "statistic", `z value` = "statistic",
  `Pr(>|t|)` = "p.value", `Pr(>|z|)` = "p.value", `Pr(>|W|)` = "p.value"
)

own_names <- function(names) {
  if (!is.character(names)) return(names)
  known <- names %in% names(usual_names)
  replace(names, known, usual_names[names[known]])
}

named_coefficients <- function(table) {
  structure(table, class = c("margmix_coefficients", "data.frame"))
}

plain_coefficients <- function(x) structure(x, class = "data.frame")

#' @export
`[.margmix_coefficients` <- function(x, i, j, drop) {
  x <- plain_coefficients(x)
  as_list <- nargs() < 3L + !missing(drop)
  if (as_list) return(if (missing(i)) x else x[own_names(i)])
  rows <- if (missing(i)) TRUE else i
  columns <- if (missing(j)) TRUE else own_names(j)
  if (missing(drop)) x[rows, columns] else x[rows, columns, drop = drop]
}

#' @export
`$.margmix_coefficients` <- function(x, name) plain_coefficients(x)[[own_names(name)]]

#' @export
`[[.margmix_coefficients` <- function(x, ...) {
  chosen <- lapply(list(...), own_names)
  do.call(`[[`, c(list(plain_coefficients(x)), chosen))
}

#' @export
as.data.frame.margmix_coefficients <- function(x, ...) plain_coefficients(x)
