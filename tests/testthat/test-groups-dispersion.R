# Crossed factors in families with a dispersion: the sparse Laplace approximation.

test_that("value and gradient in beta, theta and log phi, every family and link", {
  skip_if_not_installed("numDeriv")
  for (name in names(dispersion_families())) {
    family <- dispersion_families()[[name]]
    model <- toy_groups(family, "(x | a) + (1 | b)", seed = 4)
    expect_identical(toy_engine(model, family, 1L)$status, "ok", label = name)
    found <- toy_engine(model, family, 1L)$value
    expect_lt(abs(found - dense_laplace(model, family)), 1e-5, label = name)
    expect_lt(gradient_error(model, family, 1L), 1e-6, label = name)
  }
})
