# Correlations at the ends of their range, or of which the data say nothing; models without
# coefficients.

visits <- function(m = 30) {
  set.seed(1)
  d <- data.frame(id = rep(seq_len(m), each = 4), t = rep(1:4, m), x = rnorm(4 * m))
  d$y <- d$x + rnorm(m)[d$id] + rnorm(4 * m)
  d$late <- d$t * 1.37 + runif(4 * m) * 0.3
  # negative within clusters
  d$apart <- d$x + rnorm(4 * m)
  d$apart <- d$apart - 0.9 * ave(d$apart, d$id)
  d
}

moments <- function(fit) summary(fit)$correlation

test_that("exponential decay that does not decay is exchangeable", {
  expect_snapshot(fit <- gee(y ~ x, visits(), id, t, corstr = "decay"))
  same <- gee(y ~ x, visits(), id, t, corstr = "exchangeable")
  expect_equal(unname(fit$alpha), c(same$alpha[["alpha"]], 1), tolerance = 1e-8)
  expect_equal(coef(fit), coef(same), tolerance = 1e-8)
  expect_equal(moments(fit)$std.error, c(moments(same)$std.error, NA), tolerance = 1e-4)
})

test_that("a negative correlation is 0 where its structure has no negative ones", {
  expect_snapshot(fit <- gee(apart ~ x, visits(), id, late, corstr = "ar1"))
  expect_equal(coef(fit), coef(lm(apart ~ x, visits())), tolerance = 1e-6)
  expect_identical(unlist(moments(fit)), c(estimate = 0, std.error = NA))
  # lags of 1 can have a negative correlation
  expect_lt(gee(apart ~ x, visits(), id, t, corstr = "ar1")$alpha, -0.1)
  control <- gee_control("sas")
  expect_snapshot(fit <- gee(apart ~ x, visits(), id, t, corstr = "decay", control = control))
  expect_identical(moments(fit)$estimate, c(0, NA))
  expect_identical(moments(fit)$std.error, c(NA_real_, NA))
})

test_that("a correlation that no two rows have is NA, and said so", {
  alone <- transform(visits(), id = seq_len(120))
  expect_snapshot(fit <- gee(y ~ x, alone, id, corstr = "exchangeable"))
  expect_identical(unname(unlist(moments(fit))), c(NA_real_, NA))
  expect_equal(coef(fit), coef(lm(y ~ x, alone)))
  # visit 2 and 3 are never made by the same id
  d <- visits()
  d <- d[!(d$t == 2 & d$id <= 15 | d$t == 3 & d$id > 15), ]
  expect_snapshot(fit <- gee(y ~ x, d, id, t, corstr = "unstructured"))
  expect_identical(names(which(is.na(fit$alpha))), "2:3")
  expect_output(print(summary(fit)), "2:3")
  # beyond m it is zero by assumption, not unknown
  fit <- suppressWarnings(
    gee(y ~ x, visits(), id, t, corstr = cor_mdependent(2, stationary = FALSE))
  )
  expect_identical(fit$alpha[["1:4"]], 0)
})

test_that("lags are those that occur, however far apart", {
  far <- transform(visits(), t = c(1, 2, 1e6, 1e6 + 1)[t])
  fit <- gee(y ~ x, far, id, t, corstr = "toeplitz")
  expect_identical(names(fit$alpha), paste("lag", c("1", "999998", "999999", "1000000")))
  expect_true(all(moments(fit)$std.error > 0))
  R <- diag(4)
  R[1, 2:4] <- fit$alpha[c(1, 3, 4)]
  R[2, 3:4] <- fit$alpha[c(2, 3)]
  R[3, 4] <- fit$alpha[1]
  R <- R + t(R) - diag(4)
  dense <- gee(y ~ x, far, id, t, corstr = cor_fixed(R))
  expect_equal(coef(dense), coef(fit), tolerance = 1e-6)
  # m is more than there is
  fit <- gee(y ~ x, visits(), id, t, corstr = cor_mdependent(1e9))
  toeplitz <- gee(y ~ x, visits(), id, t, corstr = "toeplitz")
  expect_equal(fit$alpha, toeplitz$alpha, tolerance = 1e-7)
  times <- data.frame(id = rep(1:2, 600), t = runif(1200), y = rnorm(1200))
  expect_snapshot(gee(y ~ t, times, id, t, corstr = "unstructured"), error = TRUE)
})

test_that("several correlations with few pairs are all named", {
  set.seed(12)
  d <- data.frame(id = rep(1:12, each = 4), t = rep(1:4, 12), x = rnorm(48))
  d <- d[!(d$t > 2 & d$id > 3), ]
  d$y <- rnorm(nrow(d))
  expect_snapshot(invisible(gee(y ~ x + t, d, id, t, corstr = "unstructured")))
})

test_that("a model without coefficients has empty results", {
  fit <- gee(y ~ 0, visits(), id, corstr = "exchangeable")
  expect_output(print(summary(fit)), "no fixed effects")
  for (type in gee_vcov_types) expect_identical(dim(vcov(fit, type)), c(0L, 0L))
  expect_identical(nrow(influence(fit)), 30L)
  expect_identical(qic(fit)$CIC, 0)
  expect_identical(nrow(tidy(fit)), 0L)
  expect_identical(unname(predict(fit, visits()[1:2, ], se.fit = TRUE)$se.fit), c(0, 0))
})

test_that("specifications are checked", {
  expect_snapshot(error = TRUE, cor_mdependent(2, stationary = NA))
  expect_snapshot(error = TRUE, cor_fixed(matrix(c(1, Inf, Inf, 1), 2)))
  R <- 0.5^abs(outer(1:4, 1:4, "-"))
  R[1, 4] <- R[4, 1] <- 0
  named <- function(rows, columns) cor_fixed(structure(R, dimnames = list(rows, columns)))
  expect_snapshot(error = TRUE, named(1:4, 4:1))
  expect_snapshot(error = TRUE, named(c(1, 1, 2, 3), NULL))
  # names of columns alone are names, too
  order <- c(3, 1, 4, 2)
  there <- cor_fixed(structure(R[order, order], dimnames = list(NULL, order)))
  expect_equal(
    coef(gee(y ~ x, visits(), id, t, corstr = there)),
    coef(gee(y ~ x, visits(), id, t, corstr = cor_fixed(R))), tolerance = 1e-10
  )
  expect_identical(as_correlation("ind")$type, "independence")
  expect_equal(
    coef(gee(y ~ x, visits(), id, as.POSIXlt(as.POSIXct("2024-01-01", "UTC") + 86400 * late),
      corstr = "ar1")),
    coef(gee(y ~ x, visits(), id, late, corstr = "ar1")), tolerance = 1e-6
  )
})

test_that("a model that fits every row exactly has no scale", {
  d <- data.frame(id = rep(1:3, 2), x = c(0.1, 0.4, 0.8, 0.3, 0.9, 0.5))
  expect_snapshot(error = TRUE, gee(I(1 + 2 * x) ~ x, d, id))
  few <- data.frame(id = 1:4, x = c(1, 2, 4, 8), y = c(3, 1, 4, 1))
  expect_error(gee(y ~ poly(x, 3), few, id, family = quasipoisson("sqrt")),
    class = "margmix_error_gee_failed"
  )
  fit <- gee(y ~ poly(x, 3), few, id, family = poisson(), scale = 1)
  expect_equal(unname(fitted(fit)), few$y, tolerance = 1e-6)
})

test_that("qic() of a nearly singular fit is a number", {
  # the mean runs to the end of its range: B has eigenvalues of very different size
  set.seed(76)
  d <- data.frame(id = rep(1:10, each = 3), x = rnorm(30))
  d$y <- rbinom(30, 1, 0.1)
  d$y[d$x > 0] <- 0
  fit <- suppressWarnings(gee(y ~ x, d, id, family = binomial("probit"), scale = 1))
  expect_true(is.finite(qic(fit)$QICu))
})

test_that("a correlation of nearly 1 is kept below it", {
  d <- data.frame(id = rep(1:20, each = 4), t = rep(1:4, 20))
  set.seed(4)
  d$y <- rep(rnorm(20), each = 4)
  expect_snapshot(fit <- gee(y ~ 1, d, id, t, corstr = "ar1"))
  expect_equal(fit$alpha[["rho"]], 0.999, tolerance = 1e-9)
})

test_that("exponential decay converges where its moments chase each other", {
  for (seed in c(14, 17, 28, 85)) {
    set.seed(seed)
    d <- data.frame(id = rep(1:8, each = 5), t = rep(c(1, 2, 4, 7, 8), 8), x = rnorm(40))
    d$y <- rbinom(40, 1, plogis(0.5 * d$x + rnorm(8)[d$id]))
    fit <- suppressMessages(suppressWarnings(
      gee(y ~ x, d, id, t, family = binomial(), corstr = "decay", control = gee_control("sas"))
    ))
    expect_true(fit$convergence$converged)
    expect_lt(fit$convergence$iterations, 40)
  }
})
