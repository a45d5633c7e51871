# Runs the tests against the installed package. The last line printed counts expectations.
#   Rscript tools/run-tests.R [filter]

# the long tests, which R CMD check leaves out, run here
Sys.setenv(NOT_CRAN = "true")
# workers of the tests start in another folder
Sys.setenv(R_LIBS = paste(normalizePath(.libPaths()), collapse = .Platform$path.sep))
args <- commandArgs(trailingOnly = TRUE)

files <- sub("^test-(.*)[.]R$", "\\1", list.files("tests/testthat", "^test-.*[.]R$"))
if (length(args) && !any(grepl(args[1], files))) {
  cat("No file tests/testthat/test-*.R has a name that matches ", args[1], ".\n", sep = "")
  quit(status = 1L)
}

results <- as.data.frame(testthat::test_dir(
  "tests/testthat",
  filter = if (length(args)) args[1],
  package = "margmix",
  load_package = "installed",
  reporter = "summary",
  stop_on_failure = FALSE
))

bad <- results[results$failed > 0 | results$error, ]
if (nrow(bad)) cat("\nFailing tests:", paste0("  ", bad$file, ": ", bad$test), sep = "\n")

slow <- utils::head(results[order(-results$real), c("file", "test", "real")], 5)
cat("\nSlowest tests (seconds):", sprintf("  %6.1f  %s: %s", slow$real, slow$file, slow$test),
  sep = "\n"
)

passed <- sum(results$passed)
failed <- sum(results$failed) + sum(results$error)
cat(sprintf("\n%d passed, %d failed, %d skipped\n", passed, failed, sum(results$skipped)))
quit(status = if (failed > 0 || passed == 0) 1L else 0L)
