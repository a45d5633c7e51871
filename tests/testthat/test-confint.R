# Distance of a fit from its maximum with one quantity held, by a derivative-free search.
profile_distance <- function(fit, row, value) {
  p <- length(fit$beta)
  q <- ncol(fit$Lambda)
  correlated <- q == 2L
  sd <- sqrt(rowSums(fit$Lambda^2))
  start <- c(fit$beta, log(sd), if (correlated) atanh(stats::cov2cor(tcrossprod(fit$Lambda))[1, 2]))
  names <- c(names(fit$beta), deviation_names(fit))
  held <- match(row, names)
  if (held > p) value <- log(value)
  minus_loglik <- function(free) {
    at <- replace(replace(start, -held, free), held, value)
    sd <- exp(at[p + seq_len(q)])
    r <- if (correlated) tanh(at[p + 3L])
    theta <- if (correlated) c(sd[1L], r * sd[2L], sqrt(1 - r^2) * sd[2L]) else sd
    -engine_evaluate(fit$design, fit$family, c(at[seq_len(p)], theta), fit$rule$K)$value
  }
  steps <- rep(1e-5, length(start) - 1L)
  found <- stats::optim(start[-held], minus_loglik,
    method = "BFGS", control = list(reltol = 1e-14, maxit = 1000, ndeps = steps)
  )
  2 * (fit$logLik + found$value)
}

test_that("Wald limits of coefficients and of log standard deviations", {
  fit <- result_fit("infection")
  table <- summary(fit, level = 0.9)$coefficients
  limits <- confint(fit, "all", level = 0.9)
  expect_equal(unname(limits[1:2, ]), unname(as.matrix(table[c("conf.low", "conf.high")])))
  sd <- fit$theta[[1]]
  se <- sqrt(vcov(fit, full = TRUE)[3, 3])
  expect_equal(as.vector(limits[3, ]), sd * exp(c(-1, 1) * qnorm(0.95) * se / sd))
  expect_identical(dimnames(limits)[[2]], c("5 %", "95 %"))
})

test_that("the sd of a correlated effect has the delta-method limits", {
  skip_if_not_installed("numDeriv")
  fit <- result_fit("epilepsy")
  theta <- 3 + 1:3
  log_sd <- function(t) log(sqrt(t[2]^2 + t[3]^2))
  gradient <- numDeriv::grad(log_sd, fit$theta)
  se <- sqrt(drop(gradient %*% vcov(fit, full = TRUE)[theta, theta] %*% gradient))
  expect_equal(as.vector(confint(fit, "sd_period|subject")),
    exp(log_sd(fit$theta) + c(-1, 1) * qnorm(0.975) * se),
    tolerance = 1e-6
  )
})

test_that("profile limits lie where the maximum over the others has fallen by the quantile", {
  for (name in c("infection", "epilepsy")) {
    fit <- result_fit(name)
    limits <- confint(fit, "all", method = "profile", df = Inf)
    for (row in rownames(limits)) {
      for (side in 1:2) {
        distance <- profile_distance(fit, row, limits[row, side])
        expect_equal(distance, qchisq(0.95, 1), tolerance = 1e-5)
      }
    }
  }
})

test_that("profile limits of Gaussian models are those of lme4", {
  skip_if_not_installed("lme4")
  peer <- suppressMessages(
    confint(lme4::lmer(y ~ x + (x | id), gaussian_data(), REML = FALSE), oldNames = FALSE)
  )
  rows <- c("sd_(Intercept)|id", "sd_x|id", "sigma", "(Intercept)", "x")
  limits <- confint(result_fit("lmm"), rows, method = "profile", df = Inf)
  expect_equal(unclass(limits), peer[rows, ], tolerance = 1e-3, ignore_attr = TRUE)
  # coefficients are no parameters of the restricted likelihood
  expect_equal(confint(result_fit("reml"), "beta_", method = "profile", df = Inf),
    confint(result_fit("lmm"), "beta_", method = "profile", df = Inf),
    tolerance = 1e-5
  )
})

test_that("a standard deviation can have the limit 0", {
  zero <- result_fit("zero")
  expect_identical(unname(confint(zero, "sd_(Intercept)|id")[1, ]), c(0, NA))
  limits <- confint(zero, "sd_(Intercept)|id", method = "profile")
  expect_identical(limits[1, 1], 0)
  expect_gt(limits[1, 2], 0.1)

  # a weak variance: estimated above 0, but 0 is not excluded
  weak <- glmm(cbind(r, n - r) ~ seed * extract + (1 | plate), seeds, binomial(), nAGQ = 9)
  none <- glm(cbind(r, n - r) ~ seed * extract, binomial(), seeds)
  distance <- 2 * (as.numeric(logLik(weak)) - as.numeric(logLik(none)))
  expect_lt(distance, qchisq(0.95, 1))
  expect_identical(confint(weak, "sd_", method = "profile")[1, 1], 0)
  level <- pchisq(distance, 1) - 0.01
  low <- confint(weak, "sd_", level = level, method = "profile")[1, 1]
  expect_gt(low, 0)
  expect_equal(profile_distance(weak, "sd_(Intercept)|plate", low), qchisq(level, 1),
    tolerance = 1e-4
  )
})

test_that("leaving a row of Lambda out keeps the covariance of the others", {
  set.seed(4)
  columns <- c("a", "b", "c", "d")
  design <- list(
    X = matrix(0, 1, 0), Z = matrix(0, 1, 4, dimnames = list(NULL, columns)),
    theta_row = c(0L, 1L, 2L, 1L, 2L, 2L, 3L),
    theta_col = c(0L, 0L, 0L, 1L, 1L, 2L, 3L),
    random = list(
      list(columns = 1:3, correlated = TRUE), list(columns = 4L, correlated = FALSE)
    )
  )
  theta <- rnorm(7)
  Sigma <- tcrossprod(lambda_matrix(design, theta))
  for (r in 1:4) {
    reduced <- without_row(list(design = design, beta = numeric()), theta, r)
    Lambda <- lambda_matrix(design, reduced)
    expect_equal(tcrossprod(Lambda)[-r, -r], Sigma[-r, -r])
    expect_true(all(Lambda[r, ] == 0) && all(Lambda[, r] == 0))
  }
})

test_that("slices have the derivatives of their log-likelihood", {
  skip_if_not_installed("numDeriv")
  fit <- result_fit("epilepsy")
  likelihood <- likelihood_of(fit)
  psi <- unname(fit_psi(fit)) + c(0.1, -0.1, 0.05, 0.1, 0.05, -0.05)
  slice <- slice_row(psi, 5:6)
  free <- slice$free + 0.1
  value <- function(free, at = 0.3) likelihood(slice$psi(free, at), 0L)$value
  now <- likelihood(slice$psi(free, 0.3), 2L)
  expect_equal(slice$gradient(free, 0.3, now$gradient), numDeriv::grad(value, free),
    tolerance = 1e-6
  )
  expect_equal(slice$hessian(free, 0.3, now$gradient, now$hessian),
    numDeriv::hessian(value, free),
    tolerance = 1e-4, ignore_attr = TRUE
  )
  expect_equal(slice$slope(free, 0.3, now$gradient),
    numDeriv::grad(function(at) value(free, at), 0.3),
    tolerance = 1e-6
  )
})

test_that("rows can be chosen; others are refused", {
  fit <- result_fit("infection")
  expect_identical(rownames(confint(fit, "beta_")), names(coef(fit)))
  expect_identical(rownames(confint(fit, "sd_")), "sd_(Intercept)|clinic")
  expect_identical(confint(fit, "theta_"), confint(fit, "sd_"))
  expect_identical(rownames(confint(fit, "all")), c(names(coef(fit)), "sd_(Intercept)|clinic"))
  expect_identical(rownames(confint(fit, 2)), "treatmentdrug")
  expect_snapshot(confint(fit, "drug"), error = TRUE)
  expect_snapshot(confint(fit, method = "profile", vcov = "KC"), error = TRUE)
  expect_error(confint(fit, method = "bayes"), class = "margmix_error_argument")
  expect_error(confint(fit, level = 2), class = "margmix_error_argument")
})

test_that("by default the rows are those of the coefficients", {
  fit <- result_fit("respiratory")
  ratios <- exp(cbind(OR = nlme::fixef(fit), confint(fit)))
  expect_identical(rownames(ratios), names(coef(fit)))
  table <- as.data.frame(odds_ratios(fit))
  columns <- c("estimate", "conf.low", "conf.high")
  expect_equal(unname(ratios[-1, ]), unname(as.matrix(table[columns])))
  expect_identical(rownames(confint(fit, method = "profile")), names(coef(fit)))
})

test_that("the print says how the limits were computed", {
  expect_snapshot(confint(result_fit("infection"), "all"))
  expect_snapshot(confint(result_fit("infection"), "treatmentdrug", vcov = "KC"))
  expect_snapshot(confint(result_fit("infection"), "all", method = "profile"))
})
