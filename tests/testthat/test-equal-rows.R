# A fit to the distinct rows against the same fit to all of them.

counts <- local({
  set.seed(11)
  d <- data.frame(g = rep(1:25, each = 40), x = rbinom(1000, 1, 0.5), h = rep(1:20, 50))
  d$sub <- paste(d$g, d$h %% 3)
  d$z <- rbinom(1000, 2, 0.4)
  d$o <- round(runif(1000), 1)
  d$w <- sample(1:3, 1000, TRUE)
  eta <- -0.5 + 0.6 * d$x + 0.3 * d$z + rnorm(25)[d$g]
  d$y <- rbinom(1000, 1, plogis(eta))
  d$n <- sample(1:4, 1000, TRUE)
  d$s <- rbinom(1000, d$n, plogis(eta))
  d$k <- rpois(1000, exp(0.5 + 0.5 * eta))
  d[sample(1000), ]
})

# To the end of the search, where rounding alone tells the two fits apart.
fit_both <- function(...) {
  lapply(c(collapsed = TRUE, single = FALSE), function(collapse) {
    glmm(..., data = counts, control = glmm_control(collapse = collapse, tolerance = 1e-18))
  })
}

expect_same_fit <- function(fits, tolerance = 1e-10) {
  expect_lt(fits$collapsed$patterns, 0.95 * nrow(counts))
  expect_null(fits$single$patterns)
  same <- function(f) expect_equal(f(fits$collapsed), f(fits$single), tolerance = tolerance)
  for (f in list(
    logLik, AIC, coef, residuals, fitted, ranef, nobs, df.residual,
    function(fit) sqrt(diag(vcov(fit))), function(fit) sqrt(diag(vcov(fit, full = TRUE)))
  )) same(f)
}

test_that("binomial rows are sums of successes and trials", {
  fits <- fit_both(y ~ x + z + (1 | g), family = binomial(), nAGQ = 9)
  expect_same_fit(fits)
  expect_equal(
    vcov(fits$collapsed, type = "robust"), vcov(fits$single, type = "robust"), tolerance = 1e-10
  )
  slopes <- cbind(s, n - s) ~ x + z + (x | g)
  expect_same_fit(fit_both(slopes, family = binomial("probit"), nAGQ = 5))
  expect_same_fit(fit_both(y ~ x + z + (1 | g), family = binomial(), weights = counts$w, nAGQ = 9))
})

test_that("exposures of Poisson rows add up under a log link only", {
  fits <- fit_both(k ~ x + z + offset(o) + (1 | g), family = poisson(), nAGQ = 9)
  expect_same_fit(fits)
  distinct <- nrow(unique(counts[c("g", "x", "z")]))
  expect_identical(fits$collapsed$patterns, distinct)
  suppressWarnings(suppressMessages(
    fits <- fit_both(k ~ x + z + offset(o / 10) + (1 | g), family = poisson("sqrt"), nAGQ = 1)
  ))
  expect_same_fit(fits, 1e-8)
  expect_identical(fits$collapsed$patterns, nrow(unique(counts[c("g", "x", "z", "o")])))
})

test_that("negative and beta binomial rows are counted where responses are equal, too", {
  expect_same_fit(fit_both(k ~ x + (1 | g), family = nbinom2(), weights = counts$w, nAGQ = 5), 1e-8)
  expect_same_fit(fit_both(cbind(s, n - s) ~ x + (1 | g), family = betabinomial(), nAGQ = 5), 1e-8)
})

test_that("several factors, the bridge and restricted likelihoods collapse", {
  expect_same_fit(fit_both(y ~ x + z + (1 | g / sub), family = binomial(), nAGQ = 5), 1e-8)
  suppressMessages(fits <- fit_both(y ~ x + (1 | g) + (1 | h), family = binomial()))
  expect_equal(logLik(fits$collapsed), logLik(fits$single), tolerance = 1e-10)
  expect_equal(ranef(fits$collapsed), ranef(fits$single), tolerance = 1e-7)
  fits <- fit_both(y ~ x + (1 | g), family = binomial(), random_distribution = "bridge")
  expect_equal(logLik(fits$collapsed), logLik(fits$single), tolerance = 1e-10)
  fits <- fit_both(y ~ x + (1 | g), family = binomial(), REML = TRUE, nAGQ = 5)
  expect_equal(logLik(fits$collapsed), logLik(fits$single), tolerance = 1e-10)
})

test_that("what does not collapse is left as it is", {
  collapse <- glmm_control(collapse = TRUE)
  expect_null(glmm(o ~ x + (1 | g), counts, control = collapse)$patterns)
  counts$w[1] <- 0
  expect_null(suppressMessages(
    glmm(k ~ x + (1 | g), counts, poisson(), weights = w, control = collapse)
  )$patterns)
  counts$x <- rnorm(1000)
  expect_null(glmm(y ~ x + (1 | g), counts, binomial(), control = collapse)$patterns)
})

test_that("\"auto\" asks a sample of many rows", {
  expect_null(glmm(y ~ x + (1 | g), counts, binomial(), nAGQ = 1)$patterns)
  many <- counts[rep(1:1000, 11), ]
  fit <- glmm(y ~ x + (1 | g), many, binomial(), nAGQ = 1)
  expect_identical(fit$patterns, nrow(unique(counts[c("g", "x")])))
  expect_output(print(fit), "11,000 rows (50 distinct) in 25 clusters", fixed = TRUE)
  many$x <- rnorm(11000)
  expect_null(glmm(y ~ x + (1 | g), many, binomial(), nAGQ = 1)$patterns)
})

test_that("`collapse` is checked", {
  expect_error(glmm_control(collapse = "yes"), class = "margmix_error_control")
})

test_that("the constant of fractional Poisson counts below 1 is kept", {
  d <- transform(counts, k = k + 0.5)
  fit <- suppressWarnings(glmm(k ~ 1 + (1 | g), d, poisson(), nAGQ = 1))
  eta <- fit$start_glm$beta
  expect_equal(
    fit$start_glm$value, sum(d$k * eta - exp(eta) - lgamma(d$k + 1)), tolerance = 1e-10
  )
})
