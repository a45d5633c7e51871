# What users of lme4 look for, against lme4

sleep <- function() {
  skip_if_not_installed("lme4")
  data <- lme4::sleepstudy
  list(
    data = data, ours = glmm(Reaction ~ Days + (Days | Subject), data, REML = TRUE),
    lme4 = lme4::lmer(Reaction ~ Days + (Days | Subject), data)
  )
}

crossed <- function() {
  skip_if_not_installed("lme4")
  data <- lme4::Penicillin
  list(
    data = data, ours = suppressMessages(
      glmm(diameter ~ 1 + (1 | plate) + (1 | sample), data, REML = TRUE)
    ),
    lme4 = lme4::lmer(diameter ~ 1 + (1 | plate) + (1 | sample), data)
  )
}

test_that("random effects and coefficients by cluster have lme4's numbers and names", {
  fits <- sleep()
  ours <- as.data.frame(ranef(fits$ours))
  lme4 <- as.data.frame(lme4::ranef(fits$lme4))
  expect_named(ours, names(lme4))
  key <- function(x) order(as.character(x$term), as.character(x$grp))
  for (column in c("condval", "condsd")) {
    expect_equal(ours[key(ours), column], lme4[key(lme4), column], tolerance = 2e-4)
  }
  coefs <- cluster_coefficients(fits$ours)
  expect_named(coefs, "Subject")
  theirs <- coef(fits$lme4)$Subject
  expect_equal(coefs$Subject[rownames(theirs), names(theirs)], theirs,
    tolerance = 1e-4, ignore_attr = TRUE)
  table <- tidy(fits$ours, effects = "ran_coefs")
  expect_identical(nrow(table), 36L)
  expect_equal(table$estimate[table$term == "Days"], coefs$Subject$Days)
})

test_that("a random effect without a fixed one has its own column", {
  fit <- suppressMessages(glmm(y ~ 1 + (0 + x | id), gaussian_data()))
  part <- cluster_coefficients(fit)$id
  expect_named(part, c("(Intercept)", "x"))
  expect_equal(part$x, ranef(fit)$id$x)
})

test_that("getME() has lme4's parts on lme4's scale", {
  fits <- sleep()
  numbers <- c("theta", "lower", "beta", "y", "mu", "n", "p", "q", "sigma", "offset", "u", "b")
  for (name in numbers) {
    expect_equal(as.vector(getME(fits$ours, name)), as.vector(lme4::getME(fits$lme4, name)),
      tolerance = if (name %in% c("u", "b")) 1e-3 else 2e-4, ignore_attr = TRUE, label = name
    )
  }
  for (name in c("X", "Z", "Zt", "Lambda", "Lambdat")) {
    expect_equal(as.matrix(getME(fits$ours, name)), as.matrix(lme4::getME(fits$lme4, name)),
      tolerance = 2e-4, ignore_attr = TRUE, label = name
    )
  }
  expect_identical(getME(fits$ours, "cnms"), lme4::getME(fits$lme4, "cnms"), ignore_attr = TRUE)
  expect_true(getME(fits$ours, "is_REML"))
  expect_named(getME(fits$ours, c("theta", "beta")), c("theta", "beta"))
  expect_identical(lme4::getME(fits$ours, "n"), 180L)
  expect_identical(getME(fits$lme4, "n"), 180L)
  expect_snapshot(getME(fits$ours, "devcomp"), error = TRUE)
})

test_that("b = Lambda u and Z b, for several factors", {
  fit <- crossed()$ours
  parts <- getME(fit, c("Z", "Lambda", "u", "b", "X", "beta", "mu"))
  expect_equal(as.vector(parts$Lambda %*% parts$u), parts$b)
  expect_equal(as.vector(parts$X %*% parts$beta + parts$Z %*% parts$b), parts$mu)
})

test_that("ngrps(), isSingular() and variable.names() agree with lme4", {
  fits <- crossed()
  expect_equal(ngrps(fits$ours)[c("plate", "sample")], lme4::ngrps(fits$lme4))
  expect_identical(lme4::ngrps(fits$ours), ngrps(fits$ours))
  expect_identical(ngrps(fits$lme4), lme4::ngrps(fits$lme4))
  expect_false(isSingular(fits$ours))
  zero <- result_fit("zero")
  expect_true(isSingular(zero))
  expect_true(lme4::isSingular(zero))
  expect_identical(isSingular(fits$lme4), FALSE)
  expect_identical(variable.names(sleep()$ours), c("(Intercept)", "Days"))
  expect_error(ngrps(1), class = "margmix_error_argument")
})

test_that("hatvalues() and rstudent() of linear models are lme4's, of others refused", {
  fits <- sleep()
  expect_equal(hatvalues(fits$ours), hatvalues(fits$lme4), tolerance = 1e-4)
  expect_equal(rstudent(fits$ours), rstudent(fits$lme4), tolerance = 1e-4)
  data <- transform(fits$data, w = rep(c(1, 2, 5), 60))[sample(180), ]
  ours <- glmm(Reaction ~ Days + (1 | Subject), data, weights = w)
  lme4 <- lme4::lmer(Reaction ~ Days + (1 | Subject), data, weights = w, REML = FALSE)
  expect_equal(hatvalues(ours), hatvalues(lme4), tolerance = 1e-4)
  expect_equal(rstudent(ours), rstudent(lme4), tolerance = 1e-4)
  expect_snapshot(rstudent(result_fit("infection")), error = TRUE)
})

test_that("hatvalues() of a structured covariance are those of dense algebra", {
  set.seed(3)
  d <- data.frame(id = gl(20, 8), item = gl(4, 1, 160), x = rnorm(160))
  d$z <- d$x + rep(rnorm(20), each = 8) + rnorm(160)
  fit <- suppressMessages(glmm(z ~ x + cs(0 + item | id), d))
  X <- model.matrix(fit)
  Z <- model.matrix(~ 0 + item, d)
  V <- outer(d$id, d$id, `==`) * (Z %*% component(fit, "Sigma") %*% t(Z))
  W <- solve(V + diag(fit$phi, nrow(d)))
  P <- W - W %*% X %*% solve(t(X) %*% W %*% X, t(X) %*% W)
  expect_equal(unname(hatvalues(fit)), unname(diag(diag(nrow(d)) - fit$phi * P)), tolerance = 1e-8)
})

test_that("predictions with some of the random terms are lme4's", {
  fits <- crossed()
  for (form in c(~ (1 | plate), ~ (1 | sample), ~ (1 | plate) + (1 | sample))) {
    expect_equal(predict(fits$ours, re.form = form), predict(fits$lme4, re.form = form),
      tolerance = 1e-5)
  }
  new <- data.frame(plate = c("a", "c"))
  expect_equal(predict(fits$ours, new, re.form = ~ (1 | plate)),
    predict(fits$lme4, new, re.form = ~ (1 | plate)), tolerance = 1e-5)
  sleep <- sleep()
  expect_equal(predict(sleep$ours, re.form = ~ (1 | Subject)),
    predict(sleep$lme4, re.form = ~ (1 | Subject)), tolerance = 1e-5)
  expect_equal(predict(sleep$ours, re.form = ~ (0 + Days | Subject)),
    predict(sleep$lme4, re.form = ~ (0 + Days | Subject)), tolerance = 1e-5)
  expect_snapshot(error = TRUE, {
    predict(fits$ours, re.form = ~ (1 | nothing))
    predict(sleep$ours, re.form = ~ (plate | Subject))
  })
})

test_that("intervals are those of the predictor, transformed; those of lm() without clusters", {
  fit <- result_fit("infection")
  link <- predict(fit, se.fit = TRUE, random_effects = "integrate")
  limits <- predict(fit, type = "response", random_effects = "integrate", interval = "confidence",
    level = 0.9)
  df <- min(summary(fit)$coefficients$df)
  expect_equal(limits[, "upr"], plogis(link$fit + qt(0.95, df) * link$se.fit))
  expect_identical(limits[, "fit"], predict(fit, type = "response", random_effects = "integrate"))
  zero <- suppressMessages(glmm(y ~ x + (1 | id), no_variance_data()))
  ols <- lm(y ~ x, no_variance_data())
  new <- data.frame(x = c(-1, 2))
  ours <- predict(zero, new, random_effects = "zero", interval = "prediction", se.fit = TRUE)
  half <- qt(0.975, min(summary(zero)$coefficients$df)) * sqrt(ours$se.fit^2 + sigma(zero)^2)
  expect_equal(ours$fit[, "lwr"], ours$fit[, "fit"] - half)
  expect_equal(ours$fit[, "fit"], predict(ols, new), tolerance = 1e-6)
  expect_error(predict(fit, interval = "prediction"), class = "margmix_error_argument")
  marginal <- gee(cbind(success, n - success) ~ treatment, infection, clinic, family = binomial())
  link <- predict(marginal, se.fit = TRUE)
  expect_equal(predict(marginal, interval = "confidence")[, "lwr"],
    link$fit - qt(0.975, min(summary(marginal)$coefficients$df)) * link$se.fit)
})

test_that("the table of a summary answers to the usual names", {
  for (fit in list(result_fit("infection"),
    gee(cbind(success, n - success) ~ treatment, infection, clinic, family = binomial()))) {
    table <- summary(fit)$coefficients
    expect_identical(table[, "Estimate"], unname(coef(fit)))
    expect_identical(table["treatmentdrug", "Std. Error"], table$std.error[2L])
    expect_identical(table[["Pr(>|t|)"]], table[["p.value"]])
    expect_identical(table[, c("Estimate", "t value")], table[, c("estimate", "statistic")])
    expect_identical(table["Estimate"], table["estimate"])
    expect_identical(table[2L, "estimate", drop = FALSE]$estimate, table$Estimate[2L])
    expect_true(is.data.frame(table))
  }
})
