test_that("influence of clusters: one step without each, close to the refit", {
  fit <- gee_fit("factor")
  found <- influence(fit)
  parts <- gee_equations(fit)
  B <- dense_B(parts)
  pieces <- dense_pieces(parts)
  i <- which.max(found$cooks.distance)
  step <- solve(B - pieces$information[, , i], pieces$scores[i, ])
  expect_equal(unname(dfbeta(fit)[i, ]), step, tolerance = 1e-10)
  expect_equal(unname(unlist(found[i, -(1:4)])), step, tolerance = 1e-10)
  expect_equal(found$cooks.distance[i], sum(step * (B %*% step)) / 6, tolerance = 1e-10)
  expect_equal(unname(cooks.distance(fit)), found$cooks.distance)
  expect_identical(found$cluster, cluster_levels(fit$design))
  refitted <- update(fit, subset = patient != found$cluster[i])
  expect_equal(dfbeta(fit)[i, ], coef(fit) - coef(refitted), tolerance = 0.1)
})

test_that("mixed models have it too", {
  found <- influence(result_fit("infection"))
  expect_identical(dim(found), c(8L, 6L))
  expect_true(all(found$cooks.distance > 0))
})

# Largest relative difference of jackknife standard errors.
jackknife_error <- function(changes, full) max(abs(sqrt(colSums(changes^2) / colSums(full^2)) - 1))

binary_clusters <- function(m) {
  set.seed(3)
  d <- data.frame(g = rep(seq_len(m), sample(4:10, m, TRUE)))
  d$arm <- d$g %% 2
  d$x <- rnorm(nrow(d))
  d$y <- rbinom(nrow(d), 1, plogis(-0.3 + 0.4 * d$arm + 0.5 * d$x + rnorm(m, sd = 0.8)[d$g]))
  d
}

test_that("all parameters without each cluster, to second order, are those of the refits", {
  d <- binary_clusters(150)
  mixed <- glmm(y ~ arm + x + (1 | g), d, binomial(), nAGQ = 5)
  full <- dfbeta(mixed, "full")
  refitted <- update(mixed, data = subset(d, g != 4))
  expect_equal(full["4", ], coef(mixed) - coef(refitted), tolerance = 1e-5)
  expect_lt(jackknife_error(dfbeta(mixed, "joint"), full), 5e-4)
  # the held variance was off by more
  expect_gt(jackknife_error(dfbeta(mixed), full), 5e-3)

  for (corstr in c("exchangeable", "ar1")) {
    marginal <- gee(outcome ~ treat + visit, respiratory, patient,
      family = binomial(), corstr = corstr
    )
    full <- dfbeta(marginal, "full")
    expect_lt(jackknife_error(dfbeta(marginal, "joint"), full), 5e-4)
    expect_gt(jackknife_error(dfbeta(marginal), full), 2e-3)
    V <- vcov(marginal, "jackknife-joint")
    expect_equal(V, (111 - 3) / 111 * crossprod(dfbeta(marginal, "joint")))
    expect_lt(max(abs(sqrt(diag(V) / diag(vcov(marginal, "jackknife-full"))) - 1)), 5e-4)
  }
})

test_that("variances, dispersions and correlations by time move with the cluster", {
  set.seed(5)
  d <- data.frame(g = rep(1:80, each = 4))
  d$t <- ave(sample(1:3, 320, TRUE), d$g, FUN = cumsum)
  d$x <- rnorm(320)
  d$y <- 1 + d$x + rnorm(80, sd = 0.8)[d$g] + rnorm(320)
  close <- function(fit) {
    expect_lt(jackknife_error(dfbeta(fit, "joint"), dfbeta(fit, "full")), 1e-3)
    found <- influence(fit, "joint")[3, -(1:4)]
    expect_equal(unname(unlist(found)), unname(dfbeta(fit, "joint")[3, ]))
  }
  close(glmm(y ~ x + (1 | g), d))
  close(glmm(exp(y) ~ x + (1 | g), d, Gamma("log")))
  close(gee(y ~ x, d, g, waves = t, corstr = "ar1"))
  close(gee(y ~ x, d, g, corstr = "toeplitz"))
})

test_that("a Gaussian mean without each cluster is exact, and so is Cook's distance of it", {
  d <- data.frame(g = rep(1:6, 1:6), y = (1:21)^1.5)
  fit <- gee(y ~ 1, d, g)
  want <- mean(d$y) - vapply(1:6, function(i) mean(d$y[d$g != i]), 0)
  for (update in c("coefficients", "joint", "full")) {
    expect_equal(unname(dfbeta(fit, update)[, 1]), want, tolerance = 1e-8, info = update)
    expect_equal(
      unname(cooks.distance(fit, update)), want^2 / vcov(fit, "model")[[1]], tolerance = 1e-8
    )
  }
})

test_that("a cluster that changes nothing has no influence, and no warning", {
  d <- data.frame(g = rep(1:8, each = 3), y = c(1, 0, -1, sin(1:21)))
  d$y[-(1:3)] <- d$y[-(1:3)] - mean(d$y[-(1:3)])
  expect_no_warning(changes <- dfbeta(gee(y ~ 1, d, g), "joint"))
  expect_equal(changes[["1", 1]], 0, tolerance = 1e-12)
  sized <- transform(d, w = rep(0:1, c(3, 21)))
  expect_no_warning(changes <- dfbeta(gee(y ~ 1, sized, g, weights = w), "joint"))
  expect_true(all(is.finite(changes)))
})

test_that("what has no update of all parameters says so, and where it does not reach", {
  d <- binary_clusters(30)
  mixed <- glmm(y ~ x + (1 | g), d, binomial(), penalty = "soft")
  nested <- suppressMessages(glmm(y ~ 1 + (1 | arm / g), d, binomial()))
  expect_snapshot(error = TRUE, {
    dfbeta(mixed, "joint")
    dfbeta(glmm(x ~ arm + (1 | g), d, REML = TRUE), "joint")
    dfbeta(gee(y ~ x, d, g, family = binomial(), bias_reduce = TRUE), "joint")
    dfbeta(nested, "full")
    dfbeta(mixed, "all")
  })
  expect_snapshot(invisible(dfbeta(result_fit("infection"), "joint")))
})

test_that("crossed factors leave no clusters to take out", {
  set.seed(2)
  d <- expand.grid(a = 1:4, b = 1:5, k = 1:3)
  d$y <- rnorm(4)[d$a] + rnorm(5)[d$b] + rnorm(60)
  fit <- glmm(y ~ 1 + (1 | a) + (1 | b), d)
  expect_snapshot(error = TRUE, cooks.distance(fit))
})
