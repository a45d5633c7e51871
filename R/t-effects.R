# A random intercept with a t distribution: clusters far from the others pull less at the standard
# deviation than under a normal one.

#' Random intercepts with a t distribution
#'
#' @description
#' ```
#' glmm(severe ~ treatment * scheduled + (1 | patient), toenail, binomial(),
#'   random_distribution = t_effects(df = 5)
#' )
#' ```
#'
#' @details
#' For random intercepts with heavier tails than normal ones. The random intercept is b = sigma
#' sqrt((df - 2) / df) T, where T has the t distribution with `df` degrees of freedom. So theta, and
#' everything printed as a standard deviation, is the standard deviation sigma of b, as for normal
#' effects; the scale of the t distribution, sigma sqrt((df - 2) / df), is in the heading of a
#' printed fit and of `VarCorr()`. b has a standard deviation if `df` is above 2; as `df` grows, the
#' model approaches that with normal effects.
#'
#' `t_effects()` without `df` estimates the degrees of freedom by maximum likelihood with the other
#' parameters, on the scale s = 1 / df, where the normal distribution is s = 0. The heading of a
#' printed fit gives the estimate, its 95% limits by the likelihood ratio, and the gain in
#' log-likelihood over normal effects. `logLik()` and `AIC()` count one more parameter. The
#' model-based and robust covariances allow for the estimation of `df`; those for few clusters
#' (`"KC"`), profiles, simulated responses and population means take the estimate as known. Clusters
#' say little about the tails of a distribution, above all with few or 0/1 responses, so limits are
#' often wide. A note (`margmix_note_df`) says if normal effects fit best or `df` ends at 2.
#'
#' The integral is computed by the trapezoidal rule with K points over u, T = sqrt(df) sinh(u /
#' sqrt(df)), in the range around its mode where each cluster's integrand matters. A Gauss-Hermite
#' rule, made for normal tails, would miss those of T.
#'
#' t effects are for one random intercept `(1 | g)` and families whose likelihood has one peak in
#' the predictor: binomial (logit, probit, cloglog), [stats::poisson()], [nbinom2()] and
#' [stats::Gamma()] with log link, [stats::gaussian()] with identity link, [beta_family()] and
#' others that `glmm()` does not refuse. Under a log link a t distribution has no population mean,
#' because exp(b) has none; anything that asks for one is refused (`margmix_error_population_mean`).
#'
#' @param df Degrees of freedom, one number above 2; `NULL` to estimate them.
#' @return An object for argument `random_distribution` of [glmm()].
#' @section Errors: `margmix_error_random_distribution`.
#' @seealso [compare_distributions()] for normal, bridge, t and mass-point effects side by side.
#' @examples
#' fit <- glmm(cbind(r, n - r) ~ seed * extract + (1 | plate), seeds, binomial(),
#'   random_distribution = t_effects(df = 5)
#' )
#' fit
#' marginal_standardization(fit, "seed")
#' @export
t_effects <- function(df = NULL) {
  if (is.null(df)) return(new_law("t"))
  number <- is.numeric(df) && length(df) == 1L && !is.na(df)
  if (!number) abort_df(deparse(df)[1L])
  if (df <= 2) {
    abort_df(format(df), "With 2 or fewer degrees of freedom there is no standard deviation.")
  }
  if (df > 1e6) {
    abort_df(format(df), "With so many degrees of freedom the distribution is normal.")
  }
  new_law("t", as.double(df))
}

abort_df <- function(given, hint = NULL) {
  abort("random_distribution", "`df` must be one number above 2, at most 1e6, or NULL.",
    given = given, hint = hint
  )
}

#' @export
check_law.margmix_law_t <- function(law, family, nAGQ, REML) {
  if (!has_smooth_integrand(family)) {
    abort("random_distribution",
      "With a t distribution the likelihood of a row must have one peak in the predictor.",
      given = family_label(family),
      hint = "Use a logit, probit or cloglog link of probabilities, or a log link of counts."
    )
  }
  if (isTRUE(REML)) {
    abort("random_distribution", "With a t distribution `REML` must be FALSE.",
      given = "REML = TRUE",
      hint = "A restricted likelihood is there for normal random effects."
    )
  }
  check_law_nodes(law, nAGQ)
}

t_df_words <- function(law) {
  if (is.na(law$df)) return("df to be estimated")
  paste("df =", if (is.null(law$estimated)) format(law$df) else estimated_df_words(law)[["df"]])
}

#' @export
law_noun.margmix_law_t <- function(law) paste0("a t distribution (", t_df_words(law), ")")

#' @export
law_call.margmix_law_t <- function(law) {
  if (is.na(asked_law(law)$df)) call("t_effects") else call("t_effects", df = law$df)
}

# The standard deviation of a t distribution over its scale.
t_sd <- function(df) sqrt(df / (df - 2))

# Of both tails alike: p of the upper one is 1 to machine precision where u is large.
#' @export
effects_of_draws.margmix_t <- function(design, fit, draws) {
  df <- random_distribution(design)$df
  tail <- stats::pnorm(-abs(draws), log.p = TRUE)
  draws[] <- -sign(draws) * stats::qt(tail, df, log.p = TRUE) / t_sd(df)
  draws
}

#' @export
distribution_words.margmix_t <- function(design, fit) {
  law <- random_distribution(design)
  how <- if (is.null(law$estimated)) {
    "given"
  } else {
    paste0(
      estimated_df_words(law)[["note"]], "; log-likelihood ", sprintf("%.2f", law$estimated$gain),
      " above normal effects"
    )
  }
  paste0("Random:  t random effects, ", t_df_words(law), " (", how, ")")
}

# What a standard deviation is of a scale, where there is one.
effect_scale_words <- function(design, fit) UseMethod("effect_scale_words")

#' @export
effect_scale_words.default <- function(design, fit) NULL

#' @export
effect_scale_words.margmix_t <- function(design, fit) {
  law <- random_distribution(design)
  paste0(
    "t distribution, ", t_df_words(law), ": scale ",
    format(fit$theta[[1L]] / t_sd(law$df), digits = 4L), ", Std.Dev. = ",
    sprintf("%.4f", t_sd(law$df)), " x scale"
  )
}
