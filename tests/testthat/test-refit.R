infection_fit <- function() {
  glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial(), nAGQ = 5)
}

same_fit <- function(one, other, tolerance = 1e-6) {
  expect_equal(coef(one), coef(other), tolerance = tolerance)
  expect_equal(one$theta, other$theta, tolerance = tolerance)
  expect_equal(one$phi, other$phi, tolerance = tolerance)
  expect_equal(as.numeric(logLik(one)), as.numeric(logLik(other)), tolerance = 1e-8)
  expect_equal(
    predict(one, se.fit = TRUE), predict(other, se.fit = TRUE), tolerance = 10 * tolerance
  )
}

test_that("a refit is a fit to the new response", {
  d <- infection[c(9:16, 8:1), ]
  fit <- glmm(cbind(success, n - success) ~ treatment + (1 | clinic), d, binomial(), nAGQ = 9)
  same_fit(refit(fit, with(d, cbind(success, n - success))), fit)
  d$success <- pmin(d$success + c(1, 3, 0, 2), d$n)
  new <- with(d, cbind(success, n - success))
  again <- refit(fit, new)
  fresh <- update(fit, data = d)
  same_fit(again, fresh)
  expect_s3_class(again, class(fit), exact = TRUE)
  expect_identical(names(again), names(fit))
  expect_equal(residuals(again), residuals(fresh), tolerance = 1e-5)
  expect_equal(unclass(model.frame(again)[[1]]), new, ignore_attr = TRUE)
})

test_that("every form of the response is taken", {
  set.seed(6)
  d <- data.frame(g = rep(1:40, each = 5), x = rnorm(200), n = rep(c(4, 9), 100))[sample(200), ]
  p <- plogis(d$x / 2 + rnorm(40)[d$g])
  d$one <- rbinom(200, 1, p)
  d$logical <- d$one == 1
  d$factor <- factor(d$one, labels = c("no", "yes"))
  d$share <- rbinom(200, d$n, p) / d$n
  d$count <- rpois(200, 5 * p)
  d$number <- p + rnorm(200)
  cases <- list(
    list(one ~ x + (1 | g), binomial()), list(logical ~ x + (1 | g), binomial()),
    list(factor ~ x + (1 | g), binomial()),
    list(share ~ x + (1 | g), binomial(), weights = quote(n)),
    list(count ~ x + (x | g), poisson()), list(number ~ x + (1 | g), gaussian()),
    list(number ~ x + (1 | g), gaussian(), REML = TRUE)
  )
  for (case in cases) {
    nodes <- if (length(case) == 2) 5 else 1
    call <- as.call(c(quote(glmm), case[1], quote(d), case[-1], nAGQ = nodes))
    fit <- suppressMessages(eval(call))
    y <- simulate(fit, 1, seed = 4)
    expect_identical(class(y$sim_1), class(model.frame(fit)[[1]]))
    again <- suppressMessages(refit(fit, y))
    d2 <- d
    d2[[all.vars(case[[1]])[1]]] <- y$sim_1
    call[[3]] <- quote(d2)
    same_fit(again, suppressMessages(eval(call)), 1e-5)
  }
})

test_that("a fit at zero variance can leave it", {
  d <- data.frame(g = rep(1:20, each = 5), x = rep(-2:2, 20), y = rep(c(1, 3, 2, 4, 2), 20))
  flat <- suppressMessages(glmm(y ~ x + (1 | g), d, poisson(), nAGQ = 5))
  expect_identical(flat$Lambda[[1]], 0)
  y <- d$y * (1 + d$g %% 3)
  again <- refit(flat, y)
  d$y <- y
  same_fit(again, update(flat, data = d))
  expect_gt(again$theta, 0.1)
})

test_that("rows that were left out need not be given", {
  d <- epilepsy
  d$age[c(2, 9)] <- NA
  fit <- glmm(seizures ~ age + (1 | subject), d, poisson(), nAGQ = 3)
  y <- rev(d$seizures)
  same_fit(refit(fit, y), refit(fit, y[-c(2, 9)]))
  same_fit(refit(fit, y), update(fit, data = transform(d, seizures = y)), 1e-5)
})

test_that("conditions are classed, and recorded on the fit", {
  fit <- infection_fit()
  y <- with(infection, cbind(success, n - success))
  expect_warning(
    half <- refit(fit, y + cbind(0, rep(0.5, 16))), class = "margmix_warning_noninteger"
  )
  expect_named(half$warnings, "noninteger")
  skip_on_cran()
  expect_snapshot(error = TRUE, {
    refit(fit, infection$success)
    refit(fit, y[-1, ])
    refit(fit, replace(y, 3, NA))
    refit(fit, -y)
    refit(fit, y, nAGQ = 3)
  })
})

test_that("update() keeps, adds and drops random terms", {
  fit <- glmm(seizures ~ treatment + (1 | subject), epilepsy, poisson(), nAGQ = 1)
  wider <- update(fit, . ~ . + period - (1 | subject) + (period | subject))
  expect_identical(names(wider$beta), c("(Intercept)", "treatmentprogabide", "period"))
  expect_identical(ncol(wider$Lambda), 2L)
  diagonal <- update(fit, . ~ . - (1 | subject) + (period || subject))
  expect_length(diagonal$theta, 2)
  local({
    mine <- epilepsy[1:120, ]
    inside <- glmm(seizures ~ treatment + (1 | subject), mine, poisson(), nAGQ = 1)
    expect_equal(nobs(update(inside, . ~ . + period)), 120)
  })
})

test_that("many responses keep the covariance of the random effects", {
  set.seed(1)
  d <- data.frame(c = rep(1:25, each = 6), f = factor(rep(1:3, 50)), x = rnorm(150))
  d$t <- rep(1:6, 25)
  d$y <- rpois(150, exp(0.3 + 0.3 * d$x + rnorm(25, sd = 0.5)[d$c]))
  Y <- data.frame(a = rpois(150, exp(0.3 + 0.3 * d$x + rnorm(25, sd = 0.5)[d$c])), b = d$y)
  for (formula in list(y ~ x + cs(0 + f | c), y ~ x + ar1(t | c))) {
    suppressMessages({
      fit <- glmm(formula, d, poisson(), nAGQ = 1)
      many <- refit(fit, Y)
      one <- refit(fit, Y$a)
    })
    expect_equal(many$logLik, c(logLik(one), logLik(fit)), tolerance = 1e-7)
    expect_equal(many$x, c(coef(one)[["x"]], coef(fit)[["x"]]), tolerance = 1e-4)
  }
})
