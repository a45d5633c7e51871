fit_counts <- function() {
  glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial(), nAGQ = 5)
}

test_that("responses come back in the form they were given in", {
  set.seed(5)
  d <- data.frame(g = rep(1:30, each = 4), x = rnorm(120), n = rep(c(5, 9, 7, 2), 30))
  d <- d[sample(120), ]
  p <- plogis(d$x + rnorm(30)[d$g])
  d$one <- rbinom(120, 1, p)
  d$logical <- d$one == 1
  d$factor <- factor(ifelse(d$logical, "yes", "no"), levels = c("no", "yes", "unused"))
  d$share <- rbinom(120, d$n, p) / d$n
  d$integer <- rpois(120, exp(d$x))
  d$double <- as.numeric(d$integer)
  d$trials <- 1
  draw <- function(formula, family = binomial()) {
    fit <- suppressMessages(glmm(formula, d, family, weights = trials, nAGQ = 3))
    simulate(fit, 2, seed = 1)
  }
  one <- draw(one ~ x + (1 | g))
  expect_identical(names(one), c("sim_1", "sim_2"))
  expect_identical(row.names(one), row.names(d))
  expect_type(one$sim_1, "integer")
  expect_true(all(one$sim_1 %in% 0:1))
  logical <- draw(logical ~ x + (1 | g))
  expect_identical(logical$sim_1, one$sim_1 == 1)
  factor <- draw(factor ~ x + (1 | g))
  expect_identical(levels(factor$sim_1), levels(d$factor))
  expect_identical(factor$sim_1 == "yes", logical$sim_1)

  counts <- draw(cbind(won = share * n, lost = n - share * n) ~ x + (1 | g))
  share <- simulate(glmm(share ~ x + (1 | g), d, binomial(), weights = n, nAGQ = 3), 2, seed = 1)
  expect_identical(colnames(counts$sim_1), c("won", "lost"))
  expect_equal(rowSums(counts$sim_1), d$n)
  expect_equal(share$sim_1, counts$sim_1[, "won"] / d$n)

  expect_type(draw(integer ~ x + (1 | g), poisson())$sim_2, "integer")
  expect_type(draw(double ~ x + (1 | g), poisson())$sim_2, "double")
  expect_type(draw(x ~ n + (1 | g), gaussian())$sim_2, "double")
  expect_false(all(draw(integer ~ n + (1 | g), gaussian())$sim_2 %% 1 == 0))
})

test_that("seeds work as in stats::simulate()", {
  fit <- fit_counts()
  set.seed(8)
  state <- .Random.seed
  one <- simulate(fit, 2, seed = 3)
  expect_identical(.Random.seed, state)
  expect_identical(as.numeric(attr(one, "seed")), 3)
  expect_identical(attr(attr(one, "seed"), "kind"), as.list(RNGkind()))
  expect_identical(simulate(fit, 2, seed = 3), one)
  free <- simulate(fit)
  expect_identical(attr(free, "seed"), state)
  expect_false(identical(.Random.seed, state))
  assign(".Random.seed", attr(free, "seed"), globalenv())
  expect_identical(simulate(fit), free)
})

test_that("new random effects have the distribution of the model", {
  fit <- glmm(seizures ~ treatment + period + (period | subject), epilepsy, poisson(), nAGQ = 1)
  fit$Lambda <- fit$Lambda / 2 # moderate, so that moments settle
  y <- as.matrix(simulate(fit, 4000, seed = 1))
  expect_equal(rowMeans(y) / predict(fit, type = "response", random_effects = "integrate"),
    rep(1, nrow(y)), tolerance = 0.03, ignore_attr = TRUE
  )
  # Cov(Y_s, Y_t) = mu_s mu_t (exp(z_s' Lambda Lambda' z_t) - 1)
  rows <- which(epilepsy$subject == 3)
  Z <- cbind(1, epilepsy$period[rows])
  mu <- predict(fit, type = "response", random_effects = "integrate")[rows]
  expected <- outer(mu, mu) * expm1(Z %*% tcrossprod(fit$Lambda) %*% t(Z)) + diag(mu)
  expect_equal(cov(t(y[rows, ])) / expected, matrix(1, 4, 4), tolerance = 0.15, ignore_attr = TRUE)
  # different clusters are independent
  expect_lt(abs(cor(y[1, ], y[5, ])), 0.06)
})

test_that("given random effects are kept", {
  fit <- fit_counts()
  y <- simulate(fit, 2000, seed = 1, re.form = NULL)
  share <- rowMeans(vapply(y, function(m) m[, 1], numeric(16))) / infection$n
  expect_equal(share, unname(fitted(fit)), tolerance = 0.03)
  variance <- apply(vapply(y, function(m) m[, 1], numeric(16)), 1, var)
  expect_equal(variance, unname(infection$n * fitted(fit) * (1 - fitted(fit))), tolerance = 0.1)
})

test_that("Gaussian weights are precisions, frequencies are not", {
  d <- transform(epilepsy, w = ifelse(period == 1, 100, 1), y = log(seizures + 1))
  fit <- glmm(y ~ treatment + (1 | subject), d, weights = w)
  spread <- function(fit) {
    y <- as.matrix(simulate(fit, 1000, seed = 1, re.form = NULL))
    unname(apply(y, 1, sd))[1:2]
  }
  expect_equal(spread(fit), sigma(fit) / c(10, 1), tolerance = 0.1)
  counted <- update(fit, control = glmm_control(weights_type = "frequency"))
  expect_equal(spread(counted), sigma(counted) * c(1, 1), tolerance = 0.1)
})

test_that("new data, with known and new clusters", {
  fit <- fit_counts()
  new <- data.frame(clinic = c(9, 3, 9, 10), treatment = "drug")
  y <- simulate(fit, 3000, seed = 1, re.form = NULL, newdata = new, trials = c(50, 50, 50, 50))
  share <- vapply(y, function(m) m[, 1], numeric(4)) / 50
  expect_equal(unname(rowMeans(share)),
    unname(suppressMessages(predict(fit, new, "response"))), tolerance = 0.03
  )
  expect_gt(cor(share[1, ], share[3, ]), 0.7)
  expect_lt(abs(cor(share[1, ], share[4, ])), 0.06)
  expect_lt(sd(share[2, ]), 0.08)
  expect_gt(sd(share[4, ]), 0.15)
  new$treatment[2] <- NA
  expect_identical(is.na(simulate(fit, newdata = new)$sim_1[, 1]), c(FALSE, TRUE, FALSE, FALSE))
})

test_that("rows that were left out are NA", {
  d <- epilepsy
  d$age[c(2, 9)] <- NA
  fit <- glmm(seizures ~ age + (1 | subject), d, poisson(), nAGQ = 3, na.action = na.exclude)
  y <- simulate(fit, 2, seed = 1)
  expect_identical(which(is.na(y$sim_2)), c(2L, 9L))
  expect_identical(row.names(y), row.names(d))
  omitted <- simulate(update(fit, na.action = na.omit), 2, seed = 1)
  expect_identical(omitted$sim_2, y$sim_2[-c(2, 9)])
  expect_identical(row.names(omitted), row.names(d)[-c(2, 9)])
})

test_that("simulated data recover the parameters", {
  d <- expand.grid(visit = 0:4, id = 1:600)
  d$treated <- d$id %% 2
  d$y <- rep(0:1, length.out = nrow(d))
  fit <- suppressMessages(glmm(y ~ treated * visit + (visit | id), d, binomial(), nAGQ = 1))
  truth <- c(0.4, -0.5, -0.2, 0.3)
  fit$coefficients[] <- truth
  fit$Lambda[] <- matrix(c(1.2, -0.2, 0, 0.4), 2)
  d$y <- simulate(fit, seed = 7)$sim_1
  again <- glmm(y ~ treated * visit + (visit | id), d, binomial(), nAGQ = 7)
  z <- (c(coef(again), again$theta) - c(truth, 1.2, -0.2, 0.4)) / sqrt(diag(again$vcov_full))
  expect_lt(max(abs(z)), 3)
})

test_that("conditions are classed", {
  fit <- fit_counts()
  suppressWarnings(fractional <- update(fit, cbind(success + 0.5, n - success) ~ .))
  d <- transform(infection, any = success > 2, w = 3)
  suppressWarnings(
    repeated <- glmm(any ~ treatment + (1 | clinic), d, binomial(), weights = w, nAGQ = 3)
  )
  identity <- glmm(seizures ~ treatment + (1 | subject), epilepsy, poisson("sqrt"), nAGQ = 3)
  identity$family <- poisson("identity")
  new <- data.frame(clinic = 1:2, treatment = "drug")
  skip_on_cran()
  expect_snapshot(error = TRUE, {
    simulate(fractional)
    simulate(repeated)
    simulate(fit, newdata = new, trials = 1:3)
    simulate(fit, re.form = ~ (1 | clinic))
    simulate(fit, sed = 1)
  })
  expect_snapshot(y <- simulate(identity, seed = 1))
  expect_true(anyNA(y$sim_1))
})
