framed <- function(formula, data, weights, offset, subset, na.action) {
  build_frame(match.call(), parent.frame(), parse_formula(formula, parent.frame()))
}

test_that("one frame has every variable, in the caller's order", {
  d <- small_data()
  made <- framed(y ~ x + offset(t) + (f | id), d, weights = n, offset = s)
  expect_identical(names(made$frame), c("y", "x", "offset(t)", "f", "id", "(weights)", "(offset)"))
  expect_identical(made$frame$x, d$x)
  expect_identical(made$n_total, 20L)
  expect_identical(made$n_dropped, 0L)
  expect_null(made$na.action)
  expect_identical(made$data_name, "d")
})

test_that("arguments are evaluated in the data, then around the formula, then the call", {
  d <- small_data()
  w <- rep(2, 20)
  keep <- "b"
  expect_identical(nrow(framed(y ~ x + (1 | id), d, subset = f != keep)$frame), sum(d$f != "b"))
  expect_identical(framed(y ~ x + (1 | id), d, weights = w / 2)$frame[["(weights)"]], rep(1, 20))
  f <- y ~ x + (1 | id)
  inner <- function(form, data, local) framed(form, data, weights = local, subset = local > 0)
  expect_identical(inner(f, d, 1:20 - 1)$n_total, 19L)
  expect_identical(nrow(do.call(framed, list(f, d, subset = d$x > 0))$frame), sum(d$x > 0))
  expect_identical(nrow(do.call("framed", list(f, quote(d), weights = w))$frame), 20L)
  parts <- lapply(split(d, d$b), function(part) framed(f, data = part, weights = n))
  expect_identical(unname(vapply(parts, function(p) nrow(p$frame), 1L)), c(10L, 10L))
  wrapper <- function(...) framed(...)
  expect_identical(wrapper(f, data = d, weights = w)$frame[["(weights)"]], w)
})

test_that("a missing condition in subset counts as FALSE", {
  d <- small_data()
  d$x[3] <- NA
  expect_identical(framed(y ~ 1 + (1 | id), d, subset = x > 0)$n_total, sum(d$x > 0, na.rm = TRUE))
})

test_that("data may be absent, a list, an environment, a tibble or a data.table", {
  d <- small_data()
  expected <- framed(y ~ x + (1 | id), d)$frame
  with(d, expect_equal(framed(y ~ x + (1 | id))$frame, expected, ignore_attr = TRUE))
  expect_equal(framed(y ~ x + (1 | id), as.list(d))$frame, expected, ignore_attr = TRUE)
  expect_equal(framed(y ~ x + (1 | id), list2env(d))$frame, expected, ignore_attr = TRUE)
  skip_if_not_installed("tibble")
  expect_equal(framed(y ~ x + (1 | id), tibble::as_tibble(d))$frame, expected, ignore_attr = TRUE)
  skip_if_not_installed("data.table")
  expect_equal(framed(y ~ x + (1 | id), data.table::as.data.table(d), subset = x > 0)$frame,
    expected[d$x > 0, ], ignore_attr = TRUE
  )
})

test_that("every na.action does what it does for lm()", {
  d <- small_data()
  d$x[3] <- NA
  d$id[7] <- NA
  d$n[9] <- NA
  f <- y ~ x + (1 | id)
  omitted <- framed(f, d, weights = n)
  expect_identical(omitted$n_dropped, 3L)
  expect_identical(omitted$n_total, 20L)
  expect_s3_class(omitted$na.action, "omit")
  excluded <- framed(f, d, na.action = na.exclude)
  expect_s3_class(excluded$na.action, "exclude")
  expect_identical(unname(which(is.na(naresid(excluded$na.action, excluded$frame$y)))), c(3L, 7L))
  expect_identical(framed(f, d, na.action = "na.omit")$n_dropped, 2L)
  expect_error(framed(f, d, na.action = na.fail), class = "margmix_error_missing_values")
  expect_error(framed(f, d, na.action = NULL), class = "margmix_error_missing_values")
  expect_identical(framed(y ~ 1 + (1 | f), d, na.action = na.fail)$n_dropped, 0L)
  first <- function(object) object[1:6, ]
  expect_identical(nrow(framed(y ~ 1 + (1 | f), d, na.action = first)$frame), 6L)
  withr_options <- options(na.action = "na.exclude")
  on.exit(options(withr_options))
  expect_s3_class(framed(f, d)$na.action, "exclude")
})

test_that("unused levels of covariates are dropped, those of the response are not", {
  d <- small_data()
  d$r <- factor(d$b, levels = 0:1)
  made <- framed(r ~ f + (1 | id), d, subset = f != "b" & b == 1)
  expect_identical(levels(made$frame$f), c("a", "c"))
  expect_identical(levels(made$frame$r), c("0", "1"))
  contrasts(d$f) <- "contr.sum"
  expect_snapshot(invisible(framed(b ~ f + (1 | id), d, subset = f != "b")))
})

test_that("terms are safe for prediction", {
  made <- framed(y ~ poly(x, 2) + (splines::ns(t, 2) | id), small_data())
  expect_match(deparse1(attr(made$terms_fixed, "predvars")), "coefs = list")
  expect_match(deparse1(attr(made$terms_random[[1]], "predvars")), "knots = ")
  expect_identical(attr(made$terms_fixed, "dataClasses")[["poly(x, 2)"]], "nmatrix.2")
})

test_that("data that can't be used are refused", {
  d <- small_data()
  e <- d
  e$x[3:9] <- NA
  expect_snapshot(error = TRUE, {
    framed(y ~ x + (1 | id), binomial)
    framed(y ~ x + (1 | id), gaussian())
    framed(y ~ x + (1 | id), as.matrix(d))
    framed(y ~ missing_variable + (1 | id), d)
    framed(y ~ x + (1 | id), d, weights = missing_variable)
    framed(y ~ x + (1 | id), d, weights = 1:3)
    framed(y ~ x + (1 | id), d, subset = x > 100)
    framed(y ~ x + (1 | id), e, na.action = na.fail)
    framed(y ~ x + (1 | id), e, na.action = na.pass)
    framed(y ~ x + (1 | id), d, na.action = "no_such_action")
  })
})

# Without the check, equal calls of y ~ y + x gave up to 59 answers in 300: the column of y in X was
# never written.
test_that("the response is refused on the right side, wherever it is", {
  d <- small_data()
  expect_snapshot(error = TRUE, {
    framed(y ~ y + x + (1 | id), d)
    framed(y ~ x + x:y + (1 | id), d)
    framed(log(y) ~ x * log(y) + (1 | id), d)
    framed(y ~ x + (y | id), d)
    framed(b ~ x + (1 | id:b), d)
    gee(y ~ y + x, d, id)
    gee(y ~ x + x:y, d, id)
  })
  fit <- gee(y ~ x, d, id)
  expect_error(update(fit, . ~ . + y), class = "margmix_error_response_term")
  # R's own matching of variables: 2 and 2L are one number
  expect_error(gee(log(y, 2) ~ log(y, 2L), d, id), class = "margmix_error_response_term")
  # not there in the end, or another variable
  expect_identical(coef(gee(y ~ x + y - y, d, id)), coef(fit))
  expect_named(coef(gee(y ~ . - y, d[c("y", "x", "id")], id)), c("(Intercept)", "x"))
  expect_named(coef(gee(cbind(s, n) ~ n, d, id, family = binomial())), c("(Intercept)", "n"))
})

test_that("every term of a formula that is accepted has its variables in the part it belongs to", {
  formulas <- list(
    y ~ x * offset(t) + (x:f | id), y ~ (x + f)^2 - x + (1 | id), y ~ x %in% f + (0 + f | id),
    y ~ f / x + y - y + (poly(x, 2) || id), y ~ 0 + x:f + (1 | f:id), y ~ . - y + (x - 1 | id)
  )
  for (formula in formulas) {
    made <- framed(formula, small_data())
    for (part in c(list(made$terms_fixed), made$terms_random)) {
      factors <- attr(stats::delete.response(part), "factors")
      if (length(factors)) expect_true(all(colSums(factors) > 0), label = deparse1(formula))
    }
  }
})

test_that("what is no vector, or is text that names one, is refused with the way to write it", {
  d <- small_data()
  d$list <- as.list(d$x)
  expect_snapshot(error = TRUE, {
    front(y ~ x + (1 | id), d, weights = "n")
    front(y ~ x + (1 | id), d, weights = ~n)
    front(y ~ x + (1 | id), d, offset = "x")
    front(y ~ x + (1 | id), d, weights = "count")
    front(y ~ list + (1 | id), d)
    front(y ~ x + (list | id), d)
  })
  used <- row_weights(front(y ~ x + (1 | id), d, weights = n)$design)
  expect_identical(used, as.numeric(d$n[order(d$id)]))
})
