# With zero variance a mixed model is a generalized linear model: its residuals are those of glm().

infection_fit <- function() {
  glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial(), nAGQ = 5)
}

all_types <- c("deviance", "pearson", "response", "working")

flat_data <- function() {
  d <- data.frame(g = rep(1:20, each = 5))
  d$x <- rep(c(-1, 0.5, 0, 1, 2), 20) + d$g / 40
  d$n <- rep(c(4, 6, 5, 8, 3), 20)
  d$s <- rep(c(1, 3, 2, 4, 2), 20)
  d$y <- d$s / 3 + d$x / 2
  d$w <- rep(c(1, 2, 0.5, 1, 3), 20)
  d[c(50:1, 51:100), ]
}

test_that("residuals are those of glm() if the variance is zero", {
  d <- flat_data()
  forms <- list(
    list(cbind(s, n - s) ~ x, binomial()),
    list(s / n ~ x, binomial("cloglog"), n = TRUE),
    list(as.numeric(s > 2) ~ x, binomial("probit")),
    list(s ~ x, poisson()),
    list(s ~ x, poisson("sqrt"), w = TRUE),
    list(y ~ x, gaussian(), w = TRUE)
  )
  for (form in forms) {
    d$weight <- if (isTRUE(form$n)) d$n else if (isTRUE(form$w)) d$w else 1
    reference <- glm(form[[1]], form[[2]], d, weights = weight, control = glm.control(1e-14))
    mixed <- update(form[[1]], . ~ . + (1 | g))
    fit <- suppressMessages(glmm(mixed, d, form[[2]], weights = weight, nAGQ = 3))
    expect_identical(fit$Lambda[[1]], 0)
    expect_equal(fitted(fit), fitted(reference), tolerance = 1e-6)
    for (type in all_types) {
      for (how in c("eb", "zero")) {
        expect_equal(
          residuals(fit, type, how), residuals(reference, type), tolerance = 1e-5,
          ignore_attr = TRUE
        )
      }
    }
    expect_equal(residuals(fit, "response", "integrate"), residuals(reference, "response"),
      tolerance = 1e-6
    )
  }
})

test_that("residuals of a mixed model follow from its fitted values", {
  fit <- glmm(seizures ~ treatment + (1 | subject), epilepsy, poisson(), nAGQ = 5)
  mu <- fitted(fit)
  y <- epilepsy$seizures
  expect_equal(residuals(fit, "response"), y - mu)
  expect_equal(residuals(fit, "pearson"), (y - mu) / sqrt(mu))
  expect_equal(residuals(fit, "working"), (y - mu) / mu)
  d <- 2 * (ifelse(y > 0, y * log(y / mu), 0) - (y - mu))
  expect_equal(residuals(fit), sign(y - mu) * sqrt(d))
  m <- predict(fit, type = "response", random_effects = "integrate")
  expect_equal(residuals(fit, "response", "integrate"), y - m)
  skip_if_not_installed("lme4")
  peer <- lme4::glmer(seizures ~ treatment + (1 | subject), epilepsy, poisson())
  laplace <- update(fit, nAGQ = 1)
  for (type in all_types) {
    expect_equal(
      residuals(laplace, type), residuals(peer, type), tolerance = 1e-3, ignore_attr = TRUE
    )
  }
})

test_that("a row without trials has no weight", {
  d <- rbind(infection, transform(infection[1, ], success = 0, n = 0))
  fit <- glmm(cbind(success, n - success) ~ treatment + (1 | clinic), d, binomial(), nAGQ = 5)
  expect_equal(unname(residuals(fit, "pearson")[17]), 0)
  expect_equal(unname(residuals(fit, "deviance")[17]), 0)
  expect_true(is.finite(residuals(fit, "quantile", seed = 1)[17]))
})

test_that("the marginal distribution function is that of the model", {
  exact <- function(fit, row, y) {
    d <- fit$design
    eta <- row_offset(d)[row] + sum(d$X[row, ] * fit$beta)
    s <- sqrt(sum((d$Z[row, ] %*% fit$Lambda)^2))
    cdf <- function(t) {
      mu <- fit$family$linkinv(eta + s * t)
      p <- if (fit$family$family == "poisson") ppois(y, mu) else pbinom(y, row_trials(d)[row], mu)
      p * dnorm(t)
    }
    cuts <- seq(-9, 9, by = 0.25)
    piece <- function(a, b) integrate(cdf, a, b, rel.tol = 1e-10)$value
    sum(mapply(piece, head(cuts, -1), cuts[-1]))
  }
  big <- transform(epilepsy, seizures = seizures * 100 + period)
  fits <- list(
    glmm(seizures ~ treatment + period + (period | subject), epilepsy, poisson(), nAGQ = 1),
    glmm(seizures ~ treatment + (1 | subject), big, poisson(), nAGQ = 1),
    glmm(cbind(r, n - r) ~ seed + (1 | plate), seeds, binomial(), nAGQ = 5),
    glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial("cloglog"),
      nAGQ = 5
    )
  )
  for (fit in fits) {
    d <- fit$design
    found <- marginal_cdf(fit, fixed_predictor(fit, d), random_sd(d$Z, fit$Lambda))
    for (row in c(1, 7, 12, 16)) {
      expect_equal(found$upper[row], exact(fit, row, d$y[row]), tolerance = 1e-7)
      expect_equal(found$lower[row], exact(fit, row, d$y[row] - 1), tolerance = 1e-7)
    }
  }
})

test_that("quantile residuals are normal on data from the model", {
  set.seed(11)
  d <- data.frame(g = rep(1:400, each = 5), x = rnorm(2000), n = rep(1:4, 500))
  b <- rnorm(400)[d$g]
  d$count <- rpois(2000, exp(0.5 + 0.3 * d$x + b))
  d$one <- rbinom(2000, 1, plogis(-0.5 + d$x + b))
  d$several <- rbinom(2000, d$n, plogis(-0.5 + d$x + b))
  d$number <- 1 + d$x + b + rnorm(2000) / sqrt(d$n)
  fits <- list(
    glmm(count ~ x + (1 | g), d, poisson(), nAGQ = 7),
    glmm(one ~ x + (1 | g), d, binomial(), nAGQ = 7),
    glmm(cbind(several, n - several) ~ x + (1 | g), d, binomial(), nAGQ = 7),
    glmm(number ~ x + (1 | g), d, weights = n)
  )
  # one row per cluster: residuals are independent
  first <- match(1:400, d$g)
  for (fit in fits) {
    r <- residuals(fit, "quantile", "integrate", seed = 2)
    expect_gt(ks.test(r[first], "pnorm")$p.value, 0.01)
    expect_equal(sd(r), 1, tolerance = 0.06)
    # a wrong model shows: without its random effects
    zero <- residuals(fit, "quantile", "zero", seed = 2)
    conditional <- residuals(fit, "quantile", seed = 2)
    expect_lt(sd(conditional), 1)
    expect_equal(mean(conditional), 0, tolerance = 0.1)
    if (fit$family$family != "binomial") expect_gt(sd(zero), 1.2)
  }
})

test_that("a seed gives the same residuals and leaves the generator alone", {
  fit <- infection_fit()
  set.seed(1)
  state <- .Random.seed
  one <- residuals(fit, "quantile", seed = 42)
  expect_identical(.Random.seed, state)
  expect_identical(residuals(fit, "quantile", seed = 42), one)
  set.seed(42)
  expect_identical(residuals(fit, "quantile"), one)
  expect_false(identical(residuals(fit, "quantile"), one))
})

test_that("rows are in the caller's order, and padded", {
  d <- epilepsy[rev(seq_len(nrow(epilepsy))), ]
  d$seizures[4] <- NA
  fit <- glmm(seizures ~ treatment + (1 | subject), d, poisson(), nAGQ = 5, na.action = na.exclude)
  for (type in c(all_types, "quantile")) {
    r <- residuals(fit, type)
    expect_length(r, nrow(d))
    expect_identical(names(r), row.names(d))
    expect_identical(unname(which(is.na(r))), 4L)
  }
  expect_equal(residuals(fit, "response"), d$seizures - fitted(fit))
})

test_that("conditions are classed", {
  fit <- infection_fit()
  suppressWarnings(fractional <- glmm(
    cbind(success + 0.5, n - success) ~ treatment + (1 | clinic), infection, binomial(), nAGQ = 5
  ))
  skip_on_cran()
  expect_snapshot(error = TRUE, {
    residuals(fit, "pearson", "integrate")
    residuals(fit, "partial")
    residuals(fit, sed = 1)
    residuals(fractional, "quantile")
    fitted(fit, type = "link")
  })
})
