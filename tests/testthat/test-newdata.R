rich <- function() {
  d <- small_data()
  d$o <- factor(d$n)
  d$ch <- letters[d$id]
  d$l <- d$b == 1
  front(
    b ~ poly(x, 2) * f + splines::ns(t, 3) + l + offset(log(n)) + (o + x | ch),
    d, poisson,
    offset = s, contrasts = list(f = "contr.sum")
  )
}

rich_data <- function() {
  d <- small_data()
  d$o <- factor(d$n)
  d$ch <- letters[d$id]
  d$l <- d$b == 1
  d$b <- NULL
  d
}

test_that("rows of the data come back as they were", {
  fit <- rich()
  back <- order(frame_rows(fit$design))
  for (rows in list(1:20, c(17, 3, 8), 5)) {
    new <- design_newdata(fit, rich_data()[rows, ])
    expect_equal(new$X, design_X(fit$design)[back[rows], , drop = FALSE], ignore_attr = TRUE)
    expect_identical(colnames(new$X), colnames(design_X(fit$design)))
    expect_equal(new$Z, design_Z(fit$design)[back[rows], , drop = FALSE], ignore_attr = TRUE)
    expect_equal(new$offset, row_offset(fit$design)[back[rows]])
    expect_identical(cluster_levels(fit$design)[new$cluster], rich_data()$ch[rows])
    expect_identical(new$new_label, matrix(NA_character_, length(rows)))
  }
})

test_that("factors are matched by value, whatever they are in the new data", {
  fit <- rich()
  expected <- design_newdata(fit, rich_data()[1:3, ])
  new <- rich_data()[1:3, ]
  new$f <- as.character(new$f)
  new$o <- as.numeric(as.character(new$o))
  new$ch <- factor(new$ch)
  expect_equal(design_newdata(fit, new), expected)
  expect_equal(design_newdata(fit, as.list(new)), expected)
})

test_that("known clusters are found by value and new ones are labelled", {
  d <- small_data()
  d$id <- c(7, 100000, 1e10, 2.5, 12)[d$id]
  fit <- front(y ~ x + (1 | id), d)
  found <- function(id) design_newdata(fit, data.frame(x = 1, id = id))
  expect_identical(
    cluster_levels(fit$design)[found(c(1e5, 1e10, 2.5))$cluster], c("100000", "10000000000", "2.5")
  )
  expect_identical(found(1e5)$cluster, found(100000L)$cluster)
  expect_identical(found(factor(c("12", "7")))$cluster, cbind(3:2))
  expect_identical(found(c("12", "13", NA))$cluster, cbind(c(3L, NA, NA)))
  expect_identical(found(c(12L, 13L, NA))$new_label, cbind(c(NA, "13", NA)))
  e <- small_data()
  pair <- front(y ~ x + (1 | id:b), e)
  new <- design_newdata(pair, data.frame(x = 1, id = c(2, 9), b = c(1, 0)))
  expect_identical(cluster_levels(pair$design)[new$cluster[1]], "2:1")
  expect_identical(new$new_label, cbind(c(NA, "9:0")))
})

test_that("a missing value may be a level", {
  d <- small_data()
  d$f <- addNA(replace(d$f, 3, NA))
  fit <- front(y ~ f + (1 | id), d)
  expect_equal(
    design_newdata(fit, d)$X[order(d$id), ], design_X(fit$design), ignore_attr = TRUE
  )
  fit <- front(y ~ x + (1 | f), d)
  expect_identical(cluster_levels(fit$design), c("a", "b", "c", "<NA>"))
  expect_identical(design_newdata(fit, d)$cluster, cbind(as.integer(d$f)))
})

test_that("random parts may be left out", {
  fit <- rich()
  new <- rich_data()[1:3, ]
  expect_null(design_newdata(fit, new[setdiff(names(new), c("ch", "o"))], random = FALSE)$Z)
  z <- design_newdata(fit, new[setdiff(names(new), "ch")], random = "Z")
  expect_equal(z$Z, design_newdata(fit, new)$Z)
  expect_null(z$cluster)
})

test_that("aliased columns are left out", {
  d <- small_data()
  d$x2 <- d$x
  fit <- suppressWarnings(front(y ~ x + x2 + t + (1 | id), d))
  expect_identical(colnames(design_newdata(fit, d)$X), c("(Intercept)", "x", "t"))
})

test_that("missing values stay or go by na.action", {
  d <- small_data()
  fit <- front(y ~ x + f + (1 | id), d, offset = t)
  d$x[2] <- NA
  d$f[3] <- NA
  d$id[4] <- NA
  d$t[5] <- NA
  kept <- design_newdata(fit, d[1:6, ])
  expect_identical(which(is.na(kept$X[, "x"])), 2L)
  expect_identical(which(is.na(kept$X[, "fb"])), 3L)
  expect_identical(which(is.na(kept$cluster)), 4L)
  expect_identical(which(is.na(kept$offset)), 5L)
  left <- design_newdata(fit, d[1:6, ], na.action = na.exclude)
  expect_identical(nrow(left$X), 2L)
  expect_identical(unname(c(left$na.action)), 2:5)
  expect_identical(length(left$offset), 2L)
})

test_that("the contrasts of the fit hold, whatever the options are now", {
  d <- small_data()
  fit <- front(y ~ f + (1 | id), d)
  old <- options(contrasts = c("contr.sum", "contr.poly"))
  on.exit(options(old))
  expect_equal(
    design_newdata(fit, d)$X[order(d$id), ], design_X(fit$design), ignore_attr = TRUE
  )
})

test_that("variables of the calling environment are not reused", {
  d <- small_data()
  with(d, {
    fit <- front(y ~ x + (1 | id))
    expect_error(design_newdata(fit, data.frame(id = 1:20)), class = "margmix_error_newdata")
    expect_identical(dim(design_newdata(fit, data.frame(x = 1:3, id = 1:3))$X), c(3L, 2L))
  })
  k <- 2
  fit <- front(y ~ I(x * k) + (1 | id), d)
  expect_identical(unname(design_newdata(fit, data.frame(x = 3, id = 1))$X[1, 2]), 6)
})

test_that("new data that do not fit are refused", {
  fit <- rich()
  d <- rich_data()
  x <- 1:20
  lost <- seq(0, 1, length.out = 20)
  outside <- front(y ~ x + (1 | id), small_data(), offset = lost)
  expect_snapshot(error = TRUE, {
    design_newdata(fit, d["x"])
    design_newdata(fit, transform(d, f = "new"))
    design_newdata(fit, transform(d, o = 4:23))
    design_newdata(fit, transform(d, x = "text"))
    design_newdata(fit, transform(d, l = "text"))
    design_newdata(fit, 3)
    design_newdata(outside, small_data())
  })
})

test_that("variables that depend on all rows are not computed anew in silence", {
  data <- data.frame(id = rep(1:10, each = 4), x = rep(c(2, 5, 11, 3), 10) + rep(1:10, each = 4))
  data$group <- factor(rep(c("a", "b"), 20))
  data$y <- rep(c(1, 0, 3, 2), 10)
  fit <- function(term) {
    gee(reformulate(term, "y"), data, id = id, family = poisson())
  }
  expect_snapshot(predict(fit("I(x - mean(x))"), data[1:2, ]))
  for (term in c("rank(x)", "cumsum(x)", "I(x > median(x))", "I(x - ave(x, id))")) {
    expect_warning(predict(fit(term), data[2:1, ]), class = "margmix_warning_by_row")
  }
  expect_silent(predict(fit("I(x - mean(x))"), data))
  row_by_row <- c(
    "scale(x)", "poly(x, 2)", "splines::ns(x, 3)", "log(x)", "factor(x > 6)", "cut(x, c(0, 9, 30))",
    "within_cluster(x, id)", "group:x", "interaction(group, x > 9)", "ifelse(group == \"a\", x, 0)"
  )
  for (term in row_by_row) expect_silent(predict(fit(term), data[1:3, ]))
})
