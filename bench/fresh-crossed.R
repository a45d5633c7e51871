# One fit of lme4's InstEval, logit with crossed intercepts, in a process of its own: peak memory as
# one line of csv with a header.
#   Rscript bench/fresh-crossed.R package
# Memory is read from /proc (Linux); elsewhere it is NA.

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
package <- commandArgs(TRUE)[1]
cases <- source(file.path(here, "cases-crossed.R"))$value
fit_package <- cases$P5$fits[[package]]

# MiB; VmRSS is what is resident now, VmHWM its largest value so far.
memory <- function(field) {
  if (!file.exists("/proc/self/status")) return(NA_real_)
  line <- grep(paste0("^", field, ":"), readLines("/proc/self/status"), value = TRUE)
  as.numeric(gsub("[^0-9]", "", line)) / 1024
}

small <- lme4::InstEval[1:2000, ]
small$good <- as.integer(small$y >= 4)
invisible(suppressWarnings(fit_package(small)))
data <- cases$P5$data(1L)
invisible(gc())
peak_counter <- "/proc/self/clear_refs"
if (file.exists(peak_counter)) try(cat("5", file = peak_counter), silent = TRUE)
before <- memory("VmRSS")
time <- system.time(fit <- fit_package(data))
peak <- memory("VmHWM")
write.csv(data.frame(
  package = paste(package, packageVersion(package)), `before, MiB` = before, `peak, MiB` = peak,
  `above, MiB` = peak - before, `fit, MiB` = as.numeric(object.size(fit)) / 2^20,
  `CPU s` = time[["user.self"]] + time[["sys.self"]], logLik = sprintf("%.4f", logLik(fit)),
  check.names = FALSE
), row.names = FALSE)
