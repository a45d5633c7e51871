# Joint Wald tests of C beta = 0 with few clusters, for marginal models.

# The covariances whose parts are the clusters' corrected scores, and nothing else.
drawn_vcov_types <- covariances_for("drawn")

#' @return `NULL` to draw where clusters are few; 0; or a number of draws.
#' @section Errors: `argument`.
#' @noRd
check_nsim <- function(nsim, test, vcov) {
  if (is.null(nsim)) return(NULL)
  if (!is_count(nsim)) {
    abort("argument", "`nsim` must be a whole number, 0 for no draws.", given = some_of(nsim))
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

#' Joint test of C beta = 0
#'
#' By an approximate Hotelling T^2, or by draws where its denominator has too few degrees of freedom
#' for it (bench/simulation/results.md).
#'
#' @param C q x p, of full row rank.
#' @param V Covariance matrix of beta, of `type`.
#' @param draws A list: `count` (`NULL`: draw if need be), `seed`.
#' @return A list: `statistic`, `df1` = q, `df2`, `p.value`, and for draws `count` and `error`, the
#'   Monte Carlo standard error of the p value. `NA` where there are too few clusters for q
#'   contrasts.
#' @noRd
joint_test <- function(fit, C, V, type, draws, pieces = cluster_pieces(fit)) {
  if (!is.null(draws$count) && draws$count > 0) {
    return(drawn_test(fit, C, V, type, draws, pieces))
  }
  hotelling <- hotelling_test(fit, C, V, type, pieces)
  enough <- isTRUE(hotelling$df2 >= hotelling_needs_df)
  if (!is.null(draws$count) || nrow(C) == 1L || enough || !type %in% drawn_vcov_types) {
    return(hotelling)
  }
  draws$count <- default_count(length(fit$beta) * length(pieces$levels))
  drawn_test(fit, C, V, type, draws, pieces)
}

hotelling_needs_df <- 20

# Draws of `size` normal numbers each, in about a quarter of a second.
default_count <- function(size) signif(min(max(4e6 %/% size, 2000), 3e4), 1L)

#' Approximate Hotelling T^2
#'
#' Tipton and Pustejovsky (2015), under the same working model as the Satterthwaite degrees of
#' freedom, which it reproduces for one contrast.
#'
#' @return As [joint_test()], where `statistic` is F and `df2` is eta - q + 1, with `eta`. `NA`
#'   where eta is not above q - 1.
#' @references
#' Tipton, E. and Pustejovsky, J. E. (2015). Small-sample adjustments for tests of moderators and
#' model fit using robust variance estimation in meta-regression. *Journal of Educational and
#' Behavioral Statistics* **40**, 604-634.
#' @noRd
hotelling_test <- function(fit, C, V, type = "KC", pieces = cluster_pieces(fit)) {
  q <- nrow(C)
  eta <- engine_hotelling_eta(pieces, satterthwaite_type(type), C)
  df2 <- eta - q + 1
  if (is.nan(df2) || df2 <= 0) {
    return(list(statistic = NA_real_, df1 = q, df2 = NA_real_, p.value = NA_real_, eta = eta))
  }
  statistic <- df2 / (eta * q) * wald_statistic(fit$beta, C, V)
  list(
    statistic = statistic, df1 = q, df2 = df2,
    p.value = stats::pf(statistic, q, df2, lower.tail = FALSE), eta = eta
  )
}

#' The Wald statistic referred to draws under the working model with Gaussian scores
#'
#' With few clusters the working correlation found is too small on average: the draws shift each
#' cluster by a random intercept beside it, whose variance is estimated and uncertain.
#'
#' @return As [joint_test()], where `statistic` is Q / q and `df2` is `NA`.
#' @noRd
drawn_test <- function(fit, C, V, type, draws, pieces = cluster_pieces(fit)) {
  q <- nrow(C)
  m <- length(pieces$levels)
  p <- length(fit$beta)
  Q <- wald_statistic(fit$beta, C, V)
  batch <- max(1L, min(draws$count, 2e6 %/% ((p + 1) * m)))
  shift <- intercept_of(design_X(fit$design))
  tails <- with_seed(draws$seed, lapply(seq(1L, draws$count, by = batch), function(first) {
    N <- min(batch, draws$count - first + 1L)
    random <- list(
      z = matrix(stats::rnorm(p * m * N), p * m), b = matrix(stats::rnorm(m * N), m),
      u = stats::runif(N)
    )
    engine_joint_tails(pieces, satterthwaite_type(type), C, Q, random, shift)
  }))
  tails <- unlist(tails)
  list(
    statistic = if (anyNA(tails)) NA_real_ else Q / q, df1 = q, df2 = NA_real_,
    p.value = mean(tails), count = draws$count, error = stats::sd(tails) / sqrt(draws$count)
  )
}

# e with X e = 1; zeros if there is none.
intercept_of <- function(X) {
  own <- colnames(X) == "(Intercept)"
  if (any(own)) return(as.numeric(own))
  one <- matrix(1, nrow(X))
  if (is_spanned(one, X)) drop(qr.coef(qr(X), one)) else numeric(ncol(X))
}

# (C beta)'(C V C')^-1 (C beta); NA if there are too few clusters for C V C' to have full rank.
wald_statistic <- function(beta, C, V) {
  difference <- drop(C %*% beta)
  variance <- C %*% V %*% t(C)
  if (rcond(variance) < .Machine$double.eps) return(NA_real_)
  sum(difference * solve(variance, difference))
}
