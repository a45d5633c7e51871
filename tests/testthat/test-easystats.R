# Methods for packages insight and performance

test_that("insight finds the parts of the formula and the statistics", {
  skip_if_not_installed("insight", "0.19.0")
  counts <- transform(small_data(), a = id, y = s)
  fit <- suppressMessages(glmm(y ~ x + (x || a), counts, poisson(), nAGQ = 1))
  expect_identical(insight::find_random(fit, flatten = TRUE), "a")
  expect_identical(insight::find_predictors(fit, flatten = TRUE), "x")
  expect_equal(insight::get_statistic(fit)$Statistic, summary(fit)$coefficients$statistic)
  marginal <- gee(seizures ~ treatment, epilepsy, id = subject, family = poisson())
  expect_equal(
    insight::get_statistic(marginal)$Statistic, summary(marginal)$coefficients$statistic
  )
})

test_that("model_performance() has the numbers of other methods", {
  skip_if_not_installed("performance")
  fit <- result_fit("infection")
  found <- performance::model_performance(fit)
  expect_equal(found$AIC, AIC(fit))
  expect_equal(found$ICC, performance::icc(fit)$ICC_adjusted)
  r2 <- performance::r2(fit)
  expect_equal(found$R2_marginal, r2$R2_marginal, ignore_attr = TRUE)
  expect_equal(found$R2_conditional, r2$R2_conditional, ignore_attr = TRUE)
  marginal <- gee(seizures ~ treatment, epilepsy, id = subject, family = poisson())
  found <- performance::model_performance(marginal)
  expect_equal(found$QIC, qic(marginal)$QIC)
  expect_equal(found$RMSE, sqrt(mean((epilepsy$seizures - fitted(marginal))^2)))
})
