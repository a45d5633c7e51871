# Terms of reduced rank, rr(x | g, d): where their search begins, and the dimensions of integrals.

#' Loadings of terms of reduced rank to begin with
#'
#' From zero the log-likelihood rises in Sigma with slope G / 2, the Hessian in the first column of
#' Lambda there being G: so loadings lie along the leading eigenvectors of G, and are as large as
#' effects of full rank begin with.
#'
#' @param problem A list with `design`, `family` and `control`.
#' @param psi Start of a model of full rank.
#' @return psi, with other loadings of these terms.
#' @noRd
reduced_start <- function(problem, psi) {
  design <- problem$design
  reduced <- Filter(has_rank, effect_terms(design))
  if (!length(reduced)) return(psi)
  theta <- theta_in_psi(design)
  now <- engine_evaluate(
    design, problem$family, replace(psi, theta, 0), 1L, 2L, NULL, problem$control
  )
  rms <- column_rms(design_Z(design))
  for (term in reduced) {
    own <- which(theta_columns(design) %in% term$columns)
    entries <- first_entries(design)[own, , drop = FALSE] + 1L - term$columns[1L]
    first <- theta[own[entries[, 2L] == 1L]]
    size <- rms[term$columns]
    E <- leading_directions(
      now$hessian[first, first, drop = FALSE] / tcrossprod(size), term$rank
    )
    E <- E * psi[first[1L]] * size[1L] * sqrt(nrow(E) / term$rank) / size
    psi[theta[own]] <- t(qr.R(qr(t(E), tol = 0)))[entries]
  }
  psi
}

has_rank <- function(term) !is.null(term$rank)

# Of a matrix that is not finite, that of all effects being alike.
leading_directions <- function(G, d) {
  if (all(is.finite(G))) return(eigen((G + t(G)) / 2, TRUE)$vectors[, seq_len(d), drop = FALSE])
  qr.Q(qr(cbind(1, diag(nrow(G)))))[, seq_len(d), drop = FALSE]
}

#' Over how many dimensions one cluster is integrated: columns of Lambda that are not zero by design
#' @noRd
integral_dimensions <- function(design) length(unique(theta_columns(design)))
