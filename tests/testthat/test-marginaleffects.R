# Package marginaleffects.

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
    expect_equal(found$std.error, unname(own$se.fit), tolerance = 1e-4)
  }
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

test_that("standard errors of population means count the estimation of the variances", {
  skip_if_not_installed("marginaleffects", "1.0.0")
  skip_if_not_installed("numDeriv")
  fit <- result_fit("infection")
  found <- with_operator(marginaleffects::avg_comparisons(fit,
    variables = "treatment", type = "integrate", numderiv = "fdcenter"
  ))
  # the risk difference of logistic-normal means as a function of beta and theta
  arms <- list(c(1, 0), c(1, 1))
  difference <- function(psi) {
    mean_of <- function(x) {
      f <- function(u) plogis(sum(x * psi[1:2]) + psi[3] * u) * dnorm(u)
      integrate(f, -Inf, Inf, rel.tol = 1e-10)$value
    }
    mean_of(arms[[2]]) - mean_of(arms[[1]])
  }
  g <- numDeriv::grad(difference, c(fit$beta, fit$theta))
  V <- vcov(fit, type = "model", full = TRUE)
  V[1:2, 1:2] <- vcov(fit)
  expect_equal(found$estimate, difference(c(fit$beta, fit$theta)), tolerance = 1e-7)
  expect_equal(found$std.error, sqrt(drop(g %*% V %*% g)), tolerance = 1e-5)
  # the parameters themselves stay the coefficients
  expect_identical(with_operator(marginaleffects::hypotheses(fit))$term, names(coef(fit)))
})
