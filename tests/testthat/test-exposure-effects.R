# Exposure times, and effects by exposure time: against dense algebra, closed forms and packages.

# Q sequences of k clusters, Q + 1 periods, n rows in each.
wedge <- function(Q = 4, k = 2, n = 3) {
  d <- expand.grid(row = seq_len(n), period = seq_len(Q + 1), cluster = seq_len(Q * k))
  d$exposure <- exposure_time(d$period, start = 2 + (d$cluster - 1) %/% k)
  d$treated <- as.integer(d$exposure > 0)
  d
}

test_that("exposure time counts the periods since the start", {
  expect_identical(exposure_time(1:5, start = 3), c(0L, 0L, 1L, 2L, 3L))
  expect_identical(exposure_time(1:3, start = NA), integer(3))
  expect_identical(exposure_time(1:3, start = Inf), integer(3))
  # dates, in any row order, and clusters that never start
  d <- wedge()
  d <- d[order(sin(seq_len(nrow(d)))), ]
  date <- as.Date("2020-01-15") + c(0, 40, 60, 200, 300)[d$period]
  expect_identical(exposure_time(date, treated = d$treated, cluster = d$cluster), d$exposure)
  expect_identical(
    exposure_time(factor(d$period), treated = d$treated == 1, cluster = d$cluster), d$exposure
  )
  never <- d$treated * (d$cluster > 2)
  found <- exposure_time(d$period, treated = never, cluster = d$cluster)
  expect_identical(found, ifelse(d$cluster > 2, d$exposure, 0L))
  expect_identical(exposure_time(c(1, NA, 2), start = 2), c(0L, NA, 1L))
})

test_that("one treatment effect is no average of the effects, and exposure times give each", {
  # The weights that a model with one effect gives to the effects at times 1 to Q, for a correlation
  # phi between the means of the periods of a cluster: Kenny et al. (2022)
  weights <- function(Q, phi) {
    t <- Q:1
    6 * t * ((1 + 2 * phi * Q) * t - (1 + phi * Q * (Q + 1))) /
      (Q * (Q + 1) * (Q - 1) * (2 + phi * Q))
  }
  effect <- c(0, 1, -2, 0.5, 4)
  for (phi in c(0, 0.5)) {
    d <- wedge(n = 1)
    d$y <- sqrt(d$period) + effect[d$exposure + 1]
    R <- diag(5) * (1 - phi) + phi
    one <- gee(y ~ treated + factor(period), d, id = cluster, waves = period, corstr = cor_fixed(R))
    expect_equal(one$beta[["treated"]], sum(weights(4, phi) * effect[-1]), tolerance = 1e-10)
    each <- quietly(gee(y ~ factor(exposure) + factor(period), d,
      id = cluster, waves = period, corstr = cor_fixed(R), scale = 1
    ))
    found <- quietly(exposure_effects(each, "exposure"))
    expect_equal(found$estimate, c(effect[-1], mean(effect[-1]), 4), tolerance = 1e-8)
  }
  expect_true(weights(4, 0.5)[4] < 0)
})

test_that("a nested-exchangeable linear model gives dense generalized least squares", {
  d <- wedge(5, 3)
  set.seed(2)
  d$y <- rnorm(15)[d$cluster] + rnorm(90, sd = 0.6)[interaction(d$cluster, d$period)] +
    0.2 * d$exposure + rnorm(nrow(d))
  fit <- glmm(y ~ factor(period) + factor(exposure) + (1 | cluster / period), d, REML = TRUE)
  sd <- as.data.frame(VarCorr(fit))$sdcor
  same <- outer(d$cluster, d$cluster, `==`)
  V <- sd[2]^2 * same + sd[1]^2 * same * outer(d$period, d$period, `==`) +
    sigma(fit)^2 * diag(nrow(d))
  by_group <- as.data.frame(VarCorr(fit))$grp
  if (identical(by_group[1], "cluster")) {
    V <- sd[1]^2 * same + sd[2]^2 * same * outer(d$period, d$period, `==`) +
      sigma(fit)^2 * diag(nrow(d))
  }
  X <- model.matrix(~ factor(period) + factor(exposure), d)
  A <- solve(t(X) %*% solve(V, X))
  b <- A %*% t(X) %*% solve(V, d$y)
  c <- c(rep(0, 6), rep(1 / 5, 5))
  found <- exposure_effects(fit, "exposure", vcov = "model")
  expect_equal(found$estimate[1:6], c(b[7:11], sum(c * b)), tolerance = 1e-8)
  expect_equal(found$std.error[6], sqrt(drop(t(c) %*% A %*% c)), tolerance = 1e-7)
  # some of the times
  c <- c(rep(0, 7), rep(1 / 2, 2), 0, 0)
  some <- exposure_effects(fit, "exposure", times = 2:3, vcov = "model")
  expect_equal(some$estimate[3:4], c(sum(c * b), b[9]), tolerance = 1e-8)
  expect_equal(some$std.error[3], sqrt(drop(t(c) %*% A %*% c)), tolerance = 1e-7)
})

test_that("Kenward-Roger errors and degrees of freedom of the average are those of lmerTest", {
  skip_if_not_installed("lmerTest")
  skip_if_not_installed("pbkrtest")
  d <- wedge(4, 3)
  set.seed(3)
  d$y <- rnorm(12)[d$cluster] + rnorm(60, sd = 0.7)[interaction(d$cluster, d$period)] +
    rnorm(nrow(d))
  fit <- glmm(y ~ factor(period) + factor(exposure) + (1 | cluster / period), d, REML = TRUE)
  peer <- lmerTest::lmer(y ~ factor(period) + factor(exposure) + (1 | cluster / period), d,
    control = lme4::lmerControl(optCtrl = list(xtol_abs = 1e-12, ftol_abs = 1e-12))
  )
  found <- exposure_effects(fit, "exposure", vcov = "KR")
  expected <- lmerTest::contest1D(peer, c(rep(0, 5), rep(1 / 4, 4)), ddf = "Kenward-Roger")
  average <- unlist(found[5L, c("estimate", "std.error", "df", "statistic", "p.value")])
  expect_equal(average, unlist(expected), tolerance = 1e-4, ignore_attr = TRUE)
  equal <- cbind(matrix(0, 3, 5), -1, diag(3))
  expected <- lmerTest::contest(peer, equal, ddf = "Kenward-Roger")
  test <- attr(found, "constant")
  expect_equal(c(test$statistic, test$df2, test$p.value),
    c(expected$`F value`, expected$DenDF, expected$`Pr(>F)`),
    tolerance = 1e-4
  )
})

test_that("effects by exposure time are those of package steppedwedge", {
  d <- read.csv(reference_csv("stepped-wedge.csv"))
  peer <- read.csv(reference_csv("stepped-wedge-peers.csv"))
  d$exposure <- exposure_time(d$period, treated = d$trt, cluster = d$cluster)
  single <- d[rep(seq_len(nrow(d)), d$n), ]
  single$y <- unlist(Map(function(e, n) rep(1:0, c(e, n - e)), d$events, d$n))
  fits <- list(
    mixed = glmm(cbind(events, n - events) ~ factor(period) + factor(exposure) + (1 | cluster), d,
      binomial(), nAGQ = 1
    ),
    GEE = gee(y ~ factor(period) + factor(exposure), single,
      id = cluster, family = binomial(), corstr = "exchangeable",
      control = gee_control(alpha_method = "geepack", alpha_bound = FALSE)
    )
  )
  # lme4 stops early and has standard errors by differences; geepack stops at 1e-4
  for (i in seq_len(nrow(peer))) {
    times <- peer$from[i]:peer$to[i]
    vcov <- c(mixed = "model", GEE = "robust")[[peer$method[i]]]
    found <- exposure_effects(fits[[peer$method[i]]], "exposure", times, vcov, df = Inf)
    found <- found[match(peer$effect[i], found$effect), ]
    expect_equal(log(found$estimate), peer$estimate[i], tolerance = 3e-4, info = i)
    expect_equal(found$std.error, peer$se[i], tolerance = 3e-4, info = i)
  }
})

test_that("with interactions effects are means over the rows, and other forms of time will do", {
  d <- wedge(4, 4)
  d$x <- cos(seq_len(nrow(d)))
  set.seed(5)
  d$y <- rnorm(nrow(d)) + rnorm(16)[d$cluster]
  fit <- gee(y ~ factor(period) + factor(exposure) * x, d, id = cluster)
  found <- exposure_effects(fit, "exposure", vcov = "robust")
  b <- coef(fit)
  expect_equal(found$estimate[2],
    b[["factor(exposure)2"]] + mean(d$x) * b[["factor(exposure)2:x"]],
    tolerance = 1e-10
  )
  line <- gee(y ~ factor(period) + exposure, d, id = cluster)
  found <- exposure_effects(line, "exposure")
  expect_equal(found$estimate, coef(line)[["exposure"]] * c(1:4, 2.5, 4), tolerance = 1e-10)
  expect_identical(attr(found, "constant")$df1, 1L)
  d$time <- factor(d$exposure)
  named <- gee(y ~ factor(period) + time, d, id = cluster)
  expect_equal(exposure_effects(named, "time")$estimate[1:4], coef(named)[paste0("time", 1:4)],
    ignore_attr = TRUE, tolerance = 1e-10
  )
})

test_that("averages of standardized contrasts are those of the means", {
  d <- wedge(3, 4)
  d$y <- as.integer(sin(7 * seq_len(nrow(d))) + d$exposure / 4 > 0.2)
  fit <- gee(y ~ factor(period) + factor(exposure), d, id = cluster, family = binomial())
  standardized <- marginal_standardization(fit, "exposure", values = 0:3)
  found <- exposure_effects(standardized)
  m <- standardized$means$estimate
  V <- standardized$vcov_means
  average <- found[found$effect == "average", ]
  slope <- c(-1, 1 / 3, 1 / 3, 1 / 3)
  expect_equal(average$estimate, c(
    mean(m[-1]) - m[1], exp(mean(log(m[-1] / m[1]))), exp(mean(qlogis(m[-1])) - qlogis(m[1]))
  ), tolerance = 1e-10)
  expect_equal(average$std.error, vapply(
    list(slope, slope / m, slope / (m * (1 - m))), function(s) sqrt(drop(s %*% V %*% s)), 0
  ), tolerance = 1e-8)
  d$half <- d$cluster %% 2L
  halves <- gee(y ~ factor(period) + factor(exposure) + half, d, id = cluster, family = binomial())
  by <- exposure_effects(marginal_standardization(halves, "exposure",
    values = 0:3, by = "half", contrast = "difference"
  ))
  expect_identical(nrow(by), 10L)
  expect_identical(unique(by$half), c("0", "1"))
})

test_that("they are printed in words, and bad input is refused", {
  d <- wedge(4, 4)
  d$y <- as.integer(sin(7 * seq_len(nrow(d))) + d$exposure / 4 > 0.2)
  fit <- gee(y ~ factor(period) + factor(exposure), d, id = cluster, family = binomial())
  expect_snapshot({
    exposure_effects(fit, "exposure")
    exposure_effects(fit, "exposure", times = 2, exponentiate = FALSE, vcov = "MD")
    exposure_effects(marginal_standardization(fit, "exposure", values = 0:4), times = 1:2)
  })
  shifted <- transform(d, exposure = exposure + 1)
  letters <- transform(d, exposure = base::letters[exposure + 1])
  expect_snapshot(error = TRUE, {
    exposure_effects(fit, "treated")
    exposure_effects(fit, exposure)
    exposure_effects(fit, "exposure", times = 5)
    exposure_effects(fit, "exposure", times = c(1, 1))
    exposure_effects(quietly(update(fit, data = shifted)), "exposure")
    exposure_effects(quietly(update(fit, data = letters)), "exposure")
    exposure_effects(marginal_standardization(fit, "exposure", values = 0:4, reference = 1))
    exposure_effects(1)
    exposure_time(1:3)
    exposure_time(1:3, start = 4)
    exposure_time(1:3, start = 1:2)
    exposure_time(1:3, treated = c(0, 1, 0), cluster = c(1, 1, 1))
    exposure_time(c(1, 1, 2), treated = c(0, 1, 1), cluster = c(1, 1, 1))
    exposure_time(1:3, treated = 0:2, cluster = 1:3)
    exposure_time(1:3, treated = 0, cluster = 1)
    exposure_time(NULL, start = 1)
  })
})
