# One fit in a process of its own: seconds and peak memory, as one line of csv with a header.
#   Rscript bench/fresh.R m ni K threads
# Memory is read from /proc (Linux); elsewhere it is NA.

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(here, "simulate.R"))
source(file.path(here, "fits.R"))
size <- as.integer(commandArgs(TRUE))

# MiB; VmRSS is what is resident now, VmHWM its largest value so far.
memory <- function(field) {
  if (!file.exists("/proc/self/status")) return(NA_real_)
  line <- grep(paste0("^", field, ":"), readLines("/proc/self/status"), value = TRUE)
  as.numeric(gsub("[^0-9]", "", line)) / 1024
}

formula <- sim_formula()
set.seed(2)
invisible(fit_margmix(formula, simclus(50L, 10L), binomial(), 5L))
data <- simclus(size[1], size[2])
invisible(gc())
peak_counter <- "/proc/self/clear_refs"
if (file.exists(peak_counter)) try(cat("5", file = peak_counter), silent = TRUE)
before <- memory("VmRSS")
time <- system.time(fit <- fit_margmix(formula, data, binomial(), size[3], size[4]))
peak <- memory("VmHWM")
X <- as.numeric(object.size(fit$design$X)) / 2^20
write.csv(data.frame(
  rows = nrow(data), clusters = size[1], seconds = time[["elapsed"]],
  `microseconds per row` = 1e6 * time[["elapsed"]] / nrow(data),
  `CPU microseconds per row` = 1e6 * (time[["user.self"]] + time[["sys.self"]]) / nrow(data),
  evaluations = fit$convergence$evaluations, `X, MiB` = X,
  `peak, MiB` = peak, `above, MiB` = peak - before, `above / X` = (peak - before) / X,
  logLik = as.numeric(logLik(fit)), converged = fit$convergence$converged, check.names = FALSE
), row.names = FALSE)
