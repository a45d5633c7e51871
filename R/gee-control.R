#' Settings of gee()
#'
#' @description
#' ```
#' gee(resp ~ age, ohio, id = id, family = binomial(), corstr = "ar1",
#'   control = gee_control(alpha_method = "geepack")
#' )
#' ```
#'
#' @param alpha_method How the scale phi and the correlation alpha are estimated from Pearson
#'   residuals e. `"default"` and `"sas"` divide by the number of rows minus p (phi) and the number
#'   of pairs minus p (alpha). The others do not subtract p: `"geepack"` uses all pairs of rows for
#'   AR(1), by least squares; `"stata"` multiplies its robust covariance by K / (K - 1) for K
#'   clusters (Drukker 2000); `"maee"` adjusts products of residuals for the coefficients fitted to
#'   them, see below. With prior weights or trials the estimates differ from those of \pkg{geepack},
#'   because residuals here are always those of rows with variance phi V / w. If `scale` of [gee()]
#'   is fixed, correlations divide by the Pearson estimate of phi; with `"geepack"` this is the
#'   estimate at its start, a [glm()]. `"stata"` reproduces printed output of `xtgee` for a
#'   stationary correlation of two lags (four clusters of three rows), and for probability weights
#'   (here `ipw`) under independence. Its option `nmp` (exchangeable) has the divisors of
#'   `"default"`. Nothing else has been compared: `xtgee` may use other formulas for autoregressive
#'   correlations and for correlations of clusters of unequal size.
#' @param alpha_bound Are correlations of exchangeable type bounded below by 0? With few, unequal
#'   clusters a negative estimate reinforces itself. The default is `TRUE` only for
#'   `alpha_method = "default"`, so that the other methods reproduce the software they are named
#'   after.
#' @param threads Number of threads that share the clusters. Results don't depend on it, to the last
#'   bit, see [glmm_control()].
#' @param separation What to do if the covariates separate the responses: `"warn"`, `"error"`, or
#'   `"none"` (don't check).
#' @param tolerance A fit has converged when a step changes the coefficients by less than this many
#'   model-based standard errors (sqrt(U'B^-1 U)), and the correlations by less than this.
#' @param max_iterations Largest number of iterations.
#' @param ... Not used; anything here is an error.
#' @section Matrix-adjusted estimating equations: Residuals e_i of a cluster are smaller and less
#'   correlated than errors, E e_i e_i' = (I - H_i) V_i with H_i = D_i B^-1 D_i'V_i^-1, which
#'   matters with few clusters and cluster-level covariates. `alpha_method = "maee"` (Preisser, Lu
#'   and Qaqish 2008) replaces the products of e_i with itself by those of (I - H_i)^-1 e_i with
#'   e_i. phi is the mean of the adjusted squares, and alpha, if it is a mean of products, is the
#'   mean of the products of pairs of rows divided by phi, all pairs with equal weights (other
#'   correlations follow from adjusted products in the same way). Products are made symmetric, (I -
#'   H_i)^-1 e_i e_i' and its transpose in equal parts, so that the order of the rows does not
#'   matter; \pkg{geeCRT} uses one of them, and divides squares by N - p. In 600 simulated trials of
#'   10 clusters of 20 binary responses, with a treatment and a covariate of clusters and an
#'   intracluster correlation of .05, the mean estimate was .053 (Monte Carlo standard error .002),
#'   compared with .024 by `"default"` or `"geepack"` without a bound at 0. The method isn't
#'   available with [ipw].
#' @return A list of class `gee_control`.
#' @references
#' Drukker, D. M. (2000). The divisor choice in xtgee.
#' <https://www.stata.com/support/faqs/statistics/xtgee-divisor/>.
#'
#' Preisser, J. S., Lu, B. and Qaqish, B. F. (2008). Finite sample adjustments in estimating
#' equations and covariance estimators for intracluster correlations. *Statistics in Medicine*
#' **27**, 5764-5785.
#' @examples
#' gee_control(alpha_method = "geepack")
#' @export
gee_control <- function(alpha_method = c("default", "sas", "geepack", "stata", "maee"),
                        alpha_bound = identical(alpha_method, "default"),
                        threads = getOption("margmix.threads", 1L),
                        separation = c("warn", "error", "none"), tolerance = 1e-8,
                        max_iterations = 100L, ...) {
  check_dots(..., known = names(formals(gee_control)))
  methods <- c("default", "sas", "geepack", "stata", "maee")
  alpha_method <- control_choice(alpha_method, methods, "alpha_method")
  check_switch(alpha_bound, "alpha_bound", "control")
  structure(list(
    alpha_method = alpha_method, alpha_bound = alpha_bound,
    threads = as.integer(max(1, positive_number(threads, "threads"))),
    separation = control_choice(separation, c("warn", "error", "none"), "separation"),
    tolerance = positive_number(tolerance, "tolerance"),
    max_iterations = as.integer(max(1, positive_number(max_iterations, "max_iterations")))
  ), class = "gee_control")
}
