# Package marginaleffects, whose version 1.0 calls an operator that R has since 4.4.

with_operator <- function(code) {
  if (getRversion() < "4.4.0") {
    assign("%||%", function(x, y) if (is.null(x)) y else x, envir = globalenv())
    on.exit(rm("%||%", envir = globalenv()))
  }
  force(code)
}

test_that("marginaleffects takes the fits as they are, beside classes that a user names", {
  skip_if_not_installed("marginaleffects")
  old <- options(marginaleffects_model_classes = "mine")
  on.exit(options(old))
  name_classes()
  expect_identical(
    getOption("marginaleffects_model_classes"), c("mine", "margmix_glmm", "margmix_gee")
  )
  fit <- result_fit("infection")
  found <- with_operator(marginaleffects::avg_comparisons(fit, type = "link"))
  expect_equal(found$estimate, coef(fit)[[2]])
  expect_equal(found$std.error, sqrt(vcov(fit)[2, 2]), tolerance = 1e-4)
})

test_that("types of marginaleffects say which mean is meant, without a warning", {
  skip_if_not_installed("marginaleffects")
  fit <- result_fit("infection")
  arms <- data.frame(treatment = c("control", "drug"))
  for (effects in c("integrate", "zero")) {
    expect_silent(found <- with_operator(
      marginaleffects::avg_predictions(fit, by = "treatment", type = effects)
    ))
    own <- predict(fit, arms, type = "response", random_effects = effects, se.fit = TRUE)
    expect_equal(found$estimate, unname(own$fit), tolerance = 1e-6)
  }
  expect_equal(found$std.error, unname(own$se.fit), tolerance = 1e-4)
})

test_that("modes of random effects are noted, once for each call", {
  skip_if_not_installed("marginaleffects")
  fit <- result_fit("infection")
  notes <- 0L
  count <- function(n) {
    notes <<- notes + 1L
    invokeRestart("muffleMessage")
  }
  withCallingHandlers(
    with_operator(marginaleffects::avg_comparisons(fit)), margmix_note_modes = count
  )
  expect_identical(notes, 1L)
  suppressWarnings(withCallingHandlers(
    with_operator(marginaleffects::avg_comparisons(fit, re.form = NA)),
    margmix_note_zero_effect = count
  ))
  expect_identical(notes, 2L)
})

test_that("df = TRUE is the smallest number of degrees of freedom", {
  skip_if_not_installed("marginaleffects")
  fit <- gee(seizures ~ treatment + log(base), epilepsy, id = subject, family = poisson())
  found <- with_operator(marginaleffects::avg_slopes(fit, df = TRUE))
  expect_equal(unique(found$df), min(summary(fit)$coefficients$df))
})
