test_that("variances, standard deviations and correlations of Sigma", {
  fit <- result_fit("epilepsy")
  blocks <- nlme::VarCorr(fit)
  Sigma <- component(fit, "Sigma")
  expect_named(blocks, "subject")
  expect_equal(blocks$subject, Sigma, ignore_attr = TRUE)
  expect_equal(attr(blocks$subject, "stddev"), sqrt(diag(Sigma)))
  expect_equal(attr(blocks$subject, "correlation"), cov2cor(Sigma))
})

test_that("as.data.frame() has the layout of lme4", {
  skip_if_not_installed("lme4")
  peer <- lme4::lmer(y ~ x + (x | id), gaussian_data())
  for (order in c("cov.last", "lower.tri")) {
    expect_equal(
      as.data.frame(nlme::VarCorr(result_fit("reml")), order = order),
      as.data.frame(lme4::VarCorr(peer), order = order),
      tolerance = 1e-4, ignore_attr = TRUE
    )
  }
  peer <- lme4::lmer(y ~ x + (x || id), gaussian_data(), REML = FALSE)
  expect_equal(
    as.data.frame(nlme::VarCorr(result_fit("independent"))), as.data.frame(lme4::VarCorr(peer)),
    tolerance = 1e-4, ignore_attr = TRUE
  )
})

test_that("the print has SD, variance on request, and correlations", {
  expect_snapshot(nlme::VarCorr(result_fit("epilepsy")))
  expect_snapshot(print(nlme::VarCorr(result_fit("reml")), comp = c("Variance", "Std.Dev.")))
  expect_snapshot(nlme::VarCorr(result_fit("independent")))
  expect_error(print(nlme::VarCorr(result_fit("reml")), comp = "SD"),
    class = "margmix_error_argument"
  )
})

test_that("a variance of zero has no correlations", {
  table <- as.data.frame(nlme::VarCorr(result_fit("zero")))
  expect_identical(table$vcov[1], 0)
})
