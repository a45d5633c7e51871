# A covariate split into its cluster mean and the deviations from it.

#' Within- and between-cluster parts of a covariate
#'
#' @description
#' ```
#' glmm(
#'   severe ~ within_cluster(month, patient) + between_cluster(month, patient) + (1 | patient),
#'   toenail, binomial()
#' )
#' ```
#'
#' The effect of a covariate within clusters is not the effect of being in a cluster with more of
#' it. With both parts in the formula, the first coefficient compares rows of one cluster, free of
#' anything that is constant in clusters, measured or not; the second compares clusters. A model
#' with `x` alone assumes that they are equal; [diagnose_endogeneity()] tests it.
#'
#' @details
#' Means are taken over all rows of the data in which `x` and `g` are known, including rows that
#' `subset` or a missing value elsewhere removes from the fit, since variables are evaluated before
#' rows are chosen. The means are kept with the fit. In new data, a cluster of the fit has the mean
#' it had at the fit, whatever rows it has there; a cluster that was not in the fit has the mean of
#' its rows in the new data.
#'
#' [marginal_standardization()], [predict()] and related functions can set `x` to a value in every
#' row of the fit. This leaves the cluster means as they were: only the within part moves, and
#' contrasts are within-cluster effects. In new clusters the mean moves with `x`, and contrasts
#' contain both effects. To move a cluster mean by itself, store it as a variable of the data.
#'
#' @param x A number in each row, or 0/1, or logical.
#' @param g The cluster of each row.
#' @param means Known means, named by cluster: supplied by the fit for new data.
#' @return Numbers, as many as in `x`: `between_cluster()` gives the mean of the row's cluster,
#'   `within_cluster()` the deviation of `x` from it.
#' @section Errors: `margmix_error_cluster_mean` if `x` is not numeric or `g` has another length.
#' @references
#' Neuhaus, J. M. and Kalbfleisch, J. D. (1998). Between- and within-cluster covariate effects in
#' the analysis of clustered data. *Biometrics* **54**, 638-645.
#' @seealso [diagnose_endogeneity()]
#' @examples
#' between_cluster(c(1, 2, 6), c("a", "a", "b"))
#' within_cluster(c(1, 2, 6), c("a", "a", "b"))
#'
#' fit <- glmm(
#'   seizures ~ within_cluster(period, subject) + log(base) + (1 | subject), epilepsy, poisson()
#' )
#' coef(fit)
#' @export
within_cluster <- function(x, g, means = NULL) {
  means <- means_by_cluster(x, g, means)
  part_of_cluster(as.numeric(x) - unname(means[cluster_label(g)]), means)
}

#' @rdname within_cluster
#' @export
between_cluster <- function(x, g, means = NULL) {
  means <- means_by_cluster(x, g, means)
  part_of_cluster(unname(means[cluster_label(g)]), means)
}

part_of_cluster <- function(x, means) structure(x, means = means, class = "margmix_cluster_part")

# Named by cluster: known means first, then those of the clusters that have none yet.
means_by_cluster <- function(x, g, known) {
  numeric <- (is.numeric(x) || is.logical(x)) && !is.factor(x) && NCOL(x) == 1L
  if (!numeric || length(x) != length(g)) {
    abort("cluster_mean",
      "A cluster mean needs a numeric variable and the cluster of each row.",
      given = paste0(
        "`x` of class ", class(x)[1L], " and length ", length(x), ", `g` of length ", length(g)
      ),
      hint = if (is.factor(x) || is.character(x)) "Make 0/1 variables of its levels."
    )
  }
  if (!is.null(known) && (!is.numeric(known) || is.null(names(known)))) {
    abort("cluster_mean", "`means` must be numbers named by cluster.", given = value_text(known))
  }
  label <- cluster_label(g)
  use <- !is.na(x) & !is.na(label) & !label %in% names(known)
  sums <- rowsum(as.numeric(x)[use], label[use], reorder = FALSE)
  counts <- rowsum(rep(1, sum(use)), label[use], reorder = FALSE)
  c(known, stats::setNames(drop(sums / counts), rownames(sums)))
}

# By value: 1, 1L and "1" are the same cluster.
cluster_label <- function(g) {
  label <- as.character(g)
  label[is.na(g)] <- NA
  label
}

#' @importFrom stats makepredictcall
#' @export
makepredictcall.margmix_cluster_part <- function(var, call) {
  call$means <- attr(var, "means")
  call
}

#' @export
`[.margmix_cluster_part` <- function(x, i) as.numeric(unclass(x))[i]
