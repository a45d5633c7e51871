# Small random data sets for every family and link, and their likelihood by plain integration: R's
# own distribution functions and a sum over a fine grid, nothing of the engine.

all_families <- function() {
  list(
    "binomial-logit" = binomial("logit"), "binomial-probit" = binomial("probit"),
    "binomial-cloglog" = binomial("cloglog"), "binomial-cauchit" = binomial("cauchit"),
    "binomial-log" = binomial("log"), "poisson-log" = poisson("log"),
    "poisson-sqrt" = poisson("sqrt"), "poisson-identity" = poisson("identity"),
    "gaussian-identity" = gaussian("identity"), "gaussian-log" = gaussian("log")
  )
}

# Families with a dispersion besides the Gaussian, held to the same tests in a file of their own.
dispersion_families <- function() {
  list(
    "nbinom2-log" = nbinom2(), "nbinom2-sqrt" = nbinom2("sqrt"),
    "nbinom2-identity" = nbinom2("identity"),
    "nbinom1-log" = nbinom1(), "nbinom1-sqrt" = nbinom1("sqrt"),
    "nbinom1-identity" = nbinom1("identity"),
    "Gamma-log" = Gamma("log"), "Gamma-inverse" = Gamma("inverse"),
    "Gamma-identity" = Gamma("identity"),
    "inverse.gaussian-log" = inverse.gaussian("log"),
    "inverse.gaussian-1/mu^2" = inverse.gaussian("1/mu^2"),
    "beta-logit" = beta_family(), "beta-probit" = beta_family("probit"),
    "beta-cloglog" = beta_family("cloglog"),
    "betabinomial-logit" = betabinomial(), "betabinomial-probit" = betabinomial("probit"),
    "betabinomial-cloglog" = betabinomial("cloglog")
  )
}

# The integrand is smooth with one mode, so that the rule converges fast.
smooth_families <- c(
  "binomial-logit", "binomial-probit", "binomial-cloglog", "poisson-log", "gaussian-identity"
)

# ---- data ------------------------------------------------------------------------------------

# Mean of the predictor: inside the range of the link by several standard deviations.
toy_level <- function(family) {
  switch(paste0(family$family, "-", family$link),
    "binomial-log" = -2.5, "poisson-sqrt" = 3, "poisson-identity" = 6, "nbinom2-sqrt" = 3,
    "nbinom1-sqrt" = 3, "nbinom2-identity" = 6, "nbinom1-identity" = 6, "Gamma-inverse" = 3,
    "Gamma-identity" = 5, "inverse.gaussian-1/mu^2" = 3,
    "beta-cloglog" = -0.5, # no response that rounds to 1
    0.2
  )
}

#' A design in the engine's shape, with parameters and responses drawn from the model
#'
#' @param q Random effects, correlated: Lambda is a full lower triangle.
#' @param sd Their standard deviation, at which `psi` has its theta.
#' @param plain One trial and weight 1 in every row?
#' @return A list: `design`, `psi`.
#' @noRd
toy_model <- function(family, q, m = 5L, rows = 4L, p = 2L, sd = 0.6, seed = 1, plain = FALSE) {
  set.seed(seed)
  n <- m * rows
  X <- cbind(1, matrix(rnorm(n * (p - 1L)), n))
  Z <- cbind(1, matrix(rnorm(n * (q - 1L)) / 2, n))[, seq_len(q), drop = FALSE]
  colnames(X) <- paste0("x", seq_len(p))
  colnames(Z) <- paste0("z", seq_len(q))
  entries <- which(lower.tri(diag(q), diag = TRUE), arr.ind = TRUE)
  Lambda <- diag(sd, q)
  Lambda[lower.tri(Lambda)] <- sd / 3
  binary <- has_trials(family)
  design <- list(
    X = X, Z = Z, trials = if (binary && !plain) rep_len(c(1, 3, 2), n) else rep(1, n),
    weights = if (plain) rep(1, n) else rep_len(c(1, 2, 0.5, 1.5), n),
    offset = toy_level(family) + 0.1 * rnorm(n), start = as.integer(seq(0, n, rows)),
    theta_row = as.integer(entries[, 1L] - 1L), theta_col = as.integer(entries[, 2L] - 1L),
    levels = as.character(seq_len(m)), weights_type = "prior"
  )
  beta <- rep_len(c(-0.1, 0.15, 0.05), p)
  phi <- toy_phi(family)
  repeat {
    b <- matrix(rnorm(m * q), m) %*% t(Lambda)
    eta <- drop(design$offset + X %*% beta + rowSums(Z * b[rep(seq_len(m), each = rows), ]))
    if (toy_valid(family, eta)) break
  }
  mu <- family$linkinv(eta)
  design$y <- as.numeric(switch(family$family,
    binomial = rbinom(n, design$trials, mu), poisson = rpois(n, mu),
    gaussian = rnorm(n, mu, sqrt(phi / design$weights)),
    family_tools(family)$simulate(mu, design$trials, phi, 1)
  ))
  list(design = design, psi = c(beta, Lambda[lower.tri(Lambda, diag = TRUE)], log(phi)))
}

toy_phi <- function(family) {
  switch(family$family,
    gaussian = 0.4, nbinom2 = 2.5, nbinom1 = 0.8, Gamma = 0.3, inverse.gaussian = 0.3,
    beta = 6, betabinomial = 3, numeric()
  )
}

toy_valid <- function(family, eta) {
  switch(paste0(family$family, "-", family$link),
    "binomial-log" = all(eta < 0), "poisson-identity" = all(eta > 0),
    "nbinom2-identity" = all(eta > 0),
    "nbinom1-identity" = all(eta > 0), "Gamma-identity" = all(eta > 0),
    "Gamma-inverse" = all(eta > 0), "inverse.gaussian-1/mu^2" = all(eta > 0), TRUE
  )
}

toy_engine <- function(model, family, K, deriv = 0L, psi = model$psi, ...) {
  engine_evaluate(model$design, family, psi, K, deriv, ...)
}

# ---- likelihood of the rows ------------------------------------------------------------------

# log of mu and of 1 - mu, exact in both tails.
log_probabilities <- function(link, eta) {
  switch(link,
    logit = list(plogis(eta, log.p = TRUE), plogis(-eta, log.p = TRUE)),
    probit = list(pnorm(eta, log.p = TRUE), pnorm(-eta, log.p = TRUE)),
    cauchit = list(pcauchy(eta, log.p = TRUE), pcauchy(-eta, log.p = TRUE)),
    cloglog = list(log(-expm1(-exp(eta))), -exp(eta)),
    log = list(ifelse(eta > 0, -Inf, eta), ifelse(eta > 0, -Inf, log(-expm1(pmin(eta, 0)))))
  )
}

# log f(y | eta) with weights and constants; eta has a row for each of the `rows` of the design.
brute_log_density <- function(design, family, rows, eta, phi = 1) {
  y <- design$y[rows]
  size <- row_trials(design)[rows]
  w <- row_weights(design)[rows]
  if (family$family == "gaussian") {
    frequency <- design$weights_type == "frequency"
    mu <- if (family$link == "log") exp(eta) else eta
    eta[] <- dnorm(y, mu, sqrt(if (frequency) phi else phi / w), log = TRUE)
    return(if (frequency) w * eta else eta)
  }
  if (family$family == "poisson") {
    mu <- switch(family$link, log = exp(eta), sqrt = eta^2, identity = pmax(eta, 0))
    outside <- family$link == "identity" & eta < 0
    eta[] <- ifelse(outside, -Inf, dpois(y, mu, log = TRUE))
    return(w * eta)
  }
  if (family$family != "binomial") {
    return(brute_dispersion_density(design, family, rows, eta, phi))
  }
  log_mu <- log_probabilities(family$link, eta)
  times <- function(count, log) ifelse(count == 0 & log > -Inf, 0, count * log)
  out <- times(y, log_mu[[1L]]) + times(size - y, log_mu[[2L]])
  out[log_mu[[1L]] == -Inf] <- -Inf
  w * (lchoose(size, y) + out)
}

# By R's distribution functions in their own parametrisations.
brute_dispersion_density <- function(design, family, rows, eta, phi) {
  y <- design$y[rows]
  w <- row_weights(design)[rows]
  frequency <- design$weights_type == "frequency"
  inside <- switch(family$link, identity = , inverse = , "1/mu^2" = eta > 0, eta > -Inf)
  mu <- switch(family$link,
    log = exp(eta), sqrt = eta^2, identity = pmax(eta, 1e-300), inverse = 1 / pmax(eta, 1e-300),
    "1/mu^2" = 1 / sqrt(pmax(eta, 1e-300)),
    logit = plogis(eta), probit = pnorm(eta), cloglog = -expm1(-exp(eta))
  )
  scale <- phi / if (frequency) 1 else w
  log_f <- switch(family$family,
    nbinom2 = dnbinom(y, size = phi, mu = mu, log = TRUE),
    nbinom1 = dnbinom(y, size = mu / phi, prob = 1 / (1 + phi), log = TRUE),
    Gamma = dgamma(y, shape = 1 / scale, rate = 1 / (scale * mu), log = TRUE),
    beta = dbeta(y, mu * phi, (1 - mu) * phi, log = TRUE),
    betabinomial = lchoose(row_trials(design)[rows], y) - lbeta(mu * phi, (1 - mu) * phi) +
      lbeta(mu * phi + y, (1 - mu) * phi + row_trials(design)[rows] - y),
    inverse.gaussian = 0.5 * (-log(2 * pi * scale * y^3) - (y - mu)^2 / (scale * y * mu^2))
  )
  # where mu is 0 or 1 to machine precision; far out, where the normal density is 0
  log_f[is.nan(log_f)] <- -Inf
  multiplies <- frequency || dispersion_kind(family) == "shape"
  eta[] <- ifelse(inside, log_f, -Inf)
  if (multiplies) w * eta else eta
}

brute_parts <- function(model, family, psi = model$psi) {
  design <- model$design
  p <- ncol(design$X)
  q <- ncol(design$Z)
  theta <- psi[p + seq_along(design$theta_row)]
  Lambda <- matrix(0, q, q)
  Lambda[cbind(design$theta_row, design$theta_col) + 1L] <- theta
  list(
    eta0 = drop(design$offset + design$X %*% psi[seq_len(p)]), V = design$Z %*% Lambda,
    Lambda = Lambda, phi = if (has_phi(family)) exp(psi[length(psi)]) else 1
  )
}

# log f(y_i, u) of cluster i at the rows of the matrix u.
brute_joint <- function(model, family, i, u, psi = model$psi) {
  design <- model$design
  parts <- brute_parts(model, family, psi)
  rows <- seq(design$start[i] + 1L, design$start[i + 1L])
  eta <- parts$eta0[rows] + parts$V[rows, , drop = FALSE] %*% t(u)
  colSums(brute_log_density(design, family, rows, eta, parts$phi)) +
    rowSums(dnorm(u, log = TRUE))
}

# ---- integrals -------------------------------------------------------------------------------

# The trapezoidal rule on the whole line converges exponentially for analytic integrands.
brute_grid <- function(q, step = c(1 / 100, 1 / 12)[q], reach = c(14, 9)[q]) {
  line <- seq(-reach, reach, by = step)
  list(u = as.matrix(expand.grid(rep(list(line), q))), volume = (line[2L] - line[1L])^q)
}

log_sum <- function(x) {
  top <- max(x)
  top + log(sum(exp(x - top)))
}

brute_loglik <- function(model, family, psi = model$psi,
                         grid = brute_grid(effect_count(model$design))) {
  clusters <- seq_len(cluster_count(model$design))
  sum(vapply(clusters, function(i) {
    log_sum(brute_joint(model, family, i, grid$u, psi)) + log(grid$volume)
  }, 0))
}

# Laplace, from its textbook formula: log f(u~) + q/2 log(2 pi) - log|H| / 2, H by differences.
brute_laplace <- function(model, family) {
  q <- effect_count(model$design)
  sum(vapply(seq_len(cluster_count(model$design)), function(i) {
    minus_h <- function(u) -brute_joint(model, family, i, t(u))
    mode <- optim(numeric(q), minus_h, method = "BFGS", control = list(reltol = 1e-15))$par
    # numDeriv's steps are relative: the point is put at 1
    near <- function(mode) function(t) minus_h(mode + t - 1)
    one <- rep(1, q)
    for (polish in 1:3) {
      mode <- mode - solve(numDeriv::hessian(near(mode), one), numDeriv::grad(near(mode), one))
    }
    H <- numDeriv::hessian(near(mode), one)
    -minus_h(mode) + q / 2 * log(2 * pi) - as.numeric(determinant(H)$modulus) / 2
  }, 0))
}

# Links that restrict the mean: the integrand ends where a row's eta leaves the range of the link,
# so panels of Gauss-Legendre points are laid inside the feasible interval of the last u.
legendre_panels <- function(panels, order = 10L) {
  k <- seq_len(order - 1L)
  jacobi <- matrix(0, order, order)
  jacobi[cbind(k, k + 1L)] <- jacobi[cbind(k + 1L, k)] <- k / sqrt(4 * k^2 - 1)
  pairs <- eigen(jacobi, symmetric = TRUE)
  left <- (seq_len(panels) - 1) / panels
  list(
    x = as.vector(outer((pairs$values + 1) / 2 / panels, left, "+")),
    w = rep(pairs$vectors[1L, ]^2 / panels, panels)
  )
}

# Where sign * (eta + v u) >= 0 for all rows, within (-9, 9).
feasible_interval <- function(eta, v, sign) {
  bound <- -eta / v
  lower <- max(-9, bound[sign * v > 0])
  c(lower, max(lower, min(9, bound[sign * v < 0])))
}

brute_restricted_loglik <- function(model, family) {
  q <- effect_count(model$design)
  sign <- if (family$link == "log") -1 else 1
  parts <- brute_parts(model, family)
  inner <- legendre_panels(if (q == 1L) 200L else 24L)
  outer <- if (q == 1L) list(x = 0, w = 1) else legendre_panels(120L, 5L)
  first <- if (q == 1L) 0 else -9 + 18 * outer$x
  sum(vapply(seq_len(cluster_count(model$design)), function(i) {
    rows <- rows_in_cluster(model$design, i)
    V <- parts$V[rows, , drop = FALSE]
    terms <- lapply(seq_along(first), function(k) {
      eta <- parts$eta0[rows] + if (q == 2L) V[, 1L] * first[k] else 0
      ends <- feasible_interval(eta, V[, q], sign)
      length <- ends[2L] - ends[1L]
      if (length <= 0) return(-Inf)
      u <- ends[1L] + length * inner$x
      joint <- brute_joint(model, family, i, cbind(if (q == 2L) first[k], u))
      joint + log(inner$w * length * outer$w[k] * if (q == 2L) 18 else 1)
    })
    log_sum(unlist(terms))
  }, 0))
}

# ---- derivatives -------------------------------------------------------------------------------

# Largest difference of each kind, relative where the entry is above one.
gradient_error <- function(model, family, K, psi = model$psi) {
  exact <- toy_engine(model, family, K, 1L, psi)$gradient
  differences <- numDeriv::grad(function(x) toy_engine(model, family, K, 0L, x)$value, psi)
  max(abs(exact - differences) / pmax(1, abs(differences)))
}

# Differences of the gradient, which the other tests compare with the value.
hessian_error <- function(model, family, K, psi = model$psi) {
  exact <- toy_engine(model, family, K, 2L, psi)$hessian
  differences <- numDeriv::jacobian(
    function(x) toy_engine(model, family, K, 1L, x)$gradient, psi,
    method.args = list(r = 3)
  )
  max(abs(exact - differences)) / max(1, abs(differences))
}
