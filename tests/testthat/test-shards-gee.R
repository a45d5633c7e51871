# A marginal fit to shards is the fit to all rows in memory, which is the independent reference
# here: it is checked against dense matrices and other software elsewhere.

visits <- local({
  d <- shard_sample[order(shard_sample$g), ]
  d$v <- rep(1:8, 30)
  d$u <- d$v + d$t / 50
  d$unit <- paste(d$g, d$v %/% 3)
  d$arm <- d$g %% 2
  d[-c(3, 50, 51, 100, 120:124), ]
})
exact_gee <- function(...) gee_control(tolerance = 1e-11, ...)

# Estimates, all covariances and degrees of freedom, and standard errors of scale and correlations.
expect_same_marginal_fit <- function(fit, other, tolerance = 1e-10) {
  expect_equal(coef(fit), coef(other), tolerance = tolerance)
  expect_equal(fit$phi, other$phi, tolerance = tolerance)
  expect_equal(fit$alpha, other$alpha, tolerance = 10 * tolerance)
  expect_identical(fit$convergence$two_step, other$convergence$two_step)
  expect_identical(fit$boundary, other$boundary)
  expect_equal(fit$frechet, other$frechet)
  there <- quietly(summary(fit))
  here <- quietly(summary(other))
  expect_equal(there$coefficients, here$coefficients, tolerance = 100 * tolerance)
  # from differences
  expect_equal(there$correlation, here$correlation, tolerance = 1e-6)
  expect_equal(there$scale, here$scale, tolerance = 1e-6)
}

test_that("every correlation, family and moment estimator is that of all rows", {
  s <- in_shards(visits, "g")
  correlations <- list(
    list(corstr = "independence"), list(corstr = "exchangeable"),
    list(corstr = "ar1", waves = quote(v)), list(corstr = "ar1", waves = quote(u)),
    list(corstr = cor_mdependent(2), waves = quote(v)), list(corstr = "toeplitz"),
    list(corstr = "unstructured", waves = quote(v)),
    list(corstr = cor_mdependent(2, stationary = FALSE), waves = quote(v)),
    list(corstr = cor_fixed(0.5^abs(outer(1:8, 1:8, "-"))), waves = quote(v)),
    list(corstr = "nested", inner = quote(unit)), list(corstr = "decay", waves = quote(u))
  )
  models <- list(
    list(bin ~ x + f, family = binomial()), list(count ~ x + offset(log(t)), family = poisson()),
    list(y ~ x + f, weights = quote(t)), list(size ~ x, family = Gamma("log"))
  )
  methods <- c("default", "geepack", "maee")
  for (k in seq_along(correlations)) {
    for (j in c(k %% 4L, (k + 1L) %% 4L) + 1L) {
      settings <- c(models[[j]], correlations[[k]], list(
        id = quote(g), control = exact_gee(alpha_method = methods[1L + (k + j) %% 3L])
      ))
      fit <- function(data) quietly(do.call(gee, c(settings, list(data = data))))
      mem <- tryCatch(fit(visits), margmix_error_correlation = function(e) NULL)
      if (is.null(mem)) {
        expect_error(fit(s), class = "margmix_error_correlation")
      } else {
        expect_same_marginal_fit(fit(s), mem)
      }
    }
  }
})

test_that("other arguments mean what they mean in memory", {
  d <- transform(visits, twice = 2 * x, w = ifelse(g == 4 | v == 2 & g < 9, 0, t))
  d$x[c(7, 70)] <- NA
  s <- in_shards(d, "g", 5L)
  both <- function(...) {
    settings <- c(as.list(substitute(list(...)))[-1L], list(control = exact_gee()))
    fit <- function(data) quietly(do.call(gee, c(settings, list(data = data))))
    there <- fit(s)
    expect_same_marginal_fit(there, fit(d))
    expect_identical(sub(", in 5 shards", "", size_words(there)), size_words(fit(d)))
    there
  }
  both(bin ~ x + f, id = ~g, family = binomial(), corstr = "exchangeable", bias_reduce = TRUE)
  both(y ~ x + twice, id = g, corstr = "exchangeable", weights = w)
  both(count ~ f, id = g, family = quasipoisson(), corstr = "ar1", scale = 1, subset = x > -1)
  both(cbind(k, n - k) ~ x, id = g, family = binomial(), corstr = "toeplitz")
  fit <- both(bin ~ x, id = g, family = binomial("identity"), corstr = "exchangeable")
})

test_that("means at the end of their range are counted over all shards", {
  d <- transform(visits, z = rep_len(0:1, nrow(visits)))
  d$bin[d$z == 0] <- 0
  said <- lapply(list(d, in_shards(d, "g")), function(data) {
    expect_warning(
      gee(bin ~ z, data, g,
        family = binomial("identity"), control = gee_control(separation = "none")
      ),
      class = "margmix_warning_edge"
    )
  })
  expect_identical(conditionMessage(said[[2L]]), conditionMessage(said[[1L]]))
})

test_that("visits are those of all shards together", {
  d <- visits
  d$label <- c("b", "base", "m10", "m2", "x", "y", "z", "last")[d$v]
  d$level <- factor(d$label, c("b", "base", "m2", "m10", "x", "y", "z", "last"))
  d$day <- as.Date("2020-01-01") + 7 * d$v
  # shards that lack visits, so that each alone would number them, and count lags, otherwise
  d <- d[!(d$g %% 3 == 1 & d$v %in% c(1, 3, 5, 7)) & !(d$g %% 3 == 2 & d$v == 1), ]
  s <- in_shards(d, "g")
  same <- function(waves, corstr) {
    fit <- function(data) {
      quietly(do.call(gee, list(
        y ~ x, data, quote(g), waves = as.name(waves), corstr = corstr, control = exact_gee()
      )))
    }
    expect_same_marginal_fit(fit(s), fit(d))
  }
  same("label", "unstructured")
  same("level", "unstructured")
  same("level", "toeplitz")
  same("day", "toeplitz")
  same("day", cor_mdependent(1))
  same("v", cor_fixed(0.6^abs(outer(1:8, 1:8, "-"))))
})

test_that("any split, order and keeping gives one result", {
  d <- visits
  reference <- gee(bin ~ x + f, d, g, family = binomial(), corstr = "ar1", control = exact_gee())
  fit <- function(...) {
    gee(bin ~ x + f, shards(..., id = "g"), g, family = binomial(), corstr = "ar1",
      control = exact_gee()
    )
  }
  files <- write_shards(d, "g", 4L)
  first <- fit(files)
  same_bits <- function(other) {
    expect_identical(unclass(other)[c("beta", "phi", "alpha")],
      unclass(first)[c("beta", "phi", "alpha")])
    expect_identical(vcov(other), vcov(first))
  }
  same_bits(fit(files[c(3, 1, 4, 2)]))
  same_bits(fit(rev(files), memory = 0))
  set.seed(2)
  for (split in list(1:30, rep(1, 30), sample(3, 30, TRUE), cut(1:30, 7, labels = FALSE))) {
    pieces <- split(d, split[d$g])
    expect_same_marginal_fit(fit(seq_along(pieces), read = function(k) pieces[[k]]), reference)
  }
})

test_that("ids are matched by value", {
  reference <- gee(y ~ x, visits, g, corstr = "exchangeable", control = exact_gee())
  same <- function(g, read = readRDS) {
    s <- in_shards(transform(visits, g = g), "g", read = read)
    expect_same_marginal_fit(
      gee(y ~ x, s, g, corstr = "exchangeable", control = exact_gee()), reference
    )
  }
  same(as.character(visits$g))
  same(visits$g + 0.5)
  same(visits$g, function(file) { # other levels in every shard
    rows <- readRDS(file)
    transform(rows, g = factor(g, rev(unique(g))))
  })
  skip_if_not_installed("bit64")
  same(bit64::as.integer64(visits$g))
})

test_that("covariances, tests, means and predictions are those of all rows", {
  s <- in_shards(visits, "g")
  fit <- function(data, formula = bin ~ x + f + arm) {
    gee(formula, data, g, waves = v, family = binomial(), corstr = "ar1", control = exact_gee())
  }
  there <- fit(s)
  here <- fit(visits)
  same <- function(answer, tolerance = 1e-8) {
    expect_equal(quietly(answer(there, s)), quietly(answer(here, visits)), tolerance = tolerance)
  }
  refits <- c("jackknife-joint", "jackknife-full")
  for (type in setdiff(gee_vcov_types, refits)) same(function(x, ...) vcov(x, type))
  for (df in c("K-pb", "between-within", "pan-wall", "fay-graubard")) {
    same(function(x, ...) tidy(x, df = df, conf.int = TRUE))
  }
  same(function(x, ...) glance(x))
  same(function(x, ...) component(x, c("scores", "information")))
  same(function(x, ...) odds_ratios(x))
  same(function(x, ...) anova(x))
  same(function(x, ...) anova(x, test = "score"))
  same(function(x, data) anova(x, fit(data, bin ~ x)))
  same(function(x, data) anova(x, fit(data, bin ~ x + arm), test = "score"))
  same(function(x, data) {
    as.matrix(as.data.frame(qic(x, fit(data, bin ~ x)))[c("QIC", "QICu", "CIC", "RJC")])
  })
  same(function(x, ...) predict(x, visits[1:9, ], type = "response", se.fit = TRUE))
  means <- function(...) {
    function(x, data) as.data.frame(marginal_standardization(x, ...))
  }
  same(means("arm"))
  same(means("arm", by = "f", vcov = "MD"))
  same(means("f", average = "cluster", vcov = "model"))
  weighted <- function(data) gee(y ~ arm, data, g, weights = ifelse(v < 3 | g == 2, 0, t))
  expect_equal(
    as.data.frame(marginal_standardization(weighted(s), "arm")),
    as.data.frame(marginal_standardization(weighted(visits), "arm")), tolerance = 1e-8
  )
})

test_that("what is wrong in some shard, or is no sum over clusters, is an error that says so", {
  s <- in_shards(visits, "g")
  refused <- function(expr, class = "margmix_error_shards") {
    expect_error(quietly(expr), class = class)
  }
  refused(gee(y ~ x, s, id = arm))
  refused(gee(y ~ x, s, id = ~ arm:g))
  refused(gee(y ~ x, s, g, ipw = t))
  refused(gee(y ~ x, s, g, waves = rank(u), corstr = "ar1"))
  refused(gee(y ~ scale(x), s, g))
  refused(gee(y ~ x, s, g, corstr = "nested"), "margmix_error_inner")
  refused(gee(y ~ x, s, g, inner = v, corstr = "nested"), "margmix_error_inner")
  refused(gee(y ~ x, s, g, waves = u, corstr = "toeplitz"), "margmix_error_waves")
  refused(gee(y ~ x, s, g, corstr = cor_fixed(diag(3))), "margmix_error_waves")
  refused(gee(y ~ x, s, g, weights = 0 * v), "margmix_error_weights")
  refused(gee(bin ~ bin2, in_shards(transform(visits, bin2 = bin), "g"), g, family = binomial()),
    "margmix_error_gee_failed")
  one <- in_shards(visits[visits$g == 1, ], "g", 1L)
  refused(gee(y ~ x, one, g), "margmix_error_few_clusters")
  twice <- transform(visits, v = ifelse(g == 5, 1, v))
  refused(gee(y ~ x, in_shards(twice, "g"), g, waves = v, corstr = "ar1"),
    "margmix_error_duplicate_rows")
  fit <- gee(y ~ x, s, g)
  refused(vcov(fit, "jackknife-joint"))
  refused(vcov(fit, "jackknife-full"))
  refused(residuals(fit))
  refused(predict(fit))
  refused(anova(fit, gee(y ~ 1, visits, g)))
})
