# What shards() and a fit to shards refuse, before anything is fitted.

expect_refused <- function(expr, words, class = "margmix_error_shards") {
  error <- expect_error(expr, class = class)
  expect_match(conditionMessage(error), words, fixed = TRUE)
}

# Shards from a list of data frames.
of_frames <- function(..., id = "id") {
  frames <- list(...)
  shards(seq_along(frames), id, function(k) frames[[k]])
}

rows <- function(id, ...) data.frame(id = rep(id, each = 3), x = 1:3, y = c(2, 1, 4), ...)

test_that("shards that do not go together are named", {
  a <- rows(1:3)
  expect_refused(of_frames(a, rows(3:5)), "Given: 3 in shards 1 and 2")
  expect_refused(of_frames(a, rows(c("3", "x"))), "`id` is number in shard 1, character in 2")
  expect_refused(of_frames(a, a), "was one given twice")
  expect_refused(of_frames(a, rows(4:6, z = 1)), "shards 1 and 2 differ in `z`")
  expect_refused(of_frames(a, transform(rows(4:6), y = as.character(y))), "`y` is number")
  expect_refused(of_frames(a, a[0, ]), "shard 2: 0 rows")
  expect_refused(of_frames(a, as.list(a)), "shard 2: an object of class list")
  expect_refused(of_frames(a, id = "patient"), "no `patient` among `id`, `x`, `y`")
  expect_refused(of_frames(rows(c(1, 5)), rows(c(2, 5.0)), rows(7)), "5 in shards 1 and 2")
})

test_that("files that can't be read are named", {
  files <- write_shards(rows(1:6), "id", 2L)
  expect_refused(shards(c(files, files[1L]), "id"), "part1.rds")
  expect_refused(shards(c(files, "none.rds"), "id"), "none.rds")
  whole <- readBin(files[2L], "raw", 1e6)
  writeBin(whole[seq_len(length(whole) %/% 2)], files[2L])
  expect_refused(shards(files, "id"), "shard part2.rds")
})

test_that("a shard that has changed since the first pass is named", {
  data <- transform(rows(1:6), y = y + rep(c(0, 1, 3), 6)[id])
  files <- write_shards(data, "id", 2L)
  s <- shards(files, "id", memory = 0)
  kept <- shards(files, "id")
  first <- coef(glmm(y ~ x + (1 | id), s))
  saveRDS(readRDS(files[2L])[1:3, ], files[2L])
  expect_refused(glmm(y ~ x + (1 | id), s), "shard part2.rds: 3 rows, 9 before")
  # the first fit has what the first pass has read
  expect_identical(coef(glmm(y ~ x + (1 | id), kept)), first)
  expect_refused(glmm(y ~ x + (1 | id), kept), "shard part2.rds: 3 rows, 9 before")
  saveRDS(readRDS(files[1L])[4:9, ], files[1L])
  expect_refused(gee(y ~ x, s, id), "shard part1.rds: 6 rows, 9 before")
})

test_that("arguments are checked", {
  refused <- function(expr) expect_error(expr, class = "margmix_error_argument")
  refused(shards(character(), "id"))
  refused(shards("a.rds", c("a", "b")))
  refused(shards("a.rds", "id", read = "readRDS"))
  refused(shards("a.rds", "id", memory = NA))
  refused(shards("a.rds", "id", cluster = 2))
})

test_that("a variable that depends on all rows is refused, with what to give instead", {
  s <- of_frames(rows(1:3), rows(4:6), rows(7:9))
  fit <- function(formula) glmm(formula, s)
  for (formula in list(
    y ~ scale(x) + (1 | id), y ~ splines::ns(x, 2) + (1 | id), y ~ poly(x, 2) + (1 | id),
    y ~ I(x - mean(x)) + (1 | id), y ~ cut(x, 2) + (1 | id), y ~ rank(x) + (1 | id)
  )) {
    expect_refused(fit(formula), "A variable must be computed from its own row")
  }
  ages <- rep(c(2.5, 1, 4, 3, 2), length.out = 9)
  expect_refused(fit(y ~ ages + (1 | id)), "must be columns of the shards")
  d <- transform(rows(1:9), x = x + id %% 4, y = sin(7 * id + 3 * x))
  own <- y ~ scale(x, 2, 1) + poly(x, 2, raw = TRUE)[, 2] + splines::ns(x, knots = 3, B = c(1, 6)) +
    (1 | id)
  fit <- function(data) quietly(glmm(own, data, control = glmm_control(tolerance = 1e-22)))
  expect_equal(coef(fit(of_frames(d[1:12, ], d[13:27, ]))), coef(fit(d)), tolerance = 1e-8)
})

test_that("what shards can't do yet is an error, and no other answer", {
  s <- of_frames(rows(1:3, site = 1), rows(4:6, site = 2))
  expect_refused(glmm(y ~ x + (1 | site), s), "`site` in the formula, `id` in shards()")
  expect_refused(glmm(y ~ x + (1 | site / id), s), "nested in each other")
  expect_refused(
    glmm(y > 2 ~ x + (1 | id), s, binomial(), random_distribution = "bridge"), "bridge"
  )
  expect_refused(glmm(y > 2 ~ x + (1 | id), s, binomial(), penalty = "soft"), "Given: glmm()")
  expect_refused(glmm(y ~ x + ar1(x + 0 | id), s), "related levels")
  expect_refused(gee(y ~ x, id = site, data = s), "`site` in the formula, `id` in shards()")
})

test_that("levels in another order are refused", {
  a <- rows(1:3, f = factor(c("u", "v", "w"), c("w", "v", "u")))
  b <- rows(4:6, f = factor(c("u", "v", "w"), c("u", "w", "v")))
  expect_refused(glmm(y ~ f + (1 | id), of_frames(a, b)), "must be in the same order in all shards")
})

test_that("a response without variation between or within clusters is seen over all shards", {
  s <- of_frames(rows(1:3), rows(4:6))
  flat <- function(k) transform(rows(k), y = rep(k, each = 3))
  expect_error(
    glmm(y ~ x + (1 | id), of_frames(flat(1:3), flat(4:6))),
    class = "margmix_error_residual_variance"
  )
  expect_error(
    glmm(y > 3 ~ x + (1 | id), of_frames(flat(1:3), flat(4:6)), binomial()),
    class = "margmix_error_variance_separation"
  )
  expect_warning(
    try(glmm(I(x > 2) ~ x + (1 | id), s, binomial(), nAGQ = 3), silent = TRUE),
    class = "margmix_warning_separation"
  )
  one <- of_frames(rows(1), rows(2), rows(3))
  expect_error(
    glmm(y > 2 ~ 1 + (1 | id), of_frames(rows(1)[1, ], rows(2)[1, ]), binomial()),
    class = "margmix_error_not_identified"
  )
  expect_equal(nobs(glmm(y ~ x + (1 | id), one, nAGQ = 1)), 9)
})

test_that("shards without a row after subset are left out", {
  s <- of_frames(rows(1:3), rows(4:6), rows(7:9))
  fit <- glmm(y ~ x + (1 | id), s, subset = id < 6)
  expect_equal(nobs(fit), 15)
  expect_error(glmm(y ~ x + (1 | id), s, subset = id > 60), class = "margmix_error_no_rows")
})

test_that("data frames are shards with `read = identity`, and are not taken for files", {
  set.seed(5)
  d <- data.frame(g = rep(1:12, each = 4), x = rnorm(48))
  d$y <- rpois(48, exp(0.3 * d$x + rep(rnorm(12), each = 4)))
  for (given in list(d, split(d, d$g > 6))) {
    expect_refused(shards(given, id = "g"), "read = identity")
    fit <- glmm(y ~ x + (1 | g), shards(given, id = "g", read = identity), poisson())
    expect_equal(fixef(fit), fixef(glmm(y ~ x + (1 | g), d, poisson())), tolerance = 1e-8)
  }
})
