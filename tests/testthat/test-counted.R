# Counted rows, from a database or from sites, against the rows themselves.

visits <- local({
  set.seed(5)
  d <- data.frame(id = rep(101:160, each = 8), age = rep(0:3, 120), x = rbinom(480, 1, 0.5))
  d$y <- rbinom(480, 1, plogis(-0.5 + 0.3 * d$age + rnorm(60)[d$id - 100]))
  d$arm <- ifelse(d$id %% 2, "old", "new")
  d
})

expect_same_rows <- function(fit, single, tolerance = 1e-10) {
  expect_equal(coef(fit), coef(single), tolerance = tolerance)
  expect_equal(vcov(fit), vcov(single), tolerance = tolerance)
  expect_equal(c(logLik(fit)), c(logLik(single)), tolerance = tolerance)
  expect_identical(nobs(fit), as.double(nobs(single)))
  expect_equal(ranef(fit), ranef(single), tolerance = tolerance)
}

exact <- glmm_control(tolerance = 1e-18)
single <- glmm(y ~ age + arm + (1 | id), visits, binomial(), nAGQ = 9, control = exact)

with_database <- function(table, code) {
  for (package in c("DBI", "RSQLite", "dplyr", "dbplyr")) skip_if_not_installed(package)
  con <- DBI::dbConnect(RSQLite::SQLite(), ":memory:")
  on.exit(DBI::dbDisconnect(con))
  DBI::dbWriteTable(con, "visits", table)
  code(dplyr::tbl(con, "visits"))
}

test_that("a table in a database is grouped there, and fitted as its rows", {
  with_database(visits, function(table) {
    fit <- glmm(y ~ age + arm + (1 | id), table, binomial(), nAGQ = 9, control = exact)
    expect_same_rows(fit, single)
    groups <- nrow(unique(visits[c("y", "age", "arm", "id")]))
    expect_identical(nrow(model.frame(fit)), groups)
    expect_output(
      print(fit), paste0("480 rows (", groups, " distinct) in 60 clusters"), fixed = TRUE
    )
    standardized <- marginal_standardization(fit, ~arm)
    expect_equal(
      as.data.frame(standardized)$estimate,
      as.data.frame(marginal_standardization(single, ~arm))$estimate, tolerance = 1e-8
    )
    some <- glmm(y ~ age + (1 | id), table, binomial(), nAGQ = 5, subset = age > 0)
    expect_equal(
      coef(some), coef(glmm(y ~ age + (1 | id), visits, binomial(), nAGQ = 5, subset = age > 0)),
      tolerance = 1e-6
    )
  })
})

test_that("what a database can't do is said", {
  with_database(visits, function(table) {
    expect_error(gee(y ~ age, table, id = id, family = binomial()), class = "margmix_error_data")
    expect_error(
      glmm(y ~ age + (1 | id), table, binomial(), weights = x), class = "margmix_error_weights"
    )
    withr_options <- options(margmix.most_patterns = 10)
    on.exit(options(withr_options))
    expect_error(glmm(y ~ age + (1 | id), table, binomial()), class = "margmix_error_database")
  })
  with_database(transform(visits, .count = 1), function(table) {
    expect_error(glmm(y ~ .count + (1 | id), table, binomial()), class = "margmix_error_database")
  })
})

test_that("rows of a database with missing values are counted as rows", {
  lost <- visits
  lost$age[c(1, 5, 9:20)] <- NA
  with_database(lost, function(table) {
    fit <- glmm(y ~ age + (1 | id), table, binomial(), nAGQ = 5)
    expect_equal(component(fit, "n_dropped"), 14)
    expect_output(print(fit), "14 rows dropped by na.action", fixed = TRUE)
  })
})

test_that("patterns of sites are the pooled rows", {
  sites <- lapply(split(visits, visits$id > 120), export_patterns, y ~ age + arm + (1 | id))
  expect_identical(attr(sites[[1L]], "left_out"), 0)
  files <- tempfile(c("a", "b"), fileext = ".rds")
  on.exit(unlink(files))
  Map(saveRDS, sites, files)
  fit <- glmm(
    y ~ age + arm + (1 | id), patterns(files), binomial(), nAGQ = 9, control = exact
  )
  expect_same_rows(fit, single)
  expect_same_rows(update(fit, data = patterns(rev(sites))), single)
  named <- patterns(list(north = sites[[1L]], south = sites[[2L]]), site = "hospital")
  expect_setequal(named$hospital, c("north", "south"))
  expect_identical(sum(named$.count), 480)
  other <- glmm(y ~ . - x + (1 | id), patterns(lapply(
    split(visits, visits$id > 120), export_patterns, ~.
  )), binomial(), nAGQ = 9, control = exact)
  expect_equal(coef(other)[names(coef(single))], coef(single), tolerance = 1e-8)
})

test_that("small cells are left out and counted", {
  expect_message(
    few <- export_patterns(visits, y ~ age + (1 | id), min_cell = 2), "left out",
    class = "margmix_note_patterns"
  )
  counts <- table(do.call(paste, visits[c("y", "age", "id")]))
  expect_identical(attr(few, "left_out"), as.double(sum(counts[counts < 2])))
  expect_true(all(few$.count >= 2))
})

test_that("patterns and their files are checked", {
  good <- export_patterns(visits, y ~ age + (1 | id))
  expect_error(export_patterns(as.matrix(visits), y ~ age), class = "margmix_error_argument")
  expect_error(export_patterns(visits, "y"), class = "margmix_error_argument")
  expect_error(export_patterns(visits, y ~ agge), class = "margmix_error_argument")
  expect_error(export_patterns(visits, y ~ age, min_cell = 0), class = "margmix_error_argument")
  expect_error(patterns(tempfile()), class = "margmix_error_patterns")
  expect_error(patterns(list(visits)), class = "margmix_error_patterns")
  expect_error(patterns(good), class = "margmix_error_patterns")
  expect_error(patterns(list(good, good[-1L])), class = "margmix_error_patterns")
  expect_error(patterns(list(a = good, b = transform(good, .count = NA))),
    class = "margmix_error_patterns"
  )
})

test_that("64-bit integers are numbers, or text where they are too large for one", {
  skip_if_not_installed("bit64")
  expect_identical(plain_column(bit64::as.integer64(c(3, NA))), c(3, NA))
  large <- bit64::as.integer64("9007199254740993")
  expect_identical(as.character(plain_column(large)), "9007199254740993")
})

test_that("a 64-bit covariate is the number that it stands for", {
  skip_if_not_installed("bit64")
  large <- transform(visits, age = bit64::as.integer64(age), id = bit64::as.integer64(id))
  fit <- glmm(y ~ age + (1 | id), large, binomial(), nAGQ = 9)
  expect_identical(coef(fit), coef(glmm(y ~ age + (1 | id), visits, binomial(), nAGQ = 9)))
  expect_identical(predict(fit, large[1:3, ]), predict(fit, visits[1:3, ]))
})

test_that("the print counts rows, not kinds of them", {
  fit <- glmm(y ~ 1 + (1 | arm), patterns(list(export_patterns(visits, y ~ (1 | arm)))), binomial())
  words <- "480 rows (4 distinct) in 2 clusters of `arm` (240 in each)"
  expect_output(print(fit), words, fixed = TRUE)
})
