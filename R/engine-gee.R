# Calls of the engine for estimating equations: shapes only.

#' Independent rows: a generalized linear model by Fisher scoring
#'
#' @param level Linear predictor of the constant model the search starts at.
#' @param adjustment 0, or the dispersion that Firth's adjustment is multiplied by.
#' @return A list: `beta`, `decrement` (squared, of the last step), `converged`, `info_pd`,
#'   `iterations`, `max_abs_eta`.
#' @noRd
engine_gee_start <- function(design, family, level, adjustment, control) {
  independence <- cor_independence()
  source <- equation_source(design, family, independence, control)
  ask <- list(level = level, adjustment = adjustment, threads = control$threads)
  start <- gee_(source, engine_family(family, design), independence, "start", ask)
  start$max_abs_eta <- largest_predictor(design, start$beta)
  start
}

#' What the engine asks for sums over clusters
#'
#' @return A design, whose rows are here; or a list: `ask`, a function of a query that returns what
#'   [engine_gee_sums()] does, of all clusters; `p`; and clusters that stand for all, from
#'   [engine_gee_kinds()].
#' @noRd
equation_source <- function(design, family, correlation, control) UseMethod("equation_source")

#' @export
equation_source.default <- function(design, family, correlation, control) design

#' The part that the clusters of a design have in what a search asks
#' @param correlation With its `shared` facts, from [engine_gee_shared()].
#' @param query From the engine.
#' @return A list of numbers that add up over parts of the clusters.
#' @noRd
engine_gee_sums <- function(design, family, correlation, query, threads) {
  gee_rows_(design, engine_family(family, design), correlation, query$what, query, threads)
}

#' Clusters that stand for all those of a design, for what correlations ask of all together
#' @return A list: `start`, `time`, `wave`, `inner` as in a design; `count`, how many each stands
#'   for. Those of parts of the clusters are joined by [join_kinds()].
#' @noRd
engine_gee_kinds <- function(design, correlation) {
  gee_layout_(design, correlation, "kinds", list())
}

join_kinds <- function(parts, correlation) {
  of <- function(name) unlist(lapply(parts, `[[`, name))
  sizes <- unlist(lapply(parts, function(part) diff(part$start)))
  engine_gee_kinds(list(
    start = c(0L, cumsum(sizes)), time = of("time"), wave = of("wave"), inner = of("inner"),
    count = of("count")
  ), correlation)
}

#' What the parameters of a correlation mean for all clusters
#' @param kinds From [engine_gee_kinds()].
#' @noRd
engine_gee_shared <- function(kinds, correlation) {
  gee_layout_(kinds, correlation, "shared", list())
}

# The largest linear predictor in size.
largest_predictor <- function(design, beta) UseMethod("largest_predictor")

#' @export
largest_predictor.default <- function(design, beta) {
  max(abs(drop(design$X %*% beta) + stored_values(design, "offset")))
}

#' Solve the estimating equations
#'
#' @param correlation A specification.
#' @param beta p starting values.
#' @param scale `NULL` (estimated) or phi.
#' @param adjustment With `bias_reduce`: the dispersion of Firth's adjustment, NaN for phi.
#' @return A list: `beta`, `phi`, `alpha` (as reported), `alpha_engine` (on the engine's scale),
#'   `pairs` (pairs behind each correlation), `lags` (of a Toeplitz matrix, the lags that occur),
#'   `only_positive` (has a negative correlation no meaning here?), `criterion`, `iterations`,
#'   `halvings`, `converged`, `bounded`, `clamped` (are the moment estimates no correlation
#'   matrix?), `two_step` and `share` (no joint solution, or none that is a matrix: alpha is that
#'   share of the one of independent rows), `status`.
#' @noRd
engine_gee_fit <- function(design, family, correlation, beta, scale, bias_reduce, adjustment,
                           control) {
  options <- gee_options(design, scale, bias_reduce, control)
  options[c("beta", "adjustment")] <- list(as.double(beta), adjustment)
  reproduce <- correlation_fact(correlation, "matrix") && !options$own_variances
  options$smallest_eigenvalue <- if (reproduce) 1e-8 else least_eigenvalue
  source <- equation_source(design, family, correlation, control)
  gee_(source, engine_family(family, design), correlation, "fit", options)
}

# Settings as the engine takes them.
gee_options <- function(design, scale, bias_reduce, control) {
  method <- control$alpha_method
  list(
    lost = if (method %in% c("default", "sas")) as.double(ncol(design$X)) else 0,
    all_lags = method == "geepack", adjusted = method == "maee",
    fixed_phi = if (is.null(scale)) NaN else as.double(scale), bound = control$alpha_bound,
    # geepack's correlations divide by the scale of its start where the scale is fixed
    frozen_phi = method == "geepack" && !is.null(scale),
    own_variances = method == "default",
    bias_reduce = bias_reduce, tolerance = control$tolerance,
    max_iterations = control$max_iterations, threads = control$threads
  )
}

#' Per-cluster scores and information at the fit, phi included
#' @return A list: `scores` (m x p), `information` (p x p x m).
#' @noRd
engine_gee_pieces <- function(fit) {
  out <- gee_rows_(
    fit$design, engine_family(fit$family, fit$design), fit$correlation, "pieces",
    list(beta = as.double(fit$beta), alpha = as.double(fit$alpha_engine), phi = fit$phi),
    fit$control$threads
  )
  p <- length(fit$beta)
  list(
    scores = t(out$scores), information = array(out$information, c(p, p, ncol(out$scores)))
  )
}

#' Working correlation matrix of one cluster
#' @param alpha On the engine's scale.
#' @param cluster Its position.
#' @return n_i x n_i.
#' @noRd
engine_gee_correlation <- function(design, correlation, alpha, cluster = 1L) {
  check_in_memory(design)
  ask <- list(alpha = as.double(alpha), cluster = cluster - 1L)
  gee_layout_(design, correlation, "correlation", ask)
}

#' Pairs of rows whose correlation two 0/1 responses with their means can't have
#' @return `pairs`, `clusters` that have such pairs, `skipped` clusters (too large).
#' @noRd
engine_frechet <- function(design, family, correlation, beta, alpha_engine, threads) {
  UseMethod("engine_frechet")
}

#' @export
engine_frechet.default <- function(design, family, correlation, beta, alpha_engine, threads) {
  ask <- list(beta = as.double(beta), alpha = as.double(alpha_engine))
  gee_rows_(design, engine_family(family, design), correlation, "frechet", ask, threads)
}

#' Variances of phi and alpha
#' @return 1 + q numbers.
#' @noRd
engine_moment_variance <- function(fit) {
  options <- gee_options(fit$design, fit$scale, fit$bias_reduce, fit$control)
  estimates <- list(
    beta = as.double(fit$beta), alpha = as.double(fit$alpha_engine), phi = fit$phi
  )
  source <- equation_source(fit$design, fit$family, fit$correlation, fit$control)
  gee_(
    source, engine_family(fit$family, fit$design), fit$correlation, "variance",
    c(options, estimates)
  )
}
