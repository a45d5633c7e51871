# What the diagnostics share.

check_glmm <- function(fit, name = "fit") {
  if (inherits(fit, "margmix_glmm")) return(invisible())
  abort("argument", paste0(code(name), " must be a fit of glmm()."), given = class(fit)[1L])
}

#' @section Errors: `random_distribution`.
#' @noRd
check_normal <- function(fit, what) {
  if (!is_bridge(fit$family)) return(invisible())
  abort("random_distribution", paste0(what, " is for normal random effects."), given = "\"bridge\"")
}

print_problems <- function(problems, none) {
  if (!length(problems)) {
    cat(none, "\n", sep = "")
    return(invisible())
  }
  cat(paste0("* ", problems), sep = "\n")
}

#' Parameters in the user's words
#' @return Words for the rows of `vcov(fit, full = TRUE)`.
#' @noRd
parameter_words <- function(fit) {
  design <- fit$design
  columns <- column_names(design)
  row <- columns[design$theta_row + 1L]
  column <- columns[design$theta_col + 1L]
  by <- group_labels(design)[column_groups(design)][design$theta_row + 1L]
  c(
    paste0("coefficient of ", names(fit$beta)),
    ifelse(row == column, paste0("spread of ", row, " by ", by),
      paste0("covariance of ", row, " and ", column, " by ", by)
    ),
    if (has_phi(fit$family)) "dispersion"
  )
}
