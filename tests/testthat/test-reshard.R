# Shards of whole clusters, made of files in which clusters are torn apart.

torn_files <- function(data, k = 3L, folder = tempfile("torn")) {
  dir.create(folder)
  files <- file.path(folder, paste0("month", seq_len(k), ".rds"))
  part <- rep_len(seq_len(k), nrow(data))
  Map(function(rows, file) saveRDS(data[rows, ], file), split(seq_len(nrow(data)), part), files)
  files
}

test_that("a fit to the shards is that to the rows in memory", {
  files <- torn_files(shard_sample, 7L)
  expect_error(shards(files, "g"), class = "margmix_error_shards", "reshard")
  paths <- reshard(files, "g", tempfile(), rows = 60)
  expect_length(paths, 4L)
  s <- shards(paths, "g")
  formula <- bin ~ x + f + (1 | g)
  there <- glmm(formula, s, binomial(), nAGQ = 7, control = exactly())
  expect_same_fit(there, glmm(formula, shard_sample, binomial(), nAGQ = 7, control = exactly()))
})

test_that("shards hold every row once, sorted by cluster, in the order of the files", {
  set.seed(2)
  d <- data.frame(id = sample(c("b", "a", "\u00e4", "Z", "c1"), 60, TRUE), row = 1:60)
  files <- torn_files(d)
  paths <- reshard(files, "id", tempfile(), rows = 1)
  expect_length(paths, 5L)
  whole <- do.call(rbind, lapply(paths, readRDS))
  expect_identical(whole$id, sort(d$id, method = "radix"))
  in_files <- do.call(rbind, lapply(files, readRDS))
  expect_identical(whole$row, in_files$row[order(in_files$id, method = "radix")])
  one <- reshard(files, "id", tempfile(), rows = 1e9)
  expect_identical(readRDS(one), whole)
})

test_that("ids and factors may have other types and levels in each file", {
  skip_if_not_installed("bit64")
  d <- data.frame(id = rep(c(3L, 1L, 2L), 4), f = factor(rep(c("u", "v"), 6)), y = 1:12)
  folder <- tempfile("types")
  dir.create(folder)
  files <- file.path(folder, paste0(1:3, ".rds"))
  saveRDS(d[1:4, ], files[1L])
  saveRDS(transform(d[5:8, ], id = as.double(id), f = factor(f, c("v", "u"))), files[2L])
  saveRDS(transform(d[9:12, ], id = bit64::as.integer64(id)), files[3L])
  whole <- do.call(rbind, lapply(reshard(files, "id", tempfile(), rows = 4), readRDS))
  by <- order(d$id)
  expect_equal(whole$id, sort(d$id))
  expect_identical(as.character(whole$f), as.character(d$f[by]))
  expect_identical(whole$y, d$y[by])
})

test_that("another writer and reader", {
  files <- torn_files(data.frame(id = c(2, 1, 2, 1), y = 1:4), 2L)
  paths <- reshard(files, "id", tempfile(), 2,
    write = function(data, file) utils::write.csv(data, file, row.names = FALSE), extension = "csv"
  )
  expect_identical(basename(paths), c("shard-00001.csv", "shard-00002.csv"))
  expect_equal(sum(shards(paths, "id", utils::read.csv)$rows), 4)
})

test_that("rows without a cluster are left out, which is said", {
  files <- torn_files(data.frame(id = c(1, NA, 2, 1, NA, 2), y = 1:6))
  expect_message(paths <- reshard(files, "id", tempfile()), "2 rows", class = "margmix_note_rows")
  expect_identical(readRDS(paths)$y, c(1L, 4L, 3L, 6L))
})

test_that("what can't be written leaves nothing behind", {
  files <- torn_files(shard_sample)
  folder <- tempfile()
  full <- function(data, file) {
    saveRDS(data, file)
    if (grepl("00002", file)) stop("No space left on device")
  }
  expect_error(reshard(files, "g", folder, 60, write = full), "No space left",
    class = "margmix_error_shards"
  )
  expect_identical(list.files(folder), character())
  expect_true(all(file.exists(files)))
})

test_that("the end of a file that did not fit on the disk is missed", {
  skip_if_not(file.exists("/dev/full"))
  expect_silent(saveRDS(1:10, "/dev/full")) # why it is read again
  expect_error(writing(write_whole(saveRDS, shard_sample[1:3, ], "/dev/full")), "disk",
    class = "margmix_error_shards"
  )
})

test_that("input that can't be used is named", {
  files <- torn_files(shard_sample)
  refused <- function(..., class = "margmix_error_argument") {
    expect_error(reshard(...), class = class)
  }
  refused(files, "g", dirname(files[1L]))
  refused(files, "g", tempfile(), rows = 0)
  refused(files, "g", tempfile(), write = "saveRDS")
  refused(files, "g", tempfile(), extension = NA)
  refused(files, "g", 1)
  refused(files, "patient", tempfile(), class = "margmix_error_shards")
  refused(files[c(1L, 1L)], "g", tempfile(), class = "margmix_error_shards")
  refused(c(files, tempfile()), "g", tempfile(), class = "margmix_error_shards")
  refused(files, "g", file.path(files[1L], "below"), class = "margmix_error_shards")
  saveRDS(transform(shard_sample, g = paste(g)), files[2L])
  refused(files, "g", tempfile(), class = "margmix_error_shards")
  saveRDS(transform(shard_sample, g = NA_integer_), files[2L])
  refused(files[2L], "g", tempfile(), class = "margmix_error_shards")
})

test_that("differences of time must have one unit in all files", {
  d <- data.frame(id = 1:4, wait = as.difftime(1:4, units = "hours"))
  files <- torn_files(d, 2L)
  other <- transform(readRDS(files[2L]), wait = `units<-`(wait, "mins"))
  saveRDS(other, files[2L])
  expect_error(shards(files, "id"), "hours", class = "margmix_error_shards")
})
