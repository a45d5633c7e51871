# Judges the log of R CMD check: every check counts as a test. Errors and warnings fail, and so do
# notes that tools/check-notes-allowed.txt does not explain.
#   Rscript tools/check-result.R margmix.Rcheck/00check.log

log <- commandArgs(trailingOnly = TRUE)[1]
found <- tools::check_packages_in_dir_details(logs = log, drop_ok = FALSE)
allowed <- read.dcf("tools/check-notes-allowed.txt")

# A note is allowed when all that it says is what an entry for its check says.
is_allowed <- function(check, output) {
  patterns <- allowed[allowed[, "Check"] == check, "Pattern"]
  any(vapply(patterns, function(p) grepl(paste0("^(", p, ")$"), output, perl = TRUE), NA))
}

status <- found$Status
is_note <- status %in% c("NOTE", "INFO")
is_note[is_note] <- !mapply(is_allowed, found$Check[is_note], trimws(found$Output[is_note]))
failed <- status %in% c("ERROR", "WARNING", "FAIL", "FAILURE") | is_note
skipped <- status == "SKIPPED"

shown <- !status %in% c("OK", "NONE", "SKIPPED")
verdict <- ifelse(failed, "not allowed", "allowed")
cat(sprintf(
  "\n%s (%s) in check of %s\n%s\n",
  status, verdict, found$Check, found$Output
)[shown], sep = "")

finished <- any(grepl("^Status: ", readLines(log)))
if (!finished) cat("\nthe check did not come to its end\n")
n_failed <- sum(failed) + !finished
cat(sprintf(
  "\n%d passed, %d failed, %d skipped\n",
  sum(!failed & !skipped), n_failed, sum(skipped)
))
quit(status = as.integer(n_failed > 0))
