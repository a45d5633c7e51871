# What the front end of gee() must get right, whatever the order and type of the rows.

trial <- function() {
  set.seed(5)
  d <- do.call(rbind, lapply(1:40, function(i) {
    t <- sort(sample(0:5, sample(2:6, 1)))
    data.frame(id = i * 7L, t = t, arm = i %% 2, x = rnorm(length(t)))
  }))
  d$y <- rbinom(nrow(d), 1, plogis(0.4 * d$x + rnorm(40)[d$id / 7]))
  d
}

results <- function(d, corstr, ...) {
  fit <- gee(y ~ x + arm, d, id, waves = t, family = binomial(), corstr = corstr, ...)
  c(coef(fit), fit$alpha, phi = fit$phi, diag(vcov(fit)))
}

test_that("order of rows, type of ids and class of the data do not matter", {
  d <- trial()
  for (corstr in c("exchangeable", "ar1", "unstructured")) {
    reference <- suppressWarnings(results(d, corstr))
    expect_same <- function(data) {
      expect_equal(suppressWarnings(results(data, corstr)), reference, tolerance = 1e-7)
    }
    set.seed(6)
    expect_same(d[sample(nrow(d)), ])
    expect_same(transform(d, id = as.character(id)))
    expect_same(transform(d, id = factor(id, levels = rev(unique(id)))))
    expect_same(transform(d, id = id + 0.5))
    expect_same(transform(d, id = match(id, sample(unique(id)))))
    if (requireNamespace("tibble", quietly = TRUE)) expect_same(tibble::as_tibble(d))
    if (requireNamespace("data.table", quietly = TRUE)) expect_same(data.table::as.data.table(d))
  }
})

test_that("rows far apart with one id are one cluster, and text ids are not one cluster", {
  d <- trial()
  shuffled <- d[order(d$t), ]
  fit <- gee(y ~ x, shuffled, id, family = binomial())
  expect_identical(cluster_count(fit$design), 40L)
  fit <- gee(y ~ x, transform(d, id = paste0("patient ", id)), id, family = binomial())
  expect_identical(cluster_count(fit$design), 40L)
  expect_identical(names(fitted(fit)), row.names(d))
})

test_that("waves are times, also as a factor or text, not codes of levels", {
  d <- transform(trial(), t = c(0, 3, 7, 20, 21, 50)[t + 1])
  d$y <- as.numeric(rnorm(nrow(d)) + 2 * rnorm(40)[d$id / 7] > 0)
  reference <- results(d, "ar1")
  expect_equal(results(transform(d, t = factor(t)), "ar1"), reference, tolerance = 1e-9)
  expect_equal(results(transform(d, t = as.character(t)), "ar1"), reference, tolerance = 1e-9)
  expect_equal(
    results(transform(d, t = as.Date("2024-01-01") + t), "ar1"), reference, tolerance = 1e-9
  )
  expect_gt(reference[["rho"]], 0.9)
  weeks <- results(transform(d, t = t / 7), "ar1")
  expect_equal(weeks[["rho"]], reference[["rho"]]^7, tolerance = 1e-6)
  expect_equal(weeks[1:3], reference[1:3], tolerance = 1e-6)
})

test_that("missing values anywhere drop the row and are reported", {
  d <- trial()
  d$w <- 1
  reference <- gee(y ~ x + arm, d[-c(3, 9, 20, 31), ], id, t,
    family = binomial(), corstr = "ar1", weights = w
  )
  d$x[3] <- NA
  d$id[9] <- NA
  d$t[20] <- NA
  d$w[31] <- NA
  fit <- gee(y ~ x + arm, d, id, t,
    family = binomial(), corstr = "ar1", weights = w, na.action = na.exclude
  )
  expect_equal(coef(fit), coef(reference), tolerance = 1e-12)
  expect_identical(which(is.na(fitted(fit))), setNames(c(3L, 9L, 20L, 31L), c(3, 9, 20, 31)))
  expect_output(print(fit), "4 rows dropped by na.action")
  zero <- transform(trial(), w = replace(rep(1, nrow(d)), c(3, 9, 20, 31), 0))
  fit <- gee(y ~ x + arm, zero, id, t, family = binomial(), corstr = "ar1", weights = w)
  expect_equal(coef(fit), coef(reference), tolerance = 1e-12)
})

test_that("rows without weight are as if they were not there, with any na.action", {
  d <- transform(trial(), w = as.numeric(id > 14))
  d$x[8] <- NA
  kept <- d[d$w > 0 & !is.na(d$x), ]
  reference <- gee(y ~ x + arm, kept, id, t, family = binomial(), corstr = "ar1")
  fit <- gee(y ~ x + arm, d, id, t,
    family = binomial(), corstr = "ar1", weights = w, na.action = na.exclude
  )
  expect_equal(coef(fit), coef(reference), tolerance = 1e-12)
  expect_named(fitted(fit), row.names(d))
  expect_equal(fitted(fit)[row.names(kept)], fitted(reference), tolerance = 1e-10)
  expect_identical(sum(!is.na(residuals(fit))), nrow(kept))
  expect_identical(length(weights(fit)), nrow(d))
})

test_that("rows and whole clusters that are left out are counted", {
  d <- transform(trial(), w = 1)
  d$x[d$id == 7] <- NA
  d$y[which(d$id == 14)[1]] <- NA
  d$w[d$id == 21] <- 0
  n <- function(id) sum(d$id == id)
  fit <- gee(y ~ x, d, id, family = binomial(), weights = w)
  expect_output(print(fit), paste0(
    n(21), " rows without weight; ", n(7) + 1, " rows dropped by na.action; ",
    "2 clusters dropped entirely"
  ))
  expect_output(print(gee(y ~ x, d, id, family = binomial(), subset = id > 7 & id != 21)),
    "38 clusters of `id` [(][^)]*[)]; 1 row dropped by na.action$"
  )
})

test_that("id and waves may be names, formulas or vectors", {
  d <- trial()
  same <- function(fit) expect_equal(coef(fit), coef(reference), tolerance = 1e-12)
  reference <- gee(y ~ x, d, id, t, family = binomial(), corstr = "ar1")
  same(gee(y ~ x, d, ~id, ~t, family = binomial(), corstr = "ar1"))
  same(gee(y ~ x, d, d$id, d$t, family = binomial(), corstr = "ar1"))
  same(do.call(gee, list(y ~ x, d, d$id, d$t, family = binomial(), corstr = "ar1")))
  by <- ~id
  same(gee(y ~ x, d, by, t, family = binomial(), corstr = "ar1"))
  expect_snapshot(error = TRUE, gee(y ~ x, d, ~id + t, family = binomial()))
  expect_snapshot(error = TRUE, gee(y ~ x, d, ~id | t, family = binomial()))
  same(gee(y ~ x, d, id, ~I(t), family = binomial(), corstr = "ar1"))
  d$half <- d$id %/% 100
  same(gee(y ~ x, d, ~half:id, t, family = binomial(), corstr = "ar1"))
  inside <- function(data) gee(y ~ x, data, id, t, family = binomial(), corstr = "ar1")
  same(inside(d))
})

test_that("rows that lie apart, without waves, are noted where their order matters", {
  d <- trial()
  apart <- d[order(d$x), ]
  expect_snapshot(invisible(gee(y ~ x, apart, id, family = binomial(), corstr = "ar1")))
  expect_no_note <- function(...) {
    expect_identical(testthat::capture_messages(gee(..., family = binomial())), character())
  }
  expect_no_note(y ~ x, apart, id, t, corstr = "ar1")
  expect_no_note(y ~ x, apart, id, corstr = "exchangeable")
  expect_no_note(y ~ x, d[order(-d$id, d$t), ], id, corstr = "ar1")
})

test_that("levels of a factor of waves that are numbers are the times, in a note if in disorder", {
  d <- trial()
  d$month <- d$t + 8
  d$text <- factor(as.character(d$month)) # 10 < 11 < 12 < 13 < 8 < 9
  expect_snapshot(fit <- gee(y ~ x, d, id, text, family = binomial(), corstr = "ar1"))
  by_number <- gee(y ~ x, d, id, month, family = binomial(), corstr = "ar1")
  expect_equal(coef(fit), coef(by_number), tolerance = 1e-12)
  expect_silent(gee(y ~ x, d, id, text, family = binomial(), corstr = "exchangeable"))
  expect_silent(gee(y ~ x, d, id, factor(month), family = binomial(), corstr = "ar1"))
})

test_that("several rows at a wave: what the design needs is named", {
  d <- trial()
  twice <- rbind(d, d)
  expect_snapshot(error = TRUE, gee(y ~ x, twice, id, t, family = binomial(), corstr = "ar1"))
  expect_snapshot(
    error = TRUE, gee(y ~ x, twice, id, t, family = binomial(), corstr = "exchangeable")
  )
  expect_s3_class(gee(y ~ x, twice, id, t, family = binomial(), corstr = "decay"), "margmix_gee")
  fit <- gee(y ~ x, twice, id, family = binomial(), corstr = "exchangeable")
  expect_s3_class(fit, "margmix_gee")
})

test_that("negative binomial families are sent to poisson()", {
  known_size <- structure(list(family = "Negative Binomial(2)", link = "log"), class = "family")
  expect_snapshot(error = TRUE, gee(y ~ x, trial(), id, family = known_size))
})

test_that("nothing is printed", {
  expect_silent(fit <- gee(y ~ x + arm, trial(), id, t, family = binomial(), corstr = "ar1"))
  expect_silent(update(fit, corstr = "exchangeable"))
})

test_that("a dot leaves out the variables that describe rows", {
  d <- trial()[c("y", "x", "id", "t")]
  expect_named(coef(gee(y ~ ., d, id, t, family = binomial())), c("(Intercept)", "x"))
})

test_that("bad input is refused", {
  d <- trial()
  expect_snapshot(error = TRUE, gee(y ~ x, d, family = binomial()))
  expect_snapshot(error = TRUE, gee(y ~ x + (1 | id), d, id, family = binomial()))
  twice <- rbind(d, d[5, ])
  expect_snapshot(error = TRUE, gee(y ~ x, twice, id, t, family = binomial()))
  expect_snapshot(
    error = TRUE, gee(y ~ x, d, id, letters[t + 1], family = binomial(), corstr = "ar1")
  )
  expect_snapshot(error = TRUE, gee(y ~ x, d, id, t + x, family = binomial(), corstr = "toeplitz"))
  expect_snapshot(error = TRUE, gee(y ~ x, d, id, family = binomial(), corstr = "banana"))
  expect_snapshot(error = TRUE, gee(y ~ x, d, id, family = binomial(), corstr = diag(3)))
  expect_snapshot(
    error = TRUE, gee(y ~ x, d, id, t, family = binomial(), corstr = cor_fixed(diag(3)))
  )
  expect_snapshot(error = TRUE, gee(y ~ x, d, id, family = binomial(), corstr = "nested"))
  wards <- transform(d, ward = t)
  expect_snapshot(error = TRUE, gee(y ~ x, wards, id, inner = ward, corstr = "nested"))
  expect_snapshot(error = TRUE, gee(y ~ x, d, id, family = binomial(), scale = -1))
  expect_snapshot(error = TRUE, gee(y ~ x, d, id, family = binomial(), start = 1))
  expect_snapshot(error = TRUE, gee(x ~ 1, transform(d, x = 1), id))
  expect_snapshot(error = TRUE, gee(y ~ x, transform(d, id = 1), id, family = binomial()))
  expect_snapshot(error = TRUE, gee(y ~ x, d, id, family = binomial(), waevs = t))
  expect_snapshot(error = TRUE, cor_mdependent(0))
  expect_snapshot(error = TRUE, cor_fixed(matrix(1, 2, 2)))
  expect_snapshot(error = TRUE, gee_control(alpha_bound = NA))
})

test_that("messages are those of marginal models", {
  d <- trial()
  expect_snapshot(error = TRUE, gee(~x, d, id))
  expect_snapshot(error = TRUE, gee(x ~ t, d, id, family = "beta"))
  expect_snapshot(error = TRUE, gee(plogis(x) ~ t, d, id, family = beta_family()))
  expect_snapshot(error = TRUE, gee(y ~ x, d, id, family = binomial(), corstr = "AR-M", Mv = 2))
  expect_snapshot(error = TRUE, gee(y ~ x, d, id, family = binomial(), scale.fix = TRUE, tol = 1))
  expect_snapshot(invisible(gee(plogis(x) ~ t, d, id, family = binomial())))
  expect_silent(gee(plogis(x) ~ t, d, id, family = "quasibinomial"))
})

test_that("spellings of other packages are understood", {
  type <- function(name) as_correlation(name)$type
  expect_identical(type("ex"), "exchangeable")
  expect_identical(type("exch"), "exchangeable")
  expect_identical(type("AR-M"), "ar1")
  expect_identical(type("stat_M_dep"), "mdependent")
  expect_identical(type("non_stat_M_dep"), "unstructured")
  expect_identical(type(cor_toeplitz), "toeplitz")
  expect_output(print(cor_mdependent(2)), "2-dependent")
})

test_that("a name in quotes is not a variable", {
  expect_snapshot(gee(y ~ x, trial(), id = "id", family = binomial()), error = TRUE)
})

test_that("a family in the third place is named", {
  expect_snapshot(gee(y ~ x, trial(), binomial(), id = id), error = TRUE)
})
