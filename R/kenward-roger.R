# Covariance and degrees of freedom of Kenward and Roger (1997), for any family: those of the
# working linear mixed model at the conditional modes, y* = X beta + Z b + e with var(e) = W^-1.

#' The working linear mixed model at the estimates of a fit
#'
#' The free entries of Sigma are parameters whatever their estimates, so that a variance of zero is
#' uncertain too and the choice of columns of Z does not matter. So is the dispersion where the
#' variance of a response is a multiple of it, but for a residual variance of zero beside related
#' levels; that of other families counts as known. So are the parameters rho of relations between
#' levels, unless they are at an end of their range or their variance is zero. V is not linear in
#' rho; the pieces are those of its first derivatives.
#'
#' @return A list: `Phi` (p x p, the covariance of beta at known variances), `P`, `Omega`, `Phi_0`,
#'   `correction`, `change` as from [engine_kenward_roger()], and `most`, the largest degrees of
#'   freedom: the residual ones. Or a word that says why there is none: `"bridge"` or `"t"` (effects
#'   are not normal), `"smooth"` (there are smooth terms), `"structured"` (entries of Sigma depend
#'   on each other), `"dispersion"` (it has a formula), `"related"` (too many related levels),
#'   `"shards"` (crossed factors whose rows are there), `"large"` or, if linear, `"linear_large"`
#'   (too many crossed levels), `"singular"` (the data can't tell the variances), `"no_fit"`.
#' @noRd
working_model <- function(fit) {
  fit <- model_of(fit)
  remember(fit, "working_model", working_model_at(fit))
}

working_model_at <- function(fit) {
  design <- fit$design
  unsuited <- unsuited_design(design, fit$family)
  if (!is.null(unsuited)) return(unsuited)
  if (!fixed_count(design) || anyNA(diag(fit$vcov_full)[seq_along(fit$beta)])) return("no_fit")
  pieces <- kenward_roger_pieces(design, fit)
  if (pieces$status != "ok") return("singular")
  scale <- if (scales_variance(fit$family) && !at_dispersion_limit(fit)) {
    v <- c(sigma_entries(fit), 0 * estimated_rho(fit)) # V is homogeneous in Sigma and phi
    list(v = v, phi = fit$phi, N = stats::nobs(fit))
  }
  out <- engine_kenward_roger(pieces, as.list(scale))
  if (!out$definite) return("singular")
  out$most <- residual_df(fit)
  out
}

kenward_roger_pieces <- function(design, fit) UseMethod("kenward_roger_pieces")

#' @export
kenward_roger_pieces.default <- function(design, fit) {
  W <- engine_row_weights(fit, mode_predictor(fit))
  engine_kenward_roger_pieces(design, W, fit, fit$control, estimated_rho(fit))
}

# The entries of rho that are neither at an end of their range nor without a meaning.
estimated_rho <- function(fit) {
  design <- fit$design
  if (supports(design, "unrelated")) return(integer())
  which(!unidentified_rho(design, fit$Lambda) & !nzchar(rho_ends(design, fit$rho)))
}

# Why a design has no working model, or NULL.
unsuited_design <- function(design, family) {
  if (is_penalized(design)) return("penalized")
  if (!supports(design, "normal")) return(random_distribution(design)$name)
  if (supports(design, "curves")) return("smooth")
  if (!has_full_covariance(design)) return("structured")
  if (has_dispersion_formula(design)) return("dispersion")
  unsuited_size(design, family)
}

unsuited_size <- function(design, family) {
  if (!supports(design, "unrelated")) {
    return(if (related_size(design) > largest_related) "related")
  }
  if (supports(design, "shards") && !supports(design, "clusters")) return("shards")
  if (!supports(design, "factor") || border_size(design) > largest_border) {
    return(if (is_linear(family)) "linear_large" else "large")
  }
}

# Effects of all factors but the largest in one independent cluster: the size of a dense matrix.
border_size <- function(design) {
  q <- lengths(lapply(design$groups, `[[`, "columns"))
  levels <- lengths(lapply(design$groups, `[[`, "levels"))
  most <- vapply(seq_along(q), function(k) levels_together(design, k), 1L)
  sum((q * most)[-which.max(levels)])
}

largest_border <- 500 # takes about a second

# Dense matrices of all effects of each independent block, of levels with and without rows: as much
# work as one block of so many.
related_size <- function(design) sum(effects_by_block(design)^3)^(1 / 3)

effects_by_block <- function(design) {
  rows <- cluster_codes(design)
  counts <- lapply(seq_along(design$groups), function(k) {
    group <- design$groups[[k]]
    block <- group$cluster %||% (rows[!duplicated(row_levels(design, k))] - 1L)
    length(group$columns) * tabulate(block + 1L, cluster_count(design))
  })
  Reduce(`+`, counts)
}

largest_related <- 1000 # takes about a second

residual_df <- function(fit) max(total_size(fit$design) - length(fit$beta), 1)

total_size <- function(design) UseMethod("total_size")

#' @export
total_size.default <- function(design) sum_stored(stored_sizes(design), length(design$y))

# X beta + offset + Z b at the modes.
mode_predictor <- function(fit) {
  rows <- fitted_rows(fit, "eb")
  add_effects(drop(rows$X %*% fit$beta) + rows$offset, mode_effects(fit), rows, fit$design)
}

sigma_entries <- function(fit) {
  tcrossprod(fit$Lambda)[first_entries(fit$design)]
}

#' Covariance of Kenward and Roger
#'
#' J^-1 at the restricted estimate of the variances, J minus the Hessian of the log-likelihood in
#' beta, plus their correction for the estimation of the weights; of estimates by maximum likelihood
#' as [variance_at_ml()] says.
#'
#' @return A list: `vcov` (p x p); `working`, the working model at that estimate.
#' @section Errors: `kenward_roger` where there is no working model, and those of
#'   [restricted_estimate()].
#' @noRd
kenward_roger_vcov <- function(fit) {
  fit <- model_of(fit)
  remember(fit, "kenward_roger", restricted_vcov(fit))
}

restricted_vcov <- function(fit) {
  check_working_model(working_model(fit))
  restricted <- quietly(restricted_estimate(fit))
  if (!isTRUE(restricted$converged)) {
    abort("restricted", "The search for the restricted estimate of the variances did not converge.",
      hint = "Use the model-based covariance."
    )
  }
  at <- fit
  parts <- c("beta", "theta", "rho", "phi", "Lambda", "modes")
  at[parts] <- restricted[parts]
  working <- check_working_model(working_model_at(at))
  J_inverse <- scaled_inverse(restricted$J)
  vcov <- if (isTRUE(fit$REML)) {
    J_inverse + working$correction
  } else {
    variance_at_ml(way_of_fit(fit), fit, at, J_inverse, working)
  }
  list(vcov = named_square((vcov + t(vcov)) / 2, names(fit$beta)), working = working)
}

#' The covariance of beta estimated by maximum likelihood
#'
#' In a linear model it is J^-1 + 2 Lambda, 2 Lambda being the correction: one Lambda is the bias of
#' J^-1, the other what beta varies because the weights do. In a nonlinear one it is
#'
#'   A (J^-1 + 2 Lambda) A' + (S - A Lambda A')_+
#'
#' S is the observed form of the second Lambda, how the estimates of beta move with those of the
#' variances; beside the weights it holds that coefficients grow with the variances if they are not
#' zero. What of it is more than Lambda is added, so that nothing counts twice. A = dbeta_ML /
#' dbeta: where variances are too small beta is too near to zero, and so is its error.
#'
#' @param at The fit at the restricted estimate.
#' @param working The working model there.
#' @return p x p.
#' @noRd
variance_at_ml <- function(way, fit, at, J_inverse, working) UseMethod("variance_at_ml")

#' @export
variance_at_ml.margmix_exact <- function(way, fit, at, J_inverse, working) {
  J_inverse + working$correction
}

#' @export
variance_at_ml.default <- function(way, fit, at, J_inverse, working) {
  A <- shift_at_ml(fit, at)
  excess <- shared_variance(fit) - A %*% (working$correction / 2) %*% t(A)
  A %*% (J_inverse + working$correction) %*% t(A) + engine_positive_part(excess, working$Phi)
}

# dbeta_ML / dbeta. Where the truth moves by d, the mean of a row with derivative mu' in eta moves
# by mu' x'd, here as at the restricted estimate, and its working response by that / mu'_ML, from
# which the estimate comes at the weights of maximum likelihood.
shift_at_ml <- function(fit, at) working_model(fit)$Phi %*% shifted_products(fit$design, fit, at)

#' X'V^-1 R X of the working model, R being mu' at the restricted estimate over mu' of the fit
#'
#' A sum over clusters, as are the pieces of Kenward and Roger.
#' @return p x p.
#' @noRd
shifted_products <- function(design, fit, at) UseMethod("shifted_products")

#' @export
shifted_products.default <- function(design, fit, at) {
  slope <- function(fit) fit$family$mu.eta(mode_predictor(fit))
  ratio <- slope(at) / slope(fit)
  ratio[!is.finite(ratio)] <- 1
  W <- engine_row_weights(fit, mode_predictor(fit))
  engine_working_products(design, W, fit, ratio * design$X, fit$control)
}

# What estimating the variances adds to the variance of beta by the observed information, V - J^-1.
shared_variance <- function(fit) {
  beta <- seq_along(fit$beta)
  free <- !is.na(diag(fit$vcov_full))
  J <- scaled_inverse(fit$vcov_full[free, free])[beta, beta, drop = FALSE]
  fit$vcov_full[beta, beta, drop = FALSE] - scaled_inverse(J)
}

check_working_model <- function(x) {
  if (is.list(x)) return(x)
  abort("kenward_roger", "`vcov = \"KR\"` needs a working linear mixed model.",
    given = no_working_model[[x]], hint = "Use the model-based covariance."
  )
}

too_many_crossed <- paste(
  "crossed factors with more than", largest_border, "levels beside the largest"
)
no_working_model <- c(
  bridge = "random effects with a bridge distribution",
  t = "random effects with a t distribution", smooth = "smooth terms",
  related = paste("the work of more than", largest_related, "related levels"),
  penalized = "a fit without a penalty",
  structured = "a covariance of random effects whose entries depend on each other",
  dispersion = "a dispersion that depends on covariates",
  shards = "crossed factors in shards", large = too_many_crossed, linear_large = too_many_crossed,
  singular = "data that can't tell the variances from the fixed effects",
  no_fit = "a fit without a covariance of its coefficients"
)

#' The covariance matrix of the coefficients that tests and intervals take
#'
#' That of Kenward and Roger; the model-based one where, to first order in the working model, no
#' variance would change by 0.5%, which needs its pieces alone, and where there is no other.
#'
#' @return A list: `type` (`"KR"` or `"model"`), `vcov`, and for the latter the `reason`.
#' @noRd
default_covariance <- function(fit, design = fit$design) UseMethod("default_covariance", design)

#' @export
default_covariance.default <- function(fit, design) {
  fit <- model_of(fit)
  working <- working_model(fit)
  reason <- if (!is.list(working)) working
  if (is.null(reason) && !isTRUE(fit$REML) && working$change < 0.005) reason <- "near"
  if (is.null(reason)) {
    found <- remember(fit, "default", tryCatch(kenward_roger_vcov(fit),
      margmix_error_restricted = identity, margmix_error_kenward_roger = identity
    ))
    if (!inherits(found, "condition")) return(c(list(type = "KR"), found))
    reason <- "restricted"
  }
  c(list(type = "model", reason = reason), beta_vcov(fit, "model"))
}

# Why the default is not that of Kenward and Roger, for the line that names it.
default_reasons <- c(
  near = "small-sample correction below 1%", bridge = "", t = "", smooth = "", structured = "",
  penalized = "", dispersion = "", shards = "no Kenward-Roger in shards",
  related = "too large for Kenward-Roger", large = "too large for Kenward-Roger",
  linear_large = "too large for Kenward-Roger", survey = "",
  singular = "no Kenward-Roger: the data can't tell the variances", no_fit = "",
  restricted = "no restricted estimate"
)

#' Compute once for the estimates of a fit
#'
#' The results are kept in an environment that copies of the fit share, and are used only for the
#' estimates that they were computed from.
#'
#' @noRd
remember <- function(fit, name, value) {
  memory <- fit$memory
  if (is.null(memory)) return(value)
  estimates <- fit[c("beta", "theta", "rho", "phi", "REML")]
  if (!identical(memory$estimates, estimates)) {
    rm(list = ls(memory), envir = memory)
    memory$estimates <- estimates
  }
  if (is.null(memory[[name]])) assign(name, value, envir = memory)
  memory[[name]]
}
