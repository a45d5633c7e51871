# Ten million rows in one million clusters beside 100,000 rows: GEE logit, each fit in a fresh
# process. Writes large-gee.md beside this file.
#   Rscript bench/large-gee.R [clusters]

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(here, "measure.R"))
clusters <- if (length(commandArgs(TRUE))) as.integer(commandArgs(TRUE)[1]) else 1000000L

fresh <- function(m, corstr) {
  script <- file.path(here, "fresh-gee.R")
  out <- system2(file.path(R.home("bin"), "Rscript"), c(script, m, corstr), stdout = TRUE)
  utils::read.csv(text = out, check.names = FALSE)
}
fits <- lapply(c("exchangeable", "ar1", "unstructured"), function(corstr) {
  rbind(fresh(10000L, corstr), fresh(clusters, corstr))
})
table <- do.call(rbind, fits)
per_row <- matrix(table[["CPU microseconds per row"]], 2L)
text <- c(
  "# Many rows, marginal models", "",
  paste0(machine(), ", ", package_label("margmix"), ", one thread."), "",
  "GEE logit, 10 rows per cluster. `peak` is the largest resident memory, `above` its excess over",
  "the memory with data and package loaded, X the design matrix. `seconds` are elapsed and count",
  "other work on the machine.", "",
  markdown_table(table), "",
  paste0(
    "Processor time per row at the larger size over that at the smaller: ",
    toString(signif(per_row[2L, ] / per_row[1L, ], 3)), "."
  )
)
writeLines(text, file.path(here, "large-gee.md"))
writeLines(text)
