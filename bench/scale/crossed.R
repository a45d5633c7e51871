# Crossed factors in shards of rows that are anywhere, beside the same rows in memory: designs that
# can be factored, and one that can't. Results, time, peak memory, and what travels between the
# process that fits and those with the rows. Writes crossed.md.
#
#   Rscript bench/scale/crossed.R [rows] [shards]      3 x 10^6 rows in 20 shards by default
#
# R_LIBS must name a library with margmix. Needs 3 GiB, and 0.1 GB of disk where SCALE_FOLDER says.

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(here, "common.R"))
suppressMessages(library(margmix))

designs <- list(
  `500 x 300 levels` = list(levels = c(500L, 300L), share = 1, places = 3),
  `5,000 x 300 levels` = list(levels = c(5000L, 300L), share = 1, places = 2),
  `20,000 x 8,000 levels` = list(levels = c(20000L, 8000L), share = 0.2, places = 3)
)

# The k-th of `shards` files; effects are those of all.
rows_of <- function(k, n, levels) {
  set.seed(1)
  effects <- lapply(levels, rnorm, sd = 0.7)
  set.seed(k + 1)
  at <- lapply(levels, sample, n, TRUE)
  x <- rnorm(n)
  eta <- -0.5 + 0.4 * x + effects[[1L]][at[[1L]]] + effects[[2L]][at[[2L]]]
  data.frame(a = at[[1L]], b = at[[2L]], x = x, y = as.integer(runif(n) < plogis(eta)))
}

# Numbers for each cell that a question of each kind sends and gets back, with two coefficients.
travels <- c(terms = 3, third = 2, gradient = 3, working = 4, aux_slopes = 2)

part <- commandArgs(TRUE)
if (part[1L] %in% c("memory", "shards", "workers")) {
  files <- list.files(part[2L], full.names = TRUE)
  cluster <- if (part[1L] == "workers") workers_at_once(2L)
  data <- if (part[1L] == "memory") do.call(rbind, lapply(files, readRDS))
  asked <- character()
  invisible(trace("answer_cells", bquote(.(function(what) asked <<- c(asked, what))(query$what)),
    where = asNamespace("margmix"), print = FALSE
  ))
  gc()
  use <- function() rbind(process_use(), if (!is.null(cluster)) cluster_use(cluster))
  before <- use()
  wall <- system.time({
    if (is.null(data)) data <- shards(files, cluster = cluster)
    fit <- glmm(y ~ x + (1 | a) + (1 | b), data, binomial())
  })[["elapsed"]]
  after <- use()
  cells <- unclass(unclass(fit)$design)$cells
  own <- lengths(cells$own)
  give(list(
    estimates = c(fit$beta, fit$theta), errors = sqrt(diag(fit$vcov_full)), rule = fit$rule,
    logLik = fit$logLik, wall = wall, cpu = sum(after[, "cpu"] - before[, "cpu"]),
    peak = after[, "peak"], questions = length(asked), cells = length(cells$index[[1L]]),
    bytes = 8 * sum(travels[asked]) * sum(own), question = 24 * sum(own)
  ))
  if (!is.null(cluster)) parallel::stopCluster(cluster)
  quit()
}

rows <- size_argument(1L, 3e6)
count <- as.integer(size_argument(2L, 20L))
results <- lapply(designs, function(design) {
  folder <- new_folder("crossed")
  on.exit(unlink(folder, recursive = TRUE))
  n <- design$share * rows %/% count
  for (k in seq_len(count)) {
    saveRDS_plain(rows_of(k, n, design$levels), file.path(folder, sprintf("part-%03d.rds", k)))
  }
  places <- c("memory", "shards", "workers")[seq_len(design$places)]
  lapply(stats::setNames(nm = places), fresh, folder)
})
million <- function(x) paste(signif(x / 1e6, 3), "M")
table <- do.call(rbind, lapply(names(results), function(name) {
  found <- results[[name]]
  memory <- found$memory
  do.call(rbind, lapply(names(found), function(place) {
    it <- found[[place]]
    sd <- it$rule$mc_sd
    error <- if (!is.null(sd)) paste0(" (Monte Carlo sd ", signif(sd, 2), ")")
    there <- place != "memory"
    data.frame(
      design = paste0(million(designs[[name]]$share * rows), " rows, ", name),
      place = c(memory = "memory", shards = paste(count, "shards, this process"),
        workers = paste(count, "shards, 2 workers")
      )[[place]],
      `wall, s` = it$wall, `CPU, s` = it$cpu,
      `peak of each process, MiB` = toString(round(it$peak)),
      `questions` = if (there) it$questions else NA,
      `MB of a question` = if (there) it$question / 1e6 else NA,
      `MB in all` = if (there) it$bytes / 1e6 else NA,
      logLik = paste0(format(it$logLik, nsmall = 3), error),
      `estimates apart` = if (there) apart(it$estimates, memory$estimates) else NA,
      `SE apart` = if (there) apart(it$errors, memory$errors) else NA, check.names = FALSE
    )
  }))
}))
cells <- vapply(results, function(found) found$shards$cells, 0L)
write_scale("crossed", "Crossed factors in shards", c(
  paste0(
    "y ~ x + (1 | a) + (1 | b), logit, x continuous; every level of both factors may be in every ",
    "shard. Cells: ", toString(paste0(million(cells), " of ", names(cells))), ". Rows in memory ",
    "are there before the clock starts; shards are read from files. A question asks all shards ",
    "for l, g and W of their cells at some effects: three numbers of 8 bytes for each cell of ",
    "each shard. The rows would be ", paste(vapply(designs, function(design) {
      paste(signif(20 * design$share * rows / 1e6, 3), "MB")
    }, ""), collapse = ", "), "."
  ),
  paste0(
    "Differences are relative, the largest. The likelihood of the last design is estimated, those ",
    "of the others are exact; searches end where another step would move the log-likelihood by ",
    "less than 10^-10."
  )
), table)
