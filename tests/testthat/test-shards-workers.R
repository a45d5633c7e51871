# Shards on workers of package parallel.

skip_on_cran()

shard_estimates <- function(fit) unclass(fit)[c("beta", "theta", "logLik", "vcov_full")]

fit_shards <- function(files, ..., formula = severe ~ treatment * scheduled + (1 | patient)) {
  s <- shards(files, "patient", ...)
  glmm(formula, s, binomial(), nAGQ = 3)
}

# Starting workers takes most of the time: all tests share them, and the last ones kill them.
whole_cluster <- parallel::makePSOCKcluster(4L)

some_patients <- subset(toenail, as.integer(patient) <= 60)

test_that("any number of workers gives the same bits", {
  files <- write_shards(some_patients, "patient", 4L)
  fit <- function(files, ...) {
    fit_shards(files, ..., formula = severe ~ treatment * scheduled + (scheduled | patient))
  }
  cluster <- whole_cluster
  alone <- fit(files)
  here <- shard_estimates(alone)
  for (workers in 3:1) {
    there <- fit(rev(files), cluster = cluster[seq_len(workers)])
    expect_identical(shard_estimates(there), here)
  }
  expect_identical(ranef(there), ranef(alone))
  here <- shard_estimates(fit_shards(files))
  expect_identical(shard_estimates(fit_shards(files, cluster = cluster[1:2], memory = 0)), here)
  # the cluster is in step afterwards, also after an error
  s <- shards(files, "patient", cluster = cluster)
  expect_error(glmm(severe ~ nothing + (1 | patient), s), class = "margmix_error_frame")
  expect_identical(parallel::clusterApply(cluster, 1:4, identity), as.list(1:4))
})

test_that("what an evaluation sends fits into one write to a socket", {
  sent <- new.env()
  record <- bquote(local({
    message <- list(fun = run_shard_job, args = list(job))
    assign(job$piece, length(serialize(message, NULL)), envir = .(sent))
  }))
  suppressMessages(
    trace("do_shard_job", record, print = FALSE, where = asNamespace("margmix"))
  )
  on.exit(suppressMessages(untrace("do_shard_job", where = asNamespace("margmix"))))
  s <- in_shards(shard_sample, "g", 2L)
  quietly(glmm(bin ~ x + f + (x | g), s, binomial(), nAGQ = 3))
  quietly(gee(bin ~ x + f, s, g, family = binomial(), corstr = "exchangeable"))
  for (piece in c("shard_value", "engine_glm_sums", "engine_gee_sums")) {
    expect_lt(sent[[piece]], 4096, label = piece)
  }
})

test_that("a marginal fit has the same bits with workers", {
  files <- write_shards(some_patients, "patient", 3L)
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

# Those that have not been killed.
living <- function() whole_cluster[live]
live <- rep(TRUE, length(whole_cluster))

test_that("a worker that is killed leaves its shards to the others", {
  skip_on_os("windows")
  files <- write_shards(some_patients, "patient", 4L)
  here <- shard_estimates(fit_shards(files))
  for (last in c(6, 60)) { # in the first pass, and in an evaluation
    workers <- which(live)
    expect_warning(
      fit <- fit_shards(files, cluster = living(), memory = 0, read = deadly_read(last)),
      class = "margmix_warning_workers"
    )
    expect_identical(shard_estimates(fit), here)
    expect_identical("workers" %in% names(fit$warnings), last > 8)
    live[workers] <<- fit$frame$source$team$live
    expect_length(living(), length(workers) - 1L)
  }
})

test_that("when all workers are killed the best estimates are kept", {
  skip_on_os("windows")
  files <- write_shards(some_patients, "patient", 2L)
  error <- suppressWarnings(expect_error(
    fit_shards(files, cluster = living(), memory = 0, read = deadly_read(45, all = TRUE)),
    class = "margmix_error_workers"
  ))
  expect_named(error$start, c("beta", "theta", "phi"))
  fit <- function(...) {
    glmm(severe ~ treatment * scheduled + (1 | patient), shards(files, "patient"), binomial(),
      nAGQ = 3, control = exactly(), ...
    )
  }
  expect_equal(coef(fit(start = error$start)), coef(fit()), tolerance = 1e-9)
})

try(parallel::stopCluster(whole_cluster), silent = TRUE)

test_that("a cluster that can't work is refused", {
  files <- write_shards(some_patients, "patient", 2L)
  expect_error(
    shards(files, "patient", cluster = whole_cluster[1L]), class = "margmix_error_workers"
  )
})
