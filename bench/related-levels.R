# Related levels: AR(1) series and a tree, each fit in a fresh process; glmmTMB's ar1() beside the
# sizes that it can take. Needs package ape. Writes related-levels.md beside this file.
#
#   Rscript bench/related-levels.R        R_LIBS must name a library with margmix

arguments <- commandArgs(TRUE)
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))

series <- function(ids, times) {
  set.seed(1)
  n <- ids * times
  d <- data.frame(t = rep(seq_len(times), ids), id = rep(seq_len(ids), each = times), x = rnorm(n))
  b <- replicate(ids, as.vector(stats::arima.sim(list(ar = 0.9), times, sd = sqrt(1 - 0.81))))
  d$y <- rpois(n, exp(0.2 + 0.3 * d$x + 0.8 * as.vector(b)))
  d
}

species <- function(tips) {
  set.seed(1)
  tree <- ape::rphylo(tips, 1, 0.5)
  height <- max(ape::node.depth.edgelength(tree))
  a <- 1.5 * ape::rTraitCont(tree, sigma = 1 / sqrt(height))
  d <- data.frame(species = names(a), x = rnorm(tips))
  d$y <- rbinom(tips, 1, plogis(-0.5 + 0.5 * d$x + a))
  list(data = d, tree = tree)
}

fit_series <- function(d) margmix::glmm(y ~ x + ar1(t + 0 | id), d, poisson())

fit_peer <- function(d) {
  d$t <- factor(d$t)
  d$id <- factor(d$id)
  glmmTMB::glmmTMB(y ~ x + ar1(t + 0 | id), d, poisson())
}

fit_tree <- function(d) {
  tree <- d$tree
  margmix::glmm(y ~ x + phylo(1 | species, tree), d$data, binomial())
}

# One fit, in this process: what the parent reads.
if (length(arguments)) {
  size <- as.integer(arguments[-1L])
  data <- if (arguments[1L] == "tree") species(size) else series(size[1L], size[2L])
  fit_it <- switch(arguments[1L], tree = fit_tree, margmix = fit_series, glmmTMB = fit_peer)
  invisible(loadNamespace(if (arguments[1L] == "glmmTMB") "glmmTMB" else "margmix"))
  seconds <- system.time(fit <- fit_it(data))
  peak <- grep("^VmHWM", readLines("/proc/self/status"), value = TRUE)
  cat("result", seconds[["elapsed"]], sum(seconds[1:2]), as.numeric(gsub("\\D", "", peak)) / 1024,
    format(as.numeric(stats::logLik(fit)), digits = 12L), "\n"
  )
  quit("no")
}

fresh <- function(...) {
  script <- file.path(here, "related-levels.R")
  out <- system2("Rscript", c(script, ...), stdout = TRUE, stderr = FALSE)
  line <- grep("^result", out, value = TRUE)
  if (!length(line)) return(c("failed", "", "", ""))
  strsplit(line, " +")[[1L]][-1L]
}

row <- function(what, rows, package, ...) {
  found <- fresh(...)
  count <- format(rows, big.mark = ",", scientific = FALSE)
  sprintf("| %s | %s | %s | %s | %s | %s | %s |", what, count, package,
    found[1L], found[2L], round(as.numeric(found[3L])), found[4L]
  )
}

both <- function(ids, times) {
  what <- if (ids == 1) "one series" else paste(format(ids, big.mark = ","), "series of", times)
  c(
    row(what, ids * times, "margmix", "margmix", ids, times),
    row(what, ids * times, "glmmTMB", "glmmTMB", ids, times)
  )
}

writeLines(c(
  "# Related levels", "",
  paste0(
    "Written by `bench/related-levels.R` with margmix and glmmTMB ",
    utils::packageVersion("glmmTMB"), ": seconds and processor seconds of the whole call, one ",
    "thread, in a fresh process; its peak memory in MiB, data included; log-likelihood (Laplace)."
  ), "",
  paste(
    "Poisson, AR(1) of correlation 0.9 and sd 0.8; logit, Brownian motion on a simulated tree,",
    "sd 1.5."
  ),
  "", "| model | rows | package | s | CPU s | MiB | log-likelihood |",
  "|---|---|---|---|---|---|---|",
  both(1, 1000), both(100, 100), both(500, 100),
  row("one series", 50000, "margmix", "margmix", 1, 50000),
  row("one series", 500000, "margmix", "margmix", 1, 500000),
  row("5,000 series of 100", 500000, "margmix", "margmix", 5000, 100),
  row("tree", 1174, "margmix", "tree", 1174),
  row("tree", 11742, "margmix", "tree", 11742),
  row("tree", 100000, "margmix", "tree", 100000)
), file.path(here, "related-levels.md"))
