# Spatial fields: against glmmTMB, spaMM and nlme, dense algebra, and what must not change them.
#
# tests/reference/compute-fields.R fits the models of models-fields.R by these packages.

field_reference <- new.env()
sys.source(test_path("..", "reference", "models-fields.R"), field_reference)
field_table <- read.csv(
  test_path("..", "reference", "field-peers.csv"), stringsAsFactors = FALSE
)
field_models <- local({
  models <- NULL
  function() {
    if (is.null(models)) {
      sets <- c(wheat2 = "wheat2.csv", topo = "topo.csv")
      models <<- field_reference$field_models(lapply(sets, function(file) {
        read.csv(test_path("..", "reference", file))
      }))
    }
    models
  }
})

field_fit <- local({
  fits <- list()
  function(name) {
    if (is.null(fits[[name]])) {
      model <- field_models()[[name]]
      family <- if (model$family == "nbinom2") nbinom2() else get(model$family)()
      fits[[name]] <<- glmm(model$formula, model$data, family)
    }
    fits[[name]]
  }
})

# K of the places of a fit, by its definition; labels end in the coordinates.
field_covariance <- function(fit, kernel, dimensions) {
  levels <- random_factors(fit$design)[[1L]]$levels
  part <- do.call(rbind, strsplit(levels, ":"))
  at <- seq(ncol(part) - dimensions + 1L, ncol(part))
  group <- apply(part[, -at, drop = FALSE], 1L, paste, collapse = ":")
  coordinates <- part[, at, drop = FALSE]
  storage.mode(coordinates) <- "double"
  K <- kernel(as.matrix(dist(coordinates)) / exp(fit$rho)) * outer(group, group, "==")
  dimnames(K) <- list(levels, levels)
  stats::setNames(list(K), random_factors(fit$design)[[1L]]$label)
}

with_nugget <- function(k) function(u) (1 - 1e-8) * k(u) + 1e-8 * diag(nrow(u))
kernels <- list(
  exp = function(u) exp(-u), gau = with_nugget(function(u) exp(-u^2)),
  mat = with_nugget(function(u) (1 + u) * exp(-u)),
  smooth = with_nugget(function(u) (1 + u + u^2 / 3) * exp(-u))
)

test_that("fields are those of glmmTMB, of spaMM's Matern() and of nlme's corExp()", {
  for (name in unique(field_table$model)) {
    fit <- field_fit(name)
    expect_true(fit$convergence$converged, label = name)
    of_model <- field_table[field_table$model == name, ]
    for (source in unique(of_model$source)) {
      table <- of_model[of_model$source == source, ]
      value <- stats::setNames(table$value, table$quantity)
      label <- paste(name, source)
      expect_lt(abs(as.numeric(logLik(fit)) - value[["logLik"]]), 1e-5, label = label)
      se <- sqrt(diag(fit$vcov_full))[seq_along(coef(fit))]
      expect_lt(max(abs(coef(fit) - value[names(coef(fit))]) / se), 1e-2, label = label)
      expect_equal(fit$theta[[1L]], value[["sd"]], tolerance = 1e-2, label = label)
      expect_equal(exp(fit$rho[[1L]]), value[["range"]], tolerance = 1e-2, label = label)
    }
  }
})

test_that("likelihoods are those of dense algebra, at their maximum", {
  kinds <- c(
    quakes_exp = "exp", poisson_gau = "gau", binomial_mat = "mat", poisson_mat = "smooth"
  )
  for (name in names(kinds)) {
    fit <- field_fit(name)
    value <- function(fit) {
      dense_laplace_loglik(fit, field_covariance(fit, kernels[[kinds[[name]]]], 2L))
    }
    expect_equal(fit$logLik, value(fit), tolerance = 1e-8, label = name)
    if (name == "poisson_mat") expect_lt(max(abs(dense_slope(fit, value))), 1e-4)
  }
  d <- field_models()$topo_mat$data
  for (REML in c(FALSE, TRUE)) {
    fit <- glmm(z ~ 1 + mat(x + y | 1), d, REML = REML)
    value <- function(fit) {
      dense_linear_loglik(fit, field_covariance(fit, kernels$mat, 2L), REML)
    }
    expect_equal(fit$logLik, value(fit), tolerance = 1e-10)
    expect_lt(max(abs(dense_slope(fit, value)[-1L])), 1e-4)
  }
})

test_that("a smooth field with one row a place is fitted to the end", {
  set.seed(3100)
  d <- data.frame(x = runif(100), y = runif(100))
  K <- exp(-as.matrix(stats::dist(d))^2 / 0.45^2)
  d$z <- drop(crossprod(chol(K + diag(1e-10, 100)), rnorm(100))) + rnorm(100, sd = 0.5)
  for (REML in c(FALSE, TRUE)) {
    expect_no_warning(fit <- glmm(z ~ 1 + gau(x + y | 1), d, REML = REML))
    value <- function(fit) {
      dense_linear_loglik(fit, field_covariance(fit, kernels$gau, 2L), REML)
    }
    expect_equal(fit$logLik, value(fit), tolerance = 1e-8)
    expect_lt(max(abs(dense_slope(fit, value)[-1L])), 1e-4)
  }
})

test_that("the gradient in the range is that of the value", {
  skip_if_not_installed("numDeriv")
  differs <- function(name, psi, tolerance, ...) {
    fit <- field_fit(name)
    at <- function(x, order) {
      engine_evaluate(fit$design, fit$family, x, 1L, order, NULL, fit$control)
    }
    differences <- numDeriv::grad(function(x) at(x, 0L)$value, psi, method.args = list(...))
    expect_equal(
      as.numeric(at(psi, 1L)$gradient), differences, tolerance = tolerance, label = name
    )
  }
  near <- function(name) fit_psi(field_fit(name)) + 0.1
  for (name in c("negative_exp", "poisson_mat")) differs(name, near(name), 1e-7)
  # Where the matrix of gau() is regular, at a short range, and at the estimates, where it is
  # singular but for its nugget: values have nine digits, and differences are of long steps.
  short <- near("poisson_gau")
  short[[length(short)]] <- log(0.1)
  differs("poisson_gau", short, 1e-8)
  differs("poisson_gau", near("poisson_gau"), 1e-6, d = 1e-2, r = 6)
})

test_that("units, the order of rows and another spelling change nothing", {
  fit <- field_fit("binomial_mat")
  d <- field_models()$binomial_mat$data
  same <- function(formula, data, range = exp(fit$rho[[1L]])) {
    other <- glmm(formula, data, binomial())
    expect_equal(as.numeric(logLik(other)), as.numeric(logLik(fit)), tolerance = 1e-9)
    expect_equal(unname(coef(other)), unname(coef(fit)), tolerance = 1e-4)
    if (length(other$rho)) expect_equal(exp(other$rho[[1L]]), range, tolerance = 1e-3)
  }
  same(y ~ x + mat(u + v | g), transform(d, u = 1000 * u, v = 1000 * v), 1000 * exp(fit$rho[[1L]]))
  set.seed(1)
  same(y ~ x + mat(v + 0 + u | g, nu = 1.5), d[sample(nrow(d)), ])
  same(y ~ x + mat(where + 0 | g), d)
  d$place <- paste(d$g, d$u, d$v, sep = ":")
  K <- field_covariance(fit, kernels$mat, 2L)[[1L]]
  dimnames(K) <- rep(list(random_factors(fit$design)[[1L]]$levels), 2L)
  same(y ~ x + known(1 | place, covariance = K), d)
  expect_equal(
    logLik(glmm(y ~ x + mat(u + v | g, nu = 0.5), d, binomial())),
    logLik(glmm(y ~ x + exp(u + v | g), d, binomial())), tolerance = 1e-9
  )
})

test_that("with all neighbours, each place given those before it is the dense field", {
  for (name in c("topo_mat", "poisson_mat")) {
    fit <- field_fit(name)
    model <- field_models()[[name]]
    formula <- if (name == "topo_mat") {
      z ~ 1 + mat(x + y | 1, dense = 0, neighbours = 500)
    } else {
      y ~ x + mat(u + v | g, nu = 2.5, dense = 0, neighbours = 500)
    }
    chain <- glmm(formula, model$data, get(model$family)())
    expect_equal(as.numeric(logLik(chain)), as.numeric(logLik(fit)), tolerance = 1e-8)
    few <- update(chain, as.formula(gsub("500", "20", deparse1(formula))))
    expect_lt(abs(as.numeric(logLik(few)) - as.numeric(logLik(fit))), 0.2)
    expect_output(print(few), "each place given 20 neighbours")
  }
})
