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
    sleepstudy = read.csv(dispersion_path("sleepstudy.csv")),
    grouseticks = read.csv(dispersion_path("grouseticks.csv")),
    Orthodont = as.data.frame(nlme::Orthodont)
  ))
  for (name in names(models)) {
    model <- models[[name]]
    family <- match.fun(model$own)(link = model$link)
    fit <- suppressMessages(
      glmm(model$formula, model$data, family, nAGQ = 1, dispersion = model$dispersion)
    )
    peer <- setNames(table$value[table$model == name], table$quantity[table$model == name])
    # the peer's optimum is never better, and no worse than by 1e-5
    expect_lt(abs(as.numeric(logLik(fit)) - peer[["logLik"]]), 1e-5, label = name)
    se <- sqrt(diag(vcov(fit, "model")))
    beta <- peer[paste0("coef:", names(coef(fit)))]
    expect_lt(max(abs(coef(fit) - beta) / se), 1e-3, label = name)
    # the parameter of a Gamma there is the shape
    gamma <- fixef(fit, component = "dispersion") * (if (model$own == "Gamma") -1 else 1)
    log_disp <- peer[startsWith(names(peer), "log disp:")]
    if (length(log_disp)) {
      expect_identical(paste0("log disp:", names(gamma)), names(log_disp), info = name)
    } else {
      log_disp <- log(peer[["disp"]])
    }
    expect_lt(max(abs(gamma - log_disp)), 1e-3, label = name)
    # of several factors the first of that table, which orders them in its own way
    deviation <- sqrt(rowSums(fit$Lambda^2))
    if (factor_count(fit$design) == 1L) deviation <- deviation[1]
    expect_lt(min(abs(deviation - peer[["sd"]])), 1e-3 * max(peer[["sd"]], 0.01), label = name)
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
