# Spatial fields: input that is refused, with the name of what is wrong.

spots <- function() {
  set.seed(1)
  d <- data.frame(u = round(runif(20), 3), v = round(runif(20), 3), g = rep(c("a", "b"), 10))
  d$y <- rpois(20, 3)
  d
}

refused <- function(formula, d = spots(), class = "margmix_error_relation", words = NULL) {
  expect_error(glmm(formula, d, poisson()), words, class = class)
}

test_that("formulas of fields are read strictly, and exp() elsewhere is exp()", {
  three <- "one to three coordinates"
  refused(y ~ exp(1 | g), class = "margmix_error_formula", words = three)
  refused(y ~ exp(u * v | g), class = "margmix_error_formula", words = three)
  refused(y ~ exp(u - v | g), class = "margmix_error_formula", words = three)
  refused(y ~ exp(u || g), class = "margmix_error_formula", words = three)
  d <- transform(spots(), w = u, z = v)
  refused(y ~ mat(u + v + w + z | g), d, class = "margmix_error_formula", words = three)
  refused(y ~ exp(u + v | g / u), class = "margmix_error_formula", words = "nested")
  refused(y ~ exp(u + v | g, nu = 1.5), class = "margmix_error_formula")
  refused(y ~ u - exp(u + v | g), class = "margmix_error_formula", words = "subtracted")
  fit <- suppressMessages(glmm(y ~ exp(u) + (1 | g), spots(), poisson()))
  expect_named(coef(fit), c("(Intercept)", "exp(u)"))
})

test_that("settings of fields must be known", {
  refused(y ~ mat(u + v | g, nu = 1), words = "0.5, 1.5 or 2.5")
  refused(y ~ mat(u + v | g, nu = nowhere), words = "nowhere")
  refused(y ~ exp(u + v | g, distance = "miles"), words = "euclidean")
  refused(y ~ exp(u + v | g, neighbours = 0), words = "neighbours")
  refused(y ~ exp(u + v | g, neighbours = 2.5), words = "whole number")
  refused(y ~ exp(u + v | g, dense = NA), words = "dense")
  refused(y ~ gau(u + v | g, distance = "great_circle"), words = "great-circle")
  refused(y ~ mat(u + v | g, nu = 2.5, distance = "great_circle"), words = "chordal")
})

test_that("coordinates must be finite numbers, and places", {
  d <- spots()
  place <- "margmix_error_place"
  refused(y ~ exp(u + v | g), transform(d, u = as.character(u)), place, "character")
  refused(y ~ exp(u + v | g), transform(d, u = replace(u, 3, Inf)), place, "`u`")
  refused(y ~ exp(u + 0 | g), transform(d, u = factor(letters[1:20])), place, "factor")
  refused(y ~ exp(u + v | 1, distance = "great_circle"), transform(d, v = 100), place, "degrees")
  refused(y ~ exp(u | 1, distance = "chordal"), d, place, "longitude")
  refused(y ~ exp(u + v | g), transform(d, u = as.numeric(factor(g)), v = 1), place, "two places")
  refused(y ~ exp(u + v | 1), transform(d, u = 1, v = 1), "margmix_error_few_clusters")
  refused(y ~ exp(u + v | 1), transform(d, u = replace(u, 1:2, c(0.5, 0.5 + 1e-9)),
    v = replace(v, 1:2, 0.25)
  ), place, "a millionth")
  refused(y ~ exp(u + v | 1, distance = "great_circle"), transform(d, v = 91), place,
    "`v` from 91 to 91"
  )
  refused(y ~ exp(cbind(u, v) | 1), d, "margmix_error_group", "places of a field")
  # rows without coordinates are dropped as any, and equal places share an effect
  d$u[4] <- NA
  d$u[1:2] <- d$u[1]
  d$v[1:2] <- d$v[1]
  fit <- suppressMessages(glmm(y ~ 1 + exp(u + v | 1), d, poisson()))
  expect_length(random_factors(fit$design)[[1L]]$levels, 18L)
  expect_output(print(fit), "1 row dropped")
})

test_that("two fields of the same places are noted, and others are not", {
  d <- spots()
  notes <- function(formula) {
    seen <- FALSE
    withCallingHandlers(suppressWarnings(glmm(formula, d, poisson())), message = function(m) {
      seen <<- seen || inherits(m, "margmix_note_relation")
      invokeRestart("muffleMessage")
    })
    seen
  }
  expect_true(notes(y ~ 1 + exp(u + v | 1) + mat(u + v | 1)))
  expect_false(notes(y ~ 1 + exp(u + v | 1) + mat(u | 1)))
  refused(y ~ exp(u + v | 1) + exp(u + v | 1), d, "margmix_error_random_terms", "Leave one of them")
})

test_that("a field has no quadrature, and gee() has no field", {
  d <- spots()
  expect_error(glmm(y ~ exp(u + v | g), d, poisson(), nAGQ = 5), "nAGQ = 5",
    class = "margmix_error_nAGQ"
  )
  expect_error(gee(y ~ exp(u + v | g), d, id = g, family = poisson()), "exp(u + v | g)",
    fixed = TRUE, class = "margmix_error_random_term"
  )
  fit <- suppressMessages(glmm(y ~ 1 + exp(u + v | 1), d, poisson()))
  expect_error(predict(fit, data.frame(u = 0.5)), "no `v`", class = "margmix_error_newdata")
  expect_identical(
    is.na(predict(fit, data.frame(u = c(0.5, NA), v = 0.5))), c(`1` = FALSE, `2` = TRUE)
  )
})
