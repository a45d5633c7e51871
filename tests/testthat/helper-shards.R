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
