many_clusters <- function(m, seed = 1) {
  set.seed(seed)
  size <- sample(1:4, m, TRUE)
  id <- rep(seq_len(m), size)
  d <- data.frame(id, arm = id %% 2, x = rnorm(length(id)))
  d$y <- rbinom(nrow(d), 1, plogis(-0.5 + d$arm - d$x + rnorm(m)[id]))
  d
}

problem_of <- function(fit) {
  start_glm <- fit_start_glm(fit$design, fit$family)
  list(
    design = fit$design, family = fit$family, control = fit$control, start_glm = start_glm,
    map = parameter_map(fit$design, fit$family, start_glm)
  )
}

test_that("a sample has whole clusters, of every arm, and knows its share", {
  d <- many_clusters(4000)
  fit <- glmm(y ~ arm + x + (1 | id), d, binomial(), nAGQ = 1)
  sample <- sample_clusters(fit$design)
  small <- sample$design
  chosen <- match(small$levels, cluster_levels(fit$design))
  expect_identical(diff(small$start), rows_per_cluster(fit$design)[chosen])
  rows <- unlist(lapply(split(seq_len(nrow(d)), d$id)[chosen], identity), use.names = FALSE)
  expect_identical(small$X[, "x"], d$x[rows])
  expect_identical(small$y, as.numeric(d$y[rows]))
  expect_equal(sample$share, length(rows) / nrow(d))
  expect_lt(abs(mean(chosen %% 2) - 0.5), 0.01)
  expect_null(sample_clusters(small))
})

test_that("the start from a sample changes the way, not the estimates", {
  d <- many_clusters(3000)
  # varies in twenty clusters, of which the sample has a few
  d$rare <- as.numeric(d$id <= 20 & seq_len(nrow(d)) %% 2)
  formulas <- list(y ~ arm + x + (1 | id), y ~ arm + x + rare + (1 | id), y ~ x + (1 | id))
  for (formula in formulas) {
    for (K in c(1L, 9L)) {
      fit <- glmm(formula, d, binomial(), nAGQ = K)
      problem <- problem_of(fit)
      whole <- maximise(problem, K, start_values(problem, problem$start_glm, NULL), NULL)
      expect_equal(as.numeric(logLik(fit)), whole$value, tolerance = 1e-12)
      psi <- problem$map$psi(whole$x)
      expect_lt(max(abs(psi - c(fit$beta, fit$theta)) / sqrt(diag(fit$vcov_full))), 2e-5)
    }
  }
})

test_that("a sample without information on a coefficient is not a start", {
  d <- many_clusters(3000)
  fit <- glmm(y ~ arm + x + (1 | id), d, binomial(), nAGQ = 1)
  problem <- problem_of(fit)
  x <- start_values(problem, problem$start_glm, NULL)
  start <- function(problem) {
    sample <- sampled_problem(way_of_fit(fit), problem)
    start_of_sample(sample, x, maximise(sample, 1L, x, NULL, final = FALSE))
  }
  expect_length(start(problem)$x, 4L)
  chosen <- cluster_levels(sample_clusters(fit$design)$design)
  cluster <- rep(cluster_levels(fit$design), rows_per_cluster(fit$design))
  problem$design$X[cluster %in% chosen, "arm"] <- 0
  expect_null(start(problem))
})
