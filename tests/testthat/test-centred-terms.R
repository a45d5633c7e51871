# Random slopes of covariates far from zero: the search goes in centred coordinates, and its end is
# told in the user's. Against lme4 and this package's fits of the centred model.

dated <- function(seed, days) {
  set.seed(seed)
  d <- data.frame(id = rep(1:40, each = 6))
  d$date <- as.Date("2020-01-01") + round(runif(240, 0, days))
  d$centred <- as.numeric(d$date) - mean(as.numeric(d$date))
  t <- 400 * d$centred / (365 * days)
  d$y <- 1 + 0.5 * t + rnorm(40)[d$id] + rnorm(40, sd = 0.4)[d$id] * t + rnorm(240)
  d
}

# Standard deviation of z'b, and its standard error by the delta method.
deviation <- function(fit, z) {
  theta <- fit$theta
  V <- fit$vcov_full[length(fit$beta) + seq_along(theta), length(fit$beta) + seq_along(theta)]
  known <- !is.na(diag(V))
  v <- drop(crossprod(fit$Lambda, z))
  sd <- sqrt(sum(v^2))
  slope <- z[theta_rows(fit$design)] * v[theta_columns(fit$design)] / sd
  c(sd, sqrt(slope[known] %*% V[known, known] %*% slope[known]))
}

test_that("dates in a random slope: the estimates of lme4 for the centred model, ML and REML", {
  skip_if_not_installed("lme4")
  # random effects of which some are perfectly correlated
  for (case in list(c(1, 30), c(7, 30), c(4, 400))) {
    d <- dated(case[1L], case[2L])
    for (REML in c(FALSE, TRUE)) {
      fit <- suppressMessages(glmm(y ~ date + (date | id), d, REML = REML))
      expect_true(fit$convergence$converged)
      d$z <- d$centred / sd(d$centred)
      lmer <- suppressMessages(suppressWarnings(
        lme4::lmer(y ~ z + (z | id), d, REML = REML, control = lme4::lmerControl(
          optimizer = "bobyqa", optCtrl = list(rhoend = 1e-10)
        ))
      ))
      # the restricted likelihood is that of contrasts, which depend on the unit of time
      unit <- if (REML) log(sd(d$centred)) else 0
      expect_lt(abs(fit$logLik + unit - as.numeric(logLik(lmer))), 1e-6)
      slope <- lme4::fixef(lmer)[[2L]] / sd(d$centred)
      expect_equal(coef(fit)[["date"]], slope, tolerance = 1e-4)
      at_mean <- sum(coef(fit) * c(1, mean(as.numeric(d$date))))
      expect_equal(at_mean, lme4::fixef(lmer)[[1L]], tolerance = 1e-4)
    }
  }
})

test_that("covariances of variances, modes and words are those of the centred model", {
  set.seed(11)
  d <- data.frame(g = rep(1:30, each = 10), h = rep(1:6, 50), year = rep(2001:2010, 30))
  d$centred <- d$year - 2005
  eta <- rnorm(30)[d$g] + rnorm(30, sd = 0.3)[d$g] * d$centred + rnorm(6)[d$h]
  d$z <- eta + rnorm(300)
  d$count <- rpois(300, exp(0.3 * eta))
  d$noise <- 0.5 * rnorm(30)[d$g] * d$centred + rnorm(300)
  agree <- function(far, near, ...) {
    far <- suppressMessages(glmm(far, d, ...))
    near <- suppressMessages(glmm(near, d, ...))
    expect_true(far$convergence$converged)
    expect_equal(far$logLik, near$logLik, tolerance = 1e-9)
    expect_equal(fitted(far), fitted(near), tolerance = 1e-5)
    expect_identical(names(far$boundary), names(near$boundary))
    others <- rep(0, ncol(far$Lambda) - 2L)
    expect_equal(
      deviation(far, c(1, 2005.5, others)), deviation(near, c(1, 0.5, others)), tolerance = 1e-5
    )
  }
  agree(z ~ year + (year | g), z ~ centred + (centred | g))
  agree(z ~ year + (year | g), z ~ centred + (centred | g), REML = TRUE)
  agree(noise ~ year + (year | g), noise ~ centred + (centred | g)) # an intercept of zero
  agree(z ~ year + (year | g) + (1 | h), z ~ centred + (centred | g) + (1 | h), REML = TRUE)
  agree(
    count ~ year + (year | g) + (1 | h), count ~ centred + (centred | g) + (1 | h),
    family = poisson()
  )
  agree(
    count ~ year + (year | g), count ~ centred + (centred | g), family = poisson(), nAGQ = 1,
    REML = TRUE
  )
})

test_that("a start is that of the user's coordinates", {
  d <- dated(7, 30)
  fit <- suppressMessages(glmm(y ~ date + (date | id), d))
  again <- suppressMessages(glmm(y ~ date + (date | id), d, start = fit))
  expect_lt(again$convergence$evaluations, fit$convergence$evaluations / 2)
  expect_equal(again$theta, fit$theta, tolerance = 1e-6)
  expect_error(
    glmm(y ~ date + (date | id), d, start = list(theta = 1:2)), "theta of length 2",
    class = "margmix_error_start"
  )
  zero <- suppressMessages(glmm(y ~ date + (date | id), d, start = list(theta = c(0, 0, 0))))
  expect_lte(zero$logLik, fit$logLik + 1e-6)
})

test_that("Lambda is turned to the covariance C S C', and so are its changes", {
  skip_if_not_installed("numDeriv")
  design <- list(
    Z = matrix(0, 1L, 4L, dimnames = list(NULL, letters[1:4])),
    theta_row = c(0:2, 1:2, 2L, 3L), theta_col = c(0L, 0L, 0L, 1L, 1L, 2L, 3L),
    random = list(list(columns = 1:3), list(columns = 4L))
  )
  C <- diag(4)
  C[1L, 2:3] <- c(20, -3)
  covariance <- function(theta) tcrossprod(lambda_matrix(design, theta))
  for (theta in list(c(1, 0.2, -1, 0.7, 0.1, 0.4, 2), c(1, 0.2, -1, 0, 0, 0.4, 2))) {
    found <- turned(design, C, theta)
    S <- unname(C %*% covariance(theta) %*% t(C))
    expect_equal(unname(covariance(found$theta)), S, tolerance = 1e-12)
    expect_equal(
      unname(C %*% lambda_matrix(design, theta)),
      unname(lambda_matrix(design, found$theta) %*% t(found$Q)), tolerance = 1e-12
    )
    expect_equal(crossprod(found$Q), diag(4), tolerance = 1e-12)
    moves <- theta != 0
    end <- function(x) turned(design, C, replace(theta, moves, x))$theta
    J <- numDeriv::jacobian(end, theta[moves])
    expect_equal(found$J[, moves], J, tolerance = 1e-7)
  }
})
