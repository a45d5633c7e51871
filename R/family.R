# Families: one file each, family-<name>.R, which defines family_tools_<name>(family). That function
# is found by its name, so a new family is one new file (and its row functions in the engine).

#' Read the `family` argument as `glm()` does
#'
#' @param family A [stats::family] object, a function that returns one, or its name.
#' @param env Where a name is looked up.
#' @param marginal Is it for gee()? Then the message names the families that have a scale.
#' @return A family object with a supported link.
#' @section Errors: `family`: unknown, or a link that is not supported.
#' @noRd
as_family <- function(family, env = parent.frame(), marginal = FALSE) {
  given <- if (is.character(family)) family else class(family)[1L]
  if (is.character(family) && length(family) == 1L) {
    own <- get0(family, envir = topenv(), mode = "function", ifnotfound = family)
    family <- get0(family, envir = env, mode = "function", ifnotfound = own)
  }
  if (is.function(family)) family <- tryCatch(family(), error = function(e) NULL)
  if (!inherits(family, "family")) refuse_family(given, marginal = marginal)
  label <- family_label(family)
  if (startsWith(family$family, "quasi")) {
    refuse_family(label, "A quasi family has no likelihood; gee() estimates the dispersion.")
  }
  if (startsWith(family$family, "Negative Binomial")) {
    own_size <- "nbinom2() estimates the size of a negative binomial."
    refuse_family(label, if (marginal) counts_hint else own_size, marginal)
  }
  tools <- find_family_tools(family$family)
  if (is.null(tools)) refuse_family(label, marginal = marginal)
  tools <- tools(family)
  if (family$link %in% known_links(tools, marginal)) return(family)
  refuse_family(label, if (family$link %in% tools$marginal_links) marginal_link_hint, marginal)
}

known_links <- function(tools, marginal) c(tools$links, if (marginal) tools$marginal_links)

marginal_link_hint <- c(
  "Normal random effects would carry such means below 0 and above 1; gee() takes this link.",
  "Risk differences of a mixed model: marginal_standardization(), from a logit link."
)

# "binomial(logit)"; of a marginal model the quasi family that was given for a plain one.
family_label <- function(family) {
  given <- family$given %||% family
  variance <- if (identical(given$family, "quasi")) paste0(", variance ", given$varfun)
  paste0(given$family, "(", given$link, variance, ")")
}

# Name and link of a marginal model, whichever quasi family was given.
plain_label <- function(family) paste0(family$family, "(", family$link, ")")

# Is a response y successes out of a number of trials?
has_trials <- function(family) isTRUE(family_tools(family)$trials)

# Is each response a single 0/1?
is_binary <- function(family, design) has_trials(family) && most_trials(design) <= 1

# Is a response a number of events without an upper end?
counts_events <- function(family) family_tools(family)$discrete && !has_trials(family)

# Is the integral over normal random effects known, since the response is normal about the predictor
# itself?
is_linear <- function(family) isTRUE(fact_of_link(family, "linear"))

# Is the average information near the Hessian, as stochastic gradients need?
has_average_information <- function(family) is_linear(family) || !has_phi(family)

#' A fact that depends on the link: the element of that name, or the one without a name
#' @noRd
fact_of_link <- function(family, fact) {
  facts <- family_tools(family)[[fact]]
  at <- match(c(family$link, ""), names(facts) %||% character(length(facts)))
  if (!all(is.na(at))) facts[[at[!is.na(at)][1L]]]
}

# Is there a dispersion to estimate?
has_phi <- function(family) family_tools(family)$has_dispersion

# Is the dispersion the same as a random effect of each row? For counts it is another variance
# function, and the shape of the responses tells.
is_residual <- function(family) has_phi(family) && !family_tools(family)$discrete

# Rows that can push the fixed effects to infinity, "both", "zero" or "none".
separation_kind <- function(family) fact_of_link(family, "separation") %||% "none"

# Is there a distribution of a random intercept that leaves the link as it is?
has_bridge <- function(family) isTRUE(fact_of_link(family, "bridge"))

# Does the engine know the expected information of its rows, as a soft penalty needs it?
has_soft_penalty <- function(family) isTRUE(fact_of_link(family, "soft_penalty"))

# The size of a response about its mean, where the predictor has the same units; otherwise 1.
predictor_unit <- function(family, log_phi) if (is_linear(family)) exp(mean(log_phi) / 2) else 1

# "odds", "rate" or "risk", which exponentiated coefficients are ratios of; or `NULL`.
ratio_kind <- function(family) fact_of_link(family, "ratio")

# Do both have the same mean, and variances that differ by a dispersion at most?
have_same_mean <- function(a, b) {
  plain <- family_tools(a)$counterpart %||% a$family
  plain == b$family && a$link == b$link
}

# What the mean of a response is: the "probability" of a success, a "proportion", or a "mean".
mean_kind <- function(family) {
  if (has_trials(family)) return("probability")
  if (family_tools(family)$mean_range[2L] == 1) "proportion" else "mean"
}

refuse_family <- function(given, hint = NULL, marginal = FALSE) {
  known <- supported_families(marginal)
  abort("family", paste0("`family` must be one of ", known, "."), given, hint)
}

find_family_tools <- function(name) package_home[[paste0("family_tools_", name)]]

# Where the functions of the package are.
package_home <- environment()

supported_families <- function(marginal = FALSE) {
  found <- sub("^family_tools_", "", ls(topenv(), pattern = "^family_tools_"))
  if (marginal) found <- Filter(function(name) !has_shape(list(family = name, link = "")), found)
  links <- vapply(found, function(name) {
    tools <- find_family_tools(name)(list(family = name, link = ""))
    paste(known_links(tools, marginal), collapse = ", ")
  }, "")
  paste0(found, " (", links, ")", collapse = "; ")
}

#' What the package needs to know of a family
#'
#' @param family A supported family object.
#' @return A list:
#' * `links`: names of the supported links; `marginal_links`: of those that only gee() has;
#' * `has_dispersion`: is there a dispersion parameter phi to estimate?
#' * `dispersion`, if so: a list of `kind` (`"scale"`: phi multiplies the variance function and is
#'   divided by prior weights; `"shape"`: neither), `words` that say what phi is, `residual`: is it
#'   a residual variance? and, where the
#'   likelihood may rise in log phi without end, its `limit` and the words for it, `at_limit`;
#' * `start_phi(y, mu, trials, weights)`, if so: a rough value to start from;
#' * `discrete`: has the response a discrete distribution? `trials`: is it y out of n trials?
#' * `mean_range`: what the mean can be;
#' * `variance(mu, phi, trials)`: the variance function, of a proportion for binomial families; for
#'   a dispersion of kind `"shape"` also `variance_log_phi(mu, phi)`, its derivative in log phi;
#' * `noun`: what other packages call a mean of it; `counterpart`: the name of the family with the
#'   same mean and no dispersion;
#' * `quasi(y, mu)`: the integral of (y - t) / V(t) up to mu, of families that gee() takes;
#' * `response(y, weights, weights_type, rows)`: checks the response and returns `y`, `trials` and
#'   `weights` as the design stores them (see [build_design()]); `rows` are labels for messages;
#' * `simulate(mu, trials, phi, weights)`: one draw of `y` per row, from R's random number stream;
#' * `cdf(y, mu, trials, phi, weights)`: `lower` = P(Y < y) and `upper` = P(Y <= y); equal if Y is
#'   continuous;
#' * `deviance(y, mu, trials, weights, phi)`: squared deviance residuals.
#'
#' And, by the name of a link (without a name: for the others), see [fact_of_link()]:
#' * `separation`: the rows that can push the fixed effects to infinity: `"both"` ends of the
#'   response, only its `"zero"`, or `"none"`, as where nothing is said;
#' * `linear`: is it normal about the predictor itself? `mixed_cdf(y, eta, s, phi, weights)`: its
#'   `cdf()` with normal random effects of standard deviation s, in closed form;
#' * `ratio`: `"odds"`, `"rate"` or `"risk"`, which exponentiated coefficients are ratios of;
#' * `latent`: the variance of the response's own distribution on the scale of the predictor: a
#'   number, named by its words, `"residual"` (phi) or `"lognormal"` (it depends on the mean).
#'
#' `mu` is the mean of one trial for binomial families. `weights` are prior weights: precisions
#' where the dispersion is a scale. With frequency weights, which count rows, `simulate()` and
#' `cdf()` are called with `weights = 1`.
#' @noRd
family_tools <- function(family) find_family_tools(family$family)(family)
