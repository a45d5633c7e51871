# Standardized means, and covariances that correct the scores of clusters, of fits to shards are
# those of the fits in memory.

two_fits <- function(formula, family, nAGQ = 1) {
  d <- transform(
    shard_sample,
    site = factor(c("u", "v")[1 + g %% 2]), flag = x > 0, dose = exp(x), w = t
  )
  lapply(list(shards = in_shards(d, "g"), memory = d), function(data) {
    quietly(do.call(
      glmm, list(formula, data, family = family, nAGQ = nAGQ, control = exactly())
    ))
  })
}

expect_same_means <- function(fits, ...) {
  found <- lapply(fits, function(fit) quietly(marginal_standardization(fit, ...)))
  same <- c(
    "means", "contrasts", "vcov_means", "vcov_contrasts", "vcov_means_fixed", "levels", "rows",
    "clusters", "notes", "basis", "by", "sets"
  )
  for (name in same) {
    expect_equal(found$shards[[name]], found$memory[[name]], tolerance = 1e-10, label = name)
  }
}

test_that("every covariance, estimand, weight and subgroup", {
  fits <- two_fits(bin ~ x + f + (x | g), binomial(), 3)
  same <- function(...) expect_same_means(fits, "f", ...)
  for (type in c("KC", "MD", "FG", "robust", "model")) same(vcov = type)
  same(vcov = vcov(fits$memory, full = TRUE))
  same(estimand = "ATT")
  same(estimand = "ATU", reference = "b")
  same(by = "site")
  same(by = c("site", "flag"), average = "cluster")
  same(weights = "w")
  same(covariates = "fixed", df = 5)
  same(random_effects = "zero")
  expect_same_means(fits, "x", values = c(-9, 1))
})

test_that("variables inside calls, offsets, flags and several exposures", {
  fits <- two_fits(count ~ flag * log(dose) + offset(log(t)) + (1 | g), poisson(), 5)
  expect_same_means(fits, "flag")
  expect_same_means(fits, "dose", values = 1:2)
  # the ratio is 2, whatever the estimates: its variance is 0 up to rounding
  expect_same_means(fits, "t", values = 1:2, contrast = "difference")
  expect_same_means(fits, values = data.frame(flag = c(TRUE, FALSE), dose = 1:2))
  expect_same_means(two_fits(y ~ x + f + (1 | g), gaussian()), "f")
  expect_same_means(two_fits(cbind(k, n - k) ~ site + (1 | g), binomial(), 5), "site")
})

test_that("corrected sandwiches and their degrees of freedom", {
  fits <- two_fits(bin ~ x + f + (x | g), binomial(), 3)
  tables <- lapply(fits, function(fit) summary(fit, vcov = "KC")$coefficients)
  expect_equal(tables$shards, tables$memory, tolerance = 1e-9)
  for (type in c("KC", "robust")) {
    V <- lapply(fits, vcov, type)
    expect_equal(V$shards, V$memory, tolerance = 1e-10)
  }
  # leverage of a cluster is named as in memory
  d <- transform(shard_sample, alone = as.numeric(g == 7) * x)
  warned <- lapply(list(in_shards(d, "g"), d), function(data) {
    fit <- quietly(do.call(glmm, list(y ~ alone + (1 | g), data)))
    expect_warning(vcov <- summary(fit, vcov = "KC"), class = "margmix_warning_leverage")
    vcov$notes[["leverage"]]
  })
  expect_identical(warned[[1L]], warned[[2L]])
})

test_that("what standardization can't do with shards is refused, and errors are those of memory", {
  fits <- two_fits(bin ~ x + f + (1 | g), binomial(), 3)
  refused <- function(..., cause = "shards") {
    expect_error(
      marginal_standardization(fits$shards, ...), class = paste0("margmix_error_", cause)
    )
  }
  refused("f", random_effects = "eb")
  refused("f", newdata = shard_sample[1:9, ])
  refused("f", randomized = TRUE)
  refused("f", weights = shard_sample$t)
  refused("x", cause = "values")
  refused("nothing", cause = "exposure")
  refused("f", by = "nothing", cause = "by")
  refused("f", weights = "nothing", cause = "weights")
})
