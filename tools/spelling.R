# Names the words of help pages, vignettes and Markdown that people write which neither the
# dictionary (Language in DESCRIPTION) nor inst/WORDLIST has; quits with status 77 without package
# spelling.
#   Rscript tools/spelling.R [add]
# add writes the words into inst/WORDLIST: look at what it added before you commit.

if (!requireNamespace("spelling", quietly = TRUE)) {
  message("the spelling check needs R package spelling")
  quit(status = 77L)
}
wordlist <- "inst/WORDLIST"
language <- sub("-", "_", read.dcf("DESCRIPTION")[1, "Language"])
other_texts <- c("CONTRIBUTING.md", "bench/README.md", "tests/reference/README.md")

# Formulas such as V'WV, and names of one or two letters, are in no dictionary.
is_formula <- function(word) {
  word <- sub("('s|s'|n't)$", "", word)
  nchar(word) <= 2L | grepl("'", word)
}

known <- if (file.exists(wordlist)) readLines(wordlist, encoding = "UTF-8")
found <- rbind(
  spelling::spell_check_package(".", use_wordlist = FALSE),
  spelling::spell_check_files(other_texts, lang = language)
)
found <- found[!is_formula(found$word) & !found$word %in% known, ]

if (identical(commandArgs(trailingOnly = TRUE), "add")) {
  writeLines(sort(unique(c(known, found$word)), method = "radix"), wordlist, useBytes = TRUE)
} else if (nrow(found)) {
  cat(sprintf("  %s: %s\n", found$word, vapply(found$found, toString, "")), sep = "")
  cat("Not in the dictionary. Words that are right: Rscript tools/spelling.R add\n")
  quit(status = 1L)
}
