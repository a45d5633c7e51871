# One in some of the calls of tests/fuzz/arguments.R, and what they found.

arguments <- new.env()
test_that("a value that an argument can't have ends in a condition of the package", {
  path <- test_path("..", "fuzz", "arguments.R")
  skip_if_not(file.exists(path), "tests/fuzz")
  sys.source(path, arguments)
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  home <- arguments$argument_objects()
  # a step that has no factor in common with the number of values meets them all in turn
  rows <- arguments$run_arguments(arguments$argument_cases(home, each = 5L), home)
  expect_gt(sum(rows$outcome == "margmix"), 500)
  bad <- rows[!rows$outcome %in% c("margmix", "taken"), ]
  expect_identical(
    sprintf("%s, %s = %s: %s", bad$call, bad$argument, bad$value, bad$text), character()
  )
})

test_that("switches, numbers and digits say what they must be", {
  fit <- result_fit("infection")
  g <- gee(cbind(success, n - success) ~ treatment, infection, id = clinic, family = binomial())
  means <- marginal_standardization(fit, "treatment")
  expect_argument <- function(object, text) {
    expect_error(object, text, fixed = TRUE, class = "margmix_error_argument")
  }
  for (wrong in list(NA, NULL, 1, "yes")) {
    expect_argument(predict(fit, se.fit = wrong), "`se.fit` must be TRUE or FALSE")
    expect_argument(predict(g, se.fit = wrong), "`se.fit` must be TRUE or FALSE")
    expect_argument(ranef(fit, condVar = wrong), "`condVar` must be TRUE or FALSE")
    expect_argument(tidy(fit, conf.int = wrong), "`conf.int` must be TRUE or FALSE")
    expect_argument(tidy(g, exponentiate = wrong), "`exponentiate` must be TRUE or FALSE")
    expect_argument(tidy(means, conf.int = wrong), "`conf.int` must be TRUE or FALSE")
    expect_argument(odds_ratios(fit, intercept = wrong), "`intercept` must be TRUE or FALSE")
    expect_argument(augment(fit, se_fit = wrong), "`se_fit` must be TRUE or FALSE")
  }
  expect_argument(compare_effects(fit, exponentiate = NA), "`exponentiate` must be TRUE or FALSE")
  for (wrong in list(NA, Inf, "a", -1, 2.5)) {
    expect_argument(profile(fit, points = wrong), "`points` must be a whole number, at least 2")
    expect_argument(diagnose_integration(fit, points = wrong), "`points` must be a whole number")
    expect_argument(diagnose_integration(fit, replicates = wrong), "`replicates` must be a whole")
    expect_argument(report(fit, digits = wrong), "`digits` must be a whole number from 1 to 22")
    expect_argument(print(means, digits = wrong), "`digits` must be a whole number from 1 to 22")
    expect_argument(simulate(fit, nsim = wrong), "`nsim` must be a whole number, 0 or more")
  }
  expect_argument(diagnose_integration(fit, tolerance = -1), "`tolerance` must be one positive")
  expect_argument(genomic_inflation(c(0.2, 2)), "`p` must be p-values")
  expect_argument(plot(odds_ratios(fit), xlab = c("a", "b")), "`xlab` must be one text")
  expect_identical(report(fit, digits = NULL)$sections, report(fit, digits = 4)$sections)
})

test_that("rows that are asked for must be there", {
  fit <- result_fit("infection")
  means <- marginal_standardization(fit, "treatment")
  expect_error(confint(fit, character()), "Given: character(0)",
    fixed = TRUE, class = "margmix_error_parm"
  )
  for (wrong in list(NA, Inf, "other", list(), 99)) {
    expect_error(confint(means, wrong), "names or positions of rows", class = "margmix_error_parm")
  }
  expect_equal(confint(means, 2), confint(means)[2, , drop = FALSE])
  expect_equal(confint(means, "drug"), confint(means)["drug", , drop = FALSE])
  expect_error(marginal_standardization(fit, "treatment", contrast = character()), "must be one of",
    class = "margmix_error_argument"
  )
  expect_error(drop1(fit, "other"), "terms that the model has", class = "margmix_error_scope")
  expect_error(update(fit, 3), "`formula.` must be a formula", class = "margmix_error_formula")
  expect_error(report(3), "must be a fit", class = "margmix_error_argument")
})

test_that("na.action of new data may be a name, and must return rows", {
  fit <- result_fit("infection")
  new <- data.frame(clinic = c(1, 2), treatment = c("drug", NA))
  expect_identical(predict(fit, new, na.action = "na.omit"), predict(fit, new, na.action = na.omit))
  for (wrong in list("nothing", NA, function(x) NULL)) {
    expect_error(predict(fit, new, na.action = wrong), class = "margmix_error_na_action")
  }
})
