# What the user must know of a result: one condition for each cause.

#' @param separation From [check_separation()]: if a condition has named it, the fit has no maximum
#'   to converge to, and nothing more is said.
#' @section Conditions: notes `boundary`, `uncentred`; warnings `large_sd`, `not_identified`,
#'   `modes`, `link_range`, `convergence`; error `residual_variance`.
#' @noRd
report_fit <- function(problem, estimate, separation) {
  design <- problem$design
  family <- problem$family
  if (!estimate$convergence$converged) check_collapse(design, family, estimate$phi, 1e-12)
  if (length(estimate$boundary)) {
    note("boundary", paste0("At the optimum ", estimate$boundary, "."),
      hint = boundary_hint(estimate$boundary)
    )
  }
  if (separation$separated) return(invisible())
  large <- large_sds(design, family, estimate)
  if (length(large)) return(report_large_sd(estimate, large))
  if (estimate$convergence$converged) note_uncentred(design, estimate)
  if (!estimate$convergence$converged) report_no_maximum(problem, estimate)
}

# On the scale of a link; a response in its own units may have any sd. What counts is the sd that a
# term gives the predictor: an intercept has a large one, too, where covariates are far from zero.
large_sds <- function(design, family, estimate) {
  if (!has_trials(family)) return(integer())
  large <- vapply(design$random, function(term) term_sd(design, estimate, term) > 20, NA)
  if (!any(large)) return(integer())
  sd <- sqrt(rowSums(estimate$Lambda^2)) * column_rms(design$Z)
  columns <- as.integer(unlist(lapply(design$random[large], `[[`, "columns")))
  columns[sd[columns] >= min(20, max(sd[columns], 0))]
}

# Root mean square of the standard deviation of a term's part of the predictor.
term_sd <- function(design, estimate, term) {
  at <- term$columns
  rms_of_effects(design$Z, at, estimate$Lambda[at, , drop = FALSE])
}

# Root mean square over the rows of the length of Lambda'z, of some columns of Z.
rms_of_effects <- function(Z, at, Lambda) UseMethod("rms_of_effects")

#' @export
rms_of_effects.default <- function(Z, at, Lambda) {
  gram <- crossprod(if (length(at) == ncol(Z)) Z else Z[, at, drop = FALSE])
  sqrt(sum(Lambda * (gram %*% Lambda)) / nrow(Z))
}

# A random intercept is that at 0 of the covariates. Where this is far from the data its sd is many
# times that of the predictor anywhere in them.
note_uncentred <- function(design, estimate) {
  sd <- function(term) {
    sqrt(sum(estimate$Lambda[term$columns[term$names == "(Intercept)"], ]^2))
  }
  terms <- Filter(function(term) {
    term$correlated && length(term$columns) > 1L && "(Intercept)" %in% term$names &&
      sd(term) > 20 * term_sd(design, estimate, term)
  }, design$random)
  if (!length(terms)) return(invisible())
  far <- far_columns(design$Z, 20)
  for (term in terms) {
    at <- intersect(term$columns, as.integer(names(far)))
    if (!length(at)) next
    names <- some_of(code(column_names(design)[at]))
    note("uncentred", paste0(
      "The random intercept is that at ", names, " = 0, far from the data: its sd is ",
      signif(sd(term), 3L), "."
    ), hint = centre_hint(column_names(design), far[as.character(at)]))
  }
}

report_large_sd <- function(estimate, large) {
  sd <- sqrt(rowSums(estimate$Lambda^2))[large]
  warn("large_sd", "The data barely constrain the standard deviation of a random effect.",
    given = c(
      paste0(
        "sd ", signif(max(sd), 3L), " of ", some_of(code(rownames(estimate$Lambda)[large]))
      ),
      if (!estimate$convergence$converged) {
        paste("the likelihood rises on:", not_converged_words(estimate$convergence))
      }
    ),
    hint = "Most clusters may have equal responses: look at the clusters' means."
  )
}

not_converged_words <- function(convergence) {
  if (convergence$pd) {
    paste0("scaled gradient g'H^-1 g = ", signif(convergence$criterion, 2L))
  } else {
    paste(
      "the observed information is not positive definite:",
      "a direction of the parameters is not identified"
    )
  }
}

report_no_maximum <- function(problem, estimate) {
  design <- problem$design
  family <- problem$family
  if (report_twin_of_residual(design, family, estimate)) return(invisible())
  words <- not_converged_words(estimate$convergence)
  if (has_no_clear_mode(problem, estimate)) {
    warn("modes", "The fit has not converged: the random effects have no clear mode.",
      given = words,
      hint = "The Laplace approximation breaks down there. Compare with another link or family."
    )
    return(invisible())
  }
  near <- near_edge(design, family, estimate)
  if (near == 0L) {
    warn("convergence", "The fit has not converged: its estimates are not a maximum.",
      given = words,
      hint = far_hint(design) %||%
        "Rescaling won't help; simplify the random terms, or give other `start` values."
    )
    return(invisible())
  }
  warn("link_range", paste(
    "The fit has not converged: random effects carry the predictor past the range of the",
    family$link, "link."
  ),
  given = c(
    words,
    paste(
      near, "of", count_of(row_count(design), "row"), "within 4 standard deviations of its edge"
    )
  ),
  hint = "The likelihood has kinks there. Try a link without a limit, or simpler random terms."
  )
}

# Covariates to centre: with a random slope; or those of X that are nearly dependent, as powers of a
# time far from zero are.
far_hint <- function(design) {
  far <- far_columns(design$Z)
  if (length(far)) return(centre_hint(column_names(design), far))
  far <- far_columns(design$X)
  if (!length(far) || has_full_rank(gram_matrix(design$X), 1e-10)) return(NULL)
  centre_hint(colnames(design$X), far)
}

gram_matrix <- function(X) UseMethod("gram_matrix")

#' @export
gram_matrix.default <- function(X) engine_column_facts(X, gram = TRUE)$gram

# With a log-concave likelihood the variance at a mode is at most that of the prior. Where a mode
# splits in two it is infinite, and so is the Laplace approximation.
has_no_clear_mode <- function(problem, estimate) {
  if (is_log_concave(problem$family)) return(FALSE)
  lacks_clear_mode(problem$design, problem, estimate)
}

lacks_clear_mode <- function(design, problem, estimate) UseMethod("lacks_clear_mode")

# A rule of more nodes than one sees what the mode does not.
#' @export
lacks_clear_mode.default <- function(design, problem, estimate) FALSE

#' @export
lacks_clear_mode.margmix_several_factors <- function(design, problem, estimate) {
  variance <- tryCatch(
    engine_mode_variance(c(estimate, list(
      design = design, family = problem$family, control = problem$control
    ))),
    margmix_error = function(e) NULL
  )
  prior <- rowSums(estimate$Lambda^2)
  any(unlist(Map(function(v, group) {
    apply(v, 3L, function(v) max(diag(as.matrix(v)) / prior[group$columns], na.rm = TRUE)) > 4
  }, variance, design$groups)))
}

# Rows whose predictor at the modes is so close to the edge that nodes of the rule may pass it.
near_edge <- function(design, family, estimate) {
  edge <- link_edge(family)
  if (is.null(edge)) return(0L)
  rows_near(design, estimate, edge)
}

rows_near <- function(design, estimate, edge) UseMethod("rows_near")

#' @export
rows_near.default <- function(design, estimate, edge) {
  sd <- sqrt(rowSums((design$Z %*% estimate$Lambda)^2))
  sum(abs(predictor_at_modes(design, estimate) - edge) < 4 * sd)
}

predictor_at_modes <- function(design, estimate) {
  u <- by_factor(design, estimate$modes)
  eta <- drop(design$X %*% estimate$beta) + row_offset(design)
  for (k in seq_along(design$groups)) {
    columns <- design$groups[[k]]$columns
    b <- tcrossprod(u[[k]], estimate$Lambda[columns, columns, drop = FALSE])
    Z <- design$Z[, columns, drop = FALSE]
    eta <- eta + rowSums(Z * b[row_levels(design, k), , drop = FALSE])
  }
  eta
}

# Where the integrand is not log-concave it may have several modes, and the rule sees only one well.
# Returns the rule, with what it misses of the others in the bound of its error.
report_modes <- function(problem, estimate) {
  rule <- estimate$rule
  psi <- fit_psi(c(estimate, problem["family"]))
  other <- engine_other_modes(problem$design, problem$family, psi, rule$K, problem$control)
  if (other$better) {
    clusters <- level_counts(problem$design)[1L]
    warn("modes", "The integrand of some clusters has a higher mode than the rule is centred at.",
      given = paste(other$better, "of", clusters, "clusters"),
      hint = "Their integrals may be too small; compare with another link.", count = other$better
    )
  }
  rule$error <- rule$error + 2 * other$missed
  if (rule$auto && other$missed > problem$control$auto_tolerance) {
    note_other_modes(rule, 2 * other$missed)
  }
  rule
}

note_other_modes <- function(rule, error) {
  note("quadrature", paste0(
    "Integrands have other modes, of which the rule sees little: the log-likelihood may be off by ",
    "up to about ", signif(error, 2L), "."
  ), given = nodes_words(rule$K), hint = "Compare with another link.", K = rule$K, error = error)
}
