# A dispersion that depends on covariates: against integrals, differences and other packages; what
# the methods say of it; what is refused.

orthodont <- as.data.frame(nlme::Orthodont)
orthodont_model <- distance ~ age * Sex + (age | Subject)
by_sex <- suppressMessages(glmm(orthodont_model, orthodont, dispersion = ~Sex))
counts_model <- seizures ~ treatment + log(base) + (1 | subject)
by_treatment <- glmm(counts_model, epilepsy, nbinom2(), nAGQ = 1, dispersion = ~treatment)

# log-likelihood of a random intercept model by R's own integration and densities
by_integrate <- function(d, density, beta, sd) {
  sum(vapply(split(d, d$g), function(cluster) {
    integrand <- function(b) {
      vapply(b, function(b) {
        prod(density(cluster, beta[1] + beta[2] * cluster$x + b)) * dnorm(b, 0, sd)
      }, 0)
    }
    log(stats::integrate(integrand, -12 * sd, 12 * sd, rel.tol = 1e-10, abs.tol = 0)$value)
  }, 0))
}

tiny <- data.frame(
  g = factor(rep(1:4, each = 3)), x = c(-1, 0.5, 1, 0, 0.3, -0.7, 1.2, -0.4, 0.1, 0.9, -1.1, 0.2),
  y = c(0, 3, 2, 1, 5, 0, 2, 4, 1, 0, 1, 7), z = rep(c(0, 1, 2), 4)
)

test_that("the likelihood is the integral of densities with a phi for each row", {
  beta <- c(0.4, -0.3)
  gamma <- c(0.5, -0.4)
  phi <- exp(gamma[1] + gamma[2] * tiny$z)
  densities <- list(
    list(family = nbinom2(), y = tiny$y, f = function(d, eta) {
      dnbinom(d$y, mu = exp(eta), size = d$phi)
    }),
    list(family = Gamma("log"), y = tiny$y + 0.5, f = function(d, eta) {
      dgamma(d$y, shape = 1 / d$phi, scale = exp(eta) * d$phi)
    }),
    list(family = beta_family(), y = (tiny$y + 0.5) / 9, f = function(d, eta) {
      dbeta(d$y, plogis(eta) * d$phi, (1 - plogis(eta)) * d$phi)
    }),
    list(family = gaussian(), y = tiny$y, f = function(d, eta) dnorm(d$y, eta, sqrt(d$phi)))
  )
  for (case in densities) {
    d <- transform(tiny, y = case$y, phi = phi)
    fit <- suppressWarnings(suppressMessages(glmm(
      y ~ x + (1 | g), d, case$family, dispersion = ~z, nAGQ = 1,
      control = glmm_control(max_iterations = 2)
    )))
    psi <- c(beta, 0.7, gamma)
    value <- engine_evaluate(fit$design, fit$family, psi, 41L)$value
    expect_equal(value, by_integrate(d, case$f, beta, 0.7), tolerance = 1e-8)
  }
})

test_that("the gradient is that of Richardson's differences", {
  skip_if_not_installed("numDeriv")
  for (fit in list(by_sex, by_treatment)) {
    psi <- fit_psi(fit) + 0.1
    value <- function(psi) {
      engine_evaluate(fit$design, fit$family, psi, fit$rule$K)$value
    }
    gradient <- engine_evaluate(fit$design, fit$family, psi, fit$rule$K, 1L)$gradient
    expect_equal(gradient, numDeriv::grad(value, psi), tolerance = 1e-7)
  }
})

test_that("a constant dispersion is that of a fit without a formula", {
  plain <- glmm(counts_model, epilepsy, nbinom2(), nAGQ = 1)
  given <- glmm(counts_model, epilepsy, nbinom2(), nAGQ = 1, dispersion = ~1)
  same <- c("beta", "theta", "phi", "logLik", "vcov_full")
  expect_identical(given[same], plain[same])
  # the same model through a column of ones
  ones <- glmm(
    counts_model, transform(epilepsy, one = 1), nbinom2(), nAGQ = 1, dispersion = ~ 0 + one
  )
  expect_equal(logLik(ones), logLik(plain), tolerance = 1e-12)
  expect_equal(ones$gamma[["one"]], log(plain$phi), tolerance = 1e-6)
  expect_equal(unname(ones$vcov_full), unname(plain$vcov_full), tolerance = 1e-5)
})

test_that("a variance for each sex is that of nlme, also restricted", {
  for (method in c("ML", "REML")) {
    peer <- nlme::lme(distance ~ age * Sex, orthodont, ~ age | Subject,
      weights = nlme::varIdent(form = ~ 1 | Sex), method = method,
      control = nlme::lmeControl(opt = "optim", msTol = 1e-12, tolerance = 1e-12)
    )
    fit <- if (method == "ML") by_sex else suppressMessages(update(by_sex, REML = TRUE))
    expect_lt(abs(as.numeric(logLik(fit)) - as.numeric(logLik(peer))), 1e-5)
    expect_equal(fixef(fit), nlme::fixef(peer), tolerance = 1e-5)
    sigma <- stats::sigma(peer) * coef(peer$modelStruct$varStruct, FALSE, allCoef = TRUE)
    phi <- tapply(predict(fit, type = "dispersion"), orthodont$Sex, mean)
    expect_equal(c(phi[names(sigma)]), sigma^2, tolerance = 1e-4)
  }
})

test_that("nested and crossed factors take it, by Laplace and by quadrature", {
  d <- transform(epilepsy, half = period %in% 3:4)
  crossed <- glmm(
    seizures ~ treatment + (1 | subject) + (1 | period), d, nbinom2(), dispersion = ~treatment
  )
  nested <- lapply(c(1, 9), function(K) {
    glmm(
      seizures ~ treatment + (1 | subject / half), d, nbinom2(), nAGQ = K, dispersion = ~treatment
    )
  })
  # the score is zero in every entry, and so it is by differences of the value
  for (fit in c(list(crossed), nested)) {
    psi <- fit_psi(fit)
    at <- engine_evaluate(fit$design, fit$family, psi, fit$rule$K, 1L)
    se <- sqrt(diag(fit$vcov_full))
    expect_lt(max(abs(at$gradient * se)[!is.na(se)]), 1e-4)
  }
  expect_lt(abs(as.numeric(logLik(nested[[1]])) - as.numeric(logLik(nested[[2]]))), 2)
})

test_that("summary and tables have its coefficients", {
  expect_snapshot(print(summary(by_sex)))
  expect_identical(names(fixef(by_sex, component = "dispersion")), c("(Intercept)", "SexFemale"))
  expect_identical(component(by_sex, "gamma"), fixef(by_sex, component = "dispersion"))
  rows <- c("log_phi_(Intercept)", "log_phi_SexFemale")
  V <- vcov(by_sex, full = TRUE)
  expect_true(all(rows %in% colnames(V)))
  table <- tidy(by_sex, effects = "dispersion", conf.int = TRUE)
  expect_equal(table$std.error, unname(sqrt(diag(V))[rows]))
  expect_equal(table$estimate, unname(component(by_sex, "gamma")))
  limits <- confint(by_sex, rows, method = "Wald")
  expect_equal(unname(limits[, 1]), table$conf.low)
  expect_equal(attr(logLik(by_sex), "df"), 4 + 3 + 2)
  expect_identical(sigma(by_sex), NA_real_)
  expect_false("Residual" %in% as.data.frame(VarCorr(by_sex))$grp)
  profile <- confint(by_treatment, "log_phi_treatmentprogabide", method = "profile")
  wald <- confint(by_treatment, "log_phi_treatmentprogabide", method = "Wald")
  expect_lt(max(abs(profile - wald)), 0.3 * diff(wald[1, ]))
})

test_that("anova() tests dispersion formulas, update() changes them", {
  plain <- update(by_treatment, dispersion = ~1)
  table <- anova(plain, by_treatment)
  expect_equal(table$Chisq[2], 2 * as.numeric(logLik(by_treatment) - logLik(plain)))
  expect_equal(table$Df[2], 1)
})

test_that("predictions, residuals and simulations take phi by row", {
  phi <- predict(by_sex, type = "dispersion", se.fit = TRUE)
  gamma <- component(by_sex, "gamma")
  expect_equal(unname(phi$fit), exp(gamma[[1]] + gamma[[2]] * (orthodont$Sex == "Female")))
  V <- vcov(by_sex, full = TRUE)[c("log_phi_(Intercept)", "log_phi_SexFemale"), ]
  V <- V[, rownames(V)]
  d <- c(1, 1)
  female <- which(orthodont$Sex == "Female")[1]
  expect_equal(phi$se.fit[[female]], phi$fit[[female]] * sqrt(drop(d %*% V %*% d)))
  new <- data.frame(Sex = factor(c("Female", NA, "Male")), age = 9, Subject = "M01")
  expect_equal(
    unname(predict(by_sex, new, type = "dispersion")), c(phi$fit[[female]], NA, phi$fit[[1]])
  )
  expect_equal(
    unname(residuals(by_sex, "pearson")), unname(residuals(by_sex, "response") / sqrt(phi$fit))
  )
  interval <- predict(by_sex, orthodont[c(1, female), ], interval = "prediction")
  link <- predict(by_sex, orthodont[c(1, female), ], se.fit = TRUE)
  width <- (interval[, "upr"] - interval[, "lwr"]) / 2
  df <- min(coef(summary(by_sex))[, "df"])
  expect_equal(
    unname(width), unname(qt(0.975, df) * sqrt(link$se.fit^2 + phi$fit[c(1, female)]))
  )
  draws <- simulate(by_sex, 400, seed = 1, re.form = NULL)
  spread <- apply(as.matrix(draws), 1, var)
  expect_lt(max(abs(tapply(spread / phi$fit, orthodont$Sex, mean) - 1)), 0.05)
  z <- residuals(by_sex, "quantile")
  expect_equal(unname(z), unname(residuals(by_sex, "response") / sqrt(phi$fit)))
})

test_that("quantile residuals of beta-binomial responses take phi by row", {
  set.seed(4)
  d <- data.frame(g = rep(1:15, each = 6), x = rnorm(90), z = rep(0:1, 45))
  p <- rbeta(90, exp(1 + d$z) * 0.4, exp(1 + d$z) * 0.6)
  d$y <- rbinom(90, 8, p)
  fit <- suppressMessages(
    glmm(cbind(y, 8 - y) ~ x + (1 | g), d, betabinomial(), dispersion = ~z, nAGQ = 5)
  )
  mu <- predict(fit, type = "response")
  phi <- predict(fit, type = "dispersion")
  below <- function(k, j) {
    sum(vapply(seq_len(k + 1L) - 1L, function(i) {
      density <- function(p) dbinom(i, 8, p) * dbeta(p, mu[j] * phi[j], (1 - mu[j]) * phi[j])
      stats::integrate(density, 0, 1, rel.tol = 1e-9)$value
    }, 0))
  }
  limits <- family_tools(fit$family)$cdf(d$y, mu, 8, phi)
  some <- c(which(d$y == 0)[1L], 2L, 5L, 8L, which(d$y == 8)[1L])
  some <- some[!is.na(some)]
  expect_equal(limits$upper[some], vapply(some, function(j) below(d$y[j], j), 0), tolerance = 1e-6)
  z <- residuals(fit, "quantile")
  expect_true(all(pnorm(z) >= limits$lower - 1e-12 & pnorm(z) <= limits$upper + 1e-12))
})

test_that("robust covariances, refits and saved fits know it", {
  scores <- component(by_treatment, "scores")
  expect_identical(ncol(scores), length(fit_psi(by_treatment)))
  expect_lt(max(abs(colSums(scores))), 1e-3)
  expect_true(all(is.finite(vcov(by_treatment, "robust", full = TRUE))))
  again <- refit(by_treatment, epilepsy$seizures)
  expect_equal(again$gamma, by_treatment$gamma, tolerance = 1e-5)
  file <- tempfile(fileext = ".rds")
  saveRDS(by_treatment, file)
  back <- readRDS(file)
  expect_equal(predict(back, type = "dispersion"), predict(by_treatment, type = "dispersion"))
  expect_equal(fixef(back, component = "dispersion"), by_treatment$gamma)
  means <- marginal_standardization(by_treatment, "treatment")
  expect_s3_class(means, "margmix_standardization")
})

test_that("rows with missing values of its covariates are left out and counted", {
  d <- epilepsy
  d$w <- replace(seq_len(nrow(d)) / 100, c(3, 7), NA)
  fit <- glmm(counts_model, d, nbinom2(), nAGQ = 1, dispersion = ~w)
  expect_identical(component(fit, "n_dropped"), 2L)
  expect_equal(nobs(fit), nrow(d) - 2)
  whole <- glmm(counts_model, d[-c(3, 7), ], nbinom2(), nAGQ = 1, dispersion = ~w)
  expect_equal(logLik(fit), logLik(whole), ignore_attr = TRUE)
})

test_that("the order of rows and the units of a covariate do not matter", {
  d <- transform(epilepsy, w = 1e4 + 300 * log(base))
  fit <- glmm(counts_model, d, nbinom2(), nAGQ = 1, dispersion = ~w)
  shuffled <- glmm(counts_model, d[sample(nrow(d)), ], nbinom2(),
    nAGQ = 1, dispersion = ~ log(base)
  )
  expect_equal(logLik(shuffled), logLik(fit), tolerance = 1e-9)
  expect_equal(fit$gamma[["w"]] * 300, shuffled$gamma[[2]], tolerance = 1e-4)
})

test_that("what does not go with it is refused by name", {
  d <- transform(epilepsy, twice = 2 * base)
  try_dispersion <- function(dispersion, family = nbinom2()) {
    glmm(counts_model, d, family, nAGQ = 1, dispersion = dispersion)
  }
  expect_error(try_dispersion("x"), class = "margmix_error_dispersion")
  expect_error(try_dispersion(y ~ base), class = "margmix_error_dispersion")
  expect_error(try_dispersion(~ (1 | subject)), class = "margmix_error_dispersion")
  expect_error(try_dispersion(~ offset(base)), class = "margmix_error_dispersion")
  expect_error(try_dispersion(~0), class = "margmix_error_dispersion")
  expect_error(try_dispersion(~base, poisson()), class = "margmix_error_dispersion")
  expect_error(try_dispersion(~ base + twice), class = "margmix_error_dispersion_rank")
  expect_error(try_dispersion(~nowhere), class = "margmix_error_frame")
  expect_error(intraclass_correlation(by_treatment), class = "margmix_error_dispersion_formula")
  expect_error(diagnose_distribution(by_treatment), class = "margmix_error_dispersion_formula")
  expect_error(
    vcov(by_sex, "KR"), class = "margmix_error_kenward_roger"
  )
  expect_snapshot({
    try_dispersion(~ base + twice)
    try_dispersion(~base, poisson())
    try_dispersion(~ (1 | base))
    intraclass_correlation(by_treatment)
  }, error = TRUE)
})

test_that("marginal covariances have the phi of each row, of the fit and of new data", {
  rows <- subset(orthodont, Subject == "F03")
  Z <- cbind(1, rows$age)
  phi <- predict(by_sex, rows, type = "dispersion")
  wanted <- Z %*% component(by_sex, "Sigma") %*% t(Z) + diag(phi)
  expect_equal(unname(unclass(marginal_covariance(by_sex, "F03"))[1:4, 1:4]), unname(wanted))
  boy <- marginal_covariance(by_sex, newdata = transform(rows, Sex = "Male"))
  phi <- predict(by_sex, transform(rows, Sex = "Male"), type = "dispersion")
  expect_equal(diag(unclass(boy)), diag(wanted) - exp(by_sex$gamma[["(Intercept)"]] +
    by_sex$gamma[["SexFemale"]]) + phi, ignore_attr = TRUE)

  t <- seq(-9, 9, length.out = 6001)
  w <- dnorm(t) / sum(dnorm(t))
  two <- data.frame(treatment = c("placebo", "progabide"), base = 20)
  V <- marginal_covariance(by_treatment, newdata = two)
  phi <- predict(by_treatment, two, type = "dispersion")
  for (k in 1:2) {
    mu <- exp(predict(by_treatment, two, re.form = NA)[[k]] + by_treatment$theta * t)
    total <- sum(w * (mu + mu^2 / phi[[k]])) + sum(w * mu^2) - sum(w * mu)^2
    expect_equal(V[k, k], total, tolerance = 1e-8)
  }
})

test_that("a report has a sentence for each coefficient of the dispersion", {
  fit <- glmm(distance ~ age + (1 | Subject), as.data.frame(nlme::Orthodont), dispersion = ~Sex)
  lines <- grep("log phi", format(report(fit)), value = TRUE)
  expect_length(lines, 2L)
  gamma <- fixef(fit, component = "dispersion")
  expect_match(lines[2L], format(gamma[[2L]], digits = 3L), fixed = TRUE)
})
