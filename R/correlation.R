# Working correlations: specification objects, and the names under which users know them.

#' Working correlations for gee()
#'
#' @description
#' ```
#' gee(y ~ x, data, id, corstr = "exchangeable")
#' gee(y ~ x, data, id, waves = visit, corstr = cor_ar1())
#' ```
#'
#' @details
#' A working correlation says how rows of one `id` are correlated. It changes the efficiency of the
#' coefficients, not their meaning, and robust standard errors do not rest on it.
#'
#' * `cor_independence()`: none.
#' * `cor_exchangeable()`: the same for all pairs.
#' * `cor_ar1()`: rho^|t_j - t_k|, with t the `waves` (whole numbers with gaps, or real times) or
#'   the positions of the rows in their cluster.
#'
#' `corstr` also takes these names: `"independence"`, `"exchangeable"`, `"ar1"`, and the spellings
#' of packages \pkg{geepack} and \pkg{gee} (`"ex"`, `"AR-M"`, ...).
#'
#' @return A list of class `margmix_correlation`.
#' @examples
#' cor_exchangeable()
#' @name correlations
NULL

#' @rdname correlations
#' @export
cor_independence <- function() new_correlation("independence", "independence")

#' @rdname correlations
#' @export
cor_exchangeable <- function() new_correlation("exchangeable", "exchangeable")

#' @rdname correlations
#' @export
cor_ar1 <- function() new_correlation("ar1", "AR(1)", needs = "time")

# `needs`: what of the rows the engine must know ("time", "wave", "inner").
new_correlation <- function(type, label, needs = character(), ...) {
  structure(list(type = type, label = label, needs = needs, ...), class = "margmix_correlation")
}

#' @rdname correlations
#' @param x A working correlation.
#' @param ... Not used.
#' @export
print.margmix_correlation <- function(x, ...) {
  cat("Working correlation: ", x$label, "\n", sep = "")
  invisible(x)
}

# Names and spellings, in lower case without punctuation.
correlation_names <- list(
  independence = cor_independence, ind = cor_independence, independent = cor_independence,
  exchangeable = cor_exchangeable, ex = cor_exchangeable, exch = cor_exchangeable,
  cs = cor_exchangeable, ar1 = cor_ar1, ar = cor_ar1, arm = cor_ar1
)

#' Read the `corstr` argument
#'
#' @param corstr A specification, a function that makes one, or a name.
#' @return A specification.
#' @section Errors: `corstr`.
#' @noRd
as_correlation <- function(corstr) {
  if (inherits(corstr, "margmix_correlation")) return(corstr)
  if (is.function(corstr)) {
    made <- tryCatch(corstr(), error = function(e) NULL)
    if (inherits(made, "margmix_correlation")) return(made)
  }
  if (is.character(corstr) && length(corstr) == 1L) {
    key <- gsub("[^a-z0-9]", "", tolower(corstr))
    known <- names(correlation_names)
    found <- if (key %in% known) key else known[startsWith(known, key) & nchar(key) > 2L][1L]
    if (!is.na(found)) return(correlation_names[[found]]())
  }
  given <- if (is.character(corstr)) some_of(dQuote(corstr, FALSE)) else class(corstr)[1L]
  abort("corstr", "`corstr` must name a working correlation, or be one, such as cor_ar1().",
    given = given,
    hint = if (is.matrix(corstr)) "Write cor_fixed(R) for a matrix of your own." else {
      "Names: independence, exchangeable, ar1."
    }
  )
}
