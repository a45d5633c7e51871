# The standard deviation between few clusters by maximum likelihood and by the restricted
# likelihood, and the error of the default tests of either fit at 5%.
#
#   Rscript bench/simulation/restricted.R         1,000 data sets per cell, six minutes of one core
#                                                 -> restricted.md, inst/extdata/few-clusters-sd.csv
#   Rscript bench/simulation/restricted.R 100     100 of them
#   Rscript bench/simulation/restricted.R 1000 resume   only cells that have fewer
#
# The files are written after each cell.
#
# Binary rows, K clusters of 12 to 28; two covariates of the cluster, z normal and b binary, and x
# within, each with no effect; a random intercept of standard deviation sd; 15 points. Tests take t
# with the default degrees of freedom.

# The vignette reads the table, too.
saved <- "inst/extdata/few-clusters-sd.csv"
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
suppressMessages(library(margmix))

count <- suppressWarnings(as.integer(commandArgs(TRUE)))
replicates <- if (any(!is.na(count))) count[!is.na(count)][1L] else 1000L

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
  fitted <- !is.na(colSums(found))
  found <- found[, fitted, drop = FALSE]
  rejected <- rowMeans(found[c(2:4, 6:8), ] < 0.05)
  row <- data.frame(
    K = K, sd = sd, sets = sum(fitted), failed = sum(!fitted), ML = mean(found[1L, ]),
    restricted = mean(found[5L, ]), se = stats::sd(found[5L, ]) / sqrt(sum(fitted)),
    ML_z = rejected[1L], ML_b = rejected[2L], ML_x = rejected[3L], restricted_z = rejected[4L],
    restricted_b = rejected[5L], restricted_x = rejected[6L]
  )
  row[-(1:4)] <- round(row[-(1:4)], 4L)
  row
}

percent <- function(x) sprintf("%.1f", 100 * x)

write_table <- function(table) {
  write.csv(table, saved, row.names = FALSE)
  writeLines(c(
    "# Few clusters: standard deviations by the restricted likelihood", "",
    paste0(
      "Written by `make simulate-restricted`: mean estimates of the standard deviation between K ",
      "clusters by maximum likelihood and by the restricted likelihood, and the error of the ",
      "default t tests of either fit at 5%, in per cent, for covariates of the cluster (z normal, ",
      "b binary) and within (x). The default tests of a fit by maximum likelihood take the ",
      "restricted standard deviation, too; the fits differ in the coefficients."
    ), "",
    paste0(
      "| K | sd | sets | failed | mean ML | mean restricted (MC error) | ML: z, b, x | ",
      "restricted: z, b, x |"
    ),
    "|---|---|---|---|---|---|---|---|",
    with(table, sprintf(
      "| %d | %.1f | %d | %d | %.2f | %.2f (%.2f) | %s %s %s | %s %s %s |",
      K, sd, sets, failed, ML, restricted, se, percent(ML_z), percent(ML_b), percent(ML_x),
      percent(restricted_z), percent(restricted_b), percent(restricted_x)
    ))
  ), file.path(here, "restricted.md"))
}

grid <- expand.grid(sd = c(0.3, 0.7, 1.2), K = c(6L, 10L, 20L))
grid$seed <- 7000L + seq_len(nrow(grid))
table <- if ("resume" %in% commandArgs(TRUE)) read.csv(saved)
enough <- if (is.null(table)) 0 else table$sets + table$failed
table <- table[enough >= replicates, ]
done <- paste(table$K, table$sd)
for (i in which(!paste(grid$K, grid$sd) %in% done)) {
  table <- rbind(table, cell(grid$K[i], grid$sd[i], grid$seed[i]))
  table <- table[order(table$K, table$sd), ]
  write_table(table)
}
