# Error at 5% of likelihood ratio tests of a process: the variance is zero, and the correlation of
# the process not defined. anova() takes the mixture of chi^2 with 1 and 2 degrees of freedom.
#
#   Rscript bench/simulation/process-tests.R [SETS]    600 data sets -> process-tests.md
#
# Series: ten of 12 times, without ar1(). Places: 100 on a square, without exp(), a row each
# (Poisson) or three (Gaussian), in ten batches. Random intercepts of series and batches have sd .5.

suppressMessages(library(margmix))
here <- "bench/simulation"
source(file.path(here, "table.R"))
count <- commandArgs(TRUE)
sets <- if (length(count)) as.integer(count[1L]) else 600L

respond <- function(family, eta) {
  if (family == "poisson") rpois(length(eta), exp(1 + eta)) else eta + rnorm(length(eta))
}

series <- function(family) {
  d <- expand.grid(time = 1:12, id = 1:10)
  d$x <- rnorm(nrow(d))
  d$y <- respond(family, 0.5 * rnorm(10)[d$id])
  list(d, small = y ~ x + (1 | id), large = y ~ x + (1 | id) + ar1(time + 0 | id))
}

places <- function(family) {
  rows <- if (family == "poisson") 1L else 3L
  d <- data.frame(east = runif(100), north = runif(100))
  d <- d[rep(1:100, each = rows), ]
  d$x <- rnorm(nrow(d))
  d$batch <- sample(rep_len(1:10, nrow(d)))
  d$y <- respond(family, 0.5 * rnorm(10)[d$batch])
  list(d, small = y ~ x + (1 | batch), large = y ~ x + (1 | batch) + exp(east + north | 1))
}

p_value <- function(set, family) {
  suppressMessages(suppressWarnings(tryCatch({
    fits <- lapply(set[c("small", "large")], glmm, set[[1L]], family = family, nAGQ = 1)
    anova(fits$small, fits$large)[["Pr(>Chisq)"]][2L]
  }, margmix_error = function(e) NA_real_)))
}

rows <- list()
for (design in c("series", "places")) {
  for (family in c("gaussian", "poisson")) {
    set.seed(nchar(design) + nchar(family))
    p <- vapply(seq_len(sets), function(i) p_value(get(design)(family), family), 0)
    rows <- c(rows, list(data.frame(
      design, family, `rejected %` = round(100 * mean(p < 0.05, na.rm = TRUE), 1L),
      `data sets` = sets, failed = sum(is.na(p)), check.names = FALSE
    )))
    cat(format(Sys.time(), "%H:%M:%S"), design, family, mean(p < 0.05, na.rm = TRUE), "\n")
  }
}
writeLines(c(
  "# Tests of a process", "",
  "Rejections at 5% of a model without the process against one with it.",
  "`make simulate-process-tests`.", "", markdown_table(do.call(rbind, rows))
), file.path(here, "process-tests.md"))
