# The standard deviation between few clusters by maximum likelihood and by the restricted
# likelihood, and the error of tests at 5% with the standard errors of either.
#
#   Rscript bench/simulation/restricted.R         100 data sets per cell -> restricted.csv, .md
#   Rscript bench/simulation/restricted.R 1000    1,000 of them (about half an hour of one core)
#
# Binary rows, K clusters of 12 to 28; two covariates of the cluster, z normal and b binary, and x
# within, each with no effect; a random intercept of standard deviation sd; 15 points. Tests take t
# with the default degrees of freedom.

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
suppressMessages(library(margmix))

count <- suppressWarnings(as.integer(commandArgs(TRUE)))
replicates <- if (any(!is.na(count))) count[!is.na(count)][1L] else 100L

draw <- function(K, sd) {
  id <- rep(seq_len(K), sample(12:28, K, TRUE))
  half <- sample(rep_len(0:1, K))
  d <- data.frame(id, z = rnorm(K)[id], b = half[id], x = rnorm(length(id)))
  d$y <- rbinom(length(id), 1, plogis(-0.3 + sd * rnorm(K)[id]))
  d
}

one <- function(K, sd) {
  d <- draw(K, sd)
  # of both criteria: sd, and p values of z, b, x
  found <- vapply(c(FALSE, TRUE), function(REML) {
    fit <- glmm(y ~ z + b + x + (1 | id), d, binomial(), nAGQ = 15, REML = REML)
    c(component(fit, "Lambda")[[1L]], summary(fit)$coefficients[c("z", "b", "x"), "p.value"])
  }, numeric(4L))
  as.vector(found)
}

cell <- function(K, sd, seed) {
  set.seed(seed)
  found <- replicate(replicates, tryCatch(
    suppressMessages(suppressWarnings(one(K, sd))),
    margmix_error = function(e) rep(NA_real_, 8L)
  ))
  found <- found[, !is.na(colSums(found)), drop = FALSE]
  rejected <- rowMeans(found[c(2:4, 6:8), ] < 0.05)
  data.frame(
    K = K, sd = sd, sets = ncol(found), ML = mean(found[1L, ]), restricted = mean(found[5L, ]),
    se = stats::sd(found[5L, ]) / sqrt(ncol(found)), ML_z = rejected[1L], ML_b = rejected[2L],
    ML_x = rejected[3L], restricted_z = rejected[4L], restricted_b = rejected[5L],
    restricted_x = rejected[6L]
  )
}

grid <- expand.grid(sd = c(0.3, 0.7, 1.2), K = c(6L, 10L, 20L))
seconds <- system.time({
  table <- do.call(rbind, Map(cell, grid$K, grid$sd, 7000L + seq_len(nrow(grid))))
})[[1L]]
table[-(1:3)] <- round(table[-(1:3)], 4L)
write.csv(table, file.path(here, "restricted.csv"), row.names = FALSE)
percent <- function(x) sprintf("%.1f", 100 * x)
writeLines(c(
  "# Few clusters: standard deviations by the restricted likelihood", "",
  paste0(
    "Written by `make simulate-restricted`, ", round(seconds / 60, 1L), " minutes of one core: ",
    "mean estimates of the standard deviation between K clusters, and the error of t tests at 5%, ",
    "in per cent, for covariates of the cluster (z normal, b binary) and within (x)."
  ), "",
  "| K | sd | sets | mean ML | mean restricted (MC error) | ML: z, b, x | restricted: z, b, x |",
  "|---|---|---|---|---|---|---|",
  with(table, sprintf(
    "| %d | %.1f | %d | %.2f | %.2f (%.2f) | %s %s %s | %s %s %s |",
    K, sd, sets, ML, restricted, se, percent(ML_z), percent(ML_b), percent(ML_x),
    percent(restricted_z), percent(restricted_b), percent(restricted_x)
  ))
), file.path(here, "restricted.md"))
