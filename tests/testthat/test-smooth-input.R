# Smooth terms: input that is refused or remarked on, with the name of what is wrong.

bends <- function() {
  set.seed(2)
  d <- data.frame(
    x = runif(60), z = rep(1:6, 10), f = rep(c("a", "b"), 30), g = rep(1:10, each = 6)
  )
  d$y <- rpois(60, exp(1 + sin(6 * d$x)))
  d
}

refused <- function(formula, words, d = bends(), class = "margmix_error_smooth") {
  skip_if_not_installed("mgcv")
  expect_error(suppressWarnings(glmm(formula, d, poisson())), words, fixed = TRUE, class = class)
}

test_that("covariates of smooths must be finite numbers, with as many values as `k`", {
  refused(y ~ s(f), "`f` of class factor")
  refused(y ~ s(x, f), "`f` of class factor")
  refused(y ~ s(x), "`x` has infinite values", transform(bends(), x = replace(x, 3, Inf)))
  refused(y ~ s(z), "the number of distinct values, 6 of `z`")
  refused(y ~ s(x, k = 70), "60 of `x`")
  refused(y ~ s(x), "1 of `x`", transform(bends(), x = 1))
  refused(y ~ s(), "s(x)", class = "margmix_error_formula")
  refused(y ~ s(x, by = nowhere), "nowhere", class = "margmix_error_frame")
  refused(y ~ s(x, bs = "zz"), "no basis \"zz\"")
  # a factor is what these bases are of
  d <- transform(bends(), f = paste(f, z))
  effects <- suppressMessages(glmm(y ~ s(f, bs = "re"), d, poisson()))
  as_group <- suppressMessages(glmm(y ~ 1 + (1 | f), d, poisson(), nAGQ = 1))
  expect_equal(effects$logLik, as_group$logLik, tolerance = 1e-8)
  expect_error(predict(effects, data.frame(f = "c 1")), "`f`: c 1", class = "margmix_error_newdata")
  d <- transform(bends(), x = replace(x, 3, NA))
  fit <- suppressMessages(glmm(y ~ s(x, k = 5), d, poisson()))
  expect_output(print(fit), "1 row dropped")
})

test_that("tensor products are written as t2(), and of one variable as s()", {
  refused(y ~ te(x), "Write s(x).")
  refused(y ~ te(x, z, k = 4), "Write t2(x, z, k = 4).")
  refused(y ~ ti(x, z), "those of ti() have several")
})

test_that("curves by levels of a factor have levels of their own, or a note says so", {
  skip_if_not_installed("mgcv")
  notes <- function(formula, d = bends()) {
    seen <- character()
    withCallingHandlers(glmm(formula, d, poisson()), message = function(m) {
      if (inherits(m, "margmix_note_smooth")) seen <<- c(seen, conditionMessage(m))
      invokeRestart("muffleMessage")
    })
    seen
  }
  expect_match(notes(y ~ s(x, by = f, k = 4)), "Write f + s(x, by = f, k = 4).", fixed = TRUE)
  expect_length(notes(y ~ f + s(x, by = f, k = 4)), 0L)
  expect_length(notes(y ~ s(x, by = f, k = 4) + (1 | f)), 0L)
  expect_length(notes(y ~ s(x, by = z, k = 4)), 0L)
})

test_that("quadrature and gee() have no smooths", {
  skip_if_not_installed("mgcv")
  expect_error(glmm(y ~ s(x, k = 4) + (1 | g), bends(), poisson(), nAGQ = 5), "smooth terms",
    class = "margmix_error_nAGQ"
  )
  expect_error(gee(y ~ s(x), bends(), id = g, family = poisson()), "y ~ s(x)",
    fixed = TRUE, class = "margmix_error_smooth"
  )
})
