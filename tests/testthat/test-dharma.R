# Package DHARMa

test_that("DHARMa simulates as simulate() does, around the means of the population", {
  skip_if_not_installed("DHARMa")
  fit <- result_fit("epilepsy")
  set.seed(1)
  found <- suppressWarnings(getExportedValue("DHARMa", "simulateResiduals")(fit, n = 20, seed = 1))
  expect_equal(
    found$fittedPredictedResponse, predict(fit, type = "response", random_effects = "integrate")
  )
  set.seed(1)
  expect_equal(found$simulatedResponse, data.matrix(simulate(fit, 20)), ignore_attr = TRUE)
  marginal <- gee(seizures ~ treatment, epilepsy, id = subject, family = poisson())
  expect_error(
    suppressWarnings(getExportedValue("DHARMa", "simulateResiduals")(marginal)),
    class = "margmix_error_no_likelihood"
  )
})
