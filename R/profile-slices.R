# Slices of the parameter space: a quantity is held at a value, the other parameters are free. For
# the length of a row of Lambda the direction of the row is free.

#' Slices
#'
#' @param psi Parameters the slice starts from.
#' @param entries Positions in psi that are held: at the value of the slice (`slice_entry()`),
#'   where they are (`slice_fixed()`), or at a length (`slice_row()`).
#' @return A list: `free`, the start; and functions of (free, value): `psi`; `gradient(.., g)`,
#'   `hessian(.., g, H)` and `slope(.., g)`, the derivatives in the free parameters and in the
#'   value, from those in psi.
#' @noRd
slice_entry <- function(psi, entries) {
  list(
    free = psi[-entries],
    psi = function(free, value) replace(replace(psi, -entries, free), entries, value),
    gradient = function(free, value, g) g[-entries],
    hessian = function(free, value, g, H) H[-entries, -entries, drop = FALSE],
    slope = function(free, value, g) sum(g[entries])
  )
}

slice_fixed <- function(psi, entries) {
  slice <- slice_entry(psi, entries)
  slice$psi <- function(free, value) replace(psi, -entries, free)
  slice
}

# The row of Lambda is value * w, w = (v + N t) / |v + N t|: v the direction at the start, N a basis
# of its complement, t free.
slice_row <- function(psi, entries) {
  v <- psi[entries]
  if (all(v == 0)) v[length(v)] <- 1
  v <- v / sqrt(sum(v^2))
  N <- qr.Q(qr(v), complete = TRUE)[, -1L, drop = FALSE]
  others <- seq_len(length(psi) - length(entries))
  direction <- function(free) {
    u <- v + drop(N %*% free[-others])
    size <- sqrt(sum(u^2))
    w <- u / size
    list(w = w, size = size, D = (N - w %*% crossprod(w, N)) / size)
  }
  list(
    free = c(psi[-entries], numeric(ncol(N))),
    psi = function(free, value) {
      replace(replace(psi, -entries, free[others]), entries, value * direction(free)$w)
    },
    gradient = function(free, value, g) {
      c(g[-entries], value * crossprod(direction(free)$D, g[entries]))
    },
    hessian = function(free, value, g, H) {
      at <- direction(free)
      J <- rbind(
        cbind(diag(length(others)), matrix(0, length(others), ncol(N))),
        cbind(matrix(0, length(entries), length(others)), value * at$D)
      )
      index <- c(seq_along(psi)[-entries], entries)
      out <- crossprod(J, H[index, index] %*% J)
      Ng <- crossprod(N, g[entries])
      Nw <- crossprod(N, at$w)
      gw <- sum(g[entries] * at$w)
      bend <- tcrossprod(Ng, Nw) + tcrossprod(Nw, Ng) + gw * diag(ncol(N)) - 3 * gw * tcrossprod(Nw)
      out[-others, -others] <- out[-others, -others] - value * bend / at$size^2
      out
    },
    slope = function(free, value, g) sum(g[entries] * direction(free)$w),
    turned = function(free) sqrt(sum(free[-others]^2))
  )
}
