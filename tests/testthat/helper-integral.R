# Likelihoods of named families held against plain integration, q = 1, 2, ... random effects.

# K: nodes for each q. A family and q of its own toy model each.
expect_integral <- function(families, K, sd = 0.6, seed = 1, integral = brute_loglik,
                            tolerance = 1e-8) {
  for (name in names(families)) {
    for (q in seq_along(K)) {
      model <- toy_model(families[[name]], q, sd = sd, seed = seed)
      value <- toy_engine(model, families[[name]], K[q])$value
      expect_lt(abs(value - integral(model, families[[name]])), tolerance,
        label = paste(name, q, seed)
      )
    }
  }
}

expect_laplace <- function(families, sd) {
  for (name in names(families)) {
    for (q in 1:2) {
      model <- toy_model(families[[name]], q, sd = sd)
      expect_equal(toy_engine(model, families[[name]], 1L)$value,
        brute_laplace(model, families[[name]]), tolerance = 1e-8, info = paste(name, q)
      )
    }
  }
}
