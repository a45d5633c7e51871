# B2: rows that memory can't hold, as Parquet files: a mixed model and a marginal one on two workers
# under a limit of memory, and on a tenth of the files before. Writes hundred-million.md.
#
#   Rscript bench/scale/hundred-million.R [clusters] [shards] [GiB of a worker]
#
# R_LIBS must name libraries with margmix and nanoparquet. 10^7 clusters of ten rows (the default)
# take 2 GB of disk, where SCALE_FOLDER says; `ulimit -v` of each worker is 3 GiB.

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(here, "common.R"))
need("margmix", "nanoparquet")
suppressMessages(library(margmix))

clusters <- size_argument(1L, 1e7)
count <- as.integer(size_argument(2L, max(20, clusters / 5e4)))
limit <- size_argument(3L, 3)
folder <- new_folder("parquet")

writing <- system.time(
  files <- write_visits(folder, clusters, count, nanoparquet::write_parquet, "parquet",
    treatment = FALSE
  )
)[["elapsed"]]
size <- sum(file.size(files))
invisible(gc())

# The command of a worker sets its limit first.
limited <- file.path(folder, "limited")
writeLines(c(
  "#!/bin/sh", paste("ulimit -v", format(limit * 2^20, scientific = FALSE)),
  paste("exec", shQuote(file.path(R.home("bin"), "Rscript")), "\"$@\"")
), limited)
Sys.chmod(limited, "755")
cluster <- parallel::makePSOCKcluster(2L, rscript = limited)

measured <- function(what, rows, expr) {
  before <- list(process_use(), cluster_use(cluster))
  wall <- system.time(value <- expr)[["elapsed"]]
  after <- list(process_use(), cluster_use(cluster))
  print(value)
  cpu <- after[[1L]][["cpu"]] - before[[1L]][["cpu"]] +
    sum(after[[2L]][, "cpu"] - before[[2L]][, "cpu"])
  row <- data.frame(
    step = what, rows = rows, `wall, s` = wall, `CPU, s` = cpu,
    `CPU per row, us` = cpu / rows * 1e6,
    `read, GB` = sum(after[[2L]][, "bytes"] - before[[2L]][, "bytes"]) / 1e9,
    `peak of a worker, MiB` = max(after[[2L]][, "peak"]),
    `peak of all three, MiB` = sum(after[[2L]][, "peak"]) + after[[1L]][["peak"]],
    check.names = FALSE
  )
  found <<- rbind(found, row)
  save_table() # a run takes long: what is there is written
  value
}

save_table <- function() {
  per_row <- found[["CPU per row, us"]]
  both <- seq_len(max(0L, nrow(found) - 3L))
  write_scale("hundred-million", "A hundred million rows", c(
    paste0(
      format(clusters * 10, big.mark = ",", scientific = FALSE), " rows in ",
      format(clusters, big.mark = ",", scientific = FALSE), " clusters, x continuous, in ", count,
      " Parquet files of ", format(round(size / 1e9, 2)), " GB together, written in ",
      round(writing), " s, and a tenth of the files before. Two workers, each with `ulimit -v` of ",
      limit, " GiB, half of it for designs, and a master."
    ),
    paste0(
      "CPU seconds and bytes read are of all processes; peaks are the largest resident memory ",
      "since a process began."
    ),
    if (length(both)) paste0(
      "CPU per row beside a tenth of the rows: ",
      paste(signif(per_row[3L + both] / per_row[both], 3), collapse = ", "), "."
    ),
    if (length(estimates)) paste0(
      "Simulated: intercept -1, slope 0.5, standard deviation 1. Estimates: ",
      paste(names(estimates), vapply(estimates, numbers_of, ""), collapse = "; "), "."
    )
  ), found)
}

# Of designs a worker keeps half of its limit; the others are made anew from the files.
visits <- function(files) {
  shards(files, "id", nanoparquet::read_parquet, cluster, memory = limit * 2^29)
}
found <- NULL
estimates <- list()
for (k in c(count %/% 10L, count)) {
  rows <- 10 * clusters / count * k
  s <- measured("first pass", rows, visits(files[seq_len(k)]))
  fit <- measured("`glmm()`, logit, K = 9", rows,
    glmm(y ~ x + (1 | id), s, binomial(), nAGQ = 9)
  )
  name <- paste("glmm,", k, "files:")
  estimates[[name]] <- c(fixef(fit), sd = fit$theta[1L], se = sqrt(diag(vcov(fit))))
  rm(fit)
  gc()
  fit <- measured("`gee()`, logit, exchangeable", rows,
    gee(y ~ x, s, id, family = binomial(), corstr = "exchangeable")
  )
  name <- paste("gee,", k, "files:")
  estimates[[name]] <- c(coef(fit), alpha = fit$alpha[[1L]], se = sqrt(diag(vcov(fit))))
  rm(fit, s)
  gc()
}
parallel::stopCluster(cluster)
save_table()
unlink(folder, recursive = TRUE)
