# B1: the same rows in memory, with two threads, and in 64 shards on two workers: results, time and
# peak memory, each in fresh processes. Writes memory.md.
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
  cluster <- if (part[1L] == "shards") parallel::makePSOCKcluster(2L)
  data <- if (is.null(cluster)) do.call(rbind, lapply(files, readRDS))
  gc()
  use <- function() {
    others <- if (!is.null(cluster)) cluster_use(cluster)
    all <- rbind(process_use(), others)
    c(cpu = sum(all[, "cpu"]), peak = sum(all[, "peak"]))
  }
  before <- use()
  wall <- system.time({
    if (!is.null(cluster)) data <- shards(files, "id", cluster = cluster)
    fit <- fits[[part[2L]]](data)
  })[["elapsed"]]
  after <- use()
  give(c(numbers(fit), wall = wall, cpu = after[["cpu"]] - before[["cpu"]], peak = after[["peak"]]))
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
  data.frame(
    fit = paste0("`", sub(",", "`,", name)),
    place = c("memory, 2 threads", paste(count, "shards, 2 workers")),
    `wall, s` = c(memory$wall, shards$wall), `CPU, s` = c(memory$cpu, shards$cpu),
    `peak of all processes, MiB` = c(memory$peak, shards$peak),
    `estimates apart` = c(NA, apart(shards$estimates, memory$estimates)),
    `SE apart` = c(NA, apart(shards$errors, memory$errors)),
    `logLik apart` = c(NA, apart(shards$logLik, memory$logLik)), check.names = FALSE
  )
}))
unlink(folder, recursive = TRUE)
write_scale("memory", "Shards beside memory", c(
  paste0(
    format(rows, big.mark = ",", scientific = FALSE), " rows, y ~ x + treated, clusters of ten. ",
    "Rows in memory are there before the clock starts; shards are read from files (RDS, not ",
    "compressed), with the first pass. Differences are relative, the largest; `glmm()` searches ",
    "to the end of what it can tell, `tolerance = 1e-22`."
  ),
  paste0(
    "Wall time of shards over that of memory: ",
    paste(signif(table[["wall, s"]][c(2, 4)] / table[["wall, s"]][c(1, 3)], 3), collapse = ", "),
    "; CPU time: ",
    paste(signif(table[["CPU, s"]][c(2, 4)] / table[["CPU, s"]][c(1, 3)], 3), collapse = ", "), "."
  )
), table)
