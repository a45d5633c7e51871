# Toeplitz and reduced-rank covariances of random effects.

visits_data <- function(q = 4L, m = 50L, n = 4L) {
  set.seed(5)
  d <- expand.grid(row = seq_len(n), f = factor(letters[seq_len(q)]), g = seq_len(m))
  R <- toeplitz(c(1, 0.7, 0.3, 0.1)[seq_len(q)])
  b <- matrix(rnorm(m * q), m) %*% chol(R) %*% diag(seq(0.7, 1.2, length.out = q))
  d$x <- rnorm(nrow(d))
  eta <- -0.3 + 0.5 * d$x + b[cbind(d$g, as.integer(d$f))]
  d$event <- rbinom(nrow(d), 1L, plogis(eta))
  d$z <- eta + rnorm(nrow(d))
  d$count <- rpois(nrow(d), exp(eta))
  d
}

quiet <- function(...) suppressMessages(suppressWarnings(glmm(...)))

peer_fit <- function(...) suppressWarnings(glmmTMB::glmmTMB(...))

expect_peer <- function(formula, d, family) {
  fit <- quiet(formula, d, family, nAGQ = 1)
  peer <- peer_fit(formula, d, family)
  expect_equal(as.numeric(logLik(fit)), as.numeric(logLik(peer)), tolerance = 1e-8)
  expect_identical(attr(logLik(fit), "df"), as.integer(attr(logLik(peer), "df")))
  expect_equal(vcov(fit, "model"), vcov(peer)$cond, tolerance = 1e-3)
  theirs <- glmmTMB::VarCorr(peer)$cond$g
  q <- nrow(theirs)
  expect_equal(c(VarCorr(fit)$g), c(theirs[seq_len(q), ]), tolerance = 2e-3)
}

test_that("Toeplitz and reduced-rank fits are those of glmmTMB", {
  skip_if_not_installed("glmmTMB")
  d <- visits_data()
  expect_peer(event ~ x + toep(0 + f | g), d, binomial())
  expect_peer(count ~ x + toep(0 + f | g), d, poisson())
  expect_peer(event ~ x + rr(0 + f | g, d = 1), d, binomial())
  expect_peer(count ~ x + rr(0 + f | g, d = 2), d, poisson())
  expect_peer(z ~ x + rr(0 + f | g, 2), d, gaussian())
})

# Where the maximum is at the end of the range (a partial correlation of -1 here), glmmTMB, whose
# parameters may leave it, stops before, without standard errors.
test_that("a Toeplitz maximum at the end of its range is no lower than that of glmmTMB", {
  skip_if_not_installed("glmmTMB")
  d <- visits_data()
  expect_message(fit <- glmm(z ~ x + toep(0 + f | g), d), "perfectly correlated")
  peer <- suppressWarnings(glmmTMB::glmmTMB(z ~ x + toep(0 + f | g), d, se = FALSE))
  expect_gt(as.numeric(logLik(fit)), as.numeric(logLik(peer)))
  expect_lt(as.numeric(logLik(fit)), as.numeric(logLik(peer)) + 0.1)
  expect_true(fit$convergence$converged)
  R <- attr(VarCorr(fit)$g, "correlation")
  for (lag in 1:3) expect_equal(diff(range(R[row(R) - col(R) == lag])), 0, tolerance = 1e-12)
  expect_equal(min(eigen(R)$values), 0, tolerance = 1e-12)
})

test_that("with two effects a Toeplitz covariance is the unstructured one", {
  d <- visits_data(2L)
  free <- quiet(event ~ x + (0 + f | g), d, binomial(), nAGQ = 9)
  fit <- quiet(event ~ x + toep(0 + f | g), d, binomial(), nAGQ = 9)
  expect_equal(as.numeric(logLik(fit)), as.numeric(logLik(free)), tolerance = 1e-9)
  expect_equal(coef(fit), coef(free), tolerance = 1e-5)
  expect_equal(vcov(fit, "model", full = TRUE), vcov(free, "model", full = TRUE), tolerance = 1e-4)
  limits <- function(fit) c(confint(fit, "sd_fa|g", method = "profile"))
  expect_equal(limits(fit), limits(free), tolerance = 1e-4)
})

test_that("two correlations that a zero variance leaves as one do not spoil the information", {
  d <- visits_data(3L)
  b <- d$f == "b"
  d$z[b] <- rep(scale(1:4), length.out = sum(b)) # the same in each level
  near <- list(theta = c(0.8, 1e-5, 0.1, 1e-5, 1e-5, 1))
  fit <- quiet(z ~ x + toep(0 + f | g), d, start = near)
  expect_identical(VarCorr(fit)$g["fb", "fb"], 0)
  expect_true(fit$convergence$converged)
  expect_true(all(is.finite(vcov(fit, "model"))))
})

# One factor: b = l u, so that each cluster is an integral over one u.
test_that("reduced rank is integrated over its factors", {
  d <- visits_data(3L, m = 12L)
  fit <- quiet(event ~ x + rr(0 + f | g, d = 1), d, binomial(), nAGQ = 15)
  l <- unname(fit$theta)
  value <- function(part) {
    eta <- drop(cbind(1, part$x) %*% coef(fit))
    at <- function(u) {
      prod(dbinom(part$event, 1L, plogis(eta + l[as.integer(part$f)] * u))) * dnorm(u)
    }
    log(integrate(Vectorize(at), -9, 9, rel.tol = 1e-11)$value)
  }
  expect_equal(as.numeric(logLik(fit)), sum(vapply(split(d, d$g), value, 0)), tolerance = 1e-8)
  expect_identical(fit$rule$nodes, 15)
  expect_output(print(diagnose_convergence(fit)), "No problem found")
  two <- quiet(count ~ x + rr(0 + f | g), d, poisson(), nAGQ = 7)
  finer <- quiet(count ~ x + rr(0 + f | g), d, poisson(), nAGQ = 21)
  expect_equal(as.numeric(logLik(two)), as.numeric(logLik(finer)), tolerance = 1e-4)
})

test_that("formulas of reduced rank stay as they are written, with their factors", {
  d <- visits_data(3L, m = 12L)
  fit <- quiet(z ~ x + rr(0 + f | g, d = 1), d)
  expect_match(deparse(formula(update(fit, . ~ . - x))), "rr(0 + f | g, d = 1)", fixed = TRUE)
  expect_length(fit$theta, 3L)
  expect_match(paste(capture.output(summary(fit)), collapse = " "), "between-within")
  expect_length(residuals(fit), nrow(d))
})

test_that("ranks that are no numbers of factors are refused", {
  d <- visits_data(3L, m = 12L)
  expect_snapshot(error = TRUE, {
    glmm(z ~ x + rr(0 + f | g, d = 3), d)
    glmm(z ~ x + rr(0 + f | g, d = 1.5), d)
    glmm(z ~ x + rr(1 | g, d = 1), d)
    glmm(z ~ x + rr(0 + f | g, rank = 1), d)
    glmm(z ~ x + rr(0 + f | g, d = 1), d, REML = TRUE)
    glmm(z ~ x + toep(1 | g), d)
  })
})
