gamma_of <- function(fit) coef(marginal_coefficients(fit))

test_that("closed forms hold: identity, log, probit", {
  fit <- result_fit("lmm")
  expect_identical(gamma_of(fit), coef(fit))

  fit <- link_fit("poisson-log", "(1 | g)")
  expect_equal(gamma_of(fit), coef(fit) + c(fit$theta^2 / 2, 0), tolerance = 1e-14)

  fit <- link_fit("binomial-probit", "(1 | g)")
  expect_equal(gamma_of(fit), coef(fit) / sqrt(1 + fit$theta[[1L]]^2), tolerance = 1e-14)
  expect_equal(
    marginal_coefficients(fit)$table$attenuation, rep(1 / sqrt(1 + fit$theta[[1L]]^2), 2),
    tolerance = 1e-14
  )
})

test_that("the projection finds the closed forms where there are any", {
  for (name in c("poisson-log", "binomial-probit", "gaussian-log")) {
    fit <- link_fit(name, "(1 | g)")
    closed <- implied_regression(fit)
    projected <- projected_regression(fit, random_sd(design_Z(fit$design), fit$Lambda))
    expect_identical(closed$method, "closed form")
    expect_equal(projected$gamma, closed$gamma, tolerance = 1e-10, ignore_attr = TRUE)
    expect_equal(projected$jacobian, closed$jacobian, tolerance = 1e-9, ignore_attr = TRUE)
  }
})

test_that("the projection is the quasi-likelihood fit of the population means", {
  links <- c("binomial-logit", "binomial-cloglog", "binomial-cauchit", "poisson-sqrt",
    "poisson-log", "binomial-probit"
  )
  for (name in links) {
    fit <- link_fit(name)
    family <- fit$family
    variance <- if (family$family == "binomial") "mu(1-mu)" else "mu"
    quasi <- do.call("quasi", list(family$link, variance))
    m <- predict(fit, type = "response", random_effects = "integrate")
    glm <- suppressWarnings(glm.fit(component(fit, "X"), m, component(fit, "trials"),
      family = quasi, control = list(epsilon = 1e-15, maxit = 100), mustart = m
    ))
    expect_equal(gamma_of(fit), coef(glm), tolerance = 1e-9)
    expect_identical(marginal_coefficients(fit)$method, "projection")
  }
})

test_that("the Jacobian agrees with Richardson differences", {
  skip_if_not_installed("numDeriv")
  for (name in names(all_families())) {
    for (random in c("(1 | g)", "(x | g)")) {
      fit <- link_fit(name, random)
      psi <- c(fit$beta, fit$theta)
      # off the boundary, where s has no derivative in theta
      psi[-seq_along(fit$beta)] <- psi[-seq_along(fit$beta)] + 0.1
      if (name == "binomial-log") psi[1L] <- psi[1L] - 1 # means below 1
      fit <- at_parameters(fit, psi)
      implied <- implied_regression(fit)
      J <- numDeriv::jacobian(function(x) implied_regression(at_parameters(fit, x))$gamma, psi)
      expect_equal(implied$jacobian, J, tolerance = 1e-7, ignore_attr = TRUE, label = name)
    }
  }
})

test_that("standard errors are those of the delta method, of the attenuation too", {
  skip_if_not_installed("numDeriv")
  fit <- result_fit("toenail")
  psi <- c(fit$beta, fit$theta)
  m <- marginal_coefficients(fit, vcov = "model", df = Inf)
  J <- numDeriv::jacobian(function(x) implied_regression(at_parameters(fit, x))$gamma, psi)
  A <- numDeriv::jacobian(function(x) {
    at <- at_parameters(fit, x)
    implied_regression(at)$gamma / at$beta
  }, psi)
  expect_equal(m$table$std.error, sqrt(diag(J %*% fit$vcov_full %*% t(J))), tolerance = 1e-7)
  expect_equal(m$table$attenuation.se, sqrt(diag(A %*% fit$vcov_full %*% t(A))), tolerance = 1e-7)
  robust <- marginal_coefficients(fit, vcov = "robust")
  expect_equal(
    sqrt(diag(vcov(robust))), sqrt(diag(J %*% vcov(fit, "robust", full = TRUE) %*% t(J))),
    tolerance = 1e-7, ignore_attr = TRUE
  )
})

test_that("without variance the marginal and the conditional coefficients are the same", {
  fit <- at_parameters(result_fit("toenail"), c(result_fit("toenail")$beta, 0))
  expect_equal(implied_regression(fit)$gamma, fit$beta, tolerance = 1e-12)
})

test_that("each row has its own factor or shift under random slopes", {
  fit <- link_fit("binomial-probit")
  m <- marginal_coefficients(fit)
  z <- cbind(1, fit$frame$frame$x)
  s2 <- rowSums((z %*% tcrossprod(fit$Lambda)) * z)
  expect_equal(m$per_row, 1 / sqrt(1 + s2), tolerance = 1e-12)
  m <- marginal_coefficients(link_fit("poisson-log"))
  expect_equal(range(m$per_row), m$s^2 / 2)
  expect_null(marginal_coefficients(link_fit("binomial-probit", "(1 | g)"))$per_row)
})

test_that("aliased coefficients stay NA", {
  data <- gaussian_data()
  data$twice <- 2 * data$x
  fit <- suppressWarnings(glmm(y ~ x + twice + (1 | id), data))
  m <- marginal_coefficients(fit)
  expect_identical(is.na(coef(m)), is.na(coef(fit)))
  expect_identical(m$table$term, names(coef(fit)))
  expect_identical(dim(vcov(m)), c(3L, 3L))
})

test_that("methods agree with each other", {
  m <- marginal_coefficients(result_fit("toenail"))
  expect_equal(unname(confint(m)), unname(as.matrix(m$table[c("conf.low", "conf.high")])))
  expect_identical(rownames(confint(m, 2, level = 0.9)), "treatmentterbinafine")
  expect_identical(tidy(m)$estimate, unname(coef(m)))
  expect_identical(as.data.frame(m)$term, names(coef(m)))
})

test_that("a marginal model and other objects are refused", {
  marginal <- structure(list(), class = c("margmix_gee", "margmix_fit"))
  expect_snapshot(error = TRUE, {
    marginal_coefficients(marginal)
    marginal_coefficients(1)
    marginal_coefficients(result_fit("toenail"), vcov = "KC")
  })
  expect_error(marginal_coefficients(marginal), class = "margmix_error_marginal_already")
})

test_that("print says marginal, implied by the mixed model", {
  expect_snapshot({
    marginal_coefficients(result_fit("toenail"))
    marginal_coefficients(link_fit("binomial-probit"))
    marginal_coefficients(link_fit("poisson-log", "(1 | g)"))
  })
})
