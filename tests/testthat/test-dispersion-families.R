# Families with a dispersion: likelihood, gradient and Hessian by independent means.

concave <- c("nbinom2-log", "Gamma-log")
restricted <- c(
  "nbinom2-identity", "nbinom1-identity", "Gamma-inverse", "Gamma-identity",
  "inverse.gaussian-1/mu^2"
)

test_that("a fine rule gives the integral, q = 1 and 2", {
  smooth <- setdiff(names(dispersion_families()), c(restricted, "nbinom2-sqrt", "nbinom1-sqrt"))
  expect_integral(dispersion_families()[intersect(smooth, concave)], c(101L, 51L), 0.4, seed = 2)
  expect_integral(dispersion_families()[setdiff(smooth, concave)], c(151L, 91L), 0.4, seed = 2)
})

test_that("so it does where a link restricts the mean, far from the edge of its range", {
  expect_integral(dispersion_families()[restricted], c(101L, 41L), 0.2, seed = 4,
    integral = brute_restricted_loglik, tolerance = 1e-6
  )
  expect_integral(dispersion_families()[c("nbinom2-sqrt", "nbinom1-sqrt")], 151L, 0.25, seed = 2)
})

test_that("one node is the Laplace formula", {
  skip_if_not_installed("numDeriv")
  expect_laplace(dispersion_families(), sd = 0.3)
})

test_that("frequencies multiply the density of a row, and duplicate it", {
  for (name in names(dispersion_families())) {
    family <- dispersion_families()[[name]]
    model <- toy_model(family, 1L, sd = 0.2, seed = 4)
    model$design$weights <- rep_len(c(1, 2, 3, 1), length(row_response(model$design)))
    model$design$weights_type <- "frequency"
    doubled <- model
    rows <- rep(seq_along(row_response(model$design)), row_weights(model$design))
    doubled$design <- keep_rows(model$design, rows)
    doubled$design$weights <- rep(1, length(rows))
    sizes <- tabulate(cluster_codes(model$design)[rows])
    doubled$design$start <- c(0L, cumsum(sizes))
    a <- toy_engine(model, family, 9L, 2L)
    b <- toy_engine(doubled, family, 9L, 2L)
    expect_equal(a[c("value", "gradient", "hessian")], b[c("value", "gradient", "hessian")],
      tolerance = 1e-9, info = name
    )
    model$design$weights_type <- "prior"
    prior <- toy_engine(model, family, 9L)$value
    if (dispersion_kind(family) == "shape") {
      expect_equal(prior, a$value, tolerance = 1e-13, info = name)
    } else {
      expect_gt(abs(prior - a$value), 0.1)
    }
  }
})

test_that("gradient and Hessian against Richardson differences", {
  skip_if_not_installed("numDeriv")
  for (name in names(dispersion_families())) {
    family <- dispersion_families()[[name]]
    for (q in 1:2) {
      model <- toy_model(family, q, m = 4L, sd = 0.3, seed = 11)
      for (K in c(1L, 2L, 7L)) {
        label <- paste(name, "q", q, "K", K)
        expect_lt(gradient_error(model, family, K), 1e-7, label = label)
        expect_lt(hessian_error(model, family, K), 1e-5, label = label)
      }
    }
  }
})
