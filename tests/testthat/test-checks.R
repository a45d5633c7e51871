test_that("unknown arguments are refused, with a suggestion", {
  known <- c("formula", "data", "nAGQ", "weights")
  f <- function(...) check_dots(..., known = known)
  expect_null(f())
  expect_snapshot(error = TRUE, {
    f(nAGO = 3)
    f(weight = stop("never evaluated"))
    f(3, unlike_anything = 2)
  })
})

test_that("there must be two clusters", {
  d <- small_data()
  expect_snapshot(error = TRUE, front(y ~ x + (1 | id), d, subset = id == 2))
})

test_that("variances that the data do not identify are refused", {
  d <- small_data()
  d$row <- 1:20
  d$arm <- as.numeric(d$id > 2)
  d$year <- d$id + 1990
  expect_snapshot(error = TRUE, {
    front(y ~ x + (1 | row), d)
    front(b ~ x + (1 | row), d, binomial)
    front(y ~ x + (arm | id), d)
    front(s ~ x + (arm | id), d, poisson)
    front(y ~ x + (x | id), d[d$row <= 5, ])
    front(y ~ x + (factor(b) | id), data.frame(d, b = 1:4)[0:19 %/% 5 < 2, ])
  })
})

test_that("the hint names what the variances can't be told from, or what to change", {
  d <- small_data()
  d$row <- 1:20
  d$minute <- 2.6e7 + d$x
  d$share <- plogis(d$y)
  two <- d[d$row <= 10, ]
  two$half <- rep(0:1, 5)
  two$id <- rep(1:5, each = 2)
  expect_snapshot(error = TRUE, {
    front(s + 1 ~ x + (1 | row), d, Gamma("log"))
    front(share ~ x + (1 | row), d, beta_family())
    front(share ~ x + (1 | id) + (1 | row), d, beta_family())
    front(y ~ x + (half | id), two)
    front(y ~ x + (x + I(2 * x) | id), d)
    front(y ~ x + (1 | id) + (0 + minute | id), d)
  })
  # the shape of counts tells a dispersion from an effect of each row, with little certainty
  expect_snapshot({
    quiet <- front(s ~ x + (1 | row), d, nbinom2())
    quiet <- front(s ~ x + (1 | row), d, nbinom1())
    quiet <- front(cbind(s, n) ~ x + (1 | row), d, betabinomial())
    quiet <- front(s ~ x + (1 | id) + (1 | row), d, nbinom2())
    quiet <- front(s ~ x + (half | id), two, nbinom2())
  })
  expect_silent(front(s ~ x + (1 | id), d, nbinom2()))
  # each reason goes away with what it names
  expect_silent(front(s ~ x + (1 | row), d, poisson()))
  expect_silent(front(s ~ x + (half | id), two, poisson()))
  d$minute <- d$x
  expect_silent(front(y ~ x + (1 | id) + (0 + minute | id), d))
})

test_that("variances that the data identify are not", {
  d <- small_data()
  d$row <- 1:20
  d$arm <- as.numeric(d$id > 2)
  d$year <- d$id + 1990
  expect_silent(front(s ~ x + (1 | row), d, poisson))
  expect_silent(front(cbind(s, n) ~ x + (1 | row), d, binomial))
  # One row per cluster with known, unequal precisions: a meta-analysis.
  expect_silent(front(y ~ x + (1 | row), d, weights = n))
  expect_silent(front(y ~ x + (1 | row), d, weights = n, weights_type = "frequency"))
  # Variances by arm, and a quadratic variance over five years.
  expect_silent(front(y ~ x + (0 + factor(arm) || id), d))
  expect_silent(front(y ~ x + (year | id), d))
  expect_silent(front(y ~ x + (0 + x | id), d))
  # Two rows per cluster, but at varying x.
  expect_silent(front(y ~ x + (x | id), d[1:10, ]))
})

test_that("the Gram matrix is that of the covariance matrices", {
  d <- small_data()
  d$w <- d$n / 2
  design <- front(y ~ x + (x | id) + (0 + t || id), d, weights = w)$design
  gram <- covariance_gram(design, 1:20, TRUE)
  Z <- orthogonal_blocks(design$Z, design$random)
  cluster <- rep(1:5, diff(design$start))
  flat <- mapply(function(r, c) {
    E <- matrix(0, 3, 3)
    E[r, c] <- E[c, r] <- 1
    (Z %*% E %*% t(Z))[outer(cluster, cluster, "==")]
  }, design$theta_row + 1, design$theta_col + 1)
  flat <- cbind(flat, diag(1 / design$weights)[outer(cluster, cluster, "==")])
  expect_equal(unname(gram), unname(crossprod(flat)))
})

test_that("names of other packages lead to the right argument", {
  expect_identical(closest_name("maxit", c("max_nodes", "max_iterations")), "max_iterations")
  expect_identical(closest_name("conf.level", c("fit", "level", "...")), "level")
  expect_identical(closest_name("nagq", c("nAGQ", "data")), "nAGQ")
  expect_length(closest_name("interval", c("type", "newdata")), 0L)
  expect_snapshot(error = TRUE, {
    glmm_control(maxit = 3)
    gee_control(maxiter = 3)
    marginal_standardization(1, "x", conf.level = 0.9)
    marginal_standardization(1, "x", at = list(age = 3))
    diagnose_overdispersion(1, draws = 3)
    glmm(resp ~ age + (1 | id), ohio, binomial(), verbose = TRUE)
    glmm(resp ~ age + (1 | id), ohio, binomial(), maxit = 10)
    gee(resp ~ age, ohio, id = id, family = binomial(), verbose = TRUE)
    gee(resp ~ age, ohio, id = id, family = binomial(), tolerance = 1e-4)
    glmm(resp ~ agee + (1 | id), ohio, binomial())
    gee(resp ~ age, ohio, id = idd, family = binomial())
  })
})

test_that("switches and seeds of methods are checked", {
  fit <- glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial())
  for (value in list(NULL, NA, "nope", c(TRUE, FALSE), 1)) {
    expect_error(vcov(fit, full = value), "`full` must be", class = "margmix_error_argument")
    expect_error(vcov(fit, complete = value), "`complete` must", class = "margmix_error_argument")
  }
  for (seed in list(NA, "a", 1:2, Inf)) {
    expect_error(simulate(fit, seed = seed), "`seed` must be", class = "margmix_error_argument")
    expect_error(bootstrap(fit, 2, seed = seed), "`seed` must be", class = "margmix_error_argument")
  }
})
