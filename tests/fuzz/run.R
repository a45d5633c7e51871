# Fits the simulated data sets of cases.R and writes results.csv and results.md.
#
#   Rscript tests/fuzz/run.R          all 500
#   Rscript tests/fuzz/run.R 40       the first 40
#   Rscript tests/fuzz/run.R 200 restricted   by the restricted likelihood, into restricted.csv
#   Rscript tests/fuzz/run.R peers    lme4 and glmmTMB on the same data (Laplace), into peers.csv
#
# Ends with an error if a fit is neither a maximum nor refused or warned of by a condition of the
# package that names the cause, or if an independent check (verdict.R) finds the condition false.

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
for (file in c("cases.R", "judge.R", "verdict.R", "peers.R")) source(file.path(here, file))

arguments <- commandArgs(TRUE)
count <- suppressWarnings(as.integer(arguments[1L]))
numbers <- seq_len(if (is.na(count)) 500L else count)

if ("restricted" %in% arguments) {
  rows <- do.call(rbind, lapply(numbers, function(number) fuzz_judge(number, REML = TRUE)))
  rows$seconds <- round(rows$seconds, 2)
  write.csv(rows, file.path(here, "restricted.csv"), row.names = FALSE)
  print(with(rows, table(structure, outcome)))
  print(rows[rows$outcome != "maximum", ])
  quit(status = as.integer(any(rows$outcome == "failed")))
}
if ("peers" %in% arguments) {
  peers <- do.call(rbind, lapply(numbers, fuzz_peers))
  write.csv(peers, file.path(here, "peers.csv"), row.names = FALSE)
} else {
  rows <- do.call(rbind, lapply(numbers, function(number) {
    row <- fuzz_judge(number)
    row$laplace <- fuzz_laplace(fuzz_case(number))
    row$verdict <- if (row$outcome %in% c("warned", "refused")) fuzz_verdict(row) else ""
    row
  }))
  rows$seconds <- round(rows$seconds, 2)
  write.csv(rows, file.path(here, "results.csv"), row.names = FALSE)
}
rows <- read.csv(file.path(here, "results.csv"))
peers <- if (file.exists(file.path(here, "peers.csv"))) read.csv(file.path(here, "peers.csv"))
writeLines(fuzz_report(rows, peers), file.path(here, "results.md"))
cat(fuzz_report(rows, peers), sep = "\n")
failed <- rows[rows$outcome == "failed", ]
if (nrow(failed)) {
  print(failed)
  stop(nrow(failed), " fits ended in neither way")
}
doubtful <- rows[grepl("false|not checked", rows$verdict), ]
if (nrow(doubtful)) {
  print(doubtful)
  stop(nrow(doubtful), " conditions are not true")
}
