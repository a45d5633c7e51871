# Clusters that were not in the fit, from responses of their own, at the fitted parameters.

#' The fit with clusters that have responses of their own in place of those of the fit
#'
#' Parameters, their covariance and the rule stay; the design is that of the new rows, and the modes
#' are theirs. So every method for the random effects of a fit serves new clusters, too.
#'
#' @param observed A data frame with response, covariates and grouping variable.
#' @section Errors: `observed`, `missing_values`, those of new data and of the response.
#' @noRd
with_new_clusters <- function(fit, observed) {
  check_one_factor(fit$design)
  check_likelihood(fit$design, "The posterior of a new cluster")
  observed <- as_newdata(observed)
  if (!nrow(observed)) abort("observed", "`observed` must have rows.", given = "0 rows")
  check_group_given(fit, observed)
  response <- new_response(fit, observed)
  rows <- design_newdata(fit, observed, na.action = stats::na.fail)
  label <- drop(rows$new_label)
  check_new_labels(fit, label, drop(rows$cluster))
  levels <- unique(label)
  order <- order(match(label, levels))
  design <- fit$design
  response$offset <- rows$offset
  new <- c(rows[c("X", "Z")], response)
  if (has_dispersion_formula(design)) new$D <- dispersion_rows(fit, observed)$D
  design[names(new)] <- lapply(new, take_rows, order)
  design$start <- as.integer(c(0L, cumsum(tabulate(match(label, levels)))))
  design$levels <- design$groups[[1L]]$levels <- levels
  design["order"] <- list(NULL)
  found <- engine_evaluate(
    design, fit$family, fit_psi(fit), fit$rule$K, control = fit$control
  )
  if (found$status != "ok") {
    abort("observed", "The fitted model has no likelihood for the responses of these new clusters.",
      given = some_of(levels)
    )
  }
  fit$phi <- aux_phi(design, fit$family, fit_aux(fit))
  fit$design <- design
  fit$modes <- final_modes(
    design, list(design = design, family = fit$family, control = fit$control),
    replace(unclass(fit), "modes", list(found$modes))
  )
  fit
}

check_one_factor <- function(design) UseMethod("check_one_factor")

#' @export
check_one_factor.default <- function(design) invisible()

#' @export
check_one_factor.margmix_several_factors <- function(design) {
  abort("observed", "Responses of new clusters are for models with one grouping factor.",
    given = some_of(code(group_labels(design)))
  )
}

check_new_labels <- function(fit, label, known) {
  old <- unique(cluster_levels(fit$design)[known[!is.na(known)]])
  if (!length(old)) return(invisible())
  abort("observed", "Responses can be given only for clusters that were not in the fit.",
    given = paste(code(cluster_group(fit$design)), some_of(old)),
    hint = "The responses of these clusters are part of the fit."
  )
}

# Response and weights of new rows, as the fit takes them.
new_response <- function(fit, observed) {
  lhs <- fit$frame$parsed$fixed[[2L]]
  env <- environment(fit$frame$parsed$fixed)
  absent <- setdiff(all.vars(lhs), names(observed))
  absent <- absent[absent %in% fit$frame$data_columns]
  if (length(absent)) {
    abort("observed", "`observed` must have the response of its rows.",
      given = paste("no", some_of(code(absent))), variables = absent
    )
  }
  y <- new_values(fit, lhs, observed, env, "the response")
  y <- with_old_levels(y, fit$frame$frame[[1L]])
  weights <- if (!is.null(fit$call$weights)) {
    as.numeric(new_values(fit, fit$call$weights, observed, env, "`weights`"))
  }
  family_tools(fit$family)$response(
    y, weights, weights_type(fit$design), attr(observed, "row.names")
  )
}

# A factor, by value: its levels in another order would be other events.
with_old_levels <- function(y, old) {
  if (!is.factor(old)) {
    if (!is.factor(y)) return(y)
    abort("observed", "The response of new clusters is of another type than at the fit.",
      given = paste("a factor with levels", some_of(levels(y))),
      hint = paste("At the fit it was", class(old)[1L])
    )
  }
  unknown <- setdiff(as.character(y), levels(old))
  if (length(unknown)) {
    abort("observed", "The response of new clusters must have the levels that it had at the fit.",
      given = some_of(unknown), hint = paste0("Levels: ", some_of(levels(old)), ".")
    )
  }
  factor(as.character(y), levels(old))
}

new_values <- function(fit, expr, observed, env, what) {
  x <- tryCatch(eval(expr, observed, env), error = function(e) e)
  if (inherits(x, "error") || NROW(x) != nrow(observed)) {
    abort("observed", paste("`observed` must have", what, "of its rows."),
      given = if (inherits(x, "error")) conditionMessage(x) else shape_text(x)
    )
  }
  old <- fit$frame$frame[[1L]]
  if (what == "the response" && NCOL(x) != NCOL(old)) {
    abort("observed", "The response of new clusters must be of the form that it had at the fit.",
      given = paste0(shape_text(x), "; at the fit: ", shape_text(old))
    )
  }
  missing <- is.na(if (is.matrix(x)) rowSums(x) else x)
  if (any(missing)) {
    abort("missing_values", "The variables of the model have missing values in `observed`.",
      given = some_rows(attr(observed, "row.names")[missing])
    )
  }
  x
}

#' Predictions of rows, some of them of new clusters with responses of their own
#' @return As [predict_rows()].
#' @noRd
predict_observed <- function(object, extended, rows, type, variance) {
  at <- match(drop(rows$new_label), cluster_levels(extended$design))
  own <- !is.na(at)
  mine <- take_prediction_rows(rows, own)
  mine$cluster <- matrix(at[own])
  mine["new_label"] <- list(NULL)
  rest <- take_prediction_rows(rows, !own)
  rest$new_label <- rows$new_label[!own, , drop = FALSE]
  a <- predict_rows(extended, mine, type, "eb", variance)
  b <- predict_rows(object, rest, type, "eb", variance)
  both <- function(name) {
    if (is.null(a[[name]])) return(NULL)
    out <- numeric(length(own))
    out[own] <- a[[name]]
    out[!own] <- b[[name]]
    out
  }
  list(fit = both("fit"), variance = if (variance) both("variance"))
}
