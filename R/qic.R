# Criteria for the covariates and the working correlation of marginal models.

#' QIC and relatives of marginal models
#'
#' @description
#' ```
#' fit <- gee(outcome ~ treat + visit, respiratory, id = patient, family = binomial())
#' qic(fit)
#' qic(independence = fit, exchangeable = update(fit, corstr = "exchangeable"))
#' ```
#'
#' @details
#' QIC and its relatives compare marginal models of the same responses; smaller is better for all of
#' them. With Q the quasi-likelihood of independent rows at the estimates, phi the scale, Omega_I
#' the model-based information of independent rows, V_R the robust and B^-1 the model-based
#' covariance (Pan 2001; Hin and Wang 2009):
#'
#' * CIC = tr(Omega_I V_R), to choose a working correlation;
#' * QIC = -2 Q / phi + 2 CIC, to choose a working correlation or covariates;
#' * QICu = -2 Q / phi + 2 p, to choose covariates under one working correlation;
#' * RJC = sqrt((1 - c1)^2 + (1 - c2)^2) with c1 = tr(G) / p, c2 = tr(G^2) / p and G = B V_R
#'   (Rotnitzky and Jewell 1990), near 0 for a good working covariance.
#'
#' Omega_I is taken at the estimates of the fit; with `alpha_method = "geepack"` at those under
#' independence, as that package does. Q is as in the table of McCullagh and Nelder (1989, table
#' 9.1), without terms of y alone and, for responses of several trials, without binomial
#' coefficients. If scales differ between fits, so does -2 Q / phi: to compare covariates, give all
#' fits the `scale` of the largest model, or 1.
#'
#' @param ... Fits of [gee()] to the same rows, with or without names.
#' @return A data frame of class `margmix_qic`, a row for each fit: `QIC`, `QICu`, `CIC`, `RJC`,
#'   `quasi` (Q), `phi`, `p`, `corstr`.
#' @section Errors: `margmix_error_argument`: not a fit of [gee()]; `margmix_error_qic_rows`: fits
#'   to different responses.
#' @references
#' Hin, L.-Y. and Wang, Y.-G. (2009). Working-correlation-structure identification in generalized
#' estimating equations. *Statistics in Medicine* **28**, 642-658.
#'
#' McCullagh, P. and Nelder, J. A. (1989). *Generalized Linear Models*, 2nd edition. Chapman and
#' Hall.
#'
#' Pan, W. (2001). Akaike's information criterion in generalized estimating equations. *Biometrics*
#' **57**, 120-125.
#'
#' Rotnitzky, A. and Jewell, N. P. (1990). Hypothesis testing of regression parameters in
#' semiparametric generalized linear models for cluster correlated data. *Biometrika* **77**,
#' 485-497.
#' @examples
#' fit <- gee(resp ~ age * smoke, ohio, id = id, family = binomial(), corstr = "exchangeable")
#' qic(fit, update(fit, corstr = "independence"))
#' @export
qic <- function(...) {
  fits <- list(...)
  labels <- vapply(as.list(substitute(list(...)))[-1L], expression_text, "")
  if (!is.null(names(fits))) labels[names(fits) != ""] <- names(fits)[names(fits) != ""]
  long <- nchar(labels) > 30L
  labels[long] <- paste0("fit ", seq_along(labels))[long]
  check_qic_fits(fits, labels)
  table <- do.call(rbind, lapply(fits, qic_row))
  rownames(table) <- make.unique(labels)
  structure(table, class = c("margmix_qic", "data.frame"))
}

qic_row <- function(fit) {
  p <- length(fit$beta)
  V <- beta_vcov(fit, "robust")$vcov
  independent <- with_independence(fit)
  CIC <- sum(total_information(fit$design, independent) * V)
  G <- total_information(fit$design, fit) %*% V
  quasi <- quasi_likelihood(fit$design, fit)
  RJC <- sqrt((1 - sum(diag(G)) / p)^2 + (1 - sum(G * t(G)) / p)^2)
  data.frame(
    QIC = -2 * quasi / fit$phi + 2 * CIC, QICu = -2 * quasi / fit$phi + 2 * p, CIC = CIC,
    RJC = RJC, quasi = quasi, phi = fit$phi, p = p, corstr = fit$correlation$label
  )
}

# The same estimates seen by independent rows; with geepack's method those of independent rows.
with_independence <- function(fit) {
  if (fit$control$alpha_method == "geepack") {
    other <- fit_gee_design(fit$design, fit$family, cor_independence(), fit$scale,
      fit$bias_reduce, control = fit$control
    )
    fit[c("beta", "phi")] <- other[c("beta", "phi")]
  }
  fit$correlation <- cor_independence()
  fit$alpha <- fit$alpha_engine <- numeric()
  fit
}

#' Quasi-likelihood of independent rows at the estimates, scale 1
#' @noRd
quasi_likelihood <- function(design, fit) UseMethod("quasi_likelihood")

#' @export
quasi_likelihood.default <- function(design, fit) {
  eta <- row_offset(design) + drop(design$X %*% fit$beta)
  mu <- fit$family$linkinv(eta)
  y <- design$y / row_trials(design)
  w <- row_weights(design) * row_trials(design)
  sum(w * family_tools(fit$family)$quasi(y, mu))
}

check_qic_fits <- function(fits, labels) {
  if (!length(fits)) abort("argument", "qic() needs at least one fit of gee().")
  marginal <- vapply(fits, inherits, NA, "margmix_gee")
  if (!all(marginal)) {
    classes <- vapply(fits, function(fit) class(fit)[1L], "")
    abort("argument", "qic() compares fits of gee().",
      given = some_of(paste(labels, "of class", classes)[!marginal])
    )
  }
  weighted <- vapply(fits, function(fit) !is.null(ipw_kind(fit$design)), NA)
  if (any(weighted)) {
    abort("argument", "qic() is not defined for fits with inverse-probability weights.",
      given = some_of(labels[weighted])
    )
  }
  y <- lapply(rows_to_compare(fits), function(rows) comparison_data(rows)$y)
  same <- vapply(y, function(other) isTRUE(all.equal(other, y[[1L]], tolerance = 1e-10)), NA)
  if (all(same)) return(invisible())
  counts <- vapply(fits, function(fit) row_count(fit$design), 1L)
  abort("qic_rows", "Fits that are compared must be of the same responses, row by row.",
    given = some_of(paste(labels, "with", counts, "rows")),
    hint = "Rows with missing values may have been dropped from one of them."
  )
}

#' @rdname qic
#' @param x The result.
#' @param digits Significant digits to print.
#' @export
print.margmix_qic <- function(x, digits = 6L, ...) {
  digits <- known_digits(digits)
  print(format(as.data.frame(unclass(x), row.names = rownames(x)), digits = digits))
  invisible(x)
}
