# One marginal model in a process of its own: seconds and peak memory, as one line of csv.
#   Rscript bench/fresh-gee.R clusters corstr

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(here, "simulate.R"))
arguments <- commandArgs(TRUE)

memory <- function(field) {
  if (!file.exists("/proc/self/status")) return(NA_real_)
  line <- grep(paste0("^", field, ":"), readLines("/proc/self/status"), value = TRUE)
  as.numeric(gsub("[^0-9]", "", line)) / 1024
}

formula <- y ~ treatment + t + x1 + x2 + x3 + x4
fit_one <- function(data) {
  margmix::gee(formula, data, id, family = binomial(), corstr = arguments[2])
}
set.seed(2)
invisible(fit_one(simclus(50L, 10L)))
data <- simclus(as.integer(arguments[1]), 10L)
invisible(gc())
peak_counter <- "/proc/self/clear_refs"
if (file.exists(peak_counter)) try(cat("5", file = peak_counter), silent = TRUE)
before <- memory("VmRSS")
time <- system.time(fit <- fit_one(data))
cpu <- time[["user.self"]] + time[["sys.self"]]
peak <- memory("VmHWM")
write.csv(data.frame(
  correlation = arguments[2], rows = nrow(data), clusters = as.integer(arguments[1]),
  seconds = time[["elapsed"]], `CPU s` = cpu, `CPU microseconds per row` = 1e6 * cpu / nrow(data),
  iterations = fit$convergence$iterations, `peak, MiB` = peak, `above, MiB` = peak - before,
  `X, MiB` = as.numeric(object.size(fit$design$X)) / 2^20,
  alpha = paste(format(head(fit$alpha, 3L), digits = 5), collapse = " "),
  converged = fit$convergence$converged, check.names = FALSE
), row.names = FALSE)
