# The restricted likelihood: against REML of linear models, a computation of Cox and Reid's
# criterion in plain R, and what its definition says.

general_restricted <- function(fit) {
  problem <- restricted_problem(
    fit$design, fit$family, fit$rule$K, fit$control, fit$start_glm, fit$phi
  )
  found <- maximise_restricted(problem, unname(fit_psi(fit)), fit$modes)
  found$C <- restricted_curvature(problem, found, found$active)
  found
}

test_that("with a linear model the general criterion is REML", {
  set.seed(81)
  d <- data.frame(a = gl(6, 12), b = gl(12, 6), c = rep(1:6, 12), x = rnorm(72), z = rnorm(72))
  d$y <- 50 + d$x + rnorm(6)[d$a] + rnorm(12)[d$b] * d$z + rnorm(6)[d$c] + rnorm(72)
  formulas <- list(
    y ~ x + (1 | b), y ~ x + z + (z | b), y ~ x + z + (z || b), y ~ x + (1 | a / b),
    y ~ x + (1 | b) + (1 | c)
  )
  for (formula in formulas) {
    ml <- suppressMessages(glmm(formula, d))
    reml <- suppressMessages(glmm(formula, d, REML = TRUE))
    found <- general_restricted(ml)
    expect_lt(abs(found$value - reml$logLik), 1e-8)
    psi <- unname(fit_psi(reml))
    # theta up to the signs of the columns of Lambda
    p <- length(reml$beta)
    v <- p + seq_along(reml$theta)
    found$psi[v] <- found$psi[v] * sign(found$psi[v] * psi[v])
    expect_lt(max(abs(found$psi - psi)), 1e-8)
    expect_equal(solve(crossprod(found$R)), reml$vcov_full[1:p, 1:p],
      tolerance = 1e-6, ignore_attr = TRUE
    )
    inside <- found$active
    expect_identical(inside, !is.na(unname(diag(reml$vcov_full))[-(1:p)]))
    V <- solve((found$information + found$C)[inside, inside])
    v <- p + which(inside)
    expect_equal(abs(V), abs(unname(reml$vcov_full[v, v])), tolerance = 1e-4)
  }
})

test_that("estimates are those of the criterion in plain R", {
  path <- function(...) test_path("..", "reference", ...)
  skip_if_not(file.exists(path("cox-reid.csv")), "reference tables")
  reference <- new.env()
  sys.source(path("models-cox-reid.R"), reference)
  table <- read.csv(path("cox-reid.csv"))
  models <- reference$cox_reid_models()
  for (name in names(models)) {
    model <- models[[name]]
    nAGQ <- if (name == "slope") 25 else 41
    ml <- glmm(model$formula, model$data, model$family, nAGQ = nAGQ)
    fit <- update(ml, REML = TRUE)
    from_ml <- restricted_estimate(ml)
    exact <- with(table[table$model == name, ], stats::setNames(value, quantity))
    part <- function(prefix) unname(exact[grepl(paste0("^", prefix, "[0-9]"), names(exact))])
    expect_lt(abs(fit$logLik - exact[["logLik"]]), 1e-7)
    for (found in list(fit, from_ml)) {
      v <- c(found$theta, if (has_phi(model$family)) log(found$phi))
      expect_lt(max(abs(v - part("v"))), 1e-6)
      expect_lt(max(abs(found$beta - part("beta"))), 1e-6)
    }
    se <- sqrt(diag(vcov(fit, full = TRUE)))
    expect_equal(unname(se), c(part("se"), part("se_v")), tolerance = 1e-3)
    expect_equal(sqrt(diag(solve(from_ml$J))), part("se"), tolerance = 1e-6, ignore_attr = TRUE)
    expect_equal(sqrt(diag(from_ml$vcov_theta)), part("se_v"), tolerance = 1e-2, ignore_attr = TRUE)
    expect_true(fit$convergence$converged && from_ml$converged)
  }
})
