# Two nested levels in families with a dispersion.

test_that("gradient and Hessian in beta, theta and log phi, both levels", {
  skip_if_not_installed("numDeriv")
  for (name in names(dispersion_families())) {
    family <- dispersion_families()[[name]]
    model <- toy_nested(family, m = 2L, sd = 0.4, seed = 32)
    for (K in list(c(1L, 1L), c(2L, 2L), c(5L, 3L))) {
      label <- paste(name, "K", format_nodes(K))
      expect_derivatives(model, family, K, label)
    }
  }
})

test_that("vector terms at either level", {
  skip_if_not_installed("numDeriv")
  for (name in c("nbinom2-log", "Gamma-log", "beta-logit")) {
    family <- dispersion_families()[[name]]
    for (q in list(c(2L, 1L), c(1L, 2L))) {
      model <- toy_nested(family, q[1L], q[2L], m = 2L, sd = 0.4, seed = 33)
      exact <- toy_engine(model, family, c(3L, 2L), 1L)$gradient
      g <- numDeriv::grad(function(x) toy_engine(model, family, c(3L, 2L), 0L, x)$value, model$psi)
      expect_lt(max(abs(exact - g) / pmax(1, abs(g))), 1e-7, label = paste(name, q[1L], q[2L]))
    }
  }
})

# The inverse Gaussian with log link converges slowly, with one level as with two
# (bench/accuracy.md).
test_that("the value is the integral", {
  for (name in c(
    "nbinom2-log", "nbinom1-log", "Gamma-log", "beta-logit", "betabinomial-logit"
  )) {
    family <- dispersion_families()[[name]]
    model <- toy_nested(family, m = 2L, seed = 31)
    model$psi[3:4] <- c(0.5, 0.8)
    exact <- brute_nested(model, family)
    error <- abs(toy_engine(model, family, c(41L, 41L), 0L)$value - exact)
    expect_lt(error, 1e-8, label = name)
  }
})
