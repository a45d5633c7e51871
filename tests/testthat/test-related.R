# Related levels: against dense algebra with their covariance, and against glmmTMB.
#
# tests/reference/compute-related.R fits the models of models-related.R by glmmTMB.

related_reference <- new.env()
sys.source(test_path("..", "reference", "models-related.R"), related_reference)
related_table <- read.csv(
  test_path("..", "reference", "related-peers.csv"), stringsAsFactors = FALSE
)

related_fit <- function(name) {
  model <- related_reference$related_models(list(epilepsy = epilepsy))[[name]]
  family <- if (model$family == "nbinom2") nbinom2() else get(model$family)()
  glmm(model$formula, model$data, family)
}

test_that("series are those of glmmTMB's ar1() and ou()", {
  for (name in unique(related_table$model)) {
    fit <- related_fit(name)
    table <- related_table[related_table$model == name, ]
    value <- stats::setNames(table$value, table$quantity)
    expect_true(fit$convergence$converged, label = name)
    expect_equal(as.numeric(logLik(fit)), value[["logLik"]], tolerance = 1e-9, label = name)
    se <- sqrt(diag(fit$vcov_full))
    beta <- coef(fit)
    expect_lt(max(abs(beta - value[names(beta)]) / se[seq_along(beta)]), 1e-3, label = name)
    r <- if (grepl("ou", name)) exp(-exp(fit$rho)) else tanh(fit$rho)
    series <- grep("^theta_(ar1|ou)", names(fit$theta))
    expect_equal(fit$theta[[series]], value[["sd"]], tolerance = 1e-3, label = name)
    expect_equal(unname(r), value[["r"]], tolerance = 1e-3, label = name)
  }
})

test_that("a Poisson model with AR(1) has the likelihood of an independent computation", {
  # computed with dense matrices and, to 1e-7, by glmmTMB 1.1.5
  fit <- related_fit("poisson_ar1")
  expect_equal(as.numeric(logLik(fit)), -933.0485893, tolerance = 1e-10)
  expect_equal(unname(coef(fit)), c(0.448030, 0.359921), tolerance = 1e-5)
  expect_equal(fit$theta[[1L]], 0.843020, tolerance = 1e-5)
  expect_equal(tanh(fit$rho[[1L]]), 0.666388, tolerance = 1e-5)
})

test_that("linear models are those of generalized least squares, ML and REML", {
  d <- related_reference$related_models(list(epilepsy = epilepsy))$gaussian_ar1$data
  for (REML in c(FALSE, TRUE)) {
    fit <- glmm(y ~ x + ar1(t + 0 | id), d, REML = REML)
    value <- function(fit) {
      K <- ar1_covariance(d$id, d$t, tanh(fit$rho), paste(d$id, d$t, sep = ":"))
      dense_linear_loglik(fit, list(`ar1(id)` = K), REML)
    }
    expect_equal(fit$logLik, value(fit), tolerance = 1e-10)
    expect_lt(max(abs(dense_slope(fit, value)[-(1:2)])), 1e-4)
  }
})

test_that("a tree is the covariance of its tips, for one term and with slopes", {
  skip_if_not_installed("ape")
  set.seed(2)
  tree <- ape::rcoal(25)
  d <- data.frame(species = rep(tree$tip.label, 3), x = rnorm(75))
  K <- ape::vcv(tree)
  K <- K / max(diag(K))
  b <- drop(crossprod(chol(K), rnorm(25)))[match(d$species, rownames(K))]
  d$y <- 1 + d$x + b + rnorm(75)
  d$count <- rpois(75, exp(0.5 + 0.3 * d$x + 0.7 * b))
  for (REML in c(FALSE, TRUE)) {
    fit <- suppressMessages(glmm(y ~ x + phylo(1 | species, tree) + (1 | species), d, REML = REML))
    value <- function(fit) dense_linear_loglik(fit, list(`phylo(species)` = K), REML)
    expect_equal(fit$logLik, value(fit), tolerance = 1e-10)
  }
  fit <- glmm(count ~ x + phylo(x | species, tree), d, poisson())
  value <- function(fit) dense_laplace_loglik(fit, list(`phylo(species)` = K))
  expect_equal(fit$logLik, value(fit), tolerance = 1e-9)
  expect_lt(max(abs(dense_slope(fit, value))), 1e-4)
  # the same levels by their precision or covariance, in another order
  shuffled <- K[sample(25), ]
  shuffled <- shuffled[, rownames(shuffled)]
  same <- glmm(count ~ x + known(x | species, covariance = shuffled), d, poisson())
  expect_equal(same$logLik, fit$logLik, tolerance = 1e-9)
  Q <- Matrix::Matrix(solve(shuffled), sparse = TRUE)
  again <- glmm(count ~ x + known(x | species, precision = Q), d, poisson())
  expect_equal(again$logLik, fit$logLik, tolerance = 1e-9)
  expect_equal(unname(again$theta), unname(fit$theta), tolerance = 1e-4)
  # without its variance the term is not there
  glm <- glm(count ~ x, poisson, d)
  flat <- moved_fit(fit, c(coef(glm), 0 * fit$theta))
  expect_equal(engine_loglik_at(flat, 1L), as.numeric(logLik(glm)), tolerance = 1e-10)
})

test_that("areas have the likelihood of their conditional autoregression", {
  set.seed(4)
  m <- 30
  W <- matrix(0, m, m, dimnames = list(paste0("a", 1:m), paste0("a", 1:m)))
  for (i in 1:(m - 1)) W[i, i + 1] <- W[i + 1, i] <- 1
  for (k in 1:15) W[(k * 7) %% m + 1, (k * 11) %% m + 1] <- 1
  diag(W) <- 0
  W <- pmax(W, t(W))
  d <- data.frame(area = rep(rownames(W), 4), x = rnorm(4 * m))
  Q <- diag(rowSums(W)) - 0.9 * W
  d$y <- rpois(4 * m, exp(1 + 0.2 * d$x + backsolve(chol(Q), rnorm(m))))
  fit <- glmm(y ~ x + car(1 | area, W), d, poisson())
  value <- function(fit) {
    K <- solve(diag(rowSums(W)) - plogis(fit$rho) * W)
    dimnames(K) <- dimnames(W)
    dense_laplace_loglik(fit, list(`car(area)` = K))
  }
  expect_equal(fit$logLik, value(fit), tolerance = 1e-9)
  expect_lt(max(abs(dense_slope(fit, value))), 1e-4)
})

test_that("several related terms and others are in one model", {
  skip_if_not_installed("ape")
  set.seed(6)
  tree <- ape::rcoal(12)
  d <- expand.grid(t = 1:8, species = tree$tip.label, stringsAsFactors = FALSE)
  d$plot <- sample(letters[1:6], nrow(d), TRUE)
  d$y <- rbinom(nrow(d), 6, plogis(rnorm(nrow(d), 0, 0.7)))
  fit <- suppressMessages(glmm(
    cbind(y, 6 - y) ~ t + phylo(1 | species, tree) + ar1(t + 0 | species) + (1 | plot), d,
    binomial()
  ))
  psi <- fit_psi(fit)
  at <- moved_fit(fit, replace(psi, 3:6, c(0.5, 0.7, 0.4, 0.3)))
  labels <- random_factors(fit$design)[[2L]]$levels
  part <- strsplit(labels, ":")
  K <- ar1_covariance(
    vapply(part, `[`, "", 1L), as.numeric(vapply(part, `[`, "", 2L)), tanh(0.3), labels
  )
  tips <- ape::vcv(tree)
  at$modes <- NULL
  expect_equal(
    engine_evaluate(at$design, at$family, fit_psi(at), 1L, 0L, NULL, at$control)$value,
    dense_laplace_loglik(at, list(
      `phylo(species)` = tips / max(tips), `ar1(species)` = K
    )), tolerance = 1e-9
  )
})
