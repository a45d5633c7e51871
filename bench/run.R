# Speed and accuracy beside other packages, and how time and memory grow.
#
#   Rscript bench/run.R              everything at full size; the slowest peer takes ten minutes
#   Rscript bench/run.R P1 G1        only these ids
#   Rscript bench/run.R P1 glmmTMB   only this id, and of its peers only this one
#   Rscript bench/run.R targets      of the peers only those that have a ratio to reach
#   Rscript bench/run.R scaling      only the growth of time and memory
#   Rscript bench/run.R quick ...    a tenth of the rows (or BENCH_QUICK=1)
#
# Replaces the rows of the ids that ran in results.csv and writes results.md from it, and scaling.md
# (quick: results-quick.*, scaling-quick.md). Every time is that of the whole call, formula and
# model frame included, with one thread.

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
for (file in c("simulate.R", "measure.R", "compare.R", "scaling.R")) source(file.path(here, file))

arguments <- commandArgs(TRUE)
quick <- "quick" %in% arguments || nzchar(Sys.getenv("BENCH_QUICK"))
shrink <- if (quick) 10L else 1L
output <- function(name, extension) {
  file.path(here, paste0(name, if (quick) "-quick", ".", extension))
}

cases <- read_cases(here)
packages <- unique(package_of(unlist(lapply(cases, function(case) names(case$fits)))))
ids <- select_cases(cases, arguments)
known <- c(names(cases), sub("-.*", "", names(cases)), packages, "quick", "scaling", "targets")
unknown <- setdiff(arguments, known)
if (length(unknown)) stop("unknown: ", toString(unknown), "; ids are ", toString(names(cases)))
only_scaling <- "scaling" %in% arguments && !length(ids)

peers_of <- function(case) {
  peers <- names(case$targets)
  if ("targets" %in% arguments) peers <- peers[!is.na(case$targets)]
  if (any(packages %in% arguments)) peers <- peers[package_of(peers) %in% arguments]
  peers
}

title <- function(words) {
  c(
    paste("#", words), "", paste0("Written by `bench/run.R", if (quick) " quick", "`."),
    if (quick) "Quick run: a tenth of the rows that the work column states.", ""
  )
}

if (!only_scaling) {
  for (id in if (length(ids)) ids else names(cases)) {
    found <- run_case(id, cases[[id]], shrink, peers_of(cases[[id]]))
    rows <- keep_rows(found, output("results", "csv"))
    writeLines(c(title("Beside other packages"), comparison_text(rows)), output("results", "md"))
  }
}
if (only_scaling || !length(c(ids, intersect(arguments, c("targets", packages))))) {
  writeLines(c(
    title("Growth of time and memory"), paste0(machine(), "."), "",
    scaling_text(shrink, file.path(here, "fresh.R"))
  ), output("scaling", "md"))
}
