# Intraclass correlation and the share of variance of each random term.

#' Intraclass correlation and variance components
#'
#' @description
#' ```
#' fit <- glmm(severe ~ treatment * scheduled + (1 | patient), toenail, binomial())
#' intraclass_correlation(fit)
#' ```
#' How alike are two responses of one cluster, and how much of the variance is due to each random
#' term? On two scales: of the latent predictor, and of the responses themselves.
#'
#' @details
#' **Latent scale.** The variances of the predictor, averaged over rows: of the fixed part, V_f =
#' Var(x'beta); of each random term, V_k = mean of z'Sigma_k z (Johnson 2014); and the variance d of
#' the response's own distribution on that scale: pi^2 / 3 for logit, 1 for probit, pi^2 / 6 for
#' cloglog, sigma^2 for a Gaussian response with identity link; for counts and positive responses
#' with a log link log(1 + V(lambda) / lambda^2), lambda being the mean of the population means and
#' V the variance of a response (Poisson: log(1 + 1/lambda)); 1/4 for Poisson with a square root
#' link (Nakagawa, Johnson and Schielzeth 2017). Other links have no such scale (`NA`). *Adjusted*:
#' sum V_k / (sum V_k + d), which is the correlation of two latent responses at given covariates,
#' and *unadjusted*: sum V_k / (V_f + sum V_k + d).
#'
#' With several grouping factors these are the correlations of two responses that share all of them.
#'
#' **Response scale.** The variance of the mean given b over Var(y), both at given covariates: the
#' correlation of two responses that share their covariates. It depends on them; the number reported
#' is the ratio of the averages over the rows (of one trial each, for a binomial response). The
#' integrals are exact, not an expansion: with normal random effects the conditional mean depends on
#' one normal variable.
#'
#' Standard errors are those of the delta method in beta, theta and the residual variance jointly;
#' limits are computed on the logit scale, with the normal distribution. An estimate of 0 has the
#' lower limit 0 and no upper limit.
#'
#' Package \pkg{performance} uses the latent components, so that its `icc()` and `r2_nakagawa()`
#' work for these fits.
#'
#' @param object A fit of [glmm()].
#' @param newdata Rows to average over instead of those of the fit: one row gives the correlation at
#'   these covariates.
#' @param level Confidence level.
#' @param x A result.
#' @param digits Significant digits to print.
#' @param row.names,optional Not used (arguments of the generic).
#' @param ... Not used.
#' @return A list of class `margmix_icc` with the data frames `icc` (rows `adjusted`, `unadjusted`
#'   and `response`) and `variances` (a row for the fixed part, each random term and the
#'   distribution), with the columns `estimate` (in `variances` the share of the total),
#'   `std.error`, `conf.low`, `conf.high`; `variances` has `variance` as well. `as.data.frame()` is
#'   `icc`.
#' @section Errors: `margmix_error_argument`, `margmix_error_family`, and those of
#'   [predict.margmix_glmm()] for `newdata`.
#' @references
#' Johnson, P. C. D. (2014). Extension of Nakagawa & Schielzeth's R2 GLMM to random slopes models.
#' *Methods in Ecology and Evolution* **5**, 944-946.
#'
#' Nakagawa, S., Johnson, P. C. D. and Schielzeth, H. (2017). The coefficient of determination R2
#' and intra-class correlation coefficient from generalized linear mixed-effects models revisited
#' and expanded. *Journal of the Royal Society Interface* **14**, 20170213.
#' @seealso [marginal_covariance()]
#' @examples
#' fit <- glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial())
#' intraclass_correlation(fit)
#' @export
intraclass_correlation <- function(object, newdata = NULL, level = 0.95, ...) {
  check_dots(..., known = names(formals(intraclass_correlation)))
  check_level(level)
  if (!inherits(object, "margmix_glmm")) {
    abort("argument", "`object` must be a fit of glmm().", given = class(object)[1L],
      hint = if (inherits(object, "margmix_gee")) "gee() has a working correlation instead."
    )
  }
  rows <- moment_rows(object, newdata)
  parts <- latent_parts(object, rows)
  response <- response_parts(object, rows)
  total <- Reduce(add_quantities, parts)
  random <- Reduce(add_quantities, parts[-c(1L, length(parts))])
  adjusted <- add_quantities(random, parts[[length(parts)]])
  V <- variance_vcov(object)
  icc <- rbind(
    adjusted = share_row(random, adjusted, V, level),
    unadjusted = share_row(random, total, V, level),
    response = share_row(response$between, response$total, V, level)
  )
  shares <- do.call(rbind, lapply(parts, share_row, total, V, level))
  structure(list(
    icc = icc, variances = data.frame(variance = vapply(parts, `[[`, 0, "value"), shares),
    level = level, family = object$family, rows = nrow(rows$X), group = group_labels(object$design),
    distribution = attr(parts, "distribution"), new = !is.null(newdata)
  ), class = "margmix_icc")
}

# Quantities: a value with its gradient in (beta, theta, log phi) --------------------------------

quantity <- function(fit, value, beta = 0, theta = 0, log_phi = 0) {
  gradient <- c(
    rep_len(beta, length(fit$beta)), rep_len(theta, length(fit$theta)),
    if (has_phi(fit$family)) log_phi
  )
  list(value = value, gradient = unname(gradient))
}

add_quantities <- function(a, b) {
  list(value = a$value + b$value, gradient = a$gradient + b$gradient)
}

variance_vcov <- function(fit) unname(usable_vcov(fit))

#' A share a / b with limits on the logit scale
#' @noRd
share_row <- function(a, b, V, level) {
  share <- a$value / b$value
  gradient <- (a$gradient - share * b$gradient) / b$value
  se <- sqrt(drop(gradient %*% V %*% gradient))
  limits <- if (is.na(share)) {
    c(NA_real_, NA_real_)
  } else if (share <= 0) {
    c(0, NA)
  } else {
    half <- stats::qnorm((1 + level) / 2) * se / (share * (1 - share))
    stats::plogis(stats::qlogis(share) + c(-1, 1) * half)
  }
  if (isTRUE(share <= 0)) se <- NA_real_
  data.frame(estimate = share, std.error = se, conf.low = limits[1L], conf.high = limits[2L])
}

# Rows --------------------------------------------------------------------------------------------

# The rows that are averaged over, with their weights w (summing to 1), predictors and means.
moment_rows <- function(fit, newdata) {
  design <- fit$design
  if (is.null(newdata)) {
    rows <- design[c("X", "Z", "offset")]
    rows$w <- row_sizes(design)
  } else {
    new <- design_newdata(fit, newdata, "Z", stats::na.omit)
    rows <- new[c("X", "Z", "offset")]
    rows$w <- rep(1, nrow(rows$X))
    if (!nrow(rows$X)) {
      abort("newdata", "`newdata` must have a row without missing values.")
    }
  }
  rows$w <- rows$w / sum(rows$w)
  rows$eta <- fixed_predictor(fit, rows)
  rows$s <- random_sd(rows$Z, fit$Lambda)
  rows$m <- engine_population_mean(rows$eta, rows$s, fit$family)
  rows
}

# sum w f(eta, s) as a quantity, from the values of f and its derivatives.
row_average <- function(fit, rows, value, d_eta, d_s) {
  s_theta <- random_sd_gradient(rows$Z, rows$s, fit)
  quantity(fit, sum(rows$w * value),
    beta = crossprod(rows$X, rows$w * d_eta), theta = crossprod(s_theta, rows$w * d_s)
  )
}

# Latent scale ------------------------------------------------------------------------------------

#' Variance components on the scale of the predictor
#' @return A named list of quantities: `fixed`, one for each random term, `distribution`.
#' @noRd
latent_parts <- function(fit, rows) {
  distribution <- distribution_part(fit, rows)
  structure(
    c(list(fixed = fixed_part(fit, rows)), random_parts(fit, rows),
      list(distribution = distribution$part)
    ),
    distribution = distribution$words
  )
}

# Var(x'beta) over the rows; the offset is not an effect.
fixed_part <- function(fit, rows) {
  fixed <- rows$eta - rows$offset
  centred <- fixed - sum(rows$w * fixed)
  quantity(fit, sum(rows$w * centred^2), beta = 2 * crossprod(rows$X, rows$w * centred))
}

# mean z'Sigma_k z = tr(Lambda_k' M Lambda_k) with M = mean zz'; its derivative is 2 M Lambda.
random_parts <- function(fit, rows) {
  M <- crossprod(rows$Z, rows$w * rows$Z)
  entries <- cbind(fit$design$theta_row, fit$design$theta_col) + 1L
  ML <- M %*% fit$Lambda
  blocks <- random_blocks(fit$design)
  parts <- lapply(blocks, function(block) {
    inside <- entries[, 2L] %in% block$columns
    columns <- block$columns
    quantity(fit, sum(fit$Lambda[, columns] * ML[, columns]),
      theta = ifelse(inside, 2 * ML[entries], 0)
    )
  })
  labels <- vapply(blocks, function(block) paste(block$names, collapse = ", "), "")
  stats::setNames(parts, paste0(names(blocks), ": ", labels))
}

# Of the response's own distribution. Under a log link log(1 + V(lambda) / lambda^2), the variance
# of the logarithm of a lognormal variable with mean lambda and variance V(lambda).
distribution_part <- function(fit, rows) {
  family <- fit$family$family
  link <- fit$family$link
  constant <- switch(paste(family, link),
    `binomial logit` = c(`pi^2 / 3` = pi^2 / 3), `binomial probit` = c(`1` = 1),
    `binomial cloglog` = c(`pi^2 / 6` = pi^2 / 6), `poisson sqrt` = c(`1/4` = 0.25)
  )
  if (!is.null(constant)) {
    return(list(part = quantity(fit, constant[[1L]]), words = names(constant)))
  }
  if (paste(family, link) == "gaussian identity") {
    return(list(part = quantity(fit, fit$phi, log_phi = fit$phi), words = "residual variance"))
  }
  if (link == "log" && !family %in% c("binomial", "gaussian")) {
    return(list(part = lognormal_part(fit, rows), words = "log(1 + variance / mean^2)"))
  }
  list(part = quantity(fit, NA_real_), words = "not defined for this link")
}

lognormal_part <- function(fit, rows) {
  lambda <- row_average(fit, rows, rows$m$mean, rows$m$d_eta, rows$m$d_s)
  v <- variance_scale(fit) * variance_coefficients(fit$family, fit$phi)
  powers <- lambda$value^(-2:0)
  ratio <- sum(v * powers)
  gradient <- sum(v * c(-2, -1, 0) * lambda$value^(-3:-1)) * lambda$gradient
  if (has_phi(fit$family)) {
    last <- length(gradient)
    gradient[last] <- gradient[last] + sum(variance_log_phi(fit) * powers)
  }
  list(value = log1p(ratio), gradient = gradient / (1 + ratio))
}

# Response scale ----------------------------------------------------------------------------------

#' Variance between clusters, and in all, averaged over rows
#'
#' With a variance function v0 + v1 mu + v2 mu^2, and B = Var(mu) between clusters,
#' E[Var(y | b)] = v0 + v1 m + v2 (m^2 + B), times phi where that is a scale.
#' @return A list of quantities: `between`, `total`.
#' @noRd
response_parts <- function(fit, rows) {
  B <- engine_between_variance(rows$eta, rows$s, fit$family)
  m <- rows$m
  between <- row_average(fit, rows, B$value, B$d_eta, B$d_s)
  v <- variance_coefficients(fit$family, fit$phi)
  slope <- v[2L] + 2 * v[3L] * m$mean
  within <- row_average(fit, rows, v[1L] + v[2L] * m$mean + v[3L] * (m$mean^2 + B$value),
    slope * m$d_eta + v[3L] * B$d_eta, slope * m$d_s + v[3L] * B$d_s
  )
  if (has_phi(fit$family)) {
    scale <- variance_scale(fit)
    within <- list(value = scale * within$value, gradient = scale * within$gradient)
    d <- variance_log_phi(fit)
    within$gradient[length(within$gradient)] <-
      sum(rows$w * (d[1L] + d[2L] * m$mean + d[3L] * (m$mean^2 + B$value)))
  }
  list(between = between, total = add_quantities(between, within))
}

# Methods -----------------------------------------------------------------------------------------

#' @rdname intraclass_correlation
#' @export
print.margmix_icc <- function(x, digits = max(3L, getOption("digits") - 3L), ...) {
  cat("Intraclass correlation by ", some_of(code(x$group)), ", averaged over ",
    count_of(x$rows, if (x$new) "row of `newdata`" else "row"), "\n\n",
    sep = ""
  )
  shown <- share_columns(x$icc, digits)
  rownames(shown) <- c(
    "latent scale, at given covariates (adjusted)",
    "latent scale, over all covariates (unadjusted)", "response scale, at given covariates"
  )
  print(shown, quote = FALSE, right = TRUE)
  cat("\nVariances on the scale of the predictor (distribution: ", x$distribution, ")\n", sep = "")
  table <- cbind(
    Variance = format(x$variances$variance, digits = digits), share_columns(x$variances, digits)
  )
  colnames(table)[2L] <- "Share"
  rownames(table) <- rownames(x$variances)
  print(table, quote = FALSE, right = TRUE)
  cat(format_level(x$level), "limits by the delta method on the logit scale.\n")
  invisible(x)
}

share_columns <- function(table, digits) {
  number <- function(x) ifelse(is.na(x), "NA", formatC(x, digits = digits, format = "g"))
  cbind(
    Estimate = number(table$estimate), Lower = number(table$conf.low),
    Upper = number(table$conf.high)
  )
}

#' @rdname intraclass_correlation
#' @export
as.data.frame.margmix_icc <- function(x, row.names = NULL, optional = FALSE, ...) {
  data.frame(scale = rownames(x$icc), x$icc, row.names = NULL)
}

# For package performance: its icc() and r2_nakagawa() ask insight for the variances.
#' @exportS3Method insight::is_mixed_model
is_mixed_model.margmix_glmm <- function(x) TRUE

#' @exportS3Method insight::get_variance
get_variance.margmix_glmm <- function(x, component = "all", ...) {
  parts <- intraclass_correlation(x)$variances
  n <- nrow(parts)
  variance <- stats::setNames(parts$variance, rownames(parts))
  constant <- grepl("^\\(Intercept\\)", colnames(x$design$Z))
  group <- group_labels(x$design)[column_groups(x$design)]
  intercepts <- stats::setNames(rowSums(x$Lambda^2)[constant], group[constant])
  out <- list(
    var.fixed = variance[[1L]], var.random = sum(variance[-c(1L, n)]), var.residual = variance[[n]],
    var.distribution = variance[[n]], var.dispersion = 0, var.intercept = intercepts
  )
  if (identical(component, "all")) out else out[[paste0("var.", component)]]
}
