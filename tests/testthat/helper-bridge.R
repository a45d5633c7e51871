# A fit moved to other parameters (beta, theta, log phi), to differentiate what depends on them.
at_parameters <- function(fit, psi) {
  p <- length(fit$beta)
  t <- length(fit$theta)
  fit$beta[] <- psi[seq_len(p)]
  estimated_coefficients(fit) <- psi[seq_len(p)]
  fit$theta[] <- psi[p + seq_len(t)]
  fit$Lambda[first_entries(fit$design)] <- fit$theta
  if (length(psi) > p + t) fit$phi <- exp(psi[p + t + 1L])
  fit
}

all_parameters <- function(fit) {
  c(fit$beta, fit$theta, if (has_phi(fit$family)) log(fit$phi))
}

# Fits of small made-up data with every link, made once.
link_fits <- new.env()
link_fit <- function(name, random = "(x | g)") {
  key <- paste(name, random)
  if (is.null(link_fits[[key]])) {
    family <- all_families()[[name]]
    set.seed(7)
    g <- rep(1:30, each = 5)
    x <- rnorm(150)
    # predictors inside the range of every link
    center <- switch(name, `binomial-log` = -1.6, `poisson-sqrt` = 2, `poisson-identity` = 5, 0.3)
    eta <- center + 0.3 * x + 0.5 * rnorm(30)[g] + 0.2 * rnorm(30)[g] * x
    if (name == "binomial-log") eta <- pmin(eta, -0.05)
    mu <- family$linkinv(eta)
    y <- switch(family$family,
      binomial = rbinom(150, 4, mu) / 4, poisson = rpois(150, mu), gaussian = rnorm(150, mu, 0.5)
    )
    data <- data.frame(y, x, g, n = if (family$family == "binomial") 4 else 1)
    formula <- stats::as.formula(paste("y ~ x +", random))
    link_fits[[key]] <- suppressWarnings(suppressMessages(
      glmm(formula, data, family, weights = n, nAGQ = if (name == "gaussian-identity") 1 else 7)
    ))
  }
  link_fits[[key]]
}
