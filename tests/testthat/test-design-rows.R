# Trials, weights and offsets that are the same in every row are stored once, and read by row.

# n rows of 20 clusters; w and o differ by row.
rows_of_clusters <- function(n) {
  i <- seq_len(n)
  data.frame(
    id = sort(rep_len(as.numeric(1:20), n)), x = sin(i), y = cos(3 * i),
    b = as.numeric(i %% 3 == 0), w = 1 + i %% 2, o = sin(2 * i)
  )
}

# Bytes that a row adds to a stored fit, without the data, which a fit made in a function keeps.
bytes_of_row <- function(fit) {
  bytes <- vapply(c(200, 1200), function(n) {
    d <- rows_of_clusters(n)
    length(serialize(suppressMessages(fit(d)), NULL)) - length(serialize(d, NULL))
  }, 0)
  round(diff(bytes) / 1000)
}

test_that("a row takes no memory for trials, weights or an offset that all rows share", {
  # numbers of 8 bytes in the frame (response, x, id) and the design (X of 2 columns, Z, y)
  expect_equal(bytes_of_row(function(d) glmm(b ~ x + (1 | id), d, binomial(), nAGQ = 1)), 8 * 7)
  expect_equal(bytes_of_row(function(d) glmm(y ~ x + (1 | id), d)), 8 * 7)
  expect_equal(bytes_of_row(function(d) gee(b ~ x, d, id, family = binomial())), 8 * 6)
  shared <- function(d) {
    glmm(y ~ x + (1 | id), transform(d, w = 2, o = 1), weights = w, offset = o)
  }
  expect_equal(bytes_of_row(shared), 8 * (7 + 2))
  different <- function(d) glmm(y ~ x + (1 | id), d, weights = w, offset = o)
  expect_equal(bytes_of_row(different), 8 * (7 + 2 + 2))
})

test_that("weights over a schedule of visits take no more", {
  scheduled <- function(n) {
    d <- rows_of_clusters(n)
    d <- transform(d, id = rep(seq_len(n / 4), each = 4), v = rep_len(1:4, n))
    d$ipw <- ifelse(d$v == 4, 2, 1)
    d$b[seq(4, n, 8)] <- NA
    fit <- gee(b ~ x, d, id, waves = v, family = binomial(), corstr = "exchangeable", ipw = ipw)
    fit$schedule$design
  }
  expect_identical(lengths(scheduled(40)[c("trials", "weights", "offset")], FALSE), c(1L, 1L, 1L))
})

test_that("what is stored once is read by row", {
  d <- transform(rows_of_clusters(60), trials = 3, s = 1 + id %% 3)[60:1, ]
  fit <- glmm(cbind(s, trials - s) ~ x + offset(0 * o + 1.5) + (1 | id), d, binomial(), nAGQ = 1)
  names <- c("trials", "weights", "offset")
  expect_identical(vapply(names, stored_values, 0, design = fit$design), c(
    trials = 3, weights = 1, offset = 1.5
  ))
  expect_identical(
    component(fit, c("trials", "weights", "offset")),
    list(trials = rep(3, 60), weights = rep(1, 60), offset = rep(1.5, 60))
  )
  expect_identical(weights(fit), stats::setNames(rep(3, 60), 60:1))
  expect_identical(used_rows(fit$design), rep(TRUE, 60))
})

test_that("a fit with all values by row, as older versions saved it, gives the same numbers", {
  d <- rows_of_clusters(120)
  fits <- suppressMessages(list(
    glmm(cbind(b, 2 - b) ~ x + (1 | id), d, binomial(), nAGQ = 3),
    glmm(y ~ x + offset(0 * o + 1) + (1 | id), d, REML = TRUE),
    gee(b ~ x, d, id, family = binomial(), corstr = "exchangeable")
  ))
  for (fit in fits) {
    older <- fit
    rows <- response_rows(fit$design)
    expect_identical(lengths(rows, FALSE), rep(120L, 4L))
    older$design[names(rows)] <- rows
    numbers <- function(fit) {
      list(
        vcov(fit, type = "KC"), summary(fit)$coefficients, predict(fit, d[3:9, ]), fitted(fit),
        residuals(fit, "pearson"), cooks.distance(fit), weights(fit), nobs(fit),
        marginal_standardization(fit, "x", values = c(0, 0.5))$contrasts,
        if (inherits(fit, "margmix_glmm")) list(simulate(fit, seed = 1), marginal_coefficients(fit))
      )
    }
    expect_identical(numbers(fit), numbers(older))
  }
})

# A direct read would take one value for all of them.
test_that("no function reads them past row_values()", {
  stored <- c("trials", "weights", "offset")
  reads <- function(code) {
    if (!is.call(code)) return(FALSE)
    if (identical(code[[1L]], quote(`<-`))) return(reads(code[[3L]]))
    direct <- identical(code[[1L]], quote(`$`)) && as.character(code[[3L]]) %in% stored &&
      grepl("design$", paste(deparse(code[[2L]]), collapse = ""))
    direct || any(vapply(as.list(code), function(x) !missing(x) && reads(x), NA))
  }
  functions <- Filter(is.function, as.list(asNamespace("margmix")))
  found <- vapply(functions, function(f) reads(body(f)), NA)
  expect_identical(names(which(found)), character())
  expect_true(reads(quote(sum(design$weights[rows]))))
})
