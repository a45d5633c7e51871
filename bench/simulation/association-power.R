# Power of association_scan(): one variant with an effect in families, found by the scan with the
# ratio of variances, with exact ones, and by the likelihood ratio of two fits.
#
#   Rscript bench/simulation/association-power.R [SETS]   -> association-power.md beside this file
#
# 500 families of two parents and two children, a family effect of standard deviation 1, a
# covariate. The effect of the variant is 3.4 to 4.6 standard errors of a logistic regression, so
# that about half of the sets have p < 1e-4; SETS (1,000) data sets a cell.

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
suppressMessages(library(margmix))

families <- 500L
people <- 4L * families
family <- rep(seq_len(families), 4L)
limit <- 1e-4
ids <- paste0("p", seq_len(people))

# Alleles of mothers, fathers and two children each, below one another.
draw_variant <- function(frequency) {
  parents <- matrix(rbinom(4L * families, 1L, frequency), families)
  child <- function() {
    of_mother <- ifelse(runif(families) < 0.5, parents[, 1L], parents[, 2L])
    of_mother + ifelse(runif(families) < 0.5, parents[, 3L], parents[, 4L])
  }
  c(parents[, 1L] + parents[, 2L], parents[, 3L] + parents[, 4L], child(), child())
}

# Whether each test finds the variant.
one_set <- function(rate, frequency, errors) {
  G <- cbind(draw_variant(frequency), replicate(60L, draw_variant(runif(1L, 0.05, 0.5))))
  dimnames(G) <- list(ids, paste0("v", seq_len(ncol(G))))
  effect <- errors / sqrt(people * 2 * frequency * (1 - frequency) * rate * (1 - rate))
  level <- qlogis(rate) * sqrt(1 + (16 * sqrt(3) / (15 * pi))^2)
  x <- rnorm(people)
  eta <- level + 0.3 * x + effect * (G[, 1L] - 2 * frequency) + rnorm(families)[family]
  d <- data.frame(y = rbinom(people, 1L, plogis(eta)), x, family, g = G[, 1L], row.names = ids)
  null <- suppressMessages(glmm(y ~ x + (1 | family), d, binomial()))
  p_of <- function(variance) {
    association_scan(null, G, variance = variance, progress = FALSE)$p.value[1L]
  }
  full <- suppressMessages(update(null, . ~ . + g))
  gain <- 2 * (as.numeric(logLik(full)) - as.numeric(logLik(null)))
  p <- c(
    ratio = p_of("ratio"), exact = p_of("exact"), fits = pchisq(gain, 1, lower.tail = FALSE)
  )
  p < limit
}

args <- commandArgs(TRUE)
sets <- if (length(args)) as.integer(args[1L]) else 1000L
cells <- expand.grid(frequency = c(0.3, 0.05), rate = c(1 / 2, 1 / 11, 1 / 31))
cells$errors <- rep(c(4.6, 3.9, 3.4), each = 2L)
set.seed(1)
seconds <- system.time({
  found <- lapply(seq_len(nrow(cells)), function(k) {
    message(format(Sys.time(), "%H:%M:%S"), " cell ", k)
    t(replicate(sets, do.call(one_set, cells[k, c("rate", "frequency", "errors")])))
  })
})[[1L]]
percent <- function(x) sprintf("%.1f", 100 * x)
# of the difference between tests of the same data
difference <- function(a, b) {
  d <- a - b
  paste0(percent(mean(d)), " (", percent(stats::sd(d) / sqrt(length(d))), ")")
}
lines <- vapply(seq_len(nrow(cells)), function(k) {
  hits <- found[[k]]
  paste0("| ", paste(c(
    paste0("1:", round(1 / cells$rate[k]) - 1), cells$frequency[k], percent(colMeans(hits)),
    difference(hits[, "ratio"], hits[, "exact"]), difference(hits[, "exact"], hits[, "fits"])
  ), collapse = " | "), " |")
}, "")
writeLines(c(
  "# Power of a scan", "",
  "Written by `make simulate-association-power` (bench/simulation/association-power.R).", "",
  paste0(
    "Cases to controls, minor allele frequency of a variant with an effect, and the share of ",
    format(sets, big.mark = ","), " data sets in which its p-value is below 1e-4: by the scan ",
    "with the ratio of variances and with exact ones, and by the likelihood ratio of the fits ",
    "without and with the variant; differences in percentage points with their Monte Carlo ",
    "standard errors. ", people, " people in families of four. ", round(seconds / 60), " minutes."
  ), "",
  "| cases | frequency | ratio | exact | two fits | ratio - exact | exact - two fits |",
  "| --- | --- | --- | --- | --- | --- | --- |", lines
), file.path(here, "association-power.md"))
