# The restricted likelihood: against REML of linear models, a computation of Cox and Reid's
# criterion in plain R, and what its definition says.

general_restricted <- function(fit) {
  problem <- restricted_problem(
    fit$design, fit$family, fit$rule$K, fit$control, fit$start_glm, fit$phi
  )
  found <- maximise_restricted(problem, unname(fit_psi(fit)), fit$modes)
  found$C <- restricted_curvature(problem, found, found$active)
  found
}

test_that("with a linear model the general criterion is REML", {
  set.seed(81)
  d <- data.frame(a = gl(6, 12), b = gl(12, 6), c = rep(1:6, 12), x = rnorm(72), z = rnorm(72))
  d$y <- 50 + d$x + rnorm(6)[d$a] + rnorm(12)[d$b] * d$z + rnorm(6)[d$c] + rnorm(72)
  formulas <- list(
    y ~ x + (1 | b), y ~ x + z + (z | b), y ~ x + z + (z || b), y ~ x + (1 | a / b),
    y ~ x + (1 | b) + (1 | c)
  )
  for (formula in formulas) {
    ml <- suppressMessages(glmm(formula, d))
    reml <- suppressMessages(glmm(formula, d, REML = TRUE))
    found <- general_restricted(ml)
    expect_lt(abs(found$value - reml$logLik), 1e-8)
    psi <- unname(fit_psi(reml))
    # theta up to the signs of the columns of Lambda
    p <- length(reml$beta)
    v <- p + seq_along(reml$theta)
    found$psi[v] <- found$psi[v] * sign(found$psi[v] * psi[v])
    expect_lt(max(abs(found$psi - psi)), 1e-8)
    expect_equal(solve(crossprod(found$R)), reml$vcov_full[1:p, 1:p],
      tolerance = 1e-6, ignore_attr = TRUE
    )
    inside <- found$active
    expect_identical(inside, !is.na(unname(diag(reml$vcov_full))[-(1:p)]))
    V <- solve((found$information + found$C)[inside, inside])
    v <- p + which(inside)
    expect_equal(abs(V), abs(unname(reml$vcov_full[v, v])), tolerance = 1e-4)
  }
})

test_that("estimates are those of the criterion in plain R", {
  path <- function(...) test_path("..", "reference", ...)
  skip_if_not(file.exists(path("cox-reid.csv")), "reference tables")
  reference <- new.env()
  sys.source(path("models-cox-reid.R"), reference)
  table <- read.csv(path("cox-reid.csv"))
  models <- reference$cox_reid_models()
  for (name in names(models)) {
    model <- models[[name]]
    ml <- glmm(model$formula, model$data, model$family, nAGQ = 41)
    fit <- glmm(model$formula, model$data, model$family, nAGQ = 41, REML = TRUE)
    from_ml <- restricted_estimate(ml, vcov_theta = TRUE)
    exact <- with(table[table$model == name, ], stats::setNames(value, quantity))
    part <- function(prefix) unname(exact[grepl(paste0("^", prefix, "[0-9]"), names(exact))])
    expect_lt(abs(fit$logLik - exact[["logLik"]]), 1e-7)
    for (found in list(fit, from_ml)) {
      v <- c(found$theta, if (has_phi(model$family)) log(found$phi))
      expect_lt(max(abs(v - part("v"))), 1e-6)
      expect_lt(max(abs(found$beta - part("beta"))), 1e-6)
    }
    se <- unname(sqrt(diag(vcov(fit, full = TRUE))))
    expect_equal(se[seq_along(fit$beta)], part("se"), tolerance = 1e-6)
    # second differences of the plain criterion are good to 1%
    expect_equal(se[-seq_along(fit$beta)], part("se_v"), tolerance = 1e-2)
    expect_equal(sqrt(diag(solve(from_ml$J))), part("se"), tolerance = 1e-6, ignore_attr = TRUE)
    expect_equal(sqrt(diag(from_ml$vcov_theta)), part("se_v"), tolerance = 1e-2, ignore_attr = TRUE)
    expect_true(fit$convergence$converged && from_ml$converged)
  }
})

test_that("the estimate does not depend on coding, units or order", {
  set.seed(83)
  d <- data.frame(g = rep(1:9, each = 8), x = rnorm(72), f = gl(3, 1, 72), b = rep(gl(3, 8), 3))
  d$y <- rbinom(72, 1, plogis(0.5 * d$x + 0.4 * (d$b == "2") + 0.9 * rnorm(9)[d$g]))
  fit <- function(formula, data, ...) glmm(formula, data, binomial(), nAGQ = 11, REML = TRUE, ...)
  base <- fit(y ~ x + f + b + (1 | g), d)
  expect_gt(base$theta[[1]], 0.5)
  other <- transform(d, b = relevel(b, "3"), x = 1e4 * x - 3e4)
  sums <- list(f = contr.sum, b = contr.helmert)
  for (again in list(
    fit(y ~ x + f + b + (1 | g), d, contrasts = sums), fit(y ~ x + f + b + (1 | g), other),
    fit(y ~ x + f + b + (1 | g), d[sample(72), ])
  )) {
    expect_lt(abs(again$theta[[1]] - base$theta[[1]]), 1e-7)
    expect_equal(fitted(again)[rownames(d)], fitted(base), tolerance = 1e-6)
  }
})

test_that("a variance that is zero by maximum likelihood may be positive, or stay zero", {
  set.seed(85)
  d <- data.frame(g = rep(1:6, each = 10), x = rnorm(60), b = rep(c(0, 0, 1, 0, 1, 1), each = 10))
  compare <- function(seed) {
    set.seed(seed)
    d$y <- rbinom(60, 1, plogis(0.5 * d$x + 0.35 * rnorm(6)[d$g]))
    ml <- suppressMessages(glmm(y ~ x + b + (1 | g), d, binomial(), nAGQ = 15))
    reml <- suppressMessages(update(ml, REML = TRUE))
    # l_A over a grid of theta, beta at its maximum: glm() with the random part as an offset is no
    # help, so the general point of the criterion is taken at each theta
    problem <- restricted_problem(ml$design, ml$family, 15L, ml$control, ml$start_glm, 1)
    value <- vapply(seq(0, 2, 0.05), function(theta) {
      point <- restricted_point(problem, c(unname(ml$beta), theta), ml$modes)
      restricted_settle(problem, point)$value
    }, 0)
    expect_gte(reml$logLik, max(value) - 1e-8)
    c(ml$theta[[1]], reml$theta[[1]])
  }
  found <- vapply(1:12, compare, numeric(2))
  expect_true(any(found[1, ] == 0 & found[2, ] > 0.1))
  expect_true(any(found[1, ] == 0 & found[2, ] == 0))
  expect_true(all(found[2, ] >= found[1, ] - 1e-8))
})

test_that("a restricted fit is a fit: covariance, log-likelihood, update, refit, selection", {
  fit <- glmm(cbind(r, n - r) ~ seed + extract + (1 | plate), seeds, binomial(), nAGQ = 9,
    REML = TRUE
  )
  expect_output(print(fit), "restricted maximum likelihood (Cox-Reid adjusted)", fixed = TRUE)
  expect_match(capture.output(print(summary(fit))), "^Restricted log-likelihood", all = FALSE)
  expect_true(attr(logLik(fit), "REML"))
  expect_identical(attr(logLik(fit), "df"), 4L)
  V <- vcov(fit, full = TRUE)
  expect_identical(dim(V), c(4L, 4L))
  expect_identical(unname(V[1:3, 4]), numeric(3))
  expect_identical(unname(V[1:3, 1:3]), unname(vcov(fit, "model")))
  ml <- update(fit, REML = FALSE)
  expect_false(isTRUE(all.equal(ml$logLik, fit$logLik)))
  expect_gt(fit$theta[[1]], ml$theta[[1]])
  expect_equal(drop1(fit)$AIC, drop1(ml)$AIC, tolerance = 1e-8)
  expect_equal(refit(fit, with(seeds, cbind(r, n - r)))$theta, fit$theta, tolerance = 1e-7)
  expect_equal(unclass(restricted_estimate(fit)$J), solve(vcov(fit, "model")), tolerance = 1e-9)
  none <- glmm(cbind(r, n - r) ~ 0 + (1 | plate), seeds, binomial(), nAGQ = 9)
  expect_equal(update(none, REML = TRUE)$logLik, none$logLik, tolerance = 1e-9)
})

test_that("profile limits of standard deviations are where l_A has fallen by the quantile", {
  fit <- glmm(cbind(r, n - r) ~ seed + extract + (1 | plate), seeds, binomial(), nAGQ = 9,
    REML = TRUE
  )
  limits <- confint(fit, "sd_", method = "profile")
  problem <- restricted_problem(fit$design, fit$family, 9L, fit$control, fit$start_glm, 1)
  value <- function(theta) {
    point <- restricted_point(problem, c(unname(fit$beta), theta), fit$modes)
    restricted_settle(problem, point)$value
  }
  expect_equal(2 * (fit$logLik - value(limits[1, 2])), qchisq(0.95, 1), tolerance = 1e-5)
  expect_match(attr(limits, "heading"), "restricted likelihood")
  # a linear model: the restricted likelihood with sigma profiled out
  reml <- result_fit("reml")
  limits <- confint(reml, c("sd_(Intercept)|id", "sigma"), method = "profile")
  over <- function(sigma) {
    optim(reml$theta / reml$phi^0.5, function(theta) {
      -engine_lmm(reml$design, theta, 2 * log(sigma), TRUE)$value
    }, control = list(reltol = 1e-14, maxit = 2000))$value
  }
  for (sigma in limits["sigma", ]) {
    expect_equal(2 * (reml$logLik + over(sigma)), qchisq(0.95, 1), tolerance = 1e-4)
  }
})

test_that("restricted Laplace estimates are near those of glmmTMB, linear ones equal", {
  path <- test_path("..", "reference", "cox-reid-peers.csv")
  skip_if_not(file.exists(path), "reference tables")
  table <- read.csv(path, row.names = "model")
  found <- function(...) glmm(..., nAGQ = 1, REML = TRUE)$theta[[1]]
  sds <- c(
    infection = found(
      cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial()
    ),
    seeds = found(cbind(r, n - r) ~ seed * extract + (1 | plate), seeds, binomial()),
    epilepsy = found(seizures ~ treatment + log(base) + (1 | subject), epilepsy, poisson())
  )
  # beta is integrated there and adjusted for here: 0.1% apart
  expect_lt(max(abs(sds / table[names(sds), "glmmTMB"] - 1)), 2e-3)
  linear <- table["sleepstudy", ]
  expect_equal(linear$restricted, linear$lme4, tolerance = 1e-5)
})

test_that("a search costs few evaluations, at zero too", {
  set.seed(11)
  d <- data.frame(g = rep(1:10, each = 20), x = rnorm(200), z = rep(rnorm(10), each = 20))
  slope <- function(seed, sd) {
    set.seed(seed)
    d$y <- rbinom(200, 1, plogis(0.3 * d$x + sd[1] * rnorm(10)[d$g] + sd[2] * rnorm(10)[d$g] * d$x))
    quietly(glmm(y ~ x + z + (x | g), d, binomial(), nAGQ = 1))
  }
  count <- 0L
  counter <- function() count <<- count + 1L
  home <- environment(restricted_estimate)
  counting <- bquote((.(counter))())
  suppressMessages(trace("engine_evaluate", counting, print = FALSE, where = home))
  on.exit(suppressMessages(untrace("engine_evaluate", where = home)))
  for (fit in list(slope(11, c(0.7, 0.35)), slope(12, c(1, 0.8)), result_fit("infection"))) {
    count <- 0L
    found <- restricted_estimate(fit)
    expect_true(found$converged)
    expect_lt(count, if (length(fit$theta) > 1L) 60L else 22L)
    # the same as all searches to their ends, with central differences alone
    problem <- restricted_problem(fit$design, fit$family, fit$rule$K, fit$control, fit$start_glm, 1)
    p <- length(fit$beta)
    psi <- unname(fit_psi(fit))
    theta <- seq_along(fit$theta)
    starts <- list(psi, replace(psi, p + theta, ifelse(fit$theta == 0, 0.3, fit$theta)))
    ends <- vapply(starts, function(psi) {
      active <- !theta_columns(fit$design) %in% zero_columns(fit$design, psi[p + theta])
      restricted_search(problem, psi, fit$modes, active)$value
    }, 0)
    expect_gte(found$value, max(ends) - 1e-9)
  }
})
