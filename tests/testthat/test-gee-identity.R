# Risk differences: binomial("identity") in gee(), against glm(), sandwich, geepack and identities.

risk_data <- function(ids = 60) {
  set.seed(2)
  d <- data.frame(id = rep(seq_len(ids), each = 4), x = runif(4 * ids))
  d$arm <- d$id %% 2
  p <- 0.2 + 0.15 * d$arm + 0.2 * d$x + 0.25 * rep(runif(ids) - 0.5, each = 4)
  d$y <- rbinom(nrow(d), 1, p)
  d
}
risks <- function(..., corstr = "independence") {
  suppressMessages(gee(..., family = binomial("identity"), corstr = corstr))
}

test_that("independence: the estimates of glm() and the sandwich", {
  skip_if_not_installed("sandwich")
  d <- risk_data()
  fit <- risks(y ~ arm + x, d, id)
  peer <- glm(y ~ arm + x, binomial("identity"), d, control = list(epsilon = 1e-14))
  expect_equal(coef(fit), coef(peer), tolerance = 1e-7)
  wanted <- sandwich::vcovCL(peer, ~id, type = "HC0", cadjust = FALSE)
  expect_equal(vcov(fit, "robust"), wanted, tolerance = 1e-6, ignore_attr = TRUE)
  quasi <- gee(y ~ arm + x, d, id, family = quasibinomial("identity"))
  expect_equal(coef(quasi), coef(fit), tolerance = 1e-12)
  expect_equal(unname(predict(fit, d, type = "response")), unname(predict(peer, type = "response")),
    tolerance = 1e-7)
})

test_that("exchangeable: the estimates, correlation and standard errors of geepack", {
  skip_if_not_installed("geepack")
  d <- risk_data()
  fit <- risks(y ~ arm + x, d, id, corstr = "exchangeable", control = gee_control("geepack"))
  peer <- geepack::geeglm(y ~ arm + x, binomial("identity"), d, id = id, corstr = "exchangeable",
    control = geepack::geese.control(epsilon = 1e-12, maxit = 200)
  )
  expect_equal(coef(fit), coef(peer), tolerance = 1e-9)
  expect_equal(vcov(fit, "robust"), vcov(peer), tolerance = 1e-8, ignore_attr = TRUE)
  expect_equal(unname(fit$alpha), unname(peer$geese$alpha), tolerance = 1e-8)
  expect_equal(fit$phi, unname(peer$geese$gamma), tolerance = 1e-8)
})

test_that("two arms: the difference of their proportions; counts are single rows", {
  d <- risk_data()
  fit <- risks(y ~ arm, d, id)
  expect_equal(unname(coef(fit)[2L]), mean(d$y[d$arm == 1]) - mean(d$y[d$arm == 0]),
    tolerance = 1e-8)
  grouped <- aggregate(cbind(y, n = 1) ~ id + arm, d, sum)
  counts <- risks(cbind(y, n - y) ~ arm, grouped, id)
  expect_equal(coef(counts), coef(fit), tolerance = 1e-8)
  expect_equal(vcov(counts), vcov(fit), tolerance = 1e-6)
})

test_that("the standardized risk difference is the coefficient, with its standard error", {
  d <- risk_data()
  fit <- risks(y ~ arm + x, d, id)
  r <- marginal_standardization(fit, "arm", contrast = "difference")
  expect_equal(r$contrasts$estimate, unname(coef(fit)["arm"]), tolerance = 1e-10)
  wanted <- summary(fit)$coefficients["arm", ]
  expect_equal(r$contrasts$std.error, wanted$std.error, tolerance = 1e-8)
  expect_equal(r$contrasts$df, wanted$df, tolerance = 1e-6)
  risk <- coef(fit)[["(Intercept)"]] + coef(fit)[["x"]] * mean(d$x)
  expect_equal(r$means$estimate, risk + c(0, coef(fit)[["arm"]]), tolerance = 1e-10)
  expect_output(print(summary(fit)), "Risk differences, averaged over the population (marginal)",
    fixed = TRUE)
  expect_error(risk_ratios(fit), class = "margmix_error_link")
})

test_that("what has no solution inside (0, 1), or no meaning, is said", {
  d <- risk_data()
  d$y[d$arm == 1] <- 0
  expect_error(risks(y ~ arm + x, d, id), class = "margmix_error_gee_failed")
  d$y <- as.numeric(d$x > 0.7 | d$x > 0.3 & d$y)
  conditions <- testthat::capture_warnings(risks(y ~ x, d, id))
  expect_match(conditions, "end of their range", all = FALSE)
  expect_snapshot(error = TRUE, {
    glmm(y ~ x + (1 | id), d, binomial("identity"))
    gee(y ~ x, d, id, family = binomial("identity"), bias_reduce = TRUE)
  })
})
