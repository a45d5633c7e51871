test_that("Gaussian models: modes, means and medians are the BLUPs of lme4", {
  skip_if_not_installed("lme4")
  fit <- result_fit("reml")
  peer <- lme4::ranef(lme4::lmer(y ~ x + (x | id), gaussian_data()), condVar = TRUE)$id
  for (type in c("mode", "mean", "median")) {
    found <- nlme::ranef(fit, type = type)$id
    expect_equal(as.matrix(found), as.matrix(peer), tolerance = 1e-4, ignore_attr = TRUE)
    expect_equal(attr(found, "postVar"), attr(peer, "postVar"),
      tolerance = 1e-3, ignore_attr = TRUE
    )
    expect_identical(rownames(found), rownames(peer))
  }
})

test_that("binomial modes and their variances are those of lme4 at Laplace", {
  skip_if_not_installed("lme4")
  fit <- update(result_fit("infection"), nAGQ = 1)
  peer <- lme4::glmer(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial(),
    control = lme4::glmerControl(optimizer = "bobyqa", tolPwrss = 1e-12)
  )
  peer <- lme4::ranef(peer, condVar = TRUE)$clinic
  found <- nlme::ranef(fit)$clinic
  expect_equal(found[, 1], peer[, 1], tolerance = 1e-3)
  expect_equal(attr(found, "postVar"), attr(peer, "postVar"), tolerance = 1e-3, ignore_attr = TRUE)
})

test_that("mean, variance and median are those of the posterior, by brute force", {
  fit <- result_fit("infection")
  design <- fit$design
  u <- seq(-9, 9, length.out = 20001)
  eta <- drop(design$X %*% fit$beta)
  exact <- vapply(seq_along(design$levels), function(i) {
    rows <- (design$start[i] + 1L):design$start[i + 1L]
    log_lik <- dnorm(u, log = TRUE)
    for (j in rows) {
      mu <- plogis(eta[j] + fit$theta * u)
      log_lik <- log_lik + dbinom(design$y[j], row_trials(design)[j], mu, log = TRUE)
    }
    w <- exp(log_lik - max(log_lik))
    w <- w / sum(w)
    b <- fit$theta * u
    mean <- sum(w * b)
    # the distribution function at the midpoints of the grid
    middle <- w > 1e-12
    median <- approx((cumsum(w) - w / 2)[middle], b[middle], 0.5)$y
    c(mean = mean, var = sum(w * (b - mean)^2), median = median)
  }, numeric(3L))
  mean <- nlme::ranef(fit, type = "mean")$clinic
  expect_equal(mean[, 1], exact["mean", ], tolerance = 1e-6)
  expect_equal(attr(mean, "postVar")[1, 1, ], exact["var", ], tolerance = 1e-6, ignore_attr = TRUE)
  expect_equal(nlme::ranef(fit, type = "median")$clinic[, 1], exact["median", ], tolerance = 1e-5)
})

test_that("as.data.frame() has a row per cluster and effect", {
  effects <- nlme::ranef(result_fit("lmm"))
  table <- as.data.frame(effects)
  expect_named(table, c("grpvar", "term", "grp", "condval", "condsd"))
  expect_identical(nrow(table), 24L)
  expect_equal(table$condval, unlist(effects$id, use.names = FALSE))
  variance <- attr(effects$id, "postVar")
  expect_equal(table$condsd, unname(c(sqrt(variance[1, 1, ]), sqrt(variance[2, 2, ]))))
  without <- nlme::ranef(result_fit("lmm"), condVar = FALSE)
  expect_null(attr(without$id, "postVar"))
  expect_true(all(is.na(as.data.frame(without)$condsd)))
})

test_that("prints, and refuses other types", {
  expect_snapshot(nlme::ranef(result_fit("infection"), type = "median"))
  expect_snapshot(print(nlme::ranef(result_fit("respiratory")), rows = 2))
  expect_error(nlme::ranef(result_fit("lmm"), type = "best"), class = "margmix_error_argument")
})

test_that("plots draw and return what they show", {
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  fit <- result_fit("infection")
  expect_invisible(plot(nlme::ranef(fit)))
  expect_invisible(plot(nlme::ranef(result_fit("lmm"), condVar = FALSE), labels = FALSE))
  means <- plot(fit)
  observed <- tapply(infection$success, infection$clinic, sum) /
    tapply(infection$n, infection$clinic, sum)
  expect_equal(means$observed, as.vector(observed))
  expect_equal(means$size, as.vector(tapply(infection$n, infection$clinic, sum)))
  # the modes of a logit model move every cluster from its mean towards random effect 0
  inside <- (means$predicted - means$at_zero) / (means$observed - means$at_zero)
  expect_true(all(inside > 0 & inside < 1))
  expect_equal(plot_shrinkage(result_fit("lmm"))$observed,
    as.vector(tapply(gaussian_data()$y, gaussian_data()$id, mean))
  )
})
