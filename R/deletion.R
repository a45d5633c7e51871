# The coefficients without each cluster: all parameters moved to second order, or fitted again.

#' Coefficients minus those without each cluster
#' @param update `"joint"` or `"full"`.
#' @return m x p.
#' @section Errors: `update`, `shards`, `jackknife`. Warnings: `influence`.
#' @noRd
deletion_changes <- function(fit, update) {
  changes <- if (update == "full") refitted_changes(fit) else joint_changes(fit)
  dimnames(changes) <- list(cluster_levels(fit$design), names(fit$beta))
  changes
}

refitted_changes <- function(fit) {
  check_in_memory(fit$design)
  check_can_leave_out(fit$design)
  beta <- estimated_coefficients(fit)
  m <- cluster_count(fit$design)
  changes <- vapply(seq_len(m), function(i) {
    beta - estimated_coefficients(refitted_without(fit, i))
  }, beta)
  matrix(changes, m, byrow = TRUE)
}

# Can the rows of one cluster be taken out of a design?
check_can_leave_out <- function(design) UseMethod("check_can_leave_out")

#' @export
check_can_leave_out.default <- function(design) invisible()

#' @export
check_can_leave_out.margmix_several_factors <- function(design) {
  refuse_update("full", paste("factors", some_of(code(group_labels(design)))),
    "update(fit, subset = ) leaves rows out; update = \"joint\" needs no fits."
  )
}

refuse_update <- function(update, given, hint) {
  abort("update", paste0("update = \"", update, "\" is not available for this fit."),
    given = given, hint = hint
  )
}

joint_changes <- function(fit) {
  check_in_memory(fit$design)
  refused <- without_joint_update(fit)
  if (length(refused)) {
    refuse_update("joint", refused, "update = \"full\" fits the model without each cluster.")
  }
  if (!length(fit$beta)) return(matrix(0, cluster_count(fit$design), 0L))
  found <- engine_deletion(fit)
  # where a cluster alone determines a coefficient there is nothing without it
  alone <- is.nan(engine_influence(cluster_pieces(fit))$dfbeta[, 1L])
  found$steps[alone, ] <- NaN
  warn_of_far_clusters(fit, which(!alone & !(found$second <= far_step)))
  found$steps[, seq_along(fit$beta), drop = FALSE]
}

# A second step that is half as long as the first: the third would matter, too.
far_step <- 0.5

warn_of_far_clusters <- function(fit, far) {
  if (!length(far)) return(invisible())
  warn("influence",
    "Some clusters move the estimates further than an expansion to second order follows.",
    given = paste(code(cluster_group(fit$design)), some_of(cluster_levels(fit$design)[far])),
    hint = "update = \"full\" fits the model without each cluster."
  )
}

#' Why all parameters can't be moved at once, words, or none
#' @noRd
without_joint_update <- function(fit) UseMethod("without_joint_update")

#' @export
without_joint_update.margmix_glmm <- function(fit) {
  c(
    if (isTRUE(fit$REML)) "a restricted likelihood, which is no sum over clusters",
    if (!is.null(penalty_factor(fit$design))) "a penalty",
    if (!is.null(random_distribution(fit$design)$estimated)) "estimated degrees of freedom"
  )
}

#' @export
without_joint_update.margmix_gee <- function(fit) {
  method <- fit$control$alpha_method
  c(
    if (!is.null(fit$schedule)) "weights over a schedule of visits",
    if (fit$bias_reduce) "equations with an adjustment for bias",
    if (method == "maee" || (method == "geepack" && !is.null(fit$scale))) {
      paste0("alpha_method = \"", method, "\"")
    }
  )
}
