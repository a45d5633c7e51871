# Survey weights of three levels: the pseudo-likelihood and its derivatives by sums over fine grids,
# copies of rows, inner units and clusters, and what is refused. Numbers of others are in
# test-survey-weights.R.

weighted_nested <- function(family, qa = 1L, qb = 1L, ...) {
  model <- toy_nested(family, qa, qb, m = 3L, leaves = 2L, ...)
  model$design$inner_weights <- c(0.6, 2.5, 1.7, 0.4, 3.2, 1.1)
  model$design$cluster_weights <- c(1.3, 0.5, 2.8)
  model
}

# Rows in no order; leaves and clusters of different sizes.
survey_nested <- function(seed = 11) {
  d <- nested_data(m = 9L, leaves = 4L, rows = 5L, seed = seed)
  d <- d[-c(3, 17, 44, 45, 101), ]
  leaf <- (d$a - 1L) * 4L + d$b
  d$w <- round(runif(nrow(d), 0.5, 4), 2)
  d$inner <- round(runif(36, 0.5, 4), 1)[leaf]
  d$top <- round(runif(9, 1, 9), 1)[d$a]
  d
}

three_weights <- function(d, scale = "none") {
  survey_weights(d$w, d$top, scale, inner = d$inner)
}

nested_fit <- function(d, scale = "none", formula = y ~ x + (1 | a / b), family = binomial(),
                       weights = three_weights(d, scale), ...) {
  quietly(glmm(formula, d, family, weights = weights, ...))
}

test_that("the pseudo-likelihood of three levels is its integral", {
  families <- c(all_families()[smooth_families], dispersion_families()[c("Gamma-log")])
  for (name in names(families)) {
    model <- weighted_nested(families[[name]], seed = 41)
    K <- if (name %in% c("binomial-logit", "gaussian-identity")) 15L else 41L
    value <- toy_engine(model, families[[name]], K)$value
    expect_lt(abs(value - brute_nested(model, families[[name]])), 1e-8, label = name)
  }
})

test_that("its gradient and Hessian are exact, with vectors of effects at either level", {
  skip_if_not_installed("numDeriv")
  for (family in list(binomial(), binomial("probit"), poisson(), Gamma("log"))) {
    for (q in list(c(1L, 1L), c(2L, 1L), c(1L, 2L))) {
      model <- weighted_nested(family, q[1L], q[2L], sd = 0.4, seed = 42)
      for (K in list(c(1L, 1L), c(5L, 3L))) {
        label <- paste(family$family, family$link, "q", q[1L], q[2L], "K", K[1L], K[2L])
        exact <- expect_derivatives(model, family, K, label, scores = TRUE, information = TRUE)
        expect_equal(colSums(exact$scores), exact$gradient, tolerance = 1e-12)
        information <- matrix(rowSums(exact$information), 2L)
        expect_equal(information, -exact$hessian[1:2, 1:2], tolerance = 1e-12)
      }
    }
  }
})

test_that("weights of one change no bit", {
  for (family in list(binomial(), poisson())) {
    model <- toy_nested(family, 1L, 2L, m = 3L, leaves = 2L, seed = 43)
    ones <- model
    ones$design$inner_weights <- rep(1, 6)
    ones$design$cluster_weights <- rep(1, 3)
    plain <- toy_engine(model, family, c(5L, 3L), 2L, scores = TRUE, information = TRUE)
    same <- toy_engine(ones, family, c(5L, 3L), 2L, scores = TRUE, information = TRUE)
    # the constants of the rows are summed by leaf
    expect_equal(same$value, plain$value, tolerance = 1e-14)
    compared <- c("gradient", "hessian", "modes", "scores", "information", "values")
    expect_identical(same[compared], plain[compared])
  }
  d <- transform(survey_nested(), w = 1, inner = 1, top = 1)
  fit <- nested_fit(d, "size", nAGQ = c(9, 7))
  plain <- quietly(glmm(y ~ x + (1 | a / b), d, binomial(), nAGQ = c(9, 7)))
  expect_identical(coef(fit), coef(plain))
  expect_identical(fit$theta, plain$theta)
  expect_equal(vcov(fit), vcov(plain, "robust"), tolerance = 1e-12)
})

# Copies of the levels of `unit`, as many as `times` of the row says.
copied_units <- function(d, unit, times) {
  copies <- lapply(seq_len(max(times)), function(k) {
    copy <- d[times >= k, ]
    copy[[unit]] <- copy[[unit]] + 1000 * (k - 1)
    copy
  })
  do.call(rbind, copies)
}

test_that("whole weights are copies of rows, of inner units and of clusters", {
  d <- survey_nested()
  leaf <- (d$a - 1L) * 4L + d$b
  d$w <- 1 + (seq_along(d$a) %% 2L)
  d$inner <- 1 + (leaf %% 3L)
  d$top <- 1 + (d$a %% 2L)
  copies <- d[rep(seq_along(d$a), d$w), ]
  copies <- copied_units(copies, "b", copies$inner)
  copies <- copied_units(copies, "a", copies$top)
  models <- c(y ~ x + (1 | a / b), count ~ x + (1 | a) + (x | a:b), response ~ x + (1 | a / b))
  for (formula in models) {
    family <- switch(all.vars(formula)[1L], y = binomial(), count = poisson(), gaussian())
    K <- if (family$family == "gaussian") 1 else c(7, 5)
    fit <- nested_fit(d, "none", formula, family, nAGQ = K)
    whole <- quietly(glmm(formula, copies, family, nAGQ = K))
    expect_equal(coef(fit), coef(whole), tolerance = 1e-6)
    expect_equal(fit$theta, whole$theta, tolerance = 1e-5)
    expect_equal(as.numeric(logLik(fit)), as.numeric(logLik(whole)), tolerance = 1e-10)
  }
})

test_that("one level of weights is that of a model without the other level", {
  # inner units that are all of their cluster have its power
  d <- survey_nested()
  d$inner <- d$top
  one <- nested_fit(d, weights = survey_weights(d$w, scale = "none", inner = d$inner), nAGQ = 9)
  # theta of clusters at zero: the integral over the units is all there is
  psi <- fit_psi(one)
  psi[3L] <- 0
  at <- function(fit) engine_evaluate(fit$design, fit$family, psi, c(9L, 9L), 1L)
  other <- nested_fit(d, weights = survey_weights(d$w, d$top, "none"), nAGQ = 9)
  expect_equal(at(one)$value, at(other)$value, tolerance = 1e-12)
  expect_equal(at(one)$gradient, at(other)$gradient, tolerance = 1e-10)
})

test_that("inner weights are scaled in their cluster, rows in their unit", {
  d <- survey_nested()
  leaf <- interaction(d$a, d$b)
  once <- !duplicated(leaf)
  by_unit <- function(x, f) ave(x, leaf, FUN = f)
  by_cluster <- function(x, f) ave(x * once, d$a, FUN = f)
  scaled <- list(
    size = transform(d,
      w = w * by_unit(w, length) / by_unit(w, sum),
      inner = inner * by_cluster(1, sum) / by_cluster(inner, sum)
    ),
    effective = transform(d,
      w = w * by_unit(w, sum) / by_unit(w^2, sum),
      inner = inner * by_cluster(inner, sum) / by_cluster(inner^2, sum)
    ),
    gk = transform(d, w = 1, inner = 1, top = ave(w * inner * top, a))
  )
  for (scale in names(scaled)) {
    expect_equal(
      coef(nested_fit(d, scale, nAGQ = 5)), coef(nested_fit(scaled[[scale]], nAGQ = 5)),
      tolerance = 1e-6, label = scale
    )
  }
  # overall weights, and weights of clusters in other units
  overall <- transform(d, w = w * inner * top, inner = inner * top, top = 7 * top)
  expect_equal(coef(nested_fit(overall, "size")), coef(nested_fit(d, "size")), tolerance = 1e-6)
})

test_that("the sandwich is that of the scores of clusters", {
  skip_if_not_installed("numDeriv")
  d <- survey_nested()
  fit <- nested_fit(d, "effective", nAGQ = c(15, 15))
  at <- function(psi, order) {
    engine_evaluate(fit$design, fit$family, psi, fit$rule$K, order, scores = order > 0L)
  }
  psi <- unname(fit_psi(fit))
  by_cluster <- function(psi) at(psi, 0L)$values * cluster_weights(fit$design)
  scores <- numDeriv::jacobian(by_cluster, psi)
  expect_lt(max(abs(colSums(scores))), 1e-4)
  J <- solve(-numDeriv::jacobian(function(psi) at(psi, 1L)$gradient, psi))
  expect_equal(unname(vcov(fit, full = TRUE)), J %*% crossprod(scores) %*% J, tolerance = 1e-5)
  expect_equal(summary(fit)$coefficients$df, rep(8, 2))
  expect_output(print(fit), "survey weights of rows, inner units and\\s+clusters, scaled to the")
})

test_that("predicted effects are those of the weighted posterior", {
  fit <- nested_fit(survey_nested(), "size", nAGQ = c(15, 15))
  check_posterior(fit, function(y, eta) dbinom(y, 1, plogis(eta), log = TRUE))
})

test_that("a row of the target stands for the product of its weights", {
  d <- survey_nested()
  d$x <- as.numeric(d$x > 0)
  d$c <- d$w + d$x
  fit <- nested_fit(d, "size", y ~ x + c + (1 | a / b), nAGQ = 9)
  found <- marginal_standardization(fit, "x", covariates = "fixed")
  share <- d$w * d$inner * d$top
  u <- seq(-9, 9, length.out = 301)
  sd <- sqrt(sum(fit$theta^2))
  eta <- fit$beta[1] + fit$beta[2] + fit$beta[3] * d$c
  p <- vapply(eta, function(e) sum(plogis(e + sd * u) * dnorm(u)) * (u[2] - u[1]), 0)
  expect_equal(found$means$estimate[2L], sum(share * p) / sum(share), tolerance = 1e-7)
})

test_that("bad weights of inner units end in errors that name them", {
  d <- survey_nested()
  refused <- function(d, pattern, ...) {
    expect_error(nested_fit(d, ...), pattern, class = "margmix_error_survey_weights")
  }
  refused(transform(d, inner = inner + (seq_along(a) == 7)), "in all rows of an inner unit")
  refused(transform(d, inner = replace(inner, 3, 0)), "`inner`, must be positive")
  refused(transform(d, inner = -inner), "`inner`, must be positive")
  refused(transform(d, inner = replace(inner, 3, Inf)), "Inf")
  refused(transform(d, inner = as.character(inner)), "`inner` must be a numeric vector")
  refused(transform(d, top = inner), "in all rows of a cluster")
  refused(d, "two nested grouping factors", formula = y ~ x + (1 | a))
  expect_error(survey_weights(1:3, 1:3, inner = 1:2), class = "margmix_error_survey_weights")
  missing <- transform(d, inner = ifelse(a == 2 & b == 3, NA, inner))
  kept <- d[!(d$a == 2 & d$b == 3), ]
  fits <- lapply(list(missing, kept), nested_fit, scale = "size", nAGQ = 5)
  expect_equal(coef(fits[[1L]]), coef(fits[[2L]]))
  fit <- nested_fit(d, nAGQ = 5)
  for (call in list(
    quote(refit(fit, d$y)), quote(bootstrap(fit, 5)), quote(AIC(fit)), quote(vcov(fit, "KR")),
    quote(profile(fit)), quote(anova(fit, fit))
  )) {
    expect_error(quietly(eval(call)), class = "margmix_error_survey", label = deparse(call))
  }
})
