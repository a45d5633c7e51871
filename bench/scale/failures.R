# B6: workers killed by their process id, files cut off, a full disk: the same bits, or an error
# with a class. Writes failures.md, and stops if anything else happens.
#
#   Rscript bench/scale/failures.R [clusters]
#
# R_LIBS must name libraries with margmix (and nanoparquet, for Parquet). A full disk is a small
# tmpfs, which root may mount; MPI needs snow, Rmpi and mpirun. What is missing is left out, said.

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(here, "common.R"))
suppressMessages(library(margmix))


# What is asked of a fit, with its sandwich and its standardized means.
mixed <- function(s) {
  fit <- glmm(y ~ x + treated + (1 | id), s, binomial(), nAGQ = 9)
  means <- marginal_standardization(fit, "treated", vcov = "robust")
  c(unclass(fit)[c("beta", "theta", "logLik", "vcov_full")],
    list(vcov(fit, type = "KC"), means$estimates)
  )
}
marginal <- function(s) {
  fit <- gee(y ~ x + treated, s, id, family = binomial(), corstr = "exchangeable")
  c(unclass(fit)[c("beta", "phi", "alpha")], list(vcov(fit), vcov(fit, type = "robust")))
}

# Kill workers, `after` seconds after the n-th question of a kind, or before it is sent.
kill_in <- function(piece, pids, n = 1L, after = 0) {
  asked <- 0L
  strike <- function(jobs) {
    if (jobs[[1L]]$piece != piece) return()
    asked <<- asked + 1L
    if (asked != n) return()
    if (after == 0) {
      tools::pskill(pids, tools::SIGKILL)
      Sys.sleep(0.1)
    } else {
      system(paste0("(sleep ", after, "; kill -9 ", paste(pids, collapse = " "), ") &"))
    }
  }
  suppressMessages(trace("ask_team", bquote(.(strike)(jobs)), print = FALSE,
    where = asNamespace("margmix")
  ))
  function() suppressMessages(untrace("ask_team", where = asNamespace("margmix")))
}

# What came of it: class of warnings, and of the error or the comparison.
outcome <- function(expr, expected = NULL) {
  warned <- character()
  value <- withCallingHandlers(
    tryCatch(expr, error = function(e) e),
    warning = function(w) {
      warned <<- c(warned, class(w)[1L])
      invokeRestart("muffleWarning")
    }
  )
  result <- if (inherits(value, "error")) {
    paste0("error `", class(value)[1L], "`", if (!is.null(value$start)) " with `start`")
  } else if (is.null(expected)) {
    "done"
  } else if (identical(value, expected)) {
    "same bits"
  } else {
    "OTHER NUMBERS"
  }
  list(result = result, said = paste(unique(warned), collapse = ", "), value = value)
}

# MPI: what the runtime does when a rank dies.
if ("mpi" %in% commandArgs(TRUE)) {
  cluster <- snow::getMPIcluster()
  pids <- unlist(snow::clusterCall(cluster, Sys.getpid))
  kill_in("shard_value", pids[2L], 3L)
  files <- list.files(commandArgs(TRUE)[2L], "rds$", full.names = TRUE)
  give(outcome(mixed(shards(files, "id", cluster = cluster)))$result)
  Rmpi::mpi.quit()
}

clusters <- size_argument(1L, 30000)
folder <- new_folder("failures")
files <- write_visits(folder, clusters, 6L)
alone <- list(mixed = mixed(shards(files, "id")), marginal = marginal(shards(files, "id")))
tables <- list(killed = NULL, files = NULL, disk = NULL)
add <- function(table, ...) {
  tables[[table]] <<- rbind(tables[[table]], data.frame(..., check.names = FALSE))
  print(utils::tail(tables[[table]], 1L))
}

# Workers ---------------------------------------------------------------------------------------

strikes <- list(
  list("first pass", "shard_columns", "mixed"), list("levels of factors", "frame_facts", "mixed"),
  list("sums for the checks", "row_facts", "mixed"), list("start GLM", "engine_glm_sums", "mixed"),
  list("evaluation", "shard_value", "mixed"), list("sandwich", "shard_sandwich", "mixed"),
  list("standardized means", "shard_means", "mixed"),
  list("equations of gee()", "engine_gee_sums", "marginal"),
  list("sandwich of gee()", "shard_sandwich", "marginal")
)
fits <- list(mixed = mixed, marginal = marginal)

for (strike in strikes) for (after in c(0, 0.02)) for (dead in list(2L, 1:2, 1:3)) {
  cluster <- parallel::makePSOCKcluster(3L)
  pids <- unlist(parallel::clusterCall(cluster, Sys.getpid))
  stop_killing <- kill_in(strike[[2L]], pids[dead], if (strike[[2L]] == "shard_value") 3L else 1L,
    after
  )
  found <- outcome(
    fits[[strike[[3L]]]](shards(files, "id", cluster = cluster)), alone[[strike[[3L]]]]
  )
  stop_killing()
  add("killed",
    stage = strike[[1L]], when = if (after) "0.02 s after the question" else "before the question",
    killed = paste(length(dead), "of 3"), outcome = found$result, warning = found$said
  )
  # what is kept of a cluster whose workers have been killed can't be told to stop
  tools::pskill(pids, tools::SIGKILL)
  try(parallel::stopCluster(cluster), silent = TRUE)
}
fits_ok <- function(outcome) outcome %in% c("same bits", "done") | grepl("`margmix_error_", outcome)
stopifnot(fits_ok(tables$killed$outcome))


if (has_mpi()) {
  found <- under_mpi(4L, "failures.R", folder)
  add("killed", stage = "evaluation, MPI", when = "before the question", killed = "1 of 3",
    outcome = found$value %||% paste0("mpirun ends all processes, exit code ", found$code),
    warning = ""
  )
}

# Files -----------------------------------------------------------------------------------------

cut_off <- function(file, share) {
  bytes <- readBin(file, "raw", file.size(file))
  writeBin(bytes[seq_len(floor(share * length(bytes)))], file)
}

kinds <- list(rds = list(write = saveRDS_plain, read = readRDS))
kinds$`rds, gzip` <- list(write = saveRDS, read = readRDS)
if (requireNamespace("nanoparquet", quietly = TRUE)) {
  kinds$parquet <- list(write = nanoparquet::write_parquet, read = nanoparquet::read_parquet)
}
for (kind in names(kinds)) for (share in c(0, 0.5, 0.999)) for (late in c(FALSE, TRUE)) {
  some <- write_visits(new_folder("cut"), 300, 3L, kinds[[kind]]$write)
  whole <- mixed(shards(some, "id", kinds[[kind]]$read))
  if (!late) cut_off(some[2L], share)
  found <- outcome({
    s <- shards(some, "id", kinds[[kind]]$read, memory = 0)
    if (late) cut_off(some[2L], share)
    mixed(s)
  }, whole)
  add("files",
    file = kind, `left of it` = paste0(100 * share, "%"),
    cut = if (late) "after the first pass" else "before", outcome = found$result
  )
}
# what is lost of a gzip file may be its checksum alone
stopifnot(grepl("_shards`|same bits", tables$files$outcome))

# Disk ------------------------------------------------------------------------------------------

# Rows of each patient in three files, and disks from too small to large enough.
torn <- write_visits(new_folder("torn"), 2000, 1L)
data <- readRDS(torn)
by_visit <- file.path(dirname(torn), paste0("visit-", 1:3, ".rds"))
Map(saveRDS_plain, split(data, rep_len(1:3, nrow(data))), by_visit)
disk <- tempfile("disk")
dir.create(disk)
may_mount <- function(kib) {
  system(paste0("mount -t tmpfs -o size=", kib, "k tmpfs ", disk), ignore.stderr = TRUE) == 0L
}
sorted <- data[order(data$id), ]
whole_rows <- function(files) {
  got <- do.call(rbind, lapply(files, readRDS))
  identical(got$x[order(got$id, got$x)], sorted$x[order(sorted$id, sorted$x)])
}
sizes <- unique(round(seq(0.02, 2.6, length.out = 120) * file.size(torn) / 1024 / 4) * 4)
if (may_mount(sizes[1L])) {
  system(paste("umount", disk))
  outcomes <- vapply(sizes, function(size) {
    stopifnot(may_mount(size))
    on.exit(system(paste("umount", disk)))
    folder <- file.path(disk, "shards")
    found <- outcome(reshard(by_visit, "id", folder, rows = 5000))
    if (found$result != "done") {
      return(paste0(found$result, if (length(list.files(folder))) ", FILES LEFT"))
    }
    if (whole_rows(found$value)) "all rows written" else "ROWS LOST"
  }, "")
  stopifnot(outcomes %in% c("all rows written", "error `margmix_error_shards`"))
  counts <- table(outcomes)
  tables$disk <- data.frame(outcome = names(counts), disks = as.vector(counts))
  disk_words <- paste0(
    "`reshard()` of ", round(file.size(torn) / 1024), " KiB of rows on ", length(sizes),
    " tmpfs of ", sizes[1L], " to ", max(sizes), " KiB: where it fails no file is left; the files ",
    "that were read are as they were."
  )
} else {
  disk_words <- "A full disk was left out: a tmpfs could not be mounted."
}
print(tables$disk)

tables <- Filter(Negate(is.null), tables)
names(tables) <- c(killed = "Workers killed by `kill -9`", files = "Files cut off",
  disk = "A full disk"
)[names(tables)]
do.call(write_scale, c(list("failures", "What fails", c(
  paste0(
    "y ~ x + treated + (1 | id), logit, K = 9, with a bias-corrected sandwich and standardized ",
    "means (first rows), and `gee()`, exchangeable: ",
    format(10 * clusters, big.mark = ",", scientific = FALSE),
    " rows in 6 shards on 3 workers by sockets. Bits are those of all estimates, covariances and ",
    "means of a run without workers."
  ),
  disk_words
)), tables))
unlink(folder, recursive = TRUE)
