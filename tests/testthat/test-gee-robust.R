# What gee() does where estimates run away or do not exist, and the adjustment of Firth.

few <- function(seed) {
  set.seed(seed)
  d <- data.frame(id = rep(1:8, c(30, 20, 3, 3, 3, 3, 3, 3)))
  d$arm <- d$id %% 2
  d$y <- rbinom(nrow(d), 1, 0.3)
  d
}

test_that("a negative exchangeable correlation is set to 0 and said so", {
  d <- few(2)
  expect_snapshot(fit <- gee(y ~ arm, d, id, family = binomial(), corstr = "exchangeable"))
  expect_identical(unname(fit$alpha), 0)
  expect_equal(coef(fit), coef(glm(y ~ arm, binomial(), d)), tolerance = 1e-7)
  control <- gee_control(alpha_bound = FALSE)
  free <- suppressWarnings(
    gee(y ~ arm, d, id, family = binomial(), corstr = "exchangeable", control = control)
  )
  expect_lt(free$alpha, 0)
  expect_false(gee_control("sas")$alpha_bound)
  expect_true(gee_control()$alpha_bound)
})

test_that("correlations stay positive definite, with a warning", {
  set.seed(11)
  d <- data.frame(id = rep(1:9, each = 4), t = rep(1:4, 9), x = rnorm(36))
  d$y <- rnorm(36) + rnorm(9, sd = 4)[d$id] * c(1, -1, 1, 1)[d$t]
  expect_snapshot(fit <- gee(y ~ x, d, id, t, corstr = "unstructured"))
  E <- matrix(resid(lm(y ~ x, d)), 4)
  own <- cov2cor(tcrossprod(E))
  shrink <- min(1, 0.99 / (1 - min(eigen(own)$values)))
  expect_equal(unname(fit$alpha), shrink * own[upper.tri(own)], tolerance = 1e-8)
})

test_that("correlations from few clusters that would make R singular still have a fit", {
  # Ten clusters of five visits for ten correlations: their estimates are no correlation matrix, and
  # next to the end of their range the equations run away.
  set.seed(31)
  moved <- 0L
  for (set in 1:10) {
    z <- t(apply(matrix(rnorm(50), 10), 1L, function(e) {
      as.numeric(stats::filter(c(e[1], 0.8 * e[-1]), 0.6, "recursive"))
    }))
    d <- data.frame(id = rep(1:10, each = 5), t = rep(1:5, 10), x = rnorm(50))
    d$y <- as.numeric(as.vector(t(z)) < qnorm(plogis(0.3 * d$x - 0.5)))
    fit <- withCallingHandlers(
      gee(y ~ x, d, id, t, family = binomial(), corstr = "unstructured"),
      margmix_warning_correlation = function(w) {
        moved <<- moved + 1L
        invokeRestart("muffleWarning")
      }
    )
    expect_true(fit$convergence$converged)
    R <- diag(5)
    R[upper.tri(R)] <- fit$alpha
    R[lower.tri(R)] <- t(R)[lower.tri(R)]
    mu <- plogis(drop(cbind(1, d$x) %*% coef(fit)))
    a <- mu * (1 - mu)
    score <- Reduce(`+`, lapply(split(1:50, d$id), function(i) {
      V <- sqrt(a[i]) * R * rep(sqrt(a[i]), each = 5)
      crossprod(a[i] * cbind(1, d$x[i]), solve(V, d$y[i] - mu[i]))
    }))
    expect_lt(max(abs(score)), 1e-5)
  }
  expect_gt(moved, 3L)
})

test_that("a divisor pairs - p that is not positive is named", {
  set.seed(12)
  d <- data.frame(id = rep(1:12, each = 3), t = rep(c(1, 2, 3), 12), x = rnorm(36))
  d <- d[!(d$t == 3 & d$id > 2), ]
  d$y <- rnorm(nrow(d)) + rnorm(12)[d$id]
  fit_with <- function(method) {
    gee(y ~ x + t, d, id, t, corstr = "toeplitz", control = gee_control(method))
  }
  expect_snapshot(error = TRUE, fit_with("sas"))
  expect_snapshot(fit <- fit_with("default"))
  expect_silent(fit_with("geepack"))
})

test_that("separation is found as by glmm(), and the adjusted fit is finite", {
  d <- data.frame(id = rep(1:12, each = 5), x = rep(0:1, each = 30))
  d$y <- c(rep(c(0, 1, 0, 0, 1), 6), rep(0, 30))
  expect_snapshot(
    fit <- gee(y ~ x, d, id, family = binomial(), control = gee_control(separation = "error")),
    error = TRUE
  )
  # what fails for that reason says so
  ones <- transform(d, y = 1, z = rep(c(-1, 0, 2, 1, 1), 12))
  control <- gee_control(separation = "warn")
  expect_snapshot(gee(y ~ x + z, ones, id, family = binomial(), control = control), error = TRUE)
  # With independent rows and one binary covariate Firth's estimates are those of the 2 x 2 table
  # with 1/2 added to each cell (Firth 1993).
  fit <- gee(y ~ x, d, id, family = binomial(), bias_reduce = TRUE)
  logit <- function(y) log((sum(y) + 0.5) / (sum(1 - y) + 0.5))
  expected <- c(logit(d$y[d$x == 0]), logit(d$y[d$x == 1]) - logit(d$y[d$x == 0]))
  expect_equal(unname(coef(fit)), expected, tolerance = 1e-8)
})

test_that("the adjusted equations are the score plus the gradient of log|B| / 2", {
  set.seed(13)
  d <- data.frame(id = rep(1:15, each = 4), x = rnorm(60), z = rep(0:1, 30))
  d$y <- rbinom(60, 1, plogis(-1 + d$x + rnorm(15)[d$id]))
  for (family in list(binomial(), binomial("probit"))) {
    for (corstr in c("exchangeable", "ar1", "unstructured")) {
      fit <- gee(y ~ x + z, d, id, family = family, corstr = corstr, scale = 1, bias_reduce = TRUE)
      half_log_det <- function(beta) {
        fit$beta <- beta
        determinant(apply(cluster_pieces(fit)$information, 1:2, sum))$modulus / 2
      }
      gradient <- vapply(1:3, function(c) {
        h <- replace(numeric(3), c, 1e-4)
        (half_log_det(fit$beta + h) - half_log_det(fit$beta - h)) / 2e-4
      }, 0)
      score <- colSums(cluster_pieces(fit)$scores)
      expect_gt(max(abs(score)), 1e-3)
      expect_equal(unname(score), -gradient, tolerance = 1e-5)
    }
  }
})

test_that("standard errors of phi and alpha are near those of the jackknife of clusters", {
  set.seed(14)
  d <- data.frame(id = rep(1:150, each = 4), t = rep(1:4, 150), x = rnorm(600))
  d$y <- rpois(600, exp(0.3 * d$x + rnorm(150, sd = 0.5)[d$id]))
  for (corstr in c("exchangeable", "ar1")) {
    fit <- gee(y ~ x, d, id, t, family = poisson(), corstr = corstr)
    parts <- vapply(1:150, function(i) {
      one <- gee(y ~ x, d[d$id != i, ], id, t, family = poisson(), corstr = corstr)
      c(one$phi, one$alpha)
    }, numeric(2))
    jackknife <- sqrt(149 / 150 * rowSums((parts - rowMeans(parts))^2))
    expect_equal(sqrt(engine_moment_variance(fit)), unname(jackknife), tolerance = 0.06)
  }
})

test_that("nothing depends on the order of clusters or rows, SE of alpha least of all", {
  set.seed(16)
  d <- data.frame(id = rep(1:40, times = rep(c(2, 3, 5, 4), 10)), x = rnorm(140))
  d$t <- ave(d$x, d$id, FUN = seq_along)
  d$y <- rbinom(140, 1, plogis(d$x + rnorm(40)[d$id]))
  shuffled <- d[sample(140), ]
  shuffled$id <- paste0("c", match(shuffled$id, sample(40)))
  for (corstr in c("exchangeable", "ar1", "unstructured", "decay")) {
    fits <- lapply(list(d, shuffled), function(data) {
      suppressWarnings(gee(y ~ x, data, id, t, family = binomial(), corstr = corstr))
    })
    expect_equal(coef(fits[[2L]]), coef(fits[[1L]]), tolerance = 1e-7)
    expect_equal(vcov(fits[[2L]]), vcov(fits[[1L]]), tolerance = 1e-6)
    moments <- lapply(fits, engine_moment_variance)
    expect_gt(min(moments[[1L]]), 0)
    expect_equal(moments[[2L]], moments[[1L]], tolerance = 1e-5)
  }
})

test_that("weights divide the variance, as in SAS", {
  set.seed(15)
  d <- data.frame(id = rep(1:30, each = 3), x = rnorm(90), w = rep(c(1, 2, 4), 30))
  d$y <- d$x + rnorm(90) / sqrt(d$w) + rnorm(30)[d$id]
  fit <- gee(y ~ x, d, id, weights = w, corstr = "exchangeable")
  X <- model.matrix(fit)
  W <- diag(1 / sqrt(d$w[1:3]))
  V <- W %*% (fit$alpha^(1 - diag(3))) %*% W
  parts <- lapply(split(1:90, d$id), function(j) {
    list(t(X[j, ]) %*% solve(V, X[j, ]), t(X[j, ]) %*% solve(V, d$y[j]))
  })
  sum_of <- function(k) Reduce(`+`, lapply(parts, `[[`, k))
  expect_equal(unname(coef(fit)), drop(solve(sum_of(1), sum_of(2))), tolerance = 1e-7,
    ignore_attr = TRUE)
})

test_that("correlations that 0/1 responses can't have are counted", {
  set.seed(16)
  d <- data.frame(id = rep(1:50, each = 4), x = rep(c(-3, 0, 0, 3), 50))
  u <- rep(runif(50), each = 4)
  d$y <- as.numeric(u < plogis(d$x))
  fit <- gee(y ~ x, d, id, family = binomial(), corstr = "exchangeable")
  mu <- unname(fitted(fit))
  odds <- mu / (1 - mu)
  outside <- sum(vapply(1:50, function(i) {
    o <- odds[d$id == i]
    pairs <- combn(4, 2)
    sum(fit$alpha > pmin(sqrt(o[pairs[1, ]] / o[pairs[2, ]]), sqrt(o[pairs[2, ]] / o[pairs[1, ]])))
  }, 0))
  expect_gt(outside, 0)
  expect_identical(fit$frechet[["pairs"]], outside)
  expect_match(summary(fit)$remarks[["frechet"]], "Frechet bounds")
})

test_that("the result has the same bits at any number of threads", {
  fits <- lapply(1:2, function(threads) {
    gee(resp ~ age, ohio, id, age, family = binomial(), corstr = "ar1",
      control = gee_control(threads = threads)
    )
  })
  expect_identical(fits[[1]]$beta, fits[[2]]$beta)
  expect_identical(fits[[1]]$alpha, fits[[2]]$alpha)
})
