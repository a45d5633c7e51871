# Softly penalized maximum likelihood: the published example, the criterion by base R, derivatives
# against differences, and data that maximum likelihood can't fit.

soft_families <- function() {
  list(
    logit = binomial(), probit = binomial("probit"), cloglog = binomial("cloglog"),
    poisson = poisson()
  )
}

soft_model <- function(family, q = 2L) {
  model <- toy_model(family, q, m = 4L, sd = 0.4, seed = 21)
  model$design$penalty <- 0.37
  model
}

test_that("the estimates and standard errors that Sterzinger and Kosmidis print", {
  culcita <- utils::read.csv(reference_csv("culcita.csv"))
  culcita$ttt <- factor(culcita$ttt, c("none", "crabs", "shrimp", "both"))
  fit <- glmm(
    predation ~ ttt + (1 | block), culcita, binomial(), nAGQ = 100, penalty = "soft"
  )
  sd <- fit$theta[[1L]]
  ours <- c(
    coef(fit), log(sd), sqrt(diag(vcov(fit, "model", full = TRUE))) / c(1, 1, 1, 1, sd)
  )
  published <- utils::read.csv(reference_csv("soft-published.csv"))
  expect_true(all(abs(ours - published$value) <= published$tolerance))
})

test_that("the criterion is the log-likelihood with the penalty, written out", {
  huber <- function(z) ifelse(abs(z) <= 1, -z^2 / 2, 0.5 - abs(z))
  for (name in names(soft_families())) {
    family <- soft_families()[[name]]
    for (scale in c(0.3, 6)) {
      model <- soft_model(family)
      design <- model$design
      psi <- c(model$psi[seq_len(ncol(design$X))], scale * c(0.4, -0.3, 0.5))
      eta <- drop(design$X %*% psi[seq_len(ncol(design$X))]) + design$offset
      mu <- family$linkinv(eta)
      w <- design$weights * design$trials * family$mu.eta(eta)^2 / family$variance(mu)
      theta <- psi[-seq_len(ncol(design$X))]
      jeffreys <- as.numeric(determinant(crossprod(design$X, w * design$X))$modulus) / 2
      penalty <- 0.37 * (jeffreys + sum(huber(log(abs(theta[c(1, 3)])))) + huber(theta[2L]))
      plain <- model
      plain$design$penalty <- NULL
      expect_equal(
        toy_engine(model, family, 5L, 0L, psi)$value - toy_engine(plain, family, 5L, 0L, psi)$value,
        penalty, tolerance = 1e-10, label = name
      )
    }
  }
})

test_that("its gradient and Hessian are those of differences", {
  skip_if_not_installed("numDeriv")
  for (name in names(soft_families())) {
    family <- soft_families()[[name]]
    for (theta in list(c(0.7, -0.2, 0.6), c(4, 1.6, 0.1))) {
      model <- soft_model(family)
      psi <- c(model$psi[seq_len(fixed_count(model$design))], theta)
      expect_lt(gradient_error(model, family, 5L, psi), 1e-7, label = name)
      expect_lt(hessian_error(model, family, 5L, psi), 1e-5, label = name)
    }
  }
})

test_that("separated responses, constant clusters and responses without an event are fitted", {
  d <- data.frame(g = rep(1:10, each = 5), x = rep(0:1, 25))
  set.seed(1)
  responses <- list(
    separated = as.integer(d$x > 0 | runif(50) < 0.3), complete = d$x, none = rep(0, 50),
    constant = as.integer(d$g > 5)
  )
  for (name in names(responses)) {
    d$y <- responses[[name]]
    for (family in list(binomial(), binomial("probit"), binomial("cloglog"), poisson())) {
      fit <- quietly(glmm(y ~ x + (1 | g), d, family, nAGQ = 9, penalty = "soft"))
      label <- paste(name, family$family, family$link)
      expect_true(fit$convergence$converged, label = label)
      expect_lt(max(abs(fit$beta)), 15, label = label)
      expect_gt(fit$theta, 1e-3, label = label)
      expect_true(all(is.finite(vcov(fit, "model"))), label = label)
    }
  }
})

test_that("a contrast of a factor has the same estimate whatever the reference", {
  one <- glmm(outcome ~ center * treat + (1 | patient), respiratory, binomial(),
    nAGQ = 5, penalty = "soft"
  )
  respiratory$treat <- relevel(factor(respiratory$treat), "P")
  other <- glmm(outcome ~ center * treat + (1 | patient), respiratory, binomial(),
    nAGQ = 5, penalty = "soft"
  )
  expect_equal(one$logLik, other$logLik, tolerance = 1e-9)
  expect_equal(predict(one, type = "link"), predict(other, type = "link"), tolerance = 1e-5)
})

test_that("counted rows, refits and profiles keep the penalty", {
  d <- data.frame(g = rep(1:12, each = 6), x = rep(0:1, 36))
  set.seed(2)
  d$y <- rbinom(72, 1, plogis(rnorm(12)[d$g] + d$x))
  fit <- glmm(y ~ x + (1 | g), d, binomial(), nAGQ = 9, penalty = "soft")
  collapsed <- glmm(y ~ x + (1 | g), d, binomial(),
    nAGQ = 9, penalty = "soft", control = glmm_control(collapse = TRUE)
  )
  expect_equal(collapsed$logLik, fit$logLik, tolerance = 1e-10)
  expect_equal(collapsed$beta, fit$beta, tolerance = 1e-6)
  counts <- aggregate(cbind(y, n = 1) ~ g + x, d, sum)
  pooled <- glmm(cbind(y, n - y) ~ x + (1 | g), counts, binomial(), nAGQ = 9, penalty = "soft")
  expect_equal(pooled$beta, fit$beta, tolerance = 1e-6)
  other <- refit(fit, d$x)
  direct <- glmm(x ~ x1 + (1 | g), transform(d, x1 = x), binomial(), nAGQ = 9, penalty = "soft")
  expect_equal(unname(other$beta), unname(direct$beta), tolerance = 1e-6)
  # the profile is that of the penalized likelihood
  lower <- confint(fit, "x", method = "profile")[1L, 1L]
  held <- function(free) {
    engine_evaluate(
      fit$design, fit$family, c(free[1L], lower, free[2L]), 9L, 0L, NULL, fit$control
    )$value
  }
  highest <- optim(c(fit$beta[[1L]], fit$theta), held, control = list(fnscale = -1, reltol = 1e-12))
  quantile <- stats::qchisq(0.95, 1)
  expect_equal(2 * (fit$logLik - highest$value), quantile, tolerance = 1e-4)
  expect_output(print(fit), "softly penalized maximum likelihood")
})

test_that("what has no penalty, and what a penalized fit does not do, is said", {
  toy <- transform(seeds, y = r)
  expect_snapshot(error = TRUE, {
    glmm(y ~ seed + (1 | plate), toy, gaussian(), penalty = "soft")
    glmm(cbind(r, n - r) ~ seed + (1 | plate), seeds, binomial(), penalty = "firth")
    glmm(cbind(r, n - r) ~ seed + (1 | plate), seeds, binomial(), REML = TRUE, penalty = "soft")
    glmm(cbind(r, n - r) ~ seed + (1 | seed / plate), seeds, binomial(), penalty = "soft")
    glmm(cbind(r, n - r) ~ seed + (1 | plate), seeds, binomial(),
      random_distribution = "bridge", penalty = "soft"
    )
  })
  fit <- glmm(cbind(r, n - r) ~ seed + (1 | plate), seeds, binomial(), penalty = "soft")
  small <- update(fit, . ~ . - seed)
  expect_snapshot({
    print(fit)
    anova(small, fit)
  }, error = TRUE)
  expect_error(stats::extractAIC(fit), class = "margmix_error_anova_penalized")
})
