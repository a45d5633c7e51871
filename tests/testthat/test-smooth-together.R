# Smooth terms beside other parts of a model.

waves <- local({
  set.seed(4)
  d <- expand.grid(t = 1:10, g = 1:15)
  d$x <- runif(150L)
  d$z <- rnorm(150L)
  b <- replicate(15L, 0.7 * arima.sim(list(ar = 0.6), 10L, sd = 0.8))
  d$y <- sin(6 * d$x) + c(b) + rnorm(150L) * exp(0.3 * d$z - 1)
  d$count <- rpois(150L, exp(0.5 + 0.8 * sin(6 * d$x) + c(b) / 2))
  d
})

smooth_peers <- function() {
  source(reference_csv("models-smooths.R"), local = TRUE)
  read <- function(file) read.csv(reference_csv(file))
  sets <- lapply(c(sleepstudy = "sleepstudy.csv", dietox = "dietox.csv"), read)
  list(table = read("smooth-peers.csv"), models = smooth_models(sets))
}

test_that("real data: gam() by ML and REML, and lme4 in the way of gamm4", {
  skip_if_not_installed("mgcv")
  peers <- smooth_peers()
  expected <- peers$table
  cases <- unique(expected[c("model", "method")])
  # gam() stops before a variance of zero
  tolerance <- c(sleepstudy = 1e-3, dietox = 1e-5, quakes = 1e-5)
  for (i in seq_len(nrow(cases))) {
    name <- cases$model[i]
    model <- peers$models[[name]]
    fit <- suppressMessages(
      glmm(model$formula, model$data, model$family, REML = cases$method[i] == "REML")
    )
    rows <- expected$model == name & expected$method == cases$method[i]
    sds <- stats::setNames(diag(abs(fit$Lambda))[1:2], deviation_names(fit)[1:2])
    edf <- smooth_terms(fit, points = 2L)$table$edf
    found <- c(logLik = as.numeric(logLik(fit)), edf = edf, fit$beta, sds)
    expect_equal(unname(found["logLik"]), expected$value[rows & expected$quantity == "logLik"],
      tolerance = 1e-6, label = name
    )
    expect_equal(unname(found[expected$quantity[rows]]), expected$value[rows],
      tolerance = tolerance[[name]], label = name
    )
  }
})

# The multivariate normal density with the covariance written out.
dense_value <- function(fit, d, among, noise) {
  design <- fit$design
  curve <- smooth_columns_of(design$random)
  Z <- design$Z[, curve, drop = FALSE]
  V <- fit$Lambda[curve[1L], curve[1L]]^2 * tcrossprod(Z) + among + diag(noise)
  r <- d$y - drop(design$X %*% fit$beta)
  -0.5 * (nrow(d) * log(2 * pi) + determinant(V)$modulus[[1L]] + sum(r * solve(V, r)))
}

test_that("a series and a dispersion formula beside a smooth: the dense normal density", {
  skip_if_not_installed("mgcv")
  d <- waves
  fit <- glmm(y ~ s(x, k = 8) + ar1(t + 0 | g), d, dispersion = ~z)
  d <- d[match(row_response(fit$design), d$y), ]
  r <- rho_readings(fit$design, fit$rho)[[1L]]
  among <- fit$Lambda[1L, 1L]^2 * r^abs(outer(d$t, d$t, `-`)) * outer(d$g, d$g, `==`)
  dense <- dense_value(fit, d, among, exp(drop(cbind(1, d$z) %*% fit$gamma)))
  expect_equal(as.numeric(logLik(fit)), dense, tolerance = 1e-9)
})

test_that("covariances whose entries depend on each other, beside a smooth", {
  skip_if_not_installed("mgcv")
  d <- waves
  free <- glmm(count ~ s(x, k = 6) + (z | g), d, poisson())
  for (formula in c(count ~ s(x, k = 6) + cs(z | g), count ~ s(x, k = 6) + toep(z | g))) {
    # of two effects it is the free covariance
    expect_equal(as.numeric(logLik(glmm(formula, d, poisson()))), as.numeric(logLik(free)),
      tolerance = 1e-7
    )
  }
  reduced <- glmm(count ~ s(x, k = 6) + rr(z | g, 1), d, poisson())
  expect_lte(as.numeric(logLik(reduced)), as.numeric(logLik(free)) + 1e-8)
})

test_that("tables of coefficients, terms and ratios leave the columns of a curve to its test", {
  skip_if_not_installed("mgcv")
  d <- waves
  fit <- glmm(count ~ z + s(x, k = 6) + (1 | g), d, poisson())
  expect_identical(rownames(anova(fit)), "z")
  expect_match(heading_text(anova(fit)), "smooth_terms() tests `s(x, k = 6)`", fixed = TRUE)
  expect_identical(rate_ratios(fit)$term, "z")
  shown <- capture.output(print(summary(fit)))
  expect_false(any(grepl("^s(x, k = 6) ", shown, fixed = TRUE)))
  expect_match(unlist(report(fit)), "`s\\(x\\)`: a curve with [0-9.]+ effective", all = FALSE)
  smaller <- update(fit, . ~ . - s(x, k = 6))
  compared <- anova(smaller, fit)
  expect_match(heading_text(compared), "one variance on the boundary")
})

test_that("what has no smooths says so", {
  skip_if_not_installed("mgcv")
  d <- waves
  fit <- glmm(y ~ s(x) + (1 | g), d)
  expect_error(summary(fit, vcov = "KR"), class = "margmix_error_kenward_roger")
  expect_error(
    glmm(y ~ s(x) + (1 | g), d, dispersion = ~ s(z)), class = "margmix_error_dispersion"
  )
  expect_error(glmm(count ~ s(x) + (1 | g), d, poisson(), penalty = "soft"),
    class = "margmix_error_penalty"
  )
  shards <- shards(write_shards(d, "g", 2L), "g")
  expect_error(glmm(y ~ s(x) + (1 | g), shards), class = "margmix_error_shards")
})
