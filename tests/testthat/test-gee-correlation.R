# Every working correlation against a dense transcription of its definition.

uneven <- function(seed = 1, m = 200) {
  set.seed(seed)
  d <- do.call(rbind, lapply(seq_len(m), function(i) {
    t <- sort(sample(6, sample(1:6, 1)))
    data.frame(id = i, t = t, s = cumsum(runif(length(t), 0.1, 2)), treat = i %% 2)
  }))
  d$x <- rnorm(nrow(d))
  d$w <- runif(nrow(d), 0.5, 2)
  d$y <- rbinom(nrow(d), 1, plogis(-0.3 + 0.5 * d$x + rnorm(m)[d$id]))
  d
}

# u_i and B_i with R given by a function of the rows of a cluster.
dense_pieces <- function(fit, d, R) {
  X <- model.matrix(fit)
  mu <- plogis(drop(X %*% coef(fit)))
  lapply(split(seq_len(nrow(d)), d$id), function(j) {
    A <- diag(sqrt(mu[j] * (1 - mu[j]) / d$w[j]), length(j))
    V <- fit$phi * A %*% R(d[j, ]) %*% A
    D <- mu[j] * (1 - mu[j]) * X[j, , drop = FALSE]
    list(u = t(D) %*% solve(V, d$y[j] - mu[j]), B = t(D) %*% solve(V, D))
  })
}

expect_dense <- function(fit, d, R) {
  pieces <- cluster_pieces(fit)
  dense <- dense_pieces(fit, d, R)
  u <- t(vapply(dense, function(k) drop(k$u), coef(fit)))
  B <- vapply(dense, function(k) k$B, diag(length(coef(fit))))
  expect_equal(unname(pieces$scores), unname(u), tolerance = 1e-10)
  expect_equal(pieces$information, unname(B), tolerance = 1e-10, ignore_attr = TRUE)
  expect_lt(max(abs(colSums(u))), 1e-6)
}

fit_uneven <- function(d, corstr, waves = t, ...) {
  eval(bquote(suppressWarnings(gee(
    y ~ x + treat, d, id, waves = .(substitute(waves)), family = quasibinomial(), corstr = corstr,
    weights = w, ...
  ))))
}

lags <- function(d) abs(outer(d$t, d$t, "-"))

test_that("scores and information are those of dense matrices", {
  d <- uneven()
  fit <- fit_uneven(d, "exchangeable")
  a <- fit$alpha
  expect_gt(a, 0.05)
  expect_dense(fit, d, function(k) a^(lags(k) > 0))

  fit <- fit_uneven(d, "ar1")
  expect_dense(fit, d, function(k) fit$alpha^lags(k))

  fit <- fit_uneven(d, "ar1", waves = s)
  expect_dense(fit, d, function(k) fit$alpha^abs(outer(k$s, k$s, "-")))

  fit <- fit_uneven(d, cor_mdependent(2))
  expect_dense(fit, d, function(k) {
    l <- lags(k)
    c(1, fit$alpha, numeric(6))[l + 1] |> matrix(nrow(l))
  })

  fit <- fit_uneven(d, "toeplitz")
  expect_dense(fit, d, function(k) matrix(c(1, fit$alpha)[lags(k) + 1], nrow(k)))

  full <- diag(6)
  fit <- fit_uneven(d, "unstructured")
  full[upper.tri(full)] <- fit$alpha
  full[lower.tri(full)] <- t(full)[lower.tri(full)]
  expect_identical(names(fit$alpha)[1:3], c("1:2", "1:3", "2:3"))
  expect_dense(fit, d, function(k) full[k$t, k$t, drop = FALSE])

  fit <- fit_uneven(d, cor_fixed(0.4^abs(outer(1:6, 1:6, "-"))))
  expect_dense(fit, d, function(k) 0.4^lags(k))

  fit <- fit_uneven(d, cor_mdependent(2, stationary = FALSE))
  full[] <- 0
  full[upper.tri(full)] <- fit$alpha
  full <- full + t(full) + diag(6)
  expect_identical(full[lags(data.frame(t = 1:6)) > 2], numeric(12))
  expect_dense(fit, d, function(k) full[k$t, k$t, drop = FALSE])
})

test_that("nested exchangeable and exponential decay are those of dense matrices", {
  set.seed(3)
  d <- data.frame(id = rep(1:12, each = 10), ward = rep(1:36, times = rep(c(2, 3, 5), 12)))
  d$period <- rep(c(1, 1, 1, 2, 2, 3, 3, 3, 5, 5), 12)
  d$x <- rnorm(120)
  d$treat <- d$id %% 2
  d$w <- 1
  d$y <- rbinom(120, 1, plogis(0.5 * d$x + rnorm(12)[d$id] + rnorm(36)[d$ward]))
  fit <- gee(y ~ x + treat, d, id, inner = ward, family = binomial(), corstr = "nested")
  expect_gt(min(fit$alpha), 0)
  expect_dense(fit, d, function(k) {
    R <- fit$alpha[[2]] + (fit$alpha[[1]] - fit$alpha[[2]]) * outer(k$ward, k$ward, "==")
    diag(R) <- 1
    R
  })
  fit <- gee(y ~ x + treat, d, id, waves = period, family = binomial(), corstr = "decay")
  expect_gt(min(fit$alpha), 0)
  expect_dense(fit, d, function(k) {
    R <- fit$alpha[[1]] * fit$alpha[[2]]^abs(outer(k$period, k$period, "-"))
    diag(R) <- 1
    R
  })
})
