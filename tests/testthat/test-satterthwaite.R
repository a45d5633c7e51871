# Satterthwaite degrees of freedom against lmerTest (REML; tests/reference has no table: it is run).

test_that("they are those of lmerTest on sleepstudy and Penicillin", {
  skip_if_not_installed("lmerTest")
  skip_if_not_installed("lme4")
  sleepstudy <- lme4::sleepstudy
  penicillin <- transform(lme4::Penicillin, x = rep_len(c(0, 1, 1), 144))
  models <- list(
    list(Reaction ~ Days + (Days | Subject), sleepstudy),
    list(Reaction ~ Days + (1 | Subject), sleepstudy),
    list(diameter ~ x + (1 | plate) + (1 | sample), penicillin),
    list(diameter ~ 1 + (1 | plate) + (1 | sample), penicillin)
  )
  for (model in models) {
    fit <- glmm(model[[1]], model[[2]], REML = TRUE)
    peer <- lmerTest::lmer(model[[1]], model[[2]])
    found <- summary(fit, vcov = "model", df = "satterthwaite")$coefficients$df
    expected <- unname(coef(summary(peer))[, "df"])
    expect_equal(found, expected, tolerance = 2e-3)
  }
})

test_that("a balanced one-way layout has the degrees of freedom of its analysis of variance", {
  set.seed(3)
  d <- data.frame(g = rep(1:8, each = 5))
  d$y <- rnorm(8)[d$g] + rnorm(40)
  fit <- glmm(y ~ 1 + (1 | g), d, REML = TRUE)
  expect_equal(summary(fit, df = "satterthwaite")$coefficients$df, 7, tolerance = 1e-4)
})

test_that("they are the same by differences of X'V^-1 X, where the working model is too large", {
  skip_if_not_installed("lme4")
  set.seed(5)
  d <- transform(lme4::Penicillin, x = rnorm(144))
  fit <- glmm(diameter ~ x + (1 | plate) + (1 | sample), d, REML = TRUE)
  p <- seq_along(fit$beta)
  large <- satterthwaite_by_differences(way_of_fit(fit), fit, fit$vcov_full[-p, -p])
  expected <- summary(fit, vcov = "model", df = "satterthwaite")$coefficients$df
  expect_equal(hypothesis_df(list(working = large), diag(2)), expected, tolerance = 1e-5)
  fit <- glmm(diameter ~ 1 + (1 | plate) + (1 | sample), lme4::Penicillin)
  given <- summary(fit, df = "between-within")$coefficients$df
  expect_identical(given, 5)
})

# Related levels: n x n matrices, and all derivatives by differences. `covariances(rho)` as of
# dense_random_covariance(), at a value of rho.
dense_satterthwaite <- function(fit, covariances) {
  V <- function(moved) {
    dense_random_covariance(moved, covariances(moved$rho)) + diag(moved$phi, nobs(fit))
  }
  p <- length(fit$beta)
  psi <- unname(c(fit$theta, fit$rho, log(fit$phi)))
  at <- function(x) moved_fit(fit, c(fit$beta, x))
  restricted <- function(x) dense_linear_loglik(at(x), covariances(at(x)$rho), REML = TRUE)
  A <- solve(-numDeriv::hessian(restricted, psi))
  X <- design_X(fit$design)
  variances <- function(x) diag(solve(crossprod(X, solve(V(at(x)), X))))
  g <- numDeriv::jacobian(variances, psi)
  list(df = 2 * variances(psi)^2 / rowSums((g %*% A) * g), variance = variances(psi))
}

expect_satterthwaite <- function(fit, covariances, label) {
  expected <- dense_satterthwaite(fit, covariances)
  found <- quietly(summary(fit, vcov = "model", df = "satterthwaite"))
  expect_output(print(found), "Satterthwaite df")
  expect_equal(found$coefficients$df, unname(expected$df), tolerance = 1e-6, label = label)
  expect_equal(found$coefficients$std.error^2, unname(expected$variance), tolerance = 1e-8)
  expect_true(all(expected$df < residual_df(fit)), label = label) # none is cut off
}

test_that("those of relatives, series and places are those of n x n matrices", {
  skip_if_not_installed("numDeriv")
  set.seed(23)
  d <- expand.grid(t = 1:6, id = paste0("a", 1:8), KEEP.OUT.ATTRS = FALSE)
  d$x <- rnorm(48)
  d$z <- rep(rnorm(8), each = 6)
  d$u <- runif(48)
  d$v <- runif(48)

  # two generations: a1 to a4 are the parents of a5 to a8, in pairs
  K <- diag(8)
  K[cbind(c(1, 2, 1, 2, 3, 4, 3, 4), c(5, 5, 6, 6, 7, 7, 8, 8))] <- 0.5
  K[5, 6] <- K[7, 8] <- 0.5
  K <- pmax(K, t(K))
  dimnames(K) <- list(paste0("a", 1:8), paste0("a", 1:8))
  d$y <- drop(crossprod(chol(K), rnorm(8)))[d$id] + d$x + rnorm(48)
  fit <- glmm(y ~ x + z + known(1 | id, covariance = K), d, REML = TRUE)
  known <- function(rho) list(`known(id)` = K)
  expect_satterthwaite(fit, known, "pedigree")

  R <- 0.7^abs(outer(d$t, d$t, "-")) * outer(d$id, d$id, "==")
  d$y <- drop(crossprod(chol(R), rnorm(48))) + rnorm(6)[d$t] + rnorm(48, 0, 0.3)
  fit <- glmm(y ~ x + z + ar1(t + 0 | id) + (1 | t), d, REML = TRUE)
  labels <- random_factors(fit$design)[[1L]]$levels
  series <- do.call(rbind, strsplit(labels, ":"))
  expect_satterthwaite(fit, function(rho) {
    list(`ar1(id)` = ar1_covariance(series[, 1L], as.numeric(series[, 2L]), tanh(rho), labels))
  }, "series")

  d[c("u", "v")] <- d[rep(1:24, 2), c("u", "v")]
  D <- as.matrix(stats::dist(d[1:24, c("u", "v")]))
  b <- drop(crossprod(chol(exp(-D / 0.2)), rnorm(24)))
  d$y <- b[rep(1:24, 2)] + d$x + rnorm(48, 0, 0.4)
  fit <- glmm(y ~ x + z + exp(u + v | 1), d, REML = TRUE)
  places <- random_factors(fit$design)[[1L]]$levels
  at <- do.call(rbind, strsplit(places, ":"))
  storage.mode(at) <- "double"
  D <- as.matrix(stats::dist(at))
  dimnames(D) <- list(places, places)
  expect_satterthwaite(fit, function(rho) list(`exp(u, v)` = exp(-D / exp(rho))), "places")
})

test_that("independent levels as a known relation have those of independent levels", {
  set.seed(22)
  d <- data.frame(id = rep(letters[1:10], each = 4), x = rnorm(40), z = rep(rnorm(10), each = 4))
  b <- cbind(rnorm(10), rnorm(10, 0, 0.6))[match(d$id, letters), ]
  d$y <- b[, 1] + d$x * b[, 2] + rnorm(40)
  I <- diag(10)
  dimnames(I) <- list(letters[1:10], letters[1:10])
  free <- glmm(y ~ x + z + (x | id), d, REML = TRUE)
  related <- glmm(y ~ x + z + known(x | id, precision = I), d, REML = TRUE)
  df <- function(fit) summary(fit, vcov = "model", df = "satterthwaite")$coefficients$df
  expect_equal(df(related), df(free), tolerance = 1e-8)
  ml <- update(related, REML = FALSE)
  expect_equal(df(ml), df(update(free, REML = FALSE)), tolerance = 1e-4)
})
