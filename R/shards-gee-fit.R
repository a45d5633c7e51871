# What a marginal fit asks of shards: sums over clusters, from the loop that fits rows in memory.

# The engine asks through a function; each shard answers with the sums of its clusters.
#' @export
equation_source.margmix_shards <- function(design, family, correlation, control) {
  plan <- design$plan_of_shards
  shared <- shared_correlation(design, correlation)
  family <- family_names(family)
  ask <- function(query) {
    parts <- ask_shards(plan, engine_gee_sums, family, shared, query, control$threads)
    assign("best", list(start = list(beta = query$beta)), plan)
    add_sums(parts, names(parts[[1L]]))
  }
  c(list(ask = ask, p = ncol(design$X)), design$kinds)
}

# The correlation as a shard must know it.
shared_correlation <- function(design, correlation) {
  correlation$shared <- design$shared
  correlation
}

#' @export
largest_predictor.margmix_shards <- function(design, beta) {
  max(unlist(ask_shards(design$plan_of_shards, largest_predictor, beta)))
}

#' @export
identity_means.margmix_shards <- function(design, beta, sums, ...) {
  add_up(ask_shards(design$plan_of_shards, identity_means, beta, sums, ...))
}

#' @export
engine_frechet.margmix_shards <- function(design, family, correlation, beta, alpha_engine,
                                          threads) {
  add_up(ask_shards(
    design$plan_of_shards, engine_frechet, family, shared_correlation(design, correlation), beta,
    alpha_engine, threads
  ))
}

# Answers ---------------------------------------------------------------------------------------

#' @export
estimates_of.margmix_gee <- function(fit) {
  kept <- unclass(fit)[c(
    "family", "beta", "phi", "alpha_engine", "scale", "bias_reduce", "control"
  )]
  kept$correlation <- shared_correlation(fit$design, fit$correlation)
  structure(kept, class = "margmix_gee_estimates", fit = class(fit))
}

#' @export
fit_of_shard.margmix_gee_estimates <- function(design, estimates) {
  structure(c(list(design = design), unclass(estimates)), class = attr(estimates, "fit"))
}

#' @export
total_information.margmix_shards <- function(design, fit) {
  add_up(ask_shards(design$plan_of_shards, shard_information, estimates_of(fit)))
}

#' @export
inverse_information.margmix_shards <- function(design, fit) {
  B <- total_information(design, fit)
  p <- ncol(B)
  engine_corrected_scores(
    list(scores = matrix(0, 1L, p), information = array(B, c(p, p, 1L))), "robust"
  )$bread
}

#' Scores and information of the clusters of all shards
#'
#' p + p^2 numbers of each cluster travel, for tests that are no sums over clusters.
#'
#' @section Errors: `shards` (they are too many).
#' @noRd
#' @export
marginal_pieces.margmix_shards <- function(design, fit) {
  p <- length(fit$beta)
  numbers <- as.double(length(design$levels)) * (p + p^2)
  if (numbers > most_numbers) {
    abort("shards", "This needs the scores of every cluster, which are too many to hold together.",
      given = paste0(count_of(length(design$levels), "cluster"), ", ", count_of(p, "coefficient")),
      hint = "Tests with df = \"K-pb\" need only sums."
    )
  }
  parts <- ask_shards(design$plan_of_shards, shard_pieces, estimates_of(fit))
  levels <- unlist(lapply(parts, `[[`, "levels"), use.names = FALSE)
  by <- order_of_labels(levels)
  information <- array(unlist(lapply(parts, `[[`, "information")), c(p, p, length(levels)))
  list(
    scores = do.call(rbind, lapply(parts, `[[`, "scores"))[by, , drop = FALSE],
    information = information[, , by, drop = FALSE], levels = levels[by]
  )
}

most_numbers <- 1e8

shard_pieces <- function(design, estimates) cluster_pieces(fit_of_shard(design, estimates))

#' @export
quasi_likelihood.margmix_shards <- function(design, fit) {
  add_up(ask_shards(design$plan_of_shards, shard_quasi_likelihood, estimates_of(fit)))
}

shard_quasi_likelihood <- function(design, estimates) {
  quasi_likelihood(design, fit_of_shard(design, estimates))
}

# The same shards with fewer columns.
#' @export
without_columns.margmix_shards <- function(design, columns) {
  old <- design$plan_of_shards
  left_out <- design$aliased
  left_out[which(!left_out)[columns]] <- TRUE
  recipe <- old$recipe
  recipe$aliased <- left_out
  design$plan_of_shards <- shard_plan(list(team = old$team), recipe, old$shards)
  design$X <- some_columns(design$X, -columns)
  design$aliased <- left_out
  design
}
