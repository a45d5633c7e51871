# Peak memory of the InstEval logit fit (P5) beside glmmTMB's, each in a fresh process. Writes
# memory-crossed.md beside this file.
#   Rscript bench/memory-crossed.R

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(here, "measure.R"))

fresh <- function(package) {
  script <- file.path(here, "fresh-crossed.R")
  lines <- system2(file.path(R.home("bin"), "Rscript"), c(script, package), stdout = TRUE)
  read.csv(text = lines, check.names = FALSE, colClasses = c(logLik = "character"))
}

table <- do.call(rbind, lapply(c("margmix", "glmmTMB"), fresh))
text <- c(
  "# Memory of a crossed fit", "",
  "`InstEval` of lme4, 73,421 rows: good ~ service + (1 | s) + (1 | d), logit, Laplace, with",
  "standard errors. `before` is the resident memory with data and package loaded and a small fit",
  "done, `peak` the largest during the fit, `above` their difference; `fit` is the size of the",
  "result.", "",
  paste0(machine(), "."), "", markdown_table(table), ""
)
writeLines(text, file.path(here, "memory-crossed.md"))
writeLines(text)
