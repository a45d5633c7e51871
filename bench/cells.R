# Cells with a lineage and a place: 0/1 responses with a tree, a Matern field of 20 neighbours and
# batches, each fit in a fresh process. Writes cells.md beside this file.
#
#   Rscript bench/cells.R        R_LIBS must name libraries with margmix and ape

arguments <- commandArgs(TRUE)
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))

# A coalescent tree of height 1; a sum of 500 waves whose frequencies have the spectrum of the
# field: nearly normal at any size. Lineage and place are independent, which fills A most.
cells <- function(n) {
  set.seed(1)
  tree <- ape::rcoal(n)
  tree$edge.length <- tree$edge.length / max(ape::node.depth.edgelength(tree))
  d <- data.frame(
    cell = tree$tip.label, u = runif(n), v = runif(n), x = rnorm(n),
    batch = factor(sample(8L, n, TRUE))
  )
  # of a Matern field in the plane a t distribution with 2 nu degrees of freedom, scaled
  frequency <- matrix(rnorm(1000), 500) / sqrt(rchisq(500, 3)) / 0.1
  wave <- tcrossprod(as.matrix(d[c("u", "v")]), frequency)
  place <- 0.8 * sqrt(2 / 500) * rowSums(cos(sweep(wave, 2L, runif(500, 0, 2 * pi), "+")))
  lineage <- ape::rTraitCont(tree, sigma = 1)[d$cell]
  d$y <- rbinom(n, 1L, plogis(-0.3 + 0.5 * d$x + lineage + place + rnorm(8L, 0, 0.4)[d$batch]))
  list(d = d, tree = tree)
}

# One fit, in this process: what the parent reads.
if (length(arguments)) {
  data <- cells(as.integer(arguments[1L]))
  tree <- data$tree
  invisible(loadNamespace("margmix"))
  seconds <- system.time(fit <- margmix::glmm(
    y ~ x + phylo(1 | cell, tree) + mat(u + v | 1, dense = 0) + (1 | batch), data$d, binomial()
  ))
  peak <- grep("^VmHWM", readLines("/proc/self/status"), value = TRUE)
  cat(
    "result", seconds[["elapsed"]], sum(seconds[1:2]), as.numeric(gsub("\\D", "", peak)) / 1024,
    format(as.numeric(stats::logLik(fit)), nsmall = 2L),
    if (is.null(fit$rule$mc_sd)) "exact" else signif(fit$rule$mc_sd, 1L),
    format(c(fit$theta, exp(fit$rho)), digits = 3L), "\n"
  )
  quit("no")
}

row <- function(n) {
  out <- system2("Rscript", c(file.path(here, "cells.R"), n), stdout = TRUE, stderr = FALSE)
  line <- grep("^result", out, value = TRUE)
  found <- if (length(line)) strsplit(line, " +")[[1L]][-1L] else c("failed", rep("", 8L))
  found[3L] <- round(as.numeric(found[3L]))
  paste("|", paste(c(format(n, big.mark = ","), found[1:9]), collapse = " | "), "|")
}

writeLines(c(
  "# Cells with a lineage, a place and a batch", "",
  paste0(
    "Written by `bench/cells.R` with margmix: seconds and processor seconds of the whole call, ",
    "one thread, in a fresh process; its peak memory in MiB, data included; log-likelihood ",
    "(Laplace) and its Monte Carlo sd; sds of lineage, place and batch, and range. ",
    "`y ~ x + phylo(1 | cell, tree) + mat(u + v | 1, dense = 0) + (1 | batch)`, 0/1; simulated ",
    "with sds 1, 0.8 and 0.4 and range 0.1. No other package has such a fit to put beside it."
  ), "",
  "| cells | s | CPU s | MiB | log-likelihood | sd | lineage | place | batch | range |",
  "|---|---|---|---|---|---|---|---|---|---|",
  vapply(c(1000L, 4000L, 20000L), row, "")
), file.path(here, "cells.md"))
