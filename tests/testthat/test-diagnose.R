# Convergence, overdispersion, integration, endogeneity.

# Covariate x, whose cluster means follow the random intercept b by `bias`.
endogenous_data <- function(seed, bias, m = 40L, n = 6L) {
  set.seed(seed)
  g <- rep(seq_len(m), each = n)
  b <- rnorm(m)
  x <- rnorm(m * n) + rnorm(m)[g] + bias * b[g]
  data.frame(g = g, x = x, y = 0.5 * x + b[g] + rnorm(m * n))
}

test_that("the test of Mundlak is that of the model with cluster means", {
  d <- endogenous_data(1, 1)
  d$mean <- ave(d$x, d$g)
  found <- diagnose_endogeneity(glmm(y ~ x + (1 | g), d))
  by_hand <- glmm(y ~ x + mean + (1 | g), d)
  se <- sqrt(vcov(by_hand, "model")["mean", "mean"])
  expect_equal(found$table$difference, coef(by_hand)[["mean"]], tolerance = 1e-6)
  expect_equal(found$table$within, coef(by_hand)[["x"]], tolerance = 1e-6)
  expect_equal(found$joint$F, (coef(by_hand)[["mean"]] / se)^2, tolerance = 1e-5)
  small <- glmm(y ~ x + (1 | g), d)
  expect_equal(found$joint$LR, 2 * (by_hand$logLik - small$logLik), tolerance = 1e-5)
  # balanced Gaussian data: the effect within clusters is that of fixed cluster effects
  expect_equal(found$table$within, coef(lm(y ~ x + factor(g), d))[["x"]], tolerance = 1e-8)
  expect_true(found$fires)
  expect_snapshot(print(found, digits = 3))
})

test_that("it finds a planted bias, and is silent at its level otherwise", {
  p <- function(bias) {
    vapply(1:60, function(seed) {
      d <- endogenous_data(seed, bias)
      suppressMessages(diagnose_endogeneity(glmm(y ~ x + (1 | g), d)))$joint$p.value
    }, 0)
  }
  expect_gt(mean(p(1) < 0.05), 0.9)
  silent <- mean(p(0) < 0.05)
  expect_lt(silent, 0.05 + 3 * sqrt(0.05 * 0.95 / 60))
})

test_that("an informative cluster size is found", {
  set.seed(4)
  b <- rnorm(60)
  n <- pmax(2, rpois(60, exp(1.3 + 0.5 * b)))
  d <- data.frame(g = rep(seq_len(60), n))
  d$y <- b[d$g] + rnorm(nrow(d))
  found <- diagnose_endogeneity(glmm(y ~ 1 + (1 | g), d))
  expect_true(found$fires)
  expect_identical(rownames(found$table), "rows in the cluster")
  expect_error(diagnose_endogeneity(glmm(y ~ 1 + (1 | g), d), cluster_size = FALSE),
    class = "margmix_error_endogeneity"
  )
})

test_that("factors, and REML fits, are tested too", {
  d <- endogenous_data(2, 0)
  d$f <- factor(c("a", "b", "c")[1 + (seq_len(nrow(d)) * 7) %% 11 %% 3])
  found <- diagnose_endogeneity(glmm(y ~ x + f + (1 | g), d, REML = TRUE))
  expect_identical(rownames(found$table), c("x", "fb", "fc"))
  expect_identical(found$joint$df[1], 3)
  expect_false(found$fires)
  expect_snapshot(error = TRUE, {
    diagnose_endogeneity(lm(y ~ x, d))
    diagnose_endogeneity(result_fit("infection"))
  })
})

test_that("diagnostics of good fits find nothing", {
  for (name in c("infection", "toenail", "epilepsy", "respiratory", "lmm", "reml", "zero")) {
    expect_true(diagnose_convergence(result_fit(name))$ok, label = name)
  }
  for (name in c("toenail", "respiratory", "lmm")) {
    expect_false(diagnose_integration(result_fit(name), tolerance = 0.05)$fires, label = name)
  }
})

test_that("a direction the data hardly determine is named", {
  set.seed(6)
  d <- data.frame(g = rep(1:20, each = 5), x = rnorm(100))
  d$almost <- d$x + 1e-5 * rnorm(100)
  d$y <- d$x + rnorm(20)[d$g] + rnorm(100)
  found <- diagnose_convergence(glmm(y ~ x + almost + (1 | g), d))
  expect_false(found$ok)
  expect_setequal(names(found$weak[[1]]), c("coefficient of x", "coefficient of almost"))
  expect_snapshot(print(found), transform = function(lines) {
    sub("^(Convergence|Eigenvalues).*", "\\1 ...", lines)
  })
  # the units of a covariate are no reason
  expect_true(diagnose_convergence(glmm(y ~ I(1e7 * x) + (1 | g), d))$ok)
})

test_that("a correlation near 1 is named", {
  fit <- result_fit("lmm")
  fit$Lambda[2, 2] <- 1e-4 * fit$Lambda[2, 1]
  fit$Lambda[2, 1] <- 100 * fit$Lambda[2, 1]
  expect_match(diagnose_convergence(fit)$problems, "nearly perfectly correlated", all = FALSE)
})

test_that("overdispersed counts are found, and a negative binomial has none left", {
  poisson_fit <- glmm(seizures ~ treatment + (1 | subject), epilepsy, poisson(), nAGQ = 7)
  seed <- if (exists(".Random.seed", globalenv())) get(".Random.seed", globalenv())
  set.seed(3)
  state <- .Random.seed
  found <- diagnose_overdispersion(poisson_fit, nsim = 99)
  expect_identical(.Random.seed, state)
  expect_true(found$fires)
  expect_gt(found$ratio, 1.5)
  expect_snapshot(print(found, digits = 2))
  again <- diagnose_overdispersion(poisson_fit, nsim = 99)
  expect_identical(again$simulated, found$simulated)
  better <- glmm(seizures ~ treatment + (1 | subject), epilepsy, nbinom2(), nAGQ = 7)
  expect_false(diagnose_overdispersion(better, nsim = 99)$fires)
  expect_snapshot(error = TRUE, {
    diagnose_overdispersion(result_fit("toenail"))
    diagnose_overdispersion(result_fit("lmm"))
  })
})

test_that("overdispersion is silent at its level where there is none", {
  set.seed(11)
  d <- data.frame(g = rep(1:25, each = 5), x = rnorm(125))
  fires <- vapply(1:40, function(i) {
    d$y <- rpois(125, exp(0.8 + 0.3 * d$x + 0.6 * rnorm(25)[d$g]))
    fit <- suppressMessages(glmm(y ~ x + (1 | g), d, poisson(), nAGQ = 5))
    diagnose_overdispersion(fit, nsim = 60, seed = i)$fires
  }, NA)
  expect_lte(sum(fires), 6) # P(more | 5%) = 0.003
})

test_that("overdispersion with nested and with crossed factors", {
  set.seed(5)
  d <- expand.grid(row = 1:4, b = 1:3, a = 1:30)
  d$c <- sample(8L, nrow(d), TRUE)
  d$x <- rnorm(nrow(d))
  common <- 0.5 + 0.3 * d$x + rnorm(30, sd = 0.6)[d$a]
  means <- list(
    "(1 | a/b)" = exp(common + rnorm(90, sd = 0.5)[(d$a - 1L) * 3L + d$b]),
    "(1 | a) + (1 | c)" = exp(common + rnorm(8, sd = 0.4)[d$c])
  )
  for (random in names(means)) {
    mu <- means[[random]]
    formula <- as.formula(paste("y ~ x +", random))
    found <- function(y) {
      d$y <- y
      fit <- suppressMessages(glmm(formula, d, poisson(), nAGQ = 1))
      diagnose_overdispersion(fit, nsim = 60)
    }
    expect_false(found(rpois(nrow(d), mu))$fires)
    over <- found(rnbinom(nrow(d), mu = mu, size = 1.5))
    expect_true(over$fires)
    expect_gt(over$ratio, 1.5)
  }
  # the statistic by hand, at the modes
  d$y <- rpois(nrow(d), means[[1L]])
  fit <- glmm(y ~ x + (1 | a / b), d, poisson(), nAGQ = 1)
  mu <- fitted(fit)
  expect_equal(diagnose_overdispersion(fit, nsim = 2)$statistic, sum((d$y - mu)^2 / mu),
    tolerance = 1e-6
  )
})

test_that("correlated random effects of either of several factors", {
  set.seed(6)
  d <- expand.grid(row = 1:5, b = 1:4, a = 1:40)
  d$leaf <- factor((d$a - 1L) * 4L + d$b)
  d$c <- factor(sample(12L, nrow(d), TRUE))
  ua <- rnorm(40)
  ub <- rnorm(160)
  d$x <- 0.8 * ub[d$leaf] + rnorm(nrow(d)) # correlated with the leaves, by chance little with a
  d$y <- 0.5 * d$x + ua[d$a] + ub[d$leaf] + rnorm(nrow(d))
  fit <- glmm(y ~ x + (1 | a) + (1 | leaf), d)
  leaves <- diagnose_endogeneity(fit, group = "leaf")
  expect_true(leaves$fires)
  expect_identical(leaves$clusters, 160L)
  expect_equal(leaves$table$within, 0.5, tolerance = 0.2)
  # the model with means is that of the user
  d$m <- ave(d$x, d$leaf)
  by_hand <- glmm(y ~ x + m + (1 | a) + (1 | leaf), d)
  expect_equal(leaves$table$difference, coef(by_hand)[["m"]], tolerance = 1e-6)
  expect_equal(leaves$joint$df, c(1, 160 - 2))
  expect_output(print(leaves), "by `leaf`, 160 clusters")
  # crossed, and nothing to find
  d$z <- rbinom(nrow(d), 1, plogis(ua[d$a] + rnorm(12)[d$c]))
  d$w <- rnorm(nrow(d))
  crossed <- glmm(z ~ w + (1 | a) + (1 | c), d, binomial())
  expect_identical(diagnose_endogeneity(crossed)$clusters, 40L)
  expect_identical(diagnose_endogeneity(crossed, group = "c")$clusters, 12L)
  expect_error(diagnose_endogeneity(crossed, group = "d"), class = "margmix_error_argument")
})

test_that("Laplace is found too coarse, by finer rules and by importance sampling", {
  fit <- glmm(
    severe ~ treatment * scheduled + (1 | patient), toenail, binomial(), nAGQ = 1
  )
  found <- diagnose_integration(fit)
  expect_true(found$fires)
  exact <- engine_loglik_at(fit, 101L)
  expect_lt(abs(found$importance$logLik - exact), 5 * found$importance$std.error + 1e-3)
  expect_lt(found$importance$std.error, 0.3)
  expect_equal(sum(found$clusters$logLik), as.numeric(logLik(fit)), tolerance = 1e-9)
  expect_output(print(found), "Laplace is too coarse")
  # estimates move to those of a finer rule
  coarse <- update(fit, nAGQ = 9)
  step <- diagnose_integration(coarse)$estimates
  expect_equal(step$change, unname(fit_psi(update(fit, nAGQ = 19)) - fit_psi(coarse)),
    tolerance = 0.1
  )
})

test_that("importance sampling gives the integral, with two random effects and a dispersion", {
  for (case in list(
    glmm(seizures ~ treatment + (period | subject), epilepsy, nbinom2(), nAGQ = 5),
    glmm(seizures ~ treatment + (1 | subject), epilepsy, poisson(), nAGQ = 5)
  )) {
    found <- importance_estimate(case, 256L, 16L, 1)
    exact <- engine_loglik_at(case, 25L)
    expect_lt(abs(found$logLik - exact), 5 * found$std.error + 1e-4)
    expect_lt(found$std.error, 0.2)
  }
})

test_that("plots are drawn, and package performance has the methods", {
  fit <- glmm(seizures ~ treatment + (1 | subject), epilepsy, poisson(), nAGQ = 3)
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  expect_silent(plot(diagnose_convergence(fit)))
  expect_silent(plot(diagnose_integration(fit)))
  over <- diagnose_overdispersion(fit, nsim = 30)
  expect_silent(plot(over))
  expect_silent(plot(diagnose_endogeneity(glmm(y ~ x + (1 | g), endogenous_data(1, 1)))))
  skip_if_not_installed("performance")
  expect_true(as.logical(performance::check_convergence(fit)))
  expect_false(performance::check_singularity(fit))
  expect_true(performance::check_singularity(result_fit("zero")))
  check <- performance::check_overdispersion(fit, nsim = 30)
  expect_equal(check$dispersion_ratio, over$ratio)
})
