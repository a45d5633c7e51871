# Kenward and Roger where levels are related: against their definitions with n x n matrices and
# derivatives by differences, and against independent levels.

expect_dense_model <- function(fit, covariances) {
  W <- engine_row_weights(fit, mode_predictor(fit))
  found <- working_model_at(fit)
  expected <- dense_related_model(fit, W, covariances, scales_variance(fit$family))
  for (part in names(expected)) {
    expect_equal(found[[part]], expected[[part]], tolerance = 1e-6, ignore_attr = TRUE, info = part)
  }
  invisible(found)
}

related_series <- function() {
  set.seed(3)
  d <- expand.grid(t = 1:8, id = 1:25)[-c(3, 50, 51), ]
  d$x <- rnorm(nrow(d))
  d$z <- rbinom(25, 1, 0.5)[d$id]
  d$place <- sample(6, nrow(d), TRUE)
  b <- 0.8 * replicate(25, as.vector(arima.sim(list(ar = 0.6), 8, sd = 0.8)))
  eta <- 0.3 * d$x + b[cbind(d$t, d$id)]
  d$y <- 1 + eta + rnorm(nrow(d), 0, 0.7)
  d$k <- rpois(nrow(d), exp(0.5 + eta))
  d
}

of_series <- function(fit, correlation) {
  relation <- random_factors(fit$design)[[1L]]$relation
  names <- random_factors(fit$design)[[1L]]$levels
  series <- relation$together
  function(rho) {
    K <- outer(series, series, "==") * correlation(rho, abs(outer(relation$at, relation$at, "-")))
    dimnames(K) <- list(names, names)
    stats::setNames(list(K), random_factors(fit$design)[[1L]]$label)
  }
}

test_that("series have the working model of dense matrices", {
  d <- related_series()
  ar1 <- function(rho, gap) tanh(rho)^gap
  ou <- function(rho, gap) exp(-exp(rho) * gap)
  linear <- glmm(y ~ x + z + ar1(t + 0 | id), d, REML = TRUE)
  expect_dense_model(linear, of_series(linear, ar1))
  counts <- glmm(k ~ x + z + ar1(t + 0 | id), d, poisson())
  expect_dense_model(counts, of_series(counts, ar1))
  beside <- glmm(k ~ x + z + ou(t + 0 | id) + (1 | place), d, poisson())
  expect_dense_model(beside, of_series(beside, ou))
})

test_that("a tree, with slopes and beside batches, has that of dense matrices", {
  skip_if_not_installed("ape")
  set.seed(5)
  tree <- ape::rcoal(30)
  K <- ape::vcv(tree)
  d <- data.frame(sp = rep(tree$tip.label[-4], 3), x = rnorm(87), batch = sample(5, 87, TRUE))
  root <- chol(K / max(K))
  b <- crossprod(root, cbind(rnorm(30), 0.5 * rnorm(30)))[match(d$sp, tree$tip.label), ]
  d$y <- rbinom(87, 8, plogis(b[, 1] + d$x * (0.5 + b[, 2])))
  fit <- glmm(cbind(y, 8 - y) ~ x + phylo(x | sp, tree) + (1 | batch), d, binomial())
  expect_dense_model(fit, function(rho) list(`phylo(sp)` = K / max(K)))
})

test_that("fields and areas have that of dense matrices", {
  set.seed(6)
  d <- data.frame(u = runif(50), v = runif(50))[rep(1:50, 2), ]
  D <- as.matrix(dist(d[1:50, ]))
  root <- chol((1 + D / 0.15) * exp(-D / 0.15) + diag(1e-9, 50))
  d$x <- rnorm(100)
  d$y <- rpois(100, exp(1 + 0.3 * d$x + rep(drop(crossprod(root, rnorm(50))), 2)))
  fit <- glmm(y ~ x + u + mat(u + v | 1), d, poisson())
  names <- random_factors(fit$design)[[1L]]$levels
  D <- as.matrix(dist(apply(do.call(rbind, strsplit(names, ":")), 2L, as.double)))
  expect_dense_model(fit, function(rho) {
    K <- (1 + D / exp(rho)) * exp(-D / exp(rho))
    dimnames(K) <- list(names, names)
    list(`mat(u, v)` = K)
  })
  W <- unname(as.matrix(dist(cbind(1:50 %% 7, 1:50 %/% 7))) == 1) + 0
  area <- paste0("a", 1:50)
  dimnames(W) <- list(area, area)
  a <- data.frame(area = rep(area, 2), x = rnorm(100))
  a$y <- a$x + rnorm(100) +
    3 * drop(crossprod(chol(solve(diag(rowSums(W)) - 0.9 * W)), rnorm(50)))
  fit <- glmm(y ~ x + car(1 | area, W), a, REML = TRUE)
  expect_dense_model(fit, function(rho) {
    list(`car(area)` = solve(diag(rowSums(W)) - plogis(rho) * W))
  })
})

test_that("fields with and without a nugget have that of dense matrices", {
  set.seed(16)
  d <- data.frame(u = runif(40), v = runif(40))[rep(1:40, 2), ]
  D <- as.matrix(dist(d[1:40, ]))
  d$x <- rnorm(80)
  field <- rep(drop(crossprod(chol(exp(-(D / 0.2)^2) + diag(1e-8, 40)), rnorm(40))), 2)
  d$y <- rpois(80, exp(1 + 0.3 * d$x + 0.7 * field))
  d$z <- d$x + field + rnorm(80, 0, 0.7)
  of_field <- function(fit, kernel, label) {
    names <- random_factors(fit$design)[[1L]]$levels
    D <- as.matrix(dist(apply(do.call(rbind, strsplit(names, ":")), 2L, as.double)))
    function(rho) {
      stats::setNames(list(structure(kernel(D / exp(rho)), dimnames = list(names, names))), label)
    }
  }
  gaussian <- function(u) (1 - 1e-8) * exp(-u^2) + 1e-8 * diag(nrow(u))
  exponential <- function(u) exp(-u)
  for (kernel in c("exp", "gau")) {
    label <- paste0(kernel, "(u, v)")
    correlation <- if (kernel == "exp") exponential else gaussian
    formula <- as.formula(paste0("y ~ x + u + ", kernel, "(u + v | 1)"))
    counts <- glmm(formula, d, poisson())
    expect_dense_model(counts, of_field(counts, correlation, label))
    linear <- glmm(update(formula, z ~ .), d, REML = TRUE)
    expect_dense_model(linear, of_field(linear, correlation, label))
    for (fit in list(counts, linear)) {
      expect_identical(estimated_rho(fit), 1L)
      expect_true(all(is.finite(vcov(fit, "KR"))))
    }
  }
})

test_that("areas of two parts, on a map with an island, have that of dense matrices", {
  set.seed(25)
  area <- paste0("a", 1:25)
  W <- 1 * (as.matrix(dist(cbind(1:25 %% 5, (0:24) %/% 5))) == 1)
  dimnames(W) <- list(area, area)
  W[25, ] <- W[, 25] <- 0
  root <- chol(areas_covariance(W, list(1:24), 0.6))
  d <- data.frame(area = rep(area, 4), x = rnorm(100))
  b <- rep(drop(crossprod(root, rnorm(25))), 4)
  d$z <- d$x + 1.5 * b + rnorm(100)
  d$y <- rpois(100, exp(0.5 + 0.3 * d$x + 0.8 * b))
  K <- function(rho) list(`bym2(area)` = areas_covariance(W, list(1:24), plogis(rho)))
  for (fit in suppressMessages(list(
    glmm(z ~ x + bym2(1 | area, W), d, REML = TRUE), glmm(y ~ x + bym2(1 | area, W), d, poisson())
  ))) {
    expect_identical(estimated_rho(fit), 1L)
    expect_dense_model(fit, K)
  }
})

test_that("random walks of second order, with steps without data, have that of dense matrices", {
  set.seed(18)
  d <- expand.grid(t = setdiff(1:16, c(3, 4, 11)), id = c("a", "b", "c"))
  d$x <- rnorm(nrow(d))
  walks <- replicate(3, cumsum(cumsum(rnorm(16, 0, 0.15))))
  eta <- 0.5 + 0.3 * d$x + walks[cbind(d$t, as.integer(d$id))]
  d$z <- eta + rnorm(nrow(d), 0, 0.4)
  d$y <- rpois(nrow(d), exp(pmin(eta, 3)))
  one <- generalized_inverse(crossprod(diff(diag(16), differences = 2)))
  names <- paste(rep(c("a", "b", "c"), each = 16), rep(1:16, 3), sep = ":")
  K <- structure(kronecker(diag(3), one), dimnames = list(names, names))
  of <- function(rho) list(`rw2(id)` = K)
  expect_dense_model(glmm(z ~ x + t * id + rw2(t + 0 | id), d, REML = TRUE), of)
  expect_dense_model(glmm(y ~ x + t * id + rw2(t + 0 | id), d, poisson()), of)
})

test_that("effects under a constraint have that of dense matrices", {
  set.seed(7)
  d <- data.frame(t = rep(1:15, 2), x = rnorm(30))
  d$y <- cumsum(rnorm(15, 0, 0.5))[d$t] + d$x + rnorm(30, 0, 0.5)
  fit <- glmm(y ~ x + rw1(t + 0 | 1), d, REML = TRUE)
  names <- random_factors(fit$design)[[1L]]$levels
  Q <- crossprod(diff(diag(15)))
  K <- solve(Q + 1 / 15) - 1 / 15 # the generalized inverse
  dimnames(K) <- list(names, names)
  label <- random_factors(fit$design)[[1L]]$label
  expect_dense_model(fit, function(rho) stats::setNames(list(K), label))
  # twins: a singular covariance
  A <- diag(12)
  A[1, 2] <- A[2, 1] <- 1
  A[cbind(3:11, 4:12)] <- A[cbind(4:12, 3:11)] <- 0.3
  id <- paste0("p", 1:12)
  dimnames(A) <- list(id, id)
  d <- data.frame(id = rep(id, 4), x = rnorm(48))
  d$y <- rnorm(12)[match(d$id, id)] + d$x + rnorm(48)
  fit <- suppressMessages(glmm(y ~ x + known(1 | id, covariance = A), d, REML = TRUE))
  expect_dense_model(fit, function(rho) list(`known(id)` = A))
})

test_that("levels whose relation is none have that of independent levels", {
  set.seed(22)
  d <- data.frame(id = rep(letters[1:10], each = 4), x = rnorm(40), z = rep(rnorm(10), each = 4))
  b <- cbind(rnorm(10), rnorm(10, 0, 0.6))[match(d$id, letters), ]
  d$y <- b[, 1] + d$x * b[, 2] + rnorm(40)
  d$k <- rpois(40, exp(0.7 * b[, 1] + 0.3 * d$x))
  I <- diag(10)
  dimnames(I) <- list(letters[1:10], letters[1:10])
  free <- glmm(y ~ x + z + (x | id), d, REML = TRUE)
  related <- glmm(y ~ x + z + known(x | id, precision = I), d, REML = TRUE)
  expect_equal(vcov(related, "KR"), vcov(free, "KR"), tolerance = 1e-8)
  expect_equal(anova(related), anova(free), tolerance = 1e-8, ignore_attr = TRUE)
  # the search for the restricted estimate has differences of log-determinants
  tight <- glmm_control(tolerance = 1e-16)
  free <- glmm(k ~ x + z + (1 | id), d, poisson(), nAGQ = 1, control = tight)
  related <- glmm(k ~ x + z + known(1 | id, precision = I), d, poisson(), control = tight)
  for (part in c("Phi", "P", "Omega", "correction")) {
    expect_equal(working_model(related)[[part]], working_model(free)[[part]], tolerance = 1e-8)
  }
  expect_equal(vcov(related, "KR"), vcov(free, "KR"), tolerance = 1e-6)
})

test_that("a relation at an end of its range, or of no variance, is known", {
  set.seed(8)
  d <- expand.grid(t = 1:6, id = 1:12)
  d$x <- rnorm(72)
  d$k <- rpois(72, exp(0.2 * d$x + 0.8 * rnorm(12)[d$id]))
  fit <- suppressMessages(glmm(k ~ x + ar1(t + 0 | id), d, poisson()))
  expect_identical(estimated_rho(fit), if (nzchar(rho_ends(fit$design, fit$rho))) integer() else 1L)
  expect_identical(ncol(working_model(fit)$P), 1L + length(estimated_rho(fit)))
  none <- fit
  none$theta[] <- none$Lambda[] <- 0
  expect_identical(estimated_rho(none), integer())
  # every row of a series is alike where its correlation is one
  end <- fit
  end$rho[] <- ends_of(random_factors(fit$design)[[1L]]$relation)[[1L]]$at
  expect_identical(estimated_rho(end), integer())
})

test_that("too many related levels have the tests that they had", {
  set.seed(9)
  d <- data.frame(t = 1:1100, x = rnorm(1100))
  d$y <- as.vector(arima.sim(list(ar = 0.5), 1100)) + d$x + rnorm(1100)
  linear <- glmm(y ~ x + ar1(t + 0 | 1), d, REML = TRUE)
  expect_error(vcov(linear, "KR"), "more than 1000", class = "margmix_error_kenward_roger")
  expect_output(print(summary(linear)), "too large for Kenward-Roger")
  expect_output(print(summary(linear)), "Satterthwaite")
  d$k <- rpois(1100, exp(0.3 * d$y))
  counts <- glmm(k ~ x + ar1(t + 0 | 1), d, poisson())
  expect_true(all(summary(counts)$coefficients$df == Inf))
})
