# Semivariograms and autocorrelations of residuals, against their definitions.

test_that("semivariances and correlations are means over pairs at a distance", {
  set.seed(2)
  d <- expand.grid(t = 1:6, id = 1:8)[-c(3, 20), ]
  d <- d[sample(nrow(d)), ]
  d$y <- rpois(nrow(d), 4)
  fit <- glmm(y ~ 1 + (1 | id), d, poisson())
  found <- diagnose_dependence(fit, d$t, d$id, nsim = 19)
  r <- residuals(fit, type = "pearson")
  r <- unname(r - mean(r))
  near <- outer(d$id, d$id, "==") & upper.tri(diag(nrow(d)))
  for (lag in 1:5) {
    pairs <- which(near & abs(outer(d$t, d$t, "-")) == lag, arr.ind = TRUE)
    a <- r[pairs[, 1L]]
    b <- r[pairs[, 2L]]
    expect_equal(
      unlist(found$table[lag, c("distance", "pairs", "semivariance", "correlation")]),
      c(
        distance = lag, pairs = nrow(pairs), semivariance = mean((a - b)^2) / 2,
        correlation = mean(a * b) / mean(r^2)
      ),
      tolerance = 1e-10
    )
  }
  again <- diagnose_dependence(fit, cbind(d$t, 0), d$id, nsim = 19)
  expect_identical(again$table$correlation, found$table$correlation)
  expect_output(print(found), "Nearest class: p = ")
  file <- tempfile(fileext = ".pdf")
  grDevices::pdf(file)
  plot(found)
  grDevices::dev.off()
})

test_that("dependence is found where it is left, and not where a series takes it", {
  set.seed(4)
  d <- expand.grid(t = 1:12, id = 1:20)
  b <- replicate(20, stats::arima.sim(list(ar = 0.8), 12, sd = 0.6))
  d$y <- 1 + as.vector(b) + rnorm(240, 0, 0.5)
  simple <- diagnose_dependence(glmm(y ~ 1 + (1 | id), d), d$t, d$id)
  expect_lt(simple$p.value, 0.02)
  expect_gt(simple$table$correlation[1L], 0.2)
  series <- diagnose_dependence(glmm(y ~ 1 + ar1(t + 0 | id), d), d$t, d$id)
  expect_lt(series$table$correlation[1L], 0.05)
  # places: distances in classes, and a sample of the rows
  d$u <- stats::runif(240)
  d$v <- stats::runif(240)
  places <- diagnose_dependence(glmm(y ~ 1 + (1 | id), d), d[c("u", "v")], most = 100, nsim = 39)
  expect_identical(places$rows, 100L)
  expect_lte(nrow(places$table), 10L)
  expect_gt(places$p.value, 0.01)
})

test_that("what is no place or group is refused", {
  d <- data.frame(y = c(1, 3, 2, 5, 4, 6), id = rep(1:2, 3), t = 1:6)
  fit <- suppressMessages(suppressWarnings(glmm(y ~ 1 + (1 | id), d)))
  refused <- function(..., words) {
    expect_error(diagnose_dependence(fit, ...), words, class = "margmix_error_argument")
  }
  refused(1:5, words = "for 6 rows")
  refused(letters[1:6], words = "finite numbers")
  refused(c(1:5, NA), words = "finite numbers")
  refused(1:6, 1:3, words = "each row")
  refused(1:6, 1:6, words = "two rows")
})
