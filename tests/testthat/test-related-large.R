# Related levels beyond a factorisation: conjugate gradients with the blocks of the factors. Held
# against the exact factor, at sizes that have both.

lineage_cells <- function(n, family, seed = 1) {
  set.seed(seed)
  tree <- ape::rcoal(n)
  tree$edge.length <- tree$edge.length / max(ape::node.depth.edgelength(tree))
  d <- data.frame(
    cell = tree$tip.label, u = runif(n), v = runif(n), x = rnorm(n),
    batch = factor(sample(5L, n, TRUE))
  )
  K <- (1 + as.matrix(dist(d[c("u", "v")])) / 0.1) * exp(-as.matrix(dist(d[c("u", "v")])) / 0.1)
  place <- drop(crossprod(chol(K + diag(1e-8, n)), rnorm(n)))
  lineage <- ape::rTraitCont(tree, sigma = 1)[d$cell]
  eta <- 0.3 + 0.5 * d$x + lineage + 0.8 * place + rnorm(5L, 0, 0.5)[d$batch]
  d$y <- switch(family$family,
    gaussian = eta + 0.5 * rnorm(n), binomial = rbinom(n, 1, plogis(eta)),
    poisson = rpois(n, exp(eta))
  )
  list(d = d, tree = tree)
}

fit_cells <- function(data, family, ...) {
  tree <- data$tree
  glmm(
    y ~ x + phylo(1 | cell, tree) + mat(u + v | 1, dense = 0, neighbours = 8) + (1 | batch),
    data$d, family, ...
  )
}

# psi with no variance at zero, and what the engine is asked for at it.
large_problem <- function(fit) {
  design <- with_plan(fit$design, budget = 0)
  psi <- replace(fit_psi(fit), seq_len(6L), c(0.2, 0.4, 0.9, 0.7, 0.5, log(0.15)))
  list(
    problem = list(design = design, family = fit$family, control = glmm_control()), psi = psi,
    exact = engine_evaluate(fit$design, fit$family, psi, 1L, 1L, NULL, glmm_control())
  )
}

test_that("with a full set of orthogonal probes gradient and log-determinant are exact", {
  skip_if_not_installed("ape")
  for (family in list(gaussian(), binomial(), poisson())) {
    fit <- suppressMessages(fit_cells(lineage_cells(40L, family), family))
    at <- large_problem(fit)
    expect_length(elimination_plan(at$problem$design)$blocks, 3L)
    size <- sign_length(at$problem$design)
    probes <- sqrt(size) * qr.Q(qr(matrix(rnorm(size^2), size)))
    for (directions in c(FALSE, TRUE)) {
      found <- stochastic_step(at$problem, at$psi, NULL, probes, 1e-10, directions)
      expect_equal(found$gradient, at$exact$gradient, tolerance = 1e-6)
      expect_equal(ncol(found$probes), if (directions) size + 8L else 0L)
    }
    estimate <- engine_laplace_estimate(
      at$problem$design, family, at$psi, list(), probes, glmm_control()
    )
    expect_equal(estimate$value, at$exact$value, tolerance = 1e-7)
  }
})

test_that("the information of a Gaussian model is that of its normal distribution", {
  skip_if_not_installed("ape")
  data <- lineage_cells(40L, gaussian())
  fit <- suppressMessages(fit_cells(data, gaussian()))
  at <- large_problem(fit)
  size <- sign_length(at$problem$design)
  found <- stochastic_step(at$problem, at$psi, NULL, random_signs(size, 8L), 1e-10, TRUE)
  # y ~ N(X beta, V): f_a'P f_b / 2 with f = dV V^-1 r, by differences of a dense V
  parts <- split_parameters(fit$design, fit$family, at$psi)
  V <- function(psi) {
    now <- fit
    now$Lambda <- diag(psi[3:5])
    field <- random_factors(fit$design)[[2L]]
    Q <- related_draws(field$relation, psi[6L], diag(40))
    K <- list(`phylo(cell)` = ape::vcv(data$tree), `mat(u, v)` = tcrossprod(Q))
    dimnames(K[[2L]]) <- list(field$levels, field$levels)
    dense_random_covariance(now, K) + diag(exp(psi[7L]), 40)
  }
  X <- design_X(fit$design)
  r <- row_response(fit$design) - drop(X %*% parts$beta)
  inverse <- solve(V(at$psi))
  f <- vapply(3:7, function(k) {
    step <- replace(numeric(7L), k, 1e-5)
    drop((V(at$psi + step) - V(at$psi - step)) %*% inverse %*% r) / 2e-5
  }, numeric(40L))
  P <- inverse - inverse %*% X %*% solve(crossprod(X, inverse %*% X), crossprod(X, inverse))
  expect_equal(unname(found$information[3:7, 3:7]), crossprod(f, P %*% f) / 2, tolerance = 1e-4)
})

test_that("a field can lose places", {
  skip_if_not_installed("ape")
  fit <- suppressMessages(fit_cells(lineage_cells(60L, poisson()), poisson()))
  group <- random_factors(fit$design)[[2L]]
  kept <- c(3L, 8:40, 55L)
  fewer <- group
  fewer$index <- kept - 1L
  fewer <- keep_places(fewer)
  expect_identical(fewer$levels, group$levels[kept])
  expect_identical(fewer$index, seq_along(kept) - 1L)
  # the same process where each place is given all others before it
  whole <- function(group) {
    relation <- group$relation
    relation$neighbours <- length(group$levels)
    relation <- structure(
      with_parents(relation[names(relation) != "role"], engine_field_order(relation)$order, Inf),
      class = class(relation)
    )
    tcrossprod(related_draws(relation, log(0.2), diag(length(group$levels))))
  }
  expect_equal(whole(fewer), whole(group)[kept, kept], tolerance = 1e-6)
})

test_that("fits are those by the exact factor within the Monte Carlo error", {
  skip_if_not_installed("ape")
  for (family in list(binomial(), poisson())) {
    exact <- fit_cells(lineage_cells(400L, family), family)
    design <- with_plan(exact$design, budget = 1e4)
    found <- fit_design(design, family)
    expect_true(found$convergence$converged)
    expect_lt(abs(found$logLik - exact$logLik), 4 * found$rule$mc_sd + 0.01)
    expect_lt(found$rule$mc_sd, 0.2)
    se <- sqrt(diag(exact$vcov_full))
    moved <- c(found$beta, found$theta, found$rho) - fit_psi(exact)
    expect_lt(max(abs(moved) / se), 0.1)
    expect_equal(sqrt(diag(found$vcov_full)), se, tolerance = 0.05)
  }
})

test_that("what has a dear factor is searched by blocks, and ends where its factor does", {
  skip_if_not_installed("ape")
  family <- binomial()
  exact <- fit_cells(lineage_cells(700L, family), family)
  design <- exact$design
  expect_length(elimination_plan(design)$blocks, 0L)
  expect_length(elimination_plan(with_blocks(design))$blocks, 3L)
  way <- way_of_fit(exact)
  problem <- list(
    design = design, family = family, way = way, control = rule_control(way, exact$control),
    map = parameter_map(design, family, exact$start_glm), nAGQ = 1, REML = FALSE
  )
  found <- maximise_stochastic(problem, problem$map$x(fit_psi(exact) + 0.3))
  expect_lt(found$evaluations, exact$convergence$evaluations)
  expect_equal(found$value, exact$logLik, tolerance = 1e-10)
  expect_equal(problem$map$psi(found$x), unname(fit_psi(exact)), tolerance = 1e-5)
})

test_that("dense blocks that are the factor itself are no detour", {
  set.seed(2)
  n <- 60L
  K <- tcrossprod(matrix(rnorm(n * 100L), n)) / 100
  dimnames(K) <- rep(list(sprintf("p%02d", seq_len(n))), 2L)
  d <- data.frame(id = rownames(K), g = gl(6L, 10L), y = rpois(n, 2))
  fit <- suppressMessages(glmm(y ~ 1 + known(1 | id, covariance = K) + (1 | g), d, poisson()))
  expect_identical(with_blocks(fit$design), fit$design)
})

test_that("what has no blocks is refused beyond a factorisation", {
  skip_if_not_installed("ape")
  data <- lineage_cells(40L, poisson())
  tree <- data$tree
  fit <- suppressMessages(glmm(y ~ phylo(x | cell, tree) + ou(u + 0 | batch), data$d, poisson()))
  design <- with_plan(fit$design, budget = 0)
  expect_length(elimination_plan(design)$blocks, 0L)
  expect_error(fit_design(design, poisson()), class = "margmix_error_too_large")
})
