# The methods that every R model has: what a fit is made of.

#' Parts of a fit
#'
#' @description
#' ```
#' fit <- glmm(severe ~ treatment * scheduled + (1 | patient), toenail, binomial())
#' coef(fit)
#' logLik(fit)
#' AIC(fit)
#' ```
#'
#' @details
#' Rows are in the caller's order everywhere.
#'
#' * `coef()` and `fixef()`: the fixed effects on the scale of the predictor, conditional on the
#'   random effects. Aliased coefficients are `NA`, as for [stats::glm()].
#' * `fixef(fit, component = "dispersion")`: the coefficients gamma of a `dispersion` formula, on
#'   the scale of log phi; without such a formula, log phi itself.
#' * `sigma()`: the residual standard deviation of a Gaussian model, in units of the response. For
#'   other families see [dispersion_families]; 1 without a dispersion, `NA` with a `dispersion`
#'   formula (each row has its own).
#' * `logLik()`: the log-likelihood with all its constants, so that it is comparable between
#'   families, integration rules and packages. `df` counts coefficients, free entries of Lambda and
#'   the dispersion. With `REML = TRUE` it is the restricted log-likelihood. `deviance()` is -2
#'   times `logLik()` (not a distance to a saturated model).
#' * `nobs()`: the rows with a positive weight (and a positive number of trials); with
#'   `weights_type = "frequency"`, the sum of the weights. `df.residual()` is `nobs()` minus the
#'   number of parameters, for ratios such as Pearson's statistic divided by it. For t tests use the
#'   degrees of freedom of [summary.margmix_glmm()].
#' * `model.matrix()`: X without the columns of aliased coefficients; with `type = "random"`, the
#'   sparse n x (m q) matrix Z with a block of q columns for each of the m clusters, so that the
#'   predictor is offset + X beta + Z b.
#' * `weights()`: prior weights, times the number of trials for binomial families, as in
#'   [stats::glm()].
#' * `estfun()` and `bread()` of package \pkg{sandwich}: the efficient scores of the coefficients by
#'   cluster, with the variance parameters estimated, and m times their model-based covariance.
#'   `sandwich()` then gives `vcov(fit, "robust")`.
#' * `formula()`: the formula with its random terms, and with `.` expanded. `terms()`: the terms of
#'   the fixed part.
#'
#' `AIC()`, `BIC()` and `update()` work as usual; `update()` also finds the data of a fit made
#' inside a function. For `drop1()` and `step()` see [model-selection].
#'
#' @param object,x,formula A fit of [glmm()].
#' @param digits Significant digits to print.
#' @param type `"fixed"` for X, `"random"` for Z.
#' @param component `"mean"` or `"dispersion"`: which coefficients.
#' @param ... Not used.
#' @return As described.
#' @examples
#' fit <- glmm(seizures ~ treatment + period + (1 | subject), epilepsy, poisson())
#' fit
#' logLik(fit)
#' dim(model.matrix(fit, type = "random"))
#' update(fit, . ~ . + log(base))
#' @name glmm-methods
NULL

#' @rdname glmm-methods
#' @export
print.margmix_glmm <- function(x, digits = max(3L, getOption("digits") - 3L), ...) {
  digits <- known_digits(digits)
  say(fit_heading(x), sep = "\n")
  say("\n", format_logLik(x), "\n", sep = "")
  cat("\n")
  print(VarCorr(x), digits = digits)
  print_dispersion(x, digits)
  print_estimates(x, coefficient_heading(), "no fixed effects", digits)
}

#' @rdname glmm-methods
#' @export
coef.margmix_glmm <- function(object, ...) object$coefficients

#' @rdname glmm-methods
#' @export
fixef.margmix_glmm <- function(object, component = c("mean", "dispersion"), ...) {
  component <- one_of(component, c("mean", "dispersion"), "component")
  if (component == "mean") object$coefficients else fit_aux_named(object)
}

#' @rdname glmm-methods
#' @export
sigma.margmix_glmm <- function(object, ...) {
  if (has_dispersion_formula(object$design)) NA_real_ else object$phi^sigma_power(object$family)
}

#' @rdname glmm-methods
#' @export
logLik.margmix_glmm <- function(object, ...) {
  structure(object$logLik,
    df = length(fit_psi(object)) - length(object$theta) + covariance_parameters(object$design) +
      law_parameters(object$design),
    nobs = nobs(object), nall = nobs(object),
    REML = isTRUE(object$REML), class = "logLik"
  )
}

#' @rdname glmm-methods
#' @export
deviance.margmix_glmm <- function(object, ...) -2 * object$logLik

#' @rdname glmm-methods
#' @export
nobs.margmix_glmm <- function(object, ...) {
  used <- count_used(object$design)
  if (has_counted_rows(object$design)) used$weight else used$rows
}

#' @rdname glmm-methods
#' @export
df.residual.margmix_glmm <- function(object, ...) {
  nobs(object) - length(parameter_names(object)) - law_parameters(object$design)
}

#' @rdname glmm-methods
#' @export
family.margmix_glmm <- function(object, ...) object$family

#' @rdname glmm-methods
#' @export
formula.margmix_glmm <- function(x, ...) {
  # not x$formula, which step() overwrites by the fixed terms
  formula <- x$frame$parsed$formula
  if (!"." %in% all.names(formula)) return(formula)
  with_bars(x$frame$parsed$fixed, random_bars(x$frame$parsed))
}

with_bars <- function(formula, bars) {
  for (bar in bars) formula[[3L]] <- call("+", formula[[3L]], call("(", bar))
  formula
}

# Calls such as x | g, x || g without correlations, or cs(x | g).
random_bars <- function(parsed) {
  lapply(Filter(Negate(is_smooth), parsed$random), function(term) {
    if (!is_full(term$covariance)) {
      return(as.call(c(as.name(term$covariance), call("|", term$lhs[[2L]], term$group), term$rank)))
    }
    call(if (term$correlated) "|" else "||", term$lhs[[2L]], term$group)
  })
}

#' @rdname glmm-methods
#' @export
weights.margmix_fit <- function(object, ...) {
  design <- object$design
  weights <- row_weights(design) * row_trials(design)
  # by row they have been multiplied into the prior weights
  ipw <- row_ipw(design)
  if (!is.null(ipw)) weights <- weights * mean(ipw) / ipw
  weights <- caller_order(weights, design)
  names(weights) <- row.names(object$frame$frame)
  stats::naresid(object$na.action, weights)
}

#' @rdname glmm-methods
#' @export
terms.margmix_glmm <- function(x, ...) fixed_terms(x$design)

#' @rdname glmm-methods
#' @export
model.frame.margmix_glmm <- function(formula, ...) {
  check_in_memory(formula$design)
  formula$frame$frame
}

#' @rdname glmm-methods
#' @export
model.matrix.margmix_glmm <- function(object, type = c("fixed", "random"), ...) {
  type <- one_of(type, c("fixed", "random"), "type")
  if (type == "fixed") fixed_matrix(object) else random_matrix(object)
}

fixed_matrix <- function(fit) {
  X <- caller_order(design_X(fit$design), fit$design)
  rownames(X) <- row.names(fit$frame$frame)
  attr(X, "assign") <- column_terms(fit$design)
  attr(X, "contrasts") <- fit$contrasts
  X
}

# One block of columns per cluster, filled by row: entries of row j stand in those of its cluster.
random_matrix <- function(fit) {
  design <- fit$design
  row <- frame_rows(design)
  Z <- design_Z(design)
  blocks <- lapply(seq_len(factor_count(design)), function(k) {
    group <- random_factors(design)[[k]]
    q <- length(group$columns)
    m <- length(group$levels)
    cluster <- row_levels(design, k)
    Matrix::sparseMatrix(
      i = rep(row, q), j = rep((cluster - 1L) * q, q) + rep(seq_len(q), each = length(row)),
      x = as.vector(Z[, group$columns]), dims = c(length(row), m * q),
      dimnames = list(
        row.names(fit$frame$frame),
        paste(rep(group$levels, each = q), rep(colnames(Z)[group$columns], m), sep = ":")
      )
    )
  })
  do.call(cbind, blocks)
}

# component() -----------------------------------------------------------------------------------

#' Components of a fit, by name
#'
#' @description
#' ```
#' fit <- glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial())
#' component(fit, "Sigma")
#' component(fit)                 # what there is
#' ```
#'
#' @details
#' Vectors and matrices with one row per observation are in the caller's order, those with one row
#' per cluster in the order of `"levels"`.
#'
#' * Estimates: `"beta"` (estimated coefficients), `"theta"` (free entries of Lambda, by column),
#'   `"rho"` (of [related_levels], on an unbounded scale), `"Lambda"` (q x q, lower triangular, on
#'   the scale of the predictor), `"Sigma"` (Lambda Lambda', the covariance of the random effects),
#'   `"phi"` (dispersion; sigma^2 if Gaussian; by row with a `dispersion` formula), `"gamma"`
#'   (coefficients of that formula), `"modes"` (m x q, spherical modes u; b = Lambda u),
#'   `"vcov_full"`, `"logLik"`, `"REML"`.
#' * How they were found: `"rule"` (list: `nAGQ`, as requested; `K`, nodes per random effect;
#'   `method`; `nodes`, K^q; `auto`; `error`, bound for the error of the log-likelihood),
#'   `"convergence"` (list: `converged`, `criterion` g'H^-1 g, `iterations`, `evaluations`,
#'   `message`, `pd`), `"boundary"`, `"separation"`, `"notes"`, `"warnings"`, `"control"`.
#' * Data: `"X"` (n x p), `"Z"` (n x q), `"y"` (successes for binomial responses), `"trials"`,
#'   `"weights"`, `"offset"`, `"cluster"` (a factor), `"levels"`, `"cluster_sizes"` (rows),
#'   `"group"`, `"groups"` (a list with a factor for each grouping factor), `"structure"`
#'   (`"independent"` for one grouping factor, `"nested"` or `"general"`; clusters are the levels of
#'   the coarsest nested factor, or all rows together if general), `"n_total"` and `"n_dropped"`
#'   (rows before `na.action`, and dropped by it), `"na.action"`.
#' * `"scores"`: m x P, the derivative of each cluster's log-likelihood with respect to (beta,
#'   theta, log phi or gamma).
#'
#' A fit of [gee()] has those that apply, and `"alpha"` (correlations), `"correlation"` (the
#' specification), `"frechet"` (numbers of `pairs` and `clusters` with a correlation that two 0/1
#' responses can't have), `"scale"` (`NULL`: estimated), `"waves"`. Its `"scores"` (m x p) and
#' `"information"` (p x p x m) are D_i'V_i^-1 (y_i - mu_i) and D_i'V_i^-1 D_i.
#'
#' @param fit A fit.
#' @param name Names of components; if missing, all names are returned.
#' @return The component; a named list if several are requested.
#' @section Errors: `margmix_error_argument`: an unknown name.
#' @examples
#' fit <- glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial())
#' component(fit, "Sigma")
#' component(fit, "rule")$K
#' @export
component <- function(fit, name = NULL) {
  if (!inherits(fit, "margmix_fit")) {
    abort("argument", "`fit` must be a fit of this package.", given = class(fit)[1L])
  }
  components <- components_of(fit)
  known <- names(components)
  if (is.null(name)) return(known)
  unknown <- if (is.character(name)) setdiff(name, known) else value_text(name)
  if (length(unknown)) {
    close <- unlist(lapply(unknown, closest_name, known))
    abort("argument", "`name` must be among the components of a fit.",
      given = some_of(dQuote(unknown, FALSE)),
      hint = if (length(close)) paste0("Did you mean ", some_of(dQuote(close, FALSE)), "?")
    )
  }
  found <- lapply(stats::setNames(name, name), function(name) components[[name]](fit))
  if (length(name) == 1L) found[[1L]] else found
}

# What has a row for each cluster or observation.
of_rows <- function(values) {
  function(fit) {
    check_in_memory(fit$design)
    values(fit)
  }
}

stored <- function(name) function(fit) fit[[name]]
of_design <- function(answer) function(fit) answer(fit$design)
of_frame <- function(name) function(fit) fit$frame[[name]]
by_row <- function(values) function(fit) caller_order(values(fit$design), fit$design)

fit_components <- list(
  beta = stored("beta"), theta = stored("theta"), rho = function(fit) fit$rho %||% numeric(),
  Lambda = stored("Lambda"),
  Sigma = function(fit) tcrossprod(fit$Lambda), gamma = stored("gamma"),
  phi = function(fit) if (length(fit$phi) > 1L) caller_order(fit$phi, fit$design) else fit$phi,
  modes = of_rows(stored("modes")),
  vcov_full = function(fit) vcov(fit, full = TRUE, complete = FALSE),
  logLik = stored("logLik"), REML = stored("REML"),
  rule = stored("rule"), convergence = stored("convergence"), boundary = stored("boundary"),
  separation = stored("separation"), notes = stored("notes"), warnings = stored("warnings"),
  control = stored("control"),
  X = by_row(design_X), Z = by_row(design_Z), y = by_row(row_response), trials = by_row(row_trials),
  weights = by_row(row_weights), offset = by_row(row_offset),
  cluster = of_design(cluster_factor), levels = of_rows(of_design(cluster_levels)),
  groups = of_design(group_factors_of), structure = of_design(group_structure),
  cluster_sizes = of_design(cluster_sizes), group = of_design(cluster_group),
  n_total = of_frame("n_total"), n_dropped = of_frame("n_dropped"),
  na.action = of_frame("na.action"),
  scores = function(fit) engine_scores(fit)$scores
)
