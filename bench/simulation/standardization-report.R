# Tables of the simulation of marginal_standardization(), for standardization.R beside this file.

# Agreed before the simulation was run; lower and upper limits of coverage in percent.
allowed <- function(model, clusters) {
  if (model == "glmm" && clusters < 20) return(c(NA, NA))
  switch(as.character(clusters), `10` = , `20` = c(91.5, 97.5), `40` = c(92.5, 97), c(93.5, 96.5))
}

collect <- function() {
  files <- Sys.glob(file.path(batches, "batch-*.csv"))
  all <- do.call(rbind, lapply(files, read.csv))
  key <- c("model", "clusters", "sizes", "interaction", "sd", "method", "target", "truth")
  all$sd[is.na(all$sd)] <- -1
  sums <- aggregate(all[c("n", "covered", "estimate", "estimate2", "se", "failed")], all[key], sum)
  sums$sd[sums$sd < 0] <- NA
  n <- sums$n
  mean <- sums$estimate / n
  table <- data.frame(
    sums[key[-8]], replicates = n, failed = sums$failed,
    coverage = round(100 * sums$covered / n, 2),
    error = round(100 * sqrt(0.05 * 0.95 / n), 2), bias = signif(mean - sums$truth, 3),
    sd_estimate = signif(sqrt((sums$estimate2 - n * mean^2) / (n - 1)), 4),
    mean_se = signif(sums$se / n, 4)
  )
  limits <- t(mapply(allowed, table$model, table$clusters))
  table$allowed <- ifelse(is.na(limits[, 1]), "", paste(limits[, 1], "to", limits[, 2]))
  table$inside <- is.na(limits[, 1]) | table$coverage >= limits[, 1] & table$coverage <= limits[, 2]
  by <- c("model", "method", "clusters", "sd", "sizes", "interaction")
  table <- table[do.call(order, unname(as.list(table[by]))), ]
  write.csv(table, "bench/simulation/standardization.csv", row.names = FALSE)
  beside <- if (file.exists("bench/simulation/standardization-bootstrap.csv")) report_bootstrap()
  writeLines(c(report(table), beside), "bench/simulation/standardization.md")
}

report <- function(table) {
  targets <- c("risk0", "risk1", "difference", "log_ratio", "log_odds_ratio")
  wide <- function(model, method) {
    part <- table[table$model == model & table$method == method, ]
    cell <- unique(part[c("clusters", "sd", "sizes", "interaction")])
    rows <- vapply(seq_len(nrow(cell)), function(k) {
      same <- Reduce(`&`, lapply(names(cell), function(name) {
        part[[name]] %in% cell[[name]][k]
      }))
      one <- part[same, ]
      value <- one$coverage[match(targets, one$target)]
      outside <- !one$inside[match(targets, one$target)] & method == "default"
      text <- ifelse(is.na(value), "", paste0(sprintf("%.1f", value), ifelse(outside, " *", "")))
      paste0("| ", paste(c(
        cell$clusters[k], if (model == "glmm") cell$sd[k], cell$sizes[k],
        if (cell$interaction[k]) "yes" else "no", text, max(one$replicates), max(one$failed)
      ), collapse = " | "), " |")
    }, "")
    head <- c(
      "clusters", if (model == "glmm") "sd", "sizes", "interaction", "risk 0", "risk 1",
      "difference", "log RR", "log OR", "fits", "failed"
    )
    c(
      paste0("| ", paste(head, collapse = " | "), " |"),
      paste0("|", paste(rep("---", length(head)), collapse = "|"), "|"), rows
    )
  }
  c(
    "# Coverage of marginal standardization", "",
    "Written by `make simulate-standardization`; the design is at the head of",
    "`bench/simulation/standardization.R`. Percent of 95% intervals that cover. A star marks a",
    "cell outside the limits agreed before: 91.5 to 97.5 with 10 and 20 clusters, 92.5 to 97 with",
    "40, 93.5 to 96.5 with 100 (for `glmm()` from 20 clusters on). The Monte Carlo error of a",
    "cell is in the csv.",
    "", "## gee(), the default: influence functions, KC, t", "", wide("gee", "default"),
    "", "## glmm(), the default", "", wide("glmm", "default"),
    "", "## gee(), plain delta method: fixed covariates, model-based, normal", "",
    wide("gee", "delta"), "", "## glmm(), plain delta method", "", wide("glmm", "delta")
  )
}

# Mean ratio of standard error and bootstrap over the data sets, with its Monte Carlo error.
report_bootstrap <- function() {
  table <- read.csv("bench/simulation/standardization-bootstrap.csv")
  key <- c("target", "covariates", "model")
  table$KC <- table$se_KC / table$bootstrap
  table$plain <- table$se_plain / table$bootstrap
  both <- function(f) aggregate(table[c("KC", "plain")], table[key], f)
  mean <- both(base::mean)
  error <- both(function(x) sd(x) / sqrt(length(x)))
  percent <- function(name) sprintf("%.1f (%.1f)", 100 * mean[[name]], 100 * error[[name]])
  rows <- paste("|", paste(mean$model, mean$covariates, mean$target, percent("KC"),
    percent("plain"), sep = " | "
  ), "|")
  c(
    "", "## Standard errors beside bootstraps, 100 clusters", "",
    paste0("Standard error in percent of the spread of ", table$replicates[1],
      " bootstrap replicates, mean of ", length(unique(table$data)) / 2, " data sets (and its"),
    "Monte Carlo error). Sampled covariates: clusters resampled; plain is `vcov = \"robust\"`.",
    "Fixed: new responses for the same covariates; plain is `vcov = \"model\"`.", "",
    "| model | covariates | estimate | KC | plain |", "|---|---|---|---|---|", rows
  )
}
