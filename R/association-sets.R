#' Test sets of variants against a mixed model
#'
#' @description
#' ```
#' null <- glmm(resp ~ age + (1 | id), ohio, binomial()) # no variant in it
#' G <- matrix(rbinom(537 * 9, 2, 0.05), 537) # alleles, people x variants
#' dimnames(G) <- list(unique(ohio$id), letters[1:9])
#' association_sets(null, G, list(first = c("a", "b", "c"), second = letters[4:9]))
#' ```
#'
#' Tests, for each set of variants (those of a gene, say), whether any of them has an effect. Single
#' tests have hardly any power for alleles that few people carry.
#'
#' @details
#' Let U be the weighted scores of the m variants of a set under the null model, and V = G'PG their
#' covariance, as in [association_scan()] with `variance = "exact"`:
#'
#' * `"burden"`: (1'U)^2 / 1'V1, chi-squared with one degree of freedom. It has power if all effects
#'   have the same direction.
#' * `"skat"` (Wu et al. 2011): Q = U'U, distributed as a sum of squared normals weighted by the
#'   eigenvalues of V.
#' * `"skat_o"` (Lee et al. 2012): the smallest p-value of (1 - rho) U'U + rho (1'U)^2 over eight
#'   values of rho from 0 to 1, whose own p-value takes one integral.
#'
#' Tail probabilities of Q are by the method of Davies (1980) in package \pkg{CompQuadForm}, to 1e-8
#' for `"skat"` and 1e-6 within `"skat_o"`. Below a hundred times that, or without the package, they
#' are by the saddlepoint approximation of Kuonen (1999), which is a few per cent off.
#'
#' Scores count the rarer allele of each variant. Missing genotypes are replaced by the mean of the
#' others.
#'
#' @inheritParams association_scan
#' @param fit One null model, as in [association_scan()].
#' @param genotypes As in [association_scan()], but not a function; with names of variants.
#' @param sets A named list of names of variants.
#' @param weights A function of the frequency of the rarer alleles, or a vector named by variant. By
#'   default the beta density with parameters 1 and 25.
#' @param test Which tests.
#' @return A data frame, one row per set: `set`, `variants` (number tested), `one_value` (variants
#'   without variation, left out), `absent` (names without genotypes); `estimate` and `std.error` of
#'   a coefficient common to all weighted alleles, and `p.burden`; `p.skat`; `p.skat_o` and the
#'   `rho` of its smallest p-value. The tests of a set without variants are `NA`.
#' @section Errors: `margmix_error_null_model`, `margmix_error_people`, `margmix_error_genotypes`,
#'   `margmix_error_argument`. Note: `margmix_note_people`.
#' @references
#' Davies, R. B. (1980). The distribution of a linear combination of chi-squared random variables.
#' *Journal of the Royal Statistical Society C* 29, 323-333.
#'
#' Kuonen, D. (1999). Saddlepoint approximations for distributions of quadratic forms in normal
#' variables. *Biometrika* 86, 929-935.
#'
#' Lee, S., Wu, M. C. and Lin, X. (2012). Optimal tests for rare variant effects in sequencing
#' association studies. *Biostatistics* 13, 762-775.
#'
#' Wu, M. C. et al. (2011). Rare-variant association testing for sequencing data with the sequence
#' kernel association test. *American Journal of Human Genetics* 89, 82-93.
#' @examples
#' set.seed(1)
#' ids <- unique(ohio$id)
#' G <- matrix(rbinom(length(ids) * 9, 2, 0.03), length(ids))
#' dimnames(G) <- list(ids, letters[1:9])
#' null <- glmm(resp ~ age + (1 | id), ohio, binomial(), nAGQ = 9)
#' association_sets(null, G, list(first = c("a", "b", "c"), second = letters[4:9]))
#' @export
association_sets <- function(fit, genotypes, sets, weights = NULL,
                             test = c("burden", "skat", "skat_o"), id = NULL) {
  test <- several_of(test, c("burden", "skat", "skat_o"), "test")
  check_null_model(fit)
  source <- genotype_source(genotypes, NULL)
  variants <- source$names()
  check_sets(sets, variants)
  null <- one_null(fit, source, id)
  rows <- lapply(names(sets), function(set) {
    wanted <- unique(sets[[set]])
    at <- match(wanted, variants)
    tests <- set_tests(source$columns(at[!is.na(at)]), null, weights, test)
    cbind(set = set, tests[1:2], absent = sum(is.na(at)), tests[-(1:2)])
  })
  do.call(rbind, rows)
}

check_sets <- function(sets, variants) {
  if (is.null(variants) || anyDuplicated(variants)) {
    abort("genotypes", "Variants need unique names to be put into sets.",
      given = if (is.null(variants)) "no names" else some_of(variants[duplicated(variants)])
    )
  }
  named <- length(names(sets)) > 0L && !anyDuplicated(c("", names(sets)))
  if (named && is.list(sets) && all(vapply(sets, is.character, NA))) return(invisible())
  abort("argument", "`sets` must be a list of names of variants, with a name for each set.",
    given = class(sets)[1L], hint = "sets = list(gene = c(\"variant1\", \"variant2\"))"
  )
}

# A data frame of one row.
set_tests <- function(G, null, weights, test) {
  found <- engine_score_scan(list(null), G)
  about <- about_variants(G)
  check_genotypes(found, about$variant)
  found <- found$models[[1L]]
  use <- which(found$variance > 1e-10 * found$weight)
  out <- data.frame(variants = length(use), one_value = ncol(G) - length(use))
  frequency <- (found$sum / (2 * (length(null$people) - found$missing)))[use]
  sign <- ifelse(frequency > 0.5, -1, 1)
  weighted <- sign * variant_weights(weights, pmin(frequency, 1 - frequency), about$variant[use])
  U <- weighted * found$score[use]
  V <- null$exact(
    model_genotypes(G, null, use), found$weight[use], found$products[, use, drop = FALSE],
    crossed = TRUE
  ) * tcrossprod(weighted)
  for (name in test) out <- cbind(out, set_test_of(name)(U, V))
  out
}

set_test_of <- function(name) {
  list(burden = burden_test, skat = skat_test, skat_o = skat_o_test)[[name]]
}

variant_weights <- function(weights, frequency, variants) {
  w <- if (is.null(weights)) {
    stats::dbeta(frequency, 1, 25)
  } else if (is.function(weights)) {
    weights(frequency)
  } else {
    weights[variants]
  }
  fine <- is.numeric(w) && length(w) == length(frequency) && all(is.finite(w) & w >= 0)
  if (fine) return(unname(w))
  abort("argument", "`weights` must give a number that is not negative for each variant.",
    given = if (is.function(weights)) "the values of the function" else some_of(names(weights)),
    hint = "A function of frequencies, or a vector with names of variants."
  )
}
