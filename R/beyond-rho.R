# A maximum in the parameter of a relation is perhaps not the highest one where the data hardly tell
# it.

#' Search again from both sides of a correlation that is hardly known
#'
#' The likelihood of a process beside levels, slopes and a residual may have two maxima, of a slow
#' process, nearly a random slope, and of a quick one, with hardly a dip between them. Where the
#' standard error of rho, which is on a logarithmic scale, is above one, the others are searched
#' with rho 2.5 to either side, and from there all. Of linear models, from a start of their own.
#'
#' @param fitted See [search_of()], at its maximum.
#' @return `fitted`, or the higher maximum in the same form.
#' @noRd
beyond_rho <- function(way, problem, fitted) UseMethod("beyond_rho")

#' @export
beyond_rho.default <- function(way, problem, fitted) fitted

#' @export
beyond_rho.margmix_exact <- function(way, problem, fitted) {
  if (!problem$map$free || !is.null(problem$start)) return(fitted)
  best <- fitted
  for (entry in loose_rho(problem, fitted)) {
    for (side in c(-1, 1) * beyond_rho_by) {
      x <- replace(fitted$fit$x, entry, fitted$fit$x[entry] + side)
      problem$held <- entry - fixed_count(problem$design)
      other <- tryCatch(
        search_from(way, problem, fitted, x),
        margmix_error = function(e) NULL
      )
      if (!is.null(other) && maximum_of(other) > maximum_of(best) + 1e-6) best <- other
    }
  }
  best
}

beyond_rho_by <- 2.5

# Entries of psi: those of rho whose standard error is above one, or can't be told.
loose_rho <- function(problem, fitted) {
  design <- problem$design
  count <- length(rho_names(design))
  if (!count) return(integer())
  at <- fixed_count(design) + theta_count(design) + seq_len(count)
  found <- covariance_of_search(problem, fitted)
  sd <- sqrt(diag(found$vcov)[at])
  at[found$active[at] & !(sd <= 1 & is.finite(sd))]
}
