# Separation: fixed effects or a variance that run to infinity, found before anything is fitted.
#
# A direction d separates if moving along it never lowers the likelihood of a row and raises that of
# some: x'd >= 0 in rows with successes only, <= 0 in rows with failures only, = 0 where both occur
# (Albert and Anderson 1984). A random effect does not cure it.
#
# With these rows, signed, in A, the linear programme of Konis (2007) maximises sum(A d) over the
# cone A d >= 0 and asks whether the maximum is above 0. It is just when the projection of A'1 on
# the cone is not 0, and that is a least squares problem in a few rows (the projection's residual
# is a non-negative combination of rows; Lawson and Hanson 1974, chapter 23), quicker than the
# programme and safe where columns differ in size.

#' Check the fixed effects for separation
#'
#' @param design From [build_design()].
#' @param family A supported family.
#' @param glm_start The start GLM, or `NULL`: a list with `beta` (estimated columns), `converged`,
#'   `info_pd` (is its information positive definite?), and `decrement`, its last squared Newton
#'   decrement (taken to be at most 1e-8 if absent). It can prove that there is no separation.
#' @param action `"warn"`, `"error"`, or `"none"` (not checked).
#' @param cure Words on a model whose estimates are finite, if there is one.
#' @return A list: `separated`, `terms` (names of the columns that run away), `direction` (1 or -1
#'   for each).
#' @section Conditions: warning or error `separation`.
#' @noRd
check_separation <- function(design, family, glm_start = NULL,
                             action = c("warn", "error", "none"), cure = NULL) {
  action <- match.arg(action)
  kind <- separation_kind(family)
  skip <- action == "none" || kind == "none" || !ncol(design$X)
  if (skip || proves_no_separation(design, family, glm_start)) return(separation_found())
  direction <- separating_direction(design, kind)
  if (is.null(direction)) return(separation_found())
  away <- direction != 0
  found <- separation_found(TRUE, colnames(design$X)[away], sign(direction[away]))
  report_separation(found, action, cure)
  found
}

separation_found <- function(separated = FALSE, terms = character(), direction = numeric()) {
  list(separated = separated, terms = terms, direction = direction)
}

# Rows that run away have a loss -log p(y) that tends to 0, and for every link the squared Newton
# decrement is about the sum of these losses. So a GLM that converged to a small decrement, with
# losses well above it wherever a row could run away, has a finite estimate.
proves_no_separation <- function(design, family, start) {
  if (!isTRUE(start$converged) || !isTRUE(start$info_pd) || anyNA(start$beta)) return(FALSE)
  if (length(start$beta) != ncol(design$X)) return(FALSE)
  both <- separation_kind(family) == "both"
  enough <- max(1e-6, 100 * (start$decrement %||% 0))
  # The links of probabilities increase, so that the largest |eta| bounds every loss.
  if (both && !is.null(start$max_abs_eta)) {
    furthest <- family$linkinv(c(-1, 1) * start$max_abs_eta)
    if (isTRUE(min(furthest[1L], 1 - furthest[2L]) > enough)) return(TRUE)
  }
  isTRUE(least_loss(design, family, start$beta) > enough)
}

# The least of 1 - p(y) among the rows that could run away.
least_loss <- function(design, family, beta) UseMethod("least_loss")

#' @export
least_loss.default <- function(design, family, beta) {
  mu <- family$linkinv(drop(design$X %*% beta) + row_offset(design))
  loss <- min(1, mu[design$y <= 0])
  if (separation_kind(family) == "both") {
    loss <- min(loss, 1 - mu[design$y >= row_trials(design)])
  }
  loss
}

report_separation <- function(found, action, cure) {
  raise <- if (action == "error") abort else warn
  raise("separation",
    "The fixed effects separate the responses, so the likelihood has no maximum.",
    given = paste0(
      "estimates run to infinity for ",
      some_of(paste0(code(found$terms), ifelse(found$direction > 0, " (+Inf)", " (-Inf)")), 10L)
    ),
    hint = paste(c(
      "Cross-tabulate the response by these covariates; merge levels or leave a term out.", cure
    ), collapse = " "),
    terms = found$terms, direction = found$direction
  )
}

#' Find a direction that separates
#'
#' Columns are scaled, and centred if the first is constant, so that a large mean does not hide what
#' a covariate does; the direction is turned back.
#'
#' @return A direction (p doubles, 0 where a coefficient stays), or `NULL` if there is none.
#' @noRd
separating_direction <- function(design, kind) UseMethod("separating_direction")

#' @export
separating_direction.default <- function(design, kind) {
  X <- design$X
  columns <- seq_len(ncol(X))
  centre <- if (all(X[, 1L] == 1)) c(0, colMeans(X)[-1L]) else numeric(ncol(X))
  size <- vapply(columns, function(j) sqrt(mean((X[, j] - centre[j])^2)), 0)
  design$X <- vapply(columns, function(j) (X[, j] - centre[j]) / size[j], numeric(nrow(X)))
  unscaled_direction(project_on_cone(separation_rows(design, kind)), centre, size)
}

unscaled_direction <- function(step, centre, size) {
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
#' @return A matrix A: a direction d must have A d >= 0. Rows with both successes and failures
#'   appear with both signs.
#' @noRd
separation_rows <- function(design, kind) {
  X <- design$X
  used <- used_rows(design)
  success <- design$y > 0
  failure <- if (kind == "both") design$y < row_trials(design) else !success
  row <- engine_equal_rows(list(X), nrow(X))
  first <- match(seq_len(max(row)), row)
  has <- function(state) tabulate(row[used & state], max(row)) > 0
  has_success <- has(success)
  has_failure <- has(failure)
  # Under a log link a success, or a count above 0, has a finite best predictor: it can't move.
  fixed <- if (kind == "both") has_success & has_failure else has_success
  up <- has_success
  down <- has_failure | fixed
  rbind(X[first[up], , drop = FALSE], -X[first[down], , drop = FALSE])
}

#' Project A'1 on the cone of the d with A d >= 0
#'
#' @param A A matrix, its columns of size about 1.
#' @return The projection d; `NULL` if it is 0. As 1'A d = |d|^2, some row has A d > 0 otherwise.
#' @noRd
project_on_cone <- function(A, tol = 1e-9) {
  size <- sqrt(rowSums(A^2))
  A <- A[size > 0, , drop = FALSE] / size[size > 0]
  target <- colSums(A)
  step <- target
  tight <- list(rows = integer(), lambda = numeric())
  for (i in seq_len(100L * ncol(A))) {
    length <- sqrt(sum(step^2))
    if (length <= tol * max(1, sqrt(nrow(A)))) return(NULL)
    slack <- drop(A %*% step) / length
    worst <- which.min(slack)
    if (slack[worst] >= -tol) return(step)
    tight <- tighten(A, target, c(tight$rows, worst), c(tight$lambda, 0))
    step <- target + drop(crossprod(A[tight$rows, , drop = FALSE], tight$lambda))
  }
  NULL
}

# Least squares: lambda >= 0 that minimises |target + A'lambda| over the rows given. Rows whose
# lambda would turn negative on the way from the present one are let go.
tighten <- function(A, target, rows, lambda) {
  while (length(rows)) {
    solution <- -qr.coef(qr(t(A[rows, , drop = FALSE])), target)
    solution[is.na(solution)] <- 0
    if (all(solution > 0)) return(list(rows = rows, lambda = solution))
    falling <- which(solution <= 0)
    share <- ifelse(
      lambda[falling] > 0, lambda[falling] / (lambda[falling] - solution[falling]), 0
    )
    lambda <- lambda + min(share) * (solution - lambda)
    lambda[falling[which.min(share)]] <- 0
    rows <- rows[lambda > 0]
    lambda <- lambda[lambda > 0]
  }
  list(rows = integer(), lambda = numeric())
}

#' Check that the clusters do not separate the responses
#'
#' If every level of a grouping factor has successes only or failures only, the likelihood grows
#' with the variance of its random intercept without bound.
#'
#' @section Errors: `variance_separation`.
#' @noRd
check_cluster_separation <- function(design, family) {
  if (separation_kind(family) != "both") return(invisible())
  for (k in intercept_groups(design)) {
    check_level_separation(design, k, penalty_hint(design, family))
  }
}

check_level_separation <- function(design, k, cure) {
  found <- level_states(design, k)
  if (found[["both"]] || !found[["failures"]] || !found[["successes"]]) return(invisible())
  abort("variance_separation",
    "No cluster has both successes and failures, so the variance runs to infinity.",
    given = paste0(
      found[["failures"]], " clusters of ", code(group_labels(design)[k]),
      " with failures only, ", found[["successes"]], " with successes only"
    ),
    hint = paste(c(
      "Is the grouping finer than intended, or the response constant within it?", cure
    ), collapse = " ")
  )
}

# How many levels have failures only, successes only, or both.
level_states <- function(design, k) UseMethod("level_states")

#' @export
level_states.default <- function(design, k) {
  # One level with both is enough, and the first rows usually show it.
  for (take in unique(pmin(c(5000L, length(design$y)), length(design$y)))) {
    rows <- seq_len(take)
    used <- as.numeric(some_values(design, "weights", rows) > 0)
    level <- row_levels(design, k, rows)
    trials <- some_values(design, "trials", rows)
    sums <- rowsum(cbind(design$y[rows], trials) * used, level, reorder = FALSE)
    none <- sums[, 1L] <= 0
    all <- sums[, 1L] >= sums[, 2L]
    if (!all(none | all)) break
  }
  some <- sums[, 2L] > 0
  c(failures = sum(none & some), successes = sum(all & some), both = sum(!none & !all))
}
