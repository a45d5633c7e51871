# Calls of the engine for the covariance and the tests of Kenward and Roger.

#' Weights W = -l'' of the rows of a fit at a predictor
#' @param eta n numbers.
#' @return n numbers.
#' @noRd
engine_row_weights <- function(fit, eta) {
  family <- engine_family(fit$family, fit$design)
  glm_(fit$design, family, "weights", list(eta = as.double(eta), aux = as.double(fit_aux(fit))))
}

#' Pieces of the covariance of Kenward and Roger
#'
#' Of the working linear mixed model with V = W^-1 + Z Sigma Z', Sigma = Lambda Lambda'; E_a is the
#' derivative of Sigma in its a-th free entry.
#'
#' Where levels are related, Sigma is times their covariance at rho.
#'
#' @param W n weights of rows, 1 / variance.
#' @param at `Lambda` and `rho`, as in a fit.
#' @param slopes Entries of rho, from 1, that are parameters after those of Sigma.
#' @return A list: `M` (p x p), X'V^-1 X; `M_0`, X'WX; `P` (p^2 x v), -X'V^-1 Z E_a Z'V^-1 X; `Q`
#'   (p^2 x pairs), X'V^-1 Z E_a Z'V^-1 Z E_b Z'V^-1 X; `T` (v x v) and `t` (v), the traces of
#'   V^-1 Z E_a Z'V^-1 Z E_b Z' and V^-1 Z E_a Z'; `status`.
#' @noRd
engine_kenward_roger_pieces <- function(design, W, at, control, slopes = integer(0L)) {
  design$groups <- lapply(seq_along(design$groups), function(k) {
    replace(design$groups[[k]], "index", list(row_levels(design, k) - 1L))
  })
  ask <- list(
    W = as.double(W), Lambda = at$Lambda, rho = as.double(at$rho), slopes = slopes - 1L,
    threads = control$threads
  )
  kenward_roger_(design, "pieces", ask)
}

#' X'V^-1 Y of the working linear mixed model
#' @param Y n x p.
#' @return p x p.
#' @noRd
engine_working_products <- function(design, W, at, Y, control) {
  x <- seq_len(ncol(design$X))
  design$X <- cbind(design$X, Y)
  design[c("theta_row", "theta_col")] <- list(integer(0L)) # no derivatives
  engine_kenward_roger_pieces(design, W, at, control)$M[x, -x, drop = FALSE]
}

#' Covariance of Kenward and Roger from its pieces
#'
#' @param scale For a residual variance that is estimated, a list: `v` (free entries of Sigma),
#'   `phi`, `N` (number of rows); otherwise empty.
#' @return A list: `Phi` (p x p), M^-1; `P`, with a column for phi; `Omega`, the inverse of the
#'   expected information of REML in (v, phi); `Phi_0`, Phi at Sigma = 0, or 0 where it depends on
#'   phi; `correction`, what is added to Phi; `change`, the largest relative change of a variance by
#'   restricted estimation and the correction; `definite`.
#' @noRd
engine_kenward_roger <- function(pieces, scale = list()) {
  kenward_roger_(pieces, "covariance", lapply(scale, as.double))
}

#' The part of R that adds to Phi in every direction
#' @param R,Phi p x p, symmetric; Phi positive definite.
#' @return p x p.
#' @noRd
engine_positive_part <- function(R, Phi) {
  kenward_roger_(list(Phi = Phi), "added", list(R = R))
}

#' What Wald statistics of C beta = 0 are referred to
#'
#' @param fitted A list with `Phi`, `P`, `Omega`, `Phi_0`.
#' @param C q x p.
#' @param joint `TRUE` for one hypothesis, of full row rank; `FALSE` for one from each row.
#' @return A list: `df`, `scale`, of F(q, df) and the factor of the Wald F.
#' @noRd
engine_kenward_roger_reference <- function(fitted, C, joint) {
  storage.mode(C) <- "double"
  kenward_roger_(fitted, "reference", list(C = C, joint = joint))
}
