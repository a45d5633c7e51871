# Fits that several files look at, made once. Notes of the fits are not the subject there.
result_fits <- new.env()

result_fit <- function(name) {
  if (is.null(result_fits[[name]])) {
    result_fits[[name]] <- suppressMessages(switch(name,
      infection = glmm(
        cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial(), nAGQ = 25
      ),
      toenail = glmm(
        severe ~ treatment * scheduled + (1 | patient), toenail, binomial(), nAGQ = 25
      ),
      epilepsy = glmm(
        seizures ~ treatment + log(base) + (period | subject), epilepsy, poisson(), nAGQ = 1
      ),
      respiratory = glmm(
        outcome ~ treat * center + age + (1 | patient), respiratory, binomial(), nAGQ = 15
      ),
      lmm = glmm(y ~ x + (x | id), gaussian_data()),
      reml = glmm(y ~ x + (x | id), gaussian_data(), REML = TRUE),
      independent = glmm(y ~ x + (x || id), gaussian_data()),
      zero = glmm(y ~ x + (1 | id), no_variance_data())
    ))
  }
  result_fits[[name]]
}

# 12 clusters of 5 rows, in no order; fixed numbers so that printed results stay.
gaussian_data <- function() {
  i <- rep(1:12, 5)
  j <- rep(1:5, each = 12)
  wave <- function(k) sin(k * 12.9898) * 43758.5453
  noise <- function(k) 2 * (wave(k) - floor(wave(k))) - 1
  x <- j - 3 + noise(i + 20 * j) / 2
  data.frame(id = letters[i], x = x, y = 1 + 0.5 * x + 2 * noise(i) + noise(i + 99) * x +
    noise(7 * i + 31 * j))
}

# The cluster means are equal, so that the variance between clusters is estimated as 0.
no_variance_data <- function() {
  data <- gaussian_data()
  data$y <- data$y - ave(data$y, data$id) + 0.5 * data$x
  data
}

# Rounding and the number of steps differ between machines.
without_convergence <- function(lines) {
  lines <- sub("= [-+0-9.e]+ \\(limit 1e-10\\), [0-9]+ iterations?", "= ... (limit 1e-10)", lines)
  sub("log-likelihood: .*", "log-likelihood: ...", lines)
}

# Log-likelihood of each cluster of a binomial model with a random intercept by the trapezoid rule:
# nothing of the engine is used. psi = (beta, sd).
binomial_clusters <- function(fit, psi) {
  design <- fit$design
  p <- ncol(design$X)
  t <- seq(-9, 9, length.out = 1201)
  eta <- drop(design$X %*% psi[seq_len(p)]) + design$offset
  vapply(seq_along(design$levels), function(i) {
    rows <- (design$start[i] + 1L):design$start[i + 1L]
    log_lik <- vapply(t, function(u) {
      mu <- fit$family$linkinv(eta[rows] + psi[p + 1L] * u)
      sum(dbinom(design$y[rows], row_trials(design)[rows], mu, log = TRUE))
    }, 0)
    log(sum(exp(log_lik) * dnorm(t)) * (t[2L] - t[1L]))
  }, 0)
}
