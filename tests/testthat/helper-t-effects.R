# Brute-force integrals over t effects.

# log of the integral of each cluster's likelihood over b = scale T, in T = sinh(x), so that the
# tails are within reach of finite limits, those of x in `range`.
brute_t <- function(design, family, psi, df, of = function(b) 1, range = c(-1, 1) * (38 / df + 3)) {
  p <- ncol(design$X)
  eta <- drop(design$X %*% psi[seq_len(p)]) + design$offset
  scale <- psi[p + 1L] * sqrt((df - 2) / df)
  phi <- if (length(psi) > p + 1L) exp(psi[p + 2L]) else 1
  vapply(seq_along(design$levels), function(i) {
    rows <- seq(design$start[i] + 1L, design$start[i + 1L])
    log_joint <- function(x) {
      b <- scale * sinh(x)
      # Where a mean overflows the density is 0.
      rows <- suppressWarnings(
        brute_log_density(design, family, rows, outer(eta[rows], b, "+"), phi)
      )
      value <- colSums(rows) + dt(sinh(x), df, log = TRUE) + log(cosh(x))
      ifelse(is.finite(value), value, -1e300)
    }
    top <- optimize(log_joint, range, maximum = TRUE, tol = 1e-8)
    integral <- function(of) {
      f <- function(x) {
        exp(log_joint(x) - top$objective) * of(scale * sinh(x))
      }
      cut <- sort(c(range, top$maximum + c(-1, -0.2, 0, 0.2, 1)))
      sum(vapply(seq_len(length(cut) - 1L), function(k) {
        integrate(f, cut[k], cut[k + 1L], rel.tol = 1e-12, subdivisions = 1000L,
          stop.on.error = FALSE
        )$value
      }, 0))
    }
    total <- integral(function(b) rep(1, length(b)))
    c(top$objective + log(total), integral(of) / total)
  }, numeric(2L))
}

# With an offset and weights for each row, as the brute-force likelihood reads them.
full_design <- function(fit) {
  design <- fit$design
  design$offset <- row_offset(design)
  design
}
