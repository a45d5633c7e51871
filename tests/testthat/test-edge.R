# Links that restrict the mean, where the likelihood is largest at or near the edge.

# Log-binomial data; with `level` near 0 the estimated probabilities reach 1.
log_binomial_data <- function(level, seed, m = 12L, rows = 4L) {
  set.seed(seed)
  d <- data.frame(g = rep(seq_len(m), each = rows), x = rnorm(m * rows))
  d$y <- rbinom(nrow(d), 1, exp(pmin(level + 0.2 * d$x + 0.2 * rnorm(m)[d$g], -1e-3)))
  d
}

# The largest log-likelihood without random effects, over a grid that the edge cuts off.
grid_glm <- function(d) {
  grid <- expand.grid(a = seq(-2, 0, 0.01), b = seq(-1, 1, 0.01))
  eta <- outer(grid$a, rep(1, nrow(d))) + outer(grid$b, d$x)
  inside <- which(apply(eta, 1L, max) <= 0)
  value <- apply(eta[inside, ], 1L, function(eta) {
    sum(ifelse(d$y == 1, eta, log(-expm1(pmin(eta, -1e-300)))))
  })
  best <- inside[which.max(value)]
  list(value = max(value), edge = max(eta[best, ]))
}

test_that("a likelihood that is largest at the edge of the log link is refused with that reason", {
  d <- log_binomial_data(-0.1, 2)
  found <- grid_glm(d)
  expect_gt(found$edge, -0.02) # a mean of 1, but for the grid
  refused <- tryCatch(
    suppressMessages(glmm(y ~ x + (1 | g), d, binomial("log"))),
    margmix_error = identity
  )
  expect_s3_class(refused, "margmix_error_edge")
  expect_snapshot(writeLines(conditionMessage(refused)))
  # no standard deviation makes up for it: the integral at the best coefficients and smaller ones
  design <- list(
    X = cbind(1, d$x), Z = matrix(1, nrow(d)), y = as.numeric(d$y), trials = rep(1, nrow(d)),
    weights = rep(1, nrow(d)), offset = numeric(nrow(d)), theta_row = 0L, theta_col = 0L,
    start = as.integer(seq(0, nrow(d), 4)), levels = as.character(1:12), weights_type = "prior"
  )
  for (sd in c(0.05, 0.1, 0.3)) {
    for (a in c(-0.1, -0.2, -0.4, -0.7)) {
      for (b in c(0, 0.05, 0.1)) {
        model <- list(design = design, psi = c(a, b, sd))
        expect_lt(brute_restricted_loglik(model, binomial("log")), found$value)
      }
    }
  }
})

test_that("random effects that are small enough for the log link are found", {
  # the usual start has no finite likelihood here, nor has a step away from a zero variance
  fitted <- 0
  for (seed in 1:12) {
    d <- log_binomial_data(-0.5, seed)
    end <- tryCatch(
      suppressWarnings(suppressMessages(glmm(y ~ x + (x | g), d, binomial("log"), nAGQ = 9))),
      margmix_error = identity
    )
    if (inherits(end, "error")) expect_s3_class(end, "margmix_error_edge") else fitted <- fitted + 1
  }
  expect_gte(fitted, 4)
})
