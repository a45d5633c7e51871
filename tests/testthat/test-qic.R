test_that("QIC, QICu and CIC are their definitions", {
  fit <- gee_fit("respiratory")
  y <- row_response(fit$design)
  mu <- plogis(drop(design_X(fit$design) %*% fit$beta))
  Q <- sum(y * log(mu) + (1 - y) * log(1 - mu))
  Omega <- crossprod(design_X(fit$design) * sqrt(mu * (1 - mu))) / fit$phi
  B <- dense_B(gee_equations(fit))
  V <- dense_vcov(gee_equations(fit), "robust")
  CIC <- sum(diag(Omega %*% V))
  found <- qic(fit)
  expect_equal(found$CIC, CIC, tolerance = 1e-10)
  expect_equal(found$QIC, -2 * Q / fit$phi + 2 * CIC, tolerance = 1e-10)
  expect_equal(found$QICu, -2 * Q / fit$phi + 8, tolerance = 1e-10)
  G <- B %*% V
  c1 <- sum(diag(G)) / 4
  c2 <- sum(diag(G %*% G)) / 4
  expect_equal(found$RJC, sqrt((1 - c1)^2 + (1 - c2)^2), tolerance = 1e-10)
})

test_that("QIC of ohio as geepack 1.3.9 prints it: 1830.350, CIC 5.435165", {
  # its scale.fix = TRUE fixes the scale at its start, and Q is not divided by the scale
  fit <- gee(resp ~ age * smoke, ohio,
    id = id, family = binomial(), corstr = "exchangeable", scale = 0.9996164,
    control = gee_control(alpha_method = "geepack")
  )
  found <- qic(fit)
  expect_equal(round(found$CIC, 6), 5.435165)
  expect_equal(round(-2 * found$quasi + 2 * found$CIC, 3), 1830.350)
})

test_that("quasi-likelihoods are integrals of (y - t) / V(t)", {
  families <- list(
    gaussian(), poisson(), binomial(), Gamma("log"), inverse.gaussian("log")
  )
  for (family in families) {
    y <- c(0.3, 0.8)
    between <- function(y, from, to) {
      integrate(function(t) (y - t) / family$variance(t), from, to, rel.tol = 1e-10)$value
    }
    quasi <- family_tools(family)$quasi
    found <- quasi(y, c(0.6, 0.6)) - quasi(y, c(0.2, 0.2))
    want <- vapply(y, between, 0, from = 0.2, to = 0.6)
    expect_equal(found, want, tolerance = 1e-8, label = family$family)
  }
})

test_that("several fits in one table; others are refused", {
  fit <- gee_fit("factor")
  expect_snapshot(qic(exchangeable = fit, independence = update(fit, corstr = "independence")))
  expect_snapshot(qic(fit, lm(age ~ treat, respiratory)), error = TRUE)
  expect_snapshot(qic(fit, update(fit, subset = age > 20)), error = TRUE)
  expect_snapshot(qic(), error = TRUE)
})
