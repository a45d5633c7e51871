# A dispersion that depends on covariates: log phi = D gamma, a row of D for each observation. gamma
# are the last entries of psi, where otherwise log phi is; `dispersion = ~ 1` is that other case.

#' Read the `dispersion` argument of glmm()
#'
#' @param parsed From [parse_formula()].
#' @param dispersion A one-sided formula.
#' @return `parsed`; unless the formula is `~ 1`, with it as `dispersion`, and its variables in
#'   `frame`.
#' @section Errors: `dispersion`.
#' @noRd
with_dispersion <- function(parsed, dispersion) {
  check_dispersion_formula(dispersion)
  if (identical(dispersion[[2L]], 1)) return(parsed)
  parsed$dispersion <- dispersion
  environment(parsed$dispersion) <- environment(parsed$fixed)
  parsed$frame <- frame_formula(parsed$fixed, parsed$random, parsed$dispersion)
  parsed
}

check_dispersion_formula <- function(dispersion) {
  refuse <- function(must, hint = NULL) {
    given <- if (is.language(dispersion)) expression_text(dispersion) else class(dispersion)[1L]
    abort("dispersion", must, given = given, hint = hint)
  }
  if (!inherits(dispersion, "formula") || length(dispersion) != 2L) {
    refuse("`dispersion` must be a one-sided formula, such as ~ x.")
  }
  if (any(c("|", "||", ".") %in% all.names(dispersion))) {
    refuse("`dispersion` must be a formula of covariates, without random terms or a dot.")
  }
  if (has_smooth(dispersion[[2L]])) {
    refuse("`dispersion` must have no smooth terms.", "splines::ns(x, 4) is a curve.")
  }
  part <- stats::terms(dispersion)
  if (length(attr(part, "offset"))) {
    refuse("`dispersion` must have no offset().", "Known precisions of responses are `weights`.")
  }
  if (!attr(part, "intercept") && !length(attr(part, "term.labels"))) {
    refuse("`dispersion` must have a coefficient.", "~ 1 has one phi for all rows.")
  }
  invisible()
}

#' @section Errors: `dispersion`: the family has no phi.
#' @noRd
check_dispersion_family <- function(parsed, family) {
  if (is.null(parsed$dispersion) || has_phi(family)) return(invisible())
  other <- c(poisson = "nbinom2() or nbinom1()", binomial = "betabinomial()")[family$family]
  abort("dispersion", "A `dispersion` formula requires a family that has a dispersion phi.",
    given = paste0(family_label(family), ", dispersion = ", expression_text(parsed$dispersion)),
    hint = paste0("With ", other, " the variance of a response is free.")
  )
}

#' The design of the dispersion
#'
#' @param part Terms of the formula, or `NULL`.
#' @param covariates,contrasts,rows As for [fixed_design()].
#' @return `NULL`, or a list: `D` (n x r) of full column rank, and `dispersion`, a list of its
#'   `terms`, `xlevels` and `contrasts`.
#' @section Errors: `dispersion_rank`, `not_finite`.
#' @noRd
dispersion_design <- function(part, covariates, contrasts, rows) {
  if (is.null(part)) return(NULL)
  found <- part_matrix(part, covariates, contrasts)
  D <- found$X
  facts <- engine_column_facts(D, gram = TRUE)
  check_finite_columns(D, rows, facts$mean)
  aliased <- aliased_columns(D, attr(part, "intercept") == 1L, facts$gram)
  if (any(aliased)) {
    abort("dispersion_rank", "The columns of `dispersion` must be linearly independent.",
      given = paste0(
        some_of(code(names(which(aliased))), 10L), " (constant, or determined by others)"
      ),
      hint = "Leave such terms out of the formula."
    )
  }
  attr(D, "assign") <- attr(D, "contrasts") <- NULL
  list(D = D, dispersion = list(
    terms = part, xlevels = stats::.getXlevels(part, covariates), contrasts = found$contrasts
  ))
}

#' What does not go with a dispersion formula
#' @section Errors: `too_large`.
#' @noRd
check_dispersion_fit <- function(design) {
  if (has_dispersion_formula(design)) check_factorable(design, "a dispersion formula.")
}

# Has each row a phi of its own?
has_dispersion_formula <- function(design) !is.null(design$D)

# Parameters ---------------------------------------------------------------------------------------

#' The last entries of psi: gamma of a dispersion formula, log phi, or none
#'
#' @return `aux_count()`: how many; `fit_aux()`: those of a fit; `aux_phi()`: phi of each row, or
#'   of all; `aux_start()`: those with a given log phi in each row; `last_entries()`: of psi.
#' @noRd
aux_count <- function(design, family) if (has_phi(family)) max(1L, ncol(design$D)) else 0L

aux_names <- function(design, family) {
  if (!has_dispersion_formula(design)) return(if (has_phi(family)) "log_phi")
  paste0("log_phi_", colnames(design$D))
}

fit_aux <- function(fit) fit$gamma %||% if (has_phi(fit$family)) log(fit$phi)

aux_phi <- function(design, family, aux) {
  if (!has_phi(family)) return(1)
  if (has_dispersion_formula(design)) exp(drop(design$D %*% aux)) else exp(aux[[1L]])
}

aux_start <- function(design, log_phi) {
  if (is.null(log_phi) || !has_dispersion_formula(design)) return(log_phi)
  unname(qr.coef(qr(design$D), rep(log_phi, nrow(design$D))))
}

# Of the rows, on average; aux are the last entries of psi.
mean_log_phi <- function(design, psi) {
  if (!has_dispersion_formula(design)) return(psi[length(psi)])
  sum(colMeans(design$D) * last_entries(psi, ncol(design$D)))
}

last_entries <- function(psi, count) psi[length(psi) - count + seq_len(count)]

# gamma by its columns of D; of one phi for all rows the intercept alone.
fit_aux_named <- function(fit) {
  fit$gamma %||% if (has_phi(fit$family)) c(`(Intercept)` = log(fit$phi)) else numeric()
}

# x of the optimiser moves log phi by about one.
aux_scale <- function(design, family) {
  if (!has_dispersion_formula(design)) return(diag(aux_count(design, family)))
  backsolve(chol(crossprod(design$D) / nrow(design$D)), diag(ncol(design$D)))
}

# Changes of psi that move log phi by about one.
aux_unit <- function(design, family) {
  if (has_dispersion_formula(design)) 1 / column_rms(design$D) else rep(1, has_phi(family))
}

#' One phi for all rows
#'
#' @param what A quantity that is defined by it, as the end of a sentence.
#' @section Errors: `dispersion_formula`.
#' @noRd
shared_phi <- function(fit, what) {
  if (!has_dispersion_formula(fit$design)) return(fit$phi)
  abort("dispersion_formula", paste0("One dispersion for all rows is needed for ", what, "."),
    given = paste("dispersion =", expression_text(fit$frame$parsed$dispersion)),
    hint = "update(fit, dispersion = ~ 1) has one."
  )
}
