# Methods for other packages, beyond what test-clients.R compares

test_that("type II and III tests of car are its own, by chi-square", {
  skip_if_not_installed("car")
  own <- utils::getS3method("Anova", "default", envir = asNamespace("car"))
  mixed <- result_fit("respiratory")
  marginal <- gee(outcome ~ treat * center + age, respiratory, ~center:id, family = binomial())
  for (fit in list(mixed, marginal)) {
    for (type in 2:3) {
      found <- car::Anova(fit, type = type, test.statistic = "Chisq")
      expected <- own(fit, type = type, test.statistic = "Chisq")
      expect_equal(found$Chisq, expected[rownames(found), "Chisq"])
      expect_equal(found[["Pr(>Chisq)"]], expected[rownames(found), "Pr(>Chisq)"])
    }
  }
})

test_that("joint hypotheses have the tests of anova()", {
  skip_if_not_installed("car")
  fit <- gee(outcome ~ treat + visit_f, transform(respiratory, visit_f = factor(visit)),
    ~center:id,
    family = binomial()
  )
  table <- anova(fit)["visit_f", ]
  found <- car::linearHypothesis(fit, paste(grep("visit_f", names(coef(fit)), value = TRUE), "= 0"))
  expect_equal(found$F[2], table[["F value"]])
  expect_equal(found$Res.Df[2], table[["Den Df"]])
  expect_equal(found[["Pr(>F)"]][2], table[["Pr(>F)"]])
})

test_that("hypotheses may have a right side, matrices and other covariances", {
  skip_if_not_installed("car")
  own <- utils::getS3method("linearHypothesis", "default", envir = asNamespace("car"))
  fit <- result_fit("respiratory")
  hypotheses <- c("treatA = 1", "age - 2 treatA = 0.5")
  found <- car::linearHypothesis(fit, hypotheses, test = "Chisq", vcov. = vcov(fit, "robust"))
  expected <- own(fit, hypotheses, test = "Chisq", vcov. = vcov(fit, "robust"))
  expect_equal(found$Chisq, expected$Chisq)
  expect_equal(found[["Pr(>Chisq)"]], expected[["Pr(>Chisq)"]])
  expect_equal(attr(found, "value"), attr(expected, "value"), ignore_attr = TRUE)
  L <- rbind(c(0, 1, 0, 0, 0), c(0, -2, 0, 1, 0))
  expect_equal(car::linearHypothesis(fit, L, c(1, 0.5), vcov. = function(x) vcov(x, "robust")),
    car::linearHypothesis(fit, hypotheses, vcov. = "robust"),
    ignore_attr = TRUE
  )
  expect_error(car::linearHypothesis(fit, L[, 1:2]), class = "margmix_error_argument")
})

test_that("a ratio of coefficients has the smallest df of those in it", {
  skip_if_not_installed("car")
  fit <- result_fit("infection")
  ratio <- car::deltaMethod(fit, "treatmentdrug / (Intercept)")
  b <- coef(fit)
  gradient <- c(-b[[2]] / b[[1]]^2, 1 / b[[1]])
  se <- sqrt(drop(gradient %*% vcov(fit) %*% gradient))
  df <- min(summary(fit)$coefficients$df)
  expect_equal(ratio$Estimate, b[[2]] / b[[1]])
  expect_equal(c(ratio[[3]], ratio[[4]]), b[[2]] / b[[1]] + c(-1, 1) * qt(0.975, df) * se)
})

test_that("efficient scores add up to zero and make the robust covariance", {
  skip_if_not_installed("sandwich")
  for (name in c("epilepsy", "lmm", "zero")) {
    fit <- result_fit(name)
    scores <- sandwich::estfun(fit)
    expect_identical(dimnames(scores), list(component(fit, "levels"), names(coef(fit))))
    expect_lt(max(abs(colSums(scores)) * sqrt(diag(vcov(fit)))), 1e-4)
    expect_equal(sandwich::sandwich(fit), vcov(fit, "robust"))
  }
})

test_that("multcomp takes fits with aliased coefficients and other covariances", {
  skip_if_not_installed("multcomp")
  fit <- suppressMessages(suppressWarnings(glmm(
    outcome ~ treat + I(1 * (treat == "A")) + age + (1 | patient), respiratory, binomial(),
    nAGQ = 7
  )))
  expect_true(anyNA(coef(fit)))
  table <- summary(fit, vcov = "robust")$coefficients
  found <- suppressWarnings(summary(
    multcomp::glht(fit, rbind(c(0, 1, 0, 0)), vcov. = "robust"),
    test = multcomp::univariate()
  ))
  expect_equal(found$test$sigma[[1]], table["treatA", "std.error"])
  expect_equal(found$df, floor(min(table$df, na.rm = TRUE)))
})

test_that("what would be wrong is refused, with what to use", {
  fit <- result_fit("infection")
  expect_snapshot(hatvalues(fit), error = TRUE)
  skip_if_not_installed("clubSandwich")
  expect_snapshot(clubSandwich::vcovCR(fit, type = "CR2"), error = TRUE)
  skip_if_not_installed("lmtest")
  expect_snapshot(lmtest::waldtest(fit), error = TRUE)
  skip_if_not_installed("pbkrtest")
  expect_snapshot(pbkrtest::KRmodcomp(fit, fit), error = TRUE)
})

test_that("ggpredict() has intervals of the level asked for, or refuses", {
  skip_if_not_installed("ggeffects")
  fit <- result_fit("infection")
  grid <- data.frame(treatment = c("control", "drug"))
  found <- as.data.frame(ggeffects::ggpredict(fit, "treatment", ci.lvl = 0.8, verbose = FALSE))
  eta <- predict(fit, grid, random_effects = "zero", se.fit = TRUE)
  df <- predictor_df(fit, margmix:::design_newdata(fit, grid, FALSE)$X)
  expect_equal(found$conf.low, unname(plogis(eta$fit - qt(0.9, df) * eta$se.fit)))
  for (arguments in list(list(type = "random"), list(interval = "prediction"))) {
    expect_error(do.call(ggeffects::ggpredict, c(list(fit, "treatment"), arguments)),
      class = "margmix_error_other_package"
    )
  }
  # from elsewhere, include_random decides
  expect_equal(as.numeric(insight::get_predicted(fit)), unname(fitted(fit)))
})

test_that("MuMIn keeps the random terms as they were written", {
  skip_if_not_installed("MuMIn")
  fit <- suppressMessages(
    glmm(seizures ~ treatment + period + (period || subject), epilepsy, poisson(), nAGQ = 1)
  )
  old <- options(na.action = "na.fail")
  on.exit(options(old))
  table <- suppressMessages(getExportedValue("MuMIn", "dredge")(fit))
  best <- getExportedValue("MuMIn", "get.models")(table, 1)[[1]]
  expect_identical(component(best, "structure"), component(fit, "structure"))
  expect_identical(names(component(best, "theta")), names(component(fit, "theta")))
  expect_error(getExportedValue("MuMIn", "dredge")(
    gee(seizures ~ treatment, epilepsy, id = subject, family = poisson())
  ), "Estimating equations have no likelihood")
})

test_that("fits go through files and other processes", {
  fit <- result_fit("infection")
  file <- tempfile(fileext = ".rds")
  on.exit(unlink(file))
  saveRDS(fit, file)
  expect_identical(summary(readRDS(file))$coefficients, summary(fit)$coefficients)
  skip_on_os("windows")
  found <- parallel::mclapply(1:2, function(i) coef(update(fit, nAGQ = 7)), mc.cores = 2)
  expect_equal(found[[2]], coef(update(fit, nAGQ = 7)))
})

test_that("gtsummary has rows of coefficients, and says whose ratios they are", {
  skip_if_not_installed("gtsummary")
  skip_if_not_installed("broom.helpers")
  shown <- function(fit, ...) {
    table <- getExportedValue("gtsummary", "tbl_regression")(fit, ...)
    header <- table$table_styling$header
    list(rows = table$table_body$term, header = header$label[header$column == "estimate"])
  }
  fit <- result_fit("infection")
  ratios <- shown(fit, exponentiate = TRUE)
  expect_identical(ratios$header, "**Conditional odds ratio**")
  expect_false(any(grepl("sd__", ratios$rows)))
  expect_identical(shown(fit)$header, "**Beta**")
  marginal <- gee(seizures ~ treatment, epilepsy, id = subject, family = poisson())
  expect_identical(shown(marginal, exponentiate = TRUE)$header, "**Marginal rate ratio**")
})
