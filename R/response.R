# Checks that the responses of all families share, and the prior weights and offset.
#
# `rows` are the caller's row labels, used in messages only.

`%||%` <- function(x, y) if (is.null(x)) y else x

numeric_response <- function(y, rows, must, hint = NULL) {
  is_vector <- (is.numeric(y) || is.logical(y)) && !is.factor(y) && NCOL(y) == 1L
  if (!is_vector) {
    abort("response", must, given = paste("an object of class", class(y)[1L]),
      hint = hint %||% if (is_numeric_text(y)) "as.numeric() makes numbers of this text."
    )
  }
  y <- as.numeric(y)
  check_finite(y, "The response", rows)
  y
}

is_numeric_text <- function(y) {
  is.character(y) && !anyNA(suppressWarnings(as.numeric(y)))
}

check_finite <- function(x, what, rows) {
  if (is.finite(sum(x))) return(invisible())
  bad <- which(!is.finite(x))
  if (!length(bad)) return(invisible()) # the sum overflowed
  abort("not_finite", paste(what, "must be finite."),
    given = paste(format(x[bad[1L]]), "in", some_rows(rows[bad]))
  )
}

# The tolerances of glm(): a count within 1e-3 of a whole number is taken for one.
warn_noninteger <- function(x, must, rows) {
  off <- which(abs(x - round(x)) > 1e-3)
  if (!length(off)) return(invisible())
  warn("noninteger", must,
    given = paste(format(x[off[1L]]), "in", some_rows(rows[off])),
    hint = "The likelihood is evaluated at the values as they are."
  )
}

is_whole <- function(x) abs(x - round(x)) <= 1e-8 * pmax(1, abs(x))

# A product such as 0.3 * 10 is a whole number up to rounding.
snap_to_whole <- function(x) {
  near <- is_whole(x)
  x[near] <- round(x[near])
  x
}

# An error where some of the responses are `bad`, with the first of them.
refuse_response <- function(y, bad, rows, must, hint = NULL) {
  bad <- which(bad)
  if (!length(bad)) return(invisible())
  abort("response", must,
    given = paste(format(y[bad[1L]]), "in", some_rows(rows[bad])), hint = hint
  )
}

# One trial in every row. Prior weights (precisions) and frequency weights (counts of rows) are both
# kept in `weights`.
single_response <- function(y, weights) {
  one <- rep(1, length(y))
  list(y = y, trials = one, weights = weights %||% one)
}

#' Prior weights and offset of a model frame, checked
#'
#' @param frame The data frame of [build_frame()].
#' @return `prior_weights()`: doubles, or `NULL` if none were given. `total_offset()`: doubles,
#'   the sum of all `offset()` terms and the `offset` argument (not checked for missing values).
#' @section Errors: `weights` (not numeric, negative, all zero), `offset` (not numeric),
#'   `not_finite`.
#' @noRd
prior_weights <- function(frame) {
  weights <- frame[["(weights)"]]
  if (is.null(weights)) return(NULL)
  if (!is.null(survey_weights_of(frame))) {
    refuse_survey("survey_weights()", "is for glmm()",
      "In gee(), whose covariance is a sandwich, `weights` are the products of those of all levels."
    )
  }
  rows <- attr(frame, "row.names")
  if (!(is.numeric(weights) || is.logical(weights)) || NCOL(weights) != 1L) {
    abort("weights", "`weights` must be a numeric vector.",
      given = paste("an object of class", class(weights)[1L])
    )
  }
  weights <- as.numeric(weights)
  check_finite(weights, "`weights`", rows)
  if (any(weights < 0)) {
    bad <- which(weights < 0)
    abort("weights", "`weights` must not be negative.",
      given = paste(format(weights[bad[1L]]), "in", some_rows(rows[bad]))
    )
  }
  if (all(weights == 0)) abort("weights", "Some of the `weights` must be positive.", "all are 0")
  weights
}

total_offset <- function(frame) {
  columns <- c(attr(attr(frame, "terms"), "offset"), match("(offset)", names(frame)))
  offset <- numeric(nrow(frame))
  for (column in columns[!is.na(columns)]) {
    part <- frame[[column]]
    if (!(is.numeric(part) || is.logical(part)) || NCOL(part) != 1L) {
      abort("offset", "An offset must be a numeric vector.",
        given = paste0(code(names(frame)[column]), " of class ", class(part)[1L])
      )
    }
    offset <- offset + as.numeric(part)
  }
  offset
}

# Without a family a 0/1 response is fitted as a number.
note_zero_one <- function(design) {
  y <- if (!supports(design, "shards")) design$y
  if (!length(y) || !all(y == 0 | y == 1) || min(y) == max(y)) return(invisible())
  note("zero_one",
    "All responses are 0 or 1, and the family is gaussian(): coefficients are risk differences.",
    hint = "family = binomial() gives odds ratios."
  )
}
