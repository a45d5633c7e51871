# Satterthwaite degrees of freedom against lmerTest (REML; tests/reference has no table: it is run).

test_that("they are those of lmerTest on sleepstudy and Penicillin", {
  skip_if_not_installed("lmerTest")
  skip_if_not_installed("lme4")
  sleepstudy <- lme4::sleepstudy
  penicillin <- transform(lme4::Penicillin, x = rep_len(c(0, 1, 1), 144))
  models <- list(
    list(Reaction ~ Days + (Days | Subject), sleepstudy),
    list(Reaction ~ Days + (1 | Subject), sleepstudy),
    list(diameter ~ x + (1 | plate) + (1 | sample), penicillin),
    list(diameter ~ 1 + (1 | plate) + (1 | sample), penicillin)
  )
  for (model in models) {
    fit <- glmm(model[[1]], model[[2]], REML = TRUE)
    peer <- lmerTest::lmer(model[[1]], model[[2]])
    found <- summary(fit, vcov = "model", df = "satterthwaite")$coefficients$df
    expected <- unname(coef(summary(peer))[, "df"])
    expect_equal(found, expected, tolerance = 2e-3)
  }
})

test_that("a balanced one-way layout has the degrees of freedom of its analysis of variance", {
  set.seed(3)
  d <- data.frame(g = rep(1:8, each = 5))
  d$y <- rnorm(8)[d$g] + rnorm(40)
  fit <- glmm(y ~ 1 + (1 | g), d, REML = TRUE)
  expect_equal(summary(fit, df = "satterthwaite")$coefficients$df, 7, tolerance = 1e-4)
})

test_that("they are the same by differences of X'V^-1 X, where the working model is too large", {
  skip_if_not_installed("lme4")
  set.seed(5)
  d <- transform(lme4::Penicillin, x = rnorm(144))
  fit <- glmm(diameter ~ x + (1 | plate) + (1 | sample), d, REML = TRUE)
  p <- seq_along(fit$beta)
  large <- large_satterthwaite(fit, fit$vcov_full[-p, -p])
  expected <- summary(fit, vcov = "model", df = "satterthwaite")$coefficients$df
  expect_equal(hypothesis_df(list(working = large), diag(2)), expected, tolerance = 1e-5)
  fit <- glmm(diameter ~ 1 + (1 | plate) + (1 | sample), lme4::Penicillin)
  given <- summary(fit, df = "between-within")$coefficients$df
  expect_identical(given, 5)
})
