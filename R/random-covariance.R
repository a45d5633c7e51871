# Covariances of the random effects of a term whose entries depend on each other: cs(x | g) and its
# like. theta stays the entries of Lambda, for the engine and for all that reads a fit; such a
# covariance maps its parameters tau to them (src/engine/random), and the fit searches in tau.

# By what is written around the bar. `free`: are the entries of Lambda the parameters themselves?
# `full`: and those of Sigma too? `correlated`: does Lambda have entries below its diagonal? Of q
# effects `deviations` parameters are logarithms of standard deviations, and `shapes` ones follow;
# there must be `least` effects.
covariance_structures <- list(
  free = list(free = TRUE, full = TRUE, correlated = TRUE),
  diagonal = list(free = TRUE, full = TRUE, correlated = FALSE),
  cs = list(
    free = FALSE, full = FALSE, correlated = TRUE, least = 2L, deviations = function(q) q,
    shapes = function(q) 1L
  ),
  homcs = list(
    free = FALSE, full = FALSE, correlated = TRUE, least = 2L, deviations = function(q) 1L,
    shapes = function(q) 1L
  ),
  homdiag = list(
    free = FALSE, full = FALSE, correlated = FALSE, least = 1L, deviations = function(q) 1L,
    shapes = function(q) 0L
  ),
  toep = list(
    free = FALSE, full = FALSE, correlated = TRUE, least = 2L, deviations = function(q) q,
    shapes = function(q) q - 1L
  ),
  rr = list(free = TRUE, full = FALSE, correlated = TRUE, least = 2L)
)

written_structures <- function() {
  c("(x | g)", "(x || g)", paste0(setdiff(special_structures(), "rr"), "(x | g)"), "rr(x | g, d)")
}

# Those that are written as a call around the bar.
special_structures <- function() names(Filter(function(x) !x$full, covariance_structures))

# A term of a fit by an earlier version has no `covariance`; its entries are free.
is_free <- function(kind) is.null(kind) || covariance_structures[[kind]]$free

is_full <- function(kind) is.null(kind) || covariance_structures[[kind]]$full

is_correlated <- function(kind) covariance_structures[[kind]]$correlated

is_structured_bar <- function(expr) {
  if (!is_call_to(expr, special_structures()) || length(expr) < 2L) return(FALSE)
  length(expr) <= 2L + is_call_to(expr, "rr") && is_call_to(expr[[2L]], "|")
}

#' The number of factors of a term rr(x | g, d)
#' @section Errors: `formula`.
#' @noRd
written_rank <- function(expr, env) {
  if (!is_call_to(expr, "rr")) return(NULL)
  d <- if (length(expr) > 2L) tryCatch(eval(expr[[3L]], env), error = conditionMessage) else 2L
  named <- is.null(names(expr)) || all(names(expr)[-(1:2)] %in% c("", "d"))
  if (named && is.numeric(d) && length(d) == 1L && isTRUE(d >= 1 && d == round(d))) {
    return(as.integer(d))
  }
  abort("formula", "The number of factors of rr(x | g, d) must be a whole number.",
    given = paste0(expression_text(expr), " (", some_of(as.character(d)), ")"),
    hint = "Without `d` there are two."
  )
}

covariance_kind <- function(structure, bar) {
  structure %||% if (is_call_to(bar, "|")) "free" else "diagonal"
}

check_structure <- function(term) {
  if (is_full(term$covariance)) return(invisible())
  q <- length(term$columns)
  if (q < covariance_structures[[term$covariance]]$least) {
    abort("random_terms", paste0("A term ", term$covariance, "() must have two effects or more."),
      given = paste(some_of(code(term$names)), "in", term$label), hint = "Write (1 | g)."
    )
  }
  if (is.null(term$rank) || term$rank < q) return(invisible())
  abort("random_terms", "A term rr() must have fewer factors than effects.",
    given = paste0("d = ", term$rank, " of ", q, " effects in ", term$label),
    hint = "With as many, all variances and correlations are free: write (x | g)."
  )
}

check_structured_fit <- function(design, REML) {
  if (has_full_covariance(design)) return(invisible())
  check_factorable(design, "a structured covariance.")
  if (!REML) return(invisible())
  kinds <- unique(unlist(lapply(design$random, `[[`, "covariance")))
  kinds <- kinds[!vapply(kinds, is_full, NA)]
  abort("REML", "`REML` must be FALSE with a structured covariance.",
    given = some_of(paste0(kinds, "()")), hint = "Terms (x | g) and (x || g) have no such limit."
  )
}

# Terms --------------------------------------------------------------------------------------------

# For each random term: `kind`, `q`, `free`; `columns` of Z, and `entries` among those of Lambda;
# how many `deviations` and parameters (`size`) it has.
covariance_terms <- function(design) {
  lapply(design$random, function(term) {
    entries <- which((design$theta_row + 1L) %in% term$columns)
    q <- length(term$columns)
    out <- list(
      kind = term$covariance, q = q, free = is_free(term$covariance), columns = term$columns,
      entries = entries, deviations = 0L, size = length(entries)
    )
    if (out$free) return(out)
    facts <- covariance_structures[[term$covariance]]
    out$deviations <- facts$deviations(q)
    out$size <- out$deviations + facts$shapes(q)
    out
  })
}

#' Are all entries of Lambda parameters?
#' @noRd
has_free_entries <- function(design) {
  all(vapply(design$random, function(term) is_free(term$covariance), NA))
}

#' Are all entries of Sigma in the blocks of the terms parameters?
#' @noRd
has_full_covariance <- function(design) {
  all(vapply(design$random, function(term) is_full(term$covariance), NA))
}

# How many parameters the covariances of the random effects have.
covariance_parameters <- function(design) {
  sum(vapply(covariance_terms(design), `[[`, 1L, "size"))
}

#' The Gram matrix of derivatives of V in the parameters, from that in the entries of Sigma
#'
#' At equal standard deviations and moderate correlations: what is identified there is so anywhere
#' but for special values.
#'
#' @param gram In the entries of Sigma, and perhaps the dispersion.
#' @noRd
structured_gram <- function(design, gram) {
  if (has_free_entries(design)) return(gram)
  n_theta <- length(design$theta_row)
  map <- structured_map(design, diag(ncol(design$X) + n_theta), rep(1, n_theta))
  theta <- -seq_len(ncol(design$X))
  x <- map$x(c(numeric(ncol(design$X)), design$theta_row == design$theta_col))
  for (term in map$layout$terms) x[setdiff(term$x, term$x[seq_len(term$deviations)])] <- 0.5
  Lambda <- lambda_matrix(design, map$psi(x)[theta])
  J <- sigma_jacobian(design, Lambda) %*% structured_jacobian(map$layout, x)[theta, theta]
  if (nrow(gram) > n_theta) J <- block_diagonal(J, matrix(1))
  crossprod(J, gram %*% J)
}
