# Null tests of association_scan(): cases and controls in families, variants that do nothing.
#
#   Rscript bench/simulation/association.R [VARIANTS [TRAITS]]   -> association.md beside this file
#
# 5,000 families of two parents and two children from two populations. Case rates of 1:1, 1:10 and
# 1:100, with a family effect of standard deviation 1 and more cases in one population; minor allele
# frequencies .3, .01 and .001, which differ between the populations by a tenth of themselves. Each
# null model has the population and a random intercept of families; TRAITS traits (20) for each case
# rate are scanned in one pass, so that VARIANTS variants (50,000) are as many times more tests:
# variances of scores over variants differ by 1% or 2% between samples of responses.

suppressMessages(library(margmix))

families <- 5000L
population <- rep(0:1, each = families / 2)
people <- data.frame(
  family = rep(seq_len(families), 4), population = rep(population, 4),
  row.names = paste0("p", seq_len(4 * families))
)
rates <- c("1:1" = 1 / 2, "1:10" = 1 / 11, "1:100" = 1 / 101)

null_model <- function(rate) {
  # the marginal rate, by the logistic approximation to a normal mixture
  level <- qlogis(rate) * sqrt(1 + (16 * sqrt(3) / (15 * pi))^2)
  eta <- level + 0.5 * (people$population - 0.5) + rnorm(families)[people$family]
  people$y <- rbinom(nrow(people), 1L, plogis(eta))
  suppressMessages(glmm(y ~ population + (1 | family), people, binomial()))
}

# Alleles of mothers, fathers and two children each, families x variants below one another. Of a
# haplotype only the places of the counted allele are drawn, in the matrix of families x variants.
draw_variants <- function(frequency, count) {
  p <- frequency * (1 + 0.1 * (0:1 - 0.5))
  half <- families / 2
  haplotype <- function() {
    unlist(lapply(0:1, function(k) {
      cells <- sample.int(half * count, rbinom(1L, half * count, p[k + 1L])) - 1L
      (cells %/% half) * families + k * half + cells %% half
    }))
  }
  parents <- replicate(4, haplotype(), simplify = FALSE)
  passed <- function(a, b) {
    carriers <- unique(c(a, b))
    first <- runif(length(carriers)) < 0.5
    c(a[first[match(a, carriers)]], b[!first[match(b, carriers)]])
  }
  child <- function() {
    list(passed(parents[[1]], parents[[2]]), passed(parents[[3]], parents[[4]]))
  }
  G <- matrix(0L, nrow(people), count, dimnames = list(rownames(people), NULL))
  haplotypes <- list(parents[1:2], parents[3:4], child(), child())
  for (k in 1:4) {
    for (cells in haplotypes[[k]]) {
      at <- (cells %/% families) * nrow(people) + (k - 1L) * families + cells %% families + 1L
      G[at] <- G[at] + 1L
    }
  }
  G
}

# The median of the p-values of an exact test of unrelated people as lambda_GC: cases among `copies`
# alleles are binomial; two-sided by the probabilities that are no larger; with `half`, the mid-p.
exact_lambda <- function(copies, rate, half = 0) {
  probability <- dbinom(0:copies, copies, rate)
  p <- vapply(probability, function(one) {
    sum(probability[probability <= one * (1 + 1e-9)])
  }, 0) - half * probability
  sorted <- order(p)
  median <- p[sorted][which(cumsum(probability[sorted]) >= 0.5)[1L]]
  qchisq(median, 1, lower.tail = FALSE) / qchisq(0.5, 1)
}

limits <- c(1e-2, 1e-3, 1e-4, 1e-5)
block <- 500L

# How many p-values are below the limits, and the chi-squared statistics' histogram for lambda_GC.
scan_cell <- function(nulls, frequency, variants) {
  blocks <- function(i) if (i <= variants %/% block) draw_variants(frequency, block)
  scan <- association_scan(nulls, blocks, variance = "ratio", progress = FALSE)
  scan <- as.data.frame(scan)[!is.na(scan$p.value), c("trait", "p.value", "p.normal")]
  do.call(rbind, lapply(names(rates), function(rate) {
    rows <- scan[startsWith(scan$trait, paste0(rate, "/")), ]
    shares <- function(p) vapply(limits, function(limit) mean(p < limit) / limit, 0)
    copies <- 2L * nrow(people) * frequency
    data.frame(rate, frequency, tests = nrow(rows), lambda = genomic_inflation(rows$p.value),
      exact = exact_lambda(copies, rates[[rate]]), mid = exact_lambda(copies, rates[[rate]], 0.5),
      rbind(c(saddlepoint = shares(rows$p.value), normal = shares(rows$p.normal)))
    )
  }))
}

args <- commandArgs(TRUE)
variants <- if (length(args)) as.integer(args[1L]) else 50000L
of_each <- if (length(args) > 1L) as.integer(args[2L]) else 20L
set.seed(1)
traits <- paste0(rep(names(rates), each = of_each), "/", seq_len(of_each))
nulls <- lapply(setNames(nm = traits), function(trait) null_model(rates[[sub("/.*", "", trait)]]))
seconds <- system.time({
  cells <- do.call(rbind, lapply(c(0.3, 0.01, 0.001), function(frequency) {
    cell <- scan_cell(nulls, frequency, variants)
    message(format(Sys.time(), "%H:%M:%S"), " frequency ", frequency)
    cell
  }))
})[[1L]]
number <- function(x) formatC(x, digits = 2, format = "fg", flag = "#")
columns <- c(paste0("saddlepoint", 1:4), paste0("normal", 1:4))
lines <- vapply(seq_len(nrow(cells)), function(i) {
  cell <- cells[i, ]
  paste0("| ", paste(c(
    cell$rate, cell$frequency, format(cell$tests, big.mark = ","),
    sprintf("%.3f", unlist(cell[c("lambda", "exact", "mid")])),
    number(unlist(cell[columns]))
  ), collapse = " | "), " |")
}, "")
writeLines(c(
  "# Null tests of a scan", "",
  "Written by `make simulate-association` (bench/simulation/association.R).", "",
  paste0(
    "Cases to controls, minor allele frequency, tests, lambda_GC (of the table's p-values) and ",
    "what it is for an exact test of unrelated people with as many alleles, by its p-value and ",
    "its mid-p; and the share of p-values below 1e-2, 1e-3, 1e-4 and 1e-5 over what it should ",
    "be: with the saddlepoint approximation (`p.value`), and with the normal one alone ",
    "(`p.normal`). 20,000 people in families of four from two populations, ", of_each,
    " traits for each rate; variance by the ratio. ",
    round(seconds / 60), " minutes."
  ), "",
  paste(
    "Where few cases carry an allele the statistic has few values, and the median that lambda_GC",
    "looks at is one of them: it says little there, even of an exact test; the tails do."
  ), "",
  paste(
    "| cases | frequency | tests | lambda | exact | mid-p |",
    "saddlepoint 1e-2 | 1e-3 | 1e-4 | 1e-5 |",
    "normal 1e-2 | 1e-3 | 1e-4 | 1e-5 |"
  ),
  "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |", lines
), "bench/simulation/association.md")
