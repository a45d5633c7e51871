# Negative binomial counts, of type 2 (variance mu + mu^2 / phi) and type 1 (mu (1 + phi)).

#' Families with a dispersion parameter
#'
#' @description
#' ```
#' glmm(seizures ~ treatment + (1 | subject), epilepsy, nbinom2())
#' ```
#'
#' Family objects for [glmm()] in addition to those of \pkg{stats}. The dispersion phi is estimated
#' by maximum likelihood together with the other parameters: `vcov(fit, full = TRUE)` contains log
#' phi, and `AIC()` counts it.
#'
#' @details
#' The meaning of phi, where mu is the mean given the random effects and w the prior weight of a
#' row:
#'
#' | family | variance | phi | `sigma(fit)` |
#' |---|---|---|---|
#' | [stats::gaussian()] | phi / w | residual variance | sqrt(phi) |
#' | [stats::Gamma()] | phi mu^2 / w | squared CV; shape 1 / phi | sqrt(phi) |
#' | [stats::inverse.gaussian()] | phi mu^3 / w | dispersion | sqrt(phi) |
#' | `nbinom2()` | mu + mu^2 / phi | size; Poisson as phi grows | phi |
#' | `nbinom1()` | mu (1 + phi) | overdispersion; Poisson at 0 | phi |
#' | `beta_family()` | mu (1 - mu) / (1 + phi) | precision | phi |
#' | `betabinomial()` | n mu (1 - mu)(phi + n)/(phi + 1) | precision; binomial as phi grows | phi |
#'
#' `sigma()` follows the conventions of package \pkg{glmmTMB}. In the first three families prior
#' weights are precisions: a row of weight w has dispersion phi / w. In the others they multiply the
#' row's log-likelihood. With `glmm_control(weights_type = "frequency")` they do so in all families,
#' and a weight of 2 is a duplicated row.
#'
#' With `glmm(dispersion = ~ x)` each row has its own phi, and log phi is linear in covariates.
#'
#' If counts vary no more than under a Poisson (or binomial) distribution, the likelihood has no
#' maximum in phi but increases towards that model. The fit is then that limit, with a note.
#'
#' Responses of `betabinomial()` are given as for a binomial family, those of `beta_family()` as
#' numbers strictly between 0 and 1.
#'
#' @param link Name of the link: `"log"`, `"sqrt"` or `"identity"` for counts, `"logit"`, `"probit"`
#'   or `"cloglog"` for proportions.
#' @return A [stats::family] object.
#' @references
#' Hilbe, J. M. (2011). *Negative Binomial Regression*, 2nd edition. Cambridge University Press.
#' @examples
#' fit <- glmm(seizures ~ treatment + (1 | subject), epilepsy, nbinom2())
#' fit
#' rate_ratios(fit)
#'
#' # which description of the overdispersion fits better?
#' type1 <- update(fit, family = nbinom1())
#' poisson_fit <- update(fit, family = poisson())
#' AIC(poisson_fit, fit, type1)
#' @name dispersion_families
#' @aliases nbinom2 nbinom1 beta_family betabinomial
NULL

#' @rdname dispersion_families
#' @export
nbinom2 <- function(link = "log") new_family("nbinom2", link, function(mu, phi) mu + mu^2 / phi)

#' @rdname dispersion_families
#' @export
nbinom1 <- function(link = "log") new_family("nbinom1", link, function(mu, phi) mu * (1 + phi))

#' A family object in the form of those of stats
#'
#' @param variance A function of the mean and the dispersion.
#' @section Errors: `family`: not a link of this family.
#' @noRd
new_family <- function(name, link, variance, ...) {
  if (!is.character(link) || length(link) != 1L) link <- paste(deparse(link), collapse = " ")
  links <- find_family_tools(name)(list(family = name, link = ""))$links
  if (!link %in% links) {
    abort("family", paste0("The link of ", name, " must be one of ", some_of(links), "."),
      given = link
    )
  }
  structure(
    c(list(family = name, variance = variance, ...), unclass(stats::make.link(link))[
      c("linkfun", "linkinv", "mu.eta", "valideta")
    ], list(link = link)),
    class = "family"
  )
}

family_tools_nbinom2 <- function(family) {
  negative_binomial_tools(family,
    size = function(mu, phi) phi,
    variance = function(mu, phi, trials = 1) mu + mu^2 / phi,
    variance_log_phi = function(mu, phi) -mu^2 / phi,
    start_phi = function(y, mu, trials, weights) {
      excess <- sum(weights * ((y - mu)^2 - mu)) / sum(weights * mu^2)
      1 / min(max(excess / 2, 0.05), 5) # random effects take a part of it
    },
    dispersion = list(
      kind = "shape", limit = 34, at_limit = "the data show no overdispersion: size is infinite",
      words = "size phi; variance mu + mu^2 / phi"
    )
  )
}

family_tools_nbinom1 <- function(family) {
  negative_binomial_tools(family,
    size = function(mu, phi) mu / phi,
    variance = function(mu, phi, trials = 1) mu * (1 + phi),
    variance_log_phi = function(mu, phi) mu * phi,
    start_phi = function(y, mu, trials, weights) {
      excess <- sum(weights * ((y - mu)^2 / mu - 1)) / sum(weights)
      min(max(excess / 2, 0.05), 20)
    },
    dispersion = list(
      kind = "shape", limit = -34, at_limit = "the data show no overdispersion: phi is zero",
      words = "overdispersion phi; variance mu (1 + phi)"
    )
  )
}

negative_binomial_tools <- function(family, size, variance, variance_log_phi, start_phi,
                                    dispersion) {
  list(
    links = c("log", "sqrt", "identity"),
    has_dispersion = TRUE,
    dispersion = dispersion,
    discrete = TRUE,
    mean_range = c(0, Inf),
    separation = c(log = "zero"),
    ratio = c(log = "rate"),
    latent = list(log = "lognormal"),
    counterpart = "poisson",
    response = poisson_response,
    pool = pool_equal_responses,
    variance = variance,
    variance_log_phi = variance_log_phi,
    start_phi = start_phi,
    simulate = function(mu, trials = 1, phi = 1, weights = 1) {
      as.numeric(stats::rnbinom(length(mu), size = size(mu, phi), mu = mu))
    },
    cdf = function(y, mu, trials = 1, phi = 1, weights = 1) {
      p <- function(y) stats::pnbinom(y, size = size(mu, phi), mu = mu)
      list(lower = p(y - 1), upper = p(y))
    },
    # at the size of the fit
    deviance = function(y, mu, trials = 1, weights = 1, phi = 1) {
      s <- size(mu, phi)
      2 * weights * (ifelse(y > 0, y * log(y / mu), 0) - (y + s) * log1p((y - mu) / (mu + s)))
    }
  )
}
