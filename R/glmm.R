#' Generalized linear mixed models by maximum likelihood
#'
#' @description
#' ```
#' glmm(severe ~ treatment * scheduled + (1 | patient), toenail, binomial())
#' ```
#'
#' Fits a generalized linear mixed model with random effects of one or several grouping factors,
#' nested or crossed, by the Laplace approximation or, unless factors are crossed, by adaptive
#' Gauss-Hermite quadrature of any order, with exact gradients. The coefficients are *conditional*
#' on the cluster: an odds ratio compares two rows with the same random effects.
#'
#' The model is g(E(y | b)) = offset + X beta + Z b with b = Lambda u and u ~ N(0, I), independently
#' for each cluster. `theta` contains the free entries of the lower triangular Lambda, on the
#' absolute scale: with only a random intercept, theta is its standard deviation. All constants of
#' the likelihood are kept, so `logLik()` and `AIC()` are comparable between integration rules and
#' with other software that keeps them.
#'
#' @section Integration: A Gaussian response with identity link is exact. Otherwise `nAGQ = "auto"`
#'   refines the rule until the log-likelihood at the optimum changes by less than 1e-4 (see
#'   [glmm_control()]). The summary gives the rule and a bound for its error, which held in 495 of
#'   500 hard simulated data sets (`tests/fuzz/accuracy.md` of the source). `nAGQ = 1` is Laplace;
#'   other numbers are the points per dimension. `K = 25` gives about eight digits of the
#'   log-likelihood if the link is logit, probit, cloglog or (Poisson) log and the random effect's
#'   sd is at most about 2. Convergence in K is slower if the link restricts the mean (binomial log,
#'   Poisson identity) or the integrand may have several modes (cauchit, Poisson sqrt, Gaussian
#'   log). In simulated data sets of 8 clusters with one random effect of sd at most 0.5, `K = 25`
#'   is within 1e-6 of the integral for each of these links; with two random effects or an sd of 1
#'   the median error is below 1e-3 and the largest is 0.02 (Poisson sqrt).
#'
#'   Two nested grouping factors, `(1 | a/b)`, are integrated level by level (Pinheiro and Chao
#'   2006), each with its own number of points; `"auto"` refines them one by one. With 15 points at
#'   both levels and standard deviations up to 1, the error in small simulated data sets is below
#'   1e-8 for the logit link and about 2e-7 (probit), 6e-6 (cloglog) and 1e-7 (Poisson log), as it
#'   is with one level; see the vignette *How the numbers are computed*. Crossed factors, and more
#'   than two nested ones, are fitted by the Laplace approximation with observed information.
#' @section Restricted likelihood: Maximum likelihood treats the coefficients as known, so it
#'   underestimates variances between few clusters. `REML = TRUE` maximises l(beta(theta), theta) -
#'   log|J(theta)| / 2 + p log(2 pi) / 2 over theta and the dispersion (Cox and Reid 1987). Here
#'   beta(theta) maximises the log-likelihood l at theta, by the usual integration rule, and J is
#'   the observed information of the p coefficients there. For a linear model this is REML. The
#'   coefficients are beta(theta) at the end, and their covariance is J^-1. Restricted
#'   log-likelihoods are not comparable between models with different fixed effects.
#' @section Crossed factors: The random effects of the factor with the most levels are eliminated,
#'   and the rest is factored in a sparse order. Large designs without a zero variance start with
#'   stochastic gradients, from random signs with their own seed (see [glmm_control()]), and finish
#'   with exact ones; their standard errors come from differences of the former. If a factorisation
#'   would be too large, the stochastic gradient is used to the end, and the log-likelihood is an
#'   estimate, printed with its Monte Carlo sd. What needs a factorisation (REML, conditional
#'   variances, other families, a zero variance) is then refused (`margmix_error_too_large`).
#' @section Bridge distribution: With `random_distribution = "bridge"` the random intercept has the
#'   density sin(phi pi) / (2 pi (cosh(phi b) + cos(phi pi))) of Wang and Louis (2003), 0 < phi < 1.
#'   The marginal model is then logistic too, with phi times the conditional coefficients (exactly;
#'   see [marginal_coefficients()]). theta is the standard deviation, theta^2 = pi^2 / 3 (1 /
#'   phi^2 - 1). The integral is computed by the trapezoidal rule with K points over the normal
#'   score of b, in the range where each cluster's integrand matters. Normal and bridge fits are not
#'   nested; compare them by `logLik()` or `AIC()`.
#' @section t distribution: With `random_distribution = t_effects(df = 5)` the random intercept has
#'   a t distribution with that many degrees of freedom (more than 2), which makes clusters far from
#'   the others less surprising. theta is its standard deviation, sqrt(df / (df - 2)) times its
#'   scale. See [t_effects()].
#' @section Soft penalty: If covariates separate the responses, or no cluster has both kinds of
#'   responses, maximum likelihood has no finite estimates, and with few clusters a variance is
#'   often estimated as zero. `penalty = "soft"` maximises l + c (log|X'W(beta)X| / 2 + sum_r h(log
#'   lambda_rr) + sum_(r > s) h(lambda_rs)) (Sterzinger and Kosmidis 2023), where W are the expected
#'   weights of the model without random effects, lambda the entries of Lambda, and h is minus the
#'   Huber loss with constant 1. c = sqrt(p / (n w)) for p coefficients and n trials or counts,
#'   where w is the weight at a predictor of zero: 2 sqrt(p / n) for the logit. The maximum is
#'   always inside the parameter space, and c is too small to affect consistency and efficiency. The
#'   penalty on Lambda depends on the units of the columns of Z. Standard errors come from the
#'   Hessian of l at the estimates. Available for one grouping factor with binomial (logit, probit,
#'   cloglog) or Poisson (log) responses. `logLik()` is the penalized maximum, which `anova()` does
#'   not compare.
#' @section Structured covariances: `(x | g)` estimates all variances and correlations of the
#'   effects of a term, `(x || g)` only variances. These structures, mostly for effects of the
#'   levels of a factor `f`, have fewer parameters:
#'   * `cs(0 + f | g)`, compound symmetry: a variance for each effect and one correlation, between
#'     -1 / (q - 1) and 1 for q effects;
#'   * `homcs(0 + f | g)`: one variance and one correlation;
#'   * `homdiag(0 + f | g)`: one variance, no correlations;
#'   * `toep(0 + f | g)`, Toeplitz: a variance for each effect, and correlations that depend on how
#'     many levels two effects are apart, as for equally spaced visits;
#'   * `rr(0 + f | g, d = 2)`, reduced rank: effects are linear combinations of d factors, fewer
#'     than effects, and Lambda has d columns of loadings (effects have no variance of their own).
#'     Integrals are over d dimensions.
#'
#'   theta still contains the entries of Lambda, which are functions of these parameters. The rank
#'   of their covariance matrix is the number of these parameters, which `logLik()` counts. Terms
#'   can be combined, with any integration method. `REML = TRUE` and the covariance of Kenward and
#'   Roger aren't available; tests have between-within degrees of freedom.
#' @section Dispersion: With `dispersion = ~ x` each row has its own dispersion phi, log phi_j = D_j
#'   gamma, where D_j is its row of the design matrix of that formula. What phi means depends on the
#'   family, see [dispersion_families]. For a Gaussian response it is the residual *variance*, so
#'   the coefficients are those of log sigma^2 (twice those of log sigma); for `nbinom2()` it is the
#'   size, and a large one means little overdispersion. gamma is estimated by maximum likelihood
#'   with the other parameters, for all integration rules and structures whose likelihood can be
#'   factored. `fixef(fit, component = "dispersion")` gives gamma, `vcov(fit, full = TRUE)` its
#'   covariance, and `predict(fit, type = "dispersion")` phi by row. `anova()` compares dispersion
#'   formulas. Tests of the coefficients of the mean have between-within degrees of freedom.
#'   Quantities defined by a single phi (shares of variance, marginal covariances, `sigma()`) are
#'   refused or `NA`.
#' @section Weights: For binomial, Poisson and negative binomial responses, prior weights multiply a
#'   row's log-likelihood; for a proportion they are the number of trials. For Gaussian, Gamma and
#'   inverse Gaussian responses they are precisions, as in [stats::lm()]; see [dispersion_families].
#'   With `glmm_control(weights_type = "frequency")` a weight of 2 is a duplicated row. For rows and
#'   clusters sampled with unequal probabilities see [survey_weights()].
#' @section Responses: Numeric; 0/1; logical; a factor with two levels (the second is a success);
#'   `cbind(successes, failures)`; or a proportion with `weights` trials.
#'
#' @param formula A two-sided formula with random terms in parentheses: `(1 | g)`, `(x | g)` with
#'   correlated and `(x || g)` with independent random effects; `cs(x | g)`, `homcs(x | g)`,
#'   `homdiag(x | g)`, `toep(x | g)` and `rr(x | g, d)` with structured covariances (see below).
#'   Several grouping factors can be nested, `(1 | a/b)`, or crossed, `(1 | a) + (1 | b)`. For
#'   related levels (series, trees, pedigrees, areas) see [related_levels], such as
#'   `ar1(time + 0 | id)` or `phylo(1 | species, tree)`; for smooths `s(x)`, [smooth_terms()]. The
#'   formula may contain `offset()` terms, but not the response on the right side, where
#'   [stats::lm()] would drop it with a warning.
#' @param data A data frame (tibble, data.table), list or environment; variables that are not in it
#'   are taken from the environment of the formula. Rows of a cluster need not be adjacent. Or a
#'   table in a database, such as `dplyr::tbl(con, "visits")`: the database counts the rows of each
#'   kind (GROUP BY) and sends only these counts. Or [patterns()] of several sites, or [shards()].
#' @param family [stats::binomial()] with logit, probit, cloglog, cauchit or log link,
#'   [stats::poisson()], [nbinom2()] or [nbinom1()] with log, sqrt or identity link,
#'   [stats::gaussian()] with identity or log link, [stats::Gamma()] with log, inverse or identity
#'   link, [stats::inverse.gaussian()] with log or 1/mu^2 link, [beta_family()] or [betabinomial()]
#'   with logit, probit or cloglog link.
#' @param weights,offset,subset,na.action As in [stats::lm()]; see below for the meaning of weights.
#'   `weights` may be [survey_weights()].
#' @param contrasts A named list of contrasts for factors.
#' @param nAGQ `"auto"`, or the number of quadrature points per dimension; 1 is Laplace. With two
#'   nested grouping factors also two numbers, the coarser level first: `c(15, 9)` for `(1 | a/b)`.
#' @param REML `TRUE` for restricted maximum likelihood, with any family; see below.
#' @param random_distribution Distribution of the random effects: `"normal"`; for a single random
#'   intercept also `"bridge"`, with the logit link, or [t_effects()] with given or estimated
#'   degrees of freedom; see below.
#' @param penalty `NULL`, or `"soft"` for softly penalized maximum likelihood; see below.
#' @param dispersion A one-sided formula for log phi of a family with a dispersion phi; with `~ 1`
#'   all rows have the same phi. See below.
#' @param start A list of starting values `beta`, `theta`, and `phi` (with a `dispersion` formula,
#'   `gamma`), or another fit.
#' @param control See [glmm_control()].
#' @param ... Not used; anything here is an error.
#' @return An object of class `margmix_glmm`. Use its methods, or [component()] for its parts.
#' @section Errors and warnings: Every condition has a class: `margmix_error_<cause>` for bad input,
#'   `margmix_warning_<cause>` (`convergence`, `separation`, `rank`, `large_sd`, `second_maximum`,
#'   ...), and notes `margmix_note_<cause>` (`boundary`, `quadrature`, `zero_one`: a 0/1 response
#'   without a `family`; `competing`: a dispersion of counts beside a random effect of each row).
#' @references
#' Cox, D. R. and Reid, N. (1987). Parameter orthogonality and approximate conditional inference.
#' *Journal of the Royal Statistical Society B* 49, 1-39.
#'
#' Pinheiro, J. C. and Bates, D. M. (1995). Approximations to the log-likelihood function in the
#' nonlinear mixed-effects model. *Journal of Computational and Graphical Statistics* 4, 12-35.
#'
#' Pinheiro, J. C. and Chao, E. C. (2006). Efficient Laplacian and adaptive Gaussian quadrature
#' algorithms for multilevel generalized linear mixed models. *Journal of Computational and
#' Graphical Statistics* 15, 58-81.
#'
#' Liu, Q. and Pierce, D. A. (1994). A note on Gauss-Hermite quadrature. *Biometrika* 81, 624-629.
#'
#' Sterzinger, P. and Kosmidis, I. (2023). Maximum softly-penalized likelihood for mixed effects
#' logistic regression. *Statistics and Computing* 33, 53.
#'
#' Wang, Z. and Louis, T. A. (2003). Matching conditional and marginal shapes in binary random
#' intercept models using a bridge distribution function. *Biometrika* 90, 765-775.
#' @examples
#' fit <- glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial())
#' fit
#' odds_ratios(fit)
#' @export
glmm <- function(formula, data, family = gaussian(), weights, offset, subset, na.action,
                 contrasts = NULL, nAGQ = "auto", REML = FALSE, random_distribution = "normal",
                 penalty = NULL, dispersion = ~1, start = NULL, control = glmm_control(), ...) {
  call <- match.call()
  env <- parent.frame()
  check_dots(..., known = names(formals(glmm)), control = "glmm_control")
  record <- condition_record()
  by_default <- missing(family)
  estimate <- withCallingHandlers({
    parsed <- with_dispersion(parse_formula(formula, env), dispersion)
    frame <- build_frame(columns_in_dots(call, env), env, parsed)
    family <- as_family(family, env)
    check_dispersion_family(parsed, family)
    check_settings(REML, control)
    nAGQ <- check_nAGQ(nAGQ)
    law <- as_law(random_distribution)
    check_law(law, family, nAGQ, REML)
    check_penalty(penalty, family, REML)
    if (frame$counted) control$weights_type <- "frequency"
    check_survey_fit(frame$frame, REML, penalty, control)
    design <- build_design(frame, family, contrasts, control$weights_type, law)
    if (by_default) note_zero_one(design)
    design <- penalized_design(design, family, penalty)
    known <- with_known_law(design, start, function(design, start) {
      fit_design(design, family, nAGQ, isTRUE(REML), start, control)
    })
    design <- known$design
    fit_design(design, family, nAGQ, isTRUE(REML), known$start, control)
  }, margmix_warning = record$keep, margmix_note = record$keep)
  new_fit(
    "margmix_glmm", estimate, written_call(call, env, "glmm"), family, frame, design,
    record$notes(), record$warnings()
  )
}

check_settings <- function(REML, control) {
  if (!inherits(control, "glmm_control")) {
    abort("control", "`control` must come from glmm_control().", given = class(control)[1L])
  }
  check_switch(REML, "REML", "reml")
}
