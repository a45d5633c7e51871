# Error of tests of a treatment between few clusters: likelihood ratio by chi^2 and by simulation.
#
#   Rscript bench/simulation/likelihood-ratio.R        1,000 data sets -> likelihood-ratio.csv, .md
#   Rscript bench/simulation/likelihood-ratio.R 100    100 of them
#
# No effect; K clusters of 30 binary rows, half of them treated; logit, random intercept of sd 0.5.
# p < .05 of anova() by chi^2 with 1 df, by its default, Kenward and Roger's F, by 199
# data sets simulated from the smaller model (nsim), and of the default Wald test; and 0 outside the
# default 95% profile limits.

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
suppressMessages(library(margmix))

count <- suppressWarnings(as.integer(commandArgs(TRUE)))
replicates <- if (any(!is.na(count))) count[!is.na(count)][1L] else 1000L

one <- function(K) {
  id <- rep(seq_len(K), each = 30L)
  d <- data.frame(id, treat = as.integer(id %% 2 == 0))
  d$y <- rbinom(length(id), 1, plogis(rnorm(K, sd = 0.5)[id]))
  suppressMessages(suppressWarnings({
    large <- glmm(y ~ treat + (1 | id), d, binomial(), nAGQ = 7)
    small <- glmm(y ~ 1 + (1 | id), d, binomial(), nAGQ = 7)
    p <- function(...) anova(small, large, ...)[["Pr(>Chisq)"]][2L]
    limits <- confint(large, "treat", method = "profile")
    c(
      chi2 = p(df = Inf) < 0.05, scaled = p() < 0.05, profile = isTRUE(prod(limits) > 0),
      simulated = p(nsim = 199) <= 0.05,
      wald = summary(large)$coefficients["treat", "p.value"] < 0.05
    )
  }))
}

table <- do.call(rbind, lapply(c(6L, 10L), function(K) {
  set.seed(K)
  rejected <- t(vapply(seq_len(replicates), function(i) one(K), logical(5L)))
  data.frame(K, t(round(100 * colMeans(rejected), 1)), data_sets = replicates)
}))
write.csv(table, file.path(here, "likelihood-ratio.csv"), row.names = FALSE)
writeLines(c(
  "# Tests of a treatment between few clusters", "",
  paste0(
    "Rejections of a true hypothesis at 5%, in %, Monte Carlo error ",
    sprintf("%.1f", 100 * sqrt(0.05 * 0.95 / replicates)), ". `make simulate-likelihood-ratio`."
  ), "",
  "| clusters | chi^2 | default | profile limits | 199 simulations | Wald (default) | data sets |",
  "|---|---|---|---|---|---|---|",
  apply(table, 1L, function(row) paste0("| ", paste(trimws(row), collapse = " | "), " |"))
), file.path(here, "likelihood-ratio.md"))
