# Ten million rows in one million clusters beside 100,000 rows: logit, (1 | id), K = 25, each size
# in a fresh process. Needs about 3 GiB. Writes large.md beside this file.
#   Rscript bench/large.R [clusters] [threads]

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(here, "simulate.R"))
source(file.path(here, "measure.R"))
source(file.path(here, "scaling.R"))

arguments <- as.integer(commandArgs(TRUE))
clusters <- if (length(arguments) >= 1L) arguments[1] else 1000000L
threads <- if (length(arguments) >= 2L) arguments[2] else 1L

fits <- lapply(c(10000L, clusters), function(m) {
  fresh_fit(file.path(here, "fresh.R"), m, 10L, 25L, threads)
})
table <- do.call(rbind, fits)
ratio <- function(name) signif(table[[name]][2] / table[[name]][1], 3)
text <- c(
  "# Many rows", "",
  paste0(machine(), ", ", package_label("margmix"), ", threads: ", threads, "."), "",
  "logit, (1 | id), 10 rows per cluster, K = 25. `peak` is the largest resident memory, `above`",
  "its excess over the memory with data and package loaded, X the fixed-effects matrix.", "",
  markdown_table(table), "",
  paste0(
    "Time per row at the larger size over that at the smaller: ", ratio("microseconds per row"),
    "; processor time: ", ratio("CPU microseconds per row"), "."
  )
)
writeLines(text, file.path(here, "large.md"))
writeLines(text)
