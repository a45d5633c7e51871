# Smooth terms against package mgcv, nlme and lme4.

curve_data <- function(n = 200L) {
  set.seed(1)
  d <- data.frame(
    x = runif(n), z = runif(n), f = gl(2L, n / 2L, labels = c("a", "b")), w = rnorm(n),
    g = factor(rep(1:20, length.out = n))
  )
  mean <- sin(6 * d$x) * as.integer(d$f) + cos(3 * d$z) + rnorm(20L)[d$g] / 2
  d$y <- mean + rnorm(n, 0, 0.4)
  d$count <- rpois(n, exp(0.5 * mean + 0.5))
  d
}

# gam()'s criterion of a linear model is minus the log-likelihood, or the restricted one, of that
# mixed model. It stops just short of variances of zero, hence the tolerance where there are some.
expect_gam <- function(formula, d, peer = formula, REML = FALSE, tolerance = 1e-9) {
  fit <- suppressMessages(glmm(formula, d, REML = REML))
  gam <- mgcv::gam(peer, data = d, method = if (REML) "REML" else "ML")
  expect_equal(as.numeric(logLik(fit)), -as.numeric(gam$gcv.ubre), tolerance = tolerance)
  expect_equal(c(fitted(fit)), c(fitted(gam)), tolerance = 1e-4, ignore_attr = TRUE)
  new <- d[c(3L, 150L), ]
  expect_equal(
    c(predict(fit, new)), c(predict(gam, new)), tolerance = 1e-4, ignore_attr = TRUE
  )
  edf <- summary(gam)$s.table[seq_len(nrow(smooth_terms(fit)$table)), "edf"]
  expect_equal(smooth_terms(fit)$table$edf, unname(edf), tolerance = 1e-3)
  invisible(list(fit = fit, gam = gam))
}

test_that("linear models with smooths are those of gam(), by ML and REML", {
  skip_if_not_installed("mgcv")
  d <- curve_data()
  both <- expect_gam(y ~ f + s(x), d)
  expect_gam(y ~ f + s(x), d, REML = TRUE)
  expect_gam(y ~ f + s(x) + (1 | g), d, y ~ f + s(x) + s(g, bs = "re"))
  expect_gam(y ~ f + s(x, by = f) + s(z, k = 5), d, tolerance = 1e-6)
  expect_gam(y ~ f + t2(x, z, k = 4), d, tolerance = 1e-6)
  expect_gam(y ~ s(x, bs = "cc", k = 6) + s(z, bs = "cr"), d, tolerance = 1e-6)
  expect_gam(y ~ s(x, by = w, k = 5), d, tolerance = 1e-6)
  expect_gam(y ~ s(x, f, bs = "fs", k = 4), d, tolerance = 1e-6)
  # bands at the estimated variances; gam() divides by the residual degrees of freedom
  curves <- smooth_terms(both$fit)$curves
  theirs <- predict(both$gam, data.frame(x = curves$x, f = "a"), "terms", TRUE, "s(x)")
  expect_equal(curves$estimate, c(theirs$fit), tolerance = 1e-5)
  scale <- sqrt(both$gam$sig2) / sigma(both$fit)
  expect_equal(scale * curves$std.error, c(theirs$se.fit), tolerance = 1e-5)
})

# The way of gamm4: lme4's deviance with the penalized columns in place of an indicator matrix.
peer_deviance <- function(d) {
  smooth <- mgcv::smoothCon(mgcv::s(x), d, absorb.cons = TRUE)[[1L]]
  random <- mgcv::smooth2random(smooth, "", type = 2)
  d$linear <- random$Xf[, 1L]
  Xr <- random$rand$Xr
  d$pseudo <- factor(rep(seq_len(ncol(Xr)), length.out = nrow(d)))
  parts <- lme4::glFormula(count ~ f + linear + (1 | g) + (1 | pseudo), d, family = poisson())
  at <- which(names(parts$reTrms$Ztlist) == "1 | pseudo")
  rows <- parts$reTrms$Gp[at] + seq_len(ncol(Xr))
  parts$reTrms$Zt[rows, ] <- t(Xr)
  f <- suppressWarnings(do.call(lme4::mkGlmerDevfun, parts))
  f <- lme4::updateGlmerDevfun(f, parts$reTrms)
  function(theta, beta) f(c(if (at == 1L) rev(theta) else theta, beta))
}

test_that("the Laplace approximation of counts is that of lme4", {
  skip_if_not_installed("mgcv")
  skip_if_not_installed("lme4")
  d <- curve_data()
  fit <- glmm(count ~ f + s(x) + (1 | g), d, poisson())
  deviance <- peer_deviance(d)
  theta <- unname(abs(fit$theta))
  at <- function(theta) -deviance(theta, unname(fit$beta)) / 2
  # up to the constants of the density, which theta does not change
  other <- theta * c(1.3, 0.8)
  psi <- c(fit$beta, other)
  ours <- engine_evaluate(fit$design, fit$family, psi, 1L, 0L, fit$modes, fit$control)$value
  expect_equal(as.numeric(logLik(fit)) - ours, at(theta) - at(other), tolerance = 1e-6)
})

test_that("gradient and profile of a smooth's standard deviation", {
  skip_if_not_installed("mgcv")
  skip_if_not_installed("numDeriv")
  d <- curve_data()
  fit <- glmm(count ~ f + s(x) + (1 | g), d, poisson())
  at <- function(psi, deriv) {
    engine_evaluate(fit$design, fit$family, psi, 1L, deriv, fit$modes, fit$control)
  }
  psi <- unname(fit_psi(fit)) * 1.2
  numeric <- numDeriv::grad(function(psi) at(psi, 0L)$value, psi)
  expect_equal(at(psi, 1L)$gradient, numeric, tolerance = 1e-7)
  expect_identical(
    rownames(confint(fit, "sd_")), c("sd_(Intercept)|g", "sd_s(x)")
  )
  expect_identical(nrow(as.data.frame(VarCorr(fit))), 2L)
})

test_that("predictions keep the curves; what would lose them is refused", {
  skip_if_not_installed("mgcv")
  d <- curve_data()
  fit <- glmm(count ~ f + s(x) + (1 | g), d, poisson())
  new <- data.frame(x = c(0.2, NA, 0.7), f = "a")
  zero <- predict(fit, new, random_effects = "zero")
  expect_identical(is.na(unname(zero)), c(FALSE, TRUE, FALSE))
  with_g <- predict(fit, cbind(new, g = "3"))
  b <- ranef(fit)$g["3", 1L]
  expect_equal(unname(with_g - zero)[-2L], c(b, b), tolerance = 1e-10)
  expect_equal(
    unname(fitted(fit)), unname(predict(fit, d, type = "response")), tolerance = 1e-10
  )
  set.seed(3)
  expect_gt(cor(fitted(fit), rowMeans(simulate(fit, 200L))), 0.8)
  refused <- function(expr) expect_error(expr, class = "margmix_error_smooth")
  refused(marginal_standardization(fit, "f", random_effects = "eb"))
  refused(marginal_coefficients(fit))
  refused(marginal_covariance(fit))
})

test_that("summary, pictures and updates know smooths", {
  skip_if_not_installed("mgcv")
  d <- curve_data()
  fit <- glmm(y ~ f + s(x) + s(z) + (1 | g), d)
  expect_output(print(summary(fit)), "Smooth terms (Wald tests", fixed = TRUE)
  expect_match(capture.output(print(fit)), "200 rows in 20 of `g`$", all = FALSE)
  drawn <- plot_data(smooth_terms(fit, points = 20L))
  expect_identical(nrow(drawn), 40L)
  pdf(NULL)
  expect_s3_class(plot(drawn), "margmix_plot_data")
  dev.off()
  smaller <- update(fit, . ~ . - s(z))
  expect_identical(smooth_terms(smaller)$table$term, "s(x)")
  again <- unserialize(serialize(fit, NULL))
  expect_equal(predict(again, d[1:3, ]), predict(fit, d[1:3, ]))
})

# Of 50 data sets without an effect; the limit is 4 standard errors above 5%.
test_that("the test of a curve that is zero rejects seldom", {
  skip_if_not_installed("mgcv")
  set.seed(8)
  d <- data.frame(x = runif(60L))
  p <- replicate(50L, {
    d$y <- rnorm(60L)
    smooth_terms(suppressMessages(glmm(y ~ s(x, k = 6), d)), points = 2L)$table$p.value
  })
  expect_lt(mean(p < 0.05), 0.05 + 4 * sqrt(0.05 * 0.95 / 50))
})

test_that("smooths that can't be are refused", {
  skip_if_not_installed("mgcv")
  d <- curve_data()
  expect_snapshot(error = TRUE, {
    glmm(y ~ te(x, z), d)
    glmm(y ~ s(x, k = 400), d)
    glmm(y ~ s(x):f, d)
    glmm(y ~ f - s(x), d)
    glmm(y ~ s(x, bs = "zz"), d)
    glmm(y ~ s(x, id = 1), d)
    gee(y ~ s(x), d, id = g)
    smooth_terms(glmm(y ~ x + (1 | g), d))
    predict(glmm(y ~ s(x, by = f), d), data.frame(x = 0.5, f = "c"))
  })
})
