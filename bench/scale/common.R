# What the scripts of this folder share. They measure on whatever machine they run on, which other
# work may share: tables have processor seconds beside wall time, and the load before the run.

source(file.path(here, "..", "measure.R"))

need <- function(...) {
  absent <- Filter(function(package) !requireNamespace(package, quietly = TRUE), c(...))
  if (length(absent)) stop("This needs the packages ", toString(absent), ".", call. = FALSE)
}

need_command <- function(command, hint) {
  path <- unname(Sys.which(command))
  if (!nzchar(path)) stop("This needs the command ", command, ": ", hint, ".", call. = FALSE)
  path
}

# The k-th number of the command line.
size_argument <- function(k, default) {
  given <- as.numeric(commandArgs(TRUE))[k]
  if (is.na(given)) default else given
}

new_folder <- function(name) {
  folder <- tempfile(paste0("margmix-", name, "-"), Sys.getenv("SCALE_FOLDER", tempdir()))
  dir.create(folder, recursive = TRUE)
  folder
}

# Visits of patients `from` and later: ten rows each, x as continuous as can be; without `treatment`
# nobody is treated.
visits_of <- function(patients, from = 1L, rows = 10L, treatment = TRUE) {
  set.seed(1000 + from %/% patients)
  id <- rep(seq.int(from, length.out = patients), each = rows)
  n <- length(id)
  x <- rnorm(n)
  effect <- rep(rnorm(patients), each = rows)
  eta <- -1 + 0.5 * x + effect
  data <- data.frame(id = id, x = x)
  if (treatment) {
    data$treated <- id %% 2L
    eta <- eta + 0.4 * data$treated
  }
  data$y <- as.integer(runif(n) < plogis(eta))
  data
}

# Files of visits_of(), through `write`.
write_visits <- function(folder, clusters, shards, write = saveRDS_plain, extension = "rds",
                         ...) {
  each <- clusters %/% shards
  files <- file.path(folder, sprintf("visits-%04d.%s", seq_len(shards), extension))
  for (k in seq_len(shards)) write(visits_of(each, 1L + (k - 1L) * each, ...), files[k])
  files
}

saveRDS_plain <- function(data, file) saveRDS(data, file, compress = FALSE)

# Peak resident memory of this process in MiB, its processor seconds, and bytes that it has read.
# Without surroundings, so that it travels to workers.
process_use <- function() {
  line <- grep("^VmHWM", readLines("/proc/self/status"), value = TRUE)
  time <- proc.time()
  read <- grep("^rchar", readLines("/proc/self/io"), value = TRUE)
  c(
    peak = as.numeric(gsub("[^0-9]", "", line)) / 1024,
    cpu = time[["user.self"]] + time[["sys.self"]], bytes = as.numeric(gsub("[^0-9]", "", read))
  )
}
environment(process_use) <- globalenv()

cluster_use <- function(cluster) do.call(rbind, parallel::clusterCall(cluster, process_use))

# Workers behind sockets, where both ends send at once.
workers_at_once <- function(count) {
  at_once <- "options(socketOptions = 'no-delay')"
  eval(str2lang(at_once))
  parallel::makePSOCKcluster(count, rscript_args = c("-e", shQuote(at_once)))
}

# Without loading Rmpi, which would make this process one of MPI's.
has_mpi <- function() {
  nzchar(Sys.which("mpirun")) && nzchar(system.file(package = "snow")) &&
    nzchar(system.file(package = "Rmpi"))
}

# The part `mpi` of a script in so many processes, of which the first is the master.
under_mpi <- function(processes, script, ...) {
  out <- tempfile(fileext = ".rds")
  start <- system.file("RMPISNOW", package = "snow")
  code <- suppressWarnings(system(paste(
    "timeout 300 mpirun --allow-run-as-root --oversubscribe -n", processes, "sh", start,
    "--no-echo --no-restore", paste0("--file=", file.path(here, script)), "--args mpi", ...,
    out, "> /dev/null 2>&1"
  )))
  list(code = code, value = if (file.exists(out)) readRDS(out))
}

# Run a part of a script in a process of its own; it ends with give().
fresh <- function(...) {
  script <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))
  out <- tempfile(fileext = ".rds")
  parts <- c(file.path(R.home("bin"), "Rscript"), script, ..., out)
  command <- paste(shQuote(parts), collapse = " ")
  if (system(command)) stop("The part ", toString(c(...)), " has failed.", call. = FALSE)
  readRDS(out)
}

give <- function(value) saveRDS(value, utils::tail(commandArgs(TRUE), 1L))

load_before <- function() as.numeric(strsplit(readLines("/proc/loadavg"), " ")[[1L]][1L])
load_at_start <- load_before()

shared_words <- function() {
  paste0(
    "Load of the machine before the run: ", format(load_at_start, nsmall = 2),
    if (load_at_start > 0.5) ". It was shared with other work: wall times are too long." else "."
  )
}

#' Write the table of a script beside it
#' @param words Paragraphs before the table.
#' @param ... Data frames, each a table, by their titles.
write_scale <- function(name, title, words, ...) {
  tables <- list(...)
  titles <- names(tables) %||% rep("", length(tables))
  parts <- unlist(Map(function(table, title) {
    c(if (nzchar(title)) c(paste("##", title), ""), markdown_table(table), "")
  }, tables, titles))
  text <- c(
    paste("#", title), "",
    paste0("Written by `bench/scale/", name, ".R`. ", machine(), ", ", package_label("margmix"),
      ". ", shared_words()
    ), "", unlist(lapply(words, c, "")), parts
  )
  file <- file.path(here, paste0(name, ".md"))
  writeLines(text[-length(text)], file)
  writeLines(text)
}

`%||%` <- function(a, b) if (is.null(a)) b else a

# Largest relative difference.
apart <- function(a, b) max(abs(as.numeric(a) / as.numeric(b) - 1))

numbers_of <- function(x) paste(names(x), signif(unname(x), 5), collapse = ", ")
