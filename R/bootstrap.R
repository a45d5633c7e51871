# Bootstrap of a fit: responses drawn from the model, or clusters drawn from the data.

#' Bootstrap of coefficients and standard deviations
#'
#' @description
#' ```
#' fit <- glmm(cbind(r, n - r) ~ seed + (1 | plate), seeds, binomial())
#' boot <- bootstrap(fit, 200, seed = 1)
#' confint(boot, method = "studentized")
#' confint(fit, method = "boot", B = 200, seed = 1)
#' ```
#'
#' @details
#' * `type = "parametric"` draws new random effects and responses from the fitted model, for the
#'   clusters and covariates of the data. It is valid if the model is correct.
#' * `type = "cluster"` draws whole clusters with replacement. It assumes only that clusters are
#'   independent, and needs about 30 of them.
#'
#' Each replicate has its own seed, drawn from `seed`, so results do not depend on `cl` and a
#' replicate can be repeated. Failed replicates are counted by reason and left out.
#'
#' Intervals of `confint()`: `"percentile"`; `"bca"`, corrected for bias and skewness, with the
#' acceleration from the influence of each cluster (Efron 1987); or `"studentized"`, from
#' (estimate - original) / SE of the replicates, for coefficients only and the best choice with few
#' clusters.
#'
#' @param fit A fit of [glmm()] (coefficients are conditional on the cluster) or [gee()] (marginal,
#'   `type = "cluster"` only).
#' @param B Number of replicates, at most a million.
#' @param type `"parametric"` or `"cluster"`; the default is the first of these available for `fit`.
#' @param seed A whole number, or `NULL` for R's current state.
#' @param cl A cluster of [parallel::makeCluster()], or `NULL`.
#' @param ... Not used.
#' @return A list of class `margmix_bootstrap`: `estimate` and `se` of the fit; `replicates` and
#'   `replicate_se` (B rows, `NA` for replicates without a fit); `seeds`; `failed`, a table of
#'   reasons.
#' @section Conditions: errors `margmix_error_argument`, `margmix_error_bootstrap` (the type isn't
#'   available for the fit; no replicate could be fitted). Warning `margmix_warning_failed_refits`:
#'   more than 5% of the replicates could not be fitted; intervals are of the others only.
#' @references
#' Efron, B. (1987). Better bootstrap confidence intervals. *Journal of the American Statistical
#' Association* **82**, 171-185.
#' @examples
#' fit <- glmm(cbind(r, n - r) ~ seed + (1 | plate), seeds, binomial(), nAGQ = 5)
#' boot <- bootstrap(fit, 50, seed = 1)
#' boot
#' confint(boot, method = "bca")
#' @order 1
#' @export
bootstrap <- function(fit, B = 999, type = NULL, seed = NULL, cl = NULL, ...) {
  check_dots(..., known = names(formals(bootstrap)), elsewhere = replicates_elsewhere)
  types <- bootstrap_types(fit)
  type <- one_of(type %||% types[1L], types, "type")
  check_whole(B, "B", 2, 1e6)
  check_replicate_workers(cl)
  seeds <- with_seed(seed, sample.int(.Machine$integer.max, B))
  plan <- bootstrap_plan(fit, type)
  one <- function(seed) {
    with_seed(seed, bootstrap_fit(fit, draw_design(fit, type, plan), start))
  }
  known <- list(fit = fit, type = type, plan = plan, start = replicate_start(fit))
  environment(one) <- list2env(known, parent = topenv())
  rows <- if (is.null(cl)) lapply(seeds, one) else parallel::parLapply(cl, seeds, one)
  new_bootstrap(fit, rows, type, seeds)
}

check_replicate_workers <- function(cl) {
  if (is.null(cl)) return(invisible())
  answers <- if (inherits(cl, "cluster")) {
    tryCatch(length(parallel::clusterCall(cl, function() NULL)), error = conditionMessage)
  }
  if (is.numeric(answers) && answers > 0) return(invisible())
  abort("argument", "`cl` must be NULL or a cluster of parallel::makeCluster().",
    given = if (is.character(answers)) answers else class(cl)[1L],
    hint = if (is.character(answers)) "A cluster that was stopped does not answer."
  )
}

#' What a fit can be bootstrapped by, the default first
#' @noRd
bootstrap_types <- function(fit) UseMethod("bootstrap_types")

# lme4 and boot have other names for it.
replicates_elsewhere <- c(
  nsim = "`B` is the number of replicates.", R = "`B` is the number of replicates."
)

#' @export
bootstrap_types.margmix_glmm <- function(fit) {
  check_likelihood(fit$design, "bootstrap()", wald_hint)
  alone <- factor_count(fit$design) == 1L && supports(fit$design, "unrelated")
  c("parametric", if (alone) "cluster")
}

#' @export
bootstrap_types.margmix_gee <- function(fit) {
  if (!length(fit$schedule)) return("cluster")
  abort("bootstrap", "The bootstrap isn't available with weights over a schedule of visits.")
}

#' @export
bootstrap_types.default <- function(fit) {
  abort("argument", "`fit` must be a fit of glmm() or gee().", given = class(fit)[1L])
}

# What all replicates share.
bootstrap_plan <- function(fit, type) {
  if (type == "parametric") simulation_plan(fit, NULL, 1)
}

#' The design of a replicate
#' @noRd
draw_design <- function(fit, type, plan) {
  design <- fit$design
  if (type == "cluster") return(drawn_clusters(design))
  design$y <- as.numeric(simulate_response(fit, plan, FALSE))
  if (anyNA(row_response(design))) NULL else design
}

drawn_clusters <- function(design) {
  m <- length(design$levels)
  chosen <- sample.int(m, m, TRUE)
  size <- diff(design$start)[chosen]
  rows <- sequence(size, design$start[chosen] + 1L)
  out <- keep_rows(design, rows)
  for (name in intersect(c("time", "wave", "inner", "score_weight"), names(design))) {
    if (length(design[[name]])) out[[name]] <- design[[name]][rows]
  }
  if (length(design$cluster_weight)) out$cluster_weight <- design$cluster_weight[chosen]
  out$start <- c(0L, cumsum(size))
  out$levels <- make.unique(design$levels[chosen])
  out["order"] <- list(NULL)
  out
}

#' Quantities of a replicate, with standard errors of the coefficients
#' @return A list: `estimate`, `se`; or `failed`.
#' @noRd
bootstrap_fit <- function(fit, design, start = replicate_start(fit)) {
  if (is.null(design)) return(list(failed = "a drawn mean outside of its range"))
  bootstrap_quantities(fit, design, start)
}

# Where all replicates begin, if there is such a place.
replicate_start <- function(fit) UseMethod("replicate_start")

#' @export
replicate_start.margmix_glmm <- function(fit) refit_start(fit)

#' @export
replicate_start.default <- function(fit) NULL

bootstrap_quantities <- function(fit, design, start) UseMethod("bootstrap_quantities")

#' @export
bootstrap_quantities.margmix_glmm <- function(fit, design, start) {
  found <- refit_design(fit, design, start)
  if (!is.null(found$failed)) return(found)
  list(
    estimate = quantities_of(fit, found$psi, found$Lambda), se = found$se[seq_along(fit$beta)]
  )
}

#' @export
bootstrap_quantities.margmix_gee <- function(fit, design, start) {
  found <- tryCatch(
    quietly(fit_gee_design(design, fit$family, fit$correlation, fit$scale, fit$bias_reduce,
      control = fit$control
    )),
    margmix_error = function(e) strsplit(conditionMessage(e), "\n", fixed = TRUE)[[1L]][1L]
  )
  if (is.character(found)) return(list(failed = found))
  if (!found$convergence$converged) return(list(failed = "no convergence"))
  fit[names(found)] <- found
  fit$design <- design
  list(estimate = found$beta, se = unname(sqrt(diag(beta_vcov(fit, "robust")$vcov))))
}

# Estimates and standard errors of the fit itself, as those of the replicates.
bootstrap_origin <- function(fit) UseMethod("bootstrap_origin")

#' @export
bootstrap_origin.margmix_glmm <- function(fit) {
  se <- sqrt(diag(fit$vcov_full))[seq_along(fit$beta)]
  estimate <- quantities_of(fit, fit_psi(fit), fit$Lambda)
  list(estimate = stats::setNames(estimate, quantity_names(fit)), se = unname(se))
}

#' @export
bootstrap_origin.margmix_gee <- function(fit) {
  list(estimate = fit$beta, se = unname(sqrt(diag(beta_vcov(fit, "robust")$vcov))))
}

new_bootstrap <- function(fit, rows, type, seeds) {
  failed <- vapply(rows, function(row) row$failed %||% NA_character_, "")
  origin <- bootstrap_origin(fit)
  if (all(!is.na(failed))) {
    abort("bootstrap", "None of the replicates could be fitted.", given = some_of(unique(failed)))
  }
  if (mean(!is.na(failed)) > 0.05) {
    warn("failed_refits", "Some replicates could not be fitted; intervals use the others.",
      given = paste(sum(!is.na(failed)), "of", length(failed), "have none"),
      hint = "See `failed` of the result."
    )
  }
  column <- function(name, length) {
    t(vapply(rows, function(row) row[[name]] %||% rep(NA_real_, length), numeric(length)))
  }
  p <- length(fit$beta)
  replicates <- matrix(column("estimate", length(origin$estimate)), length(rows))
  colnames(replicates) <- names(origin$estimate)
  structure(
    list(
      estimate = origin$estimate, se = origin$se, replicates = replicates,
      replicate_se = matrix(column("se", p), length(rows)), seeds = seeds,
      failed = table(failed[!is.na(failed)], dnn = NULL), type = type,
      acceleration = acceleration(fit), heading = predictor_heading(fit), size = size_words(fit)
    ),
    class = "margmix_bootstrap"
  )
}
