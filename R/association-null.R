# What a scan of variants needs of the null model: r and W of the rows, and the covariance of
# scores under the working model.

#' The null model of a scan
#'
#' r of the rows is that of [expected_rows()], W that of [weights_before()] if there is one.
#'
#' @param fit A mixed model.
#' @param people Names of the rows of the genotypes.
#' @param id `NULL`, or the name of the grouping factor whose levels are people.
#' @return A list: `person` (position of each row among the people of the model, from 0), `people`
#'   (their positions among the rows of the genotypes), `W`, `X`, `C` ((X'WX)^-1), `mu`, `trials`,
#'   `offset` (with the random effects at their modes), `fit`, `exact` from [score_variance()] and
#'   perhaps `given` from [given_variance()]; by
#'   row of the genotypes, zero for people whom the model does not have, `columns` (1, has the
#'   person a positive response, sums of r and of WX) and `W_person`.
#' @section Errors: `null_model`, `people`.
#' @noRd
scan_null <- function(fit, people, id = NULL) {
  check_null_model(fit)
  design <- fit$design
  who <- row_people(fit, people, id)
  eta <- mode_predictor(fit)
  L <- effect_columns(fit)
  Q <- level_precision(fit)
  expected <- expected_rows(fit, eta, L, Q)
  r <- expected$r
  known <- weights_before(fit, L, Q) %||% expected
  W <- known$W
  X <- design_X(design)
  found <- unique(who)
  person <- match(who, found)
  at <- match(found, people)
  by_person <- function(x) {
    out <- matrix(0, length(people), NCOL(x))
    out[at, ] <- rowsum(x, person, reorder = FALSE)
    out
  }
  is_case <- rowsum(+(row_response(design) > 0), person, reorder = FALSE) > 0
  null <- list(
    person = person - 1L, people = at, W = W, X = X,
    C = scaled_inverse(crossprod(X, W * X), "null_model"), mu = population_means(fit),
    trials = row_trials(design), offset = eta - drop(X %*% fit$beta), fit = fit,
    W_person = drop(by_person(W))
  )
  working <- working_covariance(null, L, known$factor)
  null$exact <- score_variance(null, working)
  r <- across_covariates(null, working, r)
  null$columns <- cbind(0, 0, by_person(r), by_person(W * X))
  null$columns[at, 1:2] <- cbind(1, is_case)
  if (identical(known, expected)) return(null)
  null$given <- given_variance(null, expected, L, by_person)
  null$exact <- at_given_level(null)
  null
}

#' The null models of a scan: one, or several with names
#' @noRd
scan_nulls <- function(fit, source, id) {
  if (is.object(fit) || !is.list(fit)) return(list(one_null(fit, source, id)))
  if (is.null(names(fit)) || anyDuplicated(names(fit)) || !all(nzchar(names(fit)))) {
    abort("null_model", "Null models in a list must have unique names.",
      given = if (is.null(names(fit))) "no names" else some_of(code(names(fit)))
    )
  }
  lapply(fit, one_null, source, id)
}

one_null <- function(fit, source, id) {
  null <- scan_null(fit, source$people, id)
  others <- length(source$people) - length(null$people)
  if (others > 0L) {
    note("people", paste0(
      count_of(others, "person"), " with genotypes ", if (others == 1L) "is" else "are",
      " not in the null model."
    ))
  }
  null
}

# A canonical link, or that of counts with a gamma-distributed rate.
scan_models <- c("gaussian-identity", "binomial-logit", "poisson-log", "nbinom2-log")

check_null_model <- function(fit) {
  if (!inherits(fit, "margmix_glmm")) {
    abort("null_model", "The null model must be a fit by glmm().", given = class(fit)[1L])
  }
  check_likelihood(fit$design, "A null model")
  shared_phi(fit, "a scan of variants")
  model <- paste(fit$family$family, fit$family$link, sep = "-")
  if (!model %in% scan_models) {
    abort("null_model", paste0("The null model must be one of ", some_of(scan_models), "."),
      given = model
    )
  }
  if (!supports(fit$design, "factor") || !supports(fit$design, "normal")) {
    abort("null_model", paste(
      "The null model must have normal random effects and an exact factorisation."
    ))
  }
  if (row_weights(fit$design)[1L] != 1 && has_counted_rows(fit$design)) {
    abort("null_model", "The null model can't have frequency weights.", given = "frequency weights")
  }
}

# The position of a grouping factor; known(id) is one of the people in id, too.
factor_named <- function(id, labels) {
  inner <- sub("^\\w+\\((.*)\\)$", "\\1", labels)
  k <- if (is.character(id) && length(id) == 1L) c(which(labels == id), which(inner == id))
  if (length(k)) return(k[1L])
  abort("people", "`id` must be a grouping factor of the null model.",
    given = value_text(id), hint = paste0("It has ", some_of(code(labels)), ".")
  )
}

#' The person of each row of the design
#'
#' @return Names: the levels of `id`, or of the first grouping factor of which all are names of
#'   genotypes, or row names of the data.
#' @section Errors: `people`.
#' @noRd
row_people <- function(fit, people, id) {
  design <- fit$design
  if (is.null(people) || anyDuplicated(people) || anyNA(people)) {
    abort("people", "Genotypes must have unique row names, one for each person.",
      given = if (is.null(people)) "no row names" else some_of(people[duplicated(people)])
    )
  }
  labels <- group_labels(design)
  by_group <- function(k) random_factors(design)[[k]]$levels[row_levels(design, k)]
  if (!is.null(id)) return(known_people(by_group(factor_named(id, labels)), people))
  for (k in seq_along(labels)) if (all(by_group(k) %in% people)) return(by_group(k))
  rows <- design_order(row.names(fit$frame$frame), design)
  if (all(rows %in% people)) return(rows)
  known_people(by_group(1L), people)
}

known_people <- function(who, people) {
  absent <- setdiff(who, people)
  if (!length(absent)) return(who)
  abort("people", "Some people in the null model have no genotypes.",
    given = paste0(
      count_of(length(absent), "person"), " without: ", some_of(absent)
    ),
    hint = paste0("Genotypes are named ", some_of(people), ".")
  )
}

#' Covariance of the working model
#'
#' V = W^-1 + Z Sigma Z', and by Woodbury's identity V^-1 = W - W Z Lambda A^-1 Lambda'Z'W, where
#' A = Q + Lambda'Z'WZ Lambda has one factor.
#'
#' @param null From [scan_null()]; `L` Z Lambda; `factor` of A.
#' @return A list: `WL` (W Z Lambda), `factor` of A, `half` (a function of B that returns HB with
#'   H'H = A^-1), `h_X` (H Lambda'Z'WX), `M` ((X'V^-1 X)^-1).
#' @noRd
working_covariance <- function(null, L, factor) {
  WL <- null$W * L
  half <- half_solver(factor)
  h_X <- half(Matrix::crossprod(WL, null$X))
  M <- scaled_inverse(crossprod(null$X, null$W * null$X) - crossprod(h_X), "null_model")
  list(WL = WL, factor = factor, half = half, h_X = h_X, M = M)
}

# r - V^-1 X (X'V^-1 X)^-1 X'r. The estimates of beta are where the derivative of the integrated
# likelihood vanishes, not X'r at the modes; what is left of X'r would be in every score.
across_covariates <- function(null, working, r) {
  step <- null$X %*% (working$M %*% crossprod(null$X, r))
  effects <- effects_of(working$factor, Matrix::crossprod(working$WL, step))
  r - drop(null$W * step) + drop(as.matrix(working$WL %*% effects))
}

#' Variances g'Pg of scores, P = V^-1 - V^-1 X (X'V^-1 X)^-1 X'V^-1
#'
#' @param null From [scan_null()]; `working` from [working_covariance()].
#' @return A function of G (people of the model x variants), g'Wg and X'Wg that returns a variance
#'   for each column; with `crossed` the matrix of covariances between columns.
#' @noRd
score_variance <- function(null, working) {
  rows <- length(null$person)
  of_person <- Matrix::sparseMatrix(seq_len(rows), null$person + 1L, x = 1)
  to_effects <- Matrix::crossprod(working$WL, of_person)
  W <- null$W_person[null$people]
  function(G, weight, products, crossed = FALSE) {
    h <- working$half(to_effects %*% G)
    XG <- products - crossprod(working$h_X, h)
    if (crossed) return(crossprod(G, W * G) - crossprod(h) - crossprod(XG, working$M %*% XG))
    weight - colSums(h^2) - colSums(XG * (working$M %*% XG))
  }
}

# g'Pg with W and the covariance of the random effects as they are given the responses, a function
# of G alone.
given_variance <- function(null, expected, L, by_person) {
  null$W <- expected$W
  null$W_person <- drop(by_person(null$W))
  variance <- score_variance(null, working_covariance(null, L, expected$factor))
  W <- null$W_person[null$people]
  WX <- by_person(null$W * null$X)[null$people, , drop = FALSE]
  function(G) variance(G, colSums(W * G^2), crossprod(WX, G))
}

# Variances from W before any response is known are too large on average, by 1% to 15%, as A^-1 is
# not linear in W: they are brought to the trace of P given the responses, by random signs.
at_given_level <- function(null) {
  at <- null$people
  signs <- with_seed(1L, matrix(sample(c(-1, 1), 60L * length(at), TRUE), length(at)))
  products <- crossprod(null$columns[at, -(1:3), drop = FALSE], signs)
  before <- null$exact(signs, rep(sum(null$W_person[at]), 60L), products)
  level <- sum(null$given(signs)) / sum(before)
  exact <- null$exact
  function(...) level * exact(...)
}

# H with H'H = A^-1, up to the order of rows. With many zeros, HB of a sparse B is sparse.
half_solver <- function(factor) {
  if (is.matrix(factor)) return(function(B) engine_lower_solve(factor, as.matrix(B)))
  L <- methods::as(factor, "CsparseMatrix")
  order <- factor@perm + 1L
  ordered <- function(B) B[order, , drop = FALSE]
  if (!has_few_zeros(L)) {
    return(function(B) {
      found <- Matrix::solve(factor, ordered(B), system = "L")
      if (inherits(B, "sparseMatrix")) found else as.matrix(found)
    })
  }
  L <- as.matrix(L)
  function(B) engine_lower_solve(L, as.matrix(ordered(B)))
}

# Z Lambda, n rows x effects of all levels, by factor and level.
effect_columns <- function(fit) {
  design <- fit$design
  do.call(cbind, lapply(seq_len(factor_count(design)), function(k) {
    columns <- random_factors(design)[[k]]$columns
    q <- length(columns)
    rows <- design_Z(design)[, columns, drop = FALSE] %*% fit$Lambda[columns, columns, drop = FALSE]
    n <- nrow(rows)
    L <- Matrix::sparseMatrix(
      rep.int(seq_len(n), q), rep((row_levels(design, k) - 1L) * q, q) + rep(seq_len(q), each = n),
      x = as.vector(rows), dims = c(n, q * level_counts(design)[k])
    )
    root <- singular_root(random_factors(design)[[k]])
    if (is.null(root)) L else L %*% Matrix::kronecker(root, Matrix::Diagonal(q))
  }))
}

# Where the covariance of levels is singular they are columns of its root times independent effects.
singular_root <- function(group) {
  relation <- group$relation
  if (is.null(relation$anchor) || relation$kind != "precision") return(NULL)
  related_draws(relation, numeric(), diag(length(group$levels)))
}

# The precision of all effects at unit scale, in the same order; not sparse where few are zero.
level_precision <- function(fit) {
  Q <- Matrix::bdiag(lapply(random_factors(fit$design), function(group) {
    Matrix::kronecker(group_precision(group), Matrix::Diagonal(length(group$columns)))
  }))
  if (has_few_zeros(Q)) as.matrix(Q) else Q
}

group_precision <- function(group) {
  relation <- group$relation
  m <- length(group$levels)
  if (is.null(relation) || !is.null(singular_root(group))) return(Matrix::Diagonal(m))
  if (relation$kind != "precision") {
    abort("null_model", "Levels of a null model must be independent, or have a known relation.",
      given = code(group$label)
    )
  }
  column <- rep.int(seq_len(m), diff(relation$start))
  Matrix::forceSymmetric(Matrix::sparseMatrix(
    c(seq_len(m), relation$row + 1L), c(seq_len(m), column),
    x = c(relation$diagonal, relation$below), dims = c(m, m)
  ), uplo = "L")
}
