# The rank of a design: which columns are linear combinations of columns before them.

#' Find aliased columns
#'
#' A pivoted Cholesky factor of the scaled cross-product is a certificate of full rank, at the
#' cost of one pass over X. Only when it fails is X decomposed, by the pivoting QR of `lm()` and
#' `glm()`, so that the same columns are reported.
#'
#' @param X An n x p matrix.
#' @param intercept Is the first column constant? The others are then centred first, so that a
#'   large mean is not taken for collinearity.
#' @param gram X'X.
#' @return Logical, named by column: is it aliased?
#' @noRd
aliased_columns <- function(X, intercept, gram) {
  aliased <- stats::setNames(logical(ncol(X)), colnames(X))
  if (!ncol(X) || has_full_rank(gram)) return(aliased)
  qr <- qr(triangular_factor(X, intercept), tol = 1e-7)
  aliased[qr$pivot[seq_len(ncol(X)) > qr$rank]] <- TRUE
  aliased
}

# A pivot of 1e-7 means that a column keeps 3e-4 of its length when the others are projected out:
# far from both rounding and the tolerance of the QR.
has_full_rank <- function(gram, pivot = 1e-7) {
  size <- sqrt(diag(gram))
  if (!all(is.finite(size)) || any(size == 0)) return(FALSE)
  factor <- suppressWarnings(chol(gram / tcrossprod(size), pivot = TRUE))
  attr(factor, "rank") == ncol(gram) && min(diag(factor))^2 > pivot
}

# R of the QR of X, with its other columns centred if there is an intercept. Row block by row
# block, so that no second copy of a long X is made.
triangular_factor <- function(X, intercept, block = 50000L) {
  centre <- numeric(ncol(X))
  if (intercept) {
    centre <- colMeans(X)
    centre[1L] <- 0
  }
  found <- triangle_of_rows(X, centre, block)
  constant_to_zero(found$R, found$centred, found$raw)
}

# R, and the squared lengths of the columns with and without `centre` taken off.
triangle_of_rows <- function(X, centre, block) {
  n <- nrow(X)
  R <- NULL
  length_centred <- length_raw <- 0
  for (first in seq(1L, n, by = block)) {
    rows <- X[first:min(n, first + block - 1L), , drop = FALSE]
    length_raw <- length_raw + colSums(rows^2)
    rows <- rows - rep(centre, each = nrow(rows))
    length_centred <- length_centred + colSums(rows^2)
    decomposed <- qr(rbind(R, rows), LAPACK = TRUE)
    R <- qr.R(decomposed)[, order(decomposed$pivot), drop = FALSE]
  }
  list(R = R, centred = length_centred, raw = length_raw)
}

# A column that is constant, up to rounding.
constant_to_zero <- function(R, centred, raw) {
  R[, centred <= (1e-11)^2 * raw] <- 0
  R
}
