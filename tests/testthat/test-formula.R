bars <- function(formula) vapply(parse_formula(formula)$random, `[[`, "", "label")
fixed <- function(formula) deparse(parse_formula(formula)$fixed)

test_that("a formula is split into fixed part and random terms", {
  expect_identical(fixed(y ~ x * z + offset(o) + (1 | g)), "y ~ x * z + offset(o)")
  expect_identical(fixed(y ~ (1 | g)), "y ~ 1")
  expect_identical(fixed(y ~ 0 + (1 | g)), "y ~ 0")
  expect_identical(fixed(y ~ (1 | g) - 1 + x), "y ~ -1 + x")
  expect_identical(fixed(y ~ x + ((1 | g) + z)), "y ~ x + z")
  expect_identical(fixed(y ~ I(a | b) + (a + b):z + (1 | g)), "y ~ I(a | b) + (a + b):z")
  expect_identical(bars(y ~ x + (1 | g) + (0 + x | g)), c("(1 | g)", "(0 + x | g)"))
  expect_identical(bars(y ~ (x || g)), "(x || g)")
  expect_identical(bars(y ~ (1 | a / b)), c("(1 | a)", "(1 | a:b)"))
  expect_identical(bars(y ~ (1 | a / b / c)), c("(1 | a)", "(1 | a:b)", "(1 | a:b:c)"))
  expect_identical(bars(y ~ (poly(x, 2) | factor(g))), "(poly(x, 2) | factor(g))")
})

test_that("terms keep what is needed to build them", {
  parsed <- parse_formula(log(y) ~ x + (z || a:b))
  term <- parsed$random[[1]]
  expect_equal(term$lhs, ~z)
  expect_identical(term$group, quote(a:b))
  expect_identical(term$group_label, "a:b")
  expect_false(term$correlated)
  expect_setequal(all.vars(parsed$frame), c("y", "x", "z", "a", "b"))
  expect_identical(environment(parsed$fixed), environment())
})

test_that("formulas may be text, variables or unevaluated calls", {
  f <- y ~ x + (1 | g)
  expect_equal(parse_formula("y ~ x + (1 | g)")$fixed, parse_formula(f)$fixed)
  expect_equal(parse_formula(quote(y ~ x + (1 | g)))$fixed, parse_formula(f)$fixed)
})

test_that("long sums are split", {
  names <- paste0("x", 1:1000)
  parsed <- parse_formula(as.formula(paste("y ~", paste(names, collapse = " + "), "+ (1 | g)")))
  expect_equal(attr(terms(parsed$fixed), "term.labels"), names)
  expect_length(parsed$random, 1L)
})

test_that("bars and groups are those of reformulas", {
  skip_if_not_installed("reformulas")
  for (f in list(
    y ~ x + (1 | g), y ~ (x | g) + (0 + z | h), y ~ x + (1 + x | a:b) + w, y ~ offset(o) + (1 | g)
  )) {
    found <- reformulas::findbars_x(f, default.special = NULL)
    theirs <- vapply(found, function(bar) paste0("(", deparse(bar), ")"), "")
    expect_identical(bars(f), theirs)
    expect_equal(parse_formula(f)$fixed, reformulas::nobars(f))
  }
})

test_that("a dot stands for the other columns", {
  data <- data.frame(y = 1, x = 1, g = 1, z = 1)
  dot <- function(f) deparse(expand_dot(parse_formula(f), data)$fixed)
  expect_identical(dot(y ~ . + (1 | g)), "y ~ (x + z)")
  expect_identical(dot(y ~ . - z + (x | g)), "y ~ (x + z) - z")
  expect_identical(dot(log(y) ~ .^2 + (1 | g:z)), "log(y) ~ (x)^2")
})

test_that("formulas that can't be read are refused", {
  expect_snapshot(error = TRUE, {
    parse_formula(~ x + (1 | g))
    parse_formula(3)
    parse_formula("y ~ +")
    parse_formula(y ~ x)
    parse_formula(y ~ 1 | g)
    parse_formula(y ~ x * (1 | g))
    parse_formula(y ~ x - (1 | g))
    parse_formula(y ~ x + homtoep(0 + t | g))
    parse_formula(y ~ x + (1 | a + b))
    parse_formula(y ~ x + (1 | 1))
    parse_formula(y ~ x + (offset(o) | g))
    parse_formula(y ~ x + (. | g))
    expand_dot(parse_formula(y ~ . + (1 | g)), NULL)
    expand_dot(parse_formula(y ~ . + (1 | g)), data.frame(y = 1, g = 1))
  })
})
