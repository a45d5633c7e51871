# The table of working correlations: one row for each type. What it says is read from here, wherever
# it is needed; how a type is estimated is in the engine.

#' A row of the table
#'
#' @param spellings Names under which users know it, in lower case without punctuation.
#' @param label What it is called.
#' @param needs What of the rows the engine must know: `"time"` (distances), `"lag"` (whole lags),
#'   `"visit"` (which visit it is), `"inner"`.
#' @param repeats May a time appear twice in a cluster?
#' @param names A function of the design and the engine's fit that names the parameters.
#' @param matrix Are its parameters entries of a matrix, each estimated by itself?
#' @param of_visits Does it say how any two visits of a schedule are correlated?
#' @param any_schedule Do its parameters alone say so, whoever was there?
#' @param own_pairs How many of its parameters rest on pairs of their own.
#' @param most,count,too_many Its limit: the largest number of visits or rows that `count`, a
#'   function of the number of visits and of the largest cluster, may be, and words for more.
#' @param at_end A function of the engine's fit: which parameters are at an end of their range?
#' @param empty A function of the engine's fit, the design and the correlation: which parameters has
#'   no pair of rows anything to say of?
#' @param moved Words: what becomes of estimates that form no correlation matrix.
#' @param boundary A function of the fit and the control that notes an end of the range.
#' @noRd
correlation_type <- function(spellings, label = NULL, needs = character(), repeats = FALSE,
                             names = function(design, fit) character(), matrix = FALSE,
                             of_visits = FALSE, any_schedule = FALSE, own_pairs = Inf, most = Inf,
                             count = function(visits, largest) largest, too_many = NULL,
                             at_end = function(fit) fit$bounded & fit$alpha == 0,
                             empty = function(fit, design, correlation) no_rows(fit),
                             moved = towards_zero, boundary = note_negative) {
  list(
    spellings = spellings, label = label, needs = needs, repeats = repeats, names = names,
    matrix = matrix, of_visits = of_visits, any_schedule = any_schedule, own_pairs = own_pairs,
    most = most, count = count, too_many = too_many, at_end = at_end, empty = empty,
    moved = moved, boundary = boundary
  )
}

# A fact of the type of a correlation.
correlation_fact <- function(correlation, fact) correlation_types[[correlation$type]][[fact]]

# No pair of rows has it.
no_rows <- function(fit) fit$pairs[seq_along(fit$alpha)] == 0

towards_zero <- function() {
  paste("They were shrunk towards 0 until all eigenvalues are at least", least_eigenvalue)
}

own_variances <- function() {
  paste(
    "They are replaced by those of independent rows' residuals, each with the variances of its",
    "own visits"
  )
}

note_negative <- function(fit, control) {
  note("boundary", paste(
    "The estimated correlation within clusters was negative and is set to 0 (few or unequal",
    "clusters); robust SEs remain valid."
  ), hint = if (control$alpha_bound) "gee_control(alpha_bound = FALSE) lifts the bound.")
}

note_rho <- function(fit, control) {
  note("boundary", paste(
    "Adjacent rows are negatively correlated, which rho^|dt| can't represent for these",
    "waves: rho is set to 0; robust SEs remain valid."
  ), hint = "Waves that count visits (1, 2, ...) allow a negative rho.")
}

note_decay <- function(fit, control) {
  if (!identical(fit$boundary, "decay")) return(note_negative(fit, list(alpha_bound = FALSE)))
  note("boundary", if (fit$alpha[["decay"]] > 0.5) {
    "The correlation does not decay with time: it is the same for all rows (decay = 1)."
  } else {
    "Only rows of the same period are correlated (decay = 0)."
  })
}

correlation_types <- list(
  independence = correlation_type(c("independence", "independent", "ind"), "independence"),
  exchangeable = correlation_type(c("exchangeable", "ex", "cs", "compoundsymmetry"),
    "exchangeable",
    names = function(design, fit) "alpha", of_visits = TRUE, any_schedule = TRUE
  ),
  ar1 = correlation_type(c("ar1", "ar", "arm"), "AR(1)",
    needs = "time", names = function(design, fit) "rho", of_visits = TRUE, any_schedule = TRUE,
    at_end = function(fit) fit$only_positive && fit$alpha %in% 0,
    moved = function() {
      paste(
        "The correlation of rows a median gap apart is at most", 1 - least_eigenvalue, "in size"
      )
    },
    boundary = note_rho
  ),
  mdependent = correlation_type(c("mdependent", "statmdep"),
    needs = "lag", names = function(design, fit) sprintf("lag %d", seq_along(fit$alpha)),
    matrix = TRUE, of_visits = TRUE, moved = own_variances
  ),
  toeplitz = correlation_type("toeplitz", "Toeplitz",
    needs = "lag", names = function(design, fit) sprintf("lag %d", fit$lags), matrix = TRUE,
    of_visits = TRUE, most = 5000L,
    too_many = c(
      must = paste(
        "A Toeplitz correlation, which is factorised as a matrix, is for at most 5,000 rows of",
        "an id."
      ), what = "rows of an id"
    ), moved = own_variances
  ),
  unstructured = correlation_type(c("unstructured", "un"), "unstructured",
    needs = "visit", names = function(design, fit) pair_labels(design), matrix = TRUE,
    of_visits = TRUE, most = 500L, count = function(visits, largest) visits,
    too_many = c(
      must = paste(
        "An unstructured correlation, one for each pair of visits, is for at most 500 visits."
      ), what = "visits"
    ),
    empty = function(fit, design, correlation) {
      within <- pair_gaps(design) <= (correlation$lag %||% Inf)
      no_rows(fit) & within
    }, moved = own_variances
  ),
  fixed = correlation_type(character(), "fixed", needs = "visit", of_visits = TRUE),
  nested = correlation_type(c("nested", "nestedexchangeable"), "nested exchangeable",
    needs = "inner", names = function(design, fit) c("within inner", "between inner")
  ),
  decay = correlation_type(c("decay", "exponentialdecay"), "exponential decay",
    needs = "time", repeats = TRUE, names = function(design, fit) c("alpha", "decay"),
    own_pairs = 1L,
    at_end = function(fit) {
      decay <- fit$alpha[[2L]]
      c(fit$alpha[[1L]] == 0, decay == 0 || decay > 1 - 1e-8)
    },
    empty = function(fit, design, correlation) {
      none <- no_rows(fit)[1L]
      c(alpha = none, decay = none || fit$alpha[["alpha"]] == 0)
    }, boundary = note_decay
  )
)
