# A fit to shards is the fit to all rows in memory, which is the independent reference here.

test_that("a fit to shards is that to all rows, of every family", {
  d <- shard_sample
  s <- in_shards(d, "g")
  same <- function(formula, family, nAGQ = 5, ...) {
    settings <- list(formula, family = family, nAGQ = nAGQ, control = exactly(), ...)
    fit <- function(data) quietly(do.call(glmm, c(settings, list(data = data))))
    expect_same_fit(fit(s), fit(d))
  }
  same(bin ~ x + f + (x | g), binomial(), 3)
  same(bin ~ f + (1 | g), binomial("log"))
  same(cbind(k, n - k) ~ x + (x || g), binomial("probit"), 1)
  same(k / n ~ x + (1 | g), binomial("cloglog"), "auto", weights = quote(n))
  same(y ~ x + f + (x | g), gaussian())
  same(y ~ x + f + (1 | g), gaussian(), subset = quote(x > -1), weights = quote(t))
  same(exp(y) ~ x + (1 | g), gaussian("log"))
  same(count ~ x + offset(log(t)) + (1 | g), poisson())
  same(over ~ x + (1 | g), nbinom2())
  same(over ~ f + (1 | g), nbinom1())
  same(size ~ x + (1 | g), Gamma("log"))
  same(size ~ f + (1 | g), Gamma("inverse"))
  same(size ~ x + (1 | g), inverse.gaussian("log"))
  same(share ~ x + (1 | g), beta_family())
  same(cbind(k, n - k) ~ x + (1 | g), betabinomial())
  same(y ~ x + homcs(0 + f | g), gaussian())
})

test_that("restricted likelihood, equal rows and aliased columns do not mind shards", {
  d <- transform(shard_sample, twice = 2 * x)
  s <- in_shards(d, "g")
  both <- function(...) {
    fits <- lapply(list(s, d), function(data) quietly(glmm(..., data = data)))
    expect_same_fit(fits[[1L]], fits[[2L]], 1e-8)
    fits[[1L]]
  }
  both(y ~ x + f + (1 | g), REML = TRUE)
  both(bin ~ f + (1 | g), family = binomial(), nAGQ = 3, REML = TRUE)
  fit <- both(bin ~ f + (1 | g), family = binomial(), nAGQ = 3, control = exactly(collapse = TRUE))
  expect_lt(fit$patterns, nrow(d))
  expect_true(is.na(coef(both(y ~ x + twice + (1 | g), control = exactly()))[["twice"]]))
  expect_warning(glmm(y ~ x + twice + (1 | g), s), class = "margmix_warning_rank")
})

test_that("tests and intervals with few clusters are those of all rows", {
  d <- shard_sample
  s <- in_shards(d, "g")
  for (model in list(
    list(bin ~ x + f + (x | g), binomial(), 3), list(count ~ x + (1 | g), poisson(), 5),
    list(y ~ x + f + (1 | g), gaussian(), 1)
  )) {
    fit <- function(data) {
      quietly(glmm(model[[1L]], data, model[[2L]], nAGQ = model[[3L]], control = exactly()))
    }
    here <- fit(d)
    there <- fit(s)
    expect_equal(vcov(there, "KR"), vcov(here, "KR"), tolerance = 1e-7)
    expect_equal(summary(there)$coefficients, summary(here)$coefficients, tolerance = 1e-7)
  }
})

test_that("levels are those of all shards, sorted as factor() does", {
  d <- shard_sample
  d$level <- c("10", "9", "8")[1 + d$g %% 3] # one in each shard
  d$text <- factor(d$f, c("c", "a", "b"))
  d$flag <- d$g %% 3 == 0
  s <- in_shards(d, "g")
  formula <- y ~ factor(as.numeric(level)) + level + text + (1 | g)
  fit <- quietly(glmm(formula, s, control = exactly()))
  expect_same_fit(fit, quietly(glmm(formula, d, control = exactly())))
  fit <- glmm(y ~ flag + text + (1 | g), s, contrasts = list(text = "contr.sum"))
  mem <- glmm(y ~ flag + text + (1 | g), d, contrasts = list(text = "contr.sum"))
  expect_equal(coef(fit), coef(mem), tolerance = 1e-6)
  new <- d[c(1, 5, 9), ]
  expect_equal(predict(fit, new), predict(mem, new), tolerance = 1e-6)
})

test_that("order of shards and what is kept in memory do not change a bit", {
  d <- shard_sample
  files <- write_shards(d, "g", 4L)
  estimate <- function(...) {
    fit <- glmm(bin ~ x + f + (1 | g), shards(..., id = "g"), binomial(), nAGQ = 5)
    unclass(fit)[c("beta", "theta", "logLik", "vcov_full")]
  }
  first <- estimate(files)
  expect_identical(estimate(rev(files)), first)
  expect_identical(estimate(files[c(3, 1, 4, 2)], memory = 0), first)
  expect_identical(estimate(1:4, read = function(k) readRDS(files[k])), first)
})

test_that("a process keeps no more than it may, also when frames become larger designs", {
  data <- shard_sample[rep(1:240, 50), ]
  row.names(data) <- NULL
  data$y <- data$y + rep(1:50, each = 240) / 10
  files <- write_shards(data, "g", 6L)
  for (memory in c(0, 3e5, 7e5)) {
    fit <- glmm(y ~ x + f + (1 | g), shards(files, "g", memory = memory))
    kept <- shard_rooms[[plan_of_shards(fit$design)$key]]$elements
    expect_lte(sum(vapply(kept, function(x) as.double(object.size(x)), 0)), memory)
    expect_identical(length(kept) > 0L, memory > 0)
  }
  # one that is at its end is told what to do
  full <- function(file) stop("cannot allocate vector of size 2.0 Gb")
  expect_error(shards(files, "g", read = full), "Given: shard .*cannot allocate.*smaller `memory`",
    class = "margmix_error_shards"
  )
  error <- plain_error(simpleError("std::bad_alloc"), list(source = list(labels = "a")), 1L)
  expect_match(error$message, "Given: shard a\n  Hint: .*smaller `memory`")
})

test_that("ids are matched by value", {
  d <- shard_sample
  reference <- coef(glmm(bin ~ x + (1 | g), in_shards(d, "g"), binomial(), nAGQ = 5))
  same <- function(g, read = readRDS) {
    s <- in_shards(transform(d, g = g), "g", read = read)
    fit <- glmm(bin ~ x + (1 | g), s, binomial(), nAGQ = 5)
    expect_equal(coef(fit), reference, tolerance = 1e-9)
  }
  same(as.character(d$g))
  same(d$g + 0.5)
  same(factor(d$g, 30:1))
  same(d$g, function(file) { # other levels in every shard
    rows <- readRDS(file)
    transform(rows, g = factor(g, rev(unique(g))))
  })
  skip_if_not_installed("bit64")
  same(bit64::as.integer64(d$g))
  expect_equal(
    ranef(glmm(y ~ x + (1 | g), in_shards(d, "g"), control = exactly()))$g,
    ranef(glmm(y ~ x + (1 | g), d, control = exactly()))$g, tolerance = 1e-8
  )
})

test_that("ranges of a table in a database are shards", {
  skip_if_not_installed("RSQLite")
  file <- tempfile(fileext = ".sqlite")
  connection <- DBI::dbConnect(RSQLite::SQLite(), file)
  DBI::dbWriteTable(connection, "visits", shard_sample)
  DBI::dbDisconnect(connection)
  read <- function(range) {
    connection <- DBI::dbConnect(RSQLite::SQLite(), file)
    on.exit(DBI::dbDisconnect(connection))
    DBI::dbGetQuery(connection, "select * from visits where g between ? and ?", params = range)
  }
  s <- shards(list(list(1, 12), list(13, 30)), id = "g", read = read)
  expect_same_fit(
    glmm(bin ~ x + (1 | g), s, binomial(), nAGQ = 5),
    glmm(bin ~ x + (1 | g), shard_sample, binomial(), nAGQ = 5), 1e-8
  )
})
