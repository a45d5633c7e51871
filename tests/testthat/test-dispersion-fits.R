# Fits, results and messages of families with a dispersion.

gamma_data <- function() {
  set.seed(5)
  d <- data.frame(g = rep(1:30, each = 5), x = rnorm(150))
  mu <- exp(1 + 0.3 * d$x + rnorm(30, 0, 0.5)[d$g])
  transform(d, y = rgamma(150, 3, 3 / mu), n = rpois(150, mu))
}

test_that("fits converge and their gradient is zero, every family and link", {
  d <- gamma_data()
  for (name in names(dispersion_families())) {
    family <- dispersion_families()[[name]]
    d$r <- if (family$family == "beta") {
      d$y / (2 + d$y)
    } else if (has_trials(family)) {
      cbind(d$n, 3 + (d$g * 7) %% 5)
    } else if (family_tools(family)$discrete) {
      d$n + (d$g %% 3) * rep(0:1, 75)
    } else {
      d$y
    }
    if (family$link == "identity") d$r <- d$r + 5 # away from where the mean would be negative
    fit <- suppressMessages(glmm(r ~ x + (1 | g), d, family, nAGQ = 9))
    expect_true(fit$convergence$converged, label = name)
    expect_false(anyNA(vcov(fit)), label = name)
    free <- !is.na(diag(fit$vcov_full))
    gradient <- engine_evaluate(fit$design, family, fit_psi(fit), 9L, 1L)$gradient
    expect_lt(abs(drop(gradient[free] %*% fit$vcov_full[free, free] %*% gradient[free])), 1e-10)
    expect_identical(rownames(vcov(fit, full = TRUE))[4], "log_phi")
    expect_identical(attr(logLik(fit), "df"), 4L)
  }
})

test_that("responses in other units shift the likelihood and scale phi's companions", {
  d <- gamma_data()
  for (link in c("log", "inverse", "identity")) {
    a <- suppressMessages(glmm(y ~ x + (1 | g), d, Gamma(link), nAGQ = 9))
    b <- suppressMessages(glmm(I(1e6 * y) ~ x + (1 | g), d, Gamma(link), nAGQ = 9))
    expect_true(b$convergence$converged)
    expect_equal(as.numeric(logLik(b)), as.numeric(logLik(a)) - 150 * log(1e6), tolerance = 1e-8)
    expect_equal(b$phi, a$phi, tolerance = 1e-5)
  }
})

test_that("counts without overdispersion end at the Poisson model, with a note", {
  d <- gamma_data()
  poisson_fit <- glmm(n ~ x + (1 | g), d, poisson(), nAGQ = 9)
  for (family in list(nbinom2(), nbinom1())) {
    expect_snapshot(fit <- glmm(n ~ x + (1 | g), d, family, nAGQ = 9))
    expect_equal(as.numeric(logLik(fit)), as.numeric(logLik(poisson_fit)), tolerance = 1e-10)
    expect_equal(coef(fit), coef(poisson_fit), tolerance = 1e-6)
    expect_equal(vcov(fit), vcov(poisson_fit), tolerance = 1e-6)
    expect_true(is.na(vcov(fit, full = TRUE)["log_phi", "log_phi"]))
    expect_true(fit$convergence$converged)
    expect_snapshot(cat(dispersion_words(fit, 4)))
  }
})

test_that("the dispersion is printed in words, and sigma() follows its kind", {
  fit <- glmm(seizures ~ treatment + (1 | subject), epilepsy, nbinom2(), nAGQ = 7)
  expect_equal(sigma(fit), fit$phi)
  expect_identical(rownames(confint(fit, "all"))[4], "phi")
  expect_snapshot(print(fit, digits = 3))
  expect_snapshot(print(rate_ratios(fit), digits = 3))
  gamma_fit <- glmm(y ~ x + (1 | g), gamma_data(), Gamma("log"), nAGQ = 7)
  expect_equal(sigma(gamma_fit)^2, gamma_fit$phi)
  expect_snapshot(print(summary(gamma_fit), digits = 3), transform = without_convergence)
  expect_snapshot(print(rate_ratios(gamma_fit), digits = 3))
})

test_that("Wald limits of phi are those of its logarithm", {
  fit <- glmm(seizures ~ treatment + (1 | subject), epilepsy, nbinom2(), nAGQ = 7)
  se <- sqrt(vcov(fit, full = TRUE)["log_phi", "log_phi"])
  expect_equal(unname(confint(fit, "phi")[1, ]), exp(log(fit$phi) + c(-1, 1) * qnorm(0.975) * se))
  profile <- confint(fit, "phi", method = "profile")
  limit <- -2 * (vapply(profile, function(phi) {
    log_phi <- log(phi)
    best <- optim(c(coef(fit), fit$theta), function(x) {
      -engine_evaluate(fit$design, fit$family, c(x, log_phi), 7L, 0L)$value
    }, method = "BFGS", control = list(reltol = 1e-13))
    -best$value
  }, 0) - as.numeric(logLik(fit)))
  expect_equal(limit, rep(qchisq(0.95, 1), 2), tolerance = 1e-4, ignore_attr = TRUE)
})

test_that("draws have the mean and variance of the family, and match its distribution function", {
  set.seed(8)
  n <- 1e5
  for (name in c("nbinom2-log", "nbinom1-log", "Gamma-log", "inverse.gaussian-log")) {
    family <- dispersion_families()[[name]]
    tools <- family_tools(family)
    phi <- 0.6
    y <- tools$simulate(rep(2, n), 1, phi, 1)
    expect_equal(mean(y), 2, tolerance = 0.02, info = name)
    scale <- if (dispersion_kind(family) == "scale") phi else 1
    expect_equal(var(y), scale * tools$variance(2, phi), tolerance = 0.06, info = name)
    p <- tools$cdf(c(1, 3), 2, phi = phi)
    expect_equal(p$upper, c(mean(y <= 1), mean(y <= 3)), tolerance = 0.01, info = name)
    expect_equal(p$lower, c(mean(y < 1), mean(y < 3)), tolerance = 0.01, info = name)
    expect_true(all(tools$deviance(y[1:50], 2, phi = phi) >= 0))
    expect_equal(tools$deviance(2, 2, phi = phi), 0)
  }
  # the weights of a precision
  y <- family_tools(Gamma())$simulate(rep(2, n), 1, 0.6, 4)
  expect_equal(var(y), 0.6 * 4 / 4, tolerance = 0.05)
  y <- family_tools(inverse.gaussian())$simulate(rep(2, n), 1, 0.6, 4)
  expect_equal(var(y), 0.6 * 8 / 4, tolerance = 0.05)
  # very skewed and nearly normal inverse Gaussians
  for (phi in c(1e-8, 50)) {
    p <- family_tools(inverse.gaussian())$cdf(c(0.5, 1, 2), 1, phi = phi)$upper
    exact <- vapply(c(0.5, 1, 2), function(q) {
      if (phi < 1e-6) return(pnorm(q, 1, sqrt(phi)))
      integrate(function(y) exp(-(y - 1)^2 / (2 * phi * y)) / sqrt(2 * pi * phi * y^3), 0, q,
        rel.tol = 1e-9
      )$value
    }, 0)
    expect_equal(p, exact, tolerance = if (phi < 1e-6) 1e-4 else 1e-6)
  }
})

test_that("simulate, residuals, predict and refit work", {
  d <- gamma_data()
  fits <- suppressMessages(list(
    glmm(seizures ~ treatment + (1 | subject), epilepsy, nbinom2(), nAGQ = 7),
    glmm(seizures ~ treatment + (1 | subject), epilepsy, nbinom1(), nAGQ = 7),
    glmm(y ~ x + (1 | g), d, Gamma("log"), nAGQ = 7),
    glmm(y ~ x + (1 | g), d, inverse.gaussian("log"), nAGQ = 7),
    glmm(I(y / (2 + y)) ~ x + (1 | g), d, beta_family(), nAGQ = 7),
    glmm(cbind(n, m) ~ x + (1 | g), transform(d, m = 3 + (g * 7) %% 5), betabinomial(), nAGQ = 7)
  ))
  for (fit in fits) {
    y <- simulate(fit, 1, seed = 3)
    expect_s3_class(refit(fit, y), "margmix_glmm")
    for (type in c("deviance", "pearson", "response", "working", "quantile")) {
      expect_false(anyNA(residuals(fit, type, seed = 1)))
    }
    # marginal distribution function by a fine grid of random effects
    p <- marginal_cdf(fit, fixed_predictor(fit, fitted_rows(fit, "integrate")),
      rep(unname(fit$theta), nobs(fit))
    )
    rows <- c(1, 50, 120)
    eta <- drop(design_X(fit$design) %*% fit$beta)[rows] + row_offset(fit$design)[rows]
    u <- seq(-8, 8, length.out = 4001)
    exact <- vapply(seq_along(rows), function(j) {
      mu <- fit$family$linkinv(eta[j] + fit$theta * u)
      y <- rep(row_response(fit$design)[rows[j]], length(u))
      trials <- row_trials(fit$design)[rows[j]]
      upper <- family_tools(fit$family)$cdf(y, mu, trials, fit$phi, 1)$upper
      sum(upper * dnorm(u)) * (u[2] - u[1])
    }, 0)
    expect_equal(unname(p$upper[rows]), exact, tolerance = 1e-6)
    if (fit$family$link == "log") expect_equal(
      unname(predict(fit, type = "response", random_effects = "integrate"))[1],
      unname(exp(predict(fit, type = "link", random_effects = "zero") + fit$theta^2 / 2))[1],
      tolerance = 1e-10
    )
  }
})

test_that("responses out of range, links and names are refused", {
  d <- transform(gamma_data(), zero = c(0, y[-1]), minus = c(-1, n[-1]), half = n + 0.5)
  expect_snapshot(error = TRUE, {
    glmm(zero ~ x + (1 | g), d, Gamma("log"))
    glmm(minus ~ x + (1 | g), d, nbinom2())
    nbinom2("logit")
    nbinom1(log)
    as_family("Negative Binomial")
  })
  expect_warning(glmm(half ~ x + (1 | g), d, nbinom2(), nAGQ = 1),
    class = "margmix_warning_noninteger"
  )
  expect_identical(as_family("nbinom2")$family, "nbinom2")
})

test_that("separation is found for counts that are all zero in a group", {
  d <- transform(gamma_data(), z = as.numeric(g > 20))
  d$m <- ifelse(d$z == 1, 0, d$n)
  expect_warning(
    tryCatch(glmm(m ~ z + (1 | g), d, nbinom2(), nAGQ = 1), margmix_error = identity),
    class = "margmix_warning_separation"
  )
})

test_that("there is no population mean where the predictor must be positive", {
  fit <- glmm(y ~ x + (1 | g), gamma_data(), Gamma("inverse"), nAGQ = 9)
  expect_snapshot(
    error = TRUE, predict(fit, type = "response", random_effects = "integrate")
  )
})

test_that("gee() refuses a dispersion that shapes the variance", {
  expect_snapshot(
    error = TRUE, gee(seizures ~ treatment, epilepsy, id = subject, family = nbinom2())
  )
})

test_that("marginal variances integrate those of the family", {
  fits <- list(
    glmm(seizures ~ treatment + (1 | subject), epilepsy, nbinom2(), nAGQ = 7),
    glmm(seizures ~ treatment + (1 | subject), epilepsy, nbinom1(), nAGQ = 7)
  )
  skip_if_not_installed("numDeriv")
  t <- seq(-9, 9, length.out = 6001)
  w <- dnorm(t) / sum(dnorm(t))
  for (fit in fits) {
    mu <- exp(coef(fit)[[1]] + fit$theta * t)
    within <- if (fit$family$family == "nbinom2") mu + mu^2 / fit$phi else mu * (1 + fit$phi)
    V <- marginal_covariance(fit, newdata = data.frame(treatment = c("placebo", "placebo")))
    between <- sum(w * mu^2) - sum(w * mu)^2
    expect_equal(unclass(V)[1:2], c(sum(w * within) + between, between), tolerance = 1e-8)
    total <- function(log_phi) {
      at <- replace(fit, "phi", list(exp(log_phi)))
      response_parts(at, moment_rows(at, NULL))$total
    }
    expect_equal(total(log(fit$phi))$gradient[4],
      numDeriv::grad(function(x) total(x)$value, log(fit$phi)), tolerance = 1e-7
    )
  }
})

test_that("beta and beta-binomial responses are checked, and drawn as the family says", {
  d <- gamma_data()
  expect_snapshot(error = TRUE, {
    glmm(I(n / 3) ~ x + (1 | g), d, beta_family())
    glmm(I(n > 2) ~ x + (1 | g), d, betabinomial())
  })
  set.seed(9)
  n <- 1e5
  tools <- family_tools(beta_family())
  y <- tools$simulate(rep(0.3, n), 1, 4)
  expect_equal(c(mean(y), var(y)), c(0.3, tools$variance(0.3, 4)), tolerance = 0.02)
  tools <- family_tools(betabinomial())
  y <- tools$simulate(rep(0.3, n), 7, 4)
  expect_equal(c(mean(y), var(y)), c(2.1, 7 * tools$variance(0.3, 4, 7)), tolerance = 0.02)
  p <- tools$cdf(c(0, 3, 7), rep(0.3, 3), rep(7, 3), 4)
  expect_equal(p$upper, c(mean(y <= 0), mean(y <= 3), 1), tolerance = 0.01)
  expect_equal(p$lower, c(0, mean(y < 3), mean(y < 7)), tolerance = 0.01)
})

test_that("binomial counts without overdispersion end at the binomial model", {
  set.seed(12)
  d <- data.frame(g = rep(1:30, each = 5))
  d$r <- rbinom(150, 6, plogis(rnorm(30)[d$g]))
  binomial_fit <- glmm(cbind(r, 6 - r) ~ 1 + (1 | g), d, binomial(), nAGQ = 9)
  expect_message(
    fit <- glmm(cbind(r, 6 - r) ~ 1 + (1 | g), d, betabinomial(), nAGQ = 9),
    class = "margmix_note_boundary"
  )
  expect_equal(as.numeric(logLik(fit)), as.numeric(logLik(binomial_fit)), tolerance = 1e-9)
  expect_false(anyNA(residuals(fit, "quantile", seed = 1)))
})

test_that("counts with a dispersion and an effect of each row are those of integrals by row", {
  set.seed(3)
  n <- 150
  d <- data.frame(row = seq_len(n), x = rnorm(n))
  d$y <- rnbinom(n, mu = exp(0.8 + 0.5 * d$x + 0.8 * rnorm(n)), size = 3)
  d$k <- rbinom(n, 15, plogis(0.5 * d$x + rnorm(n)))
  cases <- list(
    list(y ~ x + (1 | row), nbinom2(), function(i, mu, phi) dnbinom(d$y[i], phi, mu = mu)),
    list(y ~ x + (1 | row), nbinom1(), function(i, mu, phi) dnbinom(d$y[i], mu / phi, mu = mu)),
    list(cbind(k, 15 - k) ~ x + (1 | row), betabinomial(), function(i, mu, phi) {
      k <- d$k[i]
      choose(15, k) * exp(lbeta(k + mu * phi, 15 - k + (1 - mu) * phi) -
        lbeta(mu * phi, (1 - mu) * phi))
    })
  )
  u <- seq(-9, 9, by = 0.02)
  weight <- 0.02 * dnorm(u)
  for (case in cases) {
    fit <- quietly(glmm(case[[1]], d, case[[2]], nAGQ = 31))
    log_likelihood <- function(par) {
      eta <- par[1] + par[2] * d$x
      sum(log(vapply(seq_len(n), function(i) {
        sum(weight * case[[3]](i, fit$family$linkinv(eta[i] + par[3] * u), exp(par[4])))
      }, 0)))
    }
    at <- c(fit$beta, fit$theta, log(fit$phi))
    expect_equal(c(logLik(fit)), log_likelihood(at), tolerance = 1e-7, info = family(fit)$family)
    if (fit$theta > 0) {
      expect_lt(max(abs(numDeriv::grad(log_likelihood, at))), 1e-3)
    }
  }
})
