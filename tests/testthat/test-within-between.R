cluster_data <- function() {
  set.seed(21)
  d <- data.frame(id = rep(letters[1:20], each = 4)[sample(80)], x = rnorm(80))
  d$y <- rpois(80, exp(0.2 + 0.3 * d$x))
  d
}

test_that("means and deviations, by value and in any order", {
  x <- c(1, 5, 3, NA, 2)
  g <- c("a", "b", "a", "b", NA)
  expect_equal(as.numeric(unclass(between_cluster(x, g))), c(2, 5, 2, 5, NA))
  expect_equal(as.numeric(unclass(within_cluster(x, g))), c(-1, 0, 1, NA, NA))
  a <- between_cluster(x, c(1, 2, 1, 2, 3))
  expect_equal(unclass(a), unclass(between_cluster(x, factor(c(1, 2, 1, 2, 3)))))
  expect_equal(as.numeric(unclass(within_cluster(c(TRUE, FALSE), c(1, 1)))), c(0.5, -0.5))
})

test_that("the fit is that with the parts as variables", {
  d <- cluster_data()
  d$mean <- ave(d$x, d$id)
  d$deviation <- d$x - d$mean
  a <- glmm(y ~ within_cluster(x, id) + between_cluster(x, id) + (1 | id), d, poisson(), nAGQ = 7)
  b <- glmm(y ~ deviation + mean + (1 | id), d, poisson(), nAGQ = 7)
  expect_equal(unname(coef(a)), unname(coef(b)), tolerance = 1e-8)
  expect_equal(unname(fitted(a)), unname(fitted(b)), tolerance = 1e-8)
})

test_that("known clusters keep their means in new data, new ones have their own", {
  d <- cluster_data()
  fit <- glmm(y ~ within_cluster(x, id) + between_cluster(x, id) + (1 | id), d, poisson(), nAGQ = 7)
  beta <- coef(fit)
  means <- tapply(d$x, d$id, mean)
  new <- data.frame(id = c("c", "zz", "zz"), x = c(10, 1, 4))
  m <- c(means[["c"]], 2.5, 2.5)
  expect_equal(
    unname(predict(fit, newdata = new, type = "link", random_effects = "zero")),
    unname(beta[1] + beta[2] * (new$x - m) + beta[3] * m), tolerance = 1e-10
  )
  # one row alone
  expect_equal(
    unname(predict(fit, newdata = new[1, ], type = "link", random_effects = "zero")),
    unname(beta[1] + beta[2] * (10 - m[1]) + beta[3] * m[1]), tolerance = 1e-10
  )
})

test_that("standardizing over the exposure moves the within part only", {
  d <- cluster_data()
  fit <- glmm(y ~ within_cluster(x, id) + between_cluster(x, id) + (1 | id), d, poisson(), nAGQ = 7)
  at <- function(x) {
    rows <- d
    rows$x <- x
    sum(predict(fit, newdata = rows, type = "response", random_effects = "integrate"))
  }
  # log link: a shift of x by 1 in every row multiplies every mean by exp(beta_within)
  expect_equal(at(1) / at(0), exp(coef(fit)[[2]]), tolerance = 1e-10)
  std <- as.data.frame(marginal_standardization(fit, "x", c(0, 1), contrast = "ratio"))
  expect_lt(min(abs(std$estimate - exp(coef(fit)[[2]]))), 1e-8)
})

test_that("variables that have no mean are refused", {
  expect_snapshot(error = TRUE, {
    within_cluster(factor(c("a", "b")), 1:2)
    between_cluster(1:3, 1:2)
  })
})
