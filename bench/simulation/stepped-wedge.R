# Error of the time-averaged effect in small stepped-wedge trials with a binary response.
#
#   Rscript bench/simulation/stepped-wedge.R        1,000 data sets a cell -> stepped-wedge.md
#   Rscript bench/simulation/stepped-wedge.R 100    100 of them
#
# Four sequences, five periods, K clusters, n rows in each period of a cluster; probit link, random
# intercepts of clusters (sd 0.3) and of their periods (sd 0.15), so that marginal coefficients are
# the conditional ones over sqrt(1 + 0.3^2 + 0.15^2), exactly. Effects by exposure time: none, or
# 0, 0.2, 0.4, 0.6. Error: how often a 95% interval misses the true average, in %.

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
suppressMessages(library(margmix))

count <- suppressWarnings(as.integer(commandArgs(TRUE)))
replicates <- if (any(!is.na(count))) count[!is.na(count)][1L] else 1000L
shrink <- 1 / sqrt(1 + 0.3^2 + 0.15^2)
effects <- list(none = rep(0, 4), growing = c(0, 0.2, 0.4, 0.6))

draw <- function(K, n, effect) {
  d <- expand.grid(period = 1:5, cluster = seq_len(K))
  d$exposure <- exposure_time(d$period, start = 2 + sample(rep_len(0:3, K))[d$cluster])
  d$treated <- as.integer(d$exposure > 0)
  eta <- -0.5 + 0.05 * d$period + c(0, effect)[d$exposure + 1] +
    rnorm(K, sd = 0.3)[d$cluster] + rnorm(nrow(d), sd = 0.15)
  d <- d[rep(seq_len(nrow(d)), each = n), ]
  d$y <- rbinom(nrow(d), 1, pnorm(rep(eta, each = n)))
  d
}

# Estimate of the average, and does its interval miss the truth?
answers <- function(d, truth) {
  marginal <- function(formula, ...) {
    gee(formula, d, id = cluster, family = binomial("probit"), corstr = cor_nested(),
      inner = ~cluster:period, ...
    )
  }
  one <- y ~ factor(period) + treated
  each <- y ~ factor(period) + factor(exposure)
  fits <- list(
    one = marginal(one), each = marginal(each),
    maee = marginal(each, control = gee_control(alpha_method = "maee")),
    mixed = glmm(update(each, . ~ . + (1 | cluster / period)), d, binomial("probit"), nAGQ = 1)
  )
  average <- function(fit, truth, ..., exposure = "exposure") {
    found <- tryCatch(exposure_effects(fit, exposure, ...), margmix_error = function(e) NULL)
    if (is.null(found)) return(c(NA, NA))
    found <- found[found$effect == "average", ]
    c(found$estimate, found$conf.low > truth || found$conf.high < truth)
  }
  m <- truth * shrink
  c(
    average(fits$one, m, exposure = "treated"),
    average(fits$each, m, vcov = "robust", df = Inf), average(fits$each, m),
    average(fits$each, m, vcov = "MBN"), average(fits$maee, m), average(fits$mixed, truth)
  )
}

methods <- c(
  "one effect, KC (default)", "robust, normal", "KC, Satterthwaite (default)", "MBN",
  "KC with MAEE", "glmm(), default"
)

# "-" where all answers were refused.
number <- function(format, x) ifelse(is.nan(x), "-", sprintf(format, x))

cell <- function(K, n, kind) {
  set.seed(100 * K + n + match(kind, names(effects)))
  truth <- mean(effects[[kind]])
  found <- vapply(seq_len(replicates), function(r) {
    tryCatch(
      suppressMessages(suppressWarnings(answers(draw(K, n, effects[[kind]]), truth))),
      margmix_error = function(e) rep(NA_real_, 12L)
    )
  }, numeric(12L))
  bias <- rowMeans(found[seq(1, 11, 2), ], na.rm = TRUE) - truth * c(rep(shrink, 5), 1)
  missed <- found[seq(2, 12, 2), ]
  data.frame(
    K = K, n = n, effects = kind, method = methods, bias = number("%.3f", bias),
    error = number("%.1f", 100 * rowMeans(missed, na.rm = TRUE)),
    data_sets = rowSums(!is.na(missed))
  )
}

grid <- expand.grid(K = c(8L, 12L, 24L), n = 20L, kind = names(effects), stringsAsFactors = FALSE)
table <- do.call(rbind, lapply(seq_len(nrow(grid)), function(i) {
  cell(grid$K[i], grid$n[i], grid$kind[i])
}))
writeLines(c(
  "# The time-averaged effect in small stepped-wedge trials", "",
  paste0(
    "K clusters in four sequences, n binary rows in each of five periods; ", replicates,
    " data sets a cell, so that the Monte Carlo error of 5% is ",
    sprintf("%.1f", 100 * sqrt(0.05 * 0.95 / replicates)), ". Bias of the average on the scale of ",
    "the predictor; error: how often its 95% interval misses the truth, in %. Estimating ",
    "equations have a nested-exchangeable correlation. A dash: refused, the clusters are too few. ",
    "`make simulate-stepped-wedge`."
  ), "",
  "| K | n | effects | method | bias | error | data sets |", "|---|---|---|---|---|---|---|",
  apply(table, 1L, function(row) paste0("| ", paste(trimws(row), collapse = " | "), " |"))
), file.path(here, "stepped-wedge.md"))
