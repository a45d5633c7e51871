# Crossed factors on shards, whose rows are anywhere: the fit to all rows in memory is the
# independent reference.

crossed_shards <- local({
  set.seed(11)
  n <- 900
  d <- data.frame(
    a = sample(25, n, TRUE), b = sample(letters[1:12], n, TRUE), w = sample(9, n, TRUE),
    x = rnorm(n), arm = sample(c("u", "v"), n, TRUE), age = seq_len(n) %% 4 - 1.5, t = rexp(n),
    n = sample(3:6, n, TRUE)
  )
  d$s <- factor(paste0("s", d$a %% 3))
  effects <- list(a = rnorm(25, 0, 0.7), b = rnorm(12, 0, 0.5), slope = rnorm(25, 0, 0.4))
  eta <- 0.3 + 0.5 * d$x + effects$a[d$a] + effects$b[match(d$b, letters)] +
    effects$slope[d$a] * d$age + rnorm(9, 0, 0.5)[d$w]
  d$y <- rbinom(n, 1, plogis(eta))
  d$k <- rbinom(n, d$n, plogis(eta))
  d$z <- eta + rnorm(n)
  d$count <- rpois(n, d$t * exp(eta))
  d$size <- rgamma(n, 2, 2 / exp(eta))
  d$over <- rnbinom(n, size = 2, mu = exp(eta))
  d
})

# Rows anywhere.
scattered <- function(d, k = 4L, ...) {
  d$part_of_rows <- rep_len(seq_len(k), nrow(d))
  shards(write_shards(d, "part_of_rows", k), ...)
}

crossed_fit <- function(..., data, control = exactly()) {
  quietly(do.call(glmm, list(..., data = data, control = control)))
}

test_that("crossed fits to shards are those to all rows", {
  d <- crossed_shards
  s <- scattered(d)
  same <- function(..., tolerance = 1e-8) {
    fits <- lapply(list(s, d), function(data) crossed_fit(..., data = data))
    expect_same_fit(fits[[1L]], fits[[2L]], tolerance)
    expect_identical(fits[[1L]]$convergence$pd, fits[[2L]]$convergence$pd)
    expect_equal(ngrps(fits[[1L]]), ngrps(fits[[2L]]))
    expect_equal(as.data.frame(ranef(fits[[1L]])), as.data.frame(ranef(fits[[2L]])),
      tolerance = 1e-7
    )
  }
  same(y ~ x + arm + (1 | a) + (1 | b), binomial())
  same(y ~ x + s + (1 | a:b) + (1 | w), binomial("cloglog"))
  same(cbind(k, n - k) ~ x + (age || a) + (1 | b), binomial("probit"))
  same(z ~ x + arm + (1 | a) + (1 | b), gaussian())
  same(z ~ x + (age | a) + (1 | b), gaussian(), subset = quote(x > -1), weights = quote(t))
  same(count ~ x + (1 | a) + (1 | b) + (1 | w), poisson(), offset = quote(log(t)))
  same(size ~ x + (1 + age | a) + (1 | b), Gamma("log"))
  same(over ~ x + (1 | a) + (1 | b), nbinom2())
})

test_that("the restricted likelihood of a crossed fit is that of all rows", {
  d <- crossed_shards
  fits <- lapply(list(scattered(d), d), function(data) {
    crossed_fit(z ~ x + arm + (1 | a) + (1 | b), data = data, REML = TRUE)
  })
  for (name in c("beta", "theta", "phi", "logLik")) {
    expect_equal(fits[[1L]][[name]], fits[[2L]][[name]], tolerance = 1e-8)
  }
  expect_equal(vcov(fits[[1L]], "model"), vcov(fits[[2L]], "model"), tolerance = 1e-8)
  # third differences, where rows in memory have a profile
  expect_equal(fits[[1L]]$vcov_full, fits[[2L]]$vcov_full, tolerance = 1e-4)
})

test_that("what a crossed fit to shards answers is that of all rows", {
  d <- crossed_shards
  formula <- y ~ x + s + arm + (1 | a) + (1 | b)
  there <- crossed_fit(formula, binomial(), data = scattered(d))
  here <- crossed_fit(formula, binomial(), data = d)
  new <- rbind(d[c(1, 7, 30), ], transform(d[1:2, ], a = 99))
  V <- there$vcov_full[seq_along(there$beta), seq_along(there$beta)]
  expect_equal(vcov(there, "model"), V)
  less <- function(fit) quietly(update(fit, . ~ . - s))
  plain <- function(x) unname(as.matrix(as.data.frame(x)))
  for (answer in expression(
    vcov(fit, "model"), summary(fit, vcov = "model", df = "between-within")$coefficients,
    summary(fit, vcov = "model", df = "normal")$coefficients, VarCorr(fit), AIC(fit),
    predict(fit, new), predict(fit, new, type = "response", random_effects = "integrate"),
    predict(fit, new, random_effects = "zero"), plain(anova(less(fit), fit, df = Inf)),
    plain(confint(fit, "x", method = "profile", df = Inf))
  )) {
    told <- lapply(list(there, here), function(fit) quietly(eval(answer)))
    expect_equal(told[[1L]], told[[2L]], tolerance = 1e-8, label = deparse(answer)[1L])
  }
  expect_output(print(there), "25 of `a` and 12 of `b` (crossed), in 4 shards", fixed = TRUE)
  expect_output(print(summary(there)), "model-based (no Kenward-Roger in shards)", fixed = TRUE)
})

test_that("the standard error of a prediction is that of all rows", {
  d <- crossed_shards
  fits <- lapply(list(scattered(d), d), function(data) {
    crossed_fit(size ~ x + (1 + age | a) + (1 | b), Gamma("log"), data = data)
  })
  new <- rbind(d[c(1, 7, 30), ], transform(d[1, ], a = 99))
  told <- lapply(fits, function(fit) {
    rows <- new_rows(fit, new, "eb", stats::na.pass)
    engine_eb_variance(fit, rows$X, rows$Z, rows$cluster)
  })
  expect_equal(told[[1L]], told[[2L]], tolerance = 1e-8)
})

test_that("files in any order and any number of workers give the same bits", {
  skip_on_cran()
  d <- crossed_shards
  s <- scattered(d)
  estimates <- function(files, ...) {
    s <- shards(files, ...)
    fit <- glmm(y ~ x + (1 | a) + (1 | b), s, binomial())
    c(unclass(fit)[c("beta", "theta", "logLik", "vcov_full")], ranef(fit))
  }
  files <- unlist(s$pieces)
  alone <- estimates(files)
  expect_identical(estimates(rev(files)), alone)
  expect_identical(estimates(files[c(3, 1, 4, 2)], memory = 0), alone)
  old <- options(socketOptions = "no-delay")
  on.exit(options(old))
  at_once <- c("-e", shQuote("options(socketOptions = 'no-delay')"))
  workers <- parallel::makePSOCKcluster(2L, rscript_args = at_once)
  on.exit(try(parallel::stopCluster(workers), silent = TRUE), add = TRUE)
  expect_identical(estimates(files, cluster = workers), alone)
  expect_identical(estimates(rev(files), cluster = workers[1L]), alone)
  # one of them dies on the way; its shards go to the other
  expect_warning(
    there <- estimates(files, cluster = workers, read = deadly_read(60), memory = 0),
    class = "margmix_warning_workers"
  )
  expect_identical(there, alone)
})

test_that("any split of the rows is the same data", {
  d <- crossed_shards[order(crossed_shards$b), ]
  d$a <- as.double(d$a)
  reference <- crossed_fit(count ~ x + (1 | a) + (1 | b), poisson(), data = d)
  set.seed(2)
  parts <- list(
    match(d$b, letters), # each shard has one level of b
    cumsum(d$a == 1 & !duplicated(d$a)) + 1, # and those of one shard alone
    replace(sample(3, nrow(d), TRUE), 5, 9), # one row
    ifelse(d$a < 9, 1, 2) # no common level of a
  )
  for (part in parts) {
    pieces <- unname(split(d, part))
    pieces[[1L]]$a <- as.integer(pieces[[1L]]$a)
    for (k in seq_along(pieces)) pieces[[k]]$b <- factor(pieces[[k]]$b, rev(unique(d$b)))
    s <- shards(seq_along(pieces), read = function(k) pieces[[k]])
    fit <- crossed_fit(count ~ x + (1 | a) + (1 | b), poisson(), data = s)
    expect_same_fit(fit, reference, 1e-9)
    expect_equal(ranef(fit)$a$`(Intercept)`, ranef(reference)$a$`(Intercept)`, tolerance = 1e-8)
  }
  # one factor may be whole in the shards
  s <- in_shards(d, "a")
  expect_same_fit(crossed_fit(count ~ x + (1 | a) + (1 | b), poisson(), data = s), reference, 1e-9)
})

test_that("equal rows are one row of their shard", {
  d <- crossed_shards
  formula <- y ~ arm + (1 | a) + (1 | b)
  fits <- lapply(list(scattered(d), d), function(data) {
    crossed_fit(formula, binomial(), data = data, control = exactly(collapse = TRUE))
  })
  expect_lt(fits[[1L]]$patterns, nrow(d))
  expect_same_fit(fits[[1L]], fits[[2L]], 1e-9)
  expect_same_fit(fits[[1L]], crossed_fit(formula, binomial(), data = d), 1e-9)
})

# Where a factorisation takes some million multiplications.
large_crossed <- local({
  set.seed(3)
  n <- 6000
  d <- data.frame(a = sample(450, n, TRUE), b = sample(320, n, TRUE), x = rnorm(n))
  eta <- 0.5 * d$x + rnorm(450, 0, 0.8)[d$a] + rnorm(320, 0, 0.6)[d$b]
  d$y <- rbinom(n, 1, plogis(eta))
  d$z <- eta + rnorm(n)
  d
})

test_that("stochastic gradients lead to the same maximum", {
  d <- large_crossed
  for (model in list(
    list(y ~ x + (1 | a) + (1 | b), binomial()), list(z ~ x + (1 | a) + (1 | b), gaussian())
  )) {
    fits <- lapply(list(scattered(d, 5L), d), function(data) {
      do.call(crossed_fit, c(model, list(data = data, control = glmm_control())))
    })
    expect_gt(elimination_plan(fits[[1L]]$design)$flops, 2e6)
    expect_identical(fits[[1L]]$convergence$message, fits[[2L]]$convergence$message)
    for (name in c("beta", "theta", "phi", "logLik")) {
      expect_equal(fits[[1L]][[name]], fits[[2L]][[name]], tolerance = 1e-6)
    }
    # differences of stochastic gradients, at points near the maximum that are not the same
    expect_equal(fits[[1L]]$vcov_full, fits[[2L]]$vcov_full, tolerance = 1e-3)
  }
})

test_that("without a factorisation the log-likelihood has its Monte Carlo error", {
  formula <- y ~ x + (1 | a) + (1 | b)
  fits <- lapply(list(scattered(large_crossed, 5L), large_crossed), function(data) {
    crossed_fit(formula, binomial(), data = data)
  })
  exact <- fits[[1L]]
  found <- lapply(fits, function(fit) fit_design(with_plan(fit$design, budget = 1e4), binomial()))
  here <- found[[1L]]
  expect_equal(here$logLik, found[[2L]]$logLik, tolerance = 1e-8)
  expect_equal(here$rule$mc_sd, found[[2L]]$rule$mc_sd, tolerance = 1e-4)
  for (name in c("beta", "theta")) {
    expect_equal(here[[name]], found[[2L]][[name]], tolerance = 1e-4, ignore_attr = TRUE)
    expect_equal(here[[name]], exact[[name]], tolerance = 0.01, ignore_attr = TRUE)
  }
  expect_gt(here$rule$mc_sd, 0)
  expect_lt(abs(here$logLik - exact$logLik), 4 * here$rule$mc_sd + 0.01)
  expect_equal(sqrt(diag(here$vcov_full)), sqrt(diag(exact$vcov_full)), tolerance = 0.02)
  large <- exact
  large$design <- with_plan(exact$design, budget = 1e4)
  large$rule <- here$rule
  expect_output(print(summary(large)), "Monte Carlo")
  expect_error(ranef(large), class = "margmix_error_too_large")
  expect_equal(ranef(large, condVar = FALSE)$b, ranef(exact, condVar = FALSE)$b)
  expect_error(fit_design(large$design, binomial(), REML = TRUE), class = "margmix_error_too_large")
})

test_that("what can't be fitted to shards of rows that are anywhere is refused", {
  d <- crossed_shards
  d$inner <- paste(d$a, d$w)
  d$same <- d$a + 100
  s <- scattered(d)
  refuse <- function(formula, text, data = s, class = "margmix_error_shards", family = poisson()) {
    error <- expect_error(quietly(glmm(formula, data, family)), class = class)
    expect_match(conditionMessage(error), text, fixed = TRUE)
  }
  refuse(count ~ (1 | a), "`a` in the formula, none in shards()")
  refuse(count ~ (1 | a) + (1 | inner), "shards(files, id = ) names the coarsest")
  refuse(count ~ (1 | a / w), "nested in each other")
  refuse(count ~ (1 | a) + (1 | same), "group the rows in the same way",
    class = "margmix_error_not_identified"
  )
  refuse(count ~ (1 | a) + (1 | nothing), "nothing", class = "margmix_error_frame")
  refuse(count ~ scale(x) + (1 | a) + (1 | b), "computed from its own row")
  refuse(y ~ s(x) + (1 | a) + (1 | b), "smooth terms", family = binomial())
  refuse(same ~ (1 | a) + (1 | b), "constant within every level of `a`",
    class = "margmix_error_residual_variance", family = gaussian()
  )
  refuse(y ~ (1 | a) + (1 | b), "17 clusters of `a` with failures only, 8 with successes only",
    scattered(transform(d, y = +(a < 9))), class = "margmix_error_variance_separation",
    family = binomial()
  )
  refuse(count ~ (1 | a) + (1 | one), "at least two", scattered(transform(d, one = 1)),
    class = "margmix_error_few_clusters"
  )
  expect_error(gee(y ~ x, s, a, family = binomial()), "none in shards()",
    class = "margmix_error_shards", fixed = TRUE
  )
  expect_error(glmm(count ~ x + (1 | a) + (1 | b), s, poisson(), nAGQ = 3),
    class = "margmix_error_nAGQ"
  )
  expect_error(shards(s$pieces, id = 3), class = "margmix_error_argument")
  expect_error(check_cell_count(201, 200), "201 combinations of at most 200",
    class = "margmix_error_too_large"
  )
})

test_that("each function of a crossed fit works or is refused with a class", {
  fit <- quietly(glmm(y ~ x + s + (1 | a) + (1 | b), scattered(crossed_shards), binomial()))
  calls <- list(
    works = expression(
      print(fit), summary(fit), tidy(fit), glance(fit), report(fit), anova(fit), drop1(fit),
      VarCorr(fit), cluster_coefficients(fit), isSingular(fit), diagnose_convergence(fit),
      odds_ratios(fit), confint(fit), plot_data(ranef(fit)), fixef(fit)
    ),
    refused = expression(
      predict(fit), fitted(fit), residuals(fit), simulate(fit), augment(fit), model.matrix(fit),
      rank_clusters(fit), marginal_coefficients(fit), compare_effects(fit), bootstrap(fit, 2),
      diagnose_endogeneity(fit), marginal_standardization(fit, "s"), diagnose_integration(fit),
      diagnose_overdispersion(fit), intraclass_correlation(fit), marginal_covariance(fit),
      getME(fit, "u"), getME(fit, "flist"), component(fit, "X")
    )
  )
  for (outcome in names(calls)) {
    for (call in as.list(calls[[outcome]])) {
      expect_identical(answer_of(eval(call)), outcome, label = deparse(call)[1L])
    }
  }
  expect_error(vcov(fit, "KR"), "crossed factors in shards", class = "margmix_error_kenward_roger")
  expect_error(vcov(fit, "robust"), class = "margmix_error_crossed_clusters")
})
