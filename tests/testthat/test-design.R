plain <- function(x) {
  x <- unname(x)
  attr(x, "assign") <- attr(x, "contrasts") <- NULL
  x
}

test_that("the arrays are those of model.matrix(), sorted by cluster", {
  d <- small_data()
  design <- front(y ~ x * f + offset(t) + (1 + x | id), d, offset = s, weights = n)$design
  order <- order(d$id)
  expect_identical(design$order, order)
  expect_equal(plain(design$X), plain(model.matrix(~ x * f, d)[order, ]))
  expect_identical(colnames(design$X), colnames(model.matrix(~ x * f, d)))
  expect_null(rownames(design$X))
  expect_equal(plain(design$Z), plain(model.matrix(~x, d)[order, ]))
  expect_identical(design$y, d$y[order])
  expect_identical(design$offset, (d$t + d$s)[order])
  expect_identical(design$weights, d$n[order])
  expect_identical(design$trials, rep(1, 20))
  expect_identical(design$start, c(0L, 4L, 8L, 12L, 16L, 20L))
  expect_identical(design$levels, as.character(1:5))
  expect_identical(design$group, "id")
  expect_identical(caller_order(design$y, design), d$y)
  expect_equal(plain(caller_order(design$X, design)), plain(model.matrix(~ x * f, d)))
})

test_that("rows group by value, whatever the type and order of the ids", {
  d <- small_data()
  n <- c(2, 10, 33, 100000, 1e10)
  ids <- list(
    integer = c(-7L, 2L, 10L, 33L, 100000L), double = n, fraction = c(-0.5, 0.1, 2.5, 3, 1e6),
    character = c("B", "a", "b", "c10", "c9"), Date = as.Date("2020-02-27") + 0:4,
    factor = factor(c("z", "b", "q", "a", "c"), levels = c("z", "b", "q", "a", "c", "unused"))
  )
  for (type in names(ids)) {
    d$g <- ids[[type]][d$id]
    design <- front(y ~ x + (1 | g), d)$design
    expect_identical(design$order, order(d$id), info = type)
    expect_identical(design$start, seq(0L, 20L, 4L), info = type)
    expect_identical(design$levels, value_labels(ids[[type]]), info = type)
    sorted <- front(y ~ x + (1 | g), d[order(d$id), ])$design
    expect_null(sorted$order, info = type)
    expect_identical(sorted[c("start", "levels", "y")], design[c("start", "levels", "y")])
  }
  d$g <- d$x > 0
  expect_identical(cluster_levels(front(y ~ x + (1 | g), d)$design), c("FALSE", "TRUE"))
  expect_identical(value_labels(n), c("2", "10", "33", "100000", "10000000000"))
})

test_that("contiguous clusters in another order are sorted, too", {
  d <- small_data()
  d <- d[order(match(d$id, c(4, 1, 5, 2, 3))), ]
  expect_identical(cluster_levels(front(y ~ x + (1 | id), d)$design), as.character(1:5))
  d$id <- letters[d$id]
  expect_identical(cluster_levels(front(y ~ x + (1 | id), d)$design), letters[1:5])
})

test_that("doubles that differ by rounding are one cluster", {
  index <- index_values(c(0.3, 0.1 + 0.2, 0.5, 0.3))
  expect_identical(index$levels, c("0.3", "0.5"))
  expect_identical(index$start, c(0L, 3L, 4L))
  expect_identical(index$order, c(1L, 2L, 4L, 3L))
})

test_that("groups may be interactions and calls", {
  d <- small_data()
  d$h <- rep(c("u", "v"), each = 10)
  ab <- front(y ~ x + (1 | id:h), d)$design
  expect_identical(ab$levels, as.vector(t(outer(1:5, c("u", "v"), paste, sep = ":"))))
  expect_identical(diff(ab$start), rep(2L, 10))
  expect_identical(ab$order, order(d$id, d$h))
  expect_identical(cluster_group(front(y ~ x + (1 | id:h) + (0 + x | h:id), d)$design), "id:h")
  expect_identical(cluster_levels(front(y ~ x + (1 | factor(id)), d)$design), as.character(1:5))
  expect_identical(cluster_levels(front(y ~ x + (1 | h:id:b), d)$design)[1:2], c("u:1:0", "u:1:1"))
})

test_that("X and Z are those of lme4", {
  skip_if_not_installed("lme4")
  d <- small_data()
  for (f in list(
    y ~ x + (1 | id), y ~ f * x + (f | id), y ~ poly(x, 2) + (0 + x | id),
    y ~ splines::ns(t, 2) + f + (poly(x, 2) | id), y ~ 0 + f + offset(t) + (1 | id:b)
  )) {
    theirs <- suppressMessages(lme4::lFormula(f, d, control = lme4::lmerControl(
      check.nobs.vs.nRE = "ignore", check.nobs.vs.nlev = "ignore"
    )))
    made <- build_frame(list(data = d), environment(), parse_formula(f))
    design <- tryCatch(build_design(made, gaussian()), margmix_error_not_identified = identity)
    if (inherits(design, "condition")) next
    order <- design$order
    expect_equal(plain(design$X), plain(theirs$X[order, , drop = FALSE]))
    q <- ncol(design$Z)
    cluster <- rep(seq_along(design$levels), diff(design$start))
    Zt <- as.matrix(theirs$reTrms$Zt)
    for (j in seq_len(q)) {
      rows <- (cluster - 1) * q + j
      expect_equal(plain(design$Z[, j]), plain(Zt[cbind(rows, order)]))
    }
  }
})

test_that("the pattern of Lambda follows the terms", {
  pattern <- function(f) {
    design <- front(f, small_data())$design
    rbind(design$theta_row, design$theta_col)
  }
  expect_equal(pattern(y ~ (x | id)), rbind(c(0, 1, 1), c(0, 0, 1)))
  expect_equal(pattern(y ~ (x || id)), rbind(0:1, 0:1))
  expect_equal(pattern(y ~ (1 | id) + (0 + x + t | id)), rbind(c(0, 1, 2, 2), c(0, 1, 1, 2)))
  design <- front(y ~ (1 | id) + (0 + x + t | id), small_data())$design
  expect_identical(design$random[[2]], list(
    label = "(0 + x + t | id)", columns = 2:3, names = c("x", "t"), covariance = "free",
    correlated = TRUE, rank = NULL
  ))
})

test_that("contrasts come from the argument, the factor or the options", {
  d <- small_data()
  sum <- model.matrix(~f, d, contrasts.arg = list(f = "contr.sum"))[order(d$id), ]
  by_argument <- front(y ~ f + (1 | id), d, contrasts = list(f = "contr.sum"))$design
  expect_equal(plain(by_argument$X), plain(sum))
  expect_identical(by_argument$contrasts, list(f = "contr.sum"))
  by_function <- front(y ~ f + (1 | id), d, contrasts = list(f = contr.sum))$design
  expect_equal(plain(by_function$X), plain(sum))
  e <- d
  contrasts(e$f) <- "contr.sum"
  expect_equal(plain(design_X(front(y ~ f + (1 | id), e)$design)), plain(sum))
  old <- options(contrasts = c("contr.sum", "contr.poly"))
  on.exit(options(old))
  expect_equal(plain(design_X(front(y ~ f + (1 | id), d)$design)), plain(sum))
  d$f <- as.character(d$f)
  expect_equal(plain(design_X(front(y ~ f + (1 | id), d)$design)), plain(sum))
})

test_that("there may be no fixed effect, and a matrix of covariates", {
  d <- small_data()
  expect_identical(dim(design_X(front(y ~ 0 + (1 | id), d)$design)), c(20L, 0L))
  d$m <- cbind(u = d$x, v = d$t)
  expect_identical(
    colnames(design_X(front(y ~ m + (1 | id), d)$design)), c("(Intercept)", "mu", "mv")
  )
})

test_that("aliased columns are those of glm()", {
  d <- small_data()
  d$k <- 7.1
  d$x2 <- 2 * d$x - 1
  d$sum <- d$x + d$t
  d$g <- factor(d$id)
  for (f in list(
    y ~ x + x2 + t, y ~ k + x, y ~ x2 + t + sum + x, y ~ 0 + k + g + x + sum, y ~ g + f:g,
    y ~ k + x2 + g + factor(id) + x, y ~ I(x * 0) + x, y ~ x + I(x + 1e-9 * t)
  )) {
    made <- build_frame(list(data = d), environment(), parse_formula(update(f, . ~ . + (1 | id))))
    expect_warning(design <- build_design(made, gaussian()), class = "margmix_warning_rank")
    theirs <- coef(lm(f, d))
    expect_identical(design$aliased, is.na(theirs), info = deparse(f))
    expect_identical(colnames(design$X), names(theirs)[!is.na(theirs)])
    expect_identical(design$assign, lm(f, d)$assign)
  }
  expect_snapshot(invisible(front(y ~ k + x + x2 + (1 | id), d)))
})

test_that("a large mean is not taken for collinearity", {
  d <- small_data()
  d$year <- 2000 + round(d$t * 5)
  d$time <- 1.7e9 + d$s
  d$narrow <- 1e6 + d$x * 1e-2
  expect_silent(design <- front(y ~ year + time + narrow + (1 | id), d)$design)
  expect_false(any(design$aliased))
  expect_silent(front(y ~ poly(year, 2, raw = TRUE) + (1 | id), d))
})

test_that("the blockwise QR sees the rank of all rows", {
  X <- cbind(1, rep(0:1, c(90, 10)), 0:99, rep(0:1, c(10, 90)))
  X <- cbind(X, X[, 2] + X[, 4], 3)
  R <- triangular_factor(X, TRUE, block = 7L)
  expect_equal(crossprod(R), crossprod(scale(X, c(0, colMeans(X)[-1]), FALSE)), ignore_attr = TRUE)
  dimnames(X) <- list(NULL, letters[1:6])
  expect_identical(unname(aliased_columns(X, TRUE, crossprod(X))), rep(c(FALSE, TRUE), c(4, 2)))
})

test_that("designs that can't be fitted are refused", {
  d <- small_data()
  d$h <- rep(1:4, 5)
  d$list <- as.list(1:20)
  d$inf <- replace(d$x, 4, Inf)
  expect_snapshot(error = TRUE, {
    front(y ~ x + (1 | id) + (x | id), d)
    front(y ~ x + (0 | id), d)
    front(y ~ x + (1 | cbind(id, h)), d)
    front(y ~ x + (1 | u:v), data.frame(y = 1:4, x = 1:4, u = c("a:b", "a"), v = c("c", "b:c")))
    front(y ~ inf + (1 | id), d)
    front(y ~ x + (inf | id), d)
    front(y ~ log(s) + (1 | id), d)
    front(y ~ f + (1 | id), d, subset = f == "a")
    front(y ~ as.complex(x) + (1 | id), d)
    front(y ~ f + (1 | id), d, contrasts = list(x = "contr.sum"))
    front(y ~ x + (1 | id), d, contrasts = list(f = "contr.sum"))
    front(y ~ f + (1 | id), d, contrasts = "contr.sum")
  })
})

test_that("contrasts that are unknown or do not fit are refused", {
  d <- small_data()
  d$three <- factor(rep_len(c("a", "b", "c"), 20))
  expect_snapshot(error = TRUE, {
    front(y ~ three + (1 | id), d, contrasts = list(three = "contr.summ"))
    front(y ~ three + (1 | id), d, contrasts = list(three = diag(2)))
  })
  fit <- function(contrasts) design_X(front(y ~ three + (1 | id), d, contrasts = contrasts)$design)
  for (contrasts in list("contr.sum", contr.sum, contr.sum(3), cbind(c(1, 0, -1), c(0, 1, -1)))) {
    expect_equal(fit(list(three = contrasts)), fit(list(three = "contr.sum")), ignore_attr = TRUE)
  }
})
