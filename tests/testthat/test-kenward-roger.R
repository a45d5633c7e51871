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
  logit <- function(fit, mu) row_trials(fit$design) * mu * (1 - mu)
  poisson_log <- function(fit, mu) mu
  gamma_log <- function(fit, mu) row_response(fit$design) / (mu * fit$phi)
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
      W <- case[[3]](fit, fit$family$linkinv(mode_predictor(fit))) * row_weights(fit$design)
      expected <- dense_working_model(fit, W, residual = case[[2]]$family == "Gamma")
      found <- working_model_at(fit)
      for (part in c("Phi", "P", "Omega", "Phi_0")) {
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
  pieces <- list(M = M, M_0 = M, P = matrix(0, 4, 1), Q = matrix(Q), T = matrix(2), t = 1)
  pieces$T <- pieces$T - 2 * sum(diag(solve(M, Q))) # information 1 - tr / 1 stays positive
  found <- engine_kenward_roger(pieces)
  expect_true(found$definite)
  expect_equal(found$correction, matrix(0, 2, 2))
})

test_that("the covariance of maximum likelihood counts the uncertainty of the weights once", {
  set.seed(4)
  g <- rep(1:8, each = 9)
  d <- data.frame(g = g, h = rep_len(1:5, 72), x = rnorm(72), z = rnorm(8)[g], size = 6)
  eta <- 0.5 * d$x + rnorm(8)[g] + 0.6 * rnorm(8)[g] * d$x
  d$k <- rbinom(72, d$size, plogis(eta))
  d$count <- rpois(72, exp(eta))
  cases <- list(
    list(cbind(k, size - k) ~ x + z + (x | g), binomial()),
    list(cbind(k, size - k) ~ x + z + (1 | g) + (1 | h), binomial()),
    list(count ~ x + z + (x | g), poisson())
  )
  for (case in cases) {
    fit <- quietly(glmm(case[[1]], d, case[[2]], nAGQ = 1))
    at <- fit
    restricted <- restricted_estimate(fit)
    parts <- c("beta", "theta", "phi", "Lambda", "modes")
    at[parts] <- restricted[parts]
    X <- design_X(fit$design)
    weights <- function(fit) {
      row_trials(fit$design) * case[[2]]$variance(case[[2]]$linkinv(mode_predictor(fit)))
    }
    # canonical links: mu' is the weight
    V <- dense_variance(fit, weights(fit))$V
    A <- solve(t(X) %*% solve(V, X), t(X) %*% solve(V, weights(at) / weights(fit) * X))
    expect_equal(shift_at_ml(fit, at), A, tolerance = 1e-8, ignore_attr = TRUE)
    two_Lambda <- dense_working_model(at, weights(at))$correction
    full <- fit$vcov_full
    free <- !is.na(diag(full))
    S <- full[1:3, 1:3] - solve(solve(full[free, free])[1:3, 1:3])
    more <- S - A %*% two_Lambda %*% t(A) / 2
    # relative to the covariance at known variances
    half <- t(chol(dense_working_model(at, weights(at))$Phi))
    spectrum <- eigen(solve(half, t(solve(half, (more + t(more)) / 2))), symmetric = TRUE)
    added <- half %*% spectrum$vectors %*% (pmax(spectrum$values, 0) * t(spectrum$vectors)) %*%
      t(half)
    expected <- A %*% (solve(restricted$J) + two_Lambda) %*% t(A) + added
    expect_equal(vcov(fit, type = "KR"), expected, tolerance = 1e-7, ignore_attr = TRUE)
    # and less than each of them by itself
    expect_true(all(diag(vcov(fit, type = "KR")) < diag(solve(restricted$J) + two_Lambda + S)))
  }
})

test_that("with many clusters the covariance is the model-based one", {
  # binary rows, sd 4: restricted coefficients are 2.5% larger, and so are their errors
  fit <- result_fit("toenail")
  ratio <- diag(vcov(fit, type = "KR")) / diag(vcov(fit, type = "model"))
  expect_lt(max(abs(sqrt(ratio) - 1)), 0.01)
})

test_that("estimates by maximum likelihood move with the truth as the shift says", {
  set.seed(6)
  g <- rep(1:9, each = 6)
  d <- data.frame(x = rnorm(54), z = rnorm(9)[g], g)
  d$k <- rbinom(54, 400, plogis(0.4 * d$x + 0.6 * d$z + 1.2 * rnorm(9)[g]))
  fit <- glmm(cbind(k, 400 - k) ~ x + z + (1 | g), d, binomial(), nAGQ = 1)
  # from a truth with more of a random effect
  at <- fit
  at$theta <- 2 * fit$theta
  at$Lambda <- 2 * fit$Lambda
  at$beta <- 1.2 * fit$beta
  at$modes <- 0.6 * fit$modes
  # beta at its maximum for theta, where the counts are others
  beta_at <- function(y) {
    design <- fit$design
    design$y <- y
    problem <- restricted_problem(design, fit$family, 1L, fit$control, fit$start_glm, 1)
    point <- restricted_point(problem, unname(fit_psi(fit)), fit$modes)
    restricted_settle(problem, point)$psi[1:3]
  }
  X <- design_X(fit$design)
  y <- row_response(fit$design)
  move <- 400 * fit$family$mu.eta(mode_predictor(at)) * X
  expected <- vapply(1:3, function(k) {
    (beta_at(y + 1e-3 * move[, k]) - beta_at(y - 1e-3 * move[, k])) / 2e-3
  }, numeric(3))
  expect_equal(shift_at_ml(fit, at), expected, tolerance = 0.01, ignore_attr = TRUE)
  expect_gt(max(abs(expected - diag(3))), 0.05)
  expect_equal(shift_at_ml(fit, fit), diag(3), tolerance = 1e-10, ignore_attr = TRUE)
})

# K clusters, each with an estimate of their mean whose variance is 1 + v, v estimated, at least 0:
# the covariance of the mean and what it is referred to.
mean_of_clusters <- function(K, v) {
  M <- matrix(K / (1 + v))
  engine_kenward_roger(list(
    M = M, M_0 = matrix(K), P = -M / (1 + v), Q = M / (1 + v)^2, T = matrix(K / (1 + v)^2),
    t = K / (1 + v), status = "ok"
  ))
}

test_that("degrees of freedom know that a variance can't be negative", {
  df <- function(K, v) engine_kenward_roger_reference(mean_of_clusters(K, v), matrix(1), TRUE)$df
  for (K in c(6, 12, 40)) {
    for (v in c(0, 0.2, 1, 8)) {
      a <- log(1 + v) / sqrt(2 / (K - 1))
      moment <- function(k) {
        (-a)^k * pnorm(-a) + integrate(function(z) z^k * dnorm(z), -a, Inf, rel.tol = 1e-12)$value
      }
      expect_equal(df(K, v), (K - 1) / (moment(2) - moment(1)^2), tolerance = 1e-9)
    }
  }
  # The error of the t test over the distribution of S^2 = 1 + v, exact but for quadrature: near 5%,
  # where K - 1 degrees of freedom reject half as often.
  error <- function(K, v, df) {
    S2 <- qchisq((seq_len(500) - 0.5) / 500, K - 1) / (K - 1) * (1 + v)
    estimate <- pmax(S2 - 1, 0)
    critical <- qt(0.975, vapply(estimate, function(v) df(K, v), 0))
    mean(2 * pnorm(-critical * sqrt((1 + estimate) / (1 + v))))
  }
  known <- function(K, v) K - 1
  for (K in c(10, 20)) {
    errors <- vapply(c(0, 0.3, 1, 3), function(v) error(K, v, df), 0)
    plain <- vapply(c(0, 0.3, 1, 3), function(v) error(K, v, known), 0)
    expect_true(all(errors < 0.055) && all(errors > 0.025))
    expect_true(all(errors > plain))
  }
  expect_lt(error(10, 0, known), 0.02)
})
