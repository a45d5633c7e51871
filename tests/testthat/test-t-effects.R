# Random intercepts with a t distribution: against R's own density and integrate().

t_toy <- function(family, sigma, df, ...) {
  model <- toy_model(family, 1L, ...)
  model$design <- random_part(model$design, t_effects(df))
  model$psi[fixed_count(model$design) + 1L] <- sigma
  model
}

t_families <- function() {
  list(
    binomial(), binomial("probit"), binomial("cloglog"), poisson(), gaussian(), nbinom2(),
    Gamma("log"), beta_family()
  )
}

t_fits <- new.env()
t_fit <- function(name) {
  if (is.null(t_fits[[name]])) {
    t_fits[[name]] <- suppressMessages(switch(name,
      infection = glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection,
        binomial(), random_distribution = t_effects(df = 5)
      ),
      toenail = glmm(severe ~ treatment * scheduled + (1 | patient), toenail, binomial(),
        random_distribution = t_effects(4)
      ),
      seeds = glmm(cbind(r, n - r) ~ seed * extract + (1 | plate), seeds, binomial(),
        random_distribution = t_effects(3)
      ),
      counts = glmm(r ~ seed + offset(log(n)) + (1 | plate), seeds, poisson(),
        random_distribution = t_effects(4)
      ),
      gaussian = glmm(yield ~ x + (1 | g), t_gaussian_data(), gaussian(),
        random_distribution = t_effects(4)
      )
    ))
  }
  t_fits[[name]]
}

t_gaussian_data <- function() {
  set.seed(7)
  g <- rep(1:15, each = 5)
  x <- rnorm(75)
  data.frame(g, x, yield = 1 + 0.5 * x + 1.2 * rt(15, 4)[g] + rnorm(75, sd = 0.7))
}

test_that("the likelihood agrees with brute-force integration", {
  for (family in t_families()) {
    for (df in c(2.2, 5, 40)) {
      for (sigma in c(0.2, 1.5)) {
        model <- t_toy(family, sigma, df)
        found <- toy_engine(model, family, 255)
        expect_equal(found$value, sum(brute_t(model$design, family, model$psi, df)[1L, ]),
          tolerance = 1e-9, info = paste(family_label(family), df, sigma)
        )
      }
    }
  }
})

test_that("gradient and Hessian agree with Richardson differences", {
  skip_if_not_installed("numDeriv")
  for (family in t_families()) {
    for (df in c(2.2, 6)) {
      model <- t_toy(family, 0.8, df)
      exact <- toy_engine(model, family, 151, 2L, scores = TRUE)
      value <- function(psi) toy_engine(model, family, 151, psi = psi)$value
      expect_equal(exact$gradient, numDeriv::grad(value, model$psi), tolerance = 1e-7)
      J <- numDeriv::jacobian(
        function(psi) toy_engine(model, family, 151, 1L, psi)$gradient, model$psi
      )
      expect_equal(exact$hessian, J, tolerance = 1e-6)
      expect_equal(colSums(exact$scores), exact$gradient, tolerance = 1e-12)
    }
  }
})

test_that("a dispersion of each row has its gradient", {
  skip_if_not_installed("numDeriv")
  model <- t_toy(nbinom2(), 0.8, 4)
  model$design$D <- cbind(1, sin(1:20))
  model$psi <- c(model$psi, 0.3)
  exact <- toy_engine(model, nbinom2(), 151, 1L)
  value <- function(psi) toy_engine(model, nbinom2(), 151, psi = psi)$value
  expect_equal(exact$gradient, numDeriv::grad(value, model$psi), tolerance = 1e-7)
})

test_that("a cluster far away is found, and one of many trials", {
  model <- t_toy(poisson(), 0.5, 3)
  model$design$y[1:4] <- c(900, 1200, 800, 1100)
  expect_equal(toy_engine(model, poisson(), 255)$value,
    sum(brute_t(model$design, poisson(), model$psi, 3)[1L, ]), tolerance = 1e-9
  )
  # So far that the integrand first falls to exp(-30) of what it is at 0.
  model <- t_toy(gaussian(), 0.8, 2.2)
  last <- length(model$psi)
  model$psi[last] <- 2 * log(1.6e8)
  model$design$y[1:4] <- 1e9
  of <- function(...) brute_t(model$design, gaussian(), model$psi, 2.2, ...)[1L, ]
  expect_equal(toy_engine(model, gaussian(), 255)$value,
    sum(of()[-1L]) + of(range = c(15, 26))[1L], tolerance = 1e-9
  )
  model <- t_toy(binomial(), 0.8, 3)
  model$design$y <- row_response(model$design) * 40000
  model$design$trials <- row_trials(model$design) * 40000
  value <- toy_engine(model, binomial(), 63)$value
  expect_equal(toy_engine(model, binomial(), 127)$value, value, tolerance = 1e-12)
})

test_that("at zero variance the value is that of the GLM and the curvature is the limit", {
  skip_if_not_installed("numDeriv")
  model <- t_toy(binomial(), 0, 6)
  exact <- toy_engine(model, binomial(), 151, 2L)
  rows <- brute_log_density(model$design, binomial(), 1:20,
    drop(design_X(model$design) %*% model$psi[1:2]) + row_offset(model$design)
  )
  expect_equal(exact$value, sum(rows), tolerance = 1e-12)
  expect_equal(exact$gradient[3L], 0, tolerance = 1e-12)
  rise <- function(s) {
    (sum(brute_t(model$design, binomial(), c(model$psi[1:2], s), 6)[1L, ]) - sum(rows)) / s^2
  }
  expect_equal(exact$hessian[3L, 3L], 2 * (4 * rise(0.02) - rise(0.04)) / 3, tolerance = 1e-3)
})

test_that("with many degrees of freedom the model is that with normal effects", {
  for (family in list(binomial(), poisson(), gaussian())) {
    model <- t_toy(family, 1.1, 1e6)
    t <- toy_engine(model, family, 151, 2L)
    model$design <- random_part(model$design, new_law("normal"))
    normal <- toy_engine(model, family, 151, 2L)
    expect_equal(t$value, normal$value, tolerance = 1e-6)
    expect_equal(t$gradient, normal$gradient, tolerance = 1e-4)
  }
  fit <- t_fit("infection")
  near <- update(fit, random_distribution = t_effects(1e6))
  normal <- update(fit, random_distribution = "normal")
  expect_equal(near$logLik, normal$logLik, tolerance = 1e-6)
  expect_equal(coef(near), coef(normal), tolerance = 1e-4)
  # of a linear model the normal counterpart is exact
  near <- update(t_fit("gaussian"), random_distribution = t_effects(1e6))
  normal <- update(near, random_distribution = "normal")
  expect_identical(normal$rule$method, "exact")
  expect_equal(near$logLik, normal$logLik, tolerance = 1e-6)
  expect_equal(unname(fit_psi(near)), unname(fit_psi(normal)), tolerance = 1e-4)
})

test_that("a fit is the maximum of the brute-force likelihood, with its curvature", {
  skip_if_not_installed("numDeriv")
  dfs <- c(infection = 5, counts = 4, gaussian = 4)
  for (name in names(dfs)) {
    fit <- t_fit(name)
    brute <- function(psi) {
      sum(brute_t(full_design(fit), fit$family, psi, dfs[[name]])[1L, ])
    }
    psi <- unname(fit_psi(fit))
    expect_equal(fit$logLik, brute(psi), tolerance = 1e-9)
    slope <- numDeriv::grad(brute, psi, method = "simple", method.args = list(eps = 1e-5))
    # in standard errors
    expect_lt(max(abs(slope) * sqrt(diag(fit$vcov_full))), 1e-3)
  }
  fit <- t_fit("infection")
  brute <- function(psi) sum(brute_t(full_design(fit), fit$family, psi, 5)[1L, ])
  found <- optim(c(-1, 0.5, 1), function(x) -brute(x), method = "BFGS",
    control = list(reltol = 1e-12)
  )
  expect_equal(found$par, unname(fit_psi(fit)), tolerance = 1e-4)
  expect_equal(-found$value, fit$logLik, tolerance = 1e-9)
  expect_equal(unname(fit$vcov_full), solve(-numDeriv::hessian(brute, found$par)),
    tolerance = 1e-3
  )
})

test_that("posterior mode, mean, median and variance agree with brute force", {
  for (name in c("seeds", "gaussian")) {
    fit <- t_fit(name)
    df <- random_distribution(fit$design)$df
    psi <- fit_psi(fit)
    design <- full_design(fit)
    of <- function(f) brute_t(design, fit$family, psi, df, f)[2L, ]
    mean <- ranef(fit, "mean")[[1L]]
    expect_equal(mean[, 1L], of(identity), tolerance = 1e-7)
    expect_equal(as.vector(attr(mean, "postVar")), of(function(b) b^2) - mean[, 1L]^2,
      tolerance = 1e-6
    )
    scale <- fit$theta[[1L]] / sqrt(df / (df - 2))
    mode <- vapply(seq_along(design$levels), function(i) {
      rows <- seq(design$start[i] + 1L, design$start[i + 1L])
      eta <- drop(design$X %*% fit$beta)[rows] + design$offset[rows]
      optimize(function(b) {
        sum(brute_log_density(design, fit$family, rows, eta + b, fit$phi)) +
          dt(b / scale, df, log = TRUE)
      }, c(-8, 8), maximum = TRUE, tol = 1e-9)$maximum
    }, 0)
    expect_equal(ranef(fit)[[1L]][, 1L], mode, tolerance = 1e-5)
  }
  fit <- t_fit("seeds")
  median <- ranef(fit, "median")[[1L]][, 1L]
  half <- vapply(seq_along(median), function(i) {
    brute_t(full_design(fit), fit$family, fit_psi(fit), 3, function(b) b < median[i])[2L, i]
  }, 0)
  expect_equal(half, rep(0.5, length(median)), tolerance = 1e-4)
})

test_that("standard errors of predictions follow the derivative of the mode", {
  skip_if_not_installed("numDeriv")
  fit <- t_fit("gaussian")
  mode <- function(psi) {
    drop(engine_moments(fit$design, fit$family, psi, 101, NULL, FALSE, fit$control)[[1L]]$mode)
  }
  J <- numDeriv::jacobian(mode, fit_psi(fit))
  variance <- attr(ranef(fit)[[1L]], "postVar")[1L, 1L, ]
  d <- cbind(design_X(fit$design), 0, 0) + J[rep(1:15, each = 5), ]
  se <- sqrt(rowSums((d %*% fit$vcov_full) * d) + rep(variance, each = 5))
  expect_equal(predict(fit, se.fit = TRUE)$se.fit, caller_order(se, fit$design),
    tolerance = 1e-6, ignore_attr = TRUE
  )
})

# E of `f(b)` under the t distribution with standard deviation sigma.
t_mean <- function(f, sigma, df) {
  g <- function(x) f(sigma * sqrt((df - 2) / df) * sinh(x)) * dt(sinh(x), df) * cosh(x)
  integrate(g, -40 / df - 3, 0, rel.tol = 1e-12, subdivisions = 2000L)$value +
    integrate(g, 0, 40 / df + 3, rel.tol = 1e-12, subdivisions = 2000L)$value
}

test_that("population means and second moments are integrals over the t distribution", {
  skip_if_not_installed("numDeriv")
  for (link in c("logit", "probit", "cloglog")) {
    family <- binomial(link)
    for (df in c(2.2, 5, 30)) {
      for (sigma in c(0.3, 2, 6)) {
        law <- with_distribution(
          random_part(t_fit("infection")$design, t_effects(df)), family
        )
        eta <- c(-3, 0.4, 25)
        m <- vapply(eta, function(e) t_mean(function(b) family$linkinv(e + b), sigma, df), 0)
        found <- engine_population_mean(eta, sigma, law)
        expect_equal(found$mean, m, tolerance = 1e-8, info = paste(link, df, sigma))
        d <- numDeriv::grad(function(s) sum(engine_population_mean(eta[1:2], s, law)$mean), sigma)
        expect_equal(sum(found$d_s[1:2]), d, tolerance = 1e-6)
        B <- engine_between_covariance(eta[1:2], matrix(sigma^2, 2, 2), law)
        expected <- outer(1:2, 1:2, Vectorize(function(j, k) {
          t_mean(function(b) {
            (family$linkinv(eta[j] + b) - m[j]) * (family$linkinv(eta[k] + b) - m[k])
          }, sigma, df)
        }))
        expect_equal(B, expected, tolerance = 1e-7)
        expect_equal(engine_between_variance(eta[1:2], sigma, law)$value, diag(expected),
          tolerance = 1e-7
        )
      }
    }
  }
})

test_that("standardized risks and marginal means have the distribution integrated out", {
  fit <- t_fit("infection")
  eta <- coef(fit)[[1L]] + c(0, coef(fit)[[2L]])
  means <- vapply(eta, function(e) t_mean(function(b) plogis(e + b), fit$theta[[1L]], 5), 0)
  standardized <- as.data.frame(marginal_standardization(fit, "treatment"), what = "means")
  expect_equal(standardized$estimate, means, tolerance = 1e-8)
  expect_equal(unique(round(predict(fit, type = "response", random_effects = "integrate"), 8)),
    round(unique(means[1 + (infection$treatment == levels(factor(infection$treatment))[2L])]), 8),
    ignore_attr = TRUE
  )
  gamma <- marginal_coefficients(fit)
  expect_equal(unname(coef(gamma)), c(qlogis(means[1L]), diff(qlogis(means))), tolerance = 1e-6)
  expect_equal(coef(marginal_coefficients(t_fit("gaussian"))), coef(t_fit("gaussian")))
})

test_that("simulated intercepts have the distribution, and fits of heavy tails recover it", {
  fit <- t_fit("toenail")
  u <- c(-12, -3, 0, 0.4, 3, 12)
  wanted <- qt(pnorm(abs(u), lower.tail = FALSE, log.p = TRUE), 4, lower.tail = FALSE,
    log.p = TRUE
  ) * sign(u) / sqrt(2)
  expect_equal(effects_of_draws(fit$design, fit, u), wanted, tolerance = 1e-12)
  expect_identical(dim(simulate(fit, 2, seed = 1)), c(1908L, 2L))
  r <- residuals(fit, "quantile", random_effects = "integrate", seed = 1)
  expect_equal(var(r), 1, tolerance = 0.1)
  set.seed(5)
  m <- 1500
  data <- data.frame(id = rep(seq_len(m), each = 8), x = rnorm(8 * m))
  b <- 1.5 / sqrt(3) * rt(m, 3) # scale such that the standard deviation is 1.5
  data$y <- rpois(8 * m, exp(0.3 + 0.5 * data$x + b[data$id]))
  t <- glmm(y ~ x + (1 | id), data, poisson(), random_distribution = t_effects(3))
  z <- (fit_psi(t) - c(0.3, 0.5, 1.5)) / sqrt(diag(vcov(t, full = TRUE)))
  expect_true(all(abs(z) < 3))
  normal <- update(t, random_distribution = "normal")
  expect_gt(t$logLik, normal$logLik + 10)
})

test_that("the house answers for a t fit", {
  fit <- t_fit("seeds")
  expect_equal(attr(logLik(fit), "df"), 5)
  expect_true(all(diag(vcov(fit, "KC")) > 0))
  limits <- confint(fit, "sd_", method = "profile")
  expect_true(limits[1L] < fit$theta && fit$theta < limits[2L])
  smaller <- update(fit, . ~ . - seed:extract)
  expect_equal(anova(smaller, fit)$Chisq[2L], 2 * (fit$logLik - smaller$logLik))
  expect_equal(odds_ratios(fit)$estimate, exp(unname(coef(fit)[-1L])), ignore_attr = TRUE)
  expect_equal(attr(VarCorr(fit)[[1L]], "stddev")[[1L]], fit$theta[[1L]])
  text <- gsub("[[:space:]]+", " ", paste(utils::capture.output(report(fit)), collapse = " "))
  expect_match(text, "Of a t distribution, df = 3: scale", fixed = TRUE)
  share <- intraclass_correlation(fit)
  expect_true(is.list(share))
  expect_s3_class(diagnose_distribution(fit, nsim = 0), "margmix_distribution_check")
  new <- data.frame(seed = seeds$seed[1], extract = seeds$extract[1], plate = "new", r = 9, n = 20)
  b <- ranef(fit, newdata = new)[[1L]][1L, 1L]
  expect_true(is.finite(b) && b != 0)
  expect_identical(nrow(rank_clusters(fit)), 21L)
  expect_error(anova(update(fit, random_distribution = t_effects(9)), fit),
    class = "margmix_error_anova_random_distribution"
  )
  restored <- unserialize(serialize(fit, NULL))
  expect_equal(predict(restored), predict(fit))
})

test_that("what t effects are not made for is refused, with the reason", {
  toe <- function(formula, family = binomial(), df = 5, ...) {
    glmm(formula, toenail, family, random_distribution = t_effects(df), ...)
  }
  expect_snapshot(error = TRUE, {
    t_effects(2)
    t_effects(c(3, 4))
    t_effects(NA)
    t_effects("5")
    t_effects(Inf)
    toe(severe ~ scheduled + (scheduled | patient))
    toe(severe ~ (1 | patient) + (1 | scheduled))
    toe(severe ~ (1 | treatment / patient))
    toe(severe ~ scheduled + ar1(scheduled + 0 | patient))
    toe(severe ~ scheduled + (1 | patient), nAGQ = 1)
    toe(severe ~ scheduled + (1 | patient), REML = TRUE)
    toe(severe ~ scheduled + (1 | patient), penalty = "soft")
    toe(severe ~ scheduled + (1 | patient), binomial("cauchit"))
    marginal_standardization(t_fit("counts"), "seed")
    predict(t_fit("counts"), random_effects = "integrate", type = "response")
    intraclass_correlation(t_fit("counts"))
    residuals(t_fit("gaussian"), "quantile", random_effects = "integrate")
    vcov(t_fit("seeds"), "KR")
    diagnose_overdispersion(t_fit("counts"))
  })
})

test_that("print says which distribution, and what the standard deviation is", {
  expect_snapshot({
    t_fit("infection")
    VarCorr(t_fit("infection"))
  }, transform = without_convergence)
})
