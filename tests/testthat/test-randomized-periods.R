# Averages over the periods of a trial: against their definition with refits of glm(), derivatives
# by differences, and package MRStdLCRT.

# Four sequences of three clusters, five periods, sizes from 2 to 9; clusters in any order.
period_trial <- function() {
  cell <- expand.grid(period = 1:5, cluster = 1:12)
  size <- 2 + (7 * seq_len(nrow(cell))) %% 8
  d <- cell[rep(seq_len(nrow(cell)), size), ]
  d$treat <- as.integer(d$period > 1 + d$cluster %% 4)
  row <- seq_len(nrow(d))
  d$x <- sin(row) + d$cluster / 10
  d$y <- as.integer(sin(row * 1.7) + 0.4 * d$x + d$treat * d$cluster / 8 + d$period / 9 > 0.6)
  d[order(row %% 5), ]
}

# The averages by definition, cluster i counted `times`[i] times; `vertical` ones of periods alike.
means_by_hand <- function(d, average, times = rep(1, 12)) {
  d$count <- times[d$cluster]
  d <- d[d$count > 0, ]
  model <- quietly(suppressWarnings(glm(y ~ treat + x + period, binomial(), d,
    weights = d$count, control = glm.control(1e-14)
  )))
  kept <- d[d$period %in% 2:4, ]
  size <- ave(rep(1, nrow(kept)), kept$cluster, FUN = sum)
  cell <- ave(rep(1, nrow(kept)), kept$cluster, kept$period, FUN = sum)
  w <- kept$count * switch(average,
    individual = 1, cluster = 1 / size, period = 1, `cluster-period` = 1 / cell
  )
  vertical <- average %in% c("period", "cluster-period")
  vapply(0:1, function(a) {
    m <- predict(model, transform(kept, treat = a), type = "response")
    had <- kept$treat == a
    parts <- vapply(2:4, function(j) {
      now <- kept$period == j
      mu <- weighted.mean(m[now], w[now]) +
        weighted.mean((kept$y - m)[now & had], w[now & had])
      c(mu, if (vertical) 1 else sum(w[now]))
    }, numeric(2))
    weighted.mean(parts[1, ], parts[2, ])
  }, 0)
}

averages <- c("individual", "cluster", "period", "cluster-period")

by_period <- function(fit, average, ...) {
  marginal_standardization(fit, "treat",
    randomized = TRUE, period = "period", average = average, contrast = "difference", ...
  )
}

test_that("means, influence and jackknife are those by hand", {
  d <- period_trial()
  fit <- gee(y ~ treat + x + period, d, id = cluster, family = binomial(),
    corstr = "independence", control = gee_control(tol = 1e-12)
  )
  for (average in averages) {
    mu <- means_by_hand(d, average)
    robust <- by_period(fit, average, vcov = "robust")
    expect_equal(robust$means$estimate, mu, tolerance = 1e-9)
    h <- 1e-5
    influence <- vapply(1:12, function(i) {
      step <- h * (1:12 == i)
      (means_by_hand(d, average, 1 + step) - means_by_hand(d, average, 1 - step)) / (2 * h)
    }, numeric(2))
    expect_equal(unname(robust$vcov_means), tcrossprod(influence), tolerance = 1e-6, info = average)
    left_out <- vapply(1:12, function(i) means_by_hand(d, average, +(1:12 != i)), numeric(2))
    full <- by_period(fit, average, vcov = "jackknife-full")
    expect_equal(unname(full$vcov_means), 11 / 12 * tcrossprod(left_out - mu), tolerance = 1e-7)
    quick <- by_period(fit, average, vcov = "jackknife")
    expect_equal(quick$contrasts$std.error, full$contrasts$std.error, tolerance = 0.01)
    KC <- by_period(fit, average, vcov = "KC")
    expect_identical(by_period(fit, average)$vcov_means, quick$vcov_means)
    expect_equal(KC$contrasts$std.error^2,
      sum((quick$assigned$left %*% c(-1, 1)) * (robust$assigned$right %*% c(-1, 1))),
      tolerance = 1e-10
    )
  }
})

test_that("four averages and their jackknife are those of package MRStdLCRT", {
  source(reference_csv("models-stepped-wedge.R"), local = TRUE)
  d <- stepped_wedge_rows(read.csv(reference_csv("stepped-wedge.csv")))
  peer <- read.csv(reference_csv("stepped-wedge-averages.csv"))
  fit <- glmm(y ~ trt + factor(period) + x + (1 | cluster), d, REML = TRUE)
  for (i in seq_along(averages)) {
    found <- marginal_standardization(fit, "trt",
      randomized = TRUE, period = "period", average = peer$average[i], vcov = "jackknife-full"
    )
    expect_equal(found$contrasts$estimate, peer$estimate[i], tolerance = 1e-6)
    # the peer's is around the mean of the estimates without a cluster
    J <- drop(found$assigned$left %*% c(-1, 1))
    expect_equal(sqrt(sum((J - mean(J))^2)), peer$se[i], tolerance = 1e-5)
  }
})

test_that("one period is the parallel trial, and a crossover has all its periods", {
  data <- small_trial()
  data$once <- "only"
  fit <- gee(y ~ treat + x, data, id = id, family = binomial(), corstr = "independence")
  # shares of individuals make both the same for the average individual
  one <- marginal_standardization(fit, "treat", randomized = TRUE, period = "once")
  d <- period_trial()
  d$treat <- as.integer((d$cluster + d$period) %% 2)
  crossover <- gee(y ~ treat + x + period, d, id = cluster, family = binomial())
  found <- by_period(crossover, "cluster-period")
  expect_match(found$basis, "periods 1, 2, 3, 4, 5; holds", fixed = TRUE)
  share <- tapply(data$treat, data$treat, length) / nrow(data)
  p <- ifelse(data$treat == 1, share[["1"]], share[["0"]])
  m <- lapply(0:1, function(a) predict(fit, transform(data, treat = a), type = "response"))
  expect_equal(one$means$estimate, vapply(1:2, function(k) {
    mean(m[[k]] + (data$treat == k - 1) * (data$y - m[[k]]) / p)
  }, 0), tolerance = 1e-9)
})

test_that("the print names the periods, and what can't be compared is refused", {
  d <- period_trial()
  d$letter <- ifelse(d$x > 0, "a", "b")
  fit <- gee(y ~ treat + x + period, d, id = cluster, family = binomial())
  expect_snapshot(by_period(fit, "cluster-period"))
  expect_snapshot(error = TRUE, {
    marginal_standardization(fit, "treat", average = "period")
    marginal_standardization(fit, "treat", period = "period")
    marginal_standardization(fit, "treat", period = "period", randomized = c(0.5, 0.5))
    marginal_standardization(fit, "treat", period = "x", randomized = TRUE)
    marginal_standardization(fit, "treat", period = "none", randomized = TRUE)
    marginal_standardization(fit, "treat", period = "period", randomized = TRUE, by = "letter")
    marginal_standardization(fit, "treat", period = "letter", randomized = TRUE)
    marginal_standardization(fit, "treat", period = "cluster", randomized = TRUE)
  })
})
