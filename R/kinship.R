#' Relationship matrix of people from their genotypes
#'
#' @description
#' ```
#' G <- matrix(rbinom(600, 2, 0.3), 6, dimnames = list(letters[1:6], NULL)) # people x variants
#' kinship_matrix(G)
#' ```
#'
#' @details Let person i have x_ij alleles at variant j, with frequency p_j. `"GCTA"` (Yang et
#' al. 2011) is the mean over variants of (x_ij - 2 p_j)(x_kj - 2 p_j) / (2 p_j (1 - p_j));
#' `"VanRaden"` (2008) is the sum of the numerators divided by the sum of the denominators. A
#' missing genotype is left out of its pairs of people (GCTA), or replaced by the variant's mean
#' (VanRaden).
#'
#' @param genotypes As in [association_scan()].
#' @param method `"GCTA"` or `"VanRaden"`.
#' @param min_frequency Variants whose rarer allele is rarer than this, or that have only one value,
#'   are left out; the attribute `left_out` says how many.
#' @param threshold `NULL`, or a number: entries between different people below it become 0, and the
#'   result is a sparse matrix of package \pkg{Matrix}.
#' @param block Number of variants to read at a time; by default at most 2,000 and 64 MB.
#' @return A matrix, people x people, with their names.
#' @section Errors: `margmix_error_genotypes`: no variant that varies, a person without genotypes,
#'   or two without genotypes at the same variant; `margmix_error_argument`.
#' @references
#' VanRaden, P. M. (2008). Efficient methods to compute genomic predictions. *Journal of Dairy
#' Science* 91, 4414-4423.
#'
#' Yang, J., Lee, S. H., Goddard, M. E. and Visscher, P. M. (2011). GCTA: a tool for genome-wide
#' complex trait analysis. *American Journal of Human Genetics* 88, 76-82.
#' @examples
#' G <- matrix(rbinom(600, 2, 0.3), 6, dimnames = list(letters[1:6], NULL))
#' round(kinship_matrix(G), 2)
#' @export
kinship_matrix <- function(genotypes, method = c("GCTA", "VanRaden"), min_frequency = 0.01,
                           threshold = NULL, block = NULL) {
  method <- one_of(method, c("GCTA", "VanRaden"), "method")
  check_kinship_arguments(min_frequency, threshold)
  source <- genotype_source(genotypes, block)
  total <- list(products = 0, pairs = 0, known = 0, used = 0L, read = 0L)
  while (!is.null(G <- source$read(total$read))) {
    total <- add_products(total, genotype_matrix(G), method, min_frequency)
  }
  if (!total$used) {
    abort("genotypes", "No variant is frequent enough for a relationship matrix.",
      given = paste("none of", total$read, "with a rarer allele above", min_frequency)
    )
  }
  check_known_pairs(total, source$people)
  K <- total$products / total$pairs
  dimnames(K) <- list(source$people, source$people)
  if (!is.null(threshold)) {
    K[K < threshold & row(K) != col(K)] <- 0
    K <- Matrix::Matrix(K, sparse = TRUE)
  }
  structure(K, left_out = total$read - total$used)
}

# A relationship of people of whom nothing is known together is 0 / 0.
check_known_pairs <- function(total, people) {
  without <- which(total$known == 0)
  if (length(without)) {
    abort("genotypes", "Some people have no genotype at any variant that is used.",
      given = paste(count_of(length(without), "person"), "without:", some_of(
        if (is.null(people)) without else people[without]
      )),
      hint = "Leave them out."
    )
  }
  apart <- sum(total$pairs == 0)
  if (!apart) return(invisible())
  abort("genotypes", "Some pairs of people have no variant at which both have a genotype.",
    given = paste(count_of(apart / 2, "pair"), "without"),
    hint = "method = \"VanRaden\" counts a missing genotype as its variant's mean."
  )
}

# The sums over variants of both parts of the ratio.
add_products <- function(total, G, method, min_frequency) {
  range_of <- function(f) apply(G, 2L, function(x) if (all(is.na(x))) 0 else f(x, na.rm = TRUE))
  ends <- list(smallest = range_of(min), largest = range_of(max))
  check_genotypes(ends, colnames(G))
  p <- colMeans(G, na.rm = TRUE) / 2
  use <- which(pmin(p, 1 - p) >= min_frequency & ends$smallest < ends$largest)
  total$read <- total$read + ncol(G)
  total$used <- total$used + length(use)
  if (!length(use)) return(total)
  p <- p[use]
  centred <- sweep(G[, use, drop = FALSE], 2L, 2 * p)
  known <- !is.na(centred)
  centred[!known] <- 0
  total$known <- total$known + rowSums(known)
  variance <- 2 * p * (1 - p)
  if (method == "GCTA") {
    total$products <- total$products + engine_row_products(sweep(centred, 2L, sqrt(variance), "/"))
    total$pairs <- total$pairs + if (all(known)) length(use) else engine_row_products(known * 1)
  } else {
    total$products <- total$products + engine_row_products(centred)
    total$pairs <- total$pairs + sum(variance)
  }
  total
}
