# Several grouping factors: structure, order of rows, columns of Z.

two_factors <- function() {
  set.seed(4)
  data.frame(
    y = rnorm(60), x = rnorm(60), a = rep(5:1, 12), b = rep(letters[1:12], each = 5),
    c = rep(1:6, each = 10)
  )
}

test_that("crossed factors share Z and keep their levels row by row", {
  d <- transform(two_factors(), z = rev(x))
  design <- front(y ~ x + (x | a) + (1 | b) + (0 + z | b), d)$design
  expect_identical(design$structure, "general")
  expect_identical(design$start, c(0L, 60L))
  expect_identical(group_labels(design), c("a", "b"))
  expect_identical(lapply(design$groups, `[[`, "columns"), list(1:2, 3:4))
  expect_identical(
    colnames(design$Z), c("(Intercept)|a", "x|a", "(Intercept)|b", "z|b")
  )
  rows <- design$order %||% 1:60
  for (k in 1:2) {
    group <- design$groups[[k]]
    expect_identical(group$levels[group$index + 1L], as.character(d[[group$label]][rows]))
  }
  expect_false(is.unsorted(design$groups[[2]]$index))
  expect_identical(design$theta_row, c(0L, 1L, 1L, 2L, 3L))
  expect_identical(design$theta_col, c(0L, 0L, 1L, 2L, 3L))
})

test_that("nested factors go from the coarsest to the finest, whose clusters are the coarsest", {
  d <- two_factors()[sample(60), ]
  for (formula in c(y ~ x + (1 | a / c), y ~ x + (1 | a:c) + (1 | a))) {
    design <- front(formula, d)$design
    expect_identical(design$structure, "nested")
    expect_identical(group_labels(design), c("a", "a:c"))
    expect_identical(design$levels, as.character(1:5))
    top <- design$groups[[1]]$index
    expect_identical(top, rep(0:4, diff(design$start)))
    expect_false(is.unsorted(top * 1000 + design$groups[[2]]$index))
    expect_equal(design$y, d$y[design$order])
  }
  explicit <- front(y ~ x + (1 | b) + (1 | c), two_factors())$design
  expect_identical(explicit$structure, "nested")
  expect_identical(group_labels(explicit), c("c", "b"))
})

test_that("several factors whose variances can't be told apart are refused", {
  d <- two_factors()
  d$same <- factor(d$b, labels = 12:1)
  d$row <- 1:60
  d$z <- rbinom(60, 1, 0.5)
  d$one <- "only"
  expect_snapshot(error = TRUE, {
    front(y ~ x + (1 | b) + (1 | one), d)
    front(y ~ x + (1 | b) + (1 | same), d)
    front(y ~ x + (1 | b) + (1 | row), d)
    front(z ~ x + (1 | b) + (1 | row), d, binomial())
    front(y ~ x + (1 | a) + (1 | a), d)
  })
})
