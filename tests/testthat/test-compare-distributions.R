# The same model under several distributions: the columns are those of the single fits.

test_that("columns are the fits, and means those of standardization and of sums over the points", {
  fit <- glmm(cbind(r, n - r) ~ seed + extract + (1 | plate), seeds, binomial())
  found <- compare_distributions(fit, exposure = "seed")
  bridge <- update(fit, random_distribution = "bridge")
  expect_equal(found$coefficients$normal, unname(coef(fit)))
  expect_equal(found$coefficients$bridge, unname(coef(bridge)), tolerance = 1e-5)
  for (name in c("normal", "bridge", "t")) {
    one <- update(fit, random_distribution = if (name == "t") t_effects(5) else name)
    standardized <- marginal_standardization(one, "seed")
    expect_equal(found$means[[name]],
      c(standardized$means$estimate, standardized$contrasts$estimate[1L]),
      tolerance = 1e-5
    )
  }
  points <- mass_points(fit)
  mean_at <- function(value) {
    X <- model.matrix(~ seed + extract, transform(seeds, seed = factor(value, levels(seeds$seed))))
    p <- plogis(outer(drop(X %*% coef(points)), points$points$location, `+`))
    weighted.mean(p %*% points$points$mass, seeds$n)
  }
  expect_equal(found$means$mass_points[1:2],
    vapply(levels(seeds$seed), mean_at, 0, USE.NAMES = FALSE),
    tolerance = 1e-8
  )
  t <- update(fit, random_distribution = t_effects(5))
  expect_equal(found$coefficients$t, unname(coef(t)), tolerance = 1e-5)
  expect_equal(found$criteria$AIC, c(AIC(fit), AIC(bridge), AIC(t), AIC(points)),
    tolerance = 1e-6
  )
  expect_snapshot(compare_distributions(fit))
})

test_that("a fit with a bridge distribution has its normal counterpart; counts have no bridge", {
  bridge <- glmm(cbind(r, n - r) ~ seed + (1 | plate), seeds, binomial(),
    random_distribution = "bridge"
  )
  found <- compare_distributions(bridge)
  expect_equal(found$coefficients$normal,
    unname(coef(update(bridge, random_distribution = "normal"))),
    tolerance = 1e-5
  )
  counts <- glmm(r ~ seed + offset(log(n)) + (1 | plate), seeds, poisson(), nAGQ = 7)
  found <- compare_distributions(counts)
  expect_identical(names(found$fits), c("normal", "t", "mass_points"))
  # exp(b) has no mean
  expect_identical(found$means$t, NA_real_)
  expect_output(print(found), "it has no population mean")
  t <- update(counts, random_distribution = t_effects(3))
  found <- compare_distributions(t)
  expect_identical(c(found$df, found$fits$t$logLik), c(3, t$logLik))
  expect_identical(compare_distributions(counts, df = 8)$df, 8)
  expect_error(compare_distributions(glmm(r ~ seed + (1 | extract), seeds)),
    class = "margmix_error_distribution"
  )
})

test_that("a model of an intercept alone can be compared", {
  fit <- glmm(cbind(r, n - r) ~ 1 + (1 | plate), seeds, binomial())
  found <- compare_distributions(fit)
  expect_equal(unname(unlist(found$coefficients[1L, c("normal", "mass_points")])),
    unname(c(coef(fit), coef(mass_points(fit)))),
    tolerance = 1e-8
  )
  expect_output(print(found), "Intercept")
})
