# Multiple imputation by package mice, from imputed data to pooled tables.

test_that("fits and standardizations of imputed data are pooled by Rubin's rules", {
  skip_if_not_installed("mice")
  set.seed(1)
  data <- respiratory[c("patient", "treat", "age", "outcome")]
  data$patient <- as.integer(data$patient)
  data$age[sample(nrow(data), 40L)] <- NA
  imputed <- mice::mice(data, m = 3L, printFlag = FALSE, maxit = 2L, seed = 1)
  risks <- function(fit) marginal_standardization(fit, "treat", contrast = c("difference", "ratio"))
  expect_pooled <- function(fits, values, df) {
    table <- summary(mice::pool(fits))
    parts <- lapply(fits$analyses, values)
    Q <- vapply(parts, `[[`, parts[[1L]]$estimate, "estimate")
    U <- rowMeans(vapply(parts, `[[`, parts[[1L]]$se, "se")^2)
    between <- apply(Q, 1L, var)
    total <- U + (1 + 1 / 3) * between
    expect_equal(table$estimate, unname(rowMeans(Q)))
    expect_equal(table$std.error, unname(sqrt(total)))
    lambda <- (1 + 1 / 3) * between / total
    observed <- (df + 1) / (df + 3) * df * (1 - lambda)
    expect_equal(table$df, unname(1 / (lambda^2 / 2 + 1 / observed)), tolerance = 1e-6)
  }
  coefficients <- function(fit) list(estimate = coef(fit), se = sqrt(diag(vcov(fit))))
  mixed <- with(imputed, glmm(outcome ~ treat + age + (1 | patient), family = binomial(), nAGQ = 5))
  expect_pooled(mixed, coefficients, min(summary(mixed$analyses[[1]])$coefficients$df))
  marginal <- with(imputed, gee(outcome ~ treat + age, id = patient, family = binomial()))
  expect_pooled(marginal, coefficients, min(summary(marginal$analyses[[1]])$coefficients$df))
  standardized <- marginal
  standardized$analyses <- lapply(marginal$analyses, risks)
  expect_pooled(standardized, function(x) {
    list(
      estimate = c(x$means$estimate, x$contrasts$estimate[1], log(x$contrasts$estimate[2])),
      se = c(x$means$std.error, x$contrasts$std.error)
    )
  }, min(standardized$analyses[[1]]$means$df, standardized$analyses[[1]]$contrasts$df))
  terms <- as.character(summary(mice::pool(standardized))$term)
  expect_identical(terms[4], "log ratio: A vs P")
})
