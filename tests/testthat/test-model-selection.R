# drop1(), add1(), step(): the fits they compare are those a user would make by hand.

selection_data <- function() {
  d <- nested_data(m = 20L)
  d$z <- rnorm(nrow(d))
  d$f <- factor(rep_len(c("u", "v", "w"), nrow(d)))
  d
}

test_that("drop1() and add1() compare with fits made by hand", {
  d <- selection_data()
  fit <- glmm(y ~ x + f + (1 | a / b), d, binomial(), nAGQ = 5)
  without <- function(formula) glmm(formula, d, binomial(), nAGQ = 5)
  no_x <- without(y ~ f + (1 | a / b))
  no_f <- without(y ~ x + (1 | a / b))
  table <- drop1(fit, test = "Chisq")
  expect_identical(rownames(table), c("<none>", "x", "f"))
  expect_equal(table$AIC, c(AIC(fit), AIC(no_x), AIC(no_f)), tolerance = 1e-10)
  expect_equal(table$LRT[2:3], 2 * (fit$logLik - c(no_x$logLik, no_f$logLik)), tolerance = 1e-6)
  expect_identical(table$Df[2:3], c(1, 2))
  expect_equal(drop1(fit, ~ . - f)["x", "AIC"], AIC(no_x), tolerance = 1e-10)
  expect_identical(rownames(drop1(fit, "f")), c("<none>", "f"))
  added <- add1(no_f, ~ . + f + z + x:z)
  expect_identical(rownames(added), c("<none>", "f", "z"))
  expect_equal(added$AIC[1:2], c(AIC(no_f), AIC(fit)), tolerance = 1e-10)
  expect_equal(add1(no_f, ~ f + (1 | a / b))["f", "AIC"], AIC(fit), tolerance = 1e-10)
})

test_that("step() ends at the model of least AIC, with its random terms", {
  d <- selection_data()
  fit <- glmm(y ~ x + z + f + (1 | a), d, binomial(), nAGQ = 5)
  fixed <- c("x", "z", "f")
  smaller <- unlist(lapply(0:3, combn, x = fixed, simplify = FALSE), recursive = FALSE)
  aic <- vapply(smaller, function(terms) {
    AIC(glmm(reformulate(c("1", terms, "(1 | a)"), "y"), d, binomial(), nAGQ = 5))
  }, 0)
  best <- smaller[[which.min(aic)]]
  found <- step(fit, trace = 0)
  expect_setequal(attr(terms(found), "term.labels"), best)
  expect_equal(AIC(found), min(aic), tolerance = 1e-10)
  expect_match(deparse(formula(found)), "(1 | a)", fixed = TRUE)
  # upwards too, and where the start is the end the formula is whole
  up <- step(update(fit, . ~ (1 | a)), ~ . + x + z + f, trace = 0)
  expect_equal(AIC(up), min(aic), tolerance = 1e-10)
  stays <- step(found, trace = 0)
  expect_identical(formula(stays), formula(found))
  expect_output(print(stays), "(1 | a)", fixed = TRUE)
  expect_equal(AIC(update(stays, . ~ . + f)), AIC(update(found, . ~ . + f)))
})

test_that("restricted likelihoods are not compared", {
  d <- selection_data()
  reml <- glmm(response ~ x + z + (1 | a / b), d, REML = TRUE)
  ml <- update(reml, REML = FALSE)
  expect_equal(drop1(reml)$AIC, drop1(ml)$AIC, tolerance = 1e-8)
  expect_match(attr(drop1(reml), "heading"), "not REML", all = FALSE)
  skip_if_not_installed("lme4")
  peer <- lme4::lmer(response ~ x + z + (1 | a / b), d, REML = FALSE)
  expect_equal(drop1(ml)$AIC, drop1(peer)$AIC, tolerance = 1e-7)
})

test_that("what cannot be chosen by AIC is refused", {
  d <- selection_data()
  fit <- glmm(y ~ x + (1 | a), d, binomial(), nAGQ = 3)
  marginal <- gee(y ~ x, d, id = a, family = binomial())
  expect_snapshot(error = TRUE, {
    drop1(fit, ~ . + (1 | b))
    add1(fit, ~ . + (x | a))
    add1(fit)
    add1(fit, ~ x)
    drop1(marginal)
    add1(marginal, ~ . + z)
    step(marginal)
  })
})
