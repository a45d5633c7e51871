respiratory_fit <- function(...) {
  gee(outcome ~ treat + age + visit, respiratory, ~center:id, visit, family = binomial(), ...)
}

test_that("print and summary say what was fitted and how", {
  # rounding decides how small the last step is
  small <- function(x) sub("last step [^ ]*", "last step <small>", x)
  fit <- respiratory_fit(corstr = "exchangeable")
  expect_snapshot(print(fit))
  expect_snapshot(print(summary(fit)), transform = small)
  fit <- respiratory_fit(corstr = "unstructured", scale = 1, bias_reduce = TRUE)
  expect_snapshot(print(summary(fit, vcov = "robust", df = Inf)), transform = small)
  expect_equal(vcov(summary(fit)), vcov(fit))
})

test_that("ratios are marginal", {
  fit <- respiratory_fit(corstr = "exchangeable")
  expect_snapshot(odds_ratios(fit))
  expect_snapshot(error = TRUE, rate_ratios(fit))
  expect_equal(odds_ratios(fit)["treatA", "estimate"], exp(coef(fit)[["treatA"]]))
  counts <- gee(seizures ~ treatment + period, epilepsy, subject, period, family = poisson())
  expect_match(attr(rate_ratios(counts), "heading")[1], "^Marginal rate ratios")
})

test_that("there is no likelihood", {
  fit <- respiratory_fit()
  expect_snapshot(error = TRUE, logLik(fit))
  expect_snapshot(error = TRUE, AIC(fit))
  expect_error(BIC(fit), "no BIC", class = "margmix_error_no_likelihood")
  expect_error(deviance(fit), "no deviance", class = "margmix_error_no_likelihood")
  expect_error(profile(fit), "no profile", class = "margmix_error_no_likelihood")
})

test_that("what other packages compute from parts of a fit is right", {
  fit <- respiratory_fit(corstr = "exchangeable")
  expect_identical(df.residual(fit), min(summary(fit)$coefficients$df))
  skip_if_not_installed("sandwich")
  expect_equal(sandwich::sandwich(fit), vcov(fit, "robust"), tolerance = 1e-12)
  expect_equal(dim(sandwich::estfun(fit)), c(111L, 4L))
})

test_that("arguments of methods are checked", {
  fit <- respiratory_fit()
  expect_snapshot(error = TRUE, confint(fit, 9))
  expect_snapshot(error = TRUE, summary(fit, df = "none"))
  expect_snapshot(error = TRUE, predict(fit, data.frame(treat = "A", age = NA_real_, visit = 1),
    na.action = na.fail))
})

test_that("predictions have the delta method's standard errors", {
  fit <- respiratory_fit(corstr = "exchangeable")
  new <- data.frame(treat = c("P", "A", NA), age = c(20, 50, 30), visit = 2)
  link <- predict(fit, new, se.fit = TRUE)
  X <- cbind(1, c(0, 1), c(20, 50), 2)
  expect_equal(unname(link$fit), c(drop(X %*% coef(fit)), NA))
  expect_equal(unname(link$se.fit[1:2]), sqrt(diag(X %*% vcov(fit) %*% t(X))))
  mean <- predict(fit, new, type = "response", se.fit = TRUE, vcov = "robust")
  mu <- plogis(link$fit)
  robust <- sqrt(diag(X %*% vcov(fit, type = "robust") %*% t(X)))
  expect_equal(unname(mean$se.fit[1:2]), unname((mu * (1 - mu))[1:2] * robust))
  expect_equal(fitted(fit), predict(fit, type = "response"))
})

test_that("residuals are those of glm() where the fit is", {
  fit <- respiratory_fit()
  reference <- glm(outcome ~ treat + age + visit, binomial(), respiratory)
  for (type in c("pearson", "response", "working", "deviance")) {
    expect_equal(residuals(fit, type), residuals(reference, type), tolerance = 1e-6)
  }
})

test_that("the other methods work", {
  fit <- respiratory_fit(corstr = "exchangeable")
  expect_identical(nobs(fit), 444L)
  expect_named(coef(update(fit, . ~ . - age)), c("(Intercept)", "treatA", "visit"))
  expect_identical(formula(fit), outcome ~ treat + age + visit, ignore_attr = TRUE)
  expect_identical(dim(model.matrix(fit)), c(444L, 4L))
  expect_identical(nrow(model.frame(fit)), 444L)
  expect_identical(family(fit)$link, "logit")
  expect_equal(sigma(fit)^2, component(fit, "phi"))
  expect_identical(dim(component(fit, "scores")), c(111L, 4L))
  table <- tidy(fit, conf.int = TRUE)
  limits <- confint(fit)
  expect_equal(table$conf.low, unname(limits[, 1]))
  expect_identical(glance(fit)$nclusters, 111L)
  expect_identical(nrow(augment(fit)), 444L)
  skip_if_not_installed("emmeans")
  means <- summary(emmeans::emmeans(fit, ~treat, at = list(age = 30, visit = 1)))
  expect_equal(means$emmean[1], sum(coef(fit) * c(1, 0, 30, 1)))
})

test_that("aliased columns are reported", {
  expect_warning(
    fit <- gee(resp ~ age + smoke + I(2 * age), ohio, id, family = binomial()),
    class = "margmix_warning_rank"
  )
  expect_identical(is.na(coef(fit)), c(FALSE, FALSE, FALSE, TRUE), ignore_attr = TRUE)
})

test_that("quasi families print as they were given", {
  fit <- gee(seizures ~ treatment, epilepsy, id = subject, family = quasipoisson())
  expect_output(print(fit), "Family:  quasipoisson(log)", fixed = TRUE)
  expect_output(print(summary(fit)), "Family:  quasipoisson(log)", fixed = TRUE)
  expect_identical(family(fit)$family, "quasipoisson")
  expect_identical(family_label(fit$family), "quasipoisson(log)")
  fit <- update(fit, family = quasi("log", "mu"))
  expect_output(print(fit), "Family:  quasi(log, variance mu)", fixed = TRUE)
  expect_output(
    print(marginal_standardization(fit, "treatment")), "gee, quasi(log, variance mu), marginal",
    fixed = TRUE
  )
})

test_that("ratios of positive responses are of means, those of 0/1 Poisson responses of risks", {
  fit <- gee(resp ~ smoke, ohio, id = id, family = poisson())
  risks <- with(ohio, tapply(resp, smoke, mean))
  expect_equal(risk_ratios(fit)["smoke", "estimate"], risks[[2]] / risks[[1]])
  expect_match(attr(risk_ratios(fit), "heading")[1], "Marginal risk ratios", fixed = TRUE)
  positive <- gee(seizures + 1 ~ treatment, epilepsy, id = subject, family = Gamma("log"))
  expect_match(attr(rate_ratios(positive), "heading")[1], "Marginal mean ratios", fixed = TRUE)
  counts <- gee(seizures ~ treatment, epilepsy, id = subject, family = poisson())
  expect_error(risk_ratios(counts), class = "margmix_error_link")
})

test_that("what only mixed models have is refused in words", {
  fit <- respiratory_fit()
  expect_identical(nlme::fixef(fit), coef(fit))
  expect_snapshot(nlme::ranef(fit), error = TRUE)
  expect_snapshot(nlme::VarCorr(fit), error = TRUE)
  expect_snapshot(simulate(fit), error = TRUE)
  expect_snapshot(plot(fit), error = TRUE)
})

test_that("counts that are not whole are for a quasi family", {
  data <- data.frame(id = rep(1:10, each = 2), x = rep(0:1, 10), y = seq(0.5, 10, 0.5))
  expect_snapshot(plain <- gee(y ~ x, data, id = id, family = poisson()))
  expect_silent(quasi <- gee(y ~ x, data, id = id, family = "quasipoisson"))
  expect_identical(coef(plain), coef(quasi))
})
