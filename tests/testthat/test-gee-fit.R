# Of a glm(): its information, and the scores of its rows summed over clusters.
cluster_sandwich <- function(fit, id) {
  X <- model.matrix(fit)
  w <- fit$prior.weights * fit$family$mu.eta(fit$linear.predictors)^2 /
    fit$family$variance(fitted(fit))
  B <- solve(crossprod(X, w * X))
  B %*% crossprod(rowsum(X * (w * residuals(fit, "working")), id)) %*% B
}

test_that("independence estimating equations are those of glm(), with a cluster sandwich", {
  set.seed(1)
  d <- data.frame(id = sample(40, 200, TRUE), x = rnorm(200), n = rpois(200, 5) + 1)
  d$y <- rbinom(200, 1, plogis(d$x))
  d$k <- rpois(200, exp(0.3 * d$x))
  d$w <- runif(200, 0.5, 2)
  d$s <- rbinom(200, d$n, plogis(0.3 * d$x))
  same <- function(formula, family, ...) {
    fit <- gee(formula, d, id, family = family, ...)
    reference <- glm(formula, family, d, epsilon = 1e-14, ...)
    expect_equal(coef(fit), coef(reference), tolerance = 1e-8)
    expect_equal(fit$phi, sum(resid(reference, "pearson")^2) / (200 - 2), tolerance = 1e-7)
    expect_equal(vcov(fit, "robust"), cluster_sandwich(reference, d$id), tolerance = 1e-6)
  }
  for (link in c("logit", "probit", "cloglog")) same(y ~ x, binomial(link))
  same(k ~ x + offset(log(n)), poisson())
  same(k ~ x, quasipoisson())
  same(cbind(s, n - s) ~ x, binomial())
  same(n ~ x, Gamma("log"))
  same(n ~ x, inverse.gaussian("log"))
  expect_equal(
    coef(gee(y ~ x, d, id, family = quasi("logit", "mu(1-mu)"))),
    coef(gee(y ~ x, d, id, family = binomial()))
  )
  fit <- gee(x ~ k, d, id, weights = w)
  expect_equal(coef(fit), coef(lm(x ~ k, d, weights = w)), tolerance = 1e-10)
})

test_that("identity-link exchangeable fit with geepack's moments is the Gaussian ML fit", {
  sleep <- read.csv(test_path("..", "reference", "sleepstudy.csv"))
  fit <- gee(
    Reaction ~ Days, sleep, Subject, corstr = "exchangeable",
    control = gee_control("geepack", tolerance = 1e-11)
  )
  ml <- glmm(Reaction ~ Days + (1 | Subject), sleep)
  expect_equal(coef(fit), coef(ml), tolerance = 1e-8)
  tau2 <- component(ml, "Sigma")[1L]
  expect_equal(fit$phi, tau2 + component(ml, "phi"), tolerance = 1e-5)
  expect_equal(fit$alpha[["alpha"]], tau2 / (tau2 + component(ml, "phi")), tolerance = 1e-5)
})

test_that("so is every method's, whatever alpha, where all clusters have the same X", {
  # X_i the same: generalized least squares with an exchangeable matrix is ordinary least squares.
  sleep <- read.csv(test_path("..", "reference", "sleepstudy.csv"))
  sleep$late <- as.numeric(sleep$Days > 4)
  ml <- coef(glmm(Reaction ~ Days + late + (1 | Subject), sleep))
  alpha <- vapply(c("default", "sas", "geepack", "stata"), function(method) {
    fit <- gee(Reaction ~ Days + late, sleep, Subject, corstr = "exchangeable",
      control = gee_control(method)
    )
    expect_equal(coef(fit), ml, tolerance = 1e-8)
    fit$alpha
  }, 0)
  expect_gt(diff(range(alpha)), 1e-3)
})
