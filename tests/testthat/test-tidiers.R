test_that("tidy() has the coefficients, the standard deviations and the clusters", {
  fit <- result_fit("epilepsy")
  fixed <- generics::tidy(fit, effects = "fixed", conf.int = TRUE)
  table <- summary(fit)$coefficients
  expect_identical(fixed$term, rownames(table))
  expect_equal(fixed$estimate, table$estimate)
  expect_equal(fixed$conf.high, table$conf.high)
  ratios <- generics::tidy(fit, effects = "fixed", conf.int = TRUE, exponentiate = TRUE)
  expect_equal(ratios$conf.low, exp(table$conf.low))
  # the delta method, as a numerical derivative has it
  step <- 1e-6
  slope <- (exp(table$estimate + step) - exp(table$estimate - step)) / (2 * step)
  expect_equal(ratios$std.error, slope * table$std.error, tolerance = 1e-8)
  random <- generics::tidy(fit, effects = "ran_pars", conf.int = TRUE)
  expect_identical(random$term, c("sd__(Intercept)", "sd__period", "cor__(Intercept).period"))
  expect_equal(random$conf.low[2], confint(fit, "sd_")["sd_period|subject", 1])
  expect_true(is.na(random$conf.low[3]))
  values <- generics::tidy(fit, effects = "ran_vals")
  expect_equal(values$estimate, as.data.frame(nlme::ranef(fit))$condval)
  both <- generics::tidy(fit)
  expect_identical(nrow(both), 6L)
  expect_false("conf.low" %in% names(both))
  robust <- generics::tidy(fit, effects = "fixed", vcov = "robust")
  expect_equal(robust$std.error, unname(sqrt(diag(vcov(fit, "robust")))))
  sigma <- generics::tidy(result_fit("lmm"), effects = "ran_pars", conf.int = TRUE)
  expect_equal(sigma$conf.high[4], confint(result_fit("lmm"), "sigma")[1, 2])
})

test_that("glance() is one row", {
  fit <- result_fit("infection")
  row <- generics::glance(fit)
  expect_identical(nrow(row), 1L)
  expect_equal(row$AIC, AIC(fit))
  expect_identical(row$nclusters, 8L)
  expect_identical(row$df.residual, min(summary(fit)$coefficients$df))
  marginal <- gee(outcome ~ treat, respiratory, ~center:id, family = binomial())
  smallest <- min(summary(marginal)$coefficients$df)
  expect_identical(generics::glance(marginal)$df.residual, smallest)
})

test_that("arguments that other packages pass are silent, misspelt ones an error", {
  fit <- result_fit("infection")
  marginal <- gee(outcome ~ treat, respiratory, ~center:id, family = binomial())
  for (fit in list(fit, marginal)) {
    plain <- generics::tidy(fit, effects = "fixed")
    expect_silent(passed <- generics::tidy(fit, effects = "fixed", parametric = TRUE))
    expect_identical(passed, plain)
    expect_error(generics::tidy(fit, conf.itn = TRUE), "conf.int", class = "margmix_error_argument")
    expect_error(generics::tidy(fit, level = 0.9), "conf.level", class = "margmix_error_argument")
    expect_warning(found <- generics::tidy(fit, effects = "fixed", robust = TRUE), "robust",
      class = "margmix_warning_argument"
    )
    expect_identical(found, plain)
    expect_warning(generics::glance(fit, robust = TRUE), class = "margmix_warning_argument")
  }
  expect_error(generics::tidy(marginal, effects = "ran_pars"), class = "margmix_error_no_random")
})

test_that("augment() adds columns to the data, dropped rows left out", {
  data <- gaussian_data()
  data$x[c(3, 9)] <- NA
  for (action in list(na.omit, na.exclude)) {
    fit <- glmm(y ~ x + (1 | id), data, na.action = action)
    added <- generics::augment(fit, data)
    expect_identical(nrow(added), 58L)
    expect_equal(added$.fitted + added$.resid, data$y[-c(3, 9)])
    expect_identical(as.character(added$.cluster), data$id[-c(3, 9)])
  }
  expect_error(generics::augment(fit, data[1:5, ]), class = "margmix_error_argument")
  expect_equal(
    as.data.frame(generics::augment(fit, newdata = data[1:2, ])),
    cbind(data[1:2, ], .fitted = unname(predict(fit, data[1:2, ])))
  )
})

test_that("augment() takes the scale, the type of residuals and standard errors", {
  marginal <- gee(outcome ~ treat, respiratory, ~center:id, family = binomial())
  for (fit in list(result_fit("infection"), marginal)) {
    added <- generics::augment(fit, type.predict = "link", type.residuals = "response",
      se_fit = TRUE
    )
    expected <- predict(fit, se.fit = TRUE)
    expect_equal(added$.fitted, unname(expected$fit))
    expect_equal(added$.se.fit, unname(expected$se.fit))
    expect_equal(added$.resid, unname(residuals(fit, "response")))
  }
})

test_that("tidiers give tibbles where that package is installed", {
  skip_if_not_installed("tibble")
  fit <- result_fit("infection")
  expect_s3_class(generics::tidy(fit), "tbl_df")
  expect_s3_class(generics::glance(fit), "tbl_df")
  expect_s3_class(generics::augment(fit), "tbl_df")
})

test_that("glance() of a standardization is one row", {
  result <- marginal_standardization(result_fit("infection"), "treatment", covariates = "fixed")
  row <- generics::glance(result)
  expect_identical(nrow(row), 1L)
  expect_identical(row$nclusters, 8L)
  expect_identical(row$covariates, "fixed")
})

test_that("augment() of a marginal fit names its variables", {
  fit <- gee(outcome ~ treat, respiratory, ~center:id, visit, family = binomial(), corstr = "ar1")
  added <- generics::augment(fit)
  expect_named(added, c("outcome", "treat", "center:id", "visit", ".fitted", ".resid", ".cluster"))
  expect_identical(added$visit, respiratory$visit)
  expect_equal(
    as.data.frame(generics::augment(fit, respiratory)[names(respiratory)]), respiratory
  )
  new <- data.frame(treat = c("P", "A"))
  expect_equal(
    generics::augment(fit, newdata = new)$.fitted,
    unname(tapply(fitted(fit), respiratory$treat, mean)[new$treat]), ignore_attr = TRUE
  )
})

test_that("emmeans prints which question is answered, and which covariance was used", {
  skip_if_not_installed("emmeans")
  printed <- function(...) capture.output(print(emmeans::emmeans(...)))
  mixed <- printed(result_fit("infection"), ~treatment)
  expect_true("Conditional: at random effect 0 of `clinic`. " %in% mixed)
  expect_true("SE: Kenward-Roger, restricted likelihood, 8 clusters. " %in% mixed)
  fit <- gee(outcome ~ treat, respiratory, ~center:id, family = binomial())
  marginal <- printed(fit, ~treat, vcov. = "robust")
  expect_true("Marginal: averaged over the population. " %in% marginal)
  expect_true("SE: cluster-robust (sandwich), 111 clusters. " %in% marginal)
})

test_that("emmeans works, with the degrees of freedom of each contrast", {
  skip_if_not_installed("emmeans")
  fit <- result_fit("respiratory")
  means <- as.data.frame(emmeans::emmeans(fit, ~ treat | center, at = list(age = 30)))
  grid <- expand.grid(treat = c("P", "A"), center = c("1", "2"), age = 30)
  expect_equal(means$emmean, unname(predict(fit, grid, random_effects = "zero")))
  expect_equal(means$SE,
    unname(predict(fit, grid, random_effects = "zero", se.fit = TRUE)$se.fit),
    tolerance = 1e-6
  )
  # the same mean as a coefficient: the intercept of a model that has its origin there
  moved <- glmm(outcome ~ treat * center + I(age - 30) + (1 | patient),
    transform(respiratory, treat = relevel(factor(treat), "P")), binomial(), nAGQ = 15
  )
  expect_equal(means$df[1], summary(moved)$coefficients$df[1], tolerance = 1e-5)
  contrast <- as.data.frame(
    pairs(emmeans::emmeans(result_fit("infection"), ~treatment, vcov. = "KC"), reverse = TRUE)
  )
  kc <- summary(result_fit("infection"), vcov = "KC")$coefficients
  expect_equal(contrast$estimate, kc$estimate[2])
  expect_equal(contrast$SE, kc$std.error[2])
  expect_equal(contrast$df, kc$df[2])
  response <- as.data.frame(
    emmeans::emmeans(result_fit("infection"), ~treatment, type = "response")
  )
  expect_equal(response$prob, unname(plogis(cumsum(coef(result_fit("infection"))))))
})

test_that("emmeans knows what aliased coefficients leave unestimable", {
  skip_if_not_installed("emmeans")
  data <- subset(respiratory, !(treat == "A" & center == "2"))
  fit <- suppressWarnings(
    glmm(outcome ~ treat * center + (1 | patient), data, binomial(), nAGQ = 5)
  )
  expect_identical(names(which(is.na(coef(fit)))), "treatA:center2")
  means <- as.data.frame(emmeans::emmeans(fit, ~ treat * center))
  expect_identical(is.na(means$emmean), c(FALSE, FALSE, FALSE, TRUE))
})

test_that("emmeans takes no sigma() for the standard deviation of random effects", {
  skip_if_not_installed("emmeans")
  marginal <- gee(seizures ~ treatment, epilepsy, id = subject, family = poisson())
  for (fit in list(result_fit("infection"), marginal)) {
    expect_error(
      summary(emmeans::emmeans(fit, ~treatment), type = "response", bias.adjust = TRUE), "sigma"
    )
  }
})

test_that("emmeans takes the smallest degrees of freedom of the coefficients concerned", {
  skip_if_not_installed("emmeans")
  set.seed(8)
  d <- data.frame(id = rep(1:12, each = 6), arm = factor(rep(0:1, each = 6, times = 6)))
  d$time <- factor(rep(1:3, 24))
  d$y <- rnorm(72) + rnorm(12)[d$id]
  fit <- gee(y ~ arm + time, d, id)
  df <- summary(fit, vcov = "robust", df = "between-within")$coefficients$df
  expect_gt(max(df), min(df)) # time varies inside clusters
  basis <- emmeans::emm_basis(fit, stats::delete.response(stats::terms(fit)),
    list(arm = c("0", "1"), time = c("1", "2", "3")),
    expand.grid(arm = c("0", "1"), time = c("1", "2", "3")), vcov. = "robust"
  )
  args <- basis$dfargs
  args$degrees$df <- df
  expect_identical(args$df_of(c(0, 0, 1, -1), args), min(df[3:4]))
  expect_identical(args$df_of(c(0, 1, 0.5, 0), args), min(df))
  expect_identical(args$df_of(c(0, 0, 0, 1), args), df[4L])
})
