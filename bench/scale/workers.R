# B5: the same fit on one to four workers, by sockets and MPI, with none and some delay on the way:
# bits, bytes, round trips, and a model of what an evaluation costs. Writes workers.md and
# cost-model.csv.
#
#   Rscript bench/scale/workers.R [clusters]
#
# R_LIBS must name libraries with margmix and snow; MPI needs Rmpi and mpirun, delays python3. Where
# the kernel has no delays (tc netem), delay.py hands messages on later.

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(here, "common.R"))
suppressMessages(library(margmix))

formula <- y ~ x + treated + (1 | id)
estimates <- function(fit) unclass(fit)[c("beta", "theta", "logLik", "vcov_full")]

# What the master and its workers say to each other: in asking, and in answering.
said <- new.env()
said$log <- NULL
listen <- function() {
  note <- function(jobs, replies) {
    whole <- function(job) {
      list(type = "EXEC", data = list(fun = margmix:::run_shard_job, args = list(job),
        return = TRUE, tag = NULL
      ))
    }
    size <- function(x) sum(vapply(x, function(one) length(serialize(one, NULL)), 0))
    said$log <- rbind(said$log, data.frame(
      piece = jobs[[1L]]$piece, asked = size(lapply(jobs, whole)), answered = size(replies),
      workers = length(jobs)
    ))
  }
  suppressMessages(trace("ask_team", exit = bquote(.(note)(jobs, returnValue())), print = FALSE,
    where = asNamespace("margmix")
  ))
}

at_once <- "options(socketOptions='no-delay')" # as the help of shards() says
eval(str2lang(at_once))

#' Workers on this machine
#' @param delay Milliseconds that a message takes, each way; `NULL`: no proxy between.
sockets <- function(workers, delay = NULL) {
  options <- c("-e", shQuote(at_once))
  if (is.null(delay)) {
    return(list(cluster = parallel::makePSOCKcluster(workers, rscript_args = options)))
  }
  ports <- 20000L + sample(20000L, 1L) + 0:1
  counts <- tempfile()
  id <- tempfile()
  system(sprintf("python3 %s %d %d %g %s & echo $! > %s",
    shQuote(file.path(here, "delay.py")), ports[2L], ports[1L], delay, counts, id
  ))
  Sys.sleep(1)
  # workers are told the port of the proxy
  command <- tempfile()
  writeLines(c(
    "#!/bin/bash", "arguments=()",
    sprintf(
      "for a in \"$@\"; do arguments+=(\"${a/PORT=%d/PORT=%d}\"); done", ports[1L], ports[2L]
    ),
    sprintf("exec %s \"${arguments[@]}\"", shQuote(file.path(R.home("bin"), "Rscript")))
  ), command)
  Sys.chmod(command, "755")
  cluster <- parallel::makePSOCKcluster(workers, port = ports[1L], rscript = command,
    rscript_args = options, setup_strategy = "sequential"
  )
  list(cluster = cluster, proxy = as.integer(readLines(id)), counts = counts)
}

close_sockets <- function(team) {
  parallel::stopCluster(team$cluster)
  if (!is.null(team$proxy)) tools::pskill(team$proxy)
}

# One evaluation with its Hessian, over and over: wall seconds of the fastest, which other work on
# the machine disturbs least, and processor seconds of the workers together and of the master.
time_evaluation <- function(fit, cluster, runs = 40L) {
  psi <- margmix:::fit_psi(fit)
  ask <- function() {
    margmix:::engine_evaluate(fit$design, fit$family, psi, fit$rule$K, 2L, NULL, fit$control)
  }
  ask()
  before <- list(workers = cluster_use(cluster), master = process_use())
  wall <- replicate(runs, system.time(ask(), gcFirst = FALSE)[["elapsed"]])
  after <- list(master = process_use(), workers = cluster_use(cluster))
  data.frame(
    wall = min(wall), cpu_workers = sum(after$workers[, "cpu"] - before$workers[, "cpu"]) / runs,
    cpu_master = (after$master[["cpu"]] - before$master[["cpu"]]) / runs
  )
}

fit_to <- function(files, cluster) {
  glmm(formula, shards(files, "id", cluster = cluster), binomial(), nAGQ = 9)
}

# Under mpirun: a fit by MPI, and the time of an evaluation.
if ("mpi" %in% commandArgs(TRUE)) {
  cluster <- snow::getMPIcluster()
  files <- list.files(commandArgs(TRUE)[2L], "rds$", full.names = TRUE)
  wall <- system.time(fit <- fit_to(files, cluster))[["elapsed"]]
  give(list(estimates = estimates(fit), wall = wall, time = time_evaluation(fit, cluster)))
  snow::stopCluster(cluster)
  Rmpi::mpi.quit()
}

clusters <- size_argument(1L, 32000)
count <- 16L
invisible(need_command("python3", "it delays messages"))
folders <- vapply(c(400, clusters / 8, clusters, clusters / 2), function(size) {
  folder <- new_folder("workers")
  write_visits(folder, size, count)
  folder
}, "")
files <- lapply(folders, list.files, full.names = TRUE)
names(files) <- names(folders) <- c("tiny", "small", "large", "check")
rows <- 10 * c(tiny = 400, small = clusters / 8, large = clusters, check = clusters / 2)

# Bits -------------------------------------------------------------------------------------------

alone <- estimates(fit_to(files$large, NULL))
runs <- NULL
timings <- NULL
timed_run <- function(workers, size, delay = NULL) {
  team <- sockets(workers, delay)
  on.exit(close_sockets(team))
  before <- cluster_use(team$cluster)
  wall <- system.time(fit <- fit_to(files[[size]], team$cluster))[["elapsed"]]
  whole <- sum(cluster_use(team$cluster)[, "cpu"] - before[, "cpu"])
  if (size == "large") {
    runs <<- rbind(runs, data.frame(
      workers = paste0(workers, " by sockets", if (!is.null(delay)) paste0(", ", delay, " ms")),
      `same bits` = identical(estimates(fit), alone), `fit, s` = wall, check.names = FALSE
    ))
  }
  time <- time_evaluation(fit, team$cluster)
  timings <<- rbind(timings, data.frame(
    rows = rows[[size]], workers = workers, delay = if (is.null(delay)) NA else delay, time,
    cpu_fit = whole
  ))
  team$counts
}

for (workers in 1:4) timed_run(workers, "large")
for (delay in c(1, 20)) timed_run(3L, "large", delay)

if (has_mpi()) {
  mpi <- under_mpi(5L, "workers.R", folders[["large"]])$value
  runs <- rbind(runs, data.frame(
    workers = "4 by MPI (snow, Rmpi)", `same bits` = identical(mpi$estimates, alone),
    `fit, s` = mpi$wall, check.names = FALSE
  ))
}

# What travels ----------------------------------------------------------------------------------

invisible(listen())
team <- sockets(2L, 0)
fit <- fit_to(files$large, team$cluster)
wire <- as.numeric(strsplit(readLines(team$counts), " ")[[1L]])
log <- said$log
close_sockets(team)
suppressMessages(untrace("ask_team", where = asNamespace("margmix")))
per_piece <- function(name, f) as.vector(tapply(log[[name]], log$piece, f))
travels <- data.frame(
  question = paste0("`", names(table(log$piece)), "`"), asked = as.vector(table(log$piece)),
  `bytes to a worker` = per_piece("asked", mean) / 2,
  `bytes of a shard's answer` = per_piece("answered", mean) / count, check.names = FALSE
)
travels <- travels[order(-travels$asked), ]

# What an evaluation costs ----------------------------------------------------------------------

for (workers in c(2L, 8L, 16L)) timed_run(workers, "small")
for (delay in c(0, 2, 5, 20)) timed_run(2L, "tiny", delay)

timed_run(3L, "tiny", 10)
timed_run(2L, "check")
timed_run(4L, "check")
timings$used <- rep(c("fit", "check"), c(nrow(timings) - 3L, 3L))

# Processor seconds of workers: so much a row, and so much a shard. Those of the master: so much a
# question, and so much a worker. Wall time where rows are few: so many delays each way.
fitted <- timings[timings$used == "fit", ]
none <- fitted[is.na(fitted$delay), ]
by_row <- coef(lm(cpu_workers ~ rows, none))
by_worker <- coef(lm(cpu_master ~ workers, none))
fit_by_row <- coef(lm(cpu_fit ~ rows + workers, none))
by_delay <- coef(lm(wall ~ delay, fitted[fitted$rows == rows[["tiny"]], ]))
model <- data.frame(
  row = by_row[[2L]], shard = by_row[[1L]] / count, question = by_worker[[1L]],
  worker = by_worker[[2L]], delays = 1000 * by_delay[["delay"]],
  evaluations = sum(log$piece == "shard_value"),
  questions = nrow(log), fit_row = fit_by_row[["rows"]], fit_worker = fit_by_row[["workers"]]
)
timings$cpu_model <- by_row[[1L]] + by_row[[2L]] * timings$rows
timings$delay_seen <- ifelse(
  timings$rows == rows[["tiny"]], timings$wall - by_delay[["(Intercept)"]], NA
)
timings$delay_model <- model$delays * timings$delay / 1000
utils::write.csv(model, file.path(here, "cost-model.csv"), row.names = FALSE)

# One core a worker.
large <- expand.grid(delay = c(1, 20), rows = c(1e9, 1e10))[2:1]
large$workers <- 100
large$`evaluation, s` <- model$row * large$rows / 100 + model$shard * 10 + model$question +
  model$worker * 100 + model$delays * large$delay / 1000
large$`whole fit, s` <- model$fit_row * large$rows / 100 + model$fit_worker +
  model$questions * (model$question + model$worker * 100 + model$delays * large$delay / 1000)
large$`of it delays, s` <- model$questions * model$delays * large$delay / 1000

timings <- timings[c("rows", "workers", "delay", "used", "cpu_workers", "cpu_model", "delay_seen",
  "delay_model", "cpu_master", "wall", "cpu_fit"
)]
names(timings) <- c("rows", "workers", "delay, ms", "used for", "CPU of workers, s",
  "by model, s", "wall beyond no delay, s", "of delays by model, s", "CPU of master, s", "wall, s",
  "CPU of workers in a whole fit, s"
)
evaluations <- log[log$piece == "shard_value", ]
write_scale("workers", "Workers", c(
  paste0(
    "y ~ x + treated + (1 | id), logit, K = 9: ", format(rows[["large"]], big.mark = ","),
    " rows in ", count, " shards, sockets without delay of their own (`no-delay`). Bits are those ",
    "of estimates, log-likelihood and covariance of a fit in one process without workers."
  ),
  paste0(
    "One fit with two workers asked ", nrow(log), " questions, of which ", nrow(evaluations),
    " evaluations; ", format(sum(log$asked), big.mark = ","), " bytes went to workers and ",
    format(sum(log$answered), big.mark = ","), " came back, counted from the messages; a proxy ",
    "between saw ", format(wire[2L], big.mark = ","), " and ", format(wire[1L], big.mark = ","),
    ", with what starts and ends workers. Rows do not travel. An evaluation is one question to ",
    "each worker, all at once, and one answer: one round trip."
  ),
  paste0(
    "Delays: each way by `delay.py`, a proxy, as this kernel has no `tc netem`. Wall is the least ",
    "of 40 evaluations with gradient and Hessian, CPU the mean. Model: wall = (shards x ",
    signif(model$shard, 3), " + rows x ", signif(model$row, 3), ") / min(workers, cores) + ",
    signif(model$question, 3), " + workers x ", signif(model$worker, 3), " + ",
    signif(model$delays, 3), " x delay, in seconds. Terms of processors are least squares of CPU ",
    "seconds, which other work on the machine hardly changes; that of delays is one of wall time ",
    "where rows are few. Each is checked against its own on rows that were not used for it."
  ),
  if (has_mpi()) paste0(
    "MPI, 4 ranks, the large data: wall ", signif(mpi$time$wall, 3), " s, CPU of workers ",
    signif(mpi$time$cpu_workers, 3), " s, of the master ", signif(mpi$time$cpu_master, 3),
    " s (a rank that waits takes processor time, too)."
  )
), "The same bits" = runs, "What travels in one fit" = travels, "An evaluation" = timings,
"Computed from the model: 100 workers of one core each, ten shards a worker" = large)
invisible(unlink(folders, recursive = TRUE))
