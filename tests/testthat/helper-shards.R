# Data written as shards of whole clusters, and fits to compare.

# The clusters of each of `k` files, by turns.
write_shards <- function(data, id, k = 3L, folder = tempfile("shards")) {
  dir.create(folder)
  clusters <- unique(data[[id]])
  part <- rep_len(seq_len(k), length(clusters))[match(data[[id]], clusters)]
  files <- file.path(folder, paste0("part", seq_len(k), ".rds"))
  Map(function(rows, file) saveRDS(data[rows, ], file), split(seq_len(nrow(data)), part), files)
  files
}

# Everything that a fit in shards has in common with one in memory, to ten digits.
expect_same_fit <- function(fit, other, tolerance = 1e-10) {
  expect_equal(coef(fit), coef(other), tolerance = tolerance)
  expect_equal(fit$theta, other$theta, tolerance = tolerance)
  expect_equal(fit$phi, other$phi, tolerance = tolerance)
  expect_equal(as.numeric(logLik(fit)), as.numeric(logLik(other)), tolerance = tolerance)
  expect_equal(fit$vcov_full, other$vcov_full, tolerance = 10 * tolerance)
  expect_identical(attr(logLik(fit), "df"), attr(logLik(other), "df"))
  expect_equal(nobs(fit), nobs(other))
  expect_identical(fit$rule$K, other$rule$K)
}

in_shards <- function(data, id, k = 3L, ...) shards(write_shards(data, id, k), id, ...)

# Both to the end of what a search can tell, as they begin at slightly different points.
exactly <- function(...) glmm_control(tolerance = 1e-22, ...)

shard_sample <- local({
  set.seed(5)
  n <- 240
  d <- data.frame(g = rep(1:30, 8), x = rnorm(n), f = sample(c("b", "a", "c"), n, TRUE))
  d$t <- rexp(n)
  d$n <- sample(3:9, n, TRUE)
  b <- rnorm(30, 0, 0.5)[d$g]
  eta <- 0.3 + 0.4 * d$x + 0.5 * (d$f == "b") + b + rnorm(30, 0, 0.3)[d$g] * d$x
  d$bin <- rbinom(n, 1, plogis(eta))
  d$k <- rbinom(n, d$n, plogis(eta))
  d$y <- eta + rnorm(n)
  d$count <- rpois(n, d$t * exp(eta))
  d$over <- rnbinom(n, size = 2, mu = exp(eta))
  d$size <- rgamma(n, 2, 2 / exp(eta))
  d$share <- rbeta(n, 3 * plogis(eta), 3 * (1 - plogis(eta)))
  d
})

# Does a call work, is it refused with class shards, or what else is the error?
answer_of <- function(expr) {
  error <- tryCatch({
    utils::capture.output(quietly(force(expr)))
    NULL
  }, error = identity)
  if (is.null(error)) return("works")
  if (inherits(error, "margmix_error_shards")) return("refused")
  paste(class(error)[1L], conditionMessage(error))
}

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
