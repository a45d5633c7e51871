# What a fit keeps of the function it was made in.

bytes <- function(x) length(serialize(x, NULL))

saved <- function(x) {
  file <- tempfile(fileext = ".rds")
  on.exit(unlink(file))
  saveRDS(x, file)
  readRDS(file)
}

# Each with 10 MB beside it, of which nothing is needed. The promises of byte code differ.
made_in_functions <- function() {
  list(
    mixed = (function() {
      other <- stats::rnorm(1.3e6)
      d <- infection
      glmm(cbind(success, n - success) ~ treatment + (1 | clinic), d, binomial("probit"), nAGQ = 3)
    })(),
    marginal = (function(d, who) {
      other <- stats::rnorm(1.3e6)
      form <- cbind(success, n - success) ~ treatment
      gee(form, d, ~clinic, family = quasibinomial("logit"), weights = who)
    })(infection, rep(1, 16)),
    given = (function() {
      other <- stats::rnorm(1.3e6)
      form <- cbind(success, n - success) ~ treatment + (1 | clinic)
      do.call(glmm, list(form, quote(infection), binomial(), nAGQ = 3))
    })()
  )
}

test_that("a fit does not carry the function it was made in", {
  for (fit in made_in_functions()) {
    expect_lt(bytes(fit), 2e5)
    again <- saved(fit)
    gc()
    expect_identical(predict(again, infection), predict(fit, infection))
    expect_equal(coef(update(again)), coef(fit))
    expect_named(coef(update(again, . ~ . - treatment)), "(Intercept)")
  }
})

test_that("variables and functions that a formula needs are kept", {
  d <- small_data()
  made <- function(d, k) {
    other <- stats::rnorm(1e5)
    square <- function(v) v^2
    shift <- 0.5
    list(
      mixed = glmm(y ~ poly(x, k) + offset(shift * t) + (1 | id), d, nAGQ = 1),
      marginal = gee(y ~ splines::ns(x, k) + square(t), d, id),
      by_name = glmm(b ~ sapply(x, "square") + (1 | id), d, binomial(), nAGQ = 1),
      looked_for = glmm(y ~ I(x * get("shift")) + (1 | id), d)
    )
  }
  fits <- suppressMessages(made(d, 3))
  gc()
  k <- "not this"
  for (fit in fits) {
    again <- saved(fit)
    expect_identical(predict(again, d[1:3, ]), predict(fit, d[1:3, ]))
    expect_equal(unname(predict(again, d[1:3, ])), unname(predict(fit)[1:3]))
    expect_equal(coef(suppressMessages(update(again))), coef(fit))
  }
  expect_lt(bytes(fits$mixed), 2e5)
})

test_that("while the function runs, update() sees what has changed in it", {
  changed <- function(d) {
    k <- 2
    fit <- gee(y ~ poly(x, k), d, id)
    d <- d[d$x > -1, ]
    k <- 1
    m <- 3
    w <- rep(2, nrow(d))
    list(fit, update(fit), update(fit, . ~ poly(x, m)), update(fit, weights = w))
  }
  fits <- changed(small_data())
  expect_length(coef(fits[[1]]), 3L)
  expect_length(coef(fits[[2]]), 2L)
  expect_lt(nobs(fits[[2]]), nobs(fits[[1]]))
  expect_length(coef(fits[[3]]), 4L)
  expect_identical(unname(weights(fits[[4]])), rep(2, nobs(fits[[2]])))
})

test_that("terms are dropped and added by what is known there", {
  select <- function(d) {
    m <- 2
    fit <- glmm(s ~ x + t + (1 | id), d, poisson(), nAGQ = 1)
    list(fit, drop1(fit), add1(fit, ~ . + poly(n, 1) + I(f == "a")), add1(fit, ~ . + I(x^m)))
  }
  found <- suppressMessages(select(small_data()))
  gc()
  expect_equal(suppressMessages(drop1(saved(found[[1]])))$AIC, found[[2]]$AIC)
  expect_identical(rownames(found[[4]]), c("<none>", "I(x^m)"))
  m <- 2
  expect_equal(suppressMessages(add1(saved(found[[1]]), ~ . + I(x^m)))$AIC, found[[4]]$AIC)
})

test_that("a formula of the top level keeps its environment", {
  form <- structure(y ~ x + (1 | id), .Environment = globalenv())
  fit <- suppressMessages(glmm(form, small_data()))
  expect_identical(environment(formula(fit)), globalenv())
  expect_identical(fit$family$linkinv(0.3), gaussian()$linkinv(0.3))
})
