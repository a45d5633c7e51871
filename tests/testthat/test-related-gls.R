# Phylogenies and processes in time with a residual: against nlme, with corPagel() of ape.
#
# tests/reference/compute-gls.R fits the models of models-gls.R by nlme.

gls_reference <- new.env()
for (file in c("models-gls.R", "models-related.R")) {
  sys.source(test_path("..", "reference", file), gls_reference)
}
gls_table <- read.csv(test_path("..", "reference", "gls-peers.csv"), stringsAsFactors = FALSE)

gls_fit <- function(model, REML, start = NULL) {
  tree <- model$tree
  formula <- model$formula
  environment(formula) <- environment()
  suppressMessages(glmm(formula, model$data, REML = REML, start = start))
}

gls_values <- function(name, method) {
  rows <- gls_table[gls_table$model == name & gls_table$method == method, ]
  stats::setNames(rows$value, rows$quantity)
}

expect_gls <- function(fit, name, method) {
  value <- gls_values(name, method)
  label <- paste(name, method)
  expect_true(fit$convergence$converged, label = label)
  expect_lt(abs(as.numeric(logLik(fit)) - value[["logLik"]]), 1e-7, label = label)
  beta <- coef(fit)
  se <- sqrt(diag(vcov(fit)))
  expect_lt(max(abs(beta - value[names(beta)]) / se), 1e-4, label = label)
  sd <- fit$theta[grep("^theta_(phylo|ou)", names(fit$theta))]
  expect_equal(unname(sd), value[["sd"]], tolerance = 1e-4, label = label)
  expect_equal(sqrt(fit$phi), value[["residual"]], tolerance = 1e-4, label = label)
  if (length(fit$rho)) {
    expect_equal(unname(exp(-exp(fit$rho))), value[["r"]], tolerance = 1e-4, label = label)
  }
}

test_that("a tree and a residual are Pagel's lambda of ape and nlme", {
  skip_if_not_installed("ape")
  models <- gls_reference$gls_phylogenies()
  for (name in names(models)) {
    for (method in c("ML", "REML")) {
      fit <- gls_fit(models[[name]], method == "REML")
      expect_gls(fit, name, method)
      # lambda is the share of descent in the variance of a tip
      value <- gls_values(name, method)
      lambda <- value[["sd"]]^2 / (value[["sd"]]^2 + value[["residual"]]^2)
      share <- as.data.frame(intraclass_correlation(fit))
      expect_equal(share$estimate[1L], lambda, tolerance = 1e-4)
    }
  }
})

test_that("ou() and a residual are nlme's corExp() with a nugget, beside levels and slopes too", {
  skip_if_not_installed("nlme")
  models <- gls_reference$gls_processes(gls_reference$process_data)
  for (name in c("ovary", "ovary_level", "process")) {
    for (method in c("ML", "REML")) {
      expect_gls(gls_fit(models[[name]], method == "REML"), name, method)
    }
  }
  rats <- models$body_weight
  ml <- gls_fit(rats, FALSE)
  expect_gls(ml, "body_weight", "ML")
  # The restricted likelihood has two maxima, of a slow and a quick process. That of nlme is the
  # quick one, 0.023 above the other, where a search from half a correlation ends.
  expect_gls(gls_fit(rats, TRUE, start = ml), "body_weight", "REML")
  expect_gls(gls_fit(rats, TRUE), "body_weight", "REML")
})

test_that("without a residual ou() has the likelihood of nlme's corCAR1()", {
  skip_if_not_installed("nlme")
  model <- gls_reference$gls_processes(gls_reference$process_data)$process_car1
  fit <- gls_fit(model, FALSE)
  value <- gls_values("process_car1", "ML")
  # a millionth of the standard deviation, whose share of the log-likelihood is below 1e-6
  psi <- c(
    value[names(coef(fit))], value[["sd"]], log(-log(value[["r"]])),
    log((1e-6 * value[["sd"]])^2)
  )
  expect_lt(abs(engine_loglik_at(moved_fit(fit, psi), 1L) - value[["logLik"]]), 1e-5)
  # the residual that these data have is worth 37 units
  expect_gt(as.numeric(logLik(fit)), value[["logLik"]] + 30)
})
