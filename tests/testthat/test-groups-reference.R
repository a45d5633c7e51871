# Several grouping factors against the frozen numbers of lme4 and glmmTMB (tests/reference).

skip_if_not(file.exists(test_path("..", "reference", "models-groups.R")), "reference tables")
skip_if_not_installed("lme4")
groups_reference <- new.env()
sys.source(test_path("..", "reference", "models-groups.R"), groups_reference)
groups_table <- read.csv(
  test_path("..", "reference", "groups-peers.csv"), stringsAsFactors = FALSE
)

# The fit is not below the peer's optimum, nor above it by more than the peer's slack.
expect_peer <- function(name, method, slack = 1e-5) {
  model <- groups_reference$groups_models()[[name]]
  family <- groups_reference$groups_family(model$family)
  fit <- suppressMessages(
    glmm(model$formula, model$data(), family, nAGQ = 1, REML = method == "REML")
  )
  expect_true(fit$convergence$converged, label = paste(name, "converged"))
  table <- groups_table[groups_table$model == name & groups_table$method == method, ]
  value <- stats::setNames(table$value, table$quantity)
  expect_lt(abs(fit$logLik - value[["logLik"]]), slack, label = paste(name, method, "logLik"))
  beta <- coef(fit)
  se <- sqrt(diag(vcov(fit, "model")))
  expect_lt(max(abs(beta - value[names(beta)]) / se), 1e-3, label = paste(name, "coefficients"))
  if (method == "ML") { # lme4 takes the variances as known
    B <- engine_lmm(fit$design, fit$theta / sqrt(fit$phi))$B
    se <- sqrt(diag(solve(B)) * fit$phi)
  }
  expect_equal(unname(se), unname(value[paste0("se:", names(beta))]), tolerance = 2e-4)
  invisible(fit)
}

test_that("linear mixed models are those of lme4, ML and REML", {
  for (method in c("ML", "REML")) {
    for (name in c("sleepstudy", "penicillin", "pastes", "insteval", "insteval_slope")) {
      expect_peer(name, method)
    }
  }
})

test_that("Laplace fits are those of glmmTMB", {
  for (name in c("insteval_logit", "cbpp", "grouseticks", "verbagg", "verbagg_probit")) {
    expect_peer(name, "Laplace")
  }
  skip_if_not_installed("mlmRev")
  expect_peer("contraception", "Laplace")
})

test_that("where lme4 stops at a worse optimum, it is below this one", {
  laplace <- subset(groups_table, quantity == "logLik" & method == "Laplace")
  lme4 <- subset(groups_table, quantity == "logLik" & method == "lme4")
  both <- merge(laplace, lme4, by = "model")
  canonical <- both[both$model != "verbagg_probit", ] # elsewhere lme4 uses expected weights
  expect_true(all(canonical$value.y <= canonical$value.x + 1e-5))
})
