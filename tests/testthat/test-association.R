test_that("one row per cluster: the jackknife of the residual variance", {
  data <- small_data()
  data$id <- seq_len(20)
  fit <- gee(y ~ 1, data, id)
  # without row i, at the mean of all: its residual leaves the sum, which is divided by N - 2
  e2 <- (data$y - mean(data$y))^2
  change <- sum(e2) / 19 - (sum(e2) - e2) / 18
  expect_equal(association(fit)$std.error, sqrt(19 / 20 * sum(change^2)), tolerance = 1e-6)
  expect_equal(association(fit)$estimate, var(data$y))
})

test_that("standard errors are near those of full refits without each cluster", {
  set.seed(4)
  data <- data.frame(id = rep(1:60, each = 5), x = rnorm(300), t = rep(1:5, 60))
  data$y <- rnorm(60)[data$id] + 0.5 * data$x + rnorm(300)
  for (corstr in c("exchangeable", "ar1", "unstructured", "mdependent")) {
    fit <- gee(y ~ x, data, id, waves = t, corstr = corstr)
    refitted <- vapply(1:60, function(i) {
      without <- update(fit, subset = id != i)
      c(without$phi, without$alpha)
    }, c(fit$phi, fit$alpha))
    change <- refitted - c(fit$phi, fit$alpha)
    want <- sqrt(59 / 60 * rowSums(change^2))
    # one step is of first order in what a cluster changes
    expect_equal(association(fit)$std.error, unname(want), tolerance = 0.1, label = corstr)
  }
})

test_that("repeated samples: the standard errors say how the estimates vary", {
  set.seed(5)
  found <- replicate(200, {
    y <- rep(rnorm(50), each = 4) * 0.7 + rnorm(200)
    fit <- suppressMessages(gee(y ~ 1, data.frame(y), id = rep(1:50, each = 4),
      corstr = "exchangeable"))
    c(fit$alpha, association(fit)$std.error[2L])
  })
  # 200 samples: the sd has a relative error of 5%
  expect_equal(median(found[2L, ], na.rm = TRUE), sd(found[1L, ]), tolerance = 0.15)
})

test_that("fixed and bounded estimates have none; the print says how they were found", {
  fit <- gee_fit("factor")
  fixed <- association(update(fit, scale = 1))
  expect_true(is.na(fixed$std.error[1L]) && !is.na(fixed$std.error[2L]))
  expect_snapshot(association(fit))
  expect_snapshot(association(result_fit("infection")), error = TRUE)
})
