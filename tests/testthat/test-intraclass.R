# Moments of mu(eta_j + V_j u) by plain summation over a grid of u: nothing of the engine.
brute_moments <- function(fit, X, Z, offset, step = 1 / 15) {
  grid <- brute_grid(ncol(Z), step = step, reach = 8.5)
  w <- exp(rowSums(dnorm(grid$u, log = TRUE))) * grid$volume
  eta <- drop(X %*% fit$beta) + offset + Z %*% fit$Lambda %*% t(grid$u)
  mu <- matrix(fit$family$linkinv(eta), nrow(eta))
  mean <- drop(mu %*% w)
  list(mean = mean, between = (mu - mean) %*% (w * t(mu - mean)))
}

test_that("covariances of conditional means are the integrals, for every link", {
  for (name in names(all_families())) {
    fit <- link_fit(name)
    d <- fit$design
    take <- 1:4
    brute <- brute_moments(fit, d$X[take, ], d$Z[take, ], row_offset(d)[take])
    V <- marginal_covariance(fit, newdata = data.frame(x = d$X[take, "x"]))
    # sqrt and log integrands grow: their tails leave the grid last
    expect_equal(unclass(attr(V, "between")), brute$between, tolerance = 1e-10,
      ignore_attr = TRUE, label = name
    )
    expect_equal(attr(V, "mean"), brute$mean, tolerance = 1e-10, ignore_attr = TRUE)
  }
})

test_that("large random effects keep the accuracy, correlations of 1 and -1 included", {
  for (name in c("binomial-logit", "binomial-probit", "binomial-cloglog", "binomial-cauchit")) {
    fit <- link_fit(name)
    for (Lambda in list(matrix(c(3, -2, 0, 0), 2), matrix(c(2.5, 1, 0, 1.5), 2))) {
      fit$Lambda[] <- Lambda
      X <- cbind(1, c(-2, 0.5, 1.5, 3))
      brute <- brute_moments(fit, X, X, 0, step = 1 / 26)
      between <- engine_between_covariance(
        drop(X %*% fit$beta), tcrossprod(X %*% Lambda), fit$family
      )
      expect_equal(between, brute$between, tolerance = 1e-9, ignore_attr = TRUE, label = name)
    }
  }
})

test_that("Poisson with log link has its closed form", {
  fit <- link_fit("poisson-log", "(1 | g)")
  V <- marginal_covariance(fit, cluster = 3)
  m <- attr(V, "mean")
  expected <- tcrossprod(m) * (exp(fit$theta[[1L]]^2) - 1) + diag(m)
  expect_equal(unclass(V), expected, tolerance = 1e-12, ignore_attr = TRUE)
})

test_that("the Gaussian case is ZSZ' + sigma^2 / w, in the caller's order", {
  fit <- result_fit("lmm")
  V <- marginal_covariance(fit, "c")
  data <- gaussian_data()
  rows <- which(data$id == "c")
  Z <- cbind(1, data$x[rows])
  expected <- Z %*% tcrossprod(fit$Lambda) %*% t(Z) + fit$phi * diag(5)
  expect_equal(unclass(V), expected, tolerance = 1e-12, ignore_attr = TRUE)
  expect_identical(rownames(V), as.character(rows))
})

test_that("variances are those of simulated responses", {
  fit <- link_fit("binomial-logit")
  new <- data.frame(x = c(-1, 0, 2), g = 99)
  draws <- simulate(fit, 4000, seed = 1, newdata = new, trials = 4)
  V <- marginal_covariance(fit, newdata = new, trials = 4)
  expect_equal(cov(t(as.matrix(draws))), unclass(V), tolerance = 0.06, ignore_attr = TRUE)
})

test_that("trials of a beta-binomial row are correlated", {
  set.seed(9)
  data <- data.frame(g = rep(1:20, each = 5), x = rnorm(100), n = rep(c(1, 3, 8, 20, 5), 20))
  p <- plogis(0.3 * data$x + rnorm(20)[data$g])
  data$k <- rbinom(100, data$n, rbeta(100, 3 * p, 3 * (1 - p)))
  fit <- suppressMessages(glmm(cbind(k, n - k) ~ x + (1 | g), data, betabinomial()))
  mean_of <- function(f) {
    stats::integrate(function(t) f(plogis(0.2 + fit$theta * t)) * dnorm(t), -9, 9,
      rel.tol = 1e-10
    )$value
  }
  fit$beta[] <- fit$coefficients[] <- c(0.2, 0)
  n <- c(1, 4, 15)
  V <- marginal_covariance(fit, newdata = data.frame(x = 1:3), trials = n)
  # The variance of y / n given mu is mu (1 - mu) (1 + (n - 1) / (phi + 1)) / n.
  within <- mean_of(function(mu) mu * (1 - mu)) * (1 + (n - 1) / (fit$phi + 1)) / n
  between <- mean_of(function(mu) mu^2) - mean_of(identity)^2
  expect_equal(diag(V), within + between, tolerance = 1e-8, ignore_attr = TRUE)
  expect_equal(V[1, 2], between, tolerance = 1e-8)
  own <- marginal_covariance(fit, 1)
  three <- mean_of(function(mu) mu * (1 - mu)) * (1 + 2 / (fit$phi + 1)) / 3
  expect_equal(own[2, 2], three + between,
    tolerance = 1e-8
  )
})

test_that("the latent correlation has its closed forms", {
  fit <- result_fit("toenail")
  icc <- intraclass_correlation(fit)
  v <- fit$theta[[1L]]^2
  expect_equal(icc$icc["adjusted", "estimate"], v / (v + pi^2 / 3))
  X <- component(fit, "X")
  fixed <- var(drop(X %*% fit$beta))
  expect_equal(icc$icc["unadjusted", "estimate"], v / (v + pi^2 / 3 + fixed))
  expect_equal(sum(icc$variances$estimate), 1)

  fit <- result_fit("lmm")
  z <- component(fit, "Z")
  random <- mean(rowSums((z %*% tcrossprod(fit$Lambda)) * z))
  icc <- intraclass_correlation(fit)
  expect_equal(icc$icc["adjusted", "estimate"], random / (random + fit$phi))
  # an identity link: both scales are one
  expect_equal(icc$icc["response", "estimate"], random / (random + fit$phi))
})

test_that("the response correlation is that of two equal rows", {
  for (name in c("binomial-logit", "binomial-probit", "poisson-log", "poisson-sqrt")) {
    fit <- link_fit(name)
    V <- marginal_covariance(fit, newdata = data.frame(x = c(0.7, 0.7)))
    icc <- intraclass_correlation(fit, newdata = data.frame(x = 0.7))
    expect_equal(icc$icc["response", "estimate"], attr(V, "correlation")[1L, 2L],
      tolerance = 1e-12
    )
  }
})

test_that("standard errors agree with Richardson differences", {
  skip_if_not_installed("numDeriv")
  for (name in names(all_families())) {
    fit <- link_fit(name)
    fit <- at_parameters(fit, all_parameters(fit) + 0.1)
    fit$vcov_full <- diag(seq_along(all_parameters(fit)) / 10)
    psi <- all_parameters(fit)
    values <- function(psi) {
      icc <- intraclass_correlation(at_parameters(fit, psi))
      c(icc$icc$estimate, icc$variances$estimate)
    }
    known <- !is.na(values(psi))
    J <- numDeriv::jacobian(function(psi) values(psi)[known], psi)
    icc <- intraclass_correlation(fit)
    se <- c(icc$icc$std.error, icc$variances$std.error)[known]
    expect_equal(se, sqrt(rowSums((J %*% fit$vcov_full) * J)), tolerance = 1e-7, label = name)
  }
})

test_that("families with a dispersion follow the same formulas", {
  skip_if_not_installed("numDeriv")
  fit <- link_fit("poisson-log", "(1 | g)")
  data <- fit$frame$frame
  for (family in list(nbinom2(), nbinom1(), Gamma("log"))) {
    positive <- family$family == "Gamma"
    fit <- suppressMessages(suppressWarnings(
      glmm(I(y + 0.5 * positive) ~ x + (1 | g), data, family, nAGQ = 7)
    ))
    # a dispersion that is clearly there
    psi <- c(fit$beta, fit$theta, log(0.7))
    fit <- at_parameters(fit, psi)
    fit$vcov_full <- diag(c(0.1, 0.2, 0.3, 0.4))
    rows <- moment_rows(fit, NULL)
    B <- rows$m$mean^2 * (exp(fit$theta^2) - 1)
    second <- rows$m$mean^2 + B
    within <- switch(family$family, nbinom2 = rows$m$mean + second / 0.7,
      nbinom1 = 1.7 * rows$m$mean, Gamma = 0.7 * second
    )
    lambda <- mean(rows$m$mean)
    latent <- switch(family$family, nbinom2 = log(1 + 1 / lambda + 1 / 0.7),
      nbinom1 = log(1 + 1.7 / lambda), Gamma = log(1.7)
    )
    icc <- intraclass_correlation(fit)
    expect_equal(icc$icc["response", "estimate"], mean(B) / mean(B + within))
    expect_equal(icc$variances["distribution", "variance"], latent)
    J <- numDeriv::jacobian(function(psi) {
      intraclass_correlation(at_parameters(fit, psi))$icc$estimate
    }, psi)
    expect_equal(icc$icc$std.error, sqrt(rowSums((J %*% fit$vcov_full) * J)), tolerance = 1e-7)
  }
})

test_that("limits are on the logit scale; a zero variance has no upper limit", {
  icc <- intraclass_correlation(result_fit("toenail"), level = 0.9)$icc
  half <- qnorm(0.95) * icc$std.error / (icc$estimate * (1 - icc$estimate))
  expect_equal(icc$conf.low, plogis(qlogis(icc$estimate) - half))
  zero <- intraclass_correlation(result_fit("zero"))
  expect_identical(zero$icc["adjusted", "conf.low"], 0)
  expect_identical(zero$icc["adjusted", "conf.high"], NA_real_)
})

test_that("rows share the random effects of the groups they have in common", {
  set.seed(5)
  data <- data.frame(school = rep(1:12, each = 6), class = rep(1:24, each = 3), x = rnorm(72))
  data$y <- data$x + rnorm(12)[data$school] + rnorm(24)[data$class] + rnorm(72)
  fit <- suppressMessages(glmm(y ~ x + (1 | school) + (1 | class), data))
  v <- diag(fit$Lambda)^2
  names(v) <- colnames(fit$Lambda)
  same <- kronecker(diag(2), matrix(1, 3, 3))
  expected <- v[["(Intercept)|school"]] + v[["(Intercept)|class"]] * same + fit$phi * diag(6)
  expect_equal(unclass(marginal_covariance(fit, "2")), expected, ignore_attr = TRUE)
  shown <- capture.output(print(marginal_covariance(fit, "2"), rows = 2))
  expect_length(shown, 17L)
  expect_match(shown[17L], paste("and", nrow(expected) - 2, "more rows"))
  icc <- intraclass_correlation(fit)
  expect_equal(icc$icc["adjusted", "estimate"], sum(v) / (sum(v) + fit$phi))
  expect_error(
    marginal_covariance(fit, newdata = data[1:2, ]), class = "margmix_error_argument"
  )
})

test_that("package performance finds the variances", {
  skip_if_not_installed("performance")
  fit <- result_fit("toenail")
  icc <- performance::icc(fit)
  own <- intraclass_correlation(fit)$icc
  expect_equal(icc$ICC_adjusted, own["adjusted", "estimate"])
  # earlier versions call it conditional
  unadjusted <- intersect(c("ICC_unadjusted", "ICC_conditional"), names(icc))[1L]
  expect_equal(icc[[unadjusted]], own["unadjusted", "estimate"])
  variances <- intraclass_correlation(fit)$variances
  r2 <- performance::r2(fit)
  expect_equal(r2$R2_marginal, variances["fixed", "estimate"], ignore_attr = TRUE)
  expect_equal(r2$R2_conditional, sum(variances$estimate[1:2]), ignore_attr = TRUE)
})

test_that("bad arguments are refused", {
  fit <- result_fit("toenail")
  expect_snapshot(error = TRUE, {
    intraclass_correlation(1)
    intraclass_correlation(fit, level = 2)
    marginal_covariance(1)
    marginal_covariance(fit, "nobody")
    marginal_covariance(fit, newdata = data.frame(scheduled = 1))
  })
})

test_that("print says which scale", {
  expect_snapshot({
    intraclass_correlation(result_fit("toenail"))
    intraclass_correlation(link_fit("poisson-log"))
    intraclass_correlation(link_fit("binomial-cauchit", "(1 | g)"))
    marginal_covariance(link_fit("poisson-log", "(1 | g)"))
  })
})
