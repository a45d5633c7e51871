# Families with a dispersion against the frozen fits of glmmTMB (Laplace) of tests/reference.

dispersion_path <- function(...) test_path("..", "reference", ...)
skip_if_not(file.exists(dispersion_path("dispersion-models.R")), "reference tables")

dispersion_reference <- new.env()
sys.source(dispersion_path("dispersion-models.R"), dispersion_reference)

test_that("log-likelihood, coefficients and dispersion are those of glmmTMB", {
  table <- read.csv(dispersion_path("dispersion-peers.csv"))
  models <- dispersion_reference$dispersion_models(list(
    epilepsy = epilepsy,
    cbpp = read.csv(
      dispersion_path("cbpp.csv"), colClasses = c(herd = "factor", period = "factor")
    ),
    sleepstudy = read.csv(dispersion_path("sleepstudy.csv"))
  ))
  for (name in names(models)) {
    model <- models[[name]]
    family <- match.fun(model$own)(link = model$link)
    fit <- suppressMessages(glmm(model$formula, model$data, family, nAGQ = 1))
    peer <- setNames(table$value[table$model == name], table$quantity[table$model == name])
    # the peer's optimum is never better, and no worse than by 1e-5
    expect_lt(abs(as.numeric(logLik(fit)) - peer[["logLik"]]), 1e-5, label = name)
    se <- sqrt(diag(vcov(fit, "model")))
    beta <- peer[paste0("coef:", names(coef(fit)))]
    expect_lt(max(abs(coef(fit) - beta) / se), 1e-3, label = name)
    # the parameter of a Gamma there is the shape
    phi <- if (model$own == "Gamma") 1 / fit$phi else fit$phi
    expect_lt(abs(phi / peer[["disp"]] - 1), 1e-3, label = name)
    expect_equal(sqrt(sum(fit$Lambda[1, ]^2)), peer[["sd"]], tolerance = 1e-3, info = name)
  }
})

test_that("a random effect for each row and a negative binomial are compared by AIC", {
  d <- transform(epilepsy, row = seq_len(nrow(epilepsy)))
  # each alone accounts for the overdispersion of rows
  olre <- suppressMessages(glmm(seizures ~ treatment + log(base) + (1 | row), d, poisson()))
  nb <- glmm(seizures ~ treatment + log(base) + (1 | subject), d, nbinom2())
  poisson_fit <- glmm(seizures ~ treatment + log(base) + (1 | subject), d, poisson())
  table <- AIC(poisson_fit, olre, nb)
  expect_identical(rownames(table)[which.min(table$AIC)], "nb")
  expect_identical(table$df, c(4, 4, 5) * 1)
})
