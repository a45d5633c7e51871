# From data to estimate: boundaries, separation, the choice of the rule, starts, odd input.

quiet_fit <- function(...) suppressWarnings(suppressMessages(glmm(...)))

test_that("a zero variance is an answer with a note", {
  d <- data.frame(id = rep(1:10, each = 6), x = rep(c(-1, -0.5, 0, 0.3, 0.8, 1.2), 10))
  d$y <- rep(c(0, 1, 0, 0, 1, 1), 10)
  expect_message(
    fit <- glmm(y ~ x + (1 | id), d, binomial(), nAGQ = 7),
    class = "margmix_note_boundary"
  )
  expect_snapshot(fit <- glmm(y ~ x + (1 | id), d, binomial(), nAGQ = 7))
  expect_identical(fit$theta[[1]], 0)
  expect_true(component(fit, "convergence")$converged)
  # the variance is not a parameter there
  expect_identical(is.na(diag(fit$vcov_full)), c(FALSE, FALSE, TRUE), ignore_attr = TRUE)
  expect_true(all(fit$modes == 0))
  # and it is the maximum
  for (theta in c(0.05, 0.3, 1)) {
    value <- engine_evaluate(fit$design, fit$family, c(fit$beta, theta), 7L)$value
    expect_lt(value, fit$logLik)
  }
})

# Slopes that are a multiple of the intercepts: a correlation of 1, or -1.
line_data <- function(sign, seed) {
  set.seed(seed)
  d <- data.frame(id = rep(1:30, 6), x = rnorm(180))
  b <- rnorm(30, sd = 1.2)
  d$y <- rbinom(180, 1, plogis(0.2 + d$x + b[d$id] * (1 + sign * d$x)))
  d$count <- rpois(180, exp(0.2 + 0.3 * d$x + 0.5 * b[d$id] * (1 + sign * d$x)))
  d
}

test_that("a correlation of 1 or -1 is an answer with a note", {
  found <- 0
  for (sign in c(1, -1)) {
    for (seed in 1:4) {
      fit <- quiet_fit(count ~ x + (x | id), line_data(sign, seed), poisson(), nAGQ = 5)
      expect_true(component(fit, "convergence")$converged)
      if (!length(fit$boundary)) next
      found <- found + 1
      expect_match(fit$boundary, "perfectly correlated")
      expect_match(unlist(fit$notes), "data may be too few", all = FALSE)
      without <- glmm(count ~ x + (1 | id), line_data(sign, seed), poisson(), nAGQ = 5)
      expect_gt(fit$logLik, without$logLik + 0.01)
      expect_identical(fit$Lambda[2, 2], 0)
      Sigma <- component(fit, "Sigma")
      expect_equal(cov2cor(Sigma)[1, 2], sign, tolerance = 1e-12)
      expect_true(all(is.finite(vcov(fit))))
      for (entry in c(0.05, 0.2)) {
        psi <- c(fit$beta, replace(fit$theta, 3L, entry))
        expect_lt(engine_evaluate(fit$design, fit$family, psi, 5L)$value, fit$logLik)
      }
    }
  }
  expect_gt(found, 2)
})

test_that("a start at zero variance does not stay there", {
  d <- line_data(0, 3)
  fit <- glmm(y ~ x + (1 | id), d, binomial(), nAGQ = 7)
  expect_gt(fit$theta[[1]], 0.3)
  again <- glmm(y ~ x + (1 | id), d, binomial(), nAGQ = 7, start = list(theta = 0))
  expect_equal(again$logLik, fit$logLik, tolerance = 1e-9)
  expect_equal(again$theta, fit$theta, tolerance = 1e-5)
  expect_length(again$boundary, 0)
})

test_that("a zero variance is left where the likelihood rises away from it, and only there", {
  at_zero <- function(data) {
    design <- front(y ~ x + (x | id), data, binomial)$design
    family <- binomial()
    start <- fit_start_glm(design, family)
    problem <- list(
      design = design, family = family, map = parameter_map(design, family, start),
      control = glmm_control()
    )
    x <- problem$map$x(c(start$beta, 0, 0, 0))
    psi <- c(start$beta, 0, 0, 0)
    fit <- list(x = x, result = engine_evaluate(design, family, psi, 5L, 2L))
    value <- function(x) engine_evaluate(design, family, problem$map$psi(x), 5L)$value
    list(now = value(x), escape = escape_from_zero(problem, fit), value = value)
  }
  varied <- at_zero(line_data(0, 3))
  expect_gt(varied$value(varied$escape), varied$now)
  d <- data.frame(id = rep(1:10, each = 6), x = rep(c(-1, -0.5, 0, 0.3, 0.8, 1.2), 10))
  d$y <- rep(c(0, 1, 0, 0, 1, 1), 10)
  expect_null(at_zero(d)$escape)
})

test_that("starts: far ones, another fit, and a fit with another rule", {
  d <- line_data(0.5, 4)
  fit <- quiet_fit(y ~ x + (x | id), d, binomial(), nAGQ = 7)
  for (start in list(
    list(theta = c(-2, 1, 0.1)), list(beta = c(2, -2)), list(theta = c(0.05, 0, 3)), fit,
    quiet_fit(y ~ x + (x | id), d, binomial(), nAGQ = 1)
  )) {
    again <- quiet_fit(y ~ x + (x | id), d, binomial(), nAGQ = 7, start = start)
    expect_equal(again$logLik, fit$logLik, tolerance = 1e-8)
    expect_equal(again$beta, fit$beta, tolerance = 1e-4)
  }
  expect_true(all(diag(again$Lambda) >= 0))
})

test_that("starts that can't be", {
  d <- line_data(0, 5)
  fit <- function(start, family = binomial()) {
    glmm(y ~ x + (1 | id), d, family, nAGQ = 3, start = start)
  }
  for (start in list(
    1, "a", list(1), list(gamma = 1), list(theta = 1:2), list(beta = 1), list(beta = c(1, NA)),
    list(theta = Inf)
  )) {
    expect_error(fit(start), class = "margmix_error_start")
  }
  expect_snapshot(error = TRUE, fit(list(beta = 1)))
  # risks above one
  expect_error(fit(list(beta = c(50, 0)), binomial("log")), class = "margmix_error_start")
})

test_that("separation is reported by glmm(), or refused", {
  d <- line_data(0, 6)
  d$rare <- as.numeric(seq_len(180) %in% c(7, 70, 130))
  d$y[d$rare == 1] <- 1
  suppressWarnings(expect_warning(
    fit <- suppressMessages(glmm(y ~ x + rare + (1 | id), d, binomial(), nAGQ = 5)),
    class = "margmix_warning_separation"
  ))
  expect_identical(component(fit, "separation")$terms, "rare")
  expect_error(
    glmm(y ~ x + rare + (1 | id), d, binomial(), control = glmm_control(separation = "error")),
    class = "margmix_error_separation"
  )
  d$y <- as.numeric(d$id > 12)
  expect_error(glmm(y ~ x + (1 | id), d, binomial()), class = "margmix_error_variance_separation")
})

test_that("short of the tolerance is a warning", {
  d <- line_data(0.5, 7)
  expect_warning(
    fit <- glmm(y ~ x + (1 | id), d, binomial(),
      nAGQ = 5, control = glmm_control(tolerance = 1e-60)
    ),
    class = "margmix_warning_convergence"
  )
  expect_false(component(fit, "convergence")$converged)
  # few iterations are no harm: Newton steps end the search
  short <- glmm(y ~ x + (1 | id), d, binomial(),
    nAGQ = 5, control = glmm_control(max_iterations = 2)
  )
  expect_equal(short$logLik, fit$logLik, tolerance = 1e-9)
})

# The choice of the rule ------------------------------------------------------------------------

test_that("the rule is refined until its error is small, and the error is honest", {
  cases <- list(
    infection = quiet_fit(
      cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial()
    ),
    toenail = quiet_fit(severe ~ treatment * scheduled + (1 | patient), toenail, binomial()),
    slopes = quiet_fit(y ~ x + (x | id), line_data(0.5, 8), binomial()),
    counts = quiet_fit(count ~ x + (x || id), line_data(0.5, 8), poisson())
  )
  for (name in names(cases)) {
    fit <- cases[[name]]
    rule <- component(fit, "rule")
    expect_true(rule$auto)
    expect_lt(rule$error, 1e-4)
    error <- abs(fit$logLik - engine_loglik_at(fit, c(201L, 61L)[effect_count(fit$design)]))
    expect_lte(error, max(2 * rule$error, 1e-9), label = name)
  }
  # a large variance and few rows per cluster need more nodes
  expect_gt(component(cases$toenail, "rule")$K, component(cases$infection, "rule")$K)
  expect_lt(component(cases$counts, "rule")$K, 20)
})

test_that("a node budget that is too small is a note with the error", {
  fit <- NULL
  note <- tryCatch(
    glmm(severe ~ treatment * scheduled + (1 | patient), toenail, binomial(),
      control = glmm_control(max_nodes = 20)
    ),
    margmix_note_quadrature = identity
  )
  expect_s3_class(note, "margmix_note_quadrature")
  expect_lte(note$K, 20)
  expect_gt(note$error, 1e-3)
  fit <- quiet_fit(severe ~ treatment * scheduled + (1 | patient), toenail, binomial(),
    control = glmm_control(max_nodes = 20)
  )
  actual <- abs(fit$logLik - engine_loglik_at(fit, 201L))
  expect_gt(note$error, actual / 5)
  expect_lt(note$error, actual * 50)
  expect_named(component(fit, "notes"), "quadrature")
})

test_that("three random effects keep within the budget", {
  set.seed(60)
  d <- data.frame(id = rep(1:20, 6), x = rnorm(120), z = rnorm(120))
  d$y <- rbinom(120, 1, plogis(d$x + rnorm(20)[d$id]))
  fit <- quiet_fit(y ~ x + (1 | id) + (0 + x | id) + (0 + z | id), d, binomial(),
    control = glmm_control(max_nodes = 400)
  )
  expect_lte(component(fit, "rule")$nodes, 400)
  expect_true(is.finite(fit$logLik))
})

test_that("nAGQ and control refuse what they can't use", {
  fit <- function(...) glmm(y ~ x + (1 | id), line_data(0, 9), binomial(), ...)
  for (nAGQ in list(0, -1, 1.5, 301, NA, "many", c(3, 5), NULL, Inf)) {
    expect_error(fit(nAGQ = nAGQ), class = "margmix_error_nAGQ")
  }
  expect_snapshot(error = TRUE, {
    fit(nAGQ = 0)
    fit(control = list())
    glmm_control(separation = "no")
    glmm_control(weights_type = "analytic")
    glmm_control(threads = 0)
    glmm_control(tolerance = "small")
    fit(REML = NA)
    fit(random_distribution = "t")
    fit(nagq = 3)
  })
})

test_that("progress is printed on request only", {
  d <- line_data(0, 10)
  expect_silent(suppressMessages(glmm(y ~ x + (1 | id), d, binomial(), nAGQ = 3)))
  expect_output(
    suppressMessages(
      glmm(y ~ x + (1 | id), d, binomial(), nAGQ = 3, control = glmm_control(verbose = TRUE))
    ),
    "K 3 .*logLik"
  )
})

# Recovery ---------------------------------------------------------------------------------------

# Estimates within 4 standard errors of the truth: with fixed seeds, a test of the scale of all of
# beta, theta and phi.
expect_recovered <- function(fit, truth, info) {
  estimate <- c(fit$beta, fit$theta, if (has_phi(fit$family)) log(fit$phi))
  se <- sqrt(diag(fit$vcov_full))
  expect_lt(max(abs(estimate - truth) / se), 4, label = info)
  expect_lt(max(se), 0.25, label = info)
}

test_that("parameters of simulated data are found again", {
  set.seed(61)
  m <- 300L
  d <- data.frame(id = rep(seq_len(m), 8), x = runif(8 * m, -1, 1))
  Lambda <- cbind(c(0.8, -0.3), c(0, 0.5))
  b <- matrix(rnorm(2 * m), m) %*% t(Lambda)
  random <- b[d$id, 1] + b[d$id, 2] * d$x
  theta <- c(0.8, -0.3, 0.5)
  for (link in c("logit", "probit", "cloglog")) {
    mu <- binomial(link)$linkinv(-0.4 + 0.7 * d$x + random)
    d$y <- rbinom(nrow(d), 3, mu)
    fit <- glmm(cbind(y, 3 - y) ~ x + (x | id), d, binomial(link), nAGQ = 7)
    expect_recovered(fit, c(-0.4, 0.7, theta), link)
  }
  d$y <- rpois(nrow(d), exp(0.5 + 0.3 * d$x + random))
  expect_recovered(glmm(y ~ x + (x | id), d, poisson(), nAGQ = 5), c(0.5, 0.3, theta), "log")
  d$y <- rpois(nrow(d), (4 + 0.5 * d$x + random)^2)
  expect_recovered(
    glmm(y ~ x + (x | id), d, poisson("sqrt"), nAGQ = 3), c(4, 0.5, theta), "sqrt"
  )
  d$y <- rpois(nrow(d), 4 + 0.5 * d$x + b[d$id, 1])
  expect_recovered(
    glmm(y ~ x + (1 | id), d, poisson("identity"), nAGQ = 9), c(4, 0.5, 0.8), "identity"
  )
  d$y <- rnorm(nrow(d), 2 + 0.5 * d$x + random, 0.7)
  expect_recovered(glmm(y ~ x + (x | id), d), c(2, 0.5, theta, 2 * log(0.7)), "Gaussian")
  d$y <- rnorm(nrow(d), exp(1 + 0.5 * d$x + random / 2), 0.7)
  expect_recovered(
    glmm(y ~ x + (x | id), d, gaussian("log"), nAGQ = 3),
    c(1, 0.5, theta / 2, 2 * log(0.7)), "Gaussian log"
  )
  d$y <- rbinom(nrow(d), 1, exp(pmin(-2.5 + 0.5 * d$x + 0.4 * random / 0.8, 0)))
  fit <- quiet_fit(y ~ x + (1 | id), d, binomial("log"), nAGQ = 15)
  expect_lt(abs(coef(fit)[["x"]] - 0.5) / sqrt(vcov(fit)["x", "x"]), 4)
})

# Odd input --------------------------------------------------------------------------------------

# Whatever is given: a fit with finite numbers, or an error of the package; every warning and note
# is the package's own.
outcome <- function(expr) {
  foreign <- NULL
  keep <- function(condition, kind) {
    if (!inherits(condition, kind)) foreign <<- conditionMessage(condition)
    invokeRestart(if (inherits(condition, "warning")) "muffleWarning" else "muffleMessage")
  }
  result <- tryCatch(
    withCallingHandlers(expr,
      warning = function(w) keep(w, "margmix_warning"),
      message = function(m) keep(m, "margmix_note")
    ),
    margmix_error = identity,
    error = function(e) structure(conditionMessage(e), class = "foreign")
  )
  if (inherits(result, "foreign")) return(paste("foreign error:", unclass(result)))
  if (!is.null(foreign)) return(paste("foreign warning:", foreign))
  if (inherits(result, "margmix_error")) return("refused")
  fit <- result
  finite <- is.finite(fit$logLik) && all(is.finite(c(fit$beta, fit$theta, fit$phi)))
  if (finite) "fitted" else "fit with numbers that are not finite"
}

odd_data <- function() {
  set.seed(62)
  d <- data.frame(id = rep(1:8, 5), x = rnorm(40), f = gl(2, 20, labels = c("a", "b")))
  d$y <- rbinom(40, 1, 0.5)
  d$n <- 3 + d$y
  d$count <- rpois(40, 2)
  d$z <- rnorm(40)
  d$w <- 1
  d
}

test_that("odd input is fitted or refused, never a crash and never silently wrong", {
  d <- odd_data()
  change <- function(...) {
    values <- eval(substitute(list(...)), d, parent.frame())
    for (name in names(values)) d[[name]] <- values[[name]]
    d
  }
  binary <- y ~ x + (1 | id)
  counts <- count ~ x + (1 | id)
  real <- z ~ x + (1 | id)
  run <- function(formula, data, family = binomial(), ...) {
    glmm(formula, data, family, nAGQ = 3, ...)
  }
  cases <- expression(
    run(binary, change(y = 0)), run(binary, change(y = 1)), run(binary, change(y = 0.5)),
    run(binary, change(y = 2)), run(binary, change(y = -1)), run(binary, change(y = "a")),
    run(binary, change(y = NA)), run(binary, change(y = NaN)), run(binary, change(y = y / 3)),
    run(binary, change(x = 1)), run(binary, change(x = x * 1e200)),
    run(binary, change(x = x * 1e-200)), run(binary, change(x = Inf)),
    run(binary, change(x = replace(x, 3, -Inf))), run(binary, change(x = NA)),
    run(binary, change(x = as.character(x))), run(binary, change(x = "a")),
    run(binary, change(x = replace(x, 3, 1e10))), run(binary, change(x = y)),
    run(binary, change(id = 1)), run(binary, change(id = 1:40)), run(binary, change(id = NA)),
    run(binary, change(id = rep(c(NA, 1), 20))), run(binary, change(id = y)),
    run(binary, change(id = x)), run(binary, d[0, ]), run(binary, d[1, ]), run(binary, d[1:2, ]),
    run(binary, d[c(1, 9), ]), run(binary, list()), run(binary, 1), run(binary, NULL),
    run(y ~ x, d), run(y ~ (1 | id), d), run(y ~ 0 + (1 | id), d), run(y ~ x + (x | x), d),
    run(~ x + (1 | id), d), run("y ~ x", d), run(y ~ x + (1 | id) + (1 | f), d),
    run(y ~ x + (1 | absent), d), run(absent ~ x + (1 | id), d), run(y ~ x + (0 | id), d),
    run(y ~ x + x + I(2 * x) + (1 | id), d), run(y ~ f + x + (f | id), d),
    run(y ~ poly(x, 12) + (1 | id), d), run(y ~ x + offset(1e6 * x) + (1 | id), d),
    run(y ~ log(x) + (1 | id), change(x = abs(x))), run(y ~ log(x) + (1 | id), change(x = 0)),
    run(y ~ offset(x) + (1 | id), change(x = Inf)),
    run(y ~ offset(f) + (1 | id), d), run(cbind(y, n - y) ~ x + (1 | id), change(n = -1)),
    run(cbind(y, n, n) ~ x + (1 | id), d), run(cbind(y, n - y) ~ x + (1 | id), change(n = y)),
    run(cbind(y, n - y) ~ x + (1 | id), change(y = 0, n = 0)),
    glmm(binary, d, binomial(), weights = w * 0), glmm(binary, d, binomial(), weights = -w),
    glmm(binary, d, binomial(), weights = w * 1e8), glmm(binary, d, binomial(), weights = w * 1e-8),
    glmm(binary, d, binomial(), weights = x), glmm(binary, d, binomial(), weights = f),
    glmm(binary, d, binomial(), weights = replace(w, 2, NA)),
    glmm(binary, d, binomial(), weights = 1:3), glmm(binary, d, binomial(), offset = x * NA),
    glmm(binary, d, binomial(), offset = 1e5 * w), glmm(binary, d, binomial(), subset = x > 100),
    glmm(binary, d, binomial(), subset = "a"), glmm(binary, d, binomial(), na.action = 3),
    run(counts, change(count = 0), poisson()), run(counts, change(count = -1), poisson()),
    run(counts, change(count = count * 1e7), poisson()),
    run(counts, change(count = 1e15), poisson()),
    run(counts, change(count = 0.5), poisson()), run(counts, change(count = Inf), poisson()),
    run(counts, change(count = replace(count * 0, 3, 1e6)), poisson()),
    run(counts, d, poisson("identity")), run(counts, d, poisson("sqrt")),
    run(counts, change(count = 0), poisson("sqrt")),
    run(counts, change(count = 0), poisson("identity")),
    run(counts, change(x = 1e4 * x), poisson("identity")),
    run(counts, change(x = 1e4 * x), poisson("sqrt")),
    run(binary, d, binomial("log")), run(binary, change(y = 1), binomial("log")),
    run(binary, change(x = 50 * x), binomial("log")), run(binary, d, binomial("cauchit")),
    run(binary, change(x = 1e5 * x), binomial("cauchit")),
    run(binary, change(x = 1e5 * x), binomial("probit")),
    run(binary, change(x = 1e5 * x), binomial("cloglog")),
    run(real, change(z = 0), gaussian()), run(real, change(z = 5), gaussian()),
    run(real, change(z = z * 1e100), gaussian()), run(real, change(z = z * 1e-100), gaussian()),
    run(real, change(z = 1e9 + z), gaussian()), run(real, change(z = x), gaussian()),
    run(real, change(z = exp(z)), gaussian("log")), run(real, change(z = -exp(z)), gaussian("log")),
    run(real, change(z = 0), gaussian("log")), run(real, d, gaussian("log")),
    run(real, change(z = 1e6 * exp(z)), gaussian("log")),
    run(real, d, gaussian("inverse")), run(real, d, Gamma("sqrt")), run(real, d, quasibinomial()),
    run(real, d, "none"), run(real, d, d), run(real, d, 3), run(real, change(z = I(list(1)[w])))
  )
  for (i in seq_along(cases)) {
    label <- paste(deparse(cases[[i]]), collapse = " ")
    expect(
      (found <- outcome(eval(cases[[i]]))) %in% c("fitted", "refused"), paste(label, "gave", found)
    )
  }
})

test_that("random data of every family and link end in a fit or an error of the package", {
  for (name in names(all_families())) {
    for (seed in 1:6) {
      set.seed(seed)
      family <- all_families()[[name]]
      n <- sample(c(8, 20, 60), 1)
      d <- data.frame(
        id = sample(sample(2:10, 1), n, TRUE), x = rt(n, 1.5), w = rexp(n),
        y = switch(family$family, binomial = rbinom(n, 1, runif(1)),
          poisson = rpois(n, rexp(1, 0.2)), gaussian = rcauchy(n) + 5
        )
      )
      formula <- sample(list(y ~ x + (1 | id), y ~ 1 + (x | id), y ~ x + (x || id)), 1)[[1]]
      weighted <- runif(1) < 0.4 && family$family != "binomial"
      found <- outcome(
        if (weighted) {
          glmm(formula, d, family, weights = w, nAGQ = sample(c(1, 3, 6), 1))
        } else {
          glmm(formula, d, family, nAGQ = sample(c(1, 3, 6), 1))
        }
      )
      expect(found %in% c("fitted", "refused"), paste(name, seed, "gave", found))
    }
  }
})

test_that("a covariate far from zero is warned of", {
  set.seed(71)
  d <- data.frame(id = rep(1:20, 5), x = rnorm(100))
  d$y <- rbinom(100, 1, plogis(d$x + rnorm(20)[d$id]))
  d$far <- d$x + 1e7
  expect_warning(glmm(y ~ x + (1 | id), d, binomial(), nAGQ = 3), NA)
  expect_warning(
    glmm(y ~ far + (1 | id), d, binomial(), nAGQ = 3), class = "margmix_warning_scale"
  )
})
