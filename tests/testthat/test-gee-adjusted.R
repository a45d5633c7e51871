# alpha_method = "maee" against a transcription with n x n matrices, and against package geeCRT.

adjusted_data <- function(seed, K = 12L) {
  set.seed(seed)
  size <- rep_len(c(3L, 5L, 4L), K)
  d <- data.frame(id = rep(seq_len(K), size), t = sequence(size))
  d$arm <- d$id %% 2L
  d$x <- rnorm(nrow(d))
  u <- 0.7 * rnorm(K)[d$id]
  d$y <- 1 + 0.5 * d$arm + d$x + u + rnorm(nrow(d))
  d$count <- rpois(nrow(d), exp(0.5 + 0.3 * d$x + u))
  d$event <- rbinom(nrow(d), 1L, plogis(0.3 * d$x + u))
  d
}

# One round of Preisser, Lu and Qaqish: G_i = (I - H_i)^-1 r_i r_i', symmetric, divided by the
# standard deviations without phi.
dense_adjusted <- function(fit, d, R) {
  X <- model.matrix(fit)
  mu <- fitted(fit)
  eta <- fit$family$linkfun(mu)
  D <- fit$family$mu.eta(eta) * X
  root <- sqrt(fit$family$variance(mu))
  r <- model.response(model.frame(fit)) - mu
  rows <- split(seq_along(mu), d$id)
  V <- lapply(rows, function(k) outer(root[k], root[k]) * R(d[k, ]))
  B <- Reduce(`+`, Map(function(k, V) {
    crossprod(D[k, , drop = FALSE], solve(V, D[k, , drop = FALSE]))
  }, rows, V))
  Map(function(k, V) {
    H <- D[k, , drop = FALSE] %*% solve(B, t(D[k, , drop = FALSE])) %*% solve(V)
    G <- solve(diag(length(k)) - H, r[k]) %o% r[k]
    G / outer(root[k], root[k])
  }, rows, V)
}

means_of <- function(G, entries) {
  products <- unlist(lapply(G, function(g) ((g + t(g)) / 2)[entries(g)]))
  c(phi = mean(unlist(lapply(G, diag))), product = mean(products))
}

off_diagonal <- function(k, a) a^(diag(nrow(k)) == 0)

test_that("phi and alpha are means of adjusted products of dense matrices", {
  d <- adjusted_data(1)
  control <- gee_control(alpha_method = "maee")
  models <- list(
    list(y ~ arm + x, gaussian()), list(count ~ arm + x, poisson()),
    list(event ~ arm + x, binomial())
  )
  for (model in models) {
    fit <- gee(model[[1L]], d, id, family = model[[2L]], corstr = "exchangeable", control = control)
    expect_true(fit$convergence$converged)
    G <- dense_adjusted(fit, d, function(k) off_diagonal(k, fit$alpha))
    want <- means_of(G, upper.tri)
    expect_equal(fit$phi, want[["phi"]], tolerance = 1e-8)
    expect_equal(fit$alpha[[1L]], want[["product"]] / want[["phi"]], tolerance = 1e-7)

    fit <- gee(model[[1L]], d, id, t, family = model[[2L]], corstr = "ar1", control = control)
    G <- dense_adjusted(fit, d, function(k) fit$alpha^abs(outer(k$t, k$t, "-")))
    want <- means_of(G, function(g) col(g) == row(g) + 1L)
    expect_equal(fit$alpha[[1L]], want[["product"]] / want[["phi"]], tolerance = 1e-7)
  }
  # a fixed scale leaves phi of the correlation alone
  fixed <- gee(event ~ arm + x, d, id, family = binomial(), corstr = "exchangeable", scale = 1,
    control = control
  )
  free <- update(fixed, scale = NULL)
  expect_equal(fixed$alpha, free$alpha, tolerance = 1e-6)
})

test_that("the transcription is what geeCRT solves, but for its divisor N - p", {
  sys.source(reference_csv("models-adjusted.R"), environment())
  d <- adjusted_pigs(read.csv(reference_csv("dietox.csv")))
  peer <- read.csv(reference_csv("adjusted-peers.csv"))
  alpha <- peer$value[4L]
  R <- (1 - alpha) * diag(12) + alpha
  d$visit <- ave(d$Time, d$cluster, FUN = seq_along)
  fit <- gee(Weight ~ Time + dose, d, cluster, visit, corstr = cor_fixed(R))
  expect_equal(unname(coef(fit)), peer$value[1:3], tolerance = 1e-7)
  d$id <- d$cluster
  found <- means_of(dense_adjusted(fit, d, function(k) off_diagonal(k, alpha)), upper.tri)
  N <- nrow(d)
  expect_equal(found[["product"]] / (found[["phi"]] * N / (N - 3)), alpha, tolerance = 1e-7)
})

test_that("the order of the rows and the number of threads have no part in it", {
  d <- adjusted_data(2)
  control <- gee_control(alpha_method = "maee")
  fit <- gee(y ~ arm + x, d, id, corstr = "exchangeable", control = control)
  turned <- gee(y ~ arm + x, d[rev(seq_len(nrow(d))), ], id,
    corstr = "exchangeable", control = gee_control(alpha_method = "maee", threads = 2)
  )
  expect_equal(turned$alpha, fit$alpha, tolerance = 1e-8)
  expect_gt(fit$alpha, update(fit, control = gee_control(alpha_method = "geepack"))$alpha)
  table <- summary(fit)$correlation
  expect_true(all(is.finite(unlist(table))))
  expect_error(
    gee(y ~ arm + x, transform(d, w = 1 + id %% 3), id, ipw = w, control = control),
    class = "margmix_error_ipw"
  )
})
