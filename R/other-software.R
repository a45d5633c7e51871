#' Calls of lme4, glmmTMB, GLMMadaptive and geepack in margmix
#'
#' @description
#' ```
#' calls <- new.env()
#' sys.source(system.file("examples", "peer-examples.R", package = "margmix"), calls)
#' calls$peer_examples$glmer_aghq[c("there", "here", "why")]
#' ```
#'
#' The examples from the help pages of four packages, with only the names of functions and arguments
#' translated. Most give the same estimates, standard errors and log-likelihood; this page lists
#' what differs, and why. The file above has all calls, there and here; the package's tests run them
#' side by side.
#'
#' @section Names:
#' | there | here |
#' |---|---|
#' | `glmer(y ~ x + (1 \| g), d, binomial)` | `glmm(y ~ x + (1 \| g), d, binomial, nAGQ = 1)` |
#' | `glmer(..., nAGQ = 9)` | `glmm(..., nAGQ = 9)` |
#' | `lmer(y ~ x + (x \| g), d)` | `glmm(y ~ x + (x \| g), d, REML = TRUE)` |
#' | `lmer(..., REML = FALSE)` | `glmm(...)` |
#' | `glmer.nb(y ~ x + (1 \| g), d)` | `glmm(y ~ x + (1 \| g), d, nbinom2(), nAGQ = 1)` |
#' | `glmmTMB(y ~ x + (1 \| g), d, family = nbinom2)` | `glmm(..., family = nbinom2, nAGQ = 1)` |
#' | `mixed_model(y ~ x, random = ~ 1 \| g, ..., nAGQ = 11)` | `glmm(..., nAGQ = 11)` |
#' | `marginal_coefs(fit)` | `marginal_coefficients(fit)` |
#' | `geeglm(y ~ x, id = id, data = d, corstr = "ar1")` | `gee(y ~ x, d, id, corstr = "ar1")` |
#' | `geese(..., scale.fix = TRUE)` | `gee(..., scale = 1)` |
#' | `QIC(fit)` | `qic(fit)` |
#'
#' @section What differs:
#' * **Integration.** By default \pkg{lme4} and \pkg{glmmTMB} use the Laplace approximation,
#'   \pkg{GLMMadaptive} 11 points; `glmm()` refines its rule until the log-likelihood stops
#'   changing. `nAGQ = 1` is Laplace here too. `nAGQ = 0` is refused because it doesn't maximise the
#'   likelihood.
#' * **The log-likelihood of `glmer(nAGQ = 9)`** leaves out the constant of the saturated model;
#'   that of `glmm()` has all constants under every rule.
#' * **REML.** `lmer()` uses it by default; `glmm()` does not.
#' * **`Yield ~ 1 | Batch`** is refused: random terms need parentheses.
#' * **`grouseticks`.** `glmer()` warns that it did not converge, and stops .02 below the maximum of
#'   the log-likelihood, a fifth of a standard error away.
#' * **`mixed_model()`** moves its quadrature points to the modes of the clusters only now and then.
#'   Its log-likelihood is not that of the adaptive rule at its estimates (with a random slope, .06
#'   away), and these are up to a tenth of a standard error from the maximum.
#' * **Zero inflation** (`zi =`, `ziformula =`) and ordinal responses (`ordgee()`) are not
#'   available.
#' * **Correlations of `geeglm()`** are moments divided by the number of products; `gee()` divides
#'   by that number less the number of coefficients, and estimates the AR(1) correlation from
#'   neighbouring visits, as SAS does. `control = gee_control(alpha_method = "geepack")` gives the
#'   numbers of \pkg{geepack}.
#' * **Clusters of `geeglm()`** are runs of equal ids, so rows must be sorted. Its example with the
#'   respiratory trial has a patient 1 in both centres, who count as two only because other patients
#'   lie between them. `gee()` goes by the value of `id`, in any order of rows, and notes if the
#'   rows of an id are not adjacent. Write `id = interaction(center, id)`.
#' * **Standard errors of [gee()]** are bias-corrected by default, with t intervals; `vcov =
#'   "robust", df = Inf` gives those of `geeglm()`. P values of [glmm()] are from t tests; `df =
#'   Inf` gives the normal ones.
#' @seealso [other-packages], for packages that take a fit.
#' @name other-software
NULL
