# Cells of a tissue with a lineage tree, places and batches: coverage of 95% intervals of shares of
# variance and of a standardized risk difference.
#
#   Rscript bench/simulation/structured.R         as many as 4 minutes of processor time allow
#   Rscript bench/simulation/structured.R 40      40 data sets
#
# Both write structured.md.
#
# Each data set has 200 cells with a tree (coalescent, height 1), places in the unit square, one of
# 12 batches and a treatment by chance; 6 trials each, logit. Lineage and place have sd 0.9, the
# Matern field (nu = 1.5) range 0.15, batches sd 0.5, the treatment 0.8.

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
suppressMessages(library(margmix))

count <- suppressWarnings(as.integer(commandArgs(TRUE)))
most <- if (any(!is.na(count))) count[!is.na(count)][1L] else Inf
minutes <- 4

cells <- 200L
truth <- list(beta = c(-0.2, 0.8), sd = c(lineage = 0.9, place = 0.9, batch = 0.5), range = 0.15)

draw <- function() {
  tree <- ape::rcoal(cells)
  tree$tip.label <- paste0("c", seq_len(cells))
  K <- ape::vcv(tree)
  d <- data.frame(
    cell = tree$tip.label, x = runif(cells), y = runif(cells),
    batch = sample(12L, cells, TRUE), treated = rbinom(cells, 1, 0.5)
  )
  u <- as.matrix(dist(d[c("x", "y")])) / truth$range
  root <- function(K) drop(crossprod(chol(K + diag(1e-8, cells)), rnorm(cells)))
  b <- truth$sd[["lineage"]] * root(K / max(K)) + truth$sd[["place"]] * root((1 + u) * exp(-u)) +
    truth$sd[["batch"]] * rnorm(12L)[d$batch]
  d$hits <- rbinom(cells, 6L, plogis(truth$beta[1L] + truth$beta[2L] * d$treated + b))
  list(data = d, tree = tree)
}

# The means of the population and the shares that the truth has for these cells.
true_values <- function(d) {
  s <- sqrt(sum(truth$sd^2))
  risk <- function(eta) {
    integrate(function(z) plogis(eta + s * z) * dnorm(z), -8, 8, rel.tol = 1e-10)$value
  }
  parts <- c(truth$sd^2, fixed = truth$beta[2L]^2 * var(d$treated), distribution = pi^2 / 3)
  c(
    difference = risk(sum(truth$beta)) - risk(truth$beta[1L]),
    parts[c("lineage", "place", "batch")] / sum(parts)
  )
}

one <- function() {
  drawn <- draw()
  d <- drawn$data
  tree <- drawn$tree
  fit <- suppressMessages(suppressWarnings(glmm(
    cbind(hits, 6L - hits) ~ treated + phylo(1 | cell, tree) + mat(x + y | 1) + (1 | batch), d,
    binomial()
  )))
  shares <- intraclass_correlation(fit)$variances[2:4, ]
  means <- suppressMessages(suppressWarnings(
    as.data.frame(marginal_standardization(fit, "treated", contrast = "difference"))
  ))
  means <- means[means$type == "difference", ]
  columns <- c("estimate", "conf.low", "conf.high")
  found <- rbind(means[1L, columns], shares[columns])
  data.frame(
    quantity = c("difference", "lineage", "place", "batch"), truth = unname(true_values(d)), found,
    converged = fit$convergence$converged, boundary = c(NA, fit$theta == 0),
    range = exp(fit$rho[[1L]]), row.names = NULL
  )
}

set.seed(1)
results <- list()
drawn <- 0L
while (drawn < most && sum(proc.time()[1:2]) < 60 * minutes) {
  drawn <- drawn + 1L
  results[[drawn]] <- tryCatch(one(), margmix_error = function(e) data.frame())
}
done <- do.call(rbind, results)

row_of <- function(name, words) {
  rows <- done[done$quantity == name & done$converged, ]
  inside <- rows$conf.low <= rows$truth & rows$truth <= rows$conf.high
  known <- !is.na(inside)
  sprintf(
    "| %s | %.4f | %.4f | %.4f | %d | %.1f%% (%.1f) | %d |", words, mean(rows$truth),
    mean(rows$estimate), sd(rows$estimate - rows$truth), sum(known), 100 * mean(inside[known]),
    100 * sqrt(mean(inside[known]) * (1 - mean(inside[known])) / sum(known)), sum(!known)
  )
}

words <- c(
  difference = "standardized risk difference", lineage = "share of the lineage",
  place = "share of the place", batch = "share of the batch"
)
writeLines(c(
  "# A lineage tree, a tissue and batches in one model", "",
  paste0(
    "Written by `bench/simulation/structured.R`: ", drawn, " data sets of ", cells,
    " cells in ", round(sum(proc.time()[1:2]) / 60, 1), " minutes of processor time, seed 1, of ",
    "which ", sum(done$converged[done$quantity == "difference"]),
    " fits converged and are counted."
  ), "",
  "Logit, 6 trials for each cell; sd of lineage and place 0.9, of 12 batches 0.5; range 0.15.",
  "Coverage is that of 95% intervals, with its Monte Carlo error; a share of zero has no interval.",
  "",
  "| quantity | truth | mean estimate | sd of the error | intervals | coverage | no interval |",
  "|---|---|---|---|---|---|---|", mapply(row_of, names(words), words), "",
  sprintf("The range: median of its estimates %.3f.", median(done$range))
), file.path(here, "structured.md"))
