# The marginal (population-averaged) coefficients that a mixed model implies.

#' Marginal coefficients implied by a mixed model
#'
#' @description
#' ```
#' fit <- glmm(severe ~ treatment * scheduled + (1 | patient), toenail, binomial())
#' marginal_coefficients(fit)
#' ```
#' The coefficients of [glmm()] compare rows of the same cluster. Those given here compare averages
#' over the population of clusters, which [gee()] estimates directly. Both describe one fitted
#' model: these are **marginal, implied by the mixed model**.
#'
#' @details
#' The population mean of a row is m = integral of linkinv(eta + s t) phi(t) dt, with eta = offset +
#' x'beta and s^2 = z'Lambda Lambda'z.
#'
#' * Identity link: gamma = beta.
#' * Log link: m = exp(eta + s^2 / 2). With a random intercept, slopes equal those of beta and the
#'   intercept increases by s^2 / 2.
#' * Probit link: m = Phi(eta / sqrt(1 + s^2)). With a random intercept, gamma = beta / sqrt(1 +
#'   s^2).
#' * Logit link with `random_distribution = "bridge"`: gamma = phi beta, exactly.
#' * Other links, random slopes, or an offset under probit: no gamma gives the means exactly. gamma
#'   is then the **projection**, which solves, for the same formula, sum_j w_j x_j mu'(x_j'gamma)
#'   (m_j - mu(x_j'gamma)) / V = 0 over the rows of the fit, where w is prior weights times trials.
#'   This is a quasi-likelihood fit to the means themselves. If the mixed model holds, generalized
#'   estimating equations with independence working correlation estimate the same gamma on these
#'   rows. Under log and probit with random slopes each row has its own shift s^2 / 2 or factor 1 /
#'   sqrt(1 + s^2), returned as `per_row`.
#'
#' Standard errors are by the delta method in beta and theta jointly, with the exact Jacobian (of
#' the projection by implicit differentiation); variances on the boundary are treated as known. The
#' attenuation is the ratio marginal / conditional.
#'
#' @param object A fit of [glmm()].
#' @param vcov Covariance of (beta, theta): `"default"`, `"KR"`, `"model"` or `"robust"`, see
#'   [vcov.margmix_glmm()].
#' @param df Degrees of freedom, as in [summary.margmix_glmm()].
#' @param level Confidence level.
#' @param x A result.
#' @param digits Significant digits to print.
#' @param parm Names or numbers of coefficients.
#' @param row.names,optional Not used (arguments of the generic).
#' @param ... Not used.
#' @return A list of class `margmix_marginal_coefficients`: `coefficients` (gamma), `vcov`,
#'   `jacobian` (p x (p + t), in beta and theta), `table` (a data frame with `term`,
#'   `conditional`, `marginal`, `std.error`, `df`, `statistic`, `p.value`, `conf.low`,
#'   `conf.high`, `attenuation` and its standard error `attenuation.se`), `method` (`"closed form"`
#'   or `"projection"`), `s` (the range of the standard deviation of the random part) and
#'   `per_row` (`NULL`, or one number for each row of the data).
#'   It has the methods `coef()`, `vcov()`, `confint()`, `as.data.frame()` and `tidy()`.
#' @section Conditions: errors `margmix_error_marginal_already` (a fit of [gee()]),
#'   `margmix_error_argument`, `margmix_error_projection` (no solution was found).
#' @references
#' Zeger, S. L., Liang, K.-Y. and Albert, P. S. (1988). Models for longitudinal data: a generalized
#' estimating equation approach. *Biometrics* **44**, 1049-1060.
#' @seealso [compare_effects()], [marginal_standardization()]
#' @examples
#' fit <- glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial())
#' marginal_coefficients(fit)
#'
#' # log link: slopes coincide
#' fit <- glmm(seizures ~ treatment + (1 | subject), epilepsy, poisson())
#' as.data.frame(marginal_coefficients(fit))
#' @export
marginal_coefficients <- function(object, ...) UseMethod("marginal_coefficients")

#' @rdname marginal_coefficients
#' @export
marginal_coefficients.default <- function(object, ...) check_glmm(object, "object")

#' @export
marginal_coefficients.margmix_gee <- function(object, ...) {
  abort("marginal_already", "The coefficients of gee() are marginal already.",
    hint = "Use coef() or summary()."
  )
}

#' @rdname marginal_coefficients
#' @export
marginal_coefficients.margmix_glmm <- function(object, vcov = "default", df = "default",
                                               level = 0.95, ...) {
  check_dots(..., known = names(formals(marginal_coefficients.margmix_glmm)))
  check_level(level)
  type <- one_of(vcov, c("default", covariances_for("slopes")), "vcov")
  check_in_memory(object$design)
  implied <- implied_regression(with_moving_variances(object))
  chosen <- chosen_vcov(object, type)
  V <- beta_theta_vcov(object, chosen)
  J <- implied$jacobian
  covariance <- named_square(J %*% V %*% t(J), names(object$beta))
  degrees <- chosen_df(object, df, chosen)
  if (!degrees$given) {
    degrees$df[] <- hypothesis_df(degrees, J[, seq_along(object$beta), drop = FALSE])
  }
  table <- wald_table(implied$gamma, sqrt(diag(covariance)), degrees$df, level)
  structure(list(
    coefficients = aliased_too(implied$gamma, object), vcov = covariance, jacobian = J,
    table = coefficient_table(object, table, implied, V), method = implied$method,
    s = implied$s, per_row = implied$per_row, level = level, link = object$family$link,
    words = inference_words(object, chosen, degrees),
    group = group_labels(object$design), aliased = aliased_coefficients(object$design)
  ), class = "margmix_marginal_coefficients")
}

#' Covariance of (beta, theta) of [with_moving_variances()], with zeros for what is on the boundary
#' @param chosen From [chosen_vcov()].
#' @noRd
beta_theta_vcov <- function(fit, chosen) {
  fit$vcov_full <- if (chosen$type == "robust") full_vcov(fit, "robust") else with_beta(fit, chosen)
  fit <- with_moving_variances(fit)
  keep <- seq_len(length(fit$beta) + length(fit$theta))
  usable_vcov(fit)[keep, keep, drop = FALSE]
}

aliased_too <- function(gamma, fit) {
  out <- fit$coefficients
  out[] <- NA_real_
  out[!aliased_coefficients(fit$design)] <- gamma
  out
}

coefficient_table <- function(fit, table, implied, V) {
  beta <- fit$beta
  attenuation <- implied$gamma / beta
  D <- implied$jacobian
  D[cbind(seq_along(beta), seq_along(beta))] <- diag(D[, seq_along(beta), drop = FALSE]) -
    attenuation
  se <- sqrt(rowSums((D %*% V) * D)) / abs(beta)
  out <- data.frame(
    term = names(beta), conditional = unname(beta), marginal = table$estimate,
    table[c("std.error", "df", "statistic", "p.value", "conf.low", "conf.high")],
    attenuation = unname(attenuation), attenuation.se = unname(se), row.names = names(beta)
  )
  out <- out[match(names(fit$coefficients), names(beta)), ]
  rownames(out) <- out$term <- names(fit$coefficients)
  out
}

# gamma -------------------------------------------------------------------------------------------

#' gamma and its Jacobian in (beta, theta)
#'
#' @return A list: `gamma`, `jacobian`, `method`, `s` (range), `per_row` (or `NULL`).
#' @noRd
implied_regression <- function(fit) {
  design <- fit$design
  design$Z <- fit$design$Z <- marginal_Z(fit)
  s <- random_sd(design_Z(design), fit$Lambda)
  range <- range(s)
  constant <- range[2L] - range[1L] <= 1e-12 * range[2L]
  out <- closed_regression(fit, s[1L], constant) %||% projected_regression(fit, s)
  out$s <- range
  if (!constant) out$per_row <- per_row_effect(fit, s)
  names(out$gamma) <- names(fit$beta)
  dimnames(out$jacobian) <- list(names(fit$beta), c(names(fit$beta), names(fit$theta)))
  out
}

# Closed forms, or NULL.
closed_regression <- function(fit, s, constant) {
  beta <- fit$beta
  known <- attenuation(population_law(fit), s)
  intercept <- as.numeric(names(beta) == "(Intercept)")
  if (is.null(known) || !constant && !has_identity_link(fit$family)) return(NULL)
  if (known$intercept && !any(intercept > 0)) return(NULL)
  if (!known$offset && any(row_offset(fit$design) != 0)) return(NULL)
  s_theta <- random_sd_gradient(design_Z(fit$design)[1L, , drop = FALSE], s, fit)
  d_s <- known$d_factor * beta + known$d_shift * intercept
  list(
    gamma = known$factor * beta + known$shift * intercept,
    jacobian = cbind(diag(known$factor, length(beta)), d_s %*% s_theta), method = "closed form"
  )
}

# As [normal_attenuation()].
attenuation <- function(law, s) UseMethod("attenuation")

#' @export
attenuation.default <- function(law, s) normal_attenuation(law$link, s)

#' @export
attenuation.margmix_bridge_law <- function(law, s) {
  phi <- bridge_phi(s)
  list(
    factor = phi, d_factor = -3 * s / pi^2 * phi^3, shift = 0, d_shift = 0, offset = FALSE,
    intercept = FALSE
  )
}

# Of an identity link the mean alone counts.
#' @export
attenuation.margmix_t_law <- function(law, s) {
  if (has_identity_link(law)) normal_attenuation(law$link, s)
}

projected_regression <- function(fit, s) {
  design <- fit$design
  law <- population_law(fit)
  rows <- list(
    X = design_X(design), offset = row_offset(design),
    weight = row_weights(design) * row_trials(design)
  )
  m <- engine_population_mean(fixed_predictor(fit, rows), s, law)
  rows <- c(rows, list(
    mean = m$mean, d_eta = m$d_eta, d_theta = m$d_s * random_sd_gradient(design_Z(design), s, fit)
  ))
  phi <- shared_phi(fit, "the marginal regression of this link")
  found <- engine_projection(rows, law, phi, fit$beta / sqrt(1 + mean(s)^2 / 3))
  if (!found$converged || !all(is.finite(found$gamma))) {
    abort("projection", "The marginal regression that the means imply has no solution.",
      given = paste0("none after ", count_of(found$iterations, "iteration"), " with ",
        fit$family$link, " link"
      ),
      hint = "marginal_standardization() gives marginal effects without a regression."
    )
  }
  list(gamma = found$gamma, jacobian = found$jacobian, method = "projection")
}

# What each row's own random part does to its predictor, where that has a closed form.
per_row_effect <- function(fit, s) {
  effect <- row_attenuation(fit$family$link, s)
  if (is.null(effect)) return(NULL)
  caller_order(effect, fit$design)
}

# Methods -----------------------------------------------------------------------------------------

#' @rdname marginal_coefficients
#' @export
print.margmix_marginal_coefficients <- function(x, digits = max(3L, getOption("digits") - 3L),
                                                ...) {
  digits <- known_digits(digits)
  say("Marginal (population-averaged) coefficients, implied by the mixed model\n")
  say(method_words(x), sep = "\n")
  cat("\n")
  table <- x$table
  shown <- cbind(
    Conditional = format(table$conditional, digits = digits),
    Marginal = format(table$marginal, digits = digits),
    `Std. Error` = format(table$std.error, digits = digits),
    Lower = format(table$conf.low, digits = digits),
    Upper = format(table$conf.high, digits = digits),
    Attenuation = sprintf("%.3f", table$attenuation)
  )
  rownames(shown) <- rownames(table)
  print(shown, quote = FALSE, right = TRUE)
  say(format_level(x$level), " limits. ", x$words, "\n", sep = "")
  say("Conditional: for a given ", some_of(code(x$group)),
    "; attenuation: marginal / conditional.\n", sep = ""
  )
  invisible(x)
}

method_words <- function(x) {
  if (x$method == "closed form") {
    return(paste0("in closed form: ", attenuation_words(x$link), sd_words(x$s)))
  }
  c(
    paste0("by projection of the population means on the formula", sd_words(x$s)),
    if (length(x$per_row)) {
      paste0(
        row_attenuation_words(x$link),
        paste(unique(format(range(x$per_row), digits = 3L)), collapse = " to ")
      )
    }
  )
}

sd_words <- function(s) {
  shown <- unique(trimws(format(s, digits = 3L)))
  paste0(" (SD of random effects ", paste(shown, collapse = " to "), ")")
}

#' @rdname marginal_coefficients
#' @export
coef.margmix_marginal_coefficients <- function(object, ...) object$coefficients

#' @rdname marginal_coefficients
#' @export
vcov.margmix_marginal_coefficients <- function(object, ...) {
  complete_vcov(object$vcov, object$aliased)
}

#' @rdname marginal_coefficients
#' @export
confint.margmix_marginal_coefficients <- function(object, parm, level = object$level, ...) {
  check_level(level)
  rows <- rownames(object$table)
  if (!missing(parm)) rows <- chosen_rows(parm, rows, rows)
  table <- object$table[rows, ]
  half <- stats::qt((1 + level) / 2, table$df) * table$std.error
  matrix(table$marginal + c(-half, half), length(rows),
    dimnames = list(rows, limit_names(level))
  )
}

#' @rdname marginal_coefficients
#' @export
as.data.frame.margmix_marginal_coefficients <- function(x, row.names = NULL, optional = FALSE,
                                                        ...) {
  out <- x$table
  rownames(out) <- NULL
  out
}

#' @rdname marginal_coefficients
#' @export
tidy.margmix_marginal_coefficients <- function(x, ...) {
  out <- as.data.frame(x)
  names(out)[names(out) == "marginal"] <- "estimate"
  as_tibble_if_known(out)
}
