response <- function(y, weights = NULL, type = "prior", family = binomial()) {
  family_tools(family)$response(y, weights, type, seq_len(NROW(y)))
}

test_that("binomial responses come in all forms", {
  expected <- list(y = c(1, 0, 1), trials = c(1, 1, 1), weights = c(1, 1, 1))
  expect_identical(response(c(1, 0, 1)), expected)
  expect_identical(response(c(1L, 0L, 1L)), expected)
  expect_identical(response(c(TRUE, FALSE, TRUE)), expected)
  expect_identical(response(factor(c("yes", "no", "yes"))), expected)
  expect_identical(response(factor(c("b", "a", "b"), levels = c("c", "a", "b"))), expected)
  expect_identical(response(factor(c("yes", "yes", "yes"), c("no", "yes")))$y, c(1, 1, 1))
  expect_identical(
    response(cbind(c(2, 0), c(1, 4))), list(y = c(2, 0), trials = c(3, 4), weights = c(1, 1))
  )
  expect_identical(response(cbind(2L, 1L), 3)$weights, 3)
  expect_identical(
    response(c(0.3, 1 / 3), c(10, 3)), list(y = c(3, 1), trials = c(10, 3), weights = c(1, 1))
  )
})

test_that("weights of 0/1 responses are trials if whole, multipliers otherwise", {
  expect_identical(
    response(c(1, 0), c(2, 5)), list(y = c(2, 0), trials = c(2, 5), weights = c(1, 1))
  )
  expect_identical(
    response(c(1, 0), c(0.5, 2)), list(y = c(1, 0), trials = c(1, 1), weights = c(0.5, 2))
  )
  expect_identical(
    response(c(1, 0), c(2, 5), "frequency"), list(y = c(1, 0), trials = c(1, 1), weights = c(2, 5))
  )
  expect_identical(response(cbind(2, 1), 4, "frequency")$weights, 4)
})

test_that("other responses keep y and weights", {
  expect_identical(
    response(c(0L, 3L), c(1, 2), family = poisson()),
    list(y = c(0, 3), trials = c(1, 1), weights = c(1, 2))
  )
  expect_identical(response(c(TRUE, FALSE), family = gaussian())$y, c(1, 0))
  expect_identical(response(matrix(c(0.5, -1)), family = gaussian())$y, c(0.5, -1))
})

test_that("responses, weights and offsets in the frame are checked and used", {
  d <- small_data()
  design <- front(cbind(s, n) ~ x + (1 | id), d, binomial)$design
  expect_identical(caller_order(design$y, design), d$s)
  expect_identical(caller_order(design$trials, design), d$s + d$n)
  expect_identical(row_response(front(log(y) ~ x + (1 | id), d)$design), log(d$y)[order(d$id)])
  expect_error(front(y ~ x + (1 | id), d, weights = rep(0, 20)), class = "margmix_error_weights")
})

test_that("responses out of range are refused", {
  expect_snapshot(error = TRUE, {
    response(c(0, 1, 2))
    response(c(1, 2, 1))
    response(c(0, -0.5))
    response(factor(c("a", "b", "c")))
    response(factor("a"))
    response(c("no", "yes"))
    response(c("no", "yes", "maybe"))
    response(c("0", "1"))
    response(cbind(c(3, -1), 1))
    response(cbind(1, 2, 3))
    response(c(1, NaN))
    response(cbind(Inf, 1))
    response(c(3, -1), family = poisson())
    response("a", family = poisson())
    response(factor(1:2), family = gaussian())
    response(c(1, -Inf), family = gaussian())
  })
})

test_that("weights and offsets out of range are refused", {
  d <- small_data()
  expect_snapshot(error = TRUE, {
    front(y ~ x + (1 | id), d, weights = x)
    front(y ~ x + (1 | id), d, weights = f)
    front(y ~ x + (1 | id), d, weights = 1 / s)
    front(y ~ x + (1 | id), d, weights = 0 * s)
    front(y ~ x + (1 | id), d, offset = f)
    front(y ~ x + offset(log(s)) + (1 | id), d)
  })
})

test_that("counts that are not whole are reported", {
  expect_snapshot({
    used <- response(c(0.25, 1))
    used <- response(c(0.25, 1), c(2, 3))
    used <- response(c(0.25, 1), c(2.5, 3))
    used <- response(c(0.25, 1), c(4, 3), "frequency")
    used <- response(cbind(1.5, 2))
    used <- response(c(1, 1.5), family = poisson())
  })
  expect_silent(response(c(0.333, 0.1), c(3, 10) * 1))
})

test_that("a 0/1 response without a family is noted", {
  d <- data.frame(y = rep(0:1, 10), g = gl(5, 4))
  expect_message(suppressWarnings(glmm(y ~ 1 + (1 | g), d)), class = "margmix_note_zero_one")
  expect_message(gee(y ~ 1, d, g), class = "margmix_note_zero_one")
  said <- function(expr) {
    out <- FALSE
    withCallingHandlers(suppressWarnings(expr), message = function(m) {
      out <<- out || inherits(m, "margmix_note_zero_one")
      invokeRestart("muffleMessage")
    })
    out
  }
  expect_false(said(glmm(y ~ 1 + (1 | g), d, gaussian())))
  expect_false(said(gee(y ~ 1, transform(d, y = y + 0.5), g)))
})
