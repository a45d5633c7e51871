#' Generalized estimating equations
#'
#' @description
#' ```
#' gee(resp ~ age + smoke, ohio, id = id, family = binomial(), corstr = "exchangeable")
#' ```
#'
#' Fits a marginal model: the coefficients are *population-averaged*, and the rows of a cluster may
#' depend on each other in any way (Liang and Zeger 1986).
#'
#' @section What is reported: `summary()`, [odds_ratios()], `anova()` and
#'   [marginal_standardization()] use a cluster-robust covariance matrix that is corrected for few
#'   clusters (`"KC"`), with Satterthwaite degrees of freedom.
#'   `summary(fit, vcov = "robust", df = Inf)` gives what most other software prints. Scale and
#'   correlations are moments of the Pearson residuals; [gee_control()] explains the divisors, which
#'   differ between software. There is no likelihood: [qic()] compares correlations and models.
#' @section Incomplete clusters: Clusters may be of any size, and visits may be missing; if the
#'   correlation depends on the times of visits, give them as `waves`. Estimates are valid if visits
#'   are missing completely at random. If missingness depends on earlier responses, see [ipw], or
#'   fit a [glmm()].
#' @section Errors and warnings: Every condition has a class: `margmix_error_<cause>` (`id`,
#'   `waves`, `inner`, `duplicate_rows`, `corstr`, `ipw`, `gee_failed` and those of [glmm()]),
#'   `margmix_warning_<cause>` (`convergence`, `correlation`, `separation`, `edge`, ...), and notes
#'   `margmix_note_<cause>` (`boundary`, `two_step`, `no_pairs`, `row_order`, `wave_levels`,
#'   `zero_one`).
#'
#' @param formula A two-sided formula without random terms. It may contain `offset()` terms, but not
#'   the response on the right side.
#' @param data A data frame (tibble, data.table), list or environment; or [shards()] of whole
#'   clusters.
#' @param id The independent units: a variable of `data`, `~variable`, `~site:person`, or a vector.
#'   Rows are grouped **by value**, in any order.
#' @param waves Visits or times within an `id`, for correlations that depend on them; each at most
#'   once per id, except for [cor_decay()]. Numbers, dates, or a factor; labels that are numbers,
#'   such as "2" and "10", are used as numbers.
#' @param inner Units within an `id`, for a nested correlation.
#' @param family As in [glmm()], and [stats::quasibinomial()], [stats::quasipoisson()] and
#'   [stats::quasi()]; also `binomial("identity")`, whose coefficients are risk differences.
#' @param corstr Working correlation: a name or one of [correlations].
#' @param weights,offset,subset,na.action As in [stats::lm()]. Weights are prior weights as in SAS:
#'   the variance of a row is divided by them. Binomial trials are given as in [glmm()].
#' @param contrasts A named list of contrasts for factors.
#' @param ipw Inverse-probability weights, evaluated like `id`; see [ipw]. They are not prior
#'   weights.
#' @param scale `NULL` to estimate the scale phi, or its value, which model-based standard errors
#'   then use. Correlations always divide by the Pearson estimate of phi.
#' @param bias_reduce Reduce the bias, and keep estimates finite, by Firth's adjustment? For
#'   binomial and Poisson responses it uses dispersion 1, or `scale`; with independent rows this
#'   gives Firth's (1993) estimates. For other responses it is multiplied by phi.
#' @param start `NULL`, starting values of the coefficients, or another fit.
#' @param control See [gee_control()].
#' @param ... Not used; anything here is an error.
#' @return An object of class `margmix_gee`. Use its methods, or [component()] for its parts.
#' @seealso [correlations], [summary.margmix_gee()], [predict.margmix_gee()], [qic()],
#'   [compare_effects()]
#' @section When there is no joint solution: Coefficients, scale and correlations depend on each
#'   other. With few clusters the residuals may be more correlated than any working correlation used
#'   to fit them. The correlation is then that of the residuals of an independence fit, and the
#'   coefficients are estimated given it, with a note (`two_step`). Any working correlation gives
#'   consistent coefficients with valid robust standard errors.
#' @section Separated responses: A warning (`separation`) names infinite estimates. If others are
#'   finite, the fit continues but is not reported as converged; if none is, as when all responses
#'   are equal, it is an error (`gee_failed`). `bias_reduce = TRUE` keeps all estimates finite.
#' @references
#' Firth, D. (1993). Bias reduction of maximum likelihood estimates. *Biometrika* **80**, 27-38.
#'
#' Liang, K.-Y. and Zeger, S. L. (1986). Longitudinal data analysis using generalized linear models.
#' *Biometrika* **73**, 13-22.
#' @examples
#' fit <- gee(resp ~ age + smoke, ohio, id = id, family = binomial(), corstr = "exchangeable")
#' fit
#' @export
gee <- function(formula, data, id, waves = NULL, inner = NULL, family = gaussian(),
                corstr = "independence", weights, offset, subset, na.action, contrasts = NULL,
                ipw = NULL, scale = NULL, bias_reduce = FALSE, start = NULL,
                control = gee_control(), ...) {
  call <- match.call()
  env <- parent.frame()
  check_dots(..., known = names(formals(gee)), elsewhere = foreign_arguments,
    control = "gee_control"
  )
  record <- condition_record()
  by_default <- missing(family)
  estimate <- withCallingHandlers({
    parsed <- parse_marginal_formula(formula, env)
    columns <- columns_in_dots(call, env)
    expressions <- row_expressions(columns, env)
    parsed$rows <- unlist(lapply(expressions, function(parts) unlist(lapply(parts, all.vars))))
    family <- check_marginal_family(as_marginal_family(family, env))
    correlation <- as_correlation(corstr)
    check_gee_settings(scale, bias_reduce, control)
    if (bias_reduce) check_bias_link(family)
    frame <- build_frame(columns, env, parsed, expressions)
    check_single_rows(frame, "gee()")
    frame$id_label <- paste(vapply(expressions$id, short_text, ""), collapse = ":")
    made <- marginal_design(frame, family, contrasts, correlation)
    frame <- made$frame
    if (by_default) note_zero_one(made$design)
    design <- with_ipw(made$design, frame, correlation, bias_reduce, control)
    estimate <- fit_gee_design(design, family, correlation, scale, bias_reduce, start, control)
    if (identical(design$ipw$kind, "schedule")) {
      full <- schedule_design(columns, env, frame, expressions, design, family, correlation)
      estimate <- fit_schedule(estimate, design, full, family)
    }
    estimate
  }, margmix_warning = record$keep, margmix_note = record$keep)
  new_fit(
    "margmix_gee", estimate, written_call(call, env, "gee"), family, frame, design,
    c(record$notes(), ipw_note(design)), record$warnings()
  )
}

# What other software calls them.
foreign_arguments <- c(
  Mv = "Write corstr = cor_mdependent(m).", zcor = "Write corstr = cor_fixed(R).",
  R = "Write corstr = cor_fixed(R).", corr.mat = "Write corstr = cor_fixed(R).",
  scale.fix = "`scale` is the value of the scale; NULL: it is estimated.",
  scale.value = "`scale` is the value of the scale; NULL: it is estimated.",
  std.err = "vcov() and summary() choose the covariance matrix of the fit.",
  verbose = "gee() reports no steps; gee_control() has its settings.",
  tol = "See gee_control().", maxiter = "See gee_control().", init.beta = "See `start`."
)

short_text <- function(expr) {
  text <- expression_text(expr)
  if (nchar(text) > 40L) "id" else text
}

check_gee_settings <- function(scale, bias_reduce, control) {
  if (!inherits(control, "gee_control")) {
    abort("control", "`control` must come from gee_control().", given = class(control)[1L])
  }
  positive <- is.numeric(scale) && length(scale) == 1L && is.finite(scale) && scale > 0
  if (!is.null(scale) && !positive) {
    abort("argument", "`scale` must be NULL (estimated) or one positive number.",
      given = deparse(scale)[1L]
    )
  }
  check_switch(bias_reduce, "bias_reduce")
}

# Half the gradient of log|B| is Firth's adjustment for canonical links, and near it for others that
# keep means inside; risks themselves would be driven to 0 and 1 by it.
check_bias_link <- function(family) {
  if (!models_risks(family)) return(invisible())
  abort("argument", "`bias_reduce` requires a link that keeps means between 0 and 1.",
    given = family_label(family)
  )
}

#' The family of a marginal model
#'
#' Its mean and variance matter, not a likelihood: quasi families are read as the plain ones, and
#' kept as `given`.
#' @noRd
as_marginal_family <- function(family, env) {
  if (is.character(family) && length(family) == 1L) {
    maker <- get0(family, envir = env, mode = "function")
    made <- tryCatch(maker(), error = function(e) NULL)
    if (inherits(made, "family")) family <- made
  }
  if (is.function(family)) family <- tryCatch(family(), error = function(e) family)
  if (!inherits(family, "family")) return(as_family(family, env, marginal = TRUE))
  name <- family$family
  if (name == "quasi") {
    name <- switch(family$varfun,
      constant = "gaussian", `mu(1-mu)` = "binomial", mu = "poisson", `mu^2` = "Gamma",
      `mu^3` = "inverse.gaussian"
    )
  } else {
    name <- sub("^quasi", "", name)
  }
  if (identical(name, family$family)) return(as_family(family, env, marginal = TRUE))
  maker <- get(name, envir = asNamespace("stats"), mode = "function")
  link <- structure(
    list(
      linkfun = family$linkfun, linkinv = family$linkinv, mu.eta = family$mu.eta,
      valideta = family$valideta, name = family$link
    ),
    class = "link-glm"
  )
  plain <- as_family(maker(link = link), env, marginal = TRUE)
  structure(c(plain, list(given = family)), class = "family")
}

# A fractional response is no reason to warn where only mean and variance are modelled, as a quasi
# family says.
marginal_response <- function(frame, family) {
  read <- function() {
    family_tools(family)$response(
      frame$frame[[1L]], prior_weights(frame$frame), "prior", attr(frame$frame, "row.names")
    )
  }
  withCallingHandlers(read(), margmix_warning_noninteger = function(w) {
    if (is.null(family$given)) {
      warn("noninteger", sub("\n  Hint: .*", "", conditionMessage(w)),
        hint = if (!has_phi(family)) {
          paste0("If only mean and variance are meant, use quasi", family$family, "().")
        }
      )
    }
    invokeRestart("muffleWarning")
  })
}
