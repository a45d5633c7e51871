test_that("coefficients, likelihood and counts", {
  fit <- result_fit("infection")
  expect_identical(coef(fit), fit$coefficients)
  expect_identical(nlme::fixef(fit), coef(fit))
  expect_identical(names(coef(fit)), c("(Intercept)", "treatmentdrug"))
  expect_identical(sigma(fit), 1)
  loglik <- logLik(fit)
  expect_equal(as.numeric(loglik), sum(binomial_clusters(fit, fit_psi(fit))), tolerance = 1e-9)
  expect_identical(attr(loglik, "df"), 3L)
  expect_identical(attr(loglik, "nobs"), 16L)
  expect_equal(deviance(fit), -2 * as.numeric(loglik))
  expect_equal(AIC(fit), deviance(fit) + 6)
  expect_equal(BIC(fit), deviance(fit) + 3 * log(16))
  expect_equal(extractAIC(fit), c(3, AIC(fit)))
  expect_identical(df.residual(fit), 13L)
  expect_identical(family(fit)$link, "logit")
})

test_that("rows without weight do not count, frequencies count as rows", {
  d <- transform(epilepsy, w = period - 1)
  fit <- glmm(seizures ~ period + (1 | subject), d, poisson(), weights = w, nAGQ = 5)
  expect_identical(nobs(fit), 177L)
  often <- glmm(seizures ~ period + (1 | subject), d, poisson(),
    weights = w, nAGQ = 5, control = glmm_control(weights_type = "frequency")
  )
  expect_identical(nobs(often), 354)
  long <- glmm(seizures ~ period + (1 | subject), d[rep(1:236, d$w), ], poisson(), nAGQ = 5)
  expect_equal(BIC(often), BIC(long))
  expect_equal(summary(often)$coefficients, summary(long)$coefficients, tolerance = 1e-6)
})

test_that("sigma and REML of Gaussian models", {
  ml <- result_fit("lmm")
  reml <- result_fit("reml")
  expect_equal(sigma(reml)^2, component(reml, "phi"))
  expect_true(attr(logLik(reml), "REML"))
  expect_false(attr(logLik(ml), "REML"))
  expect_identical(attr(logLik(ml), "df"), 6L)
})

test_that("frames and matrices are in the caller's order", {
  fit <- result_fit("lmm")
  data <- gaussian_data()
  expect_equal(model.frame(fit)$y, data$y)
  X <- model.matrix(fit)
  expect_equal(unname(X[, "x"]), data$x)
  expect_identical(attr(X, "assign"), 0:1)
  Z <- model.matrix(fit, type = "random")
  expect_identical(dim(Z), c(60L, 24L))
  b <- ranef(fit)[[1]]
  eta <- drop(X %*% coef(fit)) + as.numeric(Z %*% as.vector(t(as.matrix(b))))
  expect_equal(unname(eta), unname(fitted(fit)), tolerance = 1e-10)
  expect_identical(colnames(Z)[1:3], c("a:(Intercept)", "a:x", "b:(Intercept)"))
  expect_error(model.matrix(fit, type = "both"), class = "margmix_error_argument")
})

test_that("formula(), terms() and update()", {
  fit <- result_fit("infection")
  expect_equal(formula(fit), cbind(success, n - success) ~ treatment + (1 | clinic),
    ignore_formula_env = TRUE
  )
  expect_identical(attr(terms(fit), "term.labels"), "treatment")
  smaller <- update(fit, . ~ . - treatment)
  expect_identical(names(coef(smaller)), "(Intercept)")
  expect_identical(smaller$rule$K, 25L)
  dotted <- glmm(y ~ . + (x || id), gaussian_data())
  expect_equal(formula(dotted), y ~ (x) + (x || id), ignore_attr = TRUE)
  expect_equal(coef(update(dotted, . ~ .)), coef(dotted), tolerance = 1e-5)
})

test_that("aliased coefficients are NA everywhere", {
  data <- transform(infection, twice = 2 * (treatment == "drug"))
  fit <- suppressWarnings(
    glmm(cbind(success, n - success) ~ treatment + twice + (1 | clinic), data, binomial())
  )
  expect_identical(names(which(is.na(coef(fit)))), "twice")
  expect_identical(dim(vcov(fit)), c(3L, 3L))
  expect_true(all(is.na(vcov(fit)["twice", ])))
  expect_identical(dim(vcov(fit, complete = FALSE)), c(2L, 2L))
  expect_identical(dim(vcov(fit, full = TRUE)), c(4L, 4L))
  expect_true(is.na(summary(fit)$coefficients["twice", "estimate"]))
  expect_true(all(is.na(confint(fit)["twice", ])))
  expect_true(is.na(odds_ratios(fit)["twice", "estimate"]))
})

test_that("component() gives every documented part, and refuses others", {
  fit <- result_fit("infection")
  parts <- component(fit, component(fit))
  expect_named(parts, component(fit))
  expect_equal(parts$Sigma, tcrossprod(fit$Lambda))
  expect_equal(parts$y, infection$success)
  expect_equal(parts$trials, infection$n)
  expect_identical(as.character(parts$cluster), as.character(infection$clinic))
  expect_identical(unname(parts$cluster_sizes), rep(2L, 8))
  expect_equal(colSums(parts$scores), c(0, 0, 0), tolerance = 1e-4)
  expect_equal(component(result_fit("lmm"), "y"), gaussian_data()$y)
  expect_snapshot(component(fit, "Sigm"), error = TRUE)
  expect_error(component(lm(x ~ 1, small_data()), "X"), class = "margmix_error_argument")
})

test_that("print() says what the fit is", {
  expect_snapshot(print(result_fit("infection")), transform = without_convergence)
  expect_snapshot(print(result_fit("reml")), transform = without_convergence)
})

test_that("weights() are prior weights times trials, in the order of the rows", {
  fit <- result_fit("infection")
  reference <- glm(cbind(success, n - success) ~ treatment, binomial(), infection)
  expect_equal(unname(weights(fit)), unname(weights(reference)))
  data <- gaussian_data()
  data$w <- seq_len(nrow(data))
  data$x[2] <- NA
  fit <- glmm(y ~ x + (1 | id), data, weights = w, na.action = na.exclude)
  expect_equal(unname(weights(fit)), replace(as.numeric(data$w), 2, NA))
})
