# The exact conditional likelihood of matched sets: against package survival and by enumeration.

test_that("estimates, covariance and likelihood are those of survival::clogit()", {
  skip_if_not_installed("survival")
  tight <- survival::coxph.control(eps = 1e-14, toler.chol = 1e-15, iter.max = 50)
  # clogit() looks for these where it is called
  strata <- survival::strata
  coxph <- survival::coxph
  Surv <- survival::Surv
  expect_clogit <- function(fit, peer) {
    known <- !is.na(coef(fit))
    expect_identical(is.na(coef(peer)[names(coef(fit))]), !known, ignore_attr = TRUE)
    expect_equal(coef(fit)[known], coef(peer)[names(which(known))], tolerance = 1e-8)
    expect_equal(vcov(fit), vcov(peer)[names(which(known)), names(which(known))], tolerance = 1e-8)
    expect_equal(c(logLik(fit)), peer$loglik[2L], tolerance = 1e-10)
  }
  expect_clogit(
    conditional_logistic(case ~ spontaneous + induced, infert, id = stratum),
    survival::clogit(case ~ spontaneous + induced + strata(stratum), infert, control = tight)
  )
  # many successes in a cluster, a covariate that cancels, an interaction with it
  d <- transform(toenail, treated = treatment == "terbinafine")
  expect_clogit(
    conditional_logistic(gee(severe ~ treated * month, d, id = patient, family = binomial())),
    quietly(suppressWarnings(survival::clogit(severe ~ treated * month + strata(patient), d,
      method = "exact", control = tight
    )))
  )
})

test_that("rows of several trials, offsets and any order of rows count as single rows do", {
  single <- transform(respiratory, z = cos(seq_along(patient)))
  fit <- conditional_logistic(outcome ~ visit + z + offset(z / 3), single, id = center)
  shuffled <- single[order(sin(seq_len(nrow(single)))), ]
  again <- conditional_logistic(outcome ~ visit + z + offset(z / 3), shuffled, id = center)
  expect_equal(coef(again), coef(fit), tolerance = 1e-9)
  grouped <- aggregate(cbind(events = outcome, n = 1) ~ visit + center + sex, respiratory, sum)
  counted <- conditional_logistic(cbind(events, n - events) ~ visit + sex, grouped, id = center)
  rows <- conditional_logistic(outcome ~ visit + sex, respiratory, id = center)
  expect_equal(coef(counted), coef(rows), tolerance = 1e-9)
  expect_equal(vcov(counted), vcov(rows), tolerance = 1e-9)
})

test_that("the likelihood is that of all sets of successes", {
  d <- data.frame(id = rep(1:3, c(5, 4, 6)))
  d$x <- sin(seq_len(15))
  d$y <- c(1, 0, 1, 0, 0, 1, 0, 0, 1, 0, 1, 1, 1, 0, 1)
  fit <- conditional_logistic(y ~ x, d, id = id)
  log_likelihood <- function(beta) {
    sum(vapply(split(d, d$id), function(own) {
      sets <- utils::combn(own$x, sum(own$y), sum)
      beta * sum(own$x[own$y == 1]) - log(sum(exp(beta * sets)))
    }, 0))
  }
  best <- optimize(log_likelihood, c(-10, 10), maximum = TRUE, tol = 1e-9)
  expect_equal(coef(fit)[["x"]], best$maximum, tolerance = 1e-6)
  expect_equal(c(logLik(fit)), best$objective, tolerance = 1e-10)
  expect_equal(1 / vcov(fit)[1L],
    -numDeriv::hessian(log_likelihood, coef(fit)[["x"]])[1L], tolerance = 1e-6
  )
})

test_that("methods agree, and the mixed model stands beside", {
  fit <- glmm(resp ~ age + smoke + (1 | id), ohio, binomial(), nAGQ = 7)
  found <- conditional_logistic(fit)
  expect_equal(found$beside, fit$beta[c("age", "smoke")])
  expect_equal(confint(found)[1L, ],
    coef(found)[["age"]] + c(-1, 1) * qnorm(0.975) * sqrt(vcov(found)[1L]), ignore_attr = TRUE
  )
  expect_identical(tidy(found)$term, c("age", "smoke"))
  expect_identical(attr(logLik(found), "df"), 1L)
  narrow <- confint(found, level = 0.9)
  expect_equal(confint(found, "age", level = 0.9), narrow["age", , drop = FALSE])
  expect_snapshot(found)
})

test_that("what can't be conditioned on is refused", {
  d <- transform(respiratory, w = rep(1:2, length.out = nrow(respiratory)))
  apart <- data.frame(id = rep(1:4, each = 4), x = rep(1:4, 4) + 0.1, y = rep(c(0, 0, 1, 1), 4))
  expect_snapshot(error = TRUE, {
    conditional_logistic(lm(age ~ visit, d))
    conditional_logistic(gee(age ~ visit, d, id = patient))
    conditional_logistic(quietly(
      glmm(outcome ~ visit + (1 | patient) + (1 | visit), d, binomial(), nAGQ = 1)
    ))
    conditional_logistic(outcome ~ age, d, id = patient)
    conditional_logistic(outcome ~ visit + (1 | patient), d)
    conditional_logistic(quietly(glmm(outcome ~ visit + (1 | patient), d, binomial(),
      nAGQ = 1, weights = w, control = glmm_control(weights_type = "frequency")
    )))
    conditional_logistic(y ~ x, subset(apart, y == 1), id = id)
    conditional_logistic(y ~ x, apart, id = id)
  })
  huge <- data.frame(id = c(1, 1, 2, 2), x = c(0, 1, 0, 1), y = c(3, 4, 5, 6) * 1e4, n = 1e5)
  expect_error(conditional_logistic(cbind(y, n - y) ~ x, huge, id = id), "too many trials",
    class = "margmix_error_conditional"
  )
})
