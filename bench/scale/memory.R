# B1: the same rows in memory, with two threads, and in 64 shards on two workers: results, time of
# reading and of the fit, and peak memory, each in fresh processes. Writes memory.md.
#
#   Rscript bench/scale/memory.R [clusters] [shards]      10^6 clusters of ten rows by default
#
# R_LIBS must name a library with margmix. Needs 3 GiB, and 0.3 GB of disk where SCALE_FOLDER says.

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(here, "common.R"))
suppressMessages(library(margmix))

fits <- list(
  `glmm(), logit, K = 9` = function(data) {
    glmm(y ~ x + treated + (1 | id), data, binomial(), nAGQ = 9,
      control = glmm_control(threads = threads, tolerance = 1e-22)
    )
  },
  `gee(), logit, exchangeable` = function(data) {
    gee(y ~ x + treated, data, id, family = binomial(), corstr = "exchangeable",
      control = gee_control(threads = threads)
    )
  }
)
numbers <- function(fit) {
  list(
    estimates = c(fit$beta, fit$theta, fit$alpha), errors = sqrt(diag(vcov(fit))),
    logLik = if (inherits(fit, "margmix_glmm")) as.numeric(logLik(fit)) else NA
  )
}

# A part: where the rows are, and which fit.
part <- commandArgs(TRUE)
if (part[1L] %in% c("memory", "shards")) {
  files <- list.files(part[3L], full.names = TRUE)
  threads <- if (part[1L] == "memory") 2L else 1L
  cluster <- if (part[1L] == "shards") workers_at_once(2L)
  use <- function() {
    others <- if (!is.null(cluster)) cluster_use(cluster)
    all <- rbind(process_use(), others)
    c(cpu = sum(all[, "cpu"]), peak = sum(all[, "peak"]))
  }
  before <- use()
  reading <- system.time({
    data <- if (is.null(cluster)) {
      do.call(rbind, lapply(files, readRDS))
    } else {
      shards(files, "id", cluster = cluster)
    }
  })[["elapsed"]]
  read <- use()
  fitting <- system.time(fit <- fits[[part[2L]]](data))[["elapsed"]]
  after <- use()
  give(c(numbers(fit),
    wall = list(c(read = reading, fit = fitting)), peak = after[["peak"]],
    cpu = list(c(read = read[["cpu"]] - before[["cpu"]], fit = after[["cpu"]] - read[["cpu"]]))
  ))
  if (!is.null(cluster)) parallel::stopCluster(cluster)
  quit()
}

clusters <- size_argument(1L, 1e6)
count <- as.integer(size_argument(2L, 64L))
folder <- new_folder("memory")
files <- write_visits(folder, clusters, count)
rows <- 10 * clusters %/% count * count
table <- do.call(rbind, lapply(names(fits), function(name) {
  memory <- fresh("memory", name, folder)
  shards <- fresh("shards", name, folder)
  column <- function(what, part) c(memory[[what]][[part]], shards[[what]][[part]])
  data.frame(
    fit = paste0("`", sub(",", "`,", name)),
    place = c("memory, 2 threads", paste(count, "shards, 2 workers")),
    `reading, s` = column("wall", "read"), `fit, s` = column("wall", "fit"),
    `reading, CPU s` = column("cpu", "read"), `fit, CPU s` = column("cpu", "fit"),
    `peak of all processes, MiB` = c(memory$peak, shards$peak),
    `estimates apart` = c(NA, apart(shards$estimates, memory$estimates)),
    `SE apart` = c(NA, apart(shards$errors, memory$errors)),
    `logLik apart` = c(NA, apart(shards$logLik, memory$logLik)), check.names = FALSE
  )
}))
ratios <- function(time) {
  paste(signif(time[c(2, 4)] / time[c(1, 3)], 3), collapse = " and ")
}
unlink(folder, recursive = TRUE)
write_scale("memory", "Shards beside memory", c(
  paste0(
    format(rows, big.mark = ",", scientific = FALSE), " rows, y ~ x + treated, clusters of ten, ",
    "in RDS files that are not compressed. Reading is `do.call(rbind, lapply(files, readRDS))`, ",
    "or `shards(files)`, which checks them, too. Differences are relative, the largest; `glmm()` ",
    "searches to the end of what it can tell, `tolerance = 1e-22`."
  ),
  paste0(
    "Shards over memory, `glmm()` and `gee()`: ",
    ratios(table[["reading, s"]] + table[["fit, s"]]), " from the files to the fit by wall time, ",
    ratios(table[["reading, CPU s"]] + table[["fit, CPU s"]]), " by CPU time; ",
    ratios(table[["fit, s"]]), ", and ", ratios(table[["fit, CPU s"]]), ", of the fits alone."
  )
), table)
