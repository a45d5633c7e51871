# update() of fits that were made in functions

counts_in <- function(data, size) {
  w <- rep(size, nrow(data))
  glmm(cbind(success, n - success) ~ treatment + (1 | clinic), data, binomial(), w, nAGQ = 5)
}

test_that("update() finds the data and weights of a fit made in a function", {
  fit <- counts_in(infection, 2)
  data <- w <- "not these"
  expect_equal(logLik(update(fit, nAGQ = 5)), logLik(fit))
  smaller <- update(fit, . ~ 1 + (1 | clinic))
  expect_named(coef(smaller), "(Intercept)")
  expect_identical(nobs(smaller), nobs(fit))
  rows <- 1:12
  expect_identical(nobs(update(fit, data = infection[rows, ], weights = NULL)), 12L)
  marginal <- (function(d, who) {
    gee(success ~ treatment, d, id = who, family = poisson())
  })(infection, infection$clinic)
  expect_equal(coef(update(marginal, corstr = "independence")), coef(marginal))
})

test_that("new arguments are those of the caller, and a formula may come from elsewhere", {
  fit <- counts_in(infection, 1)
  K <- vapply(c(1, 3), function(K) component(update(fit, nAGQ = K), "rule")$K, 1)
  expect_equal(K, c(1, 3))
  other <- (function(rhs, d) {
    glmm(as.formula(paste("cbind(success, n - success) ~", rhs)), d, binomial(), nAGQ = 5)
  })("treatment + (1 | clinic)", infection)
  expect_equal(logLik(update(other, nAGQ = 5)), logLik(fit))
  expect_identical(update(other, nAGQ = 3, evaluate = FALSE)$nAGQ, 3)
})

test_that("data of the caller replace those of a fit made at top level", {
  local({
    refit <- function(d) update(fit, nAGQ = 3)
    d <- infection
    fit <- eval(
      quote(glmm(cbind(success, n - success) ~ treatment + (1 | clinic), d, binomial())),
      list2env(list(d = d), parent = globalenv())
    )
    fit$formula <- structure(fit$formula, .Environment = globalenv())
    expect_identical(nobs(refit(infection[1:10, ])), 10L)
  })
})

test_that("data that are gone are asked for", {
  formula <- cbind(success, n - success) ~ treatment + (1 | clinic)
  fit <- (function(gone) glmm(formula, gone, binomial(), nAGQ = 5))(infection)
  expect_snapshot(update(fit, nAGQ = 3), error = TRUE)
  expect_snapshot(update(fit, . ~ ., 25), error = TRUE)
})

test_that("columns may come through the dots of another function", {
  forms <- list(outcome ~ treat, outcome ~ treat + sex)
  direct <- gee(outcome ~ treat + sex, respiratory, id = patient, family = binomial())
  fits <- lapply(forms, gee, data = respiratory, id = patient, family = binomial())
  expect_equal(coef(fits[[2]]), coef(direct))
  expect_identical(fits[[2]]$frame$data_name, "respiratory")
  expect_identical(component(fits[[2]], "group"), "patient")
  expect_equal(coef(update(fits[[2]], corstr = "independence")), coef(direct))
  expect_equal(coef(update(fits[[1]], . ~ . + sex)), coef(direct))
  wrapped <- function(formula, d, ...) gee(formula, d, ...)
  expect_equal(
    coef(wrapped(forms[[2]], respiratory, id = ~patient, family = binomial())), coef(direct)
  )
  mixed <- lapply(list(cbind(success, n - success) ~ (1 | clinic)), glmm,
    data = infection, family = binomial(), nAGQ = 3, weights = n, subset = n > 5
  )[[1]]
  expect_equal(unname(weights(mixed)), infection$n[infection$n > 5]^2)
  expect_identical(mixed$call[[1]], quote(glmm))
  # a vector of the caller is no column
  own <- rep(1:37, each = 12)
  expect_identical(nlevels(component(wrapped(forms[[1]], respiratory, id = own), "cluster")), 37L)
})
