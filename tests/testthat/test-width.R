# What prints stays within 80 columns.

lines_of <- function(x) {
  old <- options(width = 80)
  on.exit(options(old))
  utils::capture.output(print(x))
}

expect_narrow <- function(x) {
  lines <- lines_of(x)
  expect_identical(lines[nchar(lines) > 80], character(), label = class(x)[1L])
}

test_that("fits, summaries, tests and tables are not wider than the console", {
  fit <- glmm(severe ~ treatment * scheduled + (1 | patient), toenail, binomial(),
    random_distribution = "bridge"
  )
  marginal <- gee(severe ~ treatment * scheduled, toenail, patient,
    family = binomial(), corstr = "exchangeable"
  )
  set.seed(1)
  d <- expand.grid(student = 1:30, question = 1:6)
  d$score <- rnorm(180) + rnorm(30)[d$student] + rnorm(6)[d$question]
  crossed <- glmm(score ~ 1 + (1 | student) + (1 | question), d)
  for (each in list(fit, marginal, crossed)) {
    expect_narrow(each)
    expect_narrow(summary(each))
    expect_narrow(anova(each))
    expect_narrow(confint(each))
  }
  for (each in list(fit, marginal)) {
    expect_narrow(odds_ratios(each))
    expect_narrow(marginal_standardization(each, "treatment"))
  }
  expect_narrow(marginal_coefficients(fit))
  expect_narrow(compare_effects(fit, marginal))
  expect_narrow(diagnose_endogeneity(fit))
})

test_that("long lines go on below their text", {
  long <- paste(rep("word", 30), collapse = " ")
  expect_identical(
    substr(wrap_lines(paste("Label:  ", long), 40), 1, 10), c("Label:   w", rep("         w", 4))
  )
  expect_identical(nchar(wrap_lines(paste("    *", long), 40)) <= 40, rep(TRUE, 5))
  expect_identical(wrap_lines("  a   b", 40), "  a   b")
  expect_identical(utils::capture.output(say("a", 1L, "\n\nb")), c("a 1 ", "", "b"))
  expect_identical(utils::capture.output(say(c("a", ""), sep = "\n")), c("a", ""))
  expect_silent(say(character(), sep = "\n"))
})
