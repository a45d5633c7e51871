quiet <- function(expr) suppressMessages(suppressWarnings(expr))

result <- function(...) {
  fit <- result_fit("respiratory")
  marginal_standardization(fit, "treat", ...)
}

test_that("prints say which question, which rows, and which standard error", {
  expect_snapshot({
    result()
    summary(result(contrast = "difference"))
    result(estimand = "ATT", by = "center", covariates = "fixed", contrast = "ratio")
    result(random_effects = "zero", contrast = "difference", vcov = "model", df = Inf)
    result(average = "cluster", contrast = "difference")
    marginal_standardization(
      gee(outcome ~ treat + age, respiratory, id = patient, family = binomial()), "treat"
    )
    marginal_standardization(result_fit("lmm"), "x", values = 0:1)
  })
})

test_that("few clusters are noted", {
  fit <- result_fit("infection")
  expect_snapshot(marginal_standardization(fit, "treatment", contrast = "difference"))
})

test_that("the accessors agree with the tables", {
  r <- result()
  table <- as.data.frame(r)
  expect_equal(table$type, c("mean", "mean", "difference", "ratio", "odds_ratio"))
  expect_equal(unname(sqrt(diag(vcov(r)))), r$contrasts$std.error)
  expect_equal(unname(sqrt(diag(vcov(r, "means")))), r$means$std.error)
  expect_equal(unname(coef(r)), r$contrasts$estimate)
  limits <- confint(r)
  expect_equal(unname(limits), unname(as.matrix(table[c("conf.low", "conf.high")])))
  expect_equal(colnames(limits), c("2.5 %", "97.5 %"))
  expect_equal(rownames(confint(r, "A", level = 0.9)), "A")
  expect_equal(
    unname(confint(r, 4, level = 0.8)[1, ]),
    table$estimate[4] * exp(c(-1, 1) * qt(0.9, table$df[4]) * table$std.error[4])
  )
  expect_equal(as.data.frame(tidy(r)), table)
  expect_equal(tidy(r, conf.level = 0.8)$conf.low, unname(confint(r, level = 0.8)[, 1]))
  expect_null(tidy(r, conf.int = FALSE)$conf.low)
  expect_equal(
    result(level = 0.8)$contrasts$conf.low, unname(confint(r, level = 0.8, what = "contrasts")[, 1])
  )
})

test_that("plots draw", {
  grDevices::pdf(NULL)
  withr <- grDevices::dev.cur()
  on.exit(grDevices::dev.off(withr))
  expect_identical(plot(result())$estimate, as.data.frame(result())$estimate)
  plot(result(by = "center"), "contrasts")
})

test_that("limits beyond what a mean can be come with a note", {
  fit <- glmm(failures ~ group + (1 | pump), pump, poisson())
  wide <- suppressWarnings(marginal_standardization(fit, "group"))
  expect_lt(min(wide$means$conf.low), 0)
  expect_match(wide$notes[["range"]], "symmetric: .*intermittent|symmetric: continuous")
  narrow <- marginal_standardization(fit, "group", level = 0.3)
  expect_false("range" %in% names(narrow$notes))
})

test_that("many panels with long labels find room on a small device", {
  fit <- gee(outcome ~ treat * sex, respiratory, id = patient, family = binomial())
  result <- marginal_standardization(fit, "treat", by = c("sex", "center"))
  for (size in list(c(7, 7), c(7, 3), c(3, 3))) {
    file <- tempfile(fileext = ".pdf")
    grDevices::pdf(file, size[1], size[2])
    expect_no_error(plot(result))
    grDevices::dev.off()
    unlink(file)
  }
})

test_that("names without quotes are explained", {
  fit <- gee(outcome ~ treat * sex, respiratory, id = patient, family = binomial())
  expect_snapshot(marginal_standardization(fit, treat), error = TRUE)
  expect_snapshot(marginal_standardization(fit, "treat", by = sex), error = TRUE)
})

test_that("with crossed factors the degrees of freedom are those of the coefficients concerned", {
  set.seed(1)
  d <- expand.grid(subject = 1:20, item = 1:6)
  d$between <- (d$item <= 3) + 0
  d$within <- stats::rbinom(120, 1, 0.5)
  d$y <- d$within + stats::rnorm(20)[d$subject] + stats::rnorm(6)[d$item] + stats::rnorm(120)
  fit <- quietly(glmm(y ~ between + within + (1 | subject) + (1 | item), d))
  df <- summary(fit, vcov = "model", df = "between-within")$coefficients
  found <- function(exposure) {
    as.data.frame(marginal_standardization(fit, exposure, values = 0:1, contrast = "difference"))
  }
  # with an identity link each difference is one coefficient
  for (exposure in c("between", "within")) {
    expect_equal(found(exposure)$df[3L], df[exposure, "df"], tolerance = 1e-10)
  }
  expect_gt(df["within", "df"], 10 * df["between", "df"])
  # a mean is mostly the intercept
  expect_true(all(found("within")$df[1:2] < 20))
})
