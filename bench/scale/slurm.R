# B5: the fit of workers.R as a job of Slurm, by the script in the help of shards(), on a cluster of
# one node that is this machine. Writes slurm.md.
#
#   Rscript bench/scale/slurm.R [clusters]
#
# Needs root, munged, slurmctld, slurmd and sbatch (Debian: slurm-wlm, munge); R_LIBS must name a
# library with margmix. Daemons are those of this script, with a configuration of its own, on the
# loopback interface; they end with it.

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(here, "common.R"))
suppressMessages(library(margmix))

formula <- y ~ x + treated + (1 | id)
estimates <- function(fit) unclass(fit)[c("beta", "theta", "logLik", "vcov_full")]
for (name in c("munged", "slurmctld", "slurmd", "sbatch", "sinfo")) {
  need_command(name, "Debian packages slurm-wlm and munge")
}
if (Sys.info()[["effective_user"]] != "root") stop("This needs root.", call. = FALSE)

clusters <- size_argument(1L, 8000)
data <- new_folder("slurm")
files <- write_visits(data, clusters, 8L)
alone <- estimates(glmm(formula, shards(files, "id"), binomial(), nAGQ = 9))

folder <- tempfile("slurm-", "/tmp")
dir.create(folder)
Sys.chmod(folder, "755", use_umask = FALSE)
key <- file.path(folder, "key")
writeBin(as.raw(sample(0:255, 1024, TRUE)), key)
Sys.chmod(key, "400", use_umask = FALSE)
socket <- file.path(folder, "munge")
host <- Sys.info()[["nodename"]]
conf <- file.path(folder, "slurm.conf")
writeLines(c(
  "ClusterName=one", paste0("SlurmctldHost=", host, "(127.0.0.1)"),
  "SlurmctldPort=26817", "SlurmdPort=26818", "SlurmUser=root", "AuthType=auth/munge",
  paste0("AuthInfo=socket=", socket), "ProctrackType=proctrack/linuxproc", "TaskPlugin=task/none",
  "SelectType=select/cons_tres", "ReturnToService=2", "MpiDefault=none",
  "JobAcctGatherType=jobacct_gather/none",
  paste0("StateSaveLocation=", folder, "/state"), paste0("SlurmdSpoolDir=", folder, "/spool"),
  paste0("SlurmctldPidFile=", folder, "/slurmctld.pid"),
  paste0("SlurmdPidFile=", folder, "/slurmd.pid"),
  paste0("NodeName=", host, " NodeAddr=127.0.0.1 CPUs=", parallel::detectCores(), " State=UNKNOWN"),
  paste0("PartitionName=all Nodes=", host, " Default=YES MaxTime=INFINITE State=UP")
), conf)
Sys.setenv(SLURM_CONF = conf)

started <- integer()
start <- function(...) {
  out <- system(paste(..., ">>", file.path(folder, "log"), "2>&1 & echo $!"), intern = TRUE)
  started <<- c(started, as.integer(out))
}
finish <- function() {
  tools::pskill(rev(started))
  Sys.sleep(2) # they write as they end
  unlink(c(folder, data), recursive = TRUE)
}
start("munged -F -f --key-file", key, "-S", socket, "--pid-file", file.path(folder, "munged.pid"),
  "--seed-file", file.path(folder, "seed"), "--log-file", file.path(folder, "munged.log")
)
Sys.sleep(1)
dir.create(file.path(folder, "state"))
start("slurmctld -D")
start("slurmd -D")
wait_for <- function(ready, seconds = 60) {
  for (i in seq_len(2 * seconds)) {
    if (ready()) return(TRUE)
    Sys.sleep(0.5)
  }
  writeLines(readLines(file.path(folder, "log")))
  finish()
  stop("Slurm has not answered.", call. = FALSE)
}
state <- function() suppressWarnings(system("sinfo -h -o %t 2>/dev/null", intern = TRUE))
wait_for(function() identical(state(), "idle"))

out <- file.path(folder, "fit.rds")
writeLines(c(
  "library(margmix)",
  "hosts <- system(\"srun hostname\", intern = TRUE) # one for each task",
  "hosts[hosts == Sys.info()[[\"nodename\"]]] <- \"localhost\" # no ssh to oneself",
  "cluster <- parallel::makePSOCKcluster(hosts)",
  sprintf("s <- shards(Sys.glob(\"%s/*.rds\"), id = \"id\", cluster = cluster)", data),
  "fit <- glmm(y ~ x + treated + (1 | id), s, binomial(), nAGQ = 9)",
  sprintf("saveRDS(list(unclass(fit), hosts), \"%s\")", out),
  "parallel::stopCluster(cluster)"
), file.path(folder, "fit.R"))
writeLines(c(
  "#!/bin/bash", "#SBATCH --ntasks=2 --cpus-per-task=1 --time=00:10:00",
  paste0("Rscript ", folder, "/fit.R")
), file.path(folder, "job"))
wall <- system.time({
  job <- system(paste0("sbatch --parsable -o ", folder, "/out ", folder, "/job"), intern = TRUE)
  wait_for(function() !length(system("squeue -h", intern = TRUE)), 300)
})[["elapsed"]]
if (!file.exists(out)) writeLines(readLines(file.path(folder, "out")))
found <- readRDS(out)
version <- sub("slurm-wlm ", "", system("sinfo --version", intern = TRUE))
finish()

write_scale("slurm", "A job of Slurm", paste0(
  "y ~ x + treated + (1 | id), logit, K = 9, in a job of Slurm ", version, " on one node, whose ",
  "tasks are started as the help of `shards()` says, but for ssh."
), data.frame(
  rows = 10 * clusters, shards = 8, tasks = length(found[[2L]]), `same bits` =
    identical(found[[1L]][c("beta", "theta", "logLik", "vcov_full")], alone),
  `from sbatch to its end, s` = wall, check.names = FALSE
))
