# Contrasts of contrasts against their definition from the means, and by brute force.

test_that("they are differences of differences and ratios of ratios, with the delta method", {
  fit <- glmm(outcome ~ treat * sex + age + (1 | patient), respiratory, binomial(), nAGQ = 5)
  effects <- marginal_standardization(fit, "treat", by = "sex")
  found <- interaction_contrasts(effects)
  m <- effects$means$estimate # two subgroups of two settings
  V <- effects$vcov_means
  cell <- paste(effects$means$sex, effects$means$level)
  signs <- ifelse(effects$means$level == effects$reference, -1, 1) *
    ifelse(effects$means$sex == effects$means$sex[1L], -1, 1)
  se <- function(slope) sqrt(drop(signs * slope) %*% V %*% (signs * slope))[1L]
  expect_equal(found$estimate[1L], sum(signs * m), tolerance = 1e-12)
  expect_equal(found$std.error[1L], se(rep(1, 4)), tolerance = 1e-10)
  expect_equal(found$estimate[2L], exp(sum(signs * log(m))), tolerance = 1e-12)
  expect_equal(found$std.error[2L], se(1 / m), tolerance = 1e-10)
  expect_equal(found$estimate[3L], exp(sum(signs * qlogis(m))), tolerance = 1e-12)
  expect_equal(length(unique(cell)), 4L)
  half <- qt(0.95, found$df[1L]) * found$std.error[1L]
  narrow <- interaction_contrasts(effects, level = 0.9)
  expect_equal(narrow$conf.high[1L], found$estimate[1L] + half, tolerance = 1e-12)
})

test_that("a linear model's difference of differences is its product term", {
  d <- transform(respiratory, y = age / 10 + outcome + (treat == "P") * (sex == "F"))
  fit <- gee(y ~ treat * sex, d, id = patient)
  found <- interaction_contrasts(marginal_standardization(fit, "treat", by = "sex", vcov = "robust",
    covariates = "fixed"
  ))
  product <- grep(":", names(coef(fit)), value = TRUE)
  expect_equal(abs(found$estimate), abs(coef(fit)[[product]]), tolerance = 1e-8)
  expect_equal(found$std.error, sqrt(vcov(fit, "robust")[product, product]), tolerance = 1e-8)
})

test_that("it is printed in words, and needs subgroups", {
  fit <- gee(outcome ~ treat * sex + age, respiratory, id = patient, family = binomial())
  expect_snapshot(interaction_contrasts(marginal_standardization(fit, "treat", by = "sex")))
  expect_snapshot(error = TRUE, {
    interaction_contrasts(marginal_standardization(fit, "treat"))
    interaction_contrasts(fit)
  })
})

test_that("a negative difference gives no warning", {
  fit <- result_fit("respiratory")
  means <- marginal_standardization(fit, "treat", reference = "A", by = "sex")
  expect_true(all(means$contrasts$estimate[means$contrasts$contrast == "difference"] < 0))
  expect_no_warning(interaction_contrasts(means))
})
