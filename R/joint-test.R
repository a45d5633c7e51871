# Joint tests of marginal models by simulation.

# The covariances whose parts are the clusters' corrected scores, and nothing else.
drawn_vcov_types <- c("robust", "KC", "MD", "FG", "FW")

#' @section Errors: `argument`.
#' @noRd
check_nsim <- function(nsim, test, vcov) {
  if (!is_count(nsim)) {
    abort("argument", "`nsim` must be a whole number, 0 for no simulation.", given = some_of(nsim))
  }
  if (nsim == 0) return(0)
  given <- if (test == "score") {
    "test = \"score\""
  } else if (!is.character(vcov)) {
    "a matrix"
  } else if (!all(vcov %in% drawn_vcov_types)) {
    paste("vcov =", some_of(vcov))
  }
  if (is.null(given)) return(nsim)
  types <- some_of(drawn_vcov_types, 9L)
  abort("argument", paste0("`nsim` is for Wald tests with `vcov` one of ", types, "."),
    given = given
  )
}

is_count <- function(x) is.numeric(x) && length(x) == 1L && is.finite(x) && x >= 0 && x == round(x)

#' Joint test of C beta = 0, referred to statistics drawn under the working model
#'
#' @param C q x p, of full row rank.
#' @param V Covariance matrix of beta, of `type`.
#' @param draws A list: `count`, `seed`.
#' @return A list: `statistic` Q / q, `df1` = q, `df2` = `NA`, `p.value`; `NA` where the drawn
#'   covariances are singular: there are too few clusters for q contrasts.
#' @noRd
simulated_test <- function(fit, C, V, type, draws, pieces = cluster_pieces(fit)) {
  Q <- wald_statistic(fit$beta, C, V)
  size <- length(fit$beta) * length(pieces$levels)
  batch <- max(1L, min(draws$count, 2e6 %/% size))
  drawn <- with_seed(draws$seed, lapply(seq(1L, draws$count, by = batch), function(first) {
    count <- min(batch, draws$count - first + 1L)
    z <- matrix(stats::rnorm(size * count), size)
    engine_joint_statistics(pieces, satterthwaite_type(type), C, z)
  }))
  larger <- sum(unlist(drawn) >= Q)
  list(
    statistic = Q / nrow(C), df1 = nrow(C), df2 = NA_real_,
    p.value = (1 + larger) / (1 + draws$count)
  )
}
