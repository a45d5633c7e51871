# Mass points as they are returned: covariance, notes, print and the usual methods.

#' @section Conditions: warning `convergence`; note `mass_points`.
#' @noRd
new_mass_points <- function(fit, problem, found) {
  p <- length(problem$beta)
  K <- found$K
  active <- setdiff(found$free, p + which(found$at_end))
  step <- newton_direction(
    -found$at$gradient[active], -found$at$hessian[active, active, drop = FALSE]
  )
  converged <- !is.null(step) && step$decrement < 1e-6
  report_points(found, converged)
  V <- matrix(0, length(found$psi), length(found$psi))
  V[active, active] <- if (is.null(step)) NA else chol2inv(chol(-found$at$hessian[active, active]))
  shown <- centred_points(problem, found)
  location <- ifelse(found$at_end, sign(shown$location) * Inf, shown$location)
  V <- shown$map %*% V %*% t(shown$map)
  beta <- stats::setNames(shown$beta, names(fit$beta))
  names <- c(names(beta), paste0("location", seq_len(K)), paste0("mass", seq_len(K)))
  se <- sqrt(diag(V))
  order <- order(shown$location)
  structure(list(
    beta = beta,
    points = data.frame(
      location = location, location_se = replace(se[p + seq_len(K)], found$at_end, NA),
      mass = found$pi, mass_se = se[p + K + seq_len(K)],
      held = shown$location
    )[order, ],
    sd = sqrt(sum(found$pi * (location - sum(found$pi * location))^2)),
    logLik = found$at$value, df = length(found$free),
    vcov = named_square(V[seq_len(p), seq_len(p), drop = FALSE], names(beta)),
    vcov_full = named_square(V, names),
    posterior = structure(t(found$at$posterior)[, order, drop = FALSE],
      dimnames = list(cluster_levels(fit$design), NULL)),
    gain = max(found$gain, 0), converged = converged, fit = fit
  ), class = "margmix_mass_points")
}

report_points <- function(found, converged) {
  if (!converged) {
    warn("convergence", "The search for mass points has not ended at a maximum.",
      given = paste(found$K, "points"), hint = "Ask for fewer with `points`."
    )
  }
  if (any(found$at_end)) {
    note("mass_points", "A location runs to infinity and is held at the end of its range.",
      given = paste("mass", some_of(signif(found$pi[found$at_end], 3L))),
      hint = "Clusters with no events, or only events, cause this."
    )
  }
}

#' Effects of mean zero, with the derivative of (beta, locations, masses) in psi
#' @noRd
centred_points <- function(problem, found) {
  p <- length(problem$beta)
  K <- found$K
  pi <- found$pi
  d_pi <- softmax_slope(pi)
  map <- matrix(0, p + 2L * K, p + 2L * K - 1L)
  map[cbind(seq_len(p + K), seq_len(p + K))] <- 1
  masses <- p + K + seq_len(K)
  alphas <- p + K + seq_len(K - 1L)
  map[masses, alphas] <- d_pi
  beta <- found$psi[seq_len(p)]
  location <- found$a
  if (length(problem$origin)) {
    finite <- if (all(found$at_end)) rep(TRUE, K) else !found$at_end
    share <- pi * finite / sum(pi[finite])
    mean <- sum(share * found$a)
    d_mean <- c(numeric(p), share, drop(((found$a - mean) * finite / sum(pi[finite])) %*% d_pi))
    map[problem$origin, ] <- d_mean
    map[p + seq_len(K), ] <- map[p + seq_len(K), , drop = FALSE] - rep(d_mean, each = K)
    beta[problem$origin] <- mean
    location <- location - mean
  }
  list(beta = beta, location = location, map = map)
}

# Derivative of the masses in alpha, the logarithms of mass over that of the last.
softmax_slope <- function(pi) {
  K <- length(pi)
  ((diag(K) - matrix(pi, K, K, byrow = TRUE)) * pi)[, seq_len(K - 1L), drop = FALSE]
}

# Methods -----------------------------------------------------------------------------------------

#' @rdname mass_points
#' @export
print.margmix_mass_points <- function(x, digits = max(3L, getOption("digits") - 3L), ...) {
  digits <- known_digits(digits)
  say("Generalized linear mixed model with random effects at ",
    count_of(nrow(x$points), "mass point"), "\n", sep = "")
  say("Formula: ", paste(deparse(stats::formula(x$fit), width.cutoff = 80L), collapse = "\n"), "\n",
    "Family:  ", family_label(x$fit$family), "\n\n", sep = "")
  say("Log-likelihood ", sprintf("%.4f", x$logLik), " on ", count_of(x$df, "parameter"), ", AIC ",
    sprintf("%.2f", stats::AIC(x)), "\n", sep = "")
  say(if (x$gain < 1e-3) {
    "No further point would raise the likelihood at these coefficients."
  } else {
    paste("Further points could add up to", format(signif(x$gain, 2L)), "at these coefficients.")
  }, "\n\n", sep = "")
  say("Random effects by ", code(cluster_group(x$fit$design)), if (is.finite(x$sd)) {
    paste0(", standard deviation ", format(x$sd, digits = digits))
  }, ":\n", sep = "")
  shown <- x$points[setdiff(names(x$points), "held")]
  names(shown) <- c("Location", "SE", "Mass", "SE ")
  print(format(shown, digits = digits), row.names = FALSE)
  say("\n", coefficient_heading(), ":\n", sep = "")
  print(format(cbind(Estimate = x$beta, `Std. Error` = sqrt(diag(x$vcov))), digits = digits),
    quote = FALSE
  )
  say("SE: model-based, for this number of points.\n")
  say("\n", size_words(x$fit), "\n", sep = "")
  invisible(x)
}

#' @rdname mass_points
#' @export
coef.margmix_mass_points <- function(object, ...) object$beta

#' @rdname mass_points
#' @export
vcov.margmix_mass_points <- function(object, ...) object$vcov

#' @rdname mass_points
#' @export
logLik.margmix_mass_points <- function(object, ...) {
  structure(object$logLik, df = object$df, nobs = stats::nobs(object$fit), class = "logLik")
}

#' @rdname mass_points
#' @export
nobs.margmix_mass_points <- function(object, ...) stats::nobs(object$fit)
