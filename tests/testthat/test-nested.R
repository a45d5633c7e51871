# Two nested levels, (1 | a/b), by quadrature level by level.

reference_path <- function(...) test_path("..", "reference", ...)

nested_value <- function(model, family, K, psi = model$psi) {
  toy_engine(model, family, K, 0L, psi)$value
}

test_that("the value is the integral: logit to 1e-8 with K = 15 and standard deviations of 1", {
  for (name in smooth_families) {
    family <- all_families()[[name]]
    for (sd in list(c(0.5, 0.8), c(1, 1))) {
      model <- toy_nested(family, m = 2L, seed = 31)
      model$psi[3:4] <- sd
      exact <- brute_nested(model, family)
      label <- paste(name, "sd", paste(sd, collapse = ", "))
      # Links whose integrand is steeper need more nodes, as with one level.
      K <- if (name %in% c("binomial-logit", "gaussian-identity")) 15L else 41L
      expect_lt(abs(nested_value(model, family, K) - exact), 1e-8, label = label)
      if (family$family == "gaussian") next
      for (coarse in list(c(2L, K), c(K, 2L))) {
        expect_gt(abs(nested_value(model, family, coarse) - exact), 1e-8)
      }
    }
  }
})

test_that("gradient and Hessian of every family, both levels", {
  skip_if_not_installed("numDeriv")
  for (name in names(all_families())) {
    family <- all_families()[[name]]
    thorough <- name %in% c("binomial-logit", "poisson-log", "binomial-probit", "gaussian-log")
    for (q in if (thorough) list(c(1L, 1L), c(2L, 1L), c(1L, 2L)) else list(c(1L, 1L))) {
      model <- toy_nested(family, q[1L], q[2L], m = 2L, sd = 0.4, seed = 32)
      for (K in list(c(1L, 1L), c(2L, 2L), c(5L, 3L))) {
        label <- paste(name, "q", paste(q, collapse = ", "), "K", format_nodes(K))
        expect_derivatives(model, family, K, label)
      }
    }
  }
})

test_that("scores and information of the clusters sum to gradient and Hessian", {
  family <- poisson()
  model <- toy_nested(family, 1L, 2L, seed = 33)
  out <- toy_engine(model, family, c(5L, 3L), 2L, scores = TRUE, information = TRUE)
  expect_equal(colSums(out$scores), out$gradient, tolerance = 1e-12)
  expect_equal(matrix(rowSums(out$information), 2L), -out$hessian[1:2, 1:2], tolerance = 1e-12)
})

# The design with one level left: `top` or leaves.
single_level <- function(model, top) {
  design <- model$design
  group <- design$groups[[if (top) 1L else 2L]]
  design$Z <- design$Z[, group$columns, drop = FALSE]
  design$levels <- group$levels
  design$start <- c(which(!duplicated(group$index)) - 1L, length(group$index))
  design$theta_row <- design$theta_col <- 0L
  design$groups <- NULL
  list(design = random_part(design), psi = model$psi[-(if (top) 4L else 3L)])
}

test_that("without variance at one level it is the model of the other level", {
  for (name in c("binomial-logit", "poisson-log", "binomial-cloglog")) {
    family <- all_families()[[name]]
    model <- toy_nested(family, seed = 34)
    for (top in c(TRUE, FALSE)) {
      gone <- if (top) 4L else 3L
      psi <- replace(model$psi, gone, 0)
      one <- single_level(model, top)
      for (K in c(1L, 5L, 15L)) {
        nested <- toy_engine(model, family, K, 2L, psi)
        flat <- toy_engine(one, family, K, 2L)
        expect_equal(nested$value, flat$value, tolerance = 1e-13)
        expect_equal(nested$gradient[-gone], flat$gradient, tolerance = 1e-11)
        expect_equal(nested$hessian[-gone, -gone], flat$hessian, tolerance = 1e-10)
        expect_lt(abs(nested$gradient[gone]), 1e-12)
      }
    }
  }
})

test_that("K = 1 is the Laplace fit of glmmTMB", {
  skip_if_not(file.exists(reference_path("nested-peers.csv")), "reference tables")
  g <- utils::read.csv(reference_path("grouseticks.csv"))
  g$year <- factor(g$year)
  g$any <- as.numeric(g$ticks > 0)
  peers <- utils::read.csv(reference_path("nested-peers.csv"))
  fits <- list(
    "grouse-poisson" = glmm(ticks ~ year + height + (1 | location / brood), g, poisson(), nAGQ = 1),
    "grouse-logit" = glmm(any ~ year + height + (1 | location / brood), g, binomial(), nAGQ = 1),
    "grouse-slope" = suppressMessages(glmm(
      ticks ~ height + (1 | location) + (height | brood:location), g, poisson(), nAGQ = 1
    ))
  )
  for (name in names(fits)) {
    fit <- fits[[name]]
    sds <- unlist(lapply(VarCorr(fit), function(S) attr(S, "stddev")))
    ours <- c(as.numeric(logLik(fit)), coef(fit), sqrt(diag(vcov(fit, "model"))))
    theirs <- peers[peers$model == name, ]
    value <- theirs$value[!startsWith(theirs$quantity, "sd:")]
    expect_equal(ours[1L], value[1L], tolerance = 1e-8, ignore_attr = TRUE)
    expect_equal(ours, value, tolerance = 2e-5, ignore_attr = TRUE)
    sd <- theirs$value[startsWith(theirs$quantity, "sd:")]
    expect_equal(sort(unname(sds)), sort(sd), tolerance = 1e-4)
  }
})

test_that("auto refines each level until the log-likelihood stays", {
  d <- nested_data()
  auto <- glmm(y ~ x + (1 | a / b), d, binomial())
  fine <- glmm(y ~ x + (1 | a / b), d, binomial(), nAGQ = c(31, 25))
  expect_true(auto$rule$auto)
  expect_length(auto$rule$K, 2L)
  expect_lt(auto$rule$error, 1e-4)
  expect_equal(as.numeric(logLik(auto)), as.numeric(logLik(fine)), tolerance = 1e-4 / 300)
  expect_identical(fine$rule$K, c(31L, 25L))
  expect_identical(fine$rule$nodes, 775)
  expect_lt(max(abs(coef(auto) - coef(fine))), 1e-3)
  tight <- glmm(y ~ x + (1 | a / b), d, binomial(),
    control = glmm_control(auto_tolerance = 1e-7)
  )
  expect_gt(prod(tight$rule$K), prod(auto$rule$K))
  expect_lt(abs(as.numeric(logLik(tight)) - as.numeric(logLik(fine))), 1e-7)
})

test_that("a node budget leaves a note with the error", {
  d <- nested_data()
  expect_message(
    fit <- glmm(y ~ x + (1 | a / b), d, binomial(),
      control = glmm_control(max_nodes = 60, auto_tolerance = 1e-9)
    ),
    class = "margmix_note_quadrature"
  )
  expect_lte(fit$rule$nodes, 60)
})

test_that("the answer does not depend on the order of rows, of terms, or labels", {
  d <- nested_data()
  fit <- glmm(count ~ x + (1 | a / b), d, poisson(), nAGQ = c(7, 9))
  set.seed(3)
  shuffled <- d[sample(nrow(d)), ]
  relabelled <- transform(d, a = letters[(7 * a) %% 26 + 1], b = -b)
  unique_names <- transform(d, b = paste(a, b))
  others <- list(
    glmm(count ~ x + (1 | a / b), shuffled, poisson(), nAGQ = c(7, 9)),
    glmm(count ~ x + (1 | a / b), relabelled, poisson(), nAGQ = c(7, 9)),
    glmm(count ~ x + (1 | b) + (1 | a), unique_names, poisson(), nAGQ = c(7, 9)),
    glmm(count ~ x + (1 | a:b) + (1 | a), d, poisson(), nAGQ = c(7, 9))
  )
  for (other in others) {
    expect_equal(as.numeric(logLik(other)), as.numeric(logLik(fit)), tolerance = 1e-10)
    expect_equal(coef(other), coef(fit), tolerance = 1e-6)
    expect_equal(sqrt(diag(vcov(other, "robust"))), sqrt(diag(vcov(fit, "robust"))),
      tolerance = 1e-5
    )
    expect_equal(sort(ranef(other)[[2L]][[1L]]), sort(ranef(fit)[[2L]][[1L]]), tolerance = 1e-5)
  }
  b <- ranef(fit)[[2L]]
  expect_equal(
    ranef(others[[3L]])[["b"]][paste(rep(1:15, each = 3), 1:3), ],
    b[paste(rep(1:15, each = 3), 1:3, sep = ":"), ], tolerance = 1e-5
  )
})

test_that("threads do not change a bit", {
  model <- toy_nested(binomial(), m = 40L, seed = 35)
  one <- toy_engine(model, binomial(), c(5L, 7L), 2L)
  two <- toy_engine(model, binomial(), c(5L, 7L), 2L, control = glmm_control(threads = 2))
  expect_identical(one, two)
})

test_that("a zero variance at either level is an answer with a note", {
  d <- nested_data()
  d$flat_a <- rbinom(nrow(d), 1, plogis(0.6 * d$x))
  expect_message(
    fit <- glmm(flat_a ~ x + (1 | a / b), d, binomial()), class = "margmix_note_boundary"
  )
  expect_true(fit$convergence$converged)
  set.seed(9)
  m <- 30L
  d <- data.frame(a = rep(seq_len(m), each = 8L), b = rep(1:2, each = 4L, times = m))
  d$y <- rbinom(nrow(d), 1, plogis(1.5 * rnorm(m)[d$a]))
  sds <- function(fit) vapply(VarCorr(fit), function(S) attr(S, "stddev"), 0)
  both <- suppressMessages(glmm(y ~ 1 + (1 | a / b), d, binomial(), nAGQ = 15))
  if (sds(both)[[2L]] == 0) {
    alone <- glmm(y ~ 1 + (1 | a), d, binomial(), nAGQ = 15)
    expect_equal(as.numeric(logLik(both)), as.numeric(logLik(alone)), tolerance = 1e-9)
  }
  # leaves that differ, clusters that do not
  d$leaf <- paste(d$a, d$b)
  d$z <- rbinom(nrow(d), 1, plogis(2 * rnorm(2L * m)[match(d$leaf, unique(d$leaf))]))
  both <- suppressMessages(glmm(z ~ 1 + (1 | a / b), d, binomial(), nAGQ = 15))
  alone <- glmm(z ~ 1 + (1 | leaf), d, binomial(), nAGQ = 15)
  expect_gte(as.numeric(logLik(both)), as.numeric(logLik(alone)) - 1e-8)
})

test_that("posterior means and variances of both levels are those of plain integration", {
  family <- binomial()
  d <- nested_data(m = 6L, leaves = 2L)
  fit <- glmm(y ~ x + (1 | a / b), d, family, nAGQ = 15)
  design <- fit$design
  u <- seq(-8, 8, by = 0.05)
  eta0 <- row_offset(design) + drop(design$X %*% fit$beta)
  sd <- unname(diag(fit$Lambda))
  of <- function(k) sd[design$groups[[k]]$columns]
  first <- design$groups[[1L]]$index == 0
  leaves <- unique(design$groups[[2L]]$index[first])
  # log density of the rows of each leaf on the grid (u_a, u_b)
  each <- lapply(leaves, function(l) {
    rows <- which(design$groups[[2L]]$index == l)
    Reduce(`+`, lapply(rows, function(j) {
      dbinom(design$y[j], 1, plogis(eta0[j] + outer(of(1L) * u, of(2L) * u, `+`)), log = TRUE)
    }))
  })
  inner <- vapply(each, function(f) rowSums(exp(f) * rep(dnorm(u), each = length(u))), u)
  weight <- dnorm(u) * inner[, 1L] * inner[, 2L]
  mean_a <- of(1L) * sum(u * weight) / sum(weight)
  var_a <- of(1L)^2 * sum(u^2 * weight) / sum(weight) - mean_a^2
  joint <- dnorm(u) * inner[, 2L] * exp(each[[1L]]) * rep(dnorm(u), each = length(u))
  mean_b <- of(2L) * sum(t(joint) * u) / sum(joint)
  var_b <- of(2L)^2 * sum(t(joint) * u^2) / sum(joint) - mean_b^2
  b <- ranef(fit, "mean")
  expect_equal(b[[1L]][1L, 1L], mean_a, tolerance = 1e-7)
  expect_equal(attr(b[[1L]], "postVar")[1L], var_a, tolerance = 1e-7)
  expect_equal(b[[2L]][leaves[1L] + 1L, 1L], mean_b, tolerance = 1e-7)
  expect_equal(attr(b[[2L]], "postVar")[leaves[1L] + 1L], var_b, tolerance = 1e-7)
})

test_that("posterior medians of both levels are those of plain integration", {
  bernoulli <- function(y, eta) dbinom(y, 1, plogis(eta), log = TRUE)
  d <- nested_data(m = 6L, leaves = 2L)
  fit <- glmm(y ~ x + (1 | a / b), d, binomial(), nAGQ = 15)
  check_posterior(fit, bernoulli)
  # many rows in few leaves, which then nearly determine the sum of both effects
  d <- nested_data(m = 6L, leaves = 2L, rows = 30L)
  fit <- glmm(count ~ x + (1 | a / b), d, poisson(), nAGQ = 15)
  expect_gt(min(fit$theta), 0.2)
  check_posterior(fit, function(y, eta) dpois(y, exp(eta), log = TRUE))
  # no effect of clusters: the medians of leaves are those of the model without
  d$leaf <- paste(d$a, d$b, sep = ":")
  d$z <- rbinom(nrow(d), 1, plogis(rep_len(c(-1, 1), 12L)[match(d$leaf, unique(d$leaf))]))
  both <- suppressMessages(glmm(z ~ 1 + (1 | a / b), d, binomial(), nAGQ = 25))
  expect_identical(both$theta[[1L]], 0)
  alone <- glmm(z ~ 1 + (1 | leaf), d, binomial(), nAGQ = 25)
  medians <- ranef(both, "median")
  expect_identical(medians$a[, 1L], numeric(6))
  one <- ranef(alone, "median")$leaf
  expect_equal(medians[[2L]][rownames(one), 1L], one[, 1L], tolerance = 1e-4)
  slope <- suppressMessages(
    glmm(y ~ x + (x | a) + (1 | a:b), nested_data(), binomial(), nAGQ = 1)
  )
  expect_snapshot(error = TRUE, ranef(slope, "median"))
})

test_that("conditional variances at the mode are those of the joint information", {
  d <- nested_data(m = 8L, leaves = 2L, seed = 7)
  fit <- glmm(count ~ x + (1 | a / b), d, poisson(), nAGQ = 1)
  design <- fit$design
  index <- lapply(design$groups, `[[`, "index")
  Z <- cbind(outer(index[[1L]], 0:7, `==`), outer(index[[2L]], 0:15, `==`)) * 1
  sd <- rep(diag(fit$Lambda)[c(design$groups[[1]]$columns, design$groups[[2]]$columns)], c(8, 16))
  W <- fitted(fit)[design$order]
  H <- crossprod(Z * sqrt(W)) + diag(1 / sd^2)
  V <- diag(solve(H))
  b <- ranef(fit)
  expect_equal(drop(attr(b[[1L]], "postVar")), V[1:8], tolerance = 1e-6, ignore_attr = TRUE)
  expect_equal(drop(attr(b[[2L]], "postVar")), V[9:24], tolerance = 1e-6, ignore_attr = TRUE)
})

test_that("predictions of known and new levels", {
  d <- nested_data()
  fit <- glmm(y ~ x + (1 | a / b), d, binomial(), nAGQ = 9)
  b <- ranef(fit)
  new <- data.frame(a = c(3, 3, 99), b = c(2, 77, 1), x = 0.4)
  fixed <- sum(coef(fit) * c(1, 0.4))
  eta <- fixed + c(b$a["3", ] + b$`a:b`["3:2", ], b$a["3", ], 0)
  expect_equal(suppressMessages(predict(fit, new)), eta, ignore_attr = TRUE)
  # a new leaf of a known cluster: its own effect integrated out, that of the cluster kept
  sd <- vapply(VarCorr(fit), attr, 0, "stddev")
  mean_of <- function(eta, s) {
    stats::integrate(function(t) plogis(eta + s * t) * dnorm(t), -9, 9, rel.tol = 1e-10)$value
  }
  p <- suppressMessages(predict(fit, new, type = "response"))
  wanted <- c(plogis(eta[1L]), mean_of(eta[2L], sd[["a:b"]]), mean_of(fixed, sqrt(sum(sd^2))))
  expect_equal(p, wanted, tolerance = 1e-8, ignore_attr = TRUE)
})

test_that("standard errors of predictions: d'V d + variance of u", {
  skip_if_not_installed("numDeriv")
  d <- nested_data(m = 8L)
  for (family in list(binomial(), gaussian("log"))) {
    d$r <- if (family$family == "binomial") d$y else exp(0.3 * d$response)
    fit <- suppressWarnings(glmm(r ~ x + (1 | a / b), d, family, nAGQ = 5))
    design <- fit$design
    psi <- fit_psi(fit)
    row <- 7L
    level <- vapply(design$groups, function(g) g$index[row] + 1L, 1L)
    eta <- function(psi, known = c(1, 1)) {
      modes <- engine_evaluate(design, fit$family, psi, 1L, 0L, fit$modes)$modes
      Lambda <- lambda_matrix(design, psi[3:4])
      u <- numeric(2)
      for (k in 1:2) u[design$groups[[k]]$columns] <- known[k] * modes[[k]][level[k], ]
      sum(design$X[row, ] * psi[1:2]) + sum(design$Z[row, ] * (Lambda %*% u))
    }
    V <- fit$vcov_full
    V[is.na(V)] <- 0
    # joint variance of the two effects of the row, from second differences of h
    rows <- which(design$groups[[1L]]$index == level[1L] - 1L)
    leaves <- unique(design$groups[[2L]]$index[rows])
    h <- function(u) {
      eta <- row_offset(design)[rows] + drop(design$X[rows, ] %*% fit$beta)
      sd <- unname(diag(fit$Lambda))
      eta <- eta + sd[design$groups[[1L]]$columns] * u[1L] +
        sd[design$groups[[2L]]$columns] * u[1L + match(design$groups[[2L]]$index[rows], leaves)]
      log_density <- if (family$family == "binomial") {
        dbinom(design$y[rows], 1, plogis(eta), log = TRUE)
      } else {
        dnorm(design$y[rows], exp(eta), sqrt(fit$phi), log = TRUE)
      }
      sum(log_density) - sum(u^2) / 2
    }
    mode <- c(fit$modes[[1L]][level[1L], ], fit$modes[[2L]][leaves + 1L, ])
    variance_u <- solve(-numDeriv::hessian(h, mode))
    sd <- diag(fit$Lambda)[c(design$groups[[1]]$columns, design$groups[[2]]$columns)]
    at <- c(1L, 1L + match(level[2L] - 1L, leaves))
    expected <- function(known) {
      g <- numDeriv::grad(eta, psi, known = known)
      z <- sd * known
      sum(g * V %*% g) + sum(z * variance_u[at, at] %*% z) + sum((sd * (1 - known))^2)
    }
    variance <- function(cluster) {
      engine_eb_variance(fit, design$X[row, , drop = FALSE], design$Z[row, , drop = FALSE],
        matrix(cluster, 1L))
    }
    expect_equal(variance(level), expected(c(1, 1)), tolerance = 1e-5)
    expect_equal(variance(c(level[1L], NA)), expected(c(1, 0)), tolerance = 1e-5)
    expect_equal(variance(c(NA, NA)), expected(c(0, 0)), tolerance = 1e-5)
  }
})

test_that("simulated responses have the variances of both levels", {
  d <- expand.grid(row = 1:5, b = 1:5, a = 1:200)
  set.seed(10)
  leaf <- (d$a - 1) * 5 + d$b
  d$y <- rpois(nrow(d), exp(0.5 + 0.5 * rnorm(200)[d$a] + 0.7 * rnorm(1000)[leaf]))
  fit <- glmm(y ~ 1 + (1 | a / b), d, poisson(), nAGQ = 5)
  again <- refit(fit, simulate(fit, seed = 2)[[1L]])
  se <- sqrt(diag(fit$vcov_full))
  expect_lt(max(abs(c(again$beta - fit$beta, again$theta - fit$theta)) / se), 4)
})

test_that("messages and printed rule", {
  d <- nested_data()
  fit <- glmm(y ~ x + (1 | a / b), d, binomial(), nAGQ = c(9, 7))
  expect_snapshot({
    print(fit)
    cat(rule_words(fit$rule))
  })
  expect_snapshot(error = TRUE, {
    glmm(y ~ x + (1 | a / b), d, binomial(), nAGQ = c(3, 5, 7))
    glmm(y ~ x + (1 | a), d, binomial(), nAGQ = c(3, 5))
    glmm(y ~ x + (1 | a / b), d, binomial(), nAGQ = c(3, 0))
  })
})
