# Calls of the engine for scans of variants.

#' Scores of a block of variants
#'
#' @param nulls A list, each from [scan_null()].
#' @param G Genotypes, people x variants: doubles, integers, or a packed block of [bed_source()].
#' @return A list: `smallest` and `largest` genotype of each variant (not of packed ones), and
#'   `models`, for each model a list of values by variant, about its people: `missing` genotypes,
#'   each counted as the mean of the others, `sum` of these; `cases` and `case_sum`, of cases;
#'   `score` U = g'r; `variance` g'Wg - g'WX (X'WX)^-1 X'Wg; `weight` g'Wg; `products` X'Wg.
#' @noRd
engine_score_scan <- function(nulls, G) {
  models <- lapply(unname(nulls), `[`, c("columns", "W_person", "C"))
  ask <- list(models = models, threads = scan_threads(nulls[[1L]]))
  genotypes_(G, genotyped_people(G), "scan", ask)
}

genotyped_people <- function(G) attr(G, "people") %||% nrow(G)

scan_threads <- function(null) null$fit$control$threads

#' Genotypes of some people and variants, as doubles
#'
#' @param people,variants Positions.
#' @param impute The mean of a variant in place of missing ones? 0 if all are.
#' @noRd
engine_genotypes <- function(G, people, variants, impute) {
  genotypes_(G, genotyped_people(G), "columns", list(
    rows = as.integer(people) - 1L, variants = as.integer(variants) - 1L, impute = impute
  ))
}

#' The products of the rows of a matrix of doubles with each other, as tcrossprod()
#' @noRd
engine_row_products <- function(A) dense_(A, "products", list())

#' Two-sided tail probabilities of scores of variants under independent responses
#'
#' @param null From [scan_null()], with `law`: `"binomial"` (with `trials`) or `"poisson"`; row j of
#'   the model counts as its person's genotype, or the mean of the others', less X_j b.
#' @param G Genotypes, see [engine_score_scan()]; `variants` positions of those of the scores.
#' @param b Coefficients of X, a column for each score; `z` how many standard deviations each is
#'   from its mean.
#' @return Probabilities, `NaN` where no saddlepoint is found.
#' @noRd
engine_saddlepoint <- function(null, G, variants, b, z) {
  genotypes_(G, genotyped_people(G), "tails", list(
    law = null$law, people = as.integer(null$people) - 1L, person = null$person, X = null$X,
    mu = as.double(null$mu), trials = as.double(null$trials), variants = variants - 1L, b = b,
    z = as.double(z), threads = scan_threads(null)
  ))
}

#' The rows of a null model on its covariates and one variant, with Jeffreys' prior
#'
#' @param null From [scan_null()]; `g` the variant by row.
#' @return See [engine_glm_start()]; the variant's coefficient is the last one.
#' @noRd
engine_firth <- function(null, g) {
  design <- null$fit$design
  none <- integer()
  rows <- list(
    X = cbind(null$X, g), Z = matrix(0, length(g), 0L), y = row_response(design),
    trials = row_trials(design), weights = row_weights(design), offset = null$offset,
    start = c(0L, length(g)), theta_row = none, theta_col = none,
    weights_type = weights_type(design)
  )
  glm_(rows, engine_family(null$fit$family, design), "firth", list(level = 0))
}

#' L^-1 B for a lower triangular matrix L
#' @noRd
engine_lower_solve <- function(L, B) dense_(L, "lower_solve", list(B = B))

#' L of A = LL', with anything above its diagonal; without rows if A is not positive definite
#' @noRd
engine_lower_factor <- function(A) dense_(A, "lower_factor", list())
