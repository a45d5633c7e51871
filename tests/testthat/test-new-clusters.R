# Predictions of clusters that were not in the fit, from responses of their own.

split_fit <- function(nAGQ = 25) {
  old <- subset(toenail, as.integer(factor(patient)) <= 150)
  list(
    fit = quietly(glmm(severe ~ treatment * month + (1 | patient), old, binomial(), nAGQ = nAGQ)),
    new = subset(toenail, as.integer(factor(patient)) > 284)
  )
}

# The fit with all rows and its parameters held fixed.
held_fit <- function(fit, data) {
  whole <- quietly(glmm(stats::formula(fit), data, fit$family, nAGQ = 25, start = fit,
    random_distribution = if (supports(fit$design, "normal")) "normal" else "bridge"
  ))
  whole[c("beta", "theta", "Lambda", "phi", "coefficients", "rule", "vcov_full")] <-
    fit[c("beta", "theta", "Lambda", "phi", "coefficients", "rule", "vcov_full")]
  whole$modes <- engine_evaluate(
    whole$design, whole$family, fit_psi(fit), fit$rule$K, control = fit$control
  )$modes
  whole
}

test_that("random effects and predictions are those of a fit with fixed parameters", {
  parts <- split_fit()
  fit <- parts$fit
  new <- parts$new
  rows <- rbind(subset(toenail, as.integer(factor(patient)) <= 150), new)
  whole <- held_fit(fit, rows)
  for (type in c("mode", "mean", "median")) {
    ours <- ranef(fit, type = type, newdata = new[rev(seq_len(nrow(new))), ])[[1]]
    theirs <- ranef(whole, type = type)[[1]]
    at <- match(rownames(ours), rownames(theirs))
    expect_equal(ours[, 1], theirs[at, 1], tolerance = 1e-10)
    expect_equal(
      as.vector(attr(ours, "postVar")), as.vector(attr(theirs, "postVar")[, , at]),
      tolerance = 1e-10
    )
  }
  first <- new[new$month < 3, ]
  later <- new[new$month >= 3, ]
  whole <- held_fit(fit, rbind(subset(toenail, as.integer(factor(patient)) <= 150), first))
  whole$vcov_full <- with_beta(fit, default_covariance(fit))
  rows <- new_rows(whole, later, "eb", na.pass)
  for (type in c("link", "response")) {
    ours <- predict(fit, later, type, se.fit = TRUE, observed = first)
    theirs <- predict_rows(whole, rows, type, "eb", TRUE)
    expect_equal(unname(ours$fit), theirs$fit, tolerance = 1e-10)
    expect_equal(unname(ours$se.fit), sqrt(theirs$variance), tolerance = 1e-10)
  }
})

test_that("the mean is that of direct integration", {
  parts <- split_fit(nAGQ = 101)
  new <- parts$new[parts$new$patient == parts$new$patient[1], ]
  ours <- ranef(parts$fit, type = "mean", newdata = new)[[1]]
  X <- model.matrix(~ treatment * month, new)
  sd <- parts$fit$Lambda[1]
  density <- function(b) {
    vapply(b, function(b) {
      prod(dbinom(new$severe, 1, plogis(drop(X %*% parts$fit$beta) + b))) * dnorm(b, sd = sd)
    }, 0)
  }
  moment <- function(k) {
    integrand <- function(b) b^k * density(b)
    integrate(integrand, -60, 60, rel.tol = 1e-11, subdivisions = 2000L)$value
  }
  mean <- moment(1) / moment(0)
  expect_equal(ours[1, 1], mean, tolerance = 1e-8)
  expect_equal(attr(ours, "postVar")[1], moment(2) / moment(0) - mean^2, tolerance = 1e-8)
})

test_that("other clusters of the new data are predicted as before, and responses there are named", {
  parts <- split_fit()
  new <- parts$new
  one <- new$patient == new$patient[1]
  expect_message(
    mixed <- predict(parts$fit, new, "response", observed = new[one, ][1:2, ]),
    class = "margmix_note_new_clusters"
  )
  plain <- quietly(predict(parts$fit, new, "response"))
  expect_identical(mixed[!one], plain[!one])
  expect_true(all(mixed[one] != plain[one]))
  expect_no_message(predict(parts$fit, new[one, ], observed = new[one, ][1, ]))
  note <- tryCatch(predict(parts$fit, new), margmix_note_new_clusters = conditionMessage)
  expect_match(note, "Responses in `newdata` are not used")
  without <- new[setdiff(names(new), "severe")]
  note <- tryCatch(predict(parts$fit, without), margmix_note_new_clusters = conditionMessage)
  expect_no_match(note, "not used")
})

test_that("effects that are not normal are at the mode of their posterior", {
  bridge <- function(b, sigma) {
    phi <- 1 / sqrt(1 + 3 * sigma^2 / pi^2)
    -log(cosh(phi * b) + cos(phi * pi))
  }
  t <- function(b, sigma) dt(b / sigma / sqrt(3 / 5), 5, log = TRUE)
  new <- infection[13:16, ]
  for (law in list("bridge", t_effects(5))) {
    fit <- glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection[1:12, ],
      binomial(), random_distribution = law
    )
    log_f <- if (identical(law, "bridge")) bridge else t
    eta <- drop(model.matrix(~treatment, infection)[13:16, ] %*% coef(fit))
    wanted <- vapply(unique(new$clinic), function(clinic) {
      rows <- new$clinic == clinic
      optimize(function(b) {
        sum(dbinom(new$success[rows], new$n[rows], plogis(eta[rows] + b), log = TRUE)) +
          log_f(b, fit$theta[[1L]])
      }, c(-9, 9), maximum = TRUE, tol = 1e-9)$maximum
    }, 0)
    expect_equal(ranef(fit, newdata = new)[[1L]][, 1L], wanted, tolerance = 1e-6)
  }
})

test_that("offsets and dispersions go the same way", {
  counts <- glmm(seizures ~ period + offset(log(weeks)) + (1 | subject),
    transform(epilepsy, weeks = 2)[as.integer(epilepsy$subject) <= 50, ], nbinom2(), nAGQ = 15)
  later <- transform(epilepsy, weeks = 2)[as.integer(epilepsy$subject) > 50, ]
  modes <- ranef(counts, newdata = later)[[1]][, 1]
  size <- counts$phi
  score <- vapply(seq_along(modes), function(i) {
    y <- later$seizures[later$subject == unique(later$subject)[i]]
    eta <- drop(model.matrix(~ period, later[later$subject == unique(later$subject)[i], ]) %*%
      counts$beta) + log(2)
    h <- function(b) {
      sum(dnbinom(y, size = size, mu = exp(eta + b), log = TRUE)) - b^2 / (2 * counts$Lambda[1]^2)
    }
    (h(modes[i] + 1e-4) - h(modes[i] - 1e-4)) / 2e-4
  }, 0)
  expect_lt(max(abs(score)), 1e-5)
})

test_that("a factor is matched by its levels, in any order", {
  old <- infection[rep(1:12, infection$n[1:12]), ]
  old$cured <- unlist(Map(function(s, n) rep(c("yes", "no"), c(s, n - s)),
    infection$success[1:12], infection$n[1:12]
  ))
  old$cured <- factor(old$cured, c("no", "yes"))
  fit <- quietly(glmm(cured ~ treatment + (1 | clinic), old, binomial(), nAGQ = 5))
  new <- data.frame(clinic = 9, treatment = "drug", cured = "yes")
  at <- function(x) ranef(fit, newdata = x)[[1]][1, 1]
  expect_identical(at(new), at(transform(new, cured = factor("yes", c("yes", "no")))))
  expect_gt(at(new), 0)
  expect_error(at(transform(new, cured = "maybe")), class = "margmix_error_observed")
})

test_that("what can't be used is refused", {
  parts <- split_fit()
  fit <- parts$fit
  new <- parts$new[1:3, ]
  nested <- quietly(glmm(y ~ x + (1 | a / b), data.frame(
    y = sin(1:48), x = cos(1:48), a = rep(1:6, each = 8), b = rep(1:4, 12)
  ), gaussian()))
  expect_snapshot(error = TRUE, {
    predict(fit, new, observed = subset(toenail, patient == 1))
    predict(fit, new, observed = new[setdiff(names(new), "severe")])
    predict(fit, new, observed = transform(new, severe = letters[1:3]))
    predict(fit, new, observed = transform(new, severe = c(0, NA, 1)))
    predict(fit, new, observed = transform(new, severe = 7))
    predict(fit, observed = new)
    predict(fit, new, observed = new, random_effects = "zero")
    ranef(fit, newdata = new[0, ])
    ranef(nested, newdata = data.frame(y = 1, x = 1, a = 9, b = 1))
  })
})
