# Two independent ways, in plain R, to the log-likelihood of a model with one scalar random
# intercept
#
#   l(beta, sd) = sum_i log integral prod_j f(y_ij | eta_ij = x_ij'beta + sd u) phi(u) du
#
# None of it uses compiled code or the package. All constants (choose, factorial) are kept.
#   grid_loglik()  trapezoid rule on a fixed fine grid: the exact integral up to rounding
#   aghq_loglik()  adaptive Gauss-Hermite quadrature with K nodes; K = 1 is Laplace
#   maximise()     nlminb, then Newton steps until the decrement is at rounding level

# Design of a model of models.R: X (n x p), y and trials (n), group (n, codes 1..m), family.
design <- function(model) {
  frame <- model.frame(model$fixed, model$data)
  response <- model.response(frame)
  binomial_counts <- is.matrix(response)
  list(
    X = model.matrix(model$fixed, frame),
    y = if (binomial_counts) response[, 1] else response,
    trials = if (binomial_counts) rowSums(response) else rep(1, nrow(frame)),
    group = as.integer(factor(model$data[[model$group]])),
    family = model$family
  )
}

log1pexp <- function(x) ifelse(x > 0, x + log1p(exp(-abs(x))), log1p(exp(-abs(x))))

# log f(y | eta) and its first two derivatives in eta; eta a matrix with one row per observation.
log_density <- function(d, eta) {
  if (d$family == "binomial") {
    d$y * eta - d$trials * log1pexp(eta) + lchoose(d$trials, d$y)
  } else {
    d$y * eta - exp(eta) - lfactorial(d$y)
  }
}
density_mean <- function(d, eta) if (d$family == "binomial") d$trials * plogis(eta) else exp(eta)
density_weight <- function(d, eta) {
  if (d$family == "binomial") d$trials * plogis(eta) * plogis(-eta) else exp(eta)
}

log_sum_exp <- function(x) {
  top <- apply(x, 1, max)
  top + log(rowSums(exp(x - top)))
}

# Value with attribute "gradient" (exact for the rule). The integrand is analytic and vanishes at
# both ends, so that the trapezoid error falls exponentially in 1 / step; |u| > 12 has probability
# 4e-33.
grid_loglik <- function(par, d, step = 1 / 40) {
  u <- seq(-12, 12, by = step)
  p <- ncol(d$X)
  eta <- outer(drop(d$X %*% par[1:p]), par[p + 1] * u, "+")
  joint <- rowsum(log_density(d, eta), d$group)
  joint <- sweep(joint, 2, dnorm(u, log = TRUE) + log(step), "+")
  by_cluster <- log_sum_exp(joint)
  posterior <- exp(joint - by_cluster)
  residual <- (d$y - density_mean(d, eta)) * posterior[d$group, , drop = FALSE]
  gradient <- c(crossprod(d$X, rowSums(residual)), sum(residual %*% u))
  structure(sum(by_cluster), gradient = gradient)
}

# Nodes and weights for N(0, 1), weights summing to one (Golub & Welsch, 1969).
hermite_rule <- function(K) {
  if (K == 1) return(list(z = 0, w = 1))
  jacobi <- matrix(0, K, K)
  jacobi[cbind(1:(K - 1), 2:K)] <- jacobi[cbind(2:K, 1:(K - 1))] <- sqrt(1:(K - 1))
  eigen_pairs <- eigen(jacobi, symmetric = TRUE)
  list(z = eigen_pairs$values, w = eigen_pairs$vectors[1, ]^2)
}

aghq_loglik <- function(par, d, K) {
  p <- ncol(d$X)
  sd <- par[p + 1]
  fixed <- drop(d$X %*% par[1:p])
  h <- function(u) {
    drop(rowsum(log_density(d, as.matrix(fixed + sd * u[d$group])), d$group)) - u^2 / 2
  }
  mode <- numeric(max(d$group))
  for (iteration in 1:200) {                 # Newton per cluster, halved where it does not ascend
    eta <- fixed + sd * mode[d$group]
    slope <- sd * drop(rowsum(d$y - density_mean(d, eta), d$group)) - mode
    curvature <- 1 + sd^2 * drop(rowsum(density_weight(d, eta), d$group))
    step <- slope / curvature
    now <- h(mode)
    for (halving in 1:60) {
      worse <- h(mode + step) < now - 1e-12 * (1 + abs(now))
      if (!any(worse)) break
      step[worse] <- step[worse] / 2
    }
    mode <- mode + step
    if (max(abs(step)) < 1e-12) break
  }
  eta <- fixed + sd * mode[d$group]
  scale <- 1 / sqrt(1 + sd^2 * drop(rowsum(density_weight(d, eta), d$group)))
  rule <- hermite_rule(K)
  u <- mode + outer(scale, rule$z)
  joint <- rowsum(log_density(d, fixed + sd * u[d$group, , drop = FALSE]), d$group) - u^2 / 2
  joint <- sweep(joint, 2, log(rule$w) + rule$z^2 / 2, "+")
  sum(log(scale) + log_sum_exp(joint))
}

# Maximum of value(par) from `start`. Derivatives at the solution are taken in the coordinates t
# of par + root t, where root root' is about the covariance of the estimates: then one step length
# suits all coordinates, and Richardson extrapolation (package numDeriv) gives value-only Hessians
# to about 1e-8. Returns estimates, covariance (inverse of the negative Hessian of what is
# maximised) and the squared Newton decrement that was reached.
maximise <- function(value, start, root, gradient = NULL) {
  steps <- list(eps = 0.1, r = 4)
  downhill <- if (!is.null(gradient)) function(x) -gradient(x)
  par <- nlminb(
    start, function(x) -value(x), downhill,
    control = list(rel.tol = 1e-14, iter.max = 500, eval.max = 2000)
  )$par
  origin <- numeric(length(par))
  for (iteration in 1:10) {
    local <- function(t) value(par + drop(root %*% t))
    score <- numDeriv::grad(local, origin, method.args = steps)
    hessian <- numDeriv::hessian(local, origin, method.args = steps)
    step <- solve(-hessian, score)
    decrement <- sum(step * score)
    par <- par + drop(root %*% step)
    if (decrement < 1e-14) break
  }
  covariance <- root %*% solve(-hessian, t(root))
  list(par = par, loglik = value(par), covariance = covariance, decrement = decrement)
}

# A square root of the covariance, from the exact gradient of the grid rule.
covariance_root <- function(par, d) {
  hessian <- numDeriv::jacobian(function(x) attr(grid_loglik(x, d), "gradient"), par)
  t(chol(solve(-(hessian + t(hessian)) / 2)))
}

# Start values: the model without random effect, and sd = 1.
start_values <- function(d) {
  response <- if (d$family == "binomial") cbind(d$y, d$trials - d$y) else d$y
  c(unname(coef(glm(response ~ 0 + d$X, family = d$family))), 1)
}

# One fit as rows of a table: logLik, estimates and standard errors, sd of the random intercept.
as_rows <- function(name, rule, fit, d) {
  names_beta <- colnames(d$X)
  p <- length(names_beta)
  se <- sqrt(diag(fit$covariance))
  data.frame(
    model = name,
    rule = as.character(rule),
    quantity = c("logLik", paste0("coef:", names_beta), "sd", paste0("se:", names_beta), "se:sd"),
    value = c(fit$loglik, fit$par[1:p], abs(fit$par[p + 1]), se)
  )
}

# Data sets of the package and cbpp, from the package root or from anywhere by `root`.
read_sets <- function(root = "../..") {
  sets <- new.env()
  files <- list.files(file.path(root, "data"), pattern = "rda$", full.names = TRUE)
  for (file in files) load(file, sets)
  sets$cbpp <- read.csv(
    file.path(root, "tests", "reference", "cbpp.csv"),
    colClasses = c(herd = "factor", period = "factor")
  )
  as.list(sets)
}
