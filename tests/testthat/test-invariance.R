# The same question asked in another way has the same answer.

binary_data <- function(seed = 41, m = 25L, rows = 5L) {
  set.seed(seed)
  n <- m * rows
  d <- data.frame(id = rep(seq_len(m), rows), x = rnorm(n), g = sample(letters[1:3], n, TRUE))
  eta <- -0.3 + 0.6 * d$x + 0.4 * (d$g == "b") + rnorm(m, sd = 1.1)[d$id]
  d$y <- rbinom(n, 1, plogis(eta))
  d$count <- rpois(n, exp(0.3 + 0.6 * eta))
  d$size <- 1 + seq_len(n) %% 4
  d$successes <- rbinom(n, d$size, plogis(eta))
  d$response <- eta + rnorm(n)
  d
}

# Boundary notes are not the subject here.
logit_fit <- function(data, formula = y ~ x + g + (1 | id)) {
  suppressMessages(glmm(formula, data, binomial(), nAGQ = 9))
}

# Estimates to 1e-5 standard errors, the log-likelihood to 1e-9.
expect_same_fit <- function(a, b, info = NULL) {
  expect_equal(as.numeric(logLik(a)), as.numeric(logLik(b)), tolerance = 1e-9, info = info)
  se <- sqrt(diag(vcov(a)))
  expect_lt(max(abs(coef(a) - coef(b)) / se), 1e-5, label = info)
  expect_equal(unname(vcov(a, full = TRUE)), unname(vcov(b, full = TRUE)),
    tolerance = 1e-5, info = info
  )
  expect_equal(unname(component(a, "Sigma")), unname(component(b, "Sigma")),
    tolerance = 1e-5, info = info
  )
}

test_that("the order of the rows does not matter", {
  d <- binary_data()
  fit <- logit_fit(d, y ~ x + g + (x | id))
  set.seed(1)
  for (rows in list(sample(nrow(d)), rev(seq_len(nrow(d))), order(d$y))) {
    shuffled <- logit_fit(d[rows, ], y ~ x + g + (x | id))
    expect_same_fit(fit, shuffled)
    expect_equal(fitted(fit)[rows], fitted(shuffled), tolerance = 1e-6, ignore_attr = TRUE)
    expect_equal(ranef(fit)$id, ranef(shuffled)$id, tolerance = 1e-5, ignore_attr = TRUE)
  }
})

test_that("nor do the labels of the clusters", {
  d <- binary_data()
  fit <- logit_fit(d)
  set.seed(2)
  codes <- sample(1000, 25)
  labels <- list(
    gaps = codes[d$id], negative = -d$id, double = d$id + 0.5, large = 1e15 + d$id,
    character = paste0("ward ", codes)[d$id], unsorted = letters[(d$id * 7) %% 25 + 1],
    factor = factor(paste0("w", d$id), levels = sample(paste0("w", 1:30))),
    date = as.Date("2020-01-01") + d$id
  )
  for (name in names(labels)) {
    d$id <- labels[[name]]
    expect_same_fit(fit, logit_fit(d), info = name)
  }
})

test_that("a weight of 2 is a row written twice", {
  d <- binary_data()
  twice <- rep(seq_len(nrow(d)), rep_len(c(1, 2, 1, 3), nrow(d)))
  d$w <- rep_len(c(1, 2, 1, 3), nrow(d))
  weighted <- glmm(y ~ x + g + (1 | id), d, binomial(), weights = w, nAGQ = 9)
  expect_same_fit(weighted, logit_fit(d[twice, ]), info = "trials")
  for (type in c("prior", "frequency")) {
    control <- glmm_control(weights_type = type)
    weighted <- glmm(count ~ x + (1 | id), d, poisson(),
      weights = w, nAGQ = 9, control = control
    )
    repeated <- glmm(count ~ x + (1 | id), d[twice, ], poisson(), nAGQ = 9)
    expect_same_fit(weighted, repeated, "Poisson")
    counts <- cbind(successes, size - successes) ~ x + (1 | id)
    weighted <- glmm(counts, d, binomial(), weights = w, nAGQ = 9, control = control)
    expect_same_fit(weighted, glmm(counts, d[twice, ], binomial(), nAGQ = 9), "cbind")
  }
  frequency <- glmm_control(weights_type = "frequency")
  for (REML in c(FALSE, TRUE)) {
    expect_same_fit(
      glmm(response ~ x + (1 | id), d, weights = w, REML = REML, control = frequency),
      glmm(response ~ x + (1 | id), d[twice, ], REML = REML), "Gaussian"
    )
  }
  positive <- exp(response / 4) ~ x + (1 | id)
  expect_same_fit(
    glmm(positive, d, gaussian("log"), weights = w, nAGQ = 5, control = frequency),
    glmm(positive, d[twice, ], gaussian("log"), nAGQ = 5), "Gaussian log"
  )
})

test_that("a row of weight 0 is a row left out", {
  d <- binary_data()
  d$w <- rep_len(c(1, 1, 0), nrow(d))
  weighted <- glmm(y ~ x + g + (1 | id), d, binomial(), weights = w, nAGQ = 9)
  expect_same_fit(weighted, logit_fit(d[d$w > 0, ]))
  expect_same_fit(
    glmm(response ~ x + (1 | id), d, weights = w), glmm(response ~ x + (1 | id), d[d$w > 0, ])
  )
})

test_that("counts, proportions and single trials are one likelihood up to a constant", {
  d <- binary_data()
  counts <- glmm(cbind(successes, size - successes) ~ x + (1 | id), d, binomial(), nAGQ = 9)
  share <- glmm(successes / size ~ x + (1 | id), d, binomial(), weights = size, nAGQ = 9)
  expect_same_fit(counts, share)
  long <- d[rep(seq_len(nrow(d)), d$size), ]
  long$y <- unlist(Map(function(y, n) rep(1:0, c(y, n - y)), d$successes, d$size))
  single <- glmm(y ~ x + (1 | id), long, binomial(), nAGQ = 9)
  expect_equal(coef(counts), coef(single), tolerance = 1e-6)
  expect_equal(vcov(counts), vcov(single), tolerance = 1e-6)
  expect_equal(vcov(counts, "MBN"), vcov(single, "MBN"), tolerance = 1e-6)
  expect_equal(
    as.numeric(logLik(counts) - logLik(single)), sum(lchoose(d$size, d$successes)),
    tolerance = 1e-9
  )
  coded <- transform(d, f = factor(y, labels = c("no", "yes")), t = y == 1)
  expect_same_fit(logit_fit(d), logit_fit(coded, f ~ x + g + (1 | id)), info = "factor")
  expect_same_fit(logit_fit(d), logit_fit(coded, t ~ x + g + (1 | id)), info = "logical")
})

test_that("a constant in the offset moves the intercept alone", {
  d <- binary_data()
  for (family in list(binomial(), poisson(), gaussian())) {
    response <- c(binomial = "y", poisson = "count", gaussian = "response")[[family$family]]
    formula <- reformulate(c("x", "(1 | id)"), response)
    d$shift <- 3
    fit <- glmm(formula, d, family, nAGQ = 9)
    moved <- glmm(formula, d, family, offset = shift, nAGQ = 9)
    expect_equal(coef(moved) + c(3, 0), coef(fit), tolerance = 1e-6, info = family$family)
    expect_equal(vcov(moved, full = TRUE), vcov(fit, full = TRUE), tolerance = 1e-5)
    expect_equal(as.numeric(logLik(moved)), as.numeric(logLik(fit)), tolerance = 1e-9)
    in_formula <- glmm(update(formula, . ~ . + offset(shift)), d, family, nAGQ = 9)
    expect_same_fit(moved, in_formula)
  }
})

test_that("failures counted as successes turn the signs", {
  d <- binary_data()
  for (link in c("logit", "probit", "cauchit")) {
    fit <- glmm(y ~ x + (1 | id), d, binomial(link), nAGQ = 9)
    flipped <- glmm(1 - y ~ x + (1 | id), d, binomial(link), nAGQ = 9)
    expect_equal(coef(flipped), -coef(fit), tolerance = 1e-5, info = link)
    expect_equal(flipped$logLik, fit$logLik, tolerance = 1e-9, info = link)
    expect_equal(vcov(flipped), vcov(fit), tolerance = 1e-5, info = link)
  }
})

test_that("one node is Laplace, and many nodes agree with more", {
  d <- binary_data()
  laplace <- glmm(y ~ x + (1 | id), d, binomial(), nAGQ = 1)
  expect_identical(component(laplace, "rule")$method, "Laplace")
  fit <- glmm(y ~ x + (1 | id), d, binomial(), nAGQ = 25)
  expect_same_fit(fit, glmm(y ~ x + (1 | id), d, binomial(), nAGQ = 40))
  expect_gt(abs(logLik(fit) - logLik(laplace)), 1e-3)
})

test_that("without variance between clusters it is glm()", {
  # Every cluster has the same responses in the same places: less variation than by chance.
  d <- data.frame(id = rep(1:12, each = 8), x = rep(c(-1.5, -1, -0.5, 0, 0.2, 0.7, 1, 2), 12))
  d$y <- rep(c(0, 0, 1, 0, 1, 0, 1, 1), 12)
  d$count <- rep(c(0, 1, 1, 2, 2, 3, 3, 5), 12)
  same_as_glm <- function(formula, family) {
    fit <- suppressMessages(glmm(update(formula, . ~ . + (1 | id)), d, family))
    plain <- glm(formula, family, d, epsilon = 1e-14, maxit = 100)
    expect_identical(component(fit, "theta")[[1]], 0)
    expect_equal(coef(fit), coef(plain), tolerance = 1e-6)
    expect_equal(as.numeric(logLik(fit)), as.numeric(logLik(plain)), tolerance = 1e-9)
    if (family$link %in% c("logit", "log")) { # canonical: observed = expected information
      expect_equal(vcov(fit), vcov(plain), tolerance = 1e-5)
    }
  }
  same_as_glm(y ~ x, binomial())
  same_as_glm(y ~ x, binomial("probit"))
  same_as_glm(y ~ x, binomial("cloglog"))
  same_as_glm(count ~ x, poisson())
  same_as_glm(count ~ 1, poisson("sqrt"))
})

test_that("at a small variance the likelihood tends to that of glm()", {
  for (name in names(all_families())) {
    family <- all_families()[[name]]
    model <- toy_model(family, 1L, sd = 0.3, seed = 42)
    at <- function(sd) toy_engine(model, family, 5L, psi = replace(model$psi, 3L, sd))$value
    limit <- at(0)
    parts <- brute_parts(model, family)
    density <- brute_log_density(
      model$design, family, seq_along(parts$eta0), as.matrix(parts$eta0), parts$phi
    )
    expect_equal(limit, sum(density), tolerance = 1e-12, info = name)
    # the likelihood is even in sd: the difference falls with its square
    expect_equal((at(1e-3) - limit) / (at(2e-3) - limit), 1 / 4, tolerance = 1e-3, info = name)
  }
})

test_that("the number of threads does not change a bit", {
  d <- binary_data(m = 60L)
  run <- function(threads, formula, family, ...) {
    control <- glmm_control(threads = threads)
    fit <- suppressMessages(glmm(formula, d, family, control = control, ...))
    fit[c("beta", "theta", "phi", "logLik", "vcov_full", "modes")]
  }
  for (threads in 2:3) {
    expect_identical(
      run(1, y ~ x + (x | id), binomial(), nAGQ = 5),
      run(threads, y ~ x + (x | id), binomial(), nAGQ = 5)
    )
    expect_identical(
      run(1, count ~ x + (1 | id), poisson(), nAGQ = 15),
      run(threads, count ~ x + (1 | id), poisson(), nAGQ = 15)
    )
    expect_identical(run(1, response ~ x + (1 | id), gaussian()),
      run(threads, response ~ x + (1 | id), gaussian()))
  }
  fits <- lapply(1:2, function(threads) {
    glmm(y ~ x + (1 | id), d, binomial(), nAGQ = 9, control = glmm_control(threads = threads))
  })
  medians <- lapply(fits, ranef, type = "median")
  expect_identical(medians[[1]], medians[[2]])
})

# mclapply() would wait with its child for ever, if that does; a single job can be given up.
in_fork <- function(expr, seconds = 60) {
  job <- parallel::mcparallel(expr)
  on.exit(tools::pskill(job$pid, tools::SIGKILL))
  result <- parallel::mccollect(job, wait = FALSE, timeout = seconds)[[1L]]
  parallel::mccollect(job, wait = FALSE)
  result
}

test_that("after threads in this process a forked one comes to an end, with the same bits", {
  skip_on_os("windows")
  d <- binary_data(m = 60L)
  mixed <- function() {
    fit <- glmm(y ~ x + (1 | id), d, binomial(), nAGQ = 9, control = glmm_control(threads = 2))
    c(fit[c("beta", "theta", "logLik", "vcov_full", "modes")], rank_clusters(fit)$rank)
  }
  marginal <- function() {
    control <- gee_control(threads = 2)
    fit <- gee(y ~ x, d, id, family = binomial(), corstr = "exchangeable", control = control)
    list(fit$beta, fit$alpha, vcov(fit))
  }
  for (run in list(mixed, marginal)) {
    here <- run()
    expect_identical(in_fork(run()), here)
  }
})

test_that("all clusters twice: the information doubles", {
  d <- binary_data()
  both <- rbind(d, transform(d, id = id + 100))
  for (formula in list(y ~ x + (1 | id), y ~ x + (x || id))) {
    fit <- logit_fit(d, formula)
    double <- logit_fit(both, formula)
    expect_equal(coef(double), coef(fit), tolerance = 1e-5)
    expect_equal(as.numeric(logLik(double)), 2 * as.numeric(logLik(fit)), tolerance = 1e-9)
    expect_equal(2 * vcov(double, full = TRUE), vcov(fit, full = TRUE), tolerance = 1e-4)
  }
})

test_that("units of a covariate", {
  d <- binary_data()
  slopes <- y ~ x + (x | id)
  fit <- logit_fit(d, slopes)
  for (unit in c(1e6, 1e-6)) {
    scaled <- logit_fit(transform(d, x = x * unit), slopes)
    expect_equal(as.numeric(logLik(scaled)), as.numeric(logLik(fit)), tolerance = 1e-9)
    expect_equal(unname(coef(scaled) * c(1, unit)), unname(coef(fit)), tolerance = 1e-5)
    expect_equal(unname(sqrt(diag(vcov(scaled))) * c(1, unit)), unname(sqrt(diag(vcov(fit)))),
      tolerance = 1e-5
    )
    expect_true(component(scaled, "convergence")$converged)
  }
  intercept <- y ~ x + (1 | id)
  fit <- logit_fit(d, intercept)
  moved <- logit_fit(transform(d, x = x + 1e6), intercept)
  expect_equal(as.numeric(logLik(moved)), as.numeric(logLik(fit)), tolerance = 1e-8)
  expect_equal(coef(moved)[["x"]], coef(fit)[["x"]], tolerance = 1e-5)
  # the Hessian is formed in the user's units, where x and the constant are nearly collinear
  se <- function(fit) sqrt(vcov(fit, "model")["x", "x"])
  expect_equal(se(moved), se(fit), tolerance = 1e-3)
})

test_that("units of a Gaussian response", {
  d <- binary_data()
  fit <- glmm(response ~ x + (x | id), d)
  for (unit in c(1e5, 1e-5)) {
    scaled <- glmm(response * unit ~ x + (x | id), transform(d, unit = unit))
    expect_equal(coef(scaled) / unit, coef(fit), tolerance = 1e-5)
    expect_equal(component(scaled, "Sigma") / unit^2, component(fit, "Sigma"), tolerance = 1e-3)
    expect_equal(
      as.numeric(logLik(scaled)), as.numeric(logLik(fit)) - nrow(d) * log(unit),
      tolerance = 1e-8
    )
  }
})

test_that("the container of the data, and subset", {
  d <- binary_data()
  fit <- logit_fit(d)
  keep <- d$x > -1
  part <- logit_fit(d[keep, ])
  by_subset <- function(data) {
    glmm(y ~ x + g + (1 | id), data, binomial(), subset = x > -1, nAGQ = 9)
  }
  expect_same_fit(part, by_subset(d))
  expect_same_fit(fit, logit_fit(as.list(d)), info = "list")
  expect_same_fit(fit, with(d, glmm(y ~ x + g + (1 | id), family = binomial(), nAGQ = 9)))
  if (requireNamespace("tibble", quietly = TRUE)) {
    expect_same_fit(fit, logit_fit(tibble::as_tibble(d)), info = "tibble")
  }
  if (requireNamespace("data.table", quietly = TRUE)) {
    expect_same_fit(fit, logit_fit(data.table::as.data.table(d)), info = "data.table")
    expect_same_fit(part, by_subset(data.table::as.data.table(d)))
  }
  holes <- d
  holes$x[c(3, 50)] <- NA
  expect_same_fit(logit_fit(holes), logit_fit(d[-c(3, 50), ]))
})

test_that("a fit can be stored and used again", {
  d <- binary_data()
  fit <- logit_fit(d)
  file <- tempfile(fileext = ".rds")
  on.exit(unlink(file))
  saveRDS(fit, file)
  again <- readRDS(file)
  expect_identical(coef(again), coef(fit))
  expect_identical(vcov(again, type = "KC"), vcov(fit, type = "KC"))
  expect_identical(ranef(again, type = "median"), ranef(fit, type = "median"))
  new <- data.frame(x = c(0, 1), g = c("a", "c"), id = c(3, 99))
  expect_identical(
    predict(again, new, type = "response", random_effects = "integrate"),
    predict(fit, new, type = "response", random_effects = "integrate")
  )
  expect_identical(simulate(again, seed = 1), simulate(fit, seed = 1))
  expect_identical(coef(refit(again, d$y)), coef(refit(fit, d$y)))
})

test_that("the same call twice gives the same bits", {
  d <- binary_data()
  expect_identical(logit_fit(d)$beta, logit_fit(d)$beta)
  expect_identical(logit_fit(d)$vcov_full, logit_fit(d)$vcov_full)
})

test_that("fits and what they answer leave the random generator as it was, used or not", {
  state <- margmix:::generator_state()
  on.exit(assign(".Random.seed", state, envir = globalenv()))
  d <- binary_data()
  rm(".Random.seed", envir = globalenv())
  fit <- logit_fit(d)
  invisible(summary(fit))
  expect_length(residuals(fit, type = "quantile", seed = 1), nrow(d))
  summary(gee(y ~ x, d, id, family = binomial(), corstr = "exchangeable"))
  expect_false(exists(".Random.seed", globalenv(), inherits = FALSE))
  assign(".Random.seed", state, envir = globalenv())
  marginal_standardization(fit, ~g)
  expect_identical(get(".Random.seed", globalenv()), state)
})
