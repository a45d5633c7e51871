# Coverage of risk differences of small stepped-wedge trials, compared within periods.
#
#   Rscript bench/simulation/stepped-wedge-periods.R        1,000 data sets -> ...-periods.md
#   Rscript bench/simulation/stepped-wedge-periods.R 100    100 of them
#
# Trials as in stepped-wedge.R, with an effect of 0.3 at all exposure times, a covariate, and 5 or
# 35 rows in each period of a cluster. The working model is right, or has no periods. Error: how
# often a 95% interval misses the risk difference, averaged over the second to fourth period, in %.

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
suppressMessages(library(margmix))

count <- suppressWarnings(as.integer(commandArgs(TRUE)))
replicates <- if (any(!is.na(count))) count[!is.na(count)][1L] else 1000L
shrink <- 1 / sqrt(1 + 0.3^2 + 0.15^2 + 0.5^2) # random intercepts, and 0.5 x with x normal
baseline <- function(period) -0.5 + 0.2 * period
truth <- mean(pnorm((baseline(2:4) + 0.3) * shrink) - pnorm(baseline(2:4) * shrink))

draw <- function(K) {
  d <- expand.grid(period = 1:5, cluster = seq_len(K))
  d$treated <- as.integer(d$period > (1 + sample(rep_len(0:3, K)))[d$cluster])
  eta <- baseline(d$period) + 0.3 * d$treated + rnorm(K, sd = 0.3)[d$cluster] +
    rnorm(nrow(d), sd = 0.15)
  row <- rep(seq_len(nrow(d)), sample(c(5L, 35L), nrow(d), TRUE))
  d <- d[row, ]
  d$x <- rnorm(nrow(d))
  d$y <- rbinom(nrow(d), 1, pnorm(eta[row] + 0.5 * d$x))
  d
}

models <- list(right = y ~ treated + x + factor(period), `no periods` = y ~ treated + x)

one <- function(K) {
  d <- draw(K)
  unlist(lapply(models, function(formula) {
    environment(formula) <- environment() # where the data are, for `period`
    fit <- gee(formula, d, id = cluster, family = binomial("probit"), corstr = "exchangeable")
    answer <- function(...) {
      found <- marginal_standardization(fit, "treated", contrast = "difference", ...)$contrasts
      c(found$estimate, found$conf.low > truth || found$conf.high < truth)
    }
    within <- function(vcov) {
      answer(vcov = vcov, randomized = TRUE, period = "period", average = "period")
    }
    c(answer(), within("KC"), within(NULL))
  }))
}

ways <- c("model alone", "within periods, KC", "within periods, jackknife (default)")
table <- do.call(rbind, lapply(c(8L, 12L, 24L), function(K) {
  set.seed(K)
  found <- replicate(replicates, tryCatch(
    suppressMessages(suppressWarnings(one(K))), margmix_error = function(e) rep(NA_real_, 12L)
  ))
  ok <- !is.na(found[1L, ])
  data.frame(K,
    model = rep(names(models), each = 3L), means = rep(ways, 2L), truth = sprintf("%.4f", truth),
    mean = sprintf("%.4f", rowMeans(found[seq(1, 11, 2), ok])),
    error = sprintf("%.1f", 100 * rowMeans(found[seq(2, 12, 2), ok])), data_sets = sum(ok)
  )
}))
writeLines(c(
  "# Risk differences of small stepped-wedge trials", "",
  paste0(
    "Marginal standardization of `gee()`, by the model alone or within periods ",
    "(`randomized = TRUE, period = `), working model right or without periods; error: how ",
    "often a 95% interval misses the truth, in %, Monte Carlo error of 5%: ",
    sprintf("%.1f", 100 * sqrt(0.0475 / replicates)),
    ". `make simulate-stepped-wedge`."
  ), "",
  "| K | model | means | truth | mean | error | data sets |", "|---|---|---|---|---|---|---|",
  apply(table, 1L, function(row) paste0("| ", paste(trimws(row), collapse = " | "), " |"))
), file.path(here, "stepped-wedge-periods.md"))
