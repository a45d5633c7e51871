# Covariances of random effects whose entries depend on each other.

# Levels of g with an effect of each of q conditions f, sds sd and correlation rho.
conditions_data <- function(q, rho, sd = seq(0.7, 1.4, length.out = q), m = 40L, n = 5L, seed = 3) {
  set.seed(seed)
  d <- expand.grid(row = seq_len(n), f = factor(letters[seq_len(q)]), g = seq_len(m))
  R <- matrix(rho, q, q)
  diag(R) <- 1
  b <- matrix(rnorm(m * q), m) %*% chol(R) %*% diag(sd)
  d$x <- rnorm(nrow(d))
  d$arm <- d$g %% 2L
  eta <- -0.3 + 0.5 * d$x + b[cbind(d$g, as.integer(d$f))]
  d$event <- rbinom(nrow(d), 1L, plogis(eta))
  d$z <- eta + rnorm(nrow(d))
  d
}

quiet <- function(...) suppressMessages(suppressWarnings(glmm(...)))

test_that("with two effects compound symmetry is the unstructured covariance", {
  d <- conditions_data(2L, 0.3)
  free <- quiet(event ~ x + arm + (0 + f | g), d, binomial(), nAGQ = 9)
  cs <- quiet(event ~ x + arm + cs(0 + f | g), d, binomial(), nAGQ = 9)
  near <- function(answer, tolerance = 1e-5) {
    expect_equal(answer(cs), answer(free), tolerance = tolerance)
  }
  near(logLik, 1e-9)
  near(coef)
  near(function(fit) unclass(VarCorr(fit))$g)
  near(function(fit) vcov(fit, "model", full = TRUE), 1e-4)
  near(function(fit) vcov(fit, "KC"))
  cluster <- cbind(rep(c(1L, NA, 2L), 3L))
  near(function(fit) {
    engine_eb_variance(fit, design_X(fit$design)[1:9, ], design_Z(fit$design)[1:9, ], cluster)
  })
  near(function(fit) as.matrix(ranef(fit)$g))
  near(function(fit) as.data.frame(marginal_standardization(fit, "arm", vcov = "model"))$std.error)
  near(function(fit) as.data.frame(marginal_standardization(fit, "arm"))$std.error)
  near(function(fit) marginal_coefficients(fit)$std.error)
  near(function(fit) unclass(confint(fit, "sd_")), 1e-4)
  expect_identical(simulate(cs, 2L, seed = 1)[1:9, ], simulate(free, 2L, seed = 1)[1:9, ])
})

test_that("profile limits of standard deviations are those of the unstructured covariance", {
  d <- conditions_data(2L, 0.3)
  free <- quiet(event ~ x + (0 + f | g), d, binomial(), nAGQ = 1)
  cs <- quiet(event ~ x + cs(0 + f | g), d, binomial(), nAGQ = 1)
  rows <- c("x", "sd_fa|g", "sd_fb|g")
  limits <- function(fit) matrix(confint(fit, rows, method = "profile", df = Inf), 3L)
  expect_equal(limits(cs), limits(free), tolerance = 1e-4)
})

test_that("gradient and Hessian of the search are those of differences", {
  skip_if_not_installed("numDeriv")
  d <- conditions_data(3L, 0.4, m = 12L)
  d$h <- factor(d$row)
  formulas <- list(
    event ~ x + cs(0 + f | g), event ~ x + homcs(0 + f | g), event ~ x + homdiag(0 + f | g),
    event ~ x + toep(0 + f | g), event ~ x + cs(0 + f | g) + (1 | h)
  )
  for (formula in formulas) {
    fit <- quiet(formula, d, binomial(), nAGQ = 1)
    map <- parameter_map(fit$design, fit$family, c(fit$start_glm, list(info_pd = FALSE)))
    problem <- list(design = fit$design, family = fit$family, map = map, control = fit$control)
    x <- pmin(pmax(map$x(fit_psi(fit)) + 0.1, -2), 2)
    expect_equal(map$x(map$psi(x)), x, tolerance = 1e-10)
    objective <- objective_at(problem, 1L, fit$modes, 2L)
    expect_equal(objective$gradient(x), numDeriv::grad(objective$value, x), tolerance = 1e-7)
    H <- numDeriv::jacobian(objective$gradient, x)
    # that of crossed factors is one of differences itself
    digits <- if (factor_count(fit$design) > 1L) 1e-5 else 1e-7
    expect_equal(objective$hessian(x), (H + t(H)) / 2, tolerance = digits)
  }
})

test_that("the likelihood of a linear model is that of its normal distribution", {
  d <- conditions_data(3L, 0.4)
  fit <- quiet(z ~ x + cs(0 + f | g), d, gaussian())
  S <- VarCorr(fit)$g
  one <- d$g == 1L
  at <- as.integer(d$f[one])
  R <- chol(S[at, at] + sigma(fit)^2 * diag(sum(one)))
  values <- vapply(split(d, d$g), function(part) {
    e <- backsolve(R, part$z - cbind(1, part$x) %*% coef(fit), transpose = TRUE)
    -sum(log(diag(R))) - length(e) / 2 * log(2 * pi) - sum(e^2) / 2
  }, 0)
  expect_equal(as.numeric(logLik(fit)), sum(values), tolerance = 1e-10)
  expect_equal(diff(range(attr(S, "correlation")[lower.tri(S)])), 0, tolerance = 1e-12)
  expect_equal(attr(logLik(fit), "df"), 2L + 4L + 1L)
})

test_that("fits are those of glmmTMB", {
  skip_if_not_installed("glmmTMB")
  d <- conditions_data(3L, 0.4)
  fit <- quiet(event ~ x + cs(0 + f | g), d, binomial(), nAGQ = 1)
  peer <- suppressWarnings(glmmTMB::glmmTMB(event ~ x + cs(0 + f | g), d, binomial()))
  expect_equal(as.numeric(logLik(fit)), as.numeric(logLik(peer)), tolerance = 1e-7)
  expect_equal(coef(fit), glmmTMB::fixef(peer)$cond, tolerance = 1e-4)
  expect_equal(vcov(fit, "model"), vcov(peer)$cond, tolerance = 1e-3)
  theirs <- glmmTMB::VarCorr(peer)$cond$g
  expect_equal(c(VarCorr(fit)$g), c(theirs[1:3, 1:3]), tolerance = 1e-3)
})

test_that("independent effects of one variance are intercepts of the cells", {
  d <- conditions_data(3L, 0, sd = rep(1, 3L))
  d$cell <- interaction(d$g, d$f)
  cells <- quiet(event ~ x + (1 | cell), d, binomial(), nAGQ = 1)
  fit <- quiet(event ~ x + homdiag(0 + f | g), d, binomial(), nAGQ = 1)
  expect_equal(as.numeric(logLik(fit)), as.numeric(logLik(cells)), tolerance = 1e-9)
  expect_equal(coef(fit), coef(cells), tolerance = 1e-5)
  expect_equal(vcov(fit, "model"), vcov(cells, "model"), tolerance = 1e-4)
  expect_equal(attr(logLik(fit), "df"), 3L)
})

test_that("equal variances and correlations are intercepts of levels and cells", {
  d <- conditions_data(3L, 0.5, sd = rep(1, 3L))
  sums <- quiet(z ~ x + (1 | g / f), d, gaussian())
  fit <- quiet(z ~ x + homcs(0 + f | g), d, gaussian())
  expect_equal(as.numeric(logLik(fit)), as.numeric(logLik(sums)), tolerance = 1e-9)
  v <- vapply(VarCorr(sums), c, 0)
  expect_equal(VarCorr(fit)$g[1:2, 1L], c(fa = sum(v), fb = v[[1L]]), tolerance = 1e-4)
})

test_that("a variance of zero and a correlation of 1 are found and said", {
  d <- conditions_data(3L, 0.3, m = 30L)
  d$y <- d$z
  b <- d$f == "b"
  d$y[b] <- rep(scale(1:5), length.out = sum(b)) # the same in each level
  set.seed(2)
  expect_message(fit <- glmm(y ~ x + cs(0 + f | g), d, gaussian()), "zero")
  expect_identical(fit$theta[["theta_g.fb"]], 0)
  expect_true(is.finite(as.numeric(logLik(fit))))
  expect_true(fit$convergence$converged)
  e <- rnorm(nrow(d))
  d$y <- rnorm(30)[d$g] + e - ave(e, d$g, d$f) # cells of a level have one mean
  expect_message(fit <- glmm(y ~ x + cs(0 + f | g), d, gaussian()), "perfectly correlated")
  S <- attr(VarCorr(fit)$g, "correlation")
  expect_equal(S[lower.tri(S)], c(1, 1, 1))
})

test_that("a zero beside negative correlations is a maximum of the other parameters", {
  d <- conditions_data(4L, -0.2, m = 30L)
  a <- d$f == "a"
  d$z[a] <- rep(scale(1:5), length.out = sum(a)) # the same in each level
  fit <- quiet(z ~ x + cs(0 + f | g), d, gaussian())
  expect_identical(fit$theta[["theta_g.fa"]], 0)
  expect_lt(attr(VarCorr(fit)$g, "correlation")["fc", "fb"], 0)
  expect_true(fit$convergence$converged)
})

test_that("formulas go through update() and refit(), starts are taken", {
  d <- conditions_data(3L, 0.4)
  fit <- quiet(event ~ x + cs(0 + f | g), d, binomial(), nAGQ = 1)
  smaller <- suppressMessages(update(fit, . ~ . - x))
  expect_match(paste(deparse(formula(smaller)), collapse = ""), "cs(0 + f | g)", fixed = TRUE)
  again <- suppressMessages(update(fit, start = fit))
  expect_equal(as.numeric(logLik(again)), as.numeric(logLik(fit)), tolerance = 1e-9)
  expect_lte(again$convergence$evaluations, fit$convergence$evaluations)
})

test_that("what a structured covariance does not have is refused", {
  d <- conditions_data(2L, 0.3, m = 10L)
  expect_snapshot(error = TRUE, {
    glmm(event ~ x + cs(1 | g), d, binomial())
    glmm(event ~ x + cs(0 + f | g), d, binomial(), REML = TRUE)
    glmm(event ~ x + homtoep(0 + f | g), d, binomial())
  })
})

test_that("a convergence check knows that the entries of Lambda are not free", {
  d <- conditions_data(4L, 0.4)
  fit <- quiet(z ~ x + cs(0 + f | g), d, gaussian())
  found <- diagnose_convergence(fit)
  expect_true(found$ok)
  expect_length(found$eigenvalues, 2L + 5L + 1L)
})

test_that("nested factors are integrated with a structured covariance", {
  d <- conditions_data(2L, 0.3, m = 24L)
  d$h <- d$g %/% 4L
  free <- quiet(event ~ x + (0 + f | h / g), d, binomial(), nAGQ = c(3, 3))
  cs <- quiet(event ~ x + cs(0 + f | h / g), d, binomial(), nAGQ = c(3, 3))
  expect_equal(as.numeric(logLik(cs)), as.numeric(logLik(free)), tolerance = 1e-7)
  expect_equal(vcov(cs, "model"), vcov(free, "model"), tolerance = 1e-3)
})
