# Methods for packages insight, parameters and performance: what they show is what summary(),
# confint() and VarCorr() have.

fits_of_all_kinds <- function() {
  list(
    binomial = result_fit("infection"), poisson = result_fit("epilepsy"),
    gaussian = result_fit("lmm"),
    counts = suppressMessages(
      glmm(seizures ~ treatment + period + (1 | subject), epilepsy, nbinom2(), nAGQ = 5)
    ),
    nested = suppressMessages(
      glmm(outcome ~ treat + (1 | center / patient), respiratory, binomial(), nAGQ = 3)
    ),
    gee = gee(seizures ~ treatment + log(base), epilepsy, id = subject, family = poisson())
  )
}

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
  expect_true(insight::is_converged(marginal))
})

test_that("insight has the degrees of freedom of summary(), by coefficient", {
  skip_if_not_installed("insight", "0.19.0")
  for (fit in fits_of_all_kinds()) {
    table <- suppressWarnings(summary(fit)$coefficients)
    expect_identical(insight::get_df(fit), table$df)
    expect_identical(insight::get_df(fit, type = "wald"), table$df)
    expect_identical(insight::get_df(fit, type = "normal"), Inf)
    expect_equal(
      insight::get_df(fit, type = "betwithin"),
      suppressWarnings(summary(fit, df = "between-within")$coefficients$df)
    )
    expect_equal(sqrt(diag(insight::get_varcov(fit))), table$std.error, ignore_attr = TRUE)
    expect_error(insight::get_df(fit, type = "ml1"), class = "margmix_error_argument")
  }
  fit <- result_fit("lmm")
  expect_equal(insight::get_df(fit, type = "model"), attr(logLik(fit), "df"))
  expect_equal(insight::get_varcov(fit, vcov = "KC"), vcov(fit, "KC"))
})

test_that("insight has the random effects of a mixed model, and none of a marginal one", {
  skip_if_not_installed("insight", "0.19.0")
  fit <- result_fit("epilepsy")
  found <- insight::get_parameters(fit, effects = "random")
  expect_equal(found$subject$period, nlme::ranef(fit)$subject$period)
  expect_identical(insight::find_parameters(fit)$random$subject, c("(Intercept)", "period"))
  expect_identical(insight::n_parameters(fit), 3L)
  marginal <- fits_of_all_kinds()$gee
  expect_error(
    insight::get_parameters(marginal, effects = "random"), class = "margmix_error_no_random"
  )
})

test_that("insight has the variances that it computes of an lme4 fit", {
  skip_if_not_installed("insight", "0.19.0")
  skip_if_not_installed("lme4")
  data <- lme4::sleepstudy
  fit <- glmm(Reaction ~ Days + (Days | Subject), data)
  peer <- lme4::lmer(Reaction ~ Days + (Days | Subject), data, REML = FALSE)
  expect_equal(
    unlist(insight::get_variance(fit)), unlist(insight::get_variance(peer)), tolerance = 1e-4
  )
  expect_equal(
    insight::get_variance(fit, component = "slope"),
    insight::get_variance(peer, component = "slope"), tolerance = 1e-4
  )
  skip_if_not_installed("performance")
  expect_equal(
    unlist(performance::r2(fit)), unlist(performance::r2(peer)), tolerance = 1e-4,
    ignore_attr = TRUE
  )
})

test_that("get_predicted() has the values and standard errors of predict()", {
  skip_if_not_installed("insight", "0.19.0")
  for (fit in fits_of_all_kinds()) {
    found <- as.data.frame(insight::get_predicted(fit, ci = 0.9))
    expected <- predict(fit, type = "response", se.fit = TRUE)
    expect_equal(found$Predicted, unname(expected$fit))
    expect_equal(found$SE, unname(expected$se.fit))
    link <- predict(fit, se.fit = TRUE)
    df <- min(suppressWarnings(summary(fit)$coefficients$df))
    expect_equal(found$CI_low, unname(fit$family$linkinv(link$fit - qt(0.95, df) * link$se.fit)))
  }
  new <- data.frame(treatment = c("control", "drug"))
  fit <- result_fit("infection")
  expect_equal(
    as.numeric(insight::get_predicted(fit, new, random_effects = "integrate")),
    unname(predict(fit, new, type = "response", random_effects = "integrate"))
  )
  expect_error(insight::get_predicted(fit, new), class = "margmix_error_newdata")
  expect_error(
    insight::get_predicted(fit, predict = "prediction"), class = "margmix_error_argument"
  )
})

test_that("model_parameters() is the table of summary(), with the standard deviations", {
  skip_if_not_installed("parameters")
  for (fit in fits_of_all_kinds()) {
    table <- suppressWarnings(summary(fit)$coefficients)
    found <- suppressWarnings(parameters::model_parameters(fit, effects = "fixed"))
    expect_equal(found$Coefficient, table$estimate)
    expect_equal(found$SE, table$std.error)
    expect_equal(found$df_error, table$df)
    expect_equal(found$p, table$p.value)
    expect_equal(found$CI_high, table$conf.high)
  }
  fit <- result_fit("epilepsy")
  random <- parameters::model_parameters(fit, effects = "random")
  expected <- generics::tidy(fit, effects = "ran_pars", conf.int = TRUE)
  expect_equal(random$Coefficient, expected$estimate)
  expect_equal(random$CI_low, expected$conf.low)
  expect_identical(nrow(parameters::model_parameters(fit)), 6L)
  # as package modelsummary calls it
  expect_equal(parameters::parameters(model = fit, effects = "all", ci = 0.9)$CI, rep(0.9, 6))
  expect_null(parameters::model_parameters(fit, ci = NULL)$CI_low)
  marginal <- fits_of_all_kinds()$gee
  expect_error(
    parameters::model_parameters(marginal, effects = "random"), class = "margmix_error_no_random"
  )
})

test_that("model_parameters() takes rules and matrices of summary(), and refuses others", {
  skip_if_not_installed("parameters")
  fit <- result_fit("infection")
  tables <- list(
    list(parameters::model_parameters(fit, vcov = "KC", effects = "fixed"),
      summary(fit, vcov = "KC")$coefficients),
    list(parameters::model_parameters(fit, ci_method = "satterthwaite", effects = "fixed"),
      summary(fit, df = "satterthwaite")$coefficients),
    list(parameters::model_parameters(fit, ci_method = "normal", effects = "fixed"),
      summary(fit, df = Inf)$coefficients)
  )
  for (pair in tables) {
    expect_equal(pair[[1L]]$df_error, pair[[2L]]$df)
    expect_equal(pair[[1L]]$p, pair[[2L]]$p.value)
    expect_equal(pair[[1L]]$CI_low, pair[[2L]]$conf.low)
  }
  profiles <- parameters::model_parameters(fit, ci_method = "profile")
  expect_equal(
    cbind(profiles$CI_low, profiles$CI_high), unclass(confint(fit, "all", method = "profile")),
    ignore_attr = TRUE
  )
  for (method in c("ml1", "boot")) {
    expect_error(
      parameters::model_parameters(fit, ci_method = method), class = "margmix_error_argument"
    )
  }
  expect_error(
    parameters::model_parameters(fit, bootstrap = TRUE), class = "margmix_error_other_package"
  )
  expect_error(
    parameters::model_parameters(fit, standardize = "refit"), class = "margmix_error_other_package"
  )
  ratios <- parameters::model_parameters(fit, exponentiate = TRUE, effects = "fixed")
  expect_equal(ratios$CI_low, exp(summary(fit)$coefficients$conf.low))
})

test_that("ci(), p_value() and standard_error() are those of summary()", {
  skip_if_not_installed("parameters")
  for (fit in fits_of_all_kinds()) {
    table <- suppressWarnings(summary(fit)$coefficients)
    expect_equal(suppressWarnings(parameters::ci(fit))$CI_low, table$conf.low)
    expect_equal(suppressWarnings(parameters::p_value(fit))$p, table$p.value)
    expect_equal(parameters::standard_error(fit)$SE, table$std.error)
    expect_equal(parameters::degrees_of_freedom(fit), table$df)
  }
  effects <- parameters::standard_error(result_fit("epilepsy"), effects = "random")
  expect_equal(effects$std.error, as.data.frame(nlme::ranef(result_fit("epilepsy")))$condsd)
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
  y <- epilepsy$seizures
  expect_equal(
    performance::r2(marginal)$R2[[1L]], 1 - sum((y - fitted(marginal))^2) / sum((y - mean(y))^2)
  )
})

test_that("compare_performance() compares; tests that know no clusters are refused", {
  skip_if_not_installed("performance")
  fit <- result_fit("infection")
  null <- update(fit, . ~ . - treatment)
  found <- performance::compare_performance(fit, null)
  expect_identical(found$Name, c("fit", "null"))
  expect_equal(found$AIC, c(AIC(fit), AIC(null)))
  marginal <- gee(seizures ~ treatment, epilepsy, id = subject, family = poisson())
  expect_equal(
    performance::compare_performance(marginal, update(marginal, . ~ 1))$QIC[1L], qic(marginal)$QIC
  )
  expect_error(performance::test_performance(fit, null), class = "margmix_error_other_package")
  expect_error(performance::test_likelihoodratio(fit, null), class = "margmix_error_other_package")
  expect_error(performance::check_outliers(fit), class = "margmix_error_other_package")
  grouped <- gee(cbind(success, n - success) ~ treatment, infection, id = clinic,
    family = binomial()
  )
  expect_error(performance::r2(grouped), class = "margmix_error_other_package")
})
