# The search for a random slope of a covariate far from zero, such as a date, goes in centred
# coordinates: the intercept and the slopes are then nearly orthogonal, and in the user's they are
# nearly the same effect. With c the means of the covariates and the intercept in column 1,
#   b_c = C b,  C = I + e_1 (0, c)',  Z_c = Z C^-1,  Lambda_c Q' = C Lambda
# for a rotation Q that makes Lambda_c lower triangular. Likelihood, REML and beta stay the same.

#' C of a model
#'
#' Only where the integral is the same in any coordinates: a product rule of several nodes puts them
#' elsewhere in each.
#'
#' @return q x q, or `NULL` where nothing is to be centred.
#' @noRd
centring <- function(way, design, nAGQ) UseMethod("centring")

#' @export
centring.default <- function(way, design, nAGQ) {
  if (isTRUE(all(nAGQ == 1))) centre_of_terms(design)
}

#' @export
centring.margmix_exact <- function(way, design, nAGQ) centre_of_terms(design)

#' @export
centring.margmix_laplace <- function(way, design, nAGQ) centre_of_terms(design)

#' @export
centring.margmix_stochastic <- function(way, design, nAGQ) NULL

centre_of_terms <- function(design) {
  if (is_penalized(design) || supports(design, "shards")) return(NULL)
  C <- diag(ncol(design$Z))
  for (term in design$random) {
    intercept <- term$columns[term$names == "(Intercept)"]
    slopes <- setdiff(term$columns, intercept)
    turns <- term$correlated && is_full(term$covariance)
    if (!turns || !length(intercept) || !length(slopes)) next
    Z <- design$Z[, slopes, drop = FALSE]
    far <- as.integer(names(far_columns(Z, 20)))
    C[intercept, slopes[far]] <- colMeans(Z)[far]
  }
  if (any(C != diag(nrow(C)))) C
}

centred_design <- function(design, C) {
  if (is.null(C)) return(design)
  names <- colnames(design$Z)
  design$Z <- design$Z %*% centring_inverse(C)
  colnames(design$Z) <- names
  design
}

# the square of C - I is zero
centring_inverse <- function(C) 2 * diag(nrow(C)) - C

# A start in the user's coordinates; what is not valid is left for the check to name.
centred_start <- function(design, C, start) {
  if (is.null(C) || is.null(start)) return(start)
  start <- start_list(start)
  theta <- if (is.list(start)) start$theta
  if (is.numeric(theta) && length(theta) == length(design$theta_row) && all(is.finite(theta))) {
    start$theta <- turned(design, C, theta)$theta
  }
  start
}

#' The estimate in the user's coordinates
#'
#' @param estimate From [finish_fit()], of the centred design.
#' @return `estimate`, with its `theta`, `Lambda`, `modes`, `vcov_full` and words for the boundary.
#' @noRd
uncentred <- function(design, C, estimate) {
  if (is.null(C)) return(estimate)
  back <- turned(design, centring_inverse(C), estimate$theta)
  estimate$modes <- turn_modes(design, estimate$modes, back$Q)
  estimate$theta <- back$theta
  estimate$Lambda <- lambda_matrix(design, back$theta)
  estimate$vcov_full <- turn_covariance(design, estimate$vcov_full, back)
  fixed <- !names(estimate$boundary) %in% c("zero", "correlated")
  estimate$boundary <- c(boundary_words(design, estimate$Lambda), estimate$boundary[fixed])
  estimate
}

#' C Lambda, turned to be lower triangular
#'
#' @return A list: `theta` of the result L; `Q` (q x q), C Lambda = L Q'; `J`, the change of that
#'   `theta` with the one given, where columns of zeros stay zero.
#' @noRd
turned <- function(design, C, theta) {
  at <- cbind(design$theta_row, design$theta_col) + 1L
  Lambda <- lambda_matrix(design, theta)
  Q <- diag(ncol(Lambda))
  J <- diag(length(theta))
  for (term in design$random) {
    block <- term$columns
    turn <- turned_block(C[block, block, drop = FALSE], Lambda[block, block, drop = FALSE])
    Lambda[block, block] <- turn$L
    Q[block, block] <- turn$Q
    own <- which(at[, 1L] %in% block)
    inside <- at[own, , drop = FALSE] - block[1L] + 1L
    J[own, own] <- vapply(seq_along(own), function(k) {
      E <- replace(turn$L * 0, inside[k, , drop = FALSE], 1)
      turn$change(E)[inside]
    }, numeric(length(own)))
  }
  list(theta = Lambda[at], Q = Q, J = J)
}

# The same for one term. With A = L Q' of its r columns that are not zero, and L_1 the first r rows
# of L, dA Q = dL + L Omega: Omega is antisymmetric, and dL has no entries above the diagonal.
turned_block <- function(C, Lambda) {
  still <- list(L = Lambda, Q = diag(nrow(C)), change = identity)
  if (all(C == diag(nrow(C)))) return(still)
  used <- colSums(Lambda != 0) > 0
  if (!any(used)) return(still)
  first <- seq_along(used) <= sum(used)
  root <- lower_root(C %*% Lambda[, used, drop = FALSE])
  Q <- L <- 0 * Lambda
  Q[cbind(which(!used), which(!first))] <- 1
  Q[used, first] <- root$Q
  L[, first] <- root$L
  change <- function(E) {
    moved <- C %*% E[, used, drop = FALSE] %*% root$Q
    Omega <- forwardsolve(root$L[first, , drop = FALSE], moved[first, , drop = FALSE])
    Omega[lower.tri(Omega, diag = TRUE)] <- 0
    out <- 0 * L
    out[, first] <- moved - root$L %*% (Omega - t(Omega))
    out
  }
  list(L = L, Q = Q, change = change)
}

# A = L Q', with L lower triangular, and its diagonal not negative.
lower_root <- function(A) {
  decomposed <- qr(t(A), tol = 0)
  signs <- ifelse(diag(qr.R(decomposed)) < 0, -1, 1)
  list(
    L = t(signs * qr.R(decomposed)), Q = qr.Q(decomposed) * rep(signs, each = ncol(A))
  )
}

turn_modes <- function(design, modes, Q) {
  from_factors(design, Map(function(u, group) {
    columns <- group$columns
    names <- dimnames(u)
    u <- u %*% Q[columns, columns, drop = FALSE]
    dimnames(u) <- names
    u
  }, by_factor(design, modes), design$groups))
}

# Entries of columns that are zero have no variance, and neither has what had none.
turn_covariance <- function(design, V, back) {
  theta <- ncol(design$X) + seq_along(back$theta)
  J <- replace(diag(nrow(V)), as.matrix(expand.grid(theta, theta)), back$J)
  known <- !is.na(diag(V))
  still <- !known
  still[theta] <- theta_columns(design) %in% zero_columns(design, back$theta)
  J <- J[, known, drop = FALSE]
  V[] <- J %*% V[known, known, drop = FALSE] %*% t(J)
  V[still, ] <- V[, still] <- NA_real_
  V
}
