# Starting values of the user.

test_that("a bad start is named as such", {
  d <- gaussian_data()
  d$positive <- exp(d$y / 3)
  d$count <- round(d$positive)
  expect_snapshot(error = TRUE, {
    glmm(y ~ x + (1 | id), d, start = list(phi = 0))
    glmm(positive ~ x + (1 | id), d, Gamma("log"), start = list(phi = -1))
    glmm(count ~ x + (1 | id), d, nbinom2(), start = list(phi = 0))
    glmm(y ~ x + (1 | id), d, start = list(theta = 1e200))
    glmm(count ~ x + (1 | id), d, poisson(), start = list(beta = c(1e4, 1)))
    glmm(y ~ x + (1 | id), d, start = list(theta = "a"))
    glmm(y ~ x + (1 | id), d, start = list(beta = c(0, 0), beta = c(1, 1)))
  })
})

test_that("a poor start is no bad one", {
  d <- gaussian_data()
  reference <- as.numeric(logLik(result_fit("lmm")))
  for (start in list(list(phi = 1e-8), list(phi = 1e8), list(theta = c(5, 0, 5)))) {
    fit <- glmm(y ~ x + (x | id), d, start = start)
    expect_equal(as.numeric(logLik(fit)), reference, tolerance = 1e-9)
  }
})
