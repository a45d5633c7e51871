# Input of what is asked of trials and simulations that can't be what it is: each error has a class
# and says what must hold, and nothing that is wrong passes in silence.

trial_of <- function(arms = 2L, m = 24L) {
  set.seed(1)
  d <- data.frame(id = rep(seq_len(m), sample(4:9, m, TRUE)))
  d$arm <- letters[d$id %% arms + 1L]
  d$x <- round(rnorm(nrow(d)), 2)
  d$z <- rbinom(nrow(d), 1, 0.5)
  d$y <- rbinom(nrow(d), 1, plogis(-0.3 + d$x + rnorm(m)[d$id]))
  d
}

trial_fit <- function(formula, data) quietly(glmm(formula, data, binomial(), nAGQ = 5))

standardized <- function(...) quietly(marginal_standardization(...))

fails <- function(class, pattern, expr) {
  expect_error(expr, pattern, class = paste0("margmix_error_", class))
}

test_that("arms: probabilities, clusters of each, and exposures that vary", {
  three <- trial_of(3L)
  fit <- trial_fit(y ~ arm + x + (1 | id), three)
  expect_identical(standardized(fit, "arm", randomized = TRUE)$means$level, letters[1:3])
  for (p in list(c(0.5, 0.5), c(0.3, 0.3, 0.3), c(0, 0.5, 0.5), c(1, 0, 0), c(NA, 0.5, 0.5))) {
    fails("randomized", "with a sum of\\s+1", standardized(fit, "arm", randomized = p))
  }
  expect_length(standardized(fit, "arm", randomized = c(0.3, 0.3, 0.4))$means$estimate, 3L)
  # two of three arms
  two <- standardized(fit, "arm", values = c("a", "b"), randomized = c(0.3, 0.3))
  expect_length(two$means$estimate, 2L)
  fails("randomized", "must be TRUE", standardized(fit, "arm", randomized = FALSE))
  fails("randomized", "must be TRUE", standardized(fit, "arm", randomized = NA))
  one <- trial_of()
  one <- one[one$arm == "a" | one$id == 1, ]
  fails("randomized", "two clusters or more",
    standardized(trial_fit(y ~ arm + x + (1 | id), one), "arm", randomized = TRUE)
  )
  within <- trial_fit(y ~ z + x + (1 | id), trial_of())
  fails("randomized", "constant in each", standardized(within, "z", randomized = "clusters"))
  single <- data.frame(id = 1:60, arm = rep(0:1, 30), y = rep(c(0, 1, 1), 20))
  marginal <- gee(y ~ arm, single, id, family = binomial())
  share <- tapply(single$y, single$arm, mean)
  for (average in c("individual", "cluster")) {
    found <- standardized(marginal, "arm", randomized = TRUE, average = average)
    expect_equal(found$means$estimate, as.vector(share), tolerance = 1e-8)
  }
})

test_that("a stepped wedge without `period` is pointed to it", {
  set.seed(2)
  d <- expand.grid(row = 1:5, period = 1:4, id = 1:12)
  d$treat <- as.integer(d$period > d$id %% 3 + 1)
  d$period <- factor(d$period)
  d$y <- rbinom(nrow(d), 1, 0.4)
  fit <- quietly(glmm(y ~ treat + period + (1 | id), d, binomial(), nAGQ = 5))
  expect_message(marginal_standardization(fit, "treat", randomized = TRUE), "period = \"period\"",
    class = "margmix_note_randomized"
  )
  expect_no_message(marginal_standardization(fit, "treat", randomized = "individuals"))
  d$z <- rbinom(nrow(d), 1, 0.5)
  within <- trial_fit(y ~ z + period + (1 | id), d)
  expect_no_message(marginal_standardization(within, "z", randomized = TRUE))
  fails("period", "name of a variable",
    standardized(fit, "treat", randomized = TRUE, period = "when")
  )
  # fitted in a function whose data is not there any more: the name is that of a function of utils
  gone <- trial_fit(y ~ treat + period + (1 | id), d)
  fails("data_changed", "`data` is of class\\s+function",
    standardized(gone, "treat", randomized = TRUE, period = "when")
  )
  ends <- d[d$period %in% c(1, 4), ]
  at_ends <- quietly(glmm(y ~ treat + (1 | id), ends, binomial(), nAGQ = 5))
  fails("period", "no period in which two",
    standardized(at_ends, "treat", randomized = TRUE, period = "period")
  )
  treated <- trial_fit(y ~ treat + period + (1 | id), d[d$treat == 1, ])
  fails("values", "two or more", standardized(treated, "treat", randomized = TRUE))
})

test_that("propensities near 0 or 1 are told", {
  d <- trial_of()
  d$w <- as.integer(d$x > 0)
  fit <- trial_fit(y ~ w + x + (1 | id), d)
  separated <- quietly(gee(w ~ x, d, id, family = binomial(), bias_reduce = TRUE))
  expect_warning(marginal_standardization(fit, "w", propensity = separated),
    "chance of the other setting", class = "margmix_warning_propensity"
  )
  even <- gee(z ~ x, d, id, family = binomial())
  expect_no_warning(marginal_standardization(
    trial_fit(y ~ z + x + (1 | id), d), "z", propensity = even
  ))
  fails("propensity", "must be a fit", standardized(fit, "w", propensity = TRUE))
  fails("propensity", "must be the exposure", standardized(fit, "w", propensity = even))
})

test_that("bootstraps: their number, seed and workers", {
  fit <- trial_fit(y ~ arm + (1 | id), trial_of())
  for (B in list(0, 1, -3, NA, NULL, "a", 1.5, Inf, c(5, 6), TRUE, 1e9)) {
    fails("argument", "`B` must be a whole number, 2 to 1,000,000", bootstrap(fit, B))
  }
  for (seed in list(NA, "a", 1.5, c(1, 2), 1e10)) {
    fails("argument", "`seed` must be", bootstrap(fit, 5, seed = seed))
    fails("argument", "`seed` must be", diagnose_distribution(fit, 2, seed = seed))
  }
  for (cl in list(2, "a", list())) fails("argument", "`cl` must be", bootstrap(fit, 3, cl = cl))
  stopped <- parallel::makeCluster(1L)
  parallel::stopCluster(stopped)
  fails("argument", "`cl` must be", bootstrap(fit, 3, cl = stopped))
  fails("argument", "`nsim`", diagnose_distribution(fit, 1e9))
})

test_that("penalties and distributions that there are not", {
  d <- trial_of()
  for (penalty in list("hard", 1, NA, TRUE, c("soft", "soft"), "")) {
    fails("penalty", "must be NULL or \"soft\"", glmm(y ~ arm + (1 | id), d, binomial(),
      penalty = penalty
    ))
  }
  marginal <- gee(y ~ arm, d, id, family = binomial())
  fails("argument", "must be a fit of glmm", compare_distributions(marginal))
  fails("argument", "must be a fit of glmm", mass_points(marginal))
  fails("argument", "must be a fit of glmm", diagnose_distribution(marginal))
})

test_that("responses of new clusters of another type", {
  d <- trial_of()
  fit <- trial_fit(y ~ arm + (1 | id), d)
  new <- data.frame(id = "new", arm = "a", y = 0:1)
  named <- trial_fit(y ~ arm + (1 | id), transform(d, y = factor(y, 0:1, c("no", "yes"))))
  expect_equal(
    unname(as.matrix(ranef(fit, newdata = new)[[1L]])),
    unname(as.matrix(ranef(named, newdata = transform(new, y = c("no", "yes")))[[1L]])),
    tolerance = 1e-8
  )
  of_new <- function(fit, values) {
    new$y <- values
    ranef(fit, newdata = new)
  }
  fails("observed", "of another type", of_new(fit, factor(c("no", "yes"))))
  fails("observed", "levels that it had", of_new(named, c(0, 1)))
  fails("response", "0/1, logical", of_new(fit, c("a", "b")))
  fails("response", "between 0 and 1", of_new(fit, c(2, 0)))
  fails("missing_values", "missing values in `observed`", of_new(fit, c(NA, 1)))
})
