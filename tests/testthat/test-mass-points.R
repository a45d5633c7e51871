# Nonparametric maximum likelihood: the likelihood written out, derivatives, its general equivalence
# theorem, another package.

epilepsy_fit <- function() {
  glmm(seizures ~ treatment + period + log(base) + (1 | subject), epilepsy, poisson(), nAGQ = 7)
}

# log f(y_i | b) of each subject, subjects x points
subject_log_density <- function(beta, b) {
  eta <- drop(model.matrix(~ treatment + period + log(base), epilepsy) %*% beta)
  rows <- dpois(epilepsy$seizures, exp(outer(eta, b, `+`)), log = TRUE)
  rowsum(rows, epilepsy$subject)
}

test_that("the likelihood is the sum over the points, and no point would raise it", {
  expect_message(found <- mass_points(epilepsy_fit()), class = "margmix_note_mass_points")
  log_f <- subject_log_density(coef(found), found$points$held)
  f <- exp(log_f) %*% found$points$mass
  expect_equal(found$logLik, sum(log(f)), tolerance = 1e-10)
  expect_equal(sum(found$points$mass), 1, tolerance = 1e-12)
  finite <- is.finite(found$points$location)
  expect_identical(finite, c(FALSE, rep(TRUE, nrow(found$points) - 1L)))
  expect_equal(sum((found$points$mass * found$points$location)[finite]), 0, tolerance = 1e-10)
  b <- seq(-15, 4, by = 0.01)
  delta <- colMeans(exp(subject_log_density(coef(found), b)) / drop(f))
  expect_lt(length(f) * (max(delta) - 1), 2e-3)
  expect_equal(colMeans(exp(log_f) / drop(f)), rep(1, nrow(found$points)), tolerance = 1e-5)
  # a grid of many masses does not do better
  G <- exp(subject_log_density(coef(found), seq(-5, 3, by = 0.05)))
  mass <- rep(1 / ncol(G), ncol(G))
  for (i in 1:2000) mass <- mass * colMeans(G / drop(G %*% mass))
  expect_lt(sum(log(G %*% mass)), found$logLik + 1e-3)
  posterior <- exp(log_f) * rep(found$points$mass, each = nrow(log_f)) / drop(f)
  expect_equal(unname(found$posterior[rownames(log_f), ]), unname(posterior), tolerance = 1e-8)
})

test_that("gradient and Hessian are those of differences, and standard errors follow from them", {
  skip_if_not_installed("numDeriv")
  fit <- glmm(cbind(r, n - r) ~ seed + (1 | plate), seeds, binomial("cloglog"), nAGQ = 7)
  at <- function(psi, order) engine_mass_points(fit$design, fit$family, psi, order, fit$control)
  psi <- c(-0.3, 0.4, -0.8, 0.1, 0.9, 0.3, -0.4)
  now <- at(psi, 2L)
  expect_equal(now$gradient, numDeriv::grad(function(x) at(x, 0L)$value, psi), tolerance = 1e-7)
  expect_equal(now$hessian, numDeriv::jacobian(function(x) at(x, 1L)$gradient, psi),
    tolerance = 1e-7
  )
  found <- mass_points(fit, points = 2)
  # mean-zero locations and a mass as the parameters
  K <- 2L
  x <- c(coef(found), found$points$location[1L], found$points$mass[1L])
  loglik <- function(x) {
    b <- c(x[3L], -x[3L] * x[4L] / (1 - x[4L]))
    eta <- drop(model.matrix(~seed, seeds) %*% x[1:2])
    mu <- -expm1(-exp(outer(eta, b, `+`)))
    sum(log(dbinom(seeds$r, seeds$n, mu) %*% c(x[4L], 1 - x[4L])))
  }
  expect_equal(loglik(x), found$logLik, tolerance = 1e-10)
  V <- solve(-numDeriv::hessian(loglik, x))
  expect_equal(unname(vcov(found)), unname(V[1:2, 1:2]), tolerance = 1e-4)
  expect_equal(
    c(found$points$location_se[1L], found$points$mass_se[1L]), sqrt(diag(V))[3:4],
    tolerance = 1e-4
  )
})

test_that("npmlreg finds the same points", {
  peer <- utils::read.csv(reference_csv("mass-points-peers.csv"))
  value <- function(model, pattern) {
    peer$value[peer$model == model & grepl(pattern, peer$quantity)]
  }
  seeds_found <- mass_points(
    glmm(cbind(r, n - r) ~ seed * extract + (1 | plate), seeds, binomial(), nAGQ = 7),
    points = 2
  )
  epilepsy_found <- mass_points(epilepsy_fit(), points = 2)
  for (name in c("seeds2", "epilepsy2")) {
    found <- if (name == "seeds2") seeds_found else epilepsy_found
    expect_equal(-2 * found$logLik, value(name, "disparity"), tolerance = 1e-6)
    expect_equal(found$points$mass, value(name, "^mass"), tolerance = 1e-3)
    expect_equal(found$points$location + coef(found)[[1L]], value(name, "^location"),
      tolerance = 1e-3
    )
    expect_equal(unname(coef(found)[-1L]), value(name, "^coef"), tolerance = 1e-3)
  }
})

test_that("printed mass points of Aitkin and Francis, and of Hinde's fabric", {
  printed <- utils::read.csv(reference_csv("mass-points-published.csv"))
  fabric <- utils::read.csv(reference_csv("fabric.csv"))
  fabric$x <- log(fabric$leng)
  rainfall <- utils::read.csv(reference_csv("rainfall.csv"))
  rainfall$x <- rainfall$Rain / 1000
  fabric$unit <- seq_len(nrow(fabric))
  rainfall$unit <- seq_len(nrow(rainfall))
  faults <- glmm(y ~ x + (1 | unit), fabric, poisson())
  cities <- glmm(cbind(Cases, Total - Cases) ~ 1 + (1 | unit), rainfall, binomial())
  found <- list(
    fabric2 = mass_points(faults, points = 2), rainfall3 = mass_points(cities, points = 3),
    rainfall3x = mass_points(update(cities, . ~ . + x), points = 3)
  )
  for (model in names(found)) {
    x <- found[[model]]
    published <- printed[printed$model == model, ]
    points <- x$points
    ours <- c(
      disparity = -2 * x$logLik, stats::setNames(coef(x), paste0("coef:", names(coef(x)))),
      stats::setNames(points$location + coef(x)[[1L]], paste0("location", seq_along(points$mass))),
      stats::setNames(points$mass, paste0("mass", seq_along(points$mass)))
    )[published$quantity]
    expect_true(all(abs(ours - published$value) <= published$tolerance), label = model)
  }
  # where EM had stopped the likelihood is lower
  expect_lt(-2 * found$rainfall3$logLik, 146.8668)
  # a third point of the fabric adds nothing
  expect_equal(nrow(mass_points(faults)$points), 2L)
})

test_that("one point is the model without random effects", {
  found <- mass_points(epilepsy_fit(), points = 1)
  plain <- glm(seizures ~ treatment + period + log(base), poisson(), epilepsy)
  expect_equal(coef(found), coef(plain), tolerance = 1e-6)
  expect_equal(as.numeric(logLik(found)), as.numeric(logLik(plain)), tolerance = 1e-9)
  expect_equal(vcov(found), vcov(plain), tolerance = 1e-4)
  expect_equal(AIC(found), AIC(plain), tolerance = 1e-9)
})

test_that("print, notes and refusals", {
  fit <- glmm(cbind(r, n - r) ~ seed + (1 | plate), seeds, binomial(), nAGQ = 7)
  expect_snapshot(mass_points(fit))
  expect_message(mass_points(fit, points = 12), class = "margmix_note_mass_points")
  linear <- glmm(r ~ seed + (1 | extract), seeds)
  expect_snapshot(error = TRUE, {
    mass_points(linear)
    mass_points(fit, points = 0)
  })
})
