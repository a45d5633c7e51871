# What the methods of a fit do with spatial fields: against dense algebra, closed forms and draws.

square_fit <- local({
  fit <- NULL
  function() {
    if (is.null(fit)) {
      set.seed(15)
      d <- expand.grid(place = 1:35, g = c("a", "b"))
      d$u <- round(runif(70), 3)
      d$v <- round(runif(70), 3)
      d$x <- rnorm(70)
      K <- exp(-as.matrix(dist(d[c("u", "v")])) / 0.3) * outer(d$g, d$g, "==")
      b <- 0.9 * drop(crossprod(chol(K), rnorm(70)))
      d$y <- 1 + 0.5 * d$x + b + rnorm(70, 0, 0.6)
      d$count <- rpois(70, exp(1 + 0.3 * d$x + b))
      fit <<- list(data = d, linear = glmm(y ~ x + exp(u + v | g), d),
        poisson = glmm(count ~ x + exp(u + v | g), d, poisson())
      )
    }
    fit
  }
})

square_covariance <- function(fit, d1, d2) {
  h <- sqrt(outer(d1$u, d2$u, "-")^2 + outer(d1$v, d2$v, "-")^2)
  fit$theta[[1L]]^2 * exp(-h / exp(fit$rho[[1L]])) * outer(d1$g, d2$g, "==")
}

kriged <- function(fit, d, new) {
  V <- square_covariance(fit, d, d) + diag(fit$phi, nrow(d))
  across <- square_covariance(fit, new, d)
  r <- d$y - drop(cbind(1, d$x) %*% fit$beta)
  list(
    mean = fit$beta[[1L]] + drop(across %*% solve(V, r)),
    var = diag(square_covariance(fit, new, new) - across %*% solve(V, t(across)))
  )
}

test_that("new places are kriged, each for itself", {
  all <- square_fit()
  fit <- all$linear
  new <- data.frame(
    u = c(0.5, 0.502, 0.1, all$data$u[3], 50), v = c(0.5, 0.5, 0.9, all$data$v[3], 50),
    g = c("a", "a", "b", "a", "b"), x = 0
  )
  dense <- kriged(fit, all$data, new)
  expect_equal(unname(predict(fit, new)), dense$mean, tolerance = 1e-7)
  expect_equal(unname(predict(fit, new[2:1, ])), dense$mean[2:1], tolerance = 1e-7)
  # variances of the new effects given the data and the parameters
  at <- with_new_levels(fit$design, fit, new)
  variance <- engine_mode_variance(at)[[1L]]
  labels <- paste(new$g, new$u, new$v, sep = ":")
  expect_equal(
    variance[match(labels, random_factors(at$design)[[1L]]$levels)], dense$var, tolerance = 1e-7
  )
  far <- predict(fit, new[5, ], se.fit = TRUE)
  expect_equal(far$se.fit[[1L]]^2, fit$theta[[1L]]^2 + vcov(fit)[1L, 1L],
    tolerance = 1e-3
  )
  # nothing is known of a field of another group
  suppressMessages(expect_message(
    predict(fit, transform(new, g = "c")), class = "margmix_note_new_clusters"
  ))
  # each place given its neighbours among those of the fit: with all of them, the same
  chain <- update(fit, . ~ x + exp(u + v | g, dense = 0, neighbours = 100))
  expect_equal(
    predict(chain, new, se.fit = TRUE)[1:2], predict(fit, new, se.fit = TRUE)[1:2],
    tolerance = 1e-6
  )
  few <- update(fit, . ~ x + exp(u + v | g, dense = 0, neighbours = 10))
  expect_lt(max(abs(predict(few, new) - predict(fit, new))), 0.05)
})

test_that("simulated fields have the covariance of their distances", {
  all <- square_fit()
  fit <- all$linear
  y <- as.matrix(simulate(fit, 600, seed = 1))
  V <- square_covariance(fit, all$data, all$data) + diag(fit$phi, 70)
  expect_lt(max(abs(cov(t(y)) - V)) / max(V) * sqrt(600), 6)
  expect_equal(as.numeric(logLik(refit(fit, all$data$y))), as.numeric(logLik(fit)),
    tolerance = 1e-9
  )
})

test_that("population means and shares of variance take a field of unit variance", {
  all <- square_fit()
  fit <- all$poisson
  s2 <- fit$theta[[1L]]^2
  eta <- drop(cbind(1, all$data$x) %*% fit$beta)
  expect_equal(unname(predict(fit, type = "response", random_effects = "integrate")),
    exp(eta + s2 / 2),
    tolerance = 1e-7
  )
  d <- transform(all$data, arm = rep(0:1, 35))
  arms <- glmm(count ~ arm + exp(u + v | 1), d, poisson())
  means <- as.data.frame(marginal_standardization(arms, "arm", vcov = "model"))$estimate[1:2]
  expect_equal(means, exp(arms$beta[[1L]] + c(0, arms$beta[[2L]]) + arms$theta[[1L]]^2 / 2),
    tolerance = 1e-7
  )
  icc <- intraclass_correlation(all$linear)
  expect_equal(icc$variances["exp(g): (Intercept)", "variance"], all$linear$theta[[1L]]^2,
    tolerance = 1e-9
  )
  expect_error(rank_clusters(fit), class = "margmix_error_related")
})

test_that("a range is printed with its unit and what it means", {
  fit <- square_fit()$poisson
  fall <- format(-log(0.05) * exp(fit$rho[[1L]]), digits = 3L)
  expect_output(print(fit), paste("correlation .05 at", fall), fixed = TRUE)
  expect_output(print(fit), "70 rows in 70 places in 2 fields of `exp(g)`", fixed = TRUE)
  tidied <- as.data.frame(quietly(tidy(fit, conf.int = TRUE)))
  at <- tidied[tidied$term == "range", ]
  expect_equal(at$estimate, exp(fit$rho[[1L]]))
  expect_equal(c(at$conf.low, at$conf.high), unname(confint(fit, "range_exp(g)")[1L, ]))
  d <- datasets::quakes[1:100, ]
  earth <- glmm(stations ~ mag + exp(long + lat | 1, distance = "great_circle"), d, poisson())
  expect_match(attr(VarCorr(earth), "relations"), "km along the great circle")
  # along the surface and straight through the earth nearly the same
  chord <- glmm(stations ~ mag + exp(long + lat | 1, distance = "chordal"), d, poisson())
  expect_equal(as.numeric(logLik(chord)), as.numeric(logLik(earth)), tolerance = 1e-4)
  # where .05 is reached
  expect_equal(
    vapply(field_correlations, function(facts) facts$fall, 0), c(
      exponential = -log(0.05), gaussian = sqrt(-log(0.05)),
      matern_3_2 = uniroot(function(u) (1 + u) * exp(-u) - 0.05, c(1, 9), tol = 1e-12)$root,
      matern_5_2 = uniroot(function(u) (1 + u + u^2 / 3) * exp(-u) - 0.05, c(1, 9),
        tol = 1e-12
      )$root
    ), tolerance = 1e-10
  )
})

test_that("a range at its end is said to be there", {
  set.seed(3)
  d <- data.frame(u = runif(60), v = runif(60), g = rep(1:12, 5))
  d$y <- rpois(60, exp(1 + rnorm(12, 0, 0.8)[d$g]))
  simple <- glmm(y ~ 1 + (1 | g), d, poisson(), nAGQ = 1)
  expect_message(
    fit <- glmm(y ~ 1 + exp(u + v | g), d, poisson()), "the correlation is 1 everywhere",
    class = "margmix_note_boundary"
  )
  expect_equal(as.numeric(logLik(fit)), as.numeric(logLik(simple)), tolerance = 1e-5)
  d$y <- rpois(60, exp(1 + rnorm(60, 0, 1)))
  d$row <- seq_len(60)
  simple <- glmm(y ~ 1 + (1 | row), d, poisson(), nAGQ = 1)
  fit <- suppressMessages(glmm(y ~ 1 + exp(u + v | 1), d, poisson()))
  expect_gte(as.numeric(logLik(fit)), as.numeric(logLik(simple)) - 1e-5)
})
