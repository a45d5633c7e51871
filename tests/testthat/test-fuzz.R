# A few of the hard data sets of `make fuzz`: every fit is a maximum, or a condition of the package
# names the cause.

test_that("hard data sets end at a maximum or with a named cause", {
  fuzz <- new.env()
  for (file in c("cases.R", "judge.R")) {
    path <- test_path("..", "fuzz", file)
    skip_if_not(file.exists(path), "tests/fuzz")
    sys.source(path, fuzz)
  }
  # quick ones of several families
  rows <- lapply(c(2, 3, 8, 10:13, 16, 17, 19), function(number) {
    fuzz$fuzz_judge(number, seconds = 20)
  })
  for (row in rows) {
    expect_true(row$outcome %in% c("maximum", "warned", "refused"),
      label = paste(row$number, row$family, row$structure, row$difficulty, row$causes)
    )
    if (row$outcome == "maximum") expect_lt(row$criterion, 1e-10)
    if (row$outcome != "maximum") expect_match(row$causes, "^[a-z_]+( [a-z_]+)*$")
  }
  expect_gte(sum(vapply(rows, function(row) row$outcome == "maximum", NA)), 6L)
})

test_that("so do restricted fits", {
  fuzz <- new.env()
  for (file in c("cases.R", "judge.R")) {
    path <- test_path("..", "fuzz", file)
    skip_if_not(file.exists(path), "tests/fuzz")
    sys.source(path, fuzz)
  }
  # variances near zero by either criterion, and points that a step leaves off the curve
  for (number in c(13, 16, 19, 28)) {
    row <- fuzz$fuzz_judge(number, seconds = 20, REML = TRUE)
    expect_identical(row$outcome, "maximum", label = paste(row$number, row$causes))
    expect_lt(row$criterion, 1e-10)
  }
  # a likelihood with kinks, where the criterion has no slope
  kinks <- fuzz$fuzz_judge(123, seconds = 60, REML = TRUE)
  expect_true(kinks$outcome %in% c("maximum", "warned", "refused"), label = kinks$causes)
})

test_that("the judge sees a fit that is no maximum and is silent", {
  fuzz <- new.env()
  path <- test_path("..", "fuzz", "judge.R")
  skip_if_not(file.exists(path), "tests/fuzz")
  sys.source(path, fuzz)
  fit <- result_fit("infection")
  expect_identical(fuzz$fuzz_outcome(fit, character()), "maximum")
  fit$convergence$criterion <- 1e-3
  expect_identical(fuzz$fuzz_outcome(fit, character()), "failed")
  expect_identical(fuzz$fuzz_outcome(fit, "convergence"), "warned")
})

test_that("a verdict tells a true warning from a false one", {
  fuzz <- new.env()
  for (file in c("cases.R", "judge.R", "verdict.R")) {
    path <- test_path("..", "fuzz", file)
    skip_if_not(file.exists(path), "tests/fuzz")
    sys.source(path, fuzz)
  }
  good <- fuzz$fuzz_judge(1)
  expect_identical(good$outcome, "maximum")
  for (cause in c("rank", "separation", "variance_separation", "large_sd", "convergence")) {
    good$causes <- cause
    expect_match(fuzz$fuzz_verdict(good), "^false", label = cause)
  }
  good$causes <- "something_new"
  expect_identical(fuzz$fuzz_verdict(good), "not checked")
  separated <- fuzz$fuzz_judge(153)
  expect_identical(separated$causes, "separation")
  expect_match(fuzz$fuzz_verdict(separated), "^true")
})

test_that("no fit is below the model without random effects", {
  fuzz <- new.env()
  path <- test_path("..", "fuzz", "cases.R")
  skip_if_not(file.exists(path), "tests/fuzz")
  sys.source(path, fuzz)
  # Poisson counts with an outlier: a second maximum at an sd of 0.19, lower than that at zero
  case <- fuzz$fuzz_case(396)
  expect_identical(case$family_name, "poisson-log")
  without <- as.numeric(logLik(glm(y ~ x + g, poisson(), case$data)))
  for (nAGQ in list(1, 5, "auto")) {
    fit <- suppressMessages(glmm(case$formula, case$data, case$family, nAGQ = nAGQ))
    expect_gte(as.numeric(logLik(fit)), without - 1e-8)
    expect_true(fit$convergence$converged)
  }
  expect_true(all(fit$theta == 0))
})
