# Shards on workers of package parallel.

skip_on_cran()

shard_estimates <- function(fit) unclass(fit)[c("beta", "theta", "logLik", "vcov_full")]

fit_shards <- function(files, ...) {
  s <- shards(files, "patient", ...)
  glmm(severe ~ treatment * scheduled + (scheduled | patient), s, binomial(), nAGQ = 3)
}

# For the tests that kill no worker.
whole_cluster <- parallel::makePSOCKcluster(3L)

some_patients <- subset(toenail, as.integer(patient) <= 130)

# Ends its process at the `last` reading of a worker that any process has begun.
deadly_read <- function(last, all = FALSE) {
  force(c(last, all))
  count <- tempfile()
  first <- tempfile()
  function(file) {
    cat("x", file = count, append = TRUE)
    # one process alone can make a directory
    if (file.size(count) >= last && (dir.create(first, showWarnings = FALSE) || all)) {
      tools::pskill(Sys.getpid(), tools::SIGKILL)
      Sys.sleep(10)
    }
    readRDS(file)
  }
}

test_that("any number of workers gives the same bits", {
  files <- write_shards(some_patients, "patient", 5L)
  here <- shard_estimates(fit_shards(files))
  cluster <- whole_cluster
  for (workers in 3:1) {
    fit <- fit_shards(rev(files), cluster = cluster[seq_len(workers)])
    expect_identical(shard_estimates(fit), here)
  }
  expect_identical(shard_estimates(fit_shards(files, cluster = cluster[1:2], memory = 0)), here)
  expect_identical(ranef(fit), ranef(fit_shards(files)))
  # the cluster is in step afterwards, also after an error
  s <- shards(files, "patient", cluster = cluster)
  expect_error(glmm(severe ~ nothing + (1 | patient), s), class = "margmix_error_frame")
  expect_identical(parallel::clusterApply(cluster, 1:3, identity), as.list(1:3))
})

test_that("a marginal fit has the same bits with workers", {
  files <- write_shards(some_patients, "patient", 4L)
  fit <- function(...) {
    fit <- gee(severe ~ treatment, shards(files, "patient", ...), patient, waves = visit,
      family = binomial(), corstr = "toeplitz"
    )
    c(unclass(fit)[c("beta", "phi", "alpha")], list(vcov(fit), summary(fit)$correlation))
  }
  here <- fit()
  expect_identical(fit(cluster = whole_cluster[1:2]), here)
  expect_identical(fit(cluster = whole_cluster[1:2], memory = 0), here)
})

test_that("a nested fit has the same bits with workers", {
  files <- write_shards(nested_data(), "a", 3L)
  fit <- function(...) {
    fit <- glmm(count ~ x + (1 | a / b), shards(files, "a", ...), poisson(), nAGQ = 3)
    c(shard_estimates(fit), ranef(fit))
  }
  expect_identical(fit(cluster = whole_cluster[1:2]), fit())
})

test_that("what a formula names beside the data travels along", {
  files <- write_shards(some_patients, "patient", 2L)
  cluster <- whole_cluster[1L]
  centre <- 3
  shift <- function(x) x - centre
  fit <- function(data) {
    formula <- severe ~ shift(scheduled) + (1 | patient)
    glmm(formula, data, binomial(), nAGQ = 3, subset = visit < 5 + centre)
  }
  expect_equal(
    coef(fit(shards(files, "patient", cluster = cluster))), coef(fit(some_patients)),
    tolerance = 1e-9
  )
})

test_that("a worker that is killed leaves its shards to the others", {
  skip_on_os("windows")
  files <- write_shards(some_patients, "patient", 4L)
  here <- shard_estimates(fit_shards(files))
  for (last in c(6, 30)) { # in the first pass, and in an evaluation
    cluster <- parallel::makePSOCKcluster(2L)
    expect_warning(
      fit <- fit_shards(files, cluster = cluster, memory = 0, read = deadly_read(last)),
      class = "margmix_warning_workers"
    )
    expect_identical(shard_estimates(fit), here)
    expect_identical("workers" %in% names(fit$warnings), last > 8)
    try(parallel::stopCluster(cluster), silent = TRUE)
  }
})

test_that("when all workers are killed the best estimates are kept", {
  skip_on_os("windows")
  files <- write_shards(some_patients, "patient", 2L)
  cluster <- parallel::makePSOCKcluster(2L)
  error <- suppressWarnings(expect_error(
    fit_shards(files, cluster = cluster, memory = 0, read = deadly_read(60, all = TRUE)),
    class = "margmix_error_workers"
  ))
  expect_named(error$start, c("beta", "theta", "phi"))
  again <- glmm(
    severe ~ treatment * scheduled + (scheduled | patient), shards(files, "patient"), binomial(),
    nAGQ = 3, start = error$start
  )
  expect_equal(coef(again), coef(fit_shards(files)), tolerance = 1e-6)
  try(parallel::stopCluster(cluster), silent = TRUE)
})

test_that("a cluster that can't work is refused", {
  files <- write_shards(some_patients, "patient", 2L)
  cluster <- parallel::makePSOCKcluster(1L)
  parallel::stopCluster(cluster)
  expect_error(shards(files, "patient", cluster = cluster), class = "margmix_error_workers")
})

parallel::stopCluster(whole_cluster)
