# Separation: fixed effects or a variance that run to infinity, found before anything is fitted.
#
# A direction d separates if moving along it never lowers the likelihood of a row and raises that
# of some: X d >= 0 where all trials are successes, <= 0 where none is, = 0 where both occur
# (Albert and Anderson 1984; the linear programme is that of Konis 2007). A random effect does not
# cure it.

#' Check the fixed effects for separation
#'
#' @param design From [build_design()].
#' @param family A supported family.
#' @param glm_start The start GLM: a list with `converged`, `max_abs_eta` and `info_pd` (is its
#'   information positive definite?), or `NULL`. A converged GLM with bounded predictors proves
#'   that there is no separation.
#' @param action `"warn"`, `"error"`, or `"none"` (not checked).
#' @param bound Largest linear predictor that counts as bounded.
#' @return A list: `separated`, `terms` (names of the columns that run away), `direction` (1 or -1
#'   for each).
#' @section Conditions: warning or error `separation`.
#' @noRd
check_separation <- function(design, family, glm_start = NULL, action = c("warn", "error", "none"),
                             bound = 15) {
  action <- match.arg(action)
  none <- list(separated = FALSE, terms = character(), direction = numeric())
  kind <- family_tools(family)$separation
  certified <- isTRUE(glm_start$converged) && isTRUE(glm_start$info_pd) &&
    isTRUE(glm_start$max_abs_eta < bound)
  if (action == "none" || kind == "none" || certified || !ncol(design$X)) return(none)
  direction <- separating_direction(design, kind)
  if (is.null(direction)) return(none)
  away <- direction != 0
  found <- list(
    separated = TRUE, terms = colnames(design$X)[away], direction = sign(direction[away])
  )
  raise <- if (action == "error") abort else warn
  raise("separation",
    "The fixed effects must not separate the responses: the likelihood has no maximum.",
    given = paste0(
      "estimates run to infinity for ",
      some_of(paste0(code(found$terms), ifelse(found$direction > 0, " (+Inf)", " (-Inf)")), 10L)
    ),
    hint = "Cross-tabulate the response by these covariates; merge levels or leave a term out.",
    terms = found$terms, direction = found$direction
  )
  found
}

#' Find a direction that separates
#'
#' Columns are scaled, and centred if the first is constant, so that a large mean does not hide what
#' a covariate does; the direction is turned back.
#'
#' @return A direction (p doubles, 0 where a coefficient stays), or `NULL` if there is none.
#' @noRd
separating_direction <- function(design, kind) {
  X <- design$X
  columns <- seq_len(ncol(X))
  centre <- if (all(X[, 1L] == 1)) c(0, colMeans(X)[-1L]) else numeric(ncol(X))
  size <- vapply(columns, function(j) sqrt(mean((X[, j] - centre[j])^2)), 0)
  design$X <- vapply(columns, function(j) (X[, j] - centre[j]) / size[j], numeric(nrow(X)))
  problem <- separation_rows(design, kind)
  step <- solve_separation(problem$inequality, problem$equality)
  if (is.null(step)) return(NULL)
  step[abs(step) < 1e-6 * max(abs(step))] <- 0
  shift <- centre * step / size
  step[1L] <- step[1L] - sum(shift)
  if (abs(step[1L]) < 1e-6 * max(abs(shift), abs(step))) step[1L] <- 0
  step / size
}

#' Distinct rows that bound the directions
#'
#' @param kind As in [family_tools()]: `"both"` or `"zero"`.
#' @return A list of two matrices: for a direction d, rows r of `inequality` must have r'd >= 0,
#'   rows of `equality` r'd = 0.
#' @noRd
separation_rows <- function(design, kind) {
  X <- design$X
  used <- design$weights > 0 & design$trials > 0
  success <- design$y > 0
  failure <- if (kind == "both") design$y < design$trials else !success
  row <- distinct_rows(X)
  first <- match(seq_len(max(row)), row)
  has <- function(state) tabulate(row[used & state], max(row)) > 0
  has_success <- has(success)
  has_failure <- has(failure)
  # Under a log link a success, or a count above 0, has a finite best predictor: it can't move.
  fixed <- if (kind == "both") has_success & has_failure else has_success
  moving <- (has_success | has_failure) & !fixed
  side <- ifelse(has_success, 1, -1)
  list(
    inequality = X[first[moving], , drop = FALSE] * side[moving],
    equality = X[first[fixed], , drop = FALSE]
  )
}

# A code of the distinct rows of a matrix, by exact value and column by column: quicker than
# unique().
distinct_rows <- function(X) {
  code <- rep(1, nrow(X))
  for (j in seq_len(ncol(X))) {
    distinct <- unique(X[, j])
    if (length(distinct) == 1L) next
    code <- (code - 1) * length(distinct) + match(X[, j], distinct)
    code <- match(code, unique(code))
  }
  as.integer(code)
}

#' Solve for a separating direction
#'
#' Rows of equality are solved first: d = N g, N a basis of their null space. The programme then
#' sees some of the other rows, and those that its answer violates are added until none is: if few
#' rows of full rank leave no direction, all rows leave none.
#'
#' @param inequality,equality Rows r with r'd >= 0 and r'd = 0, of size about 1.
#' @param first Rows to start with, per column.
#' @return d, or `NULL` if only d = 0 is left, or no row is strictly positive.
#' @noRd
solve_separation <- function(inequality, equality, first = 40L, tol = 1e-8) {
  N <- null_space(equality, ncol(inequality))
  A <- inequality %*% N
  A[abs(A) < 1e-12] <- 0
  if (!ncol(A) || !any(A != 0)) return(NULL)
  rows <- spanning_rows(A, first * ncol(A))
  repeat {
    step <- separation_programme(A[rows, , drop = FALSE])
    if (is.null(step)) return(NULL)
    slack <- drop(A %*% step)
    violated <- setdiff(which(slack < -tol), rows)
    if (!length(violated)) break
    worst <- order(slack[violated])[seq_len(min(length(violated), first * ncol(A)))]
    rows <- c(rows, violated[worst])
  }
  drop(N %*% step)
}

# Columns span {d: M d = 0}.
null_space <- function(M, p) {
  if (!nrow(M)) return(diag(p))
  if (nrow(M) > p) {
    short <- qr(M, LAPACK = TRUE)
    M <- qr.R(short)[, order(short$pivot), drop = FALSE]
  }
  decomposed <- svd(M, nu = 0L, nv = p)
  rank <- sum(decomposed$d > 1e-9 * max(decomposed$d, 1))
  decomposed$v[, seq_len(p) > rank, drop = FALSE]
}

# About `size` rows, spread over the matrix, that have its rank.
spanning_rows <- function(A, size) {
  n <- nrow(A)
  if (n <= size) return(seq_len(n))
  rows <- unique(round(seq(1, n, length.out = size)))
  rank_all <- function(rows) qr(A[rows, , drop = FALSE])$rank
  missing <- ncol(A) - rank_all(rows)
  if (missing > 0L) {
    decomposed <- qr(t(A), LAPACK = TRUE)
    rows <- union(rows, decomposed$pivot[seq_len(ncol(A))])
  }
  rows
}

# Maximise sum(A d) over A d >= 0, -1 <= d <= 1, with d = x - 1 because lpSolve wants x >= 0.
separation_programme <- function(A, tol = 1e-8) {
  p <- ncol(A)
  solved <- lpSolve::lp("max",
    objective.in = colSums(A), const.mat = rbind(A, diag(p)),
    const.dir = rep(c(">=", "<="), c(nrow(A), p)), const.rhs = c(rowSums(A), rep(2, p))
  )
  if (solved$status != 0L) return(NULL)
  step <- solved$solution - 1
  if (sum(A %*% step) <= tol * nrow(A)) NULL else step
}

#' Check that the clusters do not separate the responses
#'
#' If every cluster has successes only or failures only, the likelihood grows with the variance of
#' the random intercept without bound.
#'
#' @section Errors: `variance_separation`.
#' @noRd
check_cluster_separation <- function(design, family) {
  constant <- vapply(seq_len(ncol(design$Z)), function(j) all(design$Z[, j] == 1), NA)
  if (family_tools(family)$separation != "both" || !any(constant)) return(invisible())
  used <- as.numeric(design$weights > 0)
  successes <- cluster_sums(design$y * used, design$start)
  trials <- cluster_sums(design$trials * used, design$start)
  none <- successes <= 0
  all <- successes >= trials
  if (any(none & trials > 0) && any(all & trials > 0) && all(none | all)) {
    abort("variance_separation",
      "Some cluster must have both successes and failures: the variance runs to infinity.",
      given = paste0(
        sum(none & trials > 0), " clusters of ", code(design$group), " with failures only, ",
        sum(all & trials > 0), " with successes only"
      ),
      hint = "Is the grouping finer than intended, or the response constant within it?"
    )
  }
  invisible()
}
