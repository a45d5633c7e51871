# Linear traits of relatives against GMMAT and gaston (tests/reference/compute-kinship.R).

kinship_reference <- new.env()
sys.source(test_path("..", "reference", "models-kinship.R"), kinship_reference)
kinship_table <- read.csv(
  test_path("..", "reference", "kinship-peers.csv"), stringsAsFactors = FALSE
)

kinship_values <- function(fit) {
  variances <- c(fit$phi, fit$theta^2)
  names(variances) <- c("residual", "relatives", "person")[seq_along(variances)]
  beta <- seq_along(fit$beta)
  # of maximum likelihood, too, the packages give standard errors at known variances
  se <- sqrt(diag(at_variances(fit)$vcov_full)[beta])
  names(se) <- paste("se", names(fit$beta))
  n <- nobs(fit)
  c(variances, coef(fit), se, logLik = fit$logLik + (n - length(beta)) * log(2 * pi) / 2)
}

test_that("variances of relatives, coefficients and likelihoods are those of GMMAT and gaston", {
  models <- kinship_reference$kinship_models()
  for (name in names(models)) {
    K <- models[[name]]$K
    formula <- models[[name]]$formula
    environment(formula) <- environment()
    for (method in c("REML", "ML")) {
      fit <- glmm(formula, models[[name]]$data, REML = method == "REML")
      expect_true(fit$convergence$converged)
      found <- kinship_values(fit)
      mine <- kinship_table$model == name & kinship_table$method == method
      expected <- kinship_table[mine, ]
      # the maximum likelihood of GMMAT is by Brent's or Nelder and Mead's search
      tolerance <- if (method == "REML") 1e-8 else if (name == "visits") 1e-5 else 5e-7
      expect_lt(
        max(abs(found[expected$quantity] - expected$value)), tolerance,
        label = paste(name, method)
      )
      if (method == "REML") {
        expect_setequal(expected$source, c("GMMAT 1.5.0", "gaston 1.6"))
      } else {
        # and no higher than ours
        peer <- fit
        peer$phi <- expected$value[1L]
        peer$theta[] <- sqrt(expected$value[seq(2L, length.out = length(fit$theta))])
        peer$Lambda <- lambda_matrix(fit$design, peer$theta)
        value <- function(fit) dense_linear_loglik(fit, list(`known(id)` = K))
        expect_equal(fit$logLik, value(fit), tolerance = 1e-10)
        expect_gte(fit$logLik, value(peer) - 1e-10)
      }
    }
  }
})
