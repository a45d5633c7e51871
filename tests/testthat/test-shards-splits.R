# Any split of the clusters into shards gives the same bits.

# The whole, and shards of random clusters.
split_at_random <- function(data, id) {
  clusters <- unique(data[[id]])
  splits <- lapply(c(1L, 3L, 10L), function(count) {
    part <- sample(rep_len(seq_len(count), length(clusters)))
    unname(split(data, part[match(data[[id]], clusters)]))
  })
  lapply(splits, function(pieces) shards(sample(pieces), id, identity))
}

expect_same_bits <- function(data, id, answer) {
  answers <- lapply(split_at_random(data, id), function(s) quietly(answer(s)))
  for (other in answers[-1L]) expect_identical(other, answers[[1L]])
}

# Of covariates far from zero, whose sums lose digits.
uneven_shards <- local({
  set.seed(11)
  d <- transform(shard_sample, x = x + 100, h = g %% 2)
  d <- d[sample(nrow(d), 200), ] # clusters of different sizes, not sorted
  d$visit <- stats::ave(d$g, d$g, FUN = seq_along)
  d$half <- d$visit %/% 3
  row.names(d) <- NULL
  d
})

estimates_and_errors <- function(fit) {
  c(unclass(fit)[c("beta", "theta", "phi", "alpha")], list(
    vcov = vcov(fit, "model"), robust = vcov(fit, "robust"), corrected = vcov(fit, "KC")
  ))
}

test_that("a mixed model has the same bits whatever the shards, of every family", {
  d <- uneven_shards
  set.seed(1)
  same <- function(formula, family, nAGQ = 5, ...) {
    expect_same_bits(d, "g", function(s) {
      fit <- glmm(formula, s, family, nAGQ = nAGQ, ...)
      c(estimates_and_errors(fit), list(logLik(fit), vcov(fit, full = TRUE)))
    })
  }
  same(bin ~ x + f + (1 | g), binomial())
  same(bin ~ x + (1 | g), binomial(), 1)
  same(bin ~ x + (f | g), binomial("probit"), 1)
  same(cbind(k, n - k) ~ f + (1 | g), binomial("cloglog"), 9)
  same(bin ~ f + (1 | g), binomial(), 3, control = glmm_control(collapse = TRUE))
  same(y ~ x + f + (x | g), gaussian())
  same(y ~ x + (1 | g / half), gaussian(), 1)
  same(count ~ x + offset(log(t)) + (1 | g), poisson())
  same(count ~ f + (1 | g / half), poisson(), 3)
  same(over ~ x + (1 | g), nbinom2())
  same(over ~ f + (1 | g), nbinom1(), 1)
  same(size ~ x + (1 | g), Gamma("log"))
  same(share ~ x + (1 | g), beta_family())
})

test_that("a marginal model has the same bits whatever the shards, with every correlation", {
  d <- uneven_shards
  set.seed(2)
  same <- function(formula, family, corstr, ...) {
    call <- as.call(c(
      list(quote(gee), formula, quote(s), quote(g), family = family, corstr = corstr),
      eval(substitute(alist(...)))
    ))
    expect_same_bits(d, "g", function(s) {
      fit <- eval(call)
      c(estimates_and_errors(fit), list(summary(fit)$coefficients))
    })
  }
  for (corstr in c("independence", "exchangeable", "ar1", "unstructured", "toeplitz")) {
    same(bin ~ x + f, binomial(), corstr, waves = visit)
  }
  same(count ~ x, poisson(), cor_mdependent(2), waves = visit)
  same(y ~ x, gaussian(), cor_decay(), waves = visit)
  same(y ~ x, gaussian(), cor_nested(), inner = interaction(g, half))
  same(bin ~ x, binomial(), "exchangeable", control = gee_control(alpha_method = "maee"))
  same(bin ~ x, binomial(), "exchangeable", bias_reduce = TRUE)
  same(cbind(k, n - k) ~ x, binomial(), "exchangeable")
})

test_that("standardized means have the same bits whatever the shards", {
  d <- uneven_shards
  set.seed(3)
  same <- function(fit_of, ...) {
    expect_same_bits(d, "g", function(s) {
      fit <- fit_of(s)
      lapply(c("model", "robust", "KC"), function(type) {
        as.data.frame(marginal_standardization(fit, "h", vcov = type, ...))
      })
    })
  }
  mixed <- function(s) glmm(bin ~ x + h + f + (x || g), s, binomial(), nAGQ = 3)
  same(mixed)
  same(mixed, by = "f", average = "cluster")
  same(function(s) gee(count ~ x * h, s, g, family = poisson(), corstr = "exchangeable"))
})

test_that("what is pooled, and which loops are taken, does not depend on the shards", {
  set.seed(4)
  d <- data.frame(id = rep(1:1100, each = 10), x = rep(0:1, 5500))
  d$n <- 1 + (d$id > 600) # one trial in some of the shards
  d$k <- rbinom(nrow(d), d$n, plogis(0.5 * d$x - 0.5 + rnorm(1100)[d$id]))
  pieces <- lapply(list(d$id > 0, d$id > 600, d$id %/% 100), function(part) {
    shards(unname(split(d, part)), "id", identity)
  })
  same <- function(answer) {
    answers <- lapply(pieces, answer)
    for (other in answers[-1L]) expect_identical(other, answers[[1L]])
    answers[[1L]]
  }
  fields <- c("beta", "theta", "logLik", "vcov_full", "patterns")
  found <- same(function(s) {
    unclass(glmm(cbind(k, n - k) ~ x + (1 | id), s, binomial(), nAGQ = 5))[fields]
  })
  expect_identical(found$patterns, 2200L)
  single <- glmm_control(collapse = FALSE)
  found <- same(function(s) {
    unclass(glmm(cbind(k, n - k) ~ x + (1 | id), s, binomial(), nAGQ = 5, control = single))[fields]
  })
  expect_null(found$patterns)
})
