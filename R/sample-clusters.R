# A start for many clusters: the fit of some of them.

# Estimates from a sample are off by a few standard errors of the whole, and its Hessian by a few
# per cent: near enough for the whole data to need a handful of gradients. Where it misleads, as with
# a covariate that hardly varies in the sample, the search starts as if there were none.
sample_start <- function(problem, x) {
  small <- sample_clusters(problem$design)
  if (is.null(small)) return(NULL)
  fit <- tryCatch(
    maximise(replace(problem, "design", list(small$design)), 5L, x, NULL, final = FALSE),
    margmix_error_no_likelihood = function(e) NULL
  )
  if (is.null(fit) || is.null(newton_direction(numeric(length(x)), fit$hessian))) return(NULL)
  list(x = fit$x, modes = NULL, hessian = fit$hessian / small$share)
}

# Every so many-th cluster would follow a pattern in their order, such as alternating arms; multiples
# of the golden ratio modulo 1 spread evenly over any of them.
sample_clusters <- function(design, least = 500L, fraction = SHARE) {
  m <- length(design$levels)
  share <- max(fraction, least / m)
  if (share > 0.5) return(NULL)
  chosen <- which((seq_len(m) * 0.6180339887498949) %% 1 < share)
  size <- diff(design$start)[chosen]
  rows <- sequence(size, design$start[chosen] + 1L)
  small <- design
  small$X <- design$X[rows, , drop = FALSE]
  small$Z <- design$Z[rows, , drop = FALSE]
  for (part in c("y", "trials", "weights", "offset")) small[[part]] <- design[[part]][rows]
  small$start <- c(0L, cumsum(size))
  small$levels <- design$levels[chosen]
  list(design = small, share = length(rows) / nrow(design$X))
}
