# What the user must know of a marginal fit, one condition for each cause.

#' Raise what must be known of a fit
#' @param fit From [engine_gee_fit()], with names and `boundary`.
#' @section Conditions: errors `gee_failed`, `few_pairs`, `correlation`; warnings `few_pairs`,
#'   `convergence`, `correlation`, `edge`; notes `no_pairs`, `boundary`, `two_step`.
#' @noRd
report_gee <- function(fit, design, family, correlation, control) {
  check_pairs(fit, design, correlation, control)
  solved <- fit$status == "ok" && fit$converged
  if (!solved && fit$separation$separated) refuse_separated(fit$separation)
  if (fit$status != "ok") refuse_gee(fit$status)
  if (!solved) {
    warn("convergence", "The estimating equations were not solved.",
      given = paste0(
        count_of(fit$iterations - 1L, "iteration"), "; the last step was ",
        format(signif(fit$criterion, 2L)), " standard errors"
      ),
      hint = "Try corstr = \"independence\", or a larger `max_iterations` in gee_control()."
    )
  }
  report_moved(fit, correlation, control)
  note_two_step(fit)
  if (has_identity_link(family)) warn_edge(fit, design, family)
  note_no_pairs(fit)
  note_boundary(fit, correlation, control)
}

#' Say that the moment estimates form no correlation matrix
#'
#' What other software prints is not what another matrix gives, so that a method that is named after
#' it does not replace it.
#' @section Conditions: warning `correlation`, an error with other methods than `"default"`.
#' @noRd
report_moved <- function(fit, correlation, control) {
  if (!fit$clamped) return(invisible())
  several <- correlation_fact(correlation, "matrix")
  default <- !several || control$alpha_method == "default"
  raise <- if (default) warn else abort
  raise("correlation", paste(
    "The estimated correlations form no valid correlation matrix, or one that is nearly",
    "singular."
  ),
    given = paste0(
      "working correlation ", correlation$label,
      if (!default) paste0(", alpha_method = \"", control$alpha_method, "\"")
    ),
    hint = if (default) {
      c(
        paste0(
          correlation_fact(correlation, "moved")(), "; robust SEs remain valid with many clusters."
        ),
        "With fewer than 40 clusters intervals can be too narrow: use a simpler correlation."
      )
    } else {
      c(
        "A simpler working correlation may describe the data better.",
        "alpha_method = \"default\" of gee_control() goes on with others."
      )
    }
  )
}

# A warning has said it where the correlations form no matrix.
note_two_step <- function(fit) {
  if (!fit$two_step || fit$clamped) return(invisible())
  part <- if (fit$share < 1) paste(format(signif(fit$share, 2L)), "of ") else ""
  text <- paste0(
    "No correlation agrees with the residuals that it leads to, as can happen with few clusters. ",
    "The fit uses ", part, "that of independent rows' residuals; robust SEs remain valid."
  )
  note("two_step", text,
    hint = paste(
      "A simpler working correlation may have a joint solution;",
      "corstr = \"independence\" always has."
    )
  )
}

# An identity link may end with means at 0 or 1 (where all responses of a group are there): the
# variance vanishes with them.
warn_edge <- function(fit, design, family) {
  range <- family_tools(family)$mean_range
  mean <- identity_means(design, fit$beta, sum) / nrow(design$X)
  edge <- identity_means(design, fit$beta, count_near, range, 1e-6 * min(mean, 1))
  if (!edge) return(invisible())
  warn("edge", "Standard errors are not valid for means at the end of their range.",
    given = paste0(
      "fitted means of ", count_of(edge, "row"), " at ",
      paste(range[is.finite(range)], collapse = " or ")
    ),
    hint = "Another link keeps them inside; marginal_standardization() gives differences from it."
  )
}

count_near <- function(mu, range, distance) {
  sum(pmin(mu - range[1L], range[2L] - mu) < distance)
}

# What a sum over rows, with its further arguments, makes of the means of a model with an identity
# link.
identity_means <- function(design, beta, sums, ...) UseMethod("identity_means")

#' @export
identity_means.default <- function(design, beta, sums, ...) {
  sums(row_offset(design) + drop(design$X %*% beta), ...)
}

note_no_pairs <- function(fit) {
  unknown <- setdiff(names(fit$alpha)[is.na(fit$alpha)], if (any(fit$pairs > 0)) "decay")
  if (!length(unknown)) return(invisible())
  note("no_pairs", "A correlation is not estimated where no cluster has two such rows.",
    given = paste("no such rows for", some_of(unknown)), hint = "It is NA; the fit doesn't use it."
  )
}

note_boundary <- function(fit, correlation, control) {
  if (length(fit$boundary)) correlation_fact(correlation, "boundary")(fit, control)
}

#' Check that the correlations rest on more pairs than there are coefficients
#'
#' Otherwise "pairs - p" is no divisor.
#' @section Conditions: error `few_pairs` with `alpha_method = "sas"`, warning `few_pairs` with
#'   `"default"`, which then divides by the number of pairs.
#' @noRd
check_pairs <- function(fit, design, correlation, control) {
  strict <- control$alpha_method == "sas"
  if (!strict && control$alpha_method != "default") return(invisible())
  few <- which(fit$pairs > 0 & fit$pairs <= ncol(design$X))
  few <- few[few <= correlation_fact(correlation, "own_pairs")]
  if (!length(few)) return(invisible())
  labels <- names(fit$alpha)
  raise <- if (strict) abort else warn
  raise("few_pairs", paste(
    "A correlation has too few pairs of rows for the divisor pairs - p, where p is the number of",
    "coefficients."
  ),
    given = paste0(
      some_of(paste0(labels[few], " (", count_of(fit$pairs[few], "pair"), ")")), "; p = ",
      ncol(design$X)
    ),
    hint = c(
      if (!strict) "For these the divisor is the number of pairs.",
      "A simpler working correlation needs fewer pairs; alpha_method = \"geepack\" subtracts no p."
    )
  )
}

refuse_separated <- function(separation) {
  abort("gee_failed", "The estimating equations have no finite solution.",
    given = paste("estimates run to infinity for", some_of(code(separation$terms), 10L)),
    hint = "bias_reduce = TRUE keeps them finite."
  )
}

refuse_gee <- function(status) {
  must <- switch(status,
    invalid_start = "The means at the starting values must lie inside their range.",
    singular = "The information matrix is not positive definite.",
    no_valid_step = "The search for a solution left the range of the means.",
    no_scale = "All residuals are zero, so the scale can't be estimated."
  )
  hint <- switch(status,
    invalid_start = "Other starting values (`start`) or another link may help.",
    no_valid_step = , singular = c(
      "A simpler working correlation may help: corstr = \"independence\" needs no estimate.",
      "Are responses separated, or fitted means at the end of their range?"
    ),
    no_scale = c(
      "Is the response constant? Are there as many coefficients as rows?",
      "A known scale can be fixed: scale = 1."
    )
  )
  abort("gee_failed", must, given = paste("engine status", status), hint = hint)
}
