test_that("a fit has all its fields, of their types and sizes, and no others", {
  fits <- list(
    glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial()),
    suppressMessages(gee(outcome ~ treat, respiratory, patient, family = binomial()))
  )
  for (fit in fits) {
    expect_identical(check_fit(fit), fit)
    types <- c(fit_fields$shared, fit_fields[[class(fit)[1L]]])
    required <- names(types)[!endsWith(types, "?")]
    expect_identical(setdiff(required, names(fit)), character())
    for (name in required) {
      broken <- fit
      broken[[name]] <- NULL
      expect_error(check_fit(broken), name, class = "margmix_error_fit")
    }
    more <- c(fit, list(bolted_on = 1))
    expect_error(check_fit(structure(more, class = class(fit))), "bolted_on")
  }
})

test_that("fields of a wrong size are found", {
  fit <- glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial())
  for (name in c("beta", "coefficients", "theta", "vcov_full", "phi", "Lambda")) {
    broken <- fit
    broken[[name]] <- c(fit[[name]], 1)
    expect_error(check_fit(broken), name, class = "margmix_error_fit")
  }
})
