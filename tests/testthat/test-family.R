test_that("families are read as glm() reads them", {
  expect_identical(as_family(binomial)$link, "logit")
  expect_identical(as_family("poisson")$family, "poisson")
  expect_identical(as_family(binomial("cloglog"))$link, "cloglog")
  mine <- function() poisson("sqrt")
  expect_identical(as_family("mine")$link, "sqrt")
  binomial_links <- c("logit", "probit", "cloglog", "cauchit", "log")
  for (link in binomial_links) expect_silent(as_family(binomial(link)))
  for (link in c("log", "sqrt", "identity")) expect_silent(as_family(poisson(link)))
  for (link in c("log", "identity")) expect_silent(as_family(gaussian(link)))
})

test_that("other families are refused", {
  expect_snapshot(error = TRUE, {
    as_family(Gamma("sqrt"))
    as_family(gaussian("inverse"))
    as_family(quasibinomial())
    as_family(structure(list(family = "Negative Binomial(2)", link = "log"), class = "family"))
    as_family("binomail")
    as_family(3)
  })
})

test_that("distribution functions bracket the response", {
  p <- family_tools(binomial())$cdf(c(0, 2), c(0.3, 0.5), c(4, 4))
  expect_equal(p$lower, c(0, pbinom(1, 4, 0.5)))
  expect_equal(p$upper, c(0.7^4, pbinom(2, 4, 0.5)))
  expect_equal(family_tools(poisson())$cdf(1, 2), list(lower = exp(-2), upper = 3 * exp(-2)))
  p <- family_tools(gaussian())$cdf(1, 0, phi = 4, weights = 4)
  expect_equal(p, list(lower = pnorm(1), upper = pnorm(1)))
})

test_that("simulations have the mean and variance of the family", {
  set.seed(3)
  n <- 1e5
  y <- family_tools(binomial())$simulate(rep(0.3, n), 5)
  expect_equal(c(mean(y), var(y)), c(1.5, 1.05), tolerance = 0.02)
  y <- family_tools(poisson())$simulate(rep(2, n))
  expect_equal(c(mean(y), var(y)), c(2, 2), tolerance = 0.02)
  y <- family_tools(gaussian())$simulate(rep(2, n), phi = 9, weights = 4)
  expect_equal(c(mean(y), var(y)), c(2, 9 / 4), tolerance = 0.02)
  expect_snapshot(error = TRUE, family_tools(binomial())$simulate(0.5, 2.5))
})

test_that("deviance residuals are those of glm()", {
  counts <- family_tools(binomial())$deviance(c(2, 0, 0), c(0.3, 0.5, 0.5), c(5, 4, 0), c(1, 2, 1))
  expect_equal(counts, c(binomial()$dev.resids(c(2 / 5, 0), c(0.3, 0.5), c(5, 8)), 0))
  expect_equal(family_tools(poisson())$deviance(3, 2), poisson()$dev.resids(3, 2, 1))
  expect_equal(family_tools(gaussian())$deviance(3, 2, weights = 2), 2)
})

test_that("a family says what it is by properties", {
  says <- function(of, families) vapply(families, of, NA)
  all <- list(
    gaussian(), gaussian("log"), binomial(), binomial("log"), poisson(), nbinom1(), beta_family(),
    betabinomial(), Gamma("log"), inverse.gaussian()
  )
  expect_identical(says(is_linear, all), seq_along(all) == 1L)
  expect_identical(says(counts_events, all), seq_along(all) %in% 5:6)
  expect_identical(says(has_trials, all), seq_along(all) %in% c(3, 4, 8))
  expect_identical(says(restricts_mean, all), seq_along(all) %in% c(4, 10))
  expect_identical(says(scales_variance, all), seq_along(all) %in% c(1, 2, 9, 10))
  expect_identical(lapply(all, ratio_kind), list(
    NULL, "rate", "odds", "risk", "rate", "rate", "odds", "odds", "rate", NULL
  ))
  expect_true(have_same_mean(nbinom1(), poisson()) && have_same_mean(betabinomial(), binomial()))
  expect_false(have_same_mean(nbinom1("sqrt"), poisson()))
  expect_false(have_same_mean(beta_family(), binomial()))
  expect_identical(predictor_unit(gaussian(), log(4)), 2)
  expect_identical(predictor_unit(gaussian("log"), log(4)), 1)
})

test_that("variances on the scale of the predictor are those of the latent distributions", {
  variance <- function(density, from = -40, to = 40) {
    m <- integrate(function(x) x * density(x), from, to, rel.tol = 1e-10)$value
    integrate(function(x) (x - m)^2 * density(x), from, to, rel.tol = 1e-10)$value
  }
  latent <- function(link) fact_of_link(binomial(link), "latent")[[1L]]
  expect_equal(latent("logit"), variance(dlogis), tolerance = 1e-8)
  expect_equal(latent("probit"), variance(dnorm), tolerance = 1e-8)
  # cloglog: an extreme-value distribution
  expect_equal(latent("cloglog"), variance(function(x) exp(x - exp(x))), tolerance = 1e-8)
  expect_null(fact_of_link(binomial("log"), "latent"))
})
