# What the methods of a fit do with related levels: against dense algebra, closed forms and draws.

series_fit <- local({
  fit <- NULL
  function() {
    if (is.null(fit)) {
      set.seed(3)
      d <- expand.grid(t = 1:10, id = 1:12)
      d$x <- rnorm(120)
      b <- replicate(12, 0.9 * arima.sim(list(ar = 0.7), 10, sd = sqrt(1 - 0.49)))
      d$y <- 1 + 0.5 * d$x + as.vector(b) + rnorm(120, 0, 0.4)
      d$count <- rpois(120, exp(1 + 0.3 * d$x + as.vector(b)))
      d <- d[-c(4, 17, 55, 56), ]
      fit <<- list(data = d, linear = glmm(y ~ x + ar1(t + 0 | id), d),
        poisson = glmm(count ~ x + ar1(t + 0 | id), d, poisson())
      )
    }
    fit
  }
})

# Mean and covariance of the effects at (id, t) given the responses of a linear model.
dense_kriging <- function(fit, d, id, t) {
  K <- function(id1, t1, id2, t2) {
    fit$theta[[1L]]^2 * outer(id1, id2, "==") * tanh(fit$rho[[1L]])^abs(outer(t1, t2, "-"))
  }
  V <- K(d$id, d$t, d$id, d$t) + diag(fit$phi, nrow(d))
  across <- K(id, t, d$id, d$t)
  r <- d$y - drop(cbind(1, d$x) %*% fit$beta)
  list(
    mean = drop(across %*% solve(V, r)),
    var = diag(K(id, t, id, t) - across %*% solve(V, t(across)))
  )
}

test_that("effects and their variances are those given the data, at times without data too", {
  all <- series_fit()
  fit <- all$linear
  effects <- as.data.frame(ranef(fit))
  place <- strsplit(rownames(ranef(fit)[[1L]]), ":")
  id <- as.numeric(vapply(place, `[`, "", 1L))
  t <- as.numeric(vapply(place, `[`, "", 2L))
  dense <- dense_kriging(fit, all$data, id, t)
  expect_equal(effects$condval, dense$mean, tolerance = 1e-7)
  expect_equal(effects$condsd^2, dense$var, tolerance = 1e-7)
  new <- data.frame(id = c(1, 1, 2, 6, 6), t = c(4, 14, 7, 5, 6), x = 0)
  dense <- dense_kriging(fit, all$data, new$id, new$t)
  expect_equal(unname(predict(fit, new)), fit$beta[[1L]] + dense$mean, tolerance = 1e-7)
  # far from the data little is known: the variance is that of the series
  far <- predict(fit, data.frame(id = 1, t = 200, x = 0), se.fit = TRUE)
  s <- sqrt(fit$theta[[1L]]^2 + vcov(fit)[1L, 1L])
  expect_equal(far$se.fit[[1L]], s, tolerance = 1e-3)
  expect_error(predict(fit, data.frame(id = 1, t = 2.5, x = 0)), class = "margmix_error_time")
})

test_that("levels that a tree knows and the data do not are predicted", {
  skip_if_not_installed("ape")
  set.seed(5)
  tree <- ape::rcoal(15)
  K <- ape::vcv(tree)
  K <- K / max(K)
  d <- data.frame(species = rep(tree$tip.label, 4), x = rnorm(60))
  d$y <- 1 + d$x + drop(crossprod(chol(K), rnorm(15)))[match(d$species, rownames(K))] + rnorm(60)
  lost <- tree$tip.label[3]
  some <- d[d$species != lost, ]
  fit <- suppressMessages(glmm(y ~ x + phylo(1 | species, tree), some))
  S <- fit$theta[[1L]]^2 * K
  V <- S[some$species, some$species] + diag(fit$phi, nrow(some))
  r <- some$y - drop(cbind(1, some$x) %*% fit$beta)
  expect_equal(
    predict(fit, data.frame(species = lost, x = 0))[[1L]],
    fit$beta[[1L]] + sum(S[lost, some$species] * solve(V, r)), tolerance = 1e-7
  )
  expect_equal(ranef(fit)[[1L]][lost, 1L], sum(S[lost, some$species] * solve(V, r)),
    tolerance = 1e-7
  )
})

test_that("simulated effects have the covariance of their relation", {
  all <- series_fit()
  fit <- all$linear
  d <- all$data
  y <- as.matrix(simulate(fit, 4000, seed = 1))
  V <- tanh(fit$rho[[1L]])^abs(outer(d$t, d$t, "-")) * outer(d$id, d$id, "==") *
    fit$theta[[1L]]^2 + diag(fit$phi, nrow(d))
  # of a covariance the standard error is about V / sqrt(n)
  worst <- max(abs(cov(t(y)) - V)) / max(V) * sqrt(4000)
  expect_lt(worst, 6)
  again <- refit(fit, d$y)
  expect_equal(as.numeric(logLik(again)), as.numeric(logLik(fit)), tolerance = 1e-9)
})

test_that("population means take the variance of each level", {
  set.seed(8)
  names <- letters[1:8]
  K <- crossprod(matrix(rnorm(80), 10)) / 10
  dimnames(K) <- list(names, names)
  d <- data.frame(id = rep(names, 12), x = rnorm(96), z = rep(0:1, 48))
  d$y <- rpois(96, exp(0.5 + 0.4 * d$z + drop(crossprod(chol(K), rnorm(8)))[match(d$id, names)]))
  fit <- glmm(y ~ x + z + known(1 | id, covariance = K), d, poisson())
  s2 <- unname(fit$theta[[1L]]^2 * diag(K)[d$id])
  eta <- drop(cbind(1, d$x, d$z) %*% fit$beta)
  expect_equal(unname(predict(fit, type = "response", random_effects = "integrate")),
    exp(eta + s2 / 2),
    tolerance = 1e-7
  )
  new <- d[c(5, 2), ]
  expect_equal(unname(predict(fit, new, type = "response", random_effects = "integrate")),
    exp(eta + s2 / 2)[c(5, 2)],
    tolerance = 1e-7
  )
  means <- as.data.frame(marginal_standardization(fit, "z"))
  base <- drop(cbind(1, d$x) %*% fit$beta[1:2])
  expect_equal(means$estimate[1:2],
    c(mean(exp(base + s2 / 2)), mean(exp(base + fit$beta[[3L]] + s2 / 2))),
    tolerance = 1e-7
  )
  icc <- intraclass_correlation(fit)
  expect_equal(icc$variances["known(id): (Intercept)", "variance"], mean(s2), tolerance = 1e-7)
  expect_error(
    predict(fit, data.frame(id = "new", x = 0, z = 0), random_effects = "integrate"),
    class = "margmix_error_related"
  )
})

test_that("limits of a correlation are where its profile has fallen by half a chi^2 quantile", {
  fit <- series_fit()$poisson
  limits <- confint(fit, "correlation_ar1(id)", method = "profile")
  wald <- confint(fit, "correlation_ar1(id)")
  expect_lt(max(abs(limits - wald)), 0.1)
  profile <- function(rho) {
    psi <- fit_psi(fit)
    value <- function(x) {
      -engine_evaluate(
        fit$design, fit$family, c(x, atanh(rho)), 1L, 0L, fit$modes, fit$control
      )$value
    }
    -optim(psi[1:3], value, method = "BFGS", control = list(reltol = 1e-14))$value
  }
  drop <- vapply(as.vector(limits), profile, 0) - fit$logLik
  expect_equal(drop, rep(-qchisq(0.95, 1) / 2, 2), tolerance = 1e-4)
})

test_that("each series has its score", {
  all <- series_fit()
  fit <- all$poisson
  scores <- engine_scores(fit)$scores
  expect_equal(dim(scores), c(12L, 4L))
  expect_lt(max(abs(colSums(scores))), 1e-4)
  rest <- glmm(count ~ x + ar1(t + 0 | id), all$data[all$data$id != 5, ], poisson())
  without <- engine_evaluate(
    rest$design, rest$family, fit_psi(fit), 1L, 1L, NULL, rest$control
  )$gradient
  expect_equal(-without, scores[5L, ], tolerance = 1e-5, ignore_attr = TRUE)
  expect_true(all(eigen(vcov(fit, "KC"))$values > 0))
})

test_that("a fit is printed, saved and updated with its relation", {
  all <- series_fit()
  fit <- all$poisson
  expect_output(print(fit), "AR\\(1\\), correlation 0\\.[0-9]+ at one step")
  expect_output(print(summary(fit)), "Kenward-Roger df")
  expect_identical(component(fit, "rho"), fit$rho)
  file <- tempfile()
  saveRDS(fit, file)
  again <- readRDS(file)
  new <- data.frame(id = 1, t = 20, x = 0)
  expect_equal(predict(again, new), predict(fit, new))
  smaller <- update(fit, . ~ . - x)
  expect_equal(anova(smaller, fit)$Df[2L], 1)
  # without the series its correlation is not defined
  none <- anova(fit, glm(count ~ x, poisson, all$data))
  expect_match(attr(none, "heading"), "rho_ar1.id.` is not defined there", all = FALSE)
  statistic <- 2 * (fit$logLik - as.numeric(logLik(glm(count ~ x, poisson, all$data))))
  expect_equal(none$`Pr(>Chisq)`[2L], sum(pchisq(statistic, 1:2, lower.tail = FALSE)) / 2)
  expect_equal(
    as.numeric(logLik(update(fit, start = list(beta = c(0, 0), theta = 1, rho = 0)))),
    as.numeric(logLik(fit)), tolerance = 1e-8
  )
  expect_error(marginal_covariance(fit), class = "margmix_error_related")
  expect_error(rank_clusters(fit), class = "margmix_error_related")
  expect_error(plot_shrinkage(fit), class = "margmix_error_related")
  expect_error(
    glmm(count ~ x + ar1(t + 0 | id), all$data, poisson(), nAGQ = 5), "levels are related",
    class = "margmix_error_nAGQ"
  )
  expect_error(
    glmm(count > 3 ~ x + ar1(t + 0 | id), all$data, binomial(), random_distribution = "bridge"),
    class = "margmix_error_random_distribution"
  )
  expect_lt(diagnose_integration(fit)$error, 0.5)
})

test_that("a series without variance is an answer, and its correlation is not known", {
  set.seed(2)
  d <- expand.grid(t = 1:8, id = 1:10)
  d$y <- sample(5:7, 80, TRUE) # less spread than a binomial distribution has
  expect_message(
    fit <- glmm(cbind(y, 12 - y) ~ 1 + ar1(t + 0 | id), d, binomial()),
    class = "margmix_note_boundary"
  )
  glm <- glm(cbind(y, 12 - y) ~ 1, binomial, d)
  expect_equal(as.numeric(logLik(fit)), as.numeric(logLik(glm)), tolerance = 1e-9)
  expect_true(is.na(fit$vcov_full["rho_ar1(id)", "rho_ar1(id)"]))
  expect_true(all(is.na(confint(fit, "correlation_ar1(id)"))))
})

test_that("a correlation of one is a random intercept, and said to be", {
  set.seed(11)
  d <- expand.grid(t = 1:6, id = 1:30)
  d$y <- rpois(180, exp(1 + rnorm(30, 0, 0.8)[d$id]))
  simple <- glmm(y ~ 1 + (1 | id), d, poisson(), nAGQ = 1)
  for (formula in list(y ~ 1 + ar1(t + 0 | id), y ~ 1 + ou(t + 0 | id))) {
    expect_message(
      fit <- glmm(formula, d, poisson()), "the correlation is 1",
      class = "margmix_note_boundary"
    )
    expect_true(fit$convergence$converged)
    expect_equal(as.numeric(logLik(fit)), as.numeric(logLik(simple)), tolerance = 1e-6)
    expect_equal(unname(coef(fit)), unname(coef(simple)), tolerance = 1e-4)
    expect_true(is.na(fit$vcov_full[3L, 3L]))
  }
  # and a rate without end is independence
  d$y <- rpois(180, exp(1 + rnorm(180, 0, 0.8)))
  d$row <- seq_len(180)
  simple <- glmm(y ~ 1 + (1 | row), d, poisson(), nAGQ = 1)
  fit <- suppressMessages(glmm(y ~ 1 + ou(t + 0 | id), d, poisson()))
  expect_gte(as.numeric(logLik(fit)), as.numeric(logLik(simple)) - 1e-6)
})
