# Cells of a tissue with a lineage tree, places and batches: coverage of 95% intervals of shares of
# variance and of a standardized risk difference.
#
#   Rscript bench/simulation/structured.R              500 data sets of 500 cells, 40 minutes
#   Rscript bench/simulation/structured.R 40 200       40 data sets of 200 cells, seconds
#
# Both write structured.md. Each data set is kept in .build/simulation-structured, so that a run
# goes on where it was stopped; `make simulate-structured COUNT=40 CELLS=200` is the same.
#
# A data set has cells with a tree (coalescent, height 1), places in the unit square, one of 12
# batches and a treatment by chance; 6 trials each, logit. Lineage and place have sd 0.9, the
# Matern field (nu = 1.5) range 0.15, batches sd 0.5, the treatment 0.8. Its number is its seed.

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
suppressMessages(library(margmix))

given <- as.integer(commandArgs(TRUE))
sets <- if (length(given)) given[1L] else 500L
cells <- if (length(given) > 1L) given[2L] else 500L
kept <- file.path(".build/simulation-structured", cells)

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

# Twice the fall of the log-likelihood to its maximum where a share has its true value: above the
# quantile of chi^2, the profile limits of intraclass_correlation(method = "profile") leave it out.
# Of one value this takes a tenth of the time of limits.
deviance_at <- function(fit, row, share) {
  inside <- asNamespace("margmix")
  h <- inside$ratio_function(fit, inside$moment_rows(fit, NULL), row)
  free <- which(is.finite(diag(fit$vcov_full)))
  V <- unname(fit$vcov_full[free, free])
  search <- inside$constrained_maximum(inside$likelihood_of(fit), h, free, V)
  2 * (as.numeric(logLik(fit)) - search(unname(inside$fit_psi(fit)), qlogis(share))$value)
}

one <- function(set) {
  set.seed(set)
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
  truth <- unname(true_values(d))
  deviance <- mapply(function(row, share, zero) {
    if (zero) NA else deviance_at(fit, row, share)
  }, rownames(shares), truth[-1L], fit$theta == 0)
  data.frame(
    quantity = c("difference", "lineage", "place", "batch"), truth, found,
    deviance = c(NA, unname(deviance)),
    converged = fit$convergence$converged, boundary = c(NA, fit$theta == 0),
    range = exp(fit$rho[[1L]]), row.names = NULL
  )
}

# The data set and its processor time; no rows where the fit ended in an error.
kept_or_made <- function(set) {
  file <- file.path(kept, paste0(set, ".rds"))
  if (file.exists(file)) return(readRDS(file))
  seconds <- system.time(
    found <- tryCatch(one(set), margmix_error = function(e) data.frame())
  )
  result <- list(found = found, seconds = sum(seconds[1:2]))
  saveRDS(result, file)
  result
}

dir.create(kept, recursive = TRUE, showWarnings = FALSE)
results <- lapply(seq_len(sets), kept_or_made)
done <- do.call(rbind, lapply(results, `[[`, "found"))
minutes <- sum(vapply(results, `[[`, 0, "seconds")) / 60

row_of <- function(name, words) {
  rows <- done[done$quantity == name & done$converged, ]
  inside <- rows$conf.low <= rows$truth & rows$truth <= rows$conf.high
  known <- !is.na(inside)
  profile <- rows$deviance <= qchisq(0.95, 1)
  sprintf(
    "| %s | %.4f | %.4f | %.4f | %d | %s | %s | %d |", words, mean(rows$truth),
    mean(rows$estimate), sd(rows$estimate - rows$truth), sum(known), per_cent(inside[known]),
    if (name == "difference") "-" else per_cent(profile[known]), sum(!known)
  )
}

per_cent <- function(inside) {
  p <- mean(inside)
  sprintf("%.1f%% (%.1f)", 100 * p, 100 * sqrt(p * (1 - p) / length(inside)))
}

words <- c(
  difference = "standardized risk difference", lineage = "share of the lineage",
  place = "share of the place", batch = "share of the batch"
)
writeLines(c(
  "# A lineage tree, a tissue and batches in one model", "",
  paste0(
    "Written by `bench/simulation/structured.R`: ", sets, " data sets of ", cells, " cells in ",
    round(minutes, 1), " minutes of processor time, of which ",
    sum(done$converged[done$quantity == "difference"]), " fits converged and are counted."
  ), "",
  "Logit, 6 trials for each cell; sd of lineage and place 0.9, of 12 batches 0.5; range 0.15.",
  "Coverage is that of 95% intervals, with its Monte Carlo error; a share of zero has no interval.",
  "`intraclass_correlation()` has the limits of shares by both methods.", "",
  paste(
    "| quantity | truth | mean estimate | sd of the error | intervals | Wald covers |",
    "profile covers | no interval |"
  ),
  "|---|---|---|---|---|---|---|---|", mapply(row_of, names(words), words), "",
  sprintf("The range: median of its estimates %.3f.", median(done$range))
), file.path(here, "structured.md"))
