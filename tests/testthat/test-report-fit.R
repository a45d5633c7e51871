# A fit that is no maximum: the one condition that names the cause.

clusters_of <- function(m = 10L, leaves = 3L, rows = 4L, seed = 91) {
  set.seed(seed)
  d <- expand.grid(row = seq_len(rows), b = seq_len(leaves), a = seq_len(m))
  d$c <- sample(6L, nrow(d), TRUE)
  d$x <- rnorm(nrow(d))
  d$u <- rnorm(m)[d$a]
  d
}

structures <- c("(1 | a)", "(x | a)", "(x || a)", "(1 | a/b)", "(1 | a) + (1 | c)")

test_that("continuous responses that are constant in clusters have no residual variance", {
  d <- clusters_of()
  d$y <- plogis(d$u) # a proportion, and positive
  for (family in list(
    gaussian(), gaussian("log"), Gamma("log"), Gamma("inverse"), inverse.gaussian("log"),
    beta_family()
  )) {
    for (random in structures) {
      expect_error(glmm(as.formula(paste("y ~ x +", random)), d, family),
        class = "margmix_error_residual_variance"
      )
    }
  }
  expect_snapshot(error = TRUE, glmm(y ~ x + (1 | a), d, Gamma("log")))
  # one response off: there is a maximum
  d$y[5L] <- 0.9 * d$y[5L]
  fit <- suppressMessages(glmm(y ~ x + (1 | a), d, Gamma("log")))
  expect_true(fit$convergence$converged)
})

test_that("a response that the effects reproduce exactly is found by where the search ends", {
  d <- clusters_of()
  d$y <- exp(0.5 + 0.3 * d$u * d$x + 0.1 * d$x)
  expect_error(suppressMessages(glmm(y ~ x + (0 + x | a), d, Gamma("log"), nAGQ = 3)),
    class = "margmix_error_residual_variance"
  )
})

test_that("the variance runs away in nested and crossed models, too", {
  d <- clusters_of()
  d$y <- as.numeric(d$u > 0)
  for (random in structures) {
    expect_error(glmm(as.formula(paste("y ~ x +", random)), d, binomial()),
      class = "margmix_error_variance_separation"
    )
  }
  expect_snapshot(error = TRUE, glmm(y ~ x + (1 | a / b), d, binomial()))
  # constant in the leaves alone
  d$y <- ave(d$x, d$a, d$b, FUN = function(x) as.numeric(x[1L] > 0))
  expect_error(glmm(y ~ x + (1 | a / b), d, binomial()),
    class = "margmix_error_variance_separation"
  )
})

test_that("separation is said once", {
  d <- clusters_of()
  d$y <- rbinom(nrow(d), 1, plogis(d$u))
  d$g <- d$y
  conditions <- character()
  withCallingHandlers(
    suppressMessages(glmm(y ~ x + g + (1 | a), d, binomial("log"))),
    warning = function(w) {
      conditions <<- c(conditions, class(w)[1L])
      invokeRestart("muffleWarning")
    }
  )
  expect_identical(conditions, "margmix_warning_separation")
})

test_that("the edge of a link is named", {
  d <- clusters_of(m = 25L, leaves = 2L, rows = 2L, seed = 7)
  d$y <- rbinom(nrow(d), 1, exp(pmin(-1 + 0.9 * d$u, -0.05)))
  fit <- function() suppressMessages(glmm(y ~ x + (1 | a), d, binomial("log"), nAGQ = 9))
  expect_warning(fit(), class = "margmix_warning_link_range")
  found <- tryCatch(fit(), margmix_warning_link_range = identity)
  text <- sub("= .*", "= <number>", strsplit(conditionMessage(found), "\n")[[1L]])
  expect_snapshot(writeLines(text))
  # the same responses and a link without an edge
  expect_warning(suppressMessages(glmm(y ~ x + (1 | a), d, binomial(), nAGQ = 9)), NA)
})

test_that("Laplace without a clear mode is named", {
  set.seed(1283)
  d <- expand.grid(row = 1:5, b = 1:3, a = 1:3)
  d$c <- sample(6L, 45L, TRUE)
  d$x <- rnorm(45)
  d$g <- rbinom(3, 1, 0.5)[d$a]
  effect <- matrix(rnorm(6), ncol = 2)[d$a, 1L] + rnorm(6)[d$c]
  d$y <- rbinom(45, 1, pcauchy(0.2 + 0.8 * effect + 0.4 * (d$x + d$g)))
  found <- tryCatch(glmm(y ~ x + g + (1 | a) + (1 | c), d, binomial("cauchit")),
    warning = identity
  )
  expect_s3_class(found, "margmix_warning_modes")
  expect_snapshot(writeLines(conditionMessage(found)))
})

test_that("a search that nlminb ends on a ridge goes on to the maximum", {
  set.seed(1348)
  m <- sample(c(10L, 25L), 1L)
  d <- expand.grid(row = seq_len(sample(2:5, 1L)), b = 1:3, a = seq_len(m))
  d$c <- sample(6L, nrow(d), TRUE)
  d$x <- rnorm(nrow(d))
  d$g <- rbinom(m, 1, 0.5)[d$a]
  u <- matrix(rnorm(2 * m), ncol = 2)
  eta <- 0.2 + 0.2 * (u[d$a, 1L] + 0.5 * u[d$a, 2L] * d$x) + 0.1 * (d$x + d$g)
  d$y <- rgamma(nrow(d), 2, 2 / exp(eta))
  for (theta in list(c(0.2, 0, 0.2), c(0.1, -0.1, 0.1), c(0.05, 0.2, 0.05))) {
    fit <- suppressMessages(
      glmm(y ~ x + g + (x | a), d, Gamma("log"), nAGQ = 5, start = list(theta = theta))
    )
    expect_true(fit$convergence$converged)
    expect_lt(abs(as.numeric(logLik(fit)) + 113.69886), 1e-4)
  }
})

test_that("degrees of freedom do not depend on the units of covariates", {
  d <- clusters_of(seed = 4)
  d$y <- 1 + 0.1 * d$x + d$u + rnorm(10 * 3)[(d$a - 1) * 3 + d$b] + rnorm(nrow(d))
  d$big <- 1e7 * d$x
  one <- summary(glmm(y ~ x + (1 | a / b), d))$coefficients
  other <- summary(glmm(y ~ big + (1 | a / b), d))$coefficients
  expect_equal(other[, "df"], one[, "df"], tolerance = 1e-5, ignore_attr = TRUE)
})

# Ten years of 0/1 responses, counts and measurements with a random slope.
years_data <- function() {
  set.seed(1)
  d <- data.frame(g = rep(1:20, each = 10), year = rep(2001:2010, 20))
  d$centred <- d$year - 2005
  eta <- rnorm(20)[d$g] + rnorm(20, sd = 0.3)[d$g] * d$centred
  d$y <- rbinom(200, 1, plogis(eta))
  d$count <- rpois(200, exp(0.3 * eta))
  d$minute <- as.POSIXct("2020-01-01", tz = "UTC") + 60 * d$centred
  d$z <- eta + rnorm(200)
  d
}

test_that("a covariate far from zero is no reason to doubt a standard deviation", {
  d <- years_data()
  centred <- glmm(y ~ centred + (centred | g), d, binomial(), nAGQ = 1)
  expect_silent(glmm(y ~ centred + (centred | g), d, binomial(), nAGQ = 1))
  expect_message(
    expect_warning(far <- glmm(y ~ year + (year | g), d, binomial(), nAGQ = 1), NA),
    "Centre `year`", class = "margmix_note_uncentred"
  )
  expect_equal(as.numeric(logLik(far)), as.numeric(logLik(centred)), tolerance = 1e-8)
  # the sd that the note is about: of the intercept at year 0
  at_zero <- c(1, -2005) %*% centred$Lambda
  expect_equal(sqrt(sum(at_zero^2)), sqrt(sum(far$Lambda[1L, ]^2)), tolerance = 1e-4)
  expect_message(glmm(count ~ year + (year | g), d, poisson(), nAGQ = 1),
    class = "margmix_note_uncentred"
  )
})

test_that("a covariate far from zero that is not centred with its intercept is named", {
  d <- years_data()
  expect_error(
    glmm(z ~ centred + (1 | g) + (0 + minute | g), d), "Centre `minute`",
    class = "margmix_error_not_identified"
  )
  # in one term with the intercept it is
  expect_warning(far <- suppressMessages(glmm(z ~ centred + (minute | g), d, REML = TRUE)), NA)
  d$minute <- as.numeric(d$minute - mean(d$minute))
  expect_warning(near <- glmm(z ~ centred + (minute | g), d, REML = TRUE), NA)
  expect_equal(far$logLik, near$logLik, tolerance = 1e-8)
})

test_that("a fit that does not converge for powers of dates says: centre them", {
  d <- transform(lme4::sleepstudy, Date = as.Date("2020-01-01") + Days)
  d$day <- as.numeric(d$Date)
  hint <- function(fit) {
    condition <- tryCatch(suppressMessages(fit), margmix_warning_convergence = identity)
    expect_s3_class(condition, "margmix_warning_convergence")
    sub(".*Hint: ", "", conditionMessage(condition))
  }
  # a date may be in several random terms
  expect_match(centre_hint(c("x", "t", "t"), c("2" = 300, "3" = 300)), "^Centre `t`, .* sd 300\\)")
  # in fixed effects that are nearly dependent
  expect_match(
    hint(glmm(Reaction ~ day + I(day^2) + (1 | Subject), d, REML = TRUE)),
    "^Centre `day`, `I\\(day\\^2\\)`, far"
  )
  # centred, the same models converge
  d$Date <- d$Date - as.Date("2020-01-05")
  expect_true(glmm(Reaction ~ Date + (Date | Subject), d, REML = TRUE)$convergence$converged)
})
