test_that("ratios are exponentiated coefficients and limits", {
  fit <- result_fit("infection")
  table <- odds_ratios(fit, level = 0.9, intercept = TRUE)
  expect_equal(table$estimate, unname(exp(coef(fit))))
  limits <- confint(fit, "beta_", level = 0.9)
  expect_equal(log(cbind(table$conf.low, table$conf.high)), unname(limits), ignore_attr = TRUE)
  expect_equal(table$p.value, summary(fit)$coefficients$p.value)
  expect_identical(rownames(odds_ratios(fit)), "treatmentdrug")
  kc <- odds_ratios(fit, vcov = "KC")
  expect_equal(kc$std.error, unname(sqrt(vcov(fit, "KC")[2, 2])))
})

test_that("each link has its own ratio", {
  counts <- result_fit("epilepsy")
  expect_equal(rate_ratios(counts)$estimate, unname(exp(coef(counts)[-1])))
  risks <- suppressMessages(
    glmm(cbind(2 + s, 20 - s) ~ x + (1 | id), small_data(), binomial("log"), nAGQ = 5)
  )
  expect_equal(risk_ratios(risks)$estimate, unname(exp(coef(risks)[-1])))
  expect_snapshot(odds_ratios(counts), error = TRUE)
  expect_snapshot(rate_ratios(result_fit("infection")), error = TRUE)
  expect_snapshot(risk_ratios(result_fit("lmm")), error = TRUE)
  expect_error(odds_ratios(risks), class = "margmix_error_link")
})

test_that("the print says conditional, for a given cluster, and which SE", {
  expect_snapshot(odds_ratios(result_fit("infection")))
  expect_snapshot(odds_ratios(result_fit("respiratory"), vcov = "KC", intercept = TRUE))
  expect_snapshot(rate_ratios(result_fit("epilepsy"), df = Inf))
})

test_that("a log link of a measurement gives ratios of means", {
  d <- gaussian_data()
  d$y <- exp(d$y / 4)
  for (family in list(gaussian("log"), Gamma("log"))) {
    fit <- suppressMessages(glmm(y ~ x + (1 | id), d, family, nAGQ = 7))
    expect_equal(rate_ratios(fit)$estimate, exp(coef(fit)[["x"]]))
    expect_output(print(rate_ratios(fit)), "Conditional mean ratios")
  }
})

test_that("part of a table still prints", {
  table <- odds_ratios(result_fit("respiratory"))
  expect_output(print(table[1:2, ]), "treatA", fixed = TRUE)
  expect_output(print(table[, 1:2]), "treatA", fixed = TRUE)
})

test_that("a table of ratios becomes a plain data frame", {
  ratios <- odds_ratios(result_fit("infection"))
  plain <- as.data.frame(ratios)
  expect_identical(class(plain), "data.frame")
  expect_identical(names(plain), names(ratios))
  expect_identical(row.names(plain), "1")
  expect_identical(as.data.frame(tidy(ratios)), plain)
  expect_identical(class(rbind(ratios, ratios)), "data.frame")
  attr(ratios, "heading") <- NULL
  expect_output(print(ratios), "estimate", fixed = TRUE)
})

test_that("ratios of other objects are refused", {
  expect_snapshot(odds_ratios(glm(s ~ x, poisson(), small_data())), error = TRUE)
  for (ratios in list(rate_ratios, risk_ratios)) {
    expect_error(ratios(1), class = "margmix_error_fit")
  }
})
