# Prints which share of the lines of R and C++ the tests of the package run, by folder, and the
# files of which they run least.
#   Rscript tools/coverage.R [filter]
#
# Compiled with -O1, since Eigen is slow without, which merges some lines. A line of a header counts
# as run if it was in any unit that includes it.

options(
  covr.flags = c(CXX17FLAGS = "-O1 -g0 --coverage", LDFLAGS = "--coverage"),
  covr.gcov = normalizePath("tools/gcov.sh")
)
Sys.setenv(MAKEFLAGS = paste0("-j", parallel::detectCores()))
filter <- commandArgs(trailingOnly = TRUE)
run <- bquote(testthat::test_dir(.(normalizePath("tests/testthat")),
  filter = .(if (length(filter)) filter[1L]), package = "margmix", load_package = "installed",
  reporter = "summary", stop_on_failure = FALSE
))
Sys.setenv(NOT_CRAN = "true")

# covr compiles in the tree it is given
copy <- ".build/coverage"
unlink(copy, recursive = TRUE)
dir.create(copy, recursive = TRUE)
parts <- c("DESCRIPTION", "NAMESPACE", "R", "src", "data", "inst", "man")
stopifnot(file.copy(parts, copy, recursive = TRUE))
unlink(list.files(file.path(copy, "src"), "\\.(o|so|d)$", recursive = TRUE, full.names = TRUE))

found <- covr::package_coverage(copy, type = "none", code = deparse(run), quiet = FALSE)
lines <- covr::tally_coverage(found, by = "line")
lines <- stats::aggregate(value ~ filename + line, lines, max)
lines <- lines[!grepl("RcppExports", lines$filename), ]

share <- function(by) {
  run <- tapply(lines$value > 0, by, sum)
  all <- tapply(lines$value, by, length)
  data.frame(lines = as.vector(all), run = as.vector(run), percent = round(100 * run / all, 1))
}
by_file <- share(lines$filename)
least <- utils::head(by_file[order(by_file$percent), ], 10L)
cat("\nFiles of which least is run:\n")
print(least[least$percent < 100, ])
cat("\nLines run, by folder:\n")
print(share(dirname(lines$filename)))
cat("\nLines run, by language:\n")
print(share(ifelse(grepl("^R/", lines$filename), "R", "C++")))
