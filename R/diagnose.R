# What the diagnostics share.

#' @section Errors: `random_distribution`.
#' @noRd
check_normal <- function(fit, what) {
  if (supports(fit$design, "normal")) return(invisible())
  abort("random_distribution", paste0(what, " is for normal random effects."),
    given = law_noun(random_distribution(fit$design))
  )
}

print_problems <- function(problems, none) {
  if (!length(problems)) {
    say(none, "\n", sep = "")
    return(invisible())
  }
  say(paste0("* ", problems), sep = "\n")
}

#' Parameters in the user's words
#' @return Words for the rows of `vcov(fit, full = TRUE)`.
#' @noRd
parameter_words <- function(fit) {
  design <- fit$design
  columns <- column_names(design)
  row <- columns[theta_rows(design)]
  column <- columns[theta_columns(design)]
  by <- group_labels(design)[column_groups(design)][theta_rows(design)]
  c(
    paste0("coefficient of ", names(fit$beta)),
    ifelse(row == column, paste0("spread of ", row, " by ", by),
      paste0("covariance of ", row, " and ", column, " by ", by)
    ),
    reading_names(design),
    if (has_phi(fit$family)) "dispersion"
  )
}
