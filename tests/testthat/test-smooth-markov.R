# Random walks and areas as smooths of Markov random fields, against the dense normal density with
# the generalized inverse of the precision.

steps_data <- local({
  set.seed(2)
  m <- 12L
  d <- data.frame(area = factor(rep(letters[1:m], each = 8L)), t = rep(1:m, each = 8L))
  d$time <- factor(d$t)
  d$g <- gl(8L, 1L, nrow(d))
  d$x <- rnorm(nrow(d))
  d$y <- 0.3 * d$x + cumsum(rnorm(m, 0, 0.5))[d$t] + rnorm(m, 0, 0.5)[d$t] +
    rnorm(8L, 0, 0.4)[d$g] + rnorm(nrow(d), 0, 0.6)
  d
})

# The maximum over the standard deviations of a field of precision Q, of the factors `others` and
# of the residuals; X spans the null space of Q too.
dense_maximum <- function(d, X, level, Q, others) {
  parts <- eigen(Q, symmetric = TRUE)
  some <- parts$values > 1e-9
  half <- parts$vectors[, some] %*% diag(1 / sqrt(parts$values[some]))
  indicator <- function(f) outer(f, unique(f), `==`) + 0
  variances <- c(
    list(tcrossprod(half)[level, level]),
    lapply(others, function(f) tcrossprod(indicator(as.integer(f)))), list(diag(nrow(d)))
  )
  minus <- function(log_sd) {
    V <- Reduce(`+`, Map(`*`, variances, exp(2 * log_sd)))
    L <- chol(V)
    r <- qr.resid(
      qr(backsolve(L, X, transpose = TRUE)), backsolve(L, d$y, transpose = TRUE)
    )
    0.5 * (nrow(d) * log(2 * pi) + sum(r^2)) + sum(log(diag(L)))
  }
  start <- rep(-0.7, length(variances))
  -stats::optim(start, minus, method = "BFGS", control = list(reltol = 1e-14))$value
}

named <- function(Q, names) structure(Q, dimnames = list(names, names))

test_that("random walks of first and second order are those of the dense density", {
  skip_if_not_installed("mgcv")
  d <- steps_data
  for (order in 1:2) {
    Q <- named(crossprod(diff(diag(12L), differences = order)), levels(d$time))
    fit <- glmm(y ~ x + s(time, bs = "mrf", xt = list(penalty = Q)) + (1 | g), d)
    X <- cbind(1, d$x, if (order == 2L) d$t)
    expect_equal(as.numeric(logLik(fit)), dense_maximum(d, X, d$t, Q, list(d$g)),
      tolerance = 1e-9
    )
  }
  # a saved fit knows what the term names
  again <- unserialize(serialize(fit, NULL))
  expect_equal(coef(update(again, data = d)), coef(fit), tolerance = 1e-6)
  expect_equal(predict(again, d[1:3, ]), predict(fit, d[1:3, ]), tolerance = 1e-10)
})

test_that("neighbouring areas, and independent areas beside them", {
  skip_if_not_installed("mgcv")
  d <- steps_data
  W <- 1 * (abs(outer(1:12, 1:12, `-`)) == 1)
  W[cbind(c(1, 5, 3, 9), c(5, 1, 9, 3))] <- 1
  Q <- named(diag(rowSums(W)) - W, levels(d$area))
  X <- cbind(1, d$x)
  field <- glmm(y ~ x + s(area, bs = "mrf", xt = list(penalty = Q)) + (1 | g), d)
  expect_equal(as.numeric(logLik(field)), dense_maximum(d, X, d$t, Q, list(d$g)),
    tolerance = 1e-9
  )
  set.seed(5)
  d$y <- d$y + rnorm(12L, 0, 0.6)[d$t]
  both <- glmm(y ~ x + s(area, bs = "mrf", xt = list(penalty = Q)) + (1 | area), d)
  expect_equal(as.numeric(logLik(both)), dense_maximum(d, X, d$t, Q, list(d$area)),
    tolerance = 1e-8
  )
  expect_identical(
    deviation_names(both), c("sd_(Intercept)|area", "sd_s(area)", "sigma")
  )
})
