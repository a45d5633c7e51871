# Degrees of freedom of t effects as a parameter: against a brute-force likelihood.

heavy_plots <- function(far = rt(40, 4), seed = 7) {
  set.seed(seed)
  force(far)
  d <- data.frame(site = rep(1:40, each = 6), x = rnorm(240))
  d$y <- rpois(240, exp(1 + 0.3 * d$x + 0.5 * far[d$site]))
  d
}

estimated <- new.env()
estimated_fit <- function() {
  if (is.null(estimated$fit)) {
    estimated$fit <- glmm(y ~ x + (1 | site), heavy_plots(), poisson(),
      random_distribution = t_effects()
    )
  }
  estimated$fit
}

estimated_law <- function(fit) random_distribution(fit$design)

# The log-likelihood by cluster at (psi, s).
brute_by_s <- function(fit) {
  function(z) {
    last <- length(z)
    brute_t(full_design(fit), fit$family, z[-last], 1 / z[last])[1L, ]
  }
}

test_that("the estimate is the maximum over all parameters, and limits are by the ratio", {
  skip_if_not_installed("numDeriv")
  fit <- estimated_fit()
  law <- estimated_law(fit)
  given <- function(df) update(fit, random_distribution = t_effects(df = df))$logLik
  expect_equal(given(law$df), fit$logLik, tolerance = 1e-9)
  for (near in c(0.97, 1.03)) expect_lt(given(law$df * near), fit$logLik)
  total <- function(z) sum(brute_by_s(fit)(z))
  z <- c(unname(fit_psi(fit)), 1 / law$df)
  expect_equal(fit$logLik, total(z), tolerance = 1e-9)
  # in standard errors
  slope <- numDeriv::grad(total, z)
  sd <- c(sqrt(diag(fit$vcov_full)), 0.05)
  expect_lt(max(abs(slope) * sd), 2e-3)
  limits <- unlist(law$estimated[c("lower", "upper")])
  for (df in limits[limits > 2 & limits < Inf]) {
    expect_equal(2 * (fit$logLik - given(df)), qchisq(0.95, 1), tolerance = 0.02)
  }
  expect_true(any(limits > 2 & limits < Inf))
  normal <- update(fit, random_distribution = "normal")
  expect_equal(law$estimated$gain, fit$logLik - normal$logLik, tolerance = 1e-5)
})

test_that("model-based and robust covariances allow for the estimate", {
  skip_if_not_installed("numDeriv")
  # far from the end, where differences reach over it
  fit <- update(estimated_fit(), data = heavy_plots(seed = 6))
  of <- brute_by_s(fit)
  z <- c(unname(fit_psi(fit)), 1 / estimated_law(fit)$df)
  psi <- seq_along(fit_psi(fit))
  V <- solve(-numDeriv::hessian(function(z) sum(of(z)), z))
  expect_equal(unname(fit$vcov_full), V[psi, psi], tolerance = 1e-3)
  scores <- numDeriv::jacobian(of, z, method.args = list(r = 2))
  robust <- V %*% crossprod(scores) %*% V
  expect_equal(unname(vcov(fit, "robust", full = TRUE)), robust[psi, psi], tolerance = 1e-3)
  fit$design$law$estimated$s <- NULL
  expect_equal(df_scores(fit), scores[, length(z)], tolerance = 1e-5)
  known <- update(fit, random_distribution = t_effects(df = estimated_law(fit)$df))
  expect_gt(fit$vcov_full[3L, 3L], known$vcov_full[3L, 3L])
})

test_that("the degrees of freedom count, and fits with their own are one model", {
  fit <- estimated_fit()
  expect_equal(attr(logLik(fit), "df"), 4)
  expect_equal(df.residual(fit), 236)
  smaller <- update(fit, . ~ . - x)
  expect_false(estimated_law(smaller)$df == estimated_law(fit)$df)
  table <- anova(smaller, fit)
  expect_equal(table$Df[2L], 1)
  expect_equal(table$Chisq[2L], 2 * (fit$logLik - smaller$logLik))
  expect_error(anova(update(fit, random_distribution = t_effects(df = 5)), fit),
    class = "margmix_error_anova_random_distribution"
  )
  compared <- suppressMessages(compare_distributions(fit))
  expect_identical(compared$fits$t, fit)
  expect_identical(compared$df, estimated_law(fit)$df)
  restored <- unserialize(serialize(fit, NULL))
  expect_equal(vcov(restored, "robust"), vcov(fit, "robust"))
  expect_match(paste(utils::capture.output(fit), collapse = " "), "estimated, 95% limits")
})

test_that("a start, a dispersion and other families reach the same", {
  fit <- estimated_fit()
  again <- update(fit, start = fit)
  expect_equal(fit_psi(again), fit_psi(fit), tolerance = 1e-4)
  set.seed(4)
  d <- data.frame(g = rep(1:80, each = 5), x = rnorm(400))
  d$y <- 1 + d$x + rt(80, 3)[d$g] + rnorm(400, sd = 0.5)
  linear <- glmm(y ~ x + (1 | g), d, random_distribution = t_effects())
  expect_true(estimated_law(linear)$df > 2 && estimated_law(linear)$df < 30)
  expect_equal(attr(logLik(linear), "df"), 5)
})

test_that("where the tails are normal or too heavy a note says so", {
  set.seed(2)
  light <- heavy_plots(far = sign(rnorm(40)), seed = 2)
  expect_message(
    fit <- glmm(y ~ x + (1 | site), light, poisson(), random_distribution = t_effects()),
    "no finite estimate", class = "margmix_note_df"
  )
  normal <- glmm(y ~ x + (1 | site), light, poisson())
  expect_equal(fit$logLik, normal$logLik, tolerance = 1e-6)
  expect_equal(fixef(fit), fixef(normal), tolerance = 1e-4)
  expect_equal(diag(vcov(fit, "model")), diag(vcov(normal, "model")), tolerance = 1e-3)
  expect_match(paste(utils::capture.output(fit), collapse = " "), "df = Inf", fixed = TRUE)
  far <- heavy_plots(far = replace(rep(0, 40), 1:4, c(9, -9, 8, -8)))
  expect_message(
    glmm(y ~ x + (1 | site), far, poisson(), random_distribution = t_effects()),
    "limit of 2", class = "margmix_note_df"
  )
})

test_that("survey weights leave no likelihood to estimate them by", {
  d <- heavy_plots()
  expect_error(
    glmm(y ~ x + (1 | site), d, poisson(), random_distribution = t_effects(),
      weights = survey_weights(rep(1, 240), rep(1:2, each = 120), "size")
    ),
    class = "margmix_error_survey"
  )
})
