# Independent computations: modes by Newton steps in R, population means by integrate(), standard
# errors by numerical derivatives.

normal_mean <- function(eta, s, linkinv) {
  if (s == 0) return(linkinv(eta))
  integrand <- function(t) linkinv(eta + s * t) * dnorm(t)
  pieces <- mapply(
    function(a, b) integrate(integrand, a, b, rel.tol = 1e-12, subdivisions = 1000L)$value,
    seq(-12, 11), seq(-11, 12)
  )
  sum(pieces)
}

# theta of a fit as a matrix Lambda
test_lambda <- function(fit, theta) {
  q <- effect_count(fit$design)
  L <- matrix(0, q, q)
  L[first_entries(fit$design)] <- theta
  L
}

# Modes of u for logit binomial, log Poisson or identity Gaussian rows, and A^-1 = (I + V'WV)^-1.
test_modes <- function(fit, psi, clusters) {
  d <- fit$design
  p <- ncol(d$X)
  n_theta <- length(d$theta_row)
  L <- test_lambda(fit, psi[p + seq_len(n_theta)])
  phi <- if (fit$family$family == "gaussian") exp(psi[p + n_theta + 1]) else 1
  eta0 <- d$offset + drop(d$X %*% psi[seq_len(p)])
  q <- ncol(L)
  out <- list(u = matrix(0, length(d$levels), q), A = list(), L = L)
  for (i in clusters) {
    rows <- (d$start[i] + 1):d$start[i + 1]
    V <- d$Z[rows, , drop = FALSE] %*% L
    u <- numeric(q)
    for (step in 1:30) {
      mu <- fit$family$linkinv(eta0[rows] + drop(V %*% u))
      w <- row_weights(d)[rows] * row_trials(d)[rows]
      gradient <- crossprod(V, row_weights(d)[rows] * d$y[rows] - w * mu) / phi - u
      A <- crossprod(V, w * fit$family$variance(mu) * V) / phi + diag(q)
      u <- u + drop(solve(A, gradient))
    }
    out$u[i, ] <- u
    out$A[[i]] <- solve(A)
  }
  out
}

fit_infection <- glmm(
  cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial(), nAGQ = 15
)
fit_slope <- glmm(
  seizures ~ treatment * period + log(base) + (period | subject), epilepsy, poisson(), nAGQ = 1
)

test_that("predictions at modes and at zero agree with lme4", {
  skip_if_not_installed("lme4")
  peer <- lme4::glmer(
    seizures ~ treatment * period + log(base) + (period | subject), epilepsy, poisson(),
    control = lme4::glmerControl(
      "bobyqa", optCtrl = list(rhoend = 1e-10, maxfun = 1e5), tolPwrss = 1e-12,
      calc.derivs = FALSE
    )
  )
  new <- epilepsy[c(9, 200, 30, 31), ]
  for (type in c("link", "response")) {
    expect_equal(predict(fit_slope, type = type), predict(peer, type = type), tolerance = 1e-4)
    expect_equal(
      predict(fit_slope, new, type = type), predict(peer, new, type = type), tolerance = 1e-4
    )
    expect_equal(
      predict(fit_slope, new, type = type, random_effects = "zero"),
      predict(peer, new, type = type, re.form = NA), tolerance = 1e-4
    )
  }
  expect_equal(fitted(fit_slope), fitted(peer), tolerance = 1e-4)
  new$subject <- factor(c("9", "x", "y", "x"))
  expect_equal(
    suppressMessages(predict(fit_slope, new)), predict(peer, new, allow.new.levels = TRUE),
    tolerance = 1e-4
  )
})

test_that("a linear mixed model predicts as lme4 does", {
  skip_if_not_installed("lme4")
  formula <- log(seizures + 1) ~ treatment * period + (1 | subject)
  fit <- glmm(formula, epilepsy, REML = TRUE)
  peer <- lme4::lmer(formula, epilepsy)
  expect_equal(predict(fit), predict(peer), tolerance = 1e-5)
  expect_equal(
    suppressMessages(predict(fit, type = "response", re.form = NA)), predict(peer, re.form = NA),
    tolerance = 1e-6
  )
})

test_that("rows come back in the caller's order, whatever it is", {
  set.seed(1)
  shuffled <- epilepsy[sample(nrow(epilepsy)), ]
  fit <- glmm(
    seizures ~ treatment * period + log(base) + (period | subject), shuffled, poisson(), nAGQ = 1
  )
  whole <- predict(fit_slope)
  expect_identical(names(whole), row.names(epilepsy))
  expect_equal(predict(fit)[names(whole)], whole, tolerance = 1e-6)
  expect_identical(names(predict(fit)), row.names(shuffled))
  for (how in c("eb", "zero", "integrate")) {
    same <- predict(fit_slope, type = "response", random_effects = how, se.fit = TRUE)
    new <- predict(fit_slope, shuffled, "response", how, se.fit = TRUE)
    expect_equal(new$fit, same$fit[row.names(shuffled)])
    expect_equal(new$se.fit, same$se.fit[row.names(shuffled)])
    one <- predict(fit_slope, shuffled[7, ], "response", how, se.fit = TRUE)
    expect_equal(one$se.fit, new$se.fit[7])
  }
})

test_that("population means are exact integrals, for every link", {
  families <- list(
    binomial("logit"), binomial("probit"), binomial("cloglog"), binomial("cauchit"),
    poisson("log"), poisson("sqrt"), gaussian("log")
  )
  new <- data.frame(treatment = c("control", "drug"), clinic = 1)
  for (family in families) {
    response <- if (family$family == "binomial") {
      quote(cbind(success, n - success))
    } else {
      quote(I(success + 1))
    }
    formula <- as.formula(call("~", response, quote(treatment + (1 | clinic))))
    fit <- suppressMessages(suppressWarnings(glmm(formula, infection, family, nAGQ = 9)))
    s <- fit$Lambda[1, 1]
    eta <- unname(fit$beta[1] + c(0, fit$beta[2]))
    exact <- vapply(eta, normal_mean, 0, s, family$linkinv)
    expect_equal(unname(predict(fit, new, "response", "integrate")), exact, tolerance = 1e-9)
    expect_equal(
      unname(predict(fit, new, "link", "integrate")), family$linkfun(exact), tolerance = 1e-8
    )
  }
})

test_that("population means have their closed forms", {
  fit <- fit_slope
  s2 <- diag(design_Z(fit$design) %*% tcrossprod(fit$Lambda) %*% t(design_Z(fit$design)))
  eta <- predict(fit, random_effects = "zero")
  s2 <- s2[order(frame_rows(fit$design))]
  expect_equal(
    unname(predict(fit, type = "response", random_effects = "integrate")),
    unname(exp(eta + s2 / 2))
  )
  lmm <- glmm(seizures ~ treatment + (1 | subject), epilepsy, gaussian())
  expect_equal(
    predict(lmm, type = "response", random_effects = "integrate", se.fit = TRUE),
    predict(lmm, type = "response", random_effects = "zero", se.fit = TRUE)
  )
})

test_that("the standard error of a population mean counts theta", {
  new <- data.frame(treatment = c("control", "drug"))
  x <- cbind(1, 0:1)
  mean_at <- function(psi) {
    vapply(drop(x %*% psi[1:2]), normal_mean, 0, abs(psi[3]), plogis)
  }
  skip_if_not_installed("numDeriv")
  J <- numDeriv::jacobian(mean_at, c(fit_infection$beta, fit_infection$theta))
  V <- with_beta(fit_infection, chosen_vcov(fit_infection, "KR"))
  se <- sqrt(diag(J %*% V %*% t(J)))
  found <- predict(fit_infection, new, "response", "integrate", se.fit = TRUE)
  expect_equal(unname(found$se.fit), se, tolerance = 1e-6)
  link <- predict(fit_infection, new, "link", "integrate", se.fit = TRUE)
  expect_equal(unname(link$se.fit), se / dlogis(link$fit, log = FALSE), ignore_attr = TRUE,
    tolerance = 1e-6
  )
  # the delta method in theta alone, for a random slope
  grid <- epilepsy[c(1, 8, 140), ]
  X <- model.matrix(~ treatment * period + log(base), epilepsy)[c(1, 8, 140), ]
  slope_mean <- function(psi) {
    L <- test_lambda(fit_slope, psi[6:8])
    exp(drop(X %*% psi[1:5]) + rowSums((cbind(1, grid$period) %*% L)^2) / 2)
  }
  J <- numDeriv::jacobian(slope_mean, c(fit_slope$beta, fit_slope$theta))
  found <- predict(fit_slope, grid, "response", "integrate", se.fit = TRUE)
  V <- with_beta(fit_slope, chosen_vcov(fit_slope, "KR"))
  expect_equal(unname(found$se.fit), sqrt(diag(J %*% V %*% t(J))), tolerance = 1e-6)
})

test_that("the standard error of a known cluster is that of beta, theta and u together", {
  skip_if_not_installed("numDeriv")
  for (fit in list(fit_infection, fit_slope)) {
    psi <- c(fit$beta, fit$theta)
    d <- fit$design
    rows <- c(1, 5, nrow(d$X))
    cluster <- rep(seq_along(d$levels), diff(d$start))[rows]
    eta_at <- function(psi) {
      m <- test_modes(fit, psi, cluster)
      b <- m$u %*% t(m$L)
      drop(d$X[rows, ] %*% psi[seq_along(fit$beta)]) +
        rowSums(d$Z[rows, , drop = FALSE] * b[cluster, , drop = FALSE])
    }
    J <- numDeriv::jacobian(eta_at, psi)
    m <- test_modes(fit, psi, cluster)
    given_psi <- mapply(function(j, i) {
      z <- d$Z[j, ] %*% m$L
      drop(z %*% m$A[[i]] %*% t(z))
    }, rows, cluster)
    V <- with_beta(fit, chosen_vcov(fit, "KR"))
    se <- sqrt(diag(J %*% V %*% t(J)) + given_psi)
    at <- if (is.null(d$order)) rows else d$order[rows]
    found <- predict(fit, se.fit = TRUE)
    expect_equal(unname(found$fit[at]), eta_at(psi) + row_offset(d)[rows], tolerance = 1e-6)
    expect_equal(unname(found$se.fit[at]), se, tolerance = 1e-5)
    mean <- predict(fit, type = "response", se.fit = TRUE)
    expect_equal(mean$se.fit, abs(fit$family$mu.eta(found$fit)) * found$se.fit, ignore_attr = TRUE)
  }
})

test_that("new clusters are averaged over, with the variance between clusters in their error", {
  new <- data.frame(
    clinic = c("3", "9", "10", "9"), treatment = c("drug", "control", "drug", "drug")
  )
  expect_message(
    found <- predict(fit_infection, new, "response", se.fit = TRUE),
    class = "margmix_note_new_clusters"
  )
  known <- predict(fit_infection, infection, "response", se.fit = TRUE)
  row <- with(infection, which(clinic == 3 & treatment == "drug"))
  expect_equal(unname(found$fit[1]), unname(known$fit[row]))
  expect_equal(unname(found$se.fit[1]), unname(known$se.fit[row]))
  population <- predict(fit_infection, new, "response", "integrate", se.fit = TRUE)
  expect_equal(found$fit[-1], population$fit[-1])
  eta <- predict(fit_infection, new, random_effects = "zero")
  s <- fit_infection$Lambda[1, 1]
  second <- vapply(eta, normal_mean, 0, s, function(x) plogis(x)^2)
  between <- second - vapply(eta, normal_mean, 0, s, plogis)^2
  expect_equal(found$se.fit[-1]^2, (population$se.fit^2 + between)[-1], tolerance = 1e-8)

  link <- suppressMessages(predict(fit_infection, new, se.fit = TRUE))
  zero <- predict(fit_infection, new, random_effects = "zero", se.fit = TRUE)
  expect_equal(link$fit[-1], zero$fit[-1])
  expect_equal(link$se.fit[-1], sqrt(zero$se.fit[-1]^2 + s^2))

  skip_on_cran()
  expect_snapshot({
    x <- predict(fit_infection, new)
    x <- predict(fit_infection, new[2, ], type = "response")
    predict(fit_infection, new, allow.new.levels = FALSE)
    predict(fit_infection, new["treatment"])
  }, error = TRUE)
})

test_that("the variance between clusters is right for every link", {
  links <- list(
    binomial("logit"), binomial("probit"), binomial("cloglog"), binomial("cauchit"),
    poisson("log"), poisson("sqrt"), gaussian("identity")
  )
  eta <- c(-1.5, 0.2, 1)
  s <- c(0.3, 1.4, 0.9)
  for (family in links) {
    m <- mapply(normal_mean, eta, s, MoreArgs = list(family$linkinv))
    second <- mapply(normal_mean, eta, s, MoreArgs = list(function(x) family$linkinv(x)^2))
    expect_equal(between_variance(eta, s, m, family), second - m^2, tolerance = 1e-8)
  }
})

test_that("rows with missing values are NA, padded or dropped", {
  d <- infection
  d$treatment[3] <- NA
  d$clinic[5] <- NA
  new <- suppressMessages(predict(fit_infection, d, "response", se.fit = TRUE))
  whole <- predict(fit_infection, infection, "response", se.fit = TRUE)
  expect_identical(unname(which(is.na(new$fit))), c(3L, 5L))
  expect_equal(new$fit[-c(3, 5)], whole$fit[-c(3, 5)])
  expect_equal(new$se.fit[-c(3, 5)], whole$se.fit[-c(3, 5)])
  population <- predict(fit_infection, d, random_effects = "integrate")
  expect_identical(unname(which(is.na(population))), 3L)
  expect_length(predict(fit_infection, d, na.action = na.omit), 14)
  expect_identical(names(predict(fit_infection, d, na.action = na.omit)), row.names(d)[-c(3, 5)])
  expect_length(predict(fit_infection, d, na.action = na.exclude), 16)

  omitted <- glmm(cbind(success, n - success) ~ treatment + (1 | clinic), d, binomial(), nAGQ = 5)
  excluded <- update(omitted, na.action = na.exclude)
  expect_identical(names(predict(omitted)), row.names(d)[-c(3, 5)])
  expect_identical(names(predict(excluded)), row.names(d))
  expect_equal(predict(excluded)[-c(3, 5)], predict(omitted))
  expect_true(all(is.na(predict(excluded, se.fit = TRUE)$se.fit[c(3, 5)])))
})

test_that("no rows are no predictions", {
  for (how in c("eb", "zero", "integrate")) {
    none <- predict(fit_infection, infection[0, ], "response", how, se.fit = TRUE)
    expect_identical(lengths(none), c(fit = 0L, se.fit = 0L))
    unknown <- transform(infection[1:2, ], treatment = NA)
    found <- predict(fit_infection, unknown, "response", how)
    expect_identical(unname(found), c(NA_real_, NA_real_))
  }
  expect_identical(dim(simulate(fit_infection, 3, newdata = infection[0, ])), c(0L, 3L))
})

test_that("offsets, transformations and factors are those of the fit", {
  d <- epilepsy
  d$w <- log(d$base)
  d$v <- factor(d$period)
  fit <- glmm(
    seizures ~ poly(age, 2) + splines::ns(w, 2) + v + offset(0.5 * w) + (1 | subject), d, poisson(),
    nAGQ = 3, offset = w / 4
  )
  new <- d[c(200, 7, 31), ]
  new$v <- as.character(new$v)
  expect_equal(predict(fit, new), predict(fit)[c(200, 7, 31)])
  expect_equal(predict(fit, new[1, ], random_effects = "zero"),
    predict(fit, random_effects = "zero")[200]
  )
  expect_error(predict(fit, transform(new, v = "7")), class = "margmix_error_new_factor_level")
  expect_error(predict(fit, new["age"]), class = "margmix_error_newdata")
})

test_that("aliased coefficients do not enter", {
  d <- transform(infection, copy = as.numeric(treatment == "drug"))
  suppressWarnings(
    fit <- glmm(
      cbind(success, n - success) ~ treatment + copy + (1 | clinic), d, binomial(), nAGQ = 15
    )
  )
  for (how in c("eb", "zero", "integrate")) {
    expect_equal(
      predict(fit, d, "response", how, se.fit = TRUE),
      predict(fit_infection, infection, "response", how, se.fit = TRUE), tolerance = 1e-6
    )
  }
})

test_that("re.form has the meaning of lme4", {
  expect_identical(predict(fit_infection, re.form = NULL), predict(fit_infection))
  zero <- predict(fit_infection, random_effects = "zero")
  expect_silent(expect_identical(predict(fit_infection, re.form = NA), zero))
  expect_silent(expect_identical(predict(fit_infection, re.form = ~0), zero))
  expect_message(
    expect_equal(predict(fit_infection, type = "response", re.form = NA), plogis(zero)),
    class = "margmix_note_zero_effect"
  )
  lmm <- glmm(seizures ~ treatment + (1 | subject), epilepsy)
  expect_silent(predict(lmm, type = "response", re.form = NA))
  skip_on_cran()
  expect_snapshot({
    x <- predict(fit_infection, type = "response", re.form = ~0)
    predict(fit_infection, re.form = ~ (treatment | clinic))
    predict(fit_infection, re.form = NA, random_effects = "eb")
    predict(fit_infection, random_effects = "none")
    predict(fit_infection, newdta = infection)
  }, error = TRUE)
})

test_that("coefficients that were changed are used", {
  changed <- fit_infection
  changed$coefficients[2] <- 10
  expect_equal(
    unname(predict(changed, data.frame(treatment = "drug"), random_effects = "zero")),
    unname(fit_infection$beta[1] + 10)
  )
})

test_that("a zero variance leaves a generalized linear model", {
  set.seed(3)
  d <- data.frame(g = rep(1:20, each = 5), x = rnorm(100), y = rep(c(0, 1, 0, 1, 1), 20))
  fit <- suppressMessages(glmm(y ~ x + (1 | g), d, binomial(), nAGQ = 5))
  expect_identical(fit$Lambda[1, 1], 0)
  reference <- predict(glm(y ~ x, binomial(), d), type = "response", se.fit = TRUE)
  for (how in c("eb", "zero", "integrate")) {
    found <- predict(fit, d, "response", how)
    expect_equal(found, reference$fit, tolerance = 1e-6)
    # at known variances; by default the zero counts as estimated
    rows <- predict_rows(fit, new_rows(fit, d, how, na.pass), "response", how, TRUE)
    expect_equal(sqrt(rows$variance), unname(reference$se.fit), tolerance = 1e-6)
    expect_true(all(predict(fit, d, "response", how, se.fit = TRUE)$se.fit > sqrt(rows$variance)))
  }
})
