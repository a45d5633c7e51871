# Variances of a mixed model by source, on the latent and on the response scale, as quantities with
# their derivatives.

# Quantities: a value with its gradient in (beta, theta, log phi) --------------------------------

quantity <- function(fit, value, beta = 0, theta = 0, log_phi = 0) {
  gradient <- c(
    rep_len(beta, length(fit$beta)), rep_len(theta, length(fit$theta)), 0 * fit$rho,
    if (has_phi(fit$family)) log_phi
  )
  list(value = value, gradient = unname(gradient))
}

add_quantities <- function(a, b) {
  list(value = a$value + b$value, gradient = a$gradient + b$gradient)
}

variance_vcov <- function(fit) unname(usable_vcov(fit))

#' A part of a whole as a share, a quantity; and its row of a table, with limits on the logit scale
#' @param ratio A list of quantities: `part`, `whole`.
#' @noRd
share_quantity <- function(ratio) {
  share <- ratio$part$value / ratio$whole$value
  list(
    value = share,
    gradient = (ratio$part$gradient - share * ratio$whole$gradient) / ratio$whole$value
  )
}

share_row <- function(ratio, V, level) {
  found <- share_quantity(ratio)
  share <- found$value
  se <- sqrt(drop(found$gradient %*% V %*% found$gradient))
  limits <- if (is.na(share)) {
    c(NA_real_, NA_real_)
  } else if (share < 1e-12) {
    c(0, NA)
  } else {
    half <- stats::qnorm((1 + level) / 2) * se / (share * (1 - share))
    stats::plogis(stats::qlogis(share) + c(-1, 1) * half)
  }
  if (isTRUE(share < 1e-12)) se <- NA_real_
  data.frame(estimate = share, std.error = se, conf.low = limits[1L], conf.high = limits[2L])
}

# Rows --------------------------------------------------------------------------------------------

# The rows that are averaged over, with their weights w (summing to 1), the number N of observations
# that they stand for, predictors and means.
moment_rows <- function(fit, newdata) {
  shared_phi(fit, "shares of variance")
  design <- fit$design
  if (is.null(newdata)) {
    rows <- list(X = design_X(design), Z = marginal_Z(fit), offset = row_offset(design))
    rows$w <- row_sizes(design)
  } else {
    matter <- levels_matter(design)
    new <- design_newdata(fit, newdata, if (matter) TRUE else "Z", stats::na.omit)
    rows <- new[c("X", "Z", "offset")]
    rows$Z <- marginal_Z(fit, rows$Z, new$cluster)
    rows$w <- rep(1, nrow(rows$X))
    if (!nrow(rows$X)) {
      abort("newdata", "`newdata` must have a row without missing values.")
    }
  }
  rows$N <- sum(rows$w)
  rows$w <- rows$w / rows$N
  means_of_rows(fit, rows)
}

means_of_rows <- function(fit, rows) {
  rows$eta <- fixed_predictor(fit, rows)
  rows$s <- random_sd(rows$Z, fit$Lambda)
  rows$m <- engine_population_mean(rows$eta, rows$s, population_law(fit))
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

# Var(x'beta) over the rows, with divisor N - 1 as in Nakagawa and Schielzeth's var(); the offset is
# not an effect.
fixed_part <- function(fit, rows) {
  fixed <- rows$eta - rows$offset
  centred <- fixed - sum(rows$w * fixed)
  w <- rows$w * if (rows$N > 1) rows$N / (rows$N - 1) else 1
  quantity(fit, sum(w * centred^2), beta = 2 * crossprod(rows$X, w * centred))
}

# mean z'Sigma_k z = tr(Lambda_k' M Lambda_k) with M = mean zz'; its derivative is 2 M Lambda.
random_parts <- function(fit, rows) {
  M <- crossprod(rows$Z, rows$w * rows$Z)
  entries <- first_entries(fit$design)
  ML <- M %*% fit$Lambda
  blocks <- random_blocks(fit$design)
  parts <- lapply(blocks, function(block) {
    inside <- entries[, 2L] %in% block$columns
    columns <- block$columns
    quantity(fit, sum(fit$Lambda[, columns] * ML[, columns]),
      theta = ifelse(inside, 2 * ML[entries], 0)
    )
  })
  stats::setNames(parts, random_part_names(blocks))
}

random_part_names <- function(blocks) {
  labels <- vapply(blocks, function(block) paste(block$names, collapse = ", "), "")
  paste0(names(blocks), ": ", labels)
}

# Of the response's own distribution. Under a log link log(1 + V(lambda) / lambda^2), the variance
# of the logarithm of a lognormal variable with mean lambda and variance V(lambda).
distribution_part <- function(fit, rows) {
  latent <- fact_of_link(fit$family, "latent")
  if (is.numeric(latent)) {
    return(list(part = quantity(fit, latent[[1L]]), words = names(latent)))
  }
  switch(latent %||% "unknown",
    residual = list(part = quantity(fit, fit$phi, log_phi = fit$phi), words = "residual variance"),
    lognormal = list(part = lognormal_part(fit, rows), words = "log(1 + variance / mean^2)"),
    list(part = quantity(fit, NA_real_), words = "not defined for this family and link")
  )
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
  B <- engine_between_variance(rows$eta, rows$s, population_law(fit))
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
