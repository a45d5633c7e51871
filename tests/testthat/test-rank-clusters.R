# Expected ranks and tail probabilities against posteriors integrated or drawn independently.

ranking_data <- function(m = 12L) {
  set.seed(51)
  d <- data.frame(id = rep(seq_len(m), times = rep(c(2, 5, 12), length.out = m)))
  d$y <- rbinom(nrow(d), 1, plogis(-0.5 + 1.2 * rnorm(m)[d$id]))
  d
}

test_that("ranks are sums of pairwise probabilities of the exact posteriors", {
  d <- ranking_data()
  fit <- glmm(y ~ 1 + (1 | id), d, binomial(), nAGQ = 25)
  ranks <- rank_clusters(fit, tail = 0.25)
  sd <- drop(fit$Lambda)
  u <- seq(-8, 8, by = 0.01) # posteriors on a grid of the package's own making, not of the engine
  f <- vapply(1:12, function(i) {
    y <- d$y[d$id == i]
    density <- vapply(u, function(u) prod(dbinom(y, 1, plogis(fit$beta + sd * u))), 0) * dnorm(u)
    density / sum(density)
  }, u)
  cdf <- apply(f, 2L, cumsum) - f / 2
  P <- crossprod(f, cdf) # probability that b_k is less than b_i
  wanted <- 1 + rowSums(P) - diag(P)
  ours <- ranks[order(as.integer(ranks$cluster)), ]
  expect_equal(ours$rank, wanted, tolerance = 1e-5)
  expect_equal(ours$percentile, 100 * wanted / 13, tolerance = 1e-5)
  expect_equal(ours$estimate, sd * colSums(u * f), tolerance = 1e-6)
  quantile <- function(p) {
    vapply(1:12, function(i) sd * approx(cdf[, i], u, p, ties = mean)$y, 0)
  }
  expect_equal(ours$lower, quantile(0.025), tolerance = 1e-3)
  expect_equal(ours$upper, quantile(0.975), tolerance = 1e-3)
  # a quarter of twelve clusters is expected above the threshold
  above <- vapply(u, function(x) sum(1 - cdf[u == x, ]), 0)
  at <- approx(above, u, 3, ties = mean)$y
  tail <- vapply(1:12, function(i) 1 - approx(u, cdf[, i], at)$y, 0)
  expect_equal(ours$p_high, tail, tolerance = 1e-3)
})

test_that("ranks and probabilities add up, for every kind of model", {
  d <- nested_data()
  fits <- list(
    glmm(y ~ x + (1 | a), d, binomial(), nAGQ = 9),
    glmm(count ~ x + (x | a), d, poisson(), nAGQ = 5),
    glmm(response ~ x + (1 | a), d), glmm(y ~ x + (1 | a / b), d, binomial(), nAGQ = 5)
  )
  for (fit in fits) {
    m <- cluster_count(fit$design)
    ranks <- suppressMessages(rank_clusters(fit, tail = 0.2))
    expect_equal(sum(ranks$rank), m * (m + 1) / 2, tolerance = 1e-5)
    expect_equal(sum(ranks$p_high), 0.2 * m, tolerance = 1e-4)
    expect_equal(sum(ranks$p_low), 0.2 * m, tolerance = 1e-4)
    expect_false(is.unsorted(ranks$rank))
    expect_true(all(ranks$lower < ranks$estimate & ranks$estimate < ranks$upper))
  }
  inner <- rank_clusters(fits[[4L]], group = "a:b")
  expect_equal(sum(inner$rank), 45 * 46 / 2, tolerance = 1e-5)
  slope <- rank_clusters(fits[[2L]], effect = "x")
  expect_identical(attr(slope, "effect"), "x")
})

test_that("with normal posteriors the ranks are those of the normal distribution", {
  d <- nested_data()
  fit <- glmm(response ~ x + (1 | a), d)
  ranks <- rank_clusters(fit)
  b <- ranef(fit)$a
  mean <- b[[1L]]
  v <- drop(attr(b, "postVar"))
  wanted <- vapply(seq_along(mean), function(i) {
    1 + sum(pnorm((mean[i] - mean[-i]) / sqrt(v[i] + v[-i])))
  }, 0)
  expect_equal(ranks$rank[order(as.integer(ranks$cluster))], wanted, tolerance = 1e-6)
})

test_that("little data are ranked in the middle, and equal clusters not at all", {
  d <- data.frame(id = rep(1:10, times = c(2, rep(40, 9))))
  set.seed(52)
  d$y <- rbinom(nrow(d), 1, plogis(2 * rnorm(10)[d$id]))
  d$y[d$id == 1] <- 1 # all of two: the highest raw mean
  fit <- suppressMessages(glmm(y ~ 1 + (1 | id), d, binomial(), nAGQ = 15))
  ranks <- rank_clusters(fit)
  expect_lt(ranks$rank[ranks$cluster == "1"], 9)
  flat <- result_fit("zero")
  expect_snapshot(error = TRUE, {
    rank_clusters(flat)
    rank_clusters(fit, effect = "slope")
    rank_clusters(fit, tail = 2)
    rank_clusters(1)
  })
})

test_that("printed and drawn", {
  ranks <- rank_clusters(result_fit("infection"))
  expect_snapshot(print(ranks))
  expect_snapshot(print(rank_clusters(result_fit("toenail")), rows = 4))
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  expect_identical(plot(ranks)$rank, ranks$rank)
  expect_error(plot(rank_clusters(result_fit("toenail")), labels = FALSE), NA)
})

test_that("a part of the table prints", {
  ranks <- rank_clusters(result_fit("infection"))
  expect_output(print(ranks[1:2, c("cluster", "rank")]), "rank", fixed = TRUE)
  expect_output(print(head(ranks, 2)), "of 8, lowest first", fixed = TRUE)
})

# Posteriors of a bridge random intercept by their definition, on a grid of b of the test's own that
# is dense at the peak of the prior.
bridge_ranking <- function(fit, d, tail, x = seq(-6.5, 6.5, length.out = 4001L)) {
  b <- 0.1 * sinh(x)
  phi <- 1 / sqrt(1 + 3 * fit$theta[[1L]]^2 / pi^2)
  prior <- sin(phi * pi) / (2 * pi * (cosh(phi * b) + cos(phi * pi))) # Wang and Louis (2003), (4)
  ids <- unique(d$id)
  f <- vapply(ids, function(i) {
    successes <- sum(d$y[d$id == i])
    size <- sum(d$id == i)
    at <- fit$beta[[1L]] + b
    density <- cosh(x) * prior * exp(plogis(at, log.p = TRUE) * successes +
      plogis(-at, log.p = TRUE) * (size - successes))
    density / sum(density)
  }, b)
  cdf <- apply(f, 2L, cumsum) - f / 2
  P <- crossprod(f, cdf)
  at <- function(count) approx(rowSums(cdf), b, count, ties = mean)$y
  under <- function(x) apply(cdf, 2L, function(p) approx(b, p, x)$y)
  quantile <- function(p) apply(cdf, 2L, function(one) approx(one, b, p, ties = mean)$y)
  m <- length(ids)
  data.frame(
    cluster = as.character(ids), estimate = colSums(b * f), lower = quantile(0.025),
    upper = quantile(0.975), rank = 1 + rowSums(P) - diag(P), p_low = under(at(m * tail)),
    p_high = 1 - under(at(m * (1 - tail)))
  )
}

test_that("with a bridge effect the ranks are those of the exact posteriors", {
  # a moderate and a small variance, where the density of b has a peak at 0 and long tails
  for (sd in c(1.5, 0.4)) {
    set.seed(53)
    d <- data.frame(id = rep(1:20, times = rep(c(2, 5, 12, 60), 5)))
    d$y <- rbinom(nrow(d), 1, plogis(-1 + sd * rnorm(20)[d$id]))
    fit <- glmm(y ~ 1 + (1 | id), d, binomial(), random_distribution = "bridge")
    ranks <- rank_clusters(fit, tail = 0.2)
    wanted <- bridge_ranking(fit, d, 0.2)
    ours <- ranks[match(wanted$cluster, ranks$cluster), ]
    for (column in names(wanted)[-1L]) {
      expect_equal(ours[[column]], wanted[[column]], tolerance = 1e-5, label = column)
    }
    expect_true(attr(ranks, "exact"))
  }
})

test_that("labels that would meet are left out, the more extreme rank has its own", {
  grDevices::pdf(NULL, 5, 5)
  on.exit(grDevices::dev.off())
  graphics::plot(0:10, 0:10)
  apart <- labels_apart(c(2, 2, 2.1, 8, 5), c(1, 5, 5.01, 5.02, 9), paste0("label", 1:5), 0.6)
  expect_setequal(apart, c(1L, 3:5))
})

test_that("eight random effects of a linear model are ranked, as normals are", {
  set.seed(3)
  d <- data.frame(id = gl(20, 8), item = gl(8, 1, 160), x = rnorm(160))
  d$z <- d$x + rep(rnorm(20), each = 8) + rnorm(160)
  fit <- suppressMessages(glmm(z ~ x + cs(item | id), d))
  b <- ranef(fit, type = "mean")$id
  sd <- sqrt(attr(b, "postVar")[1, 1, ])
  above <- outer(b[[1]], b[[1]], `-`) / sqrt(outer(sd^2, sd^2, `+`))
  ranks <- rank_clusters(fit)
  expect_equal(ranks$rank, sort(unname(0.5 + rowSums(pnorm(above)))), tolerance = 1e-6)
  expect_identical(c(points_within(25L, 2L, 2200), points_within(25L, 7L, 2200)), c(25L, 3L))
  expect_identical(points_within(25L, 8L, 2200), 1L)
})
