# Published numbers, closed forms and integrals.

quiet <- function(expr) suppressMessages(suppressWarnings(expr))

# Table of Newman (2001), as printed in the vignette of package risks.
breast_cancer <- function() {
  data <- data.frame(
    stage = rep(c("I", "II", "III"), each = 2), receptor = rep(c("High", "Low"), 3),
    alive = c(50, 10, 57, 13, 6, 2), dead = c(5, 2, 17, 9, 9, 12)
  )
  long <- data[rep(1:6, data$alive + data$dead), c("stage", "receptor")]
  long$death <- unlist(Map(function(a, d) rep(0:1, c(a, d)), data$alive, data$dead))
  long$row <- seq_len(nrow(long))
  long
}

test_that("the breast cancer example is reproduced", {
  fit <- gee(death ~ stage + receptor, breast_cancer(), id = row, family = binomial(), scale = 1)
  r <- marginal_standardization(fit, "stage", covariates = "fixed", vcov = "model")
  rows <- r$contrasts
  difference <- rows[rows$contrast == "difference", ]
  expect_lt(max(abs(difference$estimate - c(0.16303, 0.57097))), 6e-6)
  expect_lt(max(abs(difference$std.error - c(0.05964, 0.09962))), 6e-6)
  # The printed SE of the log ratios are those of glm() as it stops by default: its covariance is
  # one step behind its coefficients, which moves them by 4e-5.
  ratio <- rows[rows$contrast == "ratio", ]
  expect_lt(max(abs(log(ratio$estimate) - c(0.89893, 1.80871))), 6e-6)
  expect_lt(max(abs(ratio$std.error - c(0.38745, 0.37834))), 4e-5)
  odds <- rows[rows$contrast == "odds_ratio", ]
  expect_lt(max(abs(log(odds$estimate) - c(1.10175, 2.83846))), 6e-6)
  expect_lt(max(abs(odds$std.error - c(0.45514, 0.58193))), 4e-5)
  # the delta method of a glm() that has converged, derivatives by Richardson differences
  skip_if_not_installed("numDeriv")
  data <- breast_cancer()
  plain <- glm(death ~ stage + receptor, binomial(), data, epsilon = 1e-14)
  log_scale <- function(beta) {
    risk <- vapply(c("I", "II", "III"), function(stage) {
      set <- data
      set$stage <- factor(stage, c("I", "II", "III"))
      mean(plogis(model.matrix(~ stage + receptor, set) %*% beta))
    }, 0)
    c(log(risk[-1] / risk[1]), qlogis(risk[-1]) - qlogis(risk[1]))
  }
  J <- numDeriv::jacobian(log_scale, coef(plain))
  expect_equal(
    c(ratio$std.error, odds$std.error), sqrt(diag(J %*% vcov(plain) %*% t(J))), tolerance = 1e-7
  )
})

test_that("a conditional odds ratio of 2 in two strata is a marginal one of 1.72", {
  # exact risks: 0.1 and 0.5 unexposed; odds doubled: 2/11 and 2/3
  data <- expand.grid(exposed = 0:1, stratum = c("a", "b"))
  data$risk <- c(1 / 10, 2 / 11, 1 / 2, 2 / 3)
  data$n <- 330
  data$id <- 1:4
  fit <- gee(risk ~ exposed + stratum, data, id = id, family = binomial(), weights = n, scale = 1)
  expect_equal(exp(coef(fit)[["exposed"]]), 2, tolerance = 1e-7)
  r <- quiet(marginal_standardization(fit, "exposed", covariates = "fixed", vcov = "model"))
  expect_equal(r$means$estimate, c(0.3, (2 / 11 + 2 / 3) / 2), tolerance = 1e-7)
  expect_equal(round(r$means$estimate, 3), c(0.300, 0.424))
  expect_equal(round(r$contrasts$estimate[3], 2), 1.72)
})

# A fit with a random slope of the exposure whose parameters are then set.
slope_fit <- function(family = binomial(), beta = c(-1.2, 0.8, 0.5), theta = c(1.1, -0.7, 0.9)) {
  set.seed(3)
  data <- data.frame(id = rep(1:12, each = 8), a = rep(0:1, 48), x = rep(c(-1, -0.5, 0.5, 2), 24))
  data$y <- if (family$family == "gaussian") rnorm(96) else rbinom(96, 1, 0.4)
  fit <- quiet(glmm(y ~ a + x + (a | id), data, family, nAGQ = 5))
  fit$beta[] <- fit$coefficients[] <- beta
  fit$theta[] <- theta
  fit$Lambda[lower.tri(fit$Lambda, TRUE)] <- theta
  fit
}

test_that("a random slope of the exposure agrees with 10^7 Monte Carlo draws", {
  reference <- read.csv(test_path("..", "reference", "standardize-montecarlo.csv"))
  r <- quiet(marginal_standardization(slope_fit(), "a", vcov = diag(6), covariates = "fixed"))
  expect_lt(max(abs(r$means$estimate - reference$risk) / reference$error), 4)
  expect_lt(max(reference$error), 1e-4)
})

test_that("identity, log and probit have their closed forms", {
  fit <- slope_fit(gaussian())
  X <- cbind(1, 0, c(-1, -0.5, 0.5, 2))
  variances <- c(1.1^2, (1.1 - 0.7)^2 + 0.9^2) # z'Lambda Lambda'z for z = (1, 0) and (1, 1)
  eta <- cbind(X %*% fit$beta, X %*% fit$beta + fit$beta[2])
  r <- quiet(marginal_standardization(fit, "a", vcov = diag(6), covariates = "fixed"))
  expect_equal(r$means$estimate, colMeans(eta), tolerance = 1e-12)
  fit <- slope_fit(binomial("probit"))
  r <- quiet(marginal_standardization(fit, "a", vcov = diag(6), covariates = "fixed"))
  expected <- colMeans(pnorm(eta / sqrt(1 + rep(variances, each = 4))))
  expect_equal(r$means$estimate, expected, tolerance = 1e-10)
  fit <- slope_fit(poisson())
  r <- quiet(marginal_standardization(fit, "a", vcov = diag(6), covariates = "fixed"))
  expected <- colMeans(exp(eta + rep(variances, each = 4) / 2))
  expect_equal(r$means$estimate, expected, tolerance = 1e-10)
})

test_that("population means agree with adaptive quadrature", {
  grid <- rbind(
    expand.grid(eta = c(-40, -8, -3, -1, 0, 0.7, 4, 40), s = c(0, 0.1, 0.5, 1, 2, 3, 5, 10)),
    c(-3, 1), c(-1, 2), c(-1, 3), c(-3, 3)
  )
  for (link in c("logit", "cloglog", "cauchit")) {
    family <- binomial(link)
    # rows with equal s share a table of nodes; in another order they do not
    order <- rev(seq_len(nrow(grid)))[c(TRUE, FALSE)]
    m <- engine_population_mean(grid$eta, grid$s, family)
    other <- engine_population_mean(grid$eta[order], grid$s[order], family)
    expect_identical(other$mean, m$mean[order])
    inverse <- list(linkinv = family$linkinv)
    exact <- mapply(brute_population_mean, grid$eta, grid$s, MoreArgs = inverse)
    expect_lt(max(abs(m$mean - exact)), 1e-11)
  }
  # beyond the reach of exp()
  extreme <- engine_population_mean(c(-745, 720, -690), c(2, 2, 9), binomial())
  expect_true(all(is.finite(unlist(extreme))))
  expect_equal(extreme$mean[2], 1)
  # published to four digits
  m <- engine_population_mean(c(-3, -1, -1), c(1, 2, 3), binomial())$mean
  expect_equal(round(m, 4), c(0.0693, 0.3523, 0.3868))
})

test_that("Jacobians agree with Richardson differences for every link, with a random slope", {
  skip_if_not_installed("numDeriv")
  families <- list(
    binomial(), binomial("probit"), binomial("cloglog"), binomial("cauchit"), poisson(), gaussian()
  )
  for (family in families) {
    fit <- slope_fit(family)
    r <- quiet(marginal_standardization(fit, "a", vcov = diag(6), covariates = "fixed"))
    data <- data.frame(id = 1, x = rep(c(-1, -0.5, 0.5, 2), 2))
    for (a in 0:1) {
      data$a <- a
      numeric <- numDeriv::grad(function(psi) {
        brute_standardized(fit, data, rep(1, 8), psi, grid_population_mean)$mean
      }, c(fit$beta, fit$theta))
      expect_lt(max(abs(r$jacobian[a + 1, ] - numeric)), 1e-7 * max(1, abs(numeric)))
    }
  }
})

test_that("an identity link gives the same effect conditionally, marginally and from gee()", {
  set.seed(8)
  data <- data.frame(id = rep(1:15, each = 4), a = rep(0:1, 30), x = rep(c(-1, 1, 1, -1), 15))
  data$y <- 1 + 0.5 * data$a + 0.2 * data$x + rnorm(15)[data$id] + rnorm(60)
  conditional <- glmm(y ~ a + x + (1 | id), data)
  marginal <- gee(y ~ a + x, data, id = id, corstr = "exchangeable")
  from <- lapply(list(conditional, marginal), marginal_standardization, exposure = "a")
  expect_equal(from[[1]]$contrasts$estimate, coef(conditional)[["a"]], tolerance = 1e-9)
  expect_equal(from[[2]]$contrasts$estimate, from[[1]]$contrasts$estimate, tolerance = 1e-7)
  expect_equal(from[[2]]$contrasts$std.error, from[[1]]$contrasts$std.error, tolerance = 1e-2)
})

test_that("without variance and with independence all models coincide", {
  set.seed(4)
  data <- data.frame(id = rep(1:40, each = 2), a = rep(0:1, 40), x = rep(c(-1, 0, 0.5, 2), 20))
  data$y <- rep(c(0, 1, 1, 0, 1, 1, 0, 0, 1, 0), 8)
  for (link in c("logit", "probit", "cloglog")) {
    mixed <- quiet(glmm(y ~ a + x + (1 | id), data, binomial(link)))
    expect_equal(unname(mixed$theta), 0)
    marginal <- quiet(gee(y ~ a + x, data, id = id, family = binomial(link)))
    one <- marginal_standardization(mixed, "a")
    other <- marginal_standardization(marginal, "a")
    expect_equal(one$contrasts$estimate, other$contrasts$estimate, tolerance = 1e-6)
    plain <- glm(y ~ a + x, binomial(link), data)
    risks <- vapply(0:1, function(value) {
      mean(predict(plain, transform(data, a = value), "response"))
    }, 0)
    expect_equal(one$means$estimate, risks, tolerance = 1e-6)
  }
  # with the canonical link the scores and informations are the same, too
  mixed <- quiet(glmm(y ~ a + x + (1 | id), data, binomial()))
  marginal <- quiet(gee(y ~ a + x, data, id = id, family = binomial(), scale = 1))
  expect_equal(
    as.data.frame(marginal_standardization(mixed, "a")),
    as.data.frame(marginal_standardization(marginal, "a")), tolerance = 1e-6
  )
})

# Counts out of 6 with overdispersion, and proportions, at two levels of x.
probability_data <- function() {
  set.seed(31)
  d <- data.frame(id = rep(1:25, each = 6), x = rep(0:1, 75))
  mu <- plogis(-0.4 + 0.7 * d$x + 0.8 * rnorm(25)[d$id])
  d$p <- rbeta(150, 8 * mu, 8 * (1 - mu))
  d$y <- rbinom(150, 6, d$p)
  d
}

test_that("beta-binomial counts have risks and their odds ratio", {
  d <- probability_data()
  fit <- glmm(cbind(y, 6 - y) ~ x + (1 | id), d, betabinomial())
  r <- suppressMessages(marginal_standardization(fit, "x", values = 0:1))
  risk <- vapply(0:1, function(x) {
    brute_population_mean(sum(coef(fit) * c(1, x)), fit$theta, plogis)
  }, 0)
  expect_equal(r$means$estimate, risk, tolerance = 1e-10)
  expect_identical(r$contrasts$contrast, c("difference", "ratio", "odds_ratio"))
  odds <- risk / (1 - risk)
  expected <- c(risk[2] - risk[1], risk[2] / risk[1], odds[2] / odds[1])
  expect_equal(r$contrasts$estimate, expected, tolerance = 1e-9)
  expect_output(print(r), "Standardized risks.*Risk difference.*Risk ratio.*Odds ratio")
})

test_that("a mean proportion has odds if asked for, and is no risk", {
  d <- probability_data()
  fit <- glmm(p ~ x + (1 | id), d, beta_family())
  r <- suppressMessages(marginal_standardization(fit, "x", values = 0:1))
  expect_identical(r$contrasts$contrast, c("difference", "ratio"))
  expect_output(print(r), "Standardized mean proportions.*Difference of mean proportions")
  r <- suppressMessages(
    marginal_standardization(fit, "x", values = 0:1, contrast = "odds_ratio")
  )
  mean <- vapply(0:1, function(x) {
    brute_population_mean(sum(coef(fit) * c(1, x)), fit$theta, plogis)
  }, 0)
  odds <- mean / (1 - mean)
  expect_equal(r$contrasts$estimate, odds[2] / odds[1], tolerance = 1e-9)
  expect_output(print(r), "Ratio of odds of mean proportions")
  expect_equal(odds_ratios(fit)$estimate, exp(coef(fit)[["x"]]))
  expect_output(print(odds_ratios(fit)), "ratios of odds of the mean proportion")
})
