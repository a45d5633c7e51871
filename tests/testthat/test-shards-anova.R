# Comparisons of fits to the same shards are those of the fits in memory.

shard_models <- function(data) {
  fit <- function(...) quietly(glmm(..., data = data, family = binomial(), control = exactly()))
  list(
    slope = fit(bin ~ x + f + (x | g), nAGQ = 3), no_f = fit(bin ~ x + (x | g), nAGQ = 5),
    intercept = fit(bin ~ x + (1 | g), nAGQ = 5)
  )
}

test_that("likelihood ratio tests, profiles and dropped terms are those of all rows", {
  there <- shard_models(in_shards(shard_sample, "g"))
  here <- shard_models(shard_sample)
  expect_equal(do.call(anova, there), do.call(anova, here), tolerance = 1e-9)
  expect_equal(AIC(there$slope), AIC(here$slope), tolerance = 1e-10)
  expect_equal(BIC(there$slope), BIC(here$slope), tolerance = 1e-10)
  tables <- lapply(list(there, here), function(fits) drop1(fits$intercept, test = "Chisq"))
  expect_equal(tables[[1L]], tables[[2L]], tolerance = 1e-9)
  limits <- lapply(list(there, here), function(fits) confint(fits$intercept, method = "profile"))
  expect_equal(limits[[1L]], limits[[2L]], tolerance = 1e-7)
})

test_that("restricted likelihoods compare where fixed effects are the same", {
  tables <- lapply(list(in_shards(shard_sample, "g"), shard_sample), function(data) {
    fit <- function(formula) quietly(glmm(formula, data, REML = TRUE, control = exactly()))
    expect_error(
      anova(fit(y ~ x + (1 | g)), fit(y ~ f + (1 | g))), class = "margmix_error_anova_restricted"
    )
    anova(small = fit(y ~ x + (1 | g)), large = fit(y ~ x + (x | g)))
  })
  expect_equal(tables[[1L]], tables[[2L]], tolerance = 1e-9)
})

test_that("fits that do not compare are refused as in memory", {
  d <- shard_sample
  s <- in_shards(d, "g")
  fit <- function(formula, data = s, ...) glmm(formula, data, binomial(), ...)
  x <- fit(bin ~ x + (1 | g))
  refused <- function(cause, ...) {
    expect_error(anova(x, ...), class = paste0("margmix_error_", cause))
  }
  refused("anova_nested", fit(bin ~ f + (1 | g)))
  last <- nrow(d)
  other <- d
  other$bin[last] <- 1 - other$bin[last] # one response of one row
  refused("anova_rows", fit(bin ~ x + f + (1 | g), in_shards(other, "g")))
  refused("anova_rows", fit(bin ~ x + f + (1 | g), subset = x > -1))
  refused("shards", fit(bin ~ x + f + (1 | g), in_shards(d, "g", 4)))
  refused("shards", fit(bin ~ x + f + (1 | g), d))
  refused("shards", glm(bin ~ 1, binomial(), d))
  refused("shards", fit(bin ~ x + f + (1 | g)), nsim = 2)
})
