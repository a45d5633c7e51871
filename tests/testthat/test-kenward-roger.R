# The working linear mixed model and what Kenward and Roger (1997) take from it: against pbkrtest
# and against the definitions with n x n matrices.

linear_cases <- function() {
  set.seed(1)
  orthodont <- as.data.frame(nlme::Orthodont)[-c(2, 7, 8, 30, 31, 32, 75), ]
  pastes <- transform(lme4::Pastes, x = rnorm(60), z = as.numeric(batch) %% 3)[-c(1, 2, 7, 33), ]
  pastes$strength <- pastes$strength + 3 * rnorm(10)[pastes$batch] * pastes$x
  penicillin <- transform(lme4::Penicillin, x = rnorm(144), f = factor(as.integer(plate) %% 4))
  penicillin <- penicillin[-c(5, 9, 40), ]
  penicillin$diameter <- penicillin$diameter + 2 * rnorm(6)[penicillin$sample] * penicillin$x
  list(
    list(Reaction ~ Days + (Days | Subject), lme4::sleepstudy),
    list(distance ~ age * Sex + (age | Subject), orthodont),
    list(distance ~ age * Sex + (age || Subject), orthodont),
    list(strength ~ x + z + (x | batch) + (1 | cask:batch), pastes),
    list(diameter ~ x + f + (1 | plate) + (1 | sample), penicillin),
    list(diameter ~ x + f + (1 | plate) + (x | sample), penicillin)
  )
}

test_that("covariance, degrees of freedom and F scaling are those of pbkrtest", {
  skip_if_not_installed("pbkrtest")
  skip_if_not_installed("lme4")
  skip_if_not_installed("nlme")
  for (case in linear_cases()) {
    peer <- lme4::lmer(case[[1]], case[[2]])
    fit <- at_peer_estimates(glmm(case[[1]], case[[2]], REML = TRUE), peer)
    working <- working_model_at(fit)
    expect_equal(working$Phi + working$correction, as.matrix(pbkrtest::vcovAdj(peer)),
      tolerance = 1e-6, ignore_attr = TRUE
    )
    p <- length(fit$beta)
    for (rows in list(1L, p, seq_len(p)[-1L])) {
      C <- diag(p)[rows, , drop = FALSE]
      found <- engine_kenward_roger_reference(working, C, TRUE)
      expected <- pbkrtest::KRmodcomp(peer, C)$stats
      expect_equal(c(found$df, found$scale), c(expected$ddf, expected$F.scaling), tolerance = 1e-6)
    }
  }
})

test_that("the test of a hypothesis is that of pbkrtest", {
  skip_if_not_installed("pbkrtest")
  skip_if_not_installed("lme4")
  skip_if_not_installed("nlme")
  case <- linear_cases()[[2]]
  case[[2]]$age <- case[[2]]$age - 11 # a search of lmer() that ends nearer to the optimum
  control <- lme4::lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-10))
  peer <- lme4::lmer(case[[1]], case[[2]], control = control)
  fit <- glmm(case[[1]], case[[2]], REML = TRUE)
  found <- anova(fit, vcov = "KR")
  for (k in 1:3) {
    expected <- pbkrtest::KRmodcomp(peer, diag(4)[k + 1, , drop = FALSE])$stats
    expect_equal(unlist(found[k, 2:4]), unlist(expected[c("ddf", "Fstat", "p.value")]),
      tolerance = 1e-6, ignore_attr = TRUE
    )
  }
})

test_that("the pieces of generalized models are those of n x n matrices", {
  set.seed(2)
  g <- rep(1:7, c(3, 5, 9, 4, 6, 8, 5))
  n <- length(g)
  d <- data.frame(
    g = g, h = rep_len(1:4, n), s = 10 * g + rep_len(1:3, n), x = rnorm(n), z = rnorm(7)[g],
    size = rpois(n, 2) + 1, w = rep_len(c(1, 2, 0, 0.5), n)
  )
  eta <- -0.3 + 0.5 * d$x + rnorm(7)[g] + 0.4 * rnorm(4)[d$h] + 0.7 * rnorm(7)[g] * d$x
  d$k <- rbinom(n, d$size, plogis(eta))
  d$count <- rpois(n, exp(eta))
  d$time <- rgamma(n, 3, 3 / exp(eta))
  logit <- function(fit, mu) fit$design$trials * mu * (1 - mu)
  poisson_log <- function(fit, mu) mu
  gamma_log <- function(fit, mu) fit$design$y / (mu * fit$phi)
  cases <- list(
    list(cbind(k, size - k) ~ x + z + (x | g), binomial(), logit),
    list(cbind(k, size - k) ~ x + z + (1 | g) + (0 + x | g), binomial(), logit),
    list(cbind(k, size - k) ~ x + z + (x | g) + (1 | s), binomial(), logit),
    list(count ~ x + z + (x | g) + (1 | h), poisson(), poisson_log),
    list(count ~ x + (1 | g) + (x | h) + (1 | s), poisson(), poisson_log),
    list(time ~ x + z + (x | g), Gamma("log"), gamma_log)
  )
  for (case in cases) {
    d$used <- if (case[[2]]$family == "Gamma") d$w else 1
    fit <- quietly(glmm(case[[1]], d, case[[2]], weights = used, nAGQ = 1))
    # any variances will do, singular ones too
    for (theta in list(seq(0.3, 0.9, length.out = length(fit$theta)), 0 * fit$theta)) {
      fit$theta <- theta
      fit$Lambda <- lambda_matrix(fit$design, theta)
      W <- case[[3]](fit, fit$family$linkinv(mode_predictor(fit))) * fit$design$weights
      expected <- dense_working_model(fit, W, residual = case[[2]]$family == "Gamma")
      found <- working_model_at(fit)
      for (part in c("Phi", "P", "Omega")) {
        expect_equal(found[[part]], expected[[part]], tolerance = 1e-8, ignore_attr = TRUE)
      }
      expect_equal(found$correction, expected$correction, tolerance = 1e-8, ignore_attr = TRUE)
    }
  }
})

test_that("a negative weight of a row leaves a correction that only adds", {
  # Gamma rows under the inverse link have -l'' of either sign where the mean is far from the
  # response
  set.seed(3)
  X <- cbind(1, rnorm(30))
  M <- crossprod(X)
  Q <- -M # a correction of the wrong sign
  pieces <- list(M = M, P = matrix(0, 4, 1), Q = matrix(Q), T = matrix(2), t = 1)
  pieces$T <- pieces$T - 2 * sum(diag(solve(M, Q))) # information 1 - tr / 1 stays positive
  found <- engine_kenward_roger(pieces)
  expect_true(found$definite)
  expect_equal(found$correction, matrix(0, 2, 2))
})
