# Lints all R code by the rules of .lintr, or only the files given; quits with status 77 without
# lintr.
#   Rscript tools/lint.R [file ...]
#
# Scripts and tests source helpers and name columns of data frames, which look like unknown names to
# the linter of object usage: it reads the package and tools/ only.

if (!requireNamespace("lintr", quietly = TRUE)) quit(status = 77L)
rules <- eval(parse(text = read.dcf(".lintr")[, "linters"]), asNamespace("lintr"))
script_rules <- rules
script_rules$object_usage_linter <- NULL

lint_file <- function(file) {
  of_package <- grepl("^(R|tools)/", file)
  lintr::lint(file, linters = if (of_package) rules else script_rules, parse_settings = FALSE)
}

all_files <- function() {
  folders <- c("R", "bench", "data-raw", "demo", "inst", "tests", "tools", "vignettes")
  files <- list.files(folders, "[.](R|Rmd)$", recursive = TRUE, full.names = TRUE)
  setdiff(files, "R/RcppExports.R")
}

files <- commandArgs(trailingOnly = TRUE)
if (!length(files)) files <- all_files()
found <- parallel::mclapply(files, lint_file, mc.cores = parallel::detectCores())
for (lints in found) if (length(lints)) print(lints)
quit(status = as.integer(any(lengths(found) > 0L)))
