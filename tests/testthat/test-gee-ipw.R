# Four visits; who does badly at one may not come to the next. True weights are 1 over the product
# of the probabilities to stay.
dropout_data <- function(ids = 2000, binary = FALSE, seed = 1) {
  set.seed(seed)
  visit <- rep(0:3, ids)
  id <- rep(seq_len(ids), each = 4)
  arm <- id %% 2
  latent <- 0.4 + 0.3 * visit * arm + rnorm(ids)[id] + rnorm(4 * ids)
  y <- if (binary) as.numeric(latent > 0) else latent
  Y <- matrix(y, 4)
  stay <- plogis(if (binary) -0.5 + 2.5 * Y else 0.5 + Y)[-4, ]
  p <- rbind(1, apply(stay, 2, cumprod))
  here <- rbind(TRUE, apply(matrix(runif(3 * ids), 3) < stay, 2, cumprod) == 1)
  data.frame(
    id, visit, arm, w = as.vector(1 / p), full = y, y = ifelse(as.vector(here), y, NA)
  )
}

# Estimates in units of their standard error from the truth.
distance <- function(fit, truth) abs(coef(fit) - truth) / sqrt(diag(vcov(fit)))

test_that("drop-out at random: unweighted rows are biased, weighted ones are not", {
  data <- dropout_data()
  truth <- c(0.4, 0, 0, 0.3)
  naive <- gee(y ~ visit * arm, data, id, waves = visit)
  expect_gt(max(distance(naive, truth)), 5)
  weighted <- update(naive, ipw = w)
  expect_lt(max(distance(weighted, truth)), 3)
  ar1 <- update(weighted, corstr = "ar1")
  expect_lt(max(distance(ar1, truth)), 3)
  expect_identical(ipw_kind(ar1$design), "schedule")
  # binary: the probit coefficients of the margin are those of the latent scale over sqrt(2)
  binary <- dropout_data(4000, binary = TRUE)
  truth <- c(0.4, 0, 0, 0.3) / sqrt(2)
  naive <- gee(y ~ visit * arm, binary, id, waves = visit, family = binomial("probit"))
  expect_gt(max(distance(naive, truth)), 5)
  expect_lt(max(distance(update(naive, ipw = w), truth)), 3)
  expect_lt(max(distance(update(naive, ipw = w, corstr = "exchangeable"), truth)), 3)
})

test_that("over the schedule: the equations with dense matrices", {
  data <- dropout_data(60, binary = TRUE)
  fit <- gee(y ~ visit * arm, data, id, waves = visit, family = binomial(), corstr = "ar1", ipw = w)
  unweighted <- update(fit, ipw = NULL)
  expect_identical(fit$alpha, unweighted$alpha)
  R <- unname(fit$alpha)^abs(outer(1:4, 1:4, "-"))
  X <- cbind(1, data$visit, data$arm, data$visit * data$arm)
  mu <- plogis(drop(X %*% coef(fit)))
  parts <- lapply(seq_len(60), function(i) {
    rows <- 4 * (i - 1) + 1:4
    v <- mu[rows] * (1 - mu[rows])
    e <- ifelse(is.na(data$y[rows]), 0, data$w[rows] * (data$y[rows] - mu[rows]))
    list(D = v * X[rows, ], V = fit$phi * diag(sqrt(v)) %*% R %*% diag(sqrt(v)), e = e)
  })
  W <- ifelse(is.na(data$y), 0, data$w)
  slope <- Reduce(`+`, lapply(seq_len(60), function(i) {
    t(parts[[i]]$D) %*% solve(parts[[i]]$V, W[4 * (i - 1) + 1:4] * parts[[i]]$D)
  }))
  pieces <- cluster_pieces(fit)
  dense <- dense_pieces(parts)
  expect_lt(max(abs(colSums(dense$scores))), 1e-6)
  expect_equal(unname(pieces$information), unname(dense$information), tolerance = 1e-10)
  B <- rowSums(dense$information, dims = 2L)
  expect_equal(
    unname(pieces$scores), dense$scores %*% t(solve(slope)) %*% B, tolerance = 1e-10,
    ignore_attr = TRUE
  )
  expect_equal(
    unname(vcov(fit, "robust")), solve(slope) %*% crossprod(dense$scores) %*% t(solve(slope)),
    tolerance = 1e-10, ignore_attr = TRUE
  )
})

# sum D_i'V_i^-1 W_i e_i of Gaussian responses, with the working correlation of a fit.
schedule_equations <- function(fit, data) {
  X <- cbind(1, data$visit, data$arm, data$visit * data$arm)
  R <- unname(fit$alpha)^abs(outer(1:4, 1:4, "-"))
  W <- ifelse(is.na(data$y), 0, data$w)
  y <- ifelse(is.na(data$y), 0, data$y)
  function(beta) {
    e <- matrix(W * (y - X %*% beta), 4)
    drop(t(X) %*% as.vector(solve(R, e))) / fit$phi
  }
}

test_that("over the schedule: the sandwich has the derivative of the equations that are solved", {
  data <- dropout_data(150)
  fit <- gee(y ~ visit * arm, data, id, waves = visit, corstr = "ar1", ipw = w)
  U <- schedule_equations(fit, data)
  expect_lt(max(abs(U(coef(fit)))), 1e-6)
  slope <- vapply(1:4, function(j) {
    h <- replace(numeric(4), j, 1e-3)
    -(U(coef(fit) + h) - U(coef(fit) - h)) / 2e-3
  }, numeric(4))
  # influence of an id: what its equations move the solution by
  influence <- t(vapply(unique(data$id), function(i) {
    solve(slope, schedule_equations(fit, data[data$id == i, ])(coef(fit)))
  }, numeric(4)))
  expect_equal(vcov(fit, "robust"), crossprod(influence), tolerance = 1e-8, ignore_attr = TRUE)
})

test_that("over the schedule: correlations by lag, by pair and by name", {
  data <- dropout_data(60)
  naive <- gee(y ~ visit * arm, data, id, waves = visit)
  for (corstr in list("toeplitz", "unstructured", cor_mdependent(2))) {
    fit <- update(naive, corstr = corstr, ipw = w)
    R <- engine_gee_correlation(fit$schedule$design, fit$schedule$correlation, numeric())
    expect_equal(unname(update(naive, ipw = w, corstr = cor_fixed(R), scale = fit$phi)$beta),
      unname(fit$beta), tolerance = 1e-6)
  }
  R <- 0.5^abs(outer(0:3, 0:3, "-"))
  order <- c(2, 4, 1, 3)
  named <- structure(R[order, order], dimnames = list(order - 1, order - 1))
  expect_equal(coef(update(naive, ipw = w, corstr = cor_fixed(named))),
    coef(update(naive, ipw = w, corstr = cor_fixed(R))), tolerance = 1e-10)
  data$y[data$visit == data$id %% 4] <- NA
  expect_snapshot(invisible(gee(y ~ visit * arm, data, id, visit, corstr = "toeplitz", ipw = w)),
    error = TRUE)
})

test_that("the order of rows, and weights of missed visits, do not matter", {
  data <- dropout_data(60)
  fit <- gee(y ~ visit * arm, data, id, waves = visit, corstr = "ar1", ipw = w)
  other <- data[rev(seq_len(nrow(data))), ]
  other$w[is.na(other$y)] <- NA
  again <- update(fit, data = other)
  expect_equal(coef(again), coef(fit), tolerance = 1e-10)
  expect_equal(vcov(again), vcov(fit), tolerance = 1e-10)
})

test_that("by row under independence: a weighted glm with a cluster sandwich", {
  data <- dropout_data(60, binary = TRUE)
  fit <- gee(y ~ visit * arm, data, id, family = binomial(), ipw = w)
  peer <- suppressWarnings(glm(y ~ visit * arm, binomial(), data, weights = w))
  expect_equal(coef(fit), coef(peer), tolerance = 1e-7)
  # they are not prior weights
  expect_equal(unname(weights(fit)), rep(1, nobs(fit)), tolerance = 1e-12)
  X <- model.matrix(peer)
  seen <- !is.na(data$y)
  u <- rowsum(X * (data$w[seen] * residuals(peer, "response")), data$id[seen])
  B <- crossprod(X * sqrt(data$w[seen]) * sqrt(fitted(peer) * (1 - fitted(peer))))
  V <- solve(B) %*% crossprod(u) %*% solve(B)
  expect_equal(vcov(fit, "robust"), V, tolerance = 1e-6, ignore_attr = TRUE)
})

test_that("one weight per cluster: a weight of 2 is a cluster that comes twice", {
  data <- dropout_data(30)
  data$w <- 1 + (data$id %% 3 == 0)
  control <- gee_control(alpha_method = "geepack")
  fit <- gee(full ~ visit * arm, data, id, corstr = "exchangeable", ipw = w, control = control)
  twice <- data[data$w == 2, ]
  twice$id <- twice$id + 1000
  twice <- gee(full ~ visit * arm, rbind(data, twice), id,
    corstr = "exchangeable", control = control)
  expect_equal(coef(fit), coef(twice), tolerance = 1e-8)
  expect_equal(fit$alpha, twice$alpha, tolerance = 1e-7)
  expect_equal(fit$phi, twice$phi, tolerance = 1e-7)
})

test_that("what can't be done is refused; the print says what the SE count", {
  data <- dropout_data(40)
  fit <- gee(y ~ visit * arm, data, id, waves = visit, corstr = "exchangeable", ipw = w)
  expect_snapshot(fit)
  short <- data[!is.na(data$y), ]
  expect_snapshot(update(fit, data = short), error = TRUE)
  expect_snapshot(update(fit, corstr = "decay"), error = TRUE)
  expect_snapshot(update(fit, ipw = -w), error = TRUE)
  expect_snapshot(update(fit, bias_reduce = TRUE), error = TRUE)
  expect_snapshot(invisible(update(fit, ipw = w / 3)))
  expect_snapshot(qic(fit), error = TRUE)
  expect_snapshot(anova(fit, test = "score"), error = TRUE)
  expect_snapshot(vcov(fit, "jackknife-full"), error = TRUE)
  expect_s3_class(anova(fit), "anova")
})

test_that("prior weights and inverse-probability weights go together", {
  data <- dropout_data(60)
  data$prior <- rep(c(1, 2, 3, 0.5), 60)
  data$both <- data$w * data$prior
  seen <- !is.na(data$y)
  # by row: weighted least squares with their product
  fit <- gee(y ~ visit * arm, data, id, weights = prior, ipw = w)
  peer <- lm(y ~ visit * arm, data, weights = both)
  expect_equal(coef(fit), coef(peer), tolerance = 1e-8)
  X <- model.matrix(peer)
  u <- rowsum(X * (data$both[seen] * residuals(peer)), data$id[seen])
  B <- solve(crossprod(X * sqrt(data$both[seen])))
  expect_equal(vcov(fit, "robust"), B %*% crossprod(u) %*% B, tolerance = 1e-6, ignore_attr = TRUE)
  # prior weights alone, and weights alone, are other fits
  expect_gt(max(abs(coef(fit) - coef(update(fit, weights = NULL)))), 1e-3)
  expect_gt(max(abs(coef(fit) - coef(update(fit, ipw = NULL)))), 1e-3)
  # one for each id: a weight of 2 is an id that comes twice, with its prior weights
  data$w <- 1 + (data$id %% 3 == 0)
  twice <- rbind(data, transform(data[data$w == 2, ], id = id + 1000))
  fit <- gee(full ~ visit * arm, data, id, weights = prior, ipw = w)
  expect_equal(coef(fit), coef(gee(full ~ visit * arm, twice, id, weights = prior)),
    tolerance = 1e-8)
})
