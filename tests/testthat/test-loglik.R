# The log-likelihood against plain integration (helper-brute.R).

test_that("a fine rule gives the integral, every link with a smooth integrand, q = 1 and 2", {
  for (seed in 1:2) expect_integral(all_families()[smooth_families], c(81L, 41L), seed = seed)
})

test_that("so do single trials without weights, and one row per cluster", {
  for (name in c("binomial-logit", "binomial-probit", "poisson-log")) {
    family <- all_families()[[name]]
    for (rows in c(1L, 6L)) {
      model <- toy_model(family, 1L, rows = rows, sd = 1.2, seed = 3, plain = TRUE)
      value <- toy_engine(model, family, 101L)$value
      expect_lt(abs(value - brute_loglik(model, family)), 1e-8, label = paste(name, rows))
    }
  }
})

test_that("links with several modes converge too where one mode has the mass", {
  several <- c("poisson-sqrt", "binomial-cauchit", "gaussian-log")
  expect_integral(all_families()[several], 151L, 0.25, seed = 2)
})

test_that("so do links that restrict the mean, far from the edge of their range", {
  expect_integral(all_families()[c("binomial-log", "poisson-identity")], c(101L, 41L), 0.3,
    seed = 4, integral = brute_restricted_loglik, tolerance = 1e-6
  )
})

test_that("the two ways of plain integration agree", {
  family <- binomial("log")
  model <- toy_model(family, 1L, sd = 0.2, seed = 6)
  expect_equal(brute_restricted_loglik(model, family), brute_loglik(model, family),
    tolerance = 1e-9
  )
  model <- toy_model(poisson("identity"), 2L, sd = 0.3, seed = 6)
  expect_equal(
    brute_restricted_loglik(model, poisson("identity")), brute_loglik(model, poisson("identity")),
    tolerance = 1e-9
  )
})

test_that("one node is the Laplace formula, every family and link", {
  skip_if_not_installed("numDeriv")
  expect_laplace(all_families(), sd = 0.4)
})

test_that("frequency weights multiply the density of a Gaussian row, precisions do not", {
  for (link in c("identity", "log")) {
    model <- toy_model(gaussian(link), 1L, sd = 0.3)
    precision <- toy_engine(model, gaussian(link), 101L)$value
    model$design$weights_type <- "frequency"
    frequency <- toy_engine(model, gaussian(link), 101L)$value
    expect_lt(abs(frequency - brute_loglik(model, gaussian(link))), 1e-8)
    expect_gt(abs(frequency - precision), 0.1)
  }
})

test_that("Gaussian identity needs one node", {
  model <- toy_model(gaussian(), 3L)
  at <- function(K) toy_engine(model, gaussian(), K)$value
  expect_equal(at(1L), at(2L), tolerance = 1e-13)
  expect_equal(at(1L), at(9L), tolerance = 1e-13)
})

test_that("a rule of few nodes errs, and the error falls with K", {
  family <- binomial()
  model <- toy_model(family, 1L, sd = 1.5, seed = 9)
  error <- vapply(c(1L, 5L, 15L, 41L), function(K) {
    abs(toy_engine(model, family, K)$value - brute_loglik(model, family))
  }, 0)
  expect_gt(error[1], 1e-3)
  expect_true(all(diff(log(error)) < -1))
})

test_that("25 points are as accurate as the help page says where a link is restricted", {
  file <- test_path("..", "reference", "restricted-links.csv")
  skip_if_not(file.exists(file), "reference tables")
  table <- read.csv(file)
  table$error <- mapply(function(name, q, sd, seed, exact) {
    family <- all_families()[[name]]
    model <- toy_model(family, q, m = 8L, sd = sd, seed = 100L + seed)
    abs(toy_engine(model, family, 25L)$value - exact)
  }, table$name, table$q, table$sd, table$seed, table$exact)
  easy <- table$q == 1 & table$sd <= 0.5
  expect_lt(max(table$error[easy]), 1e-6)
  expect_lt(max(table$error), 0.02)
  groups <- aggregate(error ~ name + q + sd, table, median)
  expect_lt(max(groups$error), 1e-3)
  # the page speaks of what is there, not of less
  expect_gt(max(table$error), 0.01)
  expect_setequal(table$name, setdiff(names(all_families()), smooth_families))
})
