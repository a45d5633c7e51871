# Calls of the engine for scans of variants.

#' Scores of a block of variants
#'
#' @param null From [scan_null()].
#' @param G Genotypes, people x variants, doubles or integers.
#' @return A list of values by variant: `missing` genotypes, each counted as the mean of the others,
#'   `sum`, `smallest` and `largest` of these; `cases` and `case_sum`, of cases; `score` U = g'r;
#'   `variance` g'Wg - g'WX (X'WX)^-1 X'Wg; `weight` g'Wg.
#' @noRd
engine_score_scan <- function(null, G, threads) {
  score_scan_(null[c("person", "is_case", "r", "W", "X", "C")], G, threads)
}

#' Two-sided tail probabilities of scores under independent responses
#'
#' @param g Rows x scores; `q` a value for each.
#' @param law `"binomial"` (with `trials`) or `"poisson"`.
#' @return Probabilities, `NaN` where no saddlepoint is found.
#' @noRd
engine_saddlepoint <- function(law, g, mu, trials, q) {
  saddlepoint_p_(law, g, as.double(mu), as.double(trials), as.double(q))
}
