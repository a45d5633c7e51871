# Where there are many clusters, the fit of some of them is a start for the whole.

#' A start from a sample of the clusters
#'
#' The estimates of a sample are a few standard errors of the whole away from those of the whole,
#' and its Hessian is a few per cent off: near enough for the whole to need a handful of gradients.
#' There is no such start where the sample has nothing to say, as of a covariate that hardly varies
#' in it, and the search then begins at `x`.
#'
#' @param sample From `sampled_problem()`: the problem of the sample with its `share` of the rows.
#' @param x Start of the optimiser.
#' @param fit Of the sample, from [maximise()], or `NULL`.
#' @return list(x, hessian), as [maximise()] returns them, or `NULL`.
#' @noRd
start_of_sample <- function(sample, x, fit) {
  # A unit of x moves the linear predictor by about one: further away the sample is separated.
  if (is.null(fit) || max(abs(fit$x - x)) > 4) return(NULL)
  if (!is_definite(fit$hessian) || rcond(fit$hessian) < 1e-6) return(NULL)
  list(x = fit$x, hessian = fit$hessian / sample$share)
}

sampled_problem <- function(way, problem) UseMethod("sampled_problem")

#' @export
sampled_problem.default <- function(way, problem) NULL

#' @export
sampled_problem.margmix_quadrature <- function(way, problem) {
  if (restricts_mean(problem$family)) return(NULL)
  small <- sample_clusters(problem$design)
  if (is.null(small)) return(NULL)
  problem[c("design", "share")] <- small[c("design", "share")]
  problem
}

sample_clusters <- function(design, least = 500L, part = 0.15) {
  part <- max(part, least / length(design$levels))
  if (part > 0.5) return(NULL)
  part_of_clusters(design, part)
}

part_of_clusters <- function(design, part) UseMethod("part_of_clusters")

#' @export
part_of_clusters.default <- function(design, part) {
  chosen <- chosen_clusters(design, part)
  size <- diff(design$start)[chosen]
  rows <- sequence(size, design$start[chosen] + 1L)
  small <- keep_rows(design, rows)
  small$start <- c(0L, cumsum(size))
  small$levels <- design$levels[chosen]
  small$cluster_weights <- design$cluster_weights[chosen]
  list(design = small, share = length(rows) / nrow(design$X))
}

# Of one factor with many levels some can tell.
some_clusters <- function(design, least = 500L) UseMethod("some_clusters")

#' @export
some_clusters.default <- function(design, least = 500L) {
  sample_clusters(design, least, part = 0)$design %||% design
}

#' @export
some_clusters.margmix_several_factors <- function(design, least = 500L) design

# Shards know a number of each cluster that does not depend on the others.
chosen_clusters <- function(design, part) {
  if (!is.null(design$spread)) return(which(design$spread < part))
  spread_choice(length(design$levels), part)
}

# Every so many-th of m would follow a pattern in their order, such as alternating arms; the
# multiples of the golden ratio modulo 1 are spread evenly over any of them.
spread_choice <- function(m, part) which((seq_len(m) * 0.6180339887498949) %% 1 < part)

# A design with some of its rows; where clusters begin is left to the caller.
keep_rows <- function(design, rows) {
  for (name in c("X", "Z", if (has_dispersion_formula(design)) "D")) {
    design[[name]] <- design[[name]][rows, , drop = FALSE]
  }
  design$y <- design$y[rows]
  for (name in c("trials", "weights", "offset")) {
    if (length(design[[name]]) > 1L) design[[name]] <- design[[name]][rows]
  }
  design
}
