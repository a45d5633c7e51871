# Small data sets for the restricted likelihood, read by compute-cox-reid.R and by the tests.

cox_reid_models <- function() {
  set.seed(82)
  d <- data.frame(g = rep(1:7, each = 6), x = rnorm(42), b = rep(c(0, 1, 0, 1, 1, 0, 1), each = 6))
  eta <- 0.2 + 0.6 * d$x - 0.4 * d$b + 0.7 * rnorm(7)[d$g]
  y <- list(
    rbinom(42, 1, plogis(eta)), rpois(42, exp(eta)), rnbinom(42, mu = exp(eta), size = 3),
    rgamma(42, 3, 3 / exp(eta))
  )
  slope <- data.frame(g = rep(1:8, each = 8), x = rnorm(64))
  b <- matrix(rnorm(16), 8)[slope$g, ]
  slope$y <- rbinom(64, 1, plogis(0.3 * slope$x + b[, 1] + 0.8 * b[, 2] * slope$x))
  intercept <- y ~ x + b + (1 | g)
  model <- function(y, family, formula = intercept) {
    list(formula = formula, data = transform(d, y = y), family = family)
  }
  list(
    logit = model(y[[1L]], binomial()), probit = model(y[[1L]], binomial("probit")),
    poisson = model(y[[2L]], poisson()), nbinom2 = model(y[[3L]], margmix::nbinom2()),
    Gamma = model(y[[4L]], Gamma("log")),
    slope = list(formula = y ~ x + (x || g), data = slope, family = binomial())
  )
}
