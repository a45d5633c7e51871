# Coverage of the two averages of a trial of clusters whose sizes may go with the effect.
#
#   Rscript bench/simulation/estimands.R            1,000 data sets per cell -> estimands.csv, .md
#   Rscript bench/simulation/estimands.R 100        100 of them
#
# Half of K clusters is treated; random intercept of sd 0.5 (continuous: residual sd 1), one
# covariate that does nothing. Sizes:
#   equal        20 rows each
#   unequal      5 or 100 rows, effect .5 in all
#   informative  5 or 100 rows, effect 1 in small and .1 in large ones
# Continuous, binary (logit, intercept -.5) and rare (-2.5) responses. The truth is integrated over
# random intercept and size. `model` is marginal_standardization(average = ) of gee(), exchangeable;
# `robust` the same with randomized = TRUE.

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
suppressMessages(library(margmix))

count <- suppressWarnings(as.integer(commandArgs(TRUE)))
replicates <- if (any(!is.na(count))) count[!is.na(count)][1L] else 1000L

families <- list(continuous = gaussian(), binary = binomial(), rare = binomial())
intercepts <- c(continuous = 0, binary = -0.5, rare = -2.5)
sizes <- list(equal = c(20L, 20L), unequal = c(5L, 100L), informative = c(5L, 100L))
effects <- list(equal = c(0.5, 0.5), unequal = c(0.5, 0.5), informative = c(1, 0.1))

truth <- function(outcome, kind) {
  mean_of <- function(eta) {
    inverse <- families[[outcome]]$linkinv
    integrate(function(z) inverse(eta + 0.5 * z) * dnorm(z), -8, 8, rel.tol = 1e-10)$value
  }
  base <- intercepts[[outcome]]
  difference <- vapply(effects[[kind]], function(e) mean_of(base + e) - mean_of(base), 0)
  n <- sizes[[kind]]
  c(individual = sum(n * difference) / sum(n), cluster = mean(difference))
}

draw <- function(K, outcome, kind) {
  type <- sample(1:2, K, TRUE)
  size <- sizes[[kind]][type]
  id <- rep(seq_len(K), size)
  treat <- sample(rep(0:1, length.out = K))[id]
  eta <- intercepts[[outcome]] + treat * effects[[kind]][type[id]] + rnorm(K, sd = 0.5)[id]
  y <- if (outcome == "continuous") rnorm(length(id), eta) else rbinom(length(id), 1, plogis(eta))
  data.frame(id, treat, x = rnorm(length(id)), y)
}

answers <- function(fit, truth) {
  one <- function(average, randomized) {
    r <- marginal_standardization(fit, "treat",
      average = average, randomized = randomized, contrast = "difference"
    )$contrasts
    c(r$estimate, r$conf.low <= truth[[average]] && truth[[average]] <= r$conf.high)
  }
  unlist(lapply(names(truth), function(average) {
    c(one(average, NULL), one(average, TRUE))
  }))
}

one <- function(K, outcome, kind, truth) {
  d <- draw(K, outcome, kind)
  tryCatch(
    suppressMessages(suppressWarnings(
      answers(gee(y ~ treat + x, d, id = id, family = families[[outcome]]), truth)
    )),
    margmix_error = function(e) rep(NA_real_, 8L)
  )
}

cell <- function(K, outcome, kind) {
  set.seed(1000 * K + 10 * match(outcome, names(families)) + match(kind, names(sizes)))
  truth <- truth(outcome, kind)
  found <- t(vapply(seq_len(replicates), function(r) one(K, outcome, kind, truth), numeric(8L)))
  ok <- !is.na(found[, 1L])
  do.call(rbind, lapply(1:2, function(a) {
    columns <- found[ok, 4L * (a - 1L) + 1:4, drop = FALSE]
    data.frame(
      K = K, outcome = outcome, sizes = kind, average = names(truth)[a], truth = truth[[a]],
      model = mean(columns[, 1L]), model_cover = 100 * mean(columns[, 2L]),
      robust = mean(columns[, 3L]), robust_se = sd(columns[, 3L]) / sqrt(sum(ok)),
      robust_cover = 100 * mean(columns[, 4L]), data_sets = sum(ok), failed = sum(!ok)
    )
  }))
}

grid <- expand.grid(K = c(20L, 40L, 100L), outcome = names(families), kind = names(sizes),
  stringsAsFactors = FALSE)
table <- do.call(rbind, lapply(seq_len(nrow(grid)), function(i) {
  cell(grid$K[i], grid$outcome[i], grid$kind[i])
}))
write.csv(table, file.path(here, "estimands.csv"), row.names = FALSE)

digits <- c(truth = 3, model = 3, model_cover = 1, robust = 3, robust_se = 4, robust_cover = 1)
shown <- table
for (name in names(digits)) {
  shown[[name]] <- sprintf(paste0("%.", digits[[name]], "f"), table[[name]])
}
error <- 100 * sqrt(0.95 * 0.05 / replicates)
inside <- abs(table$robust_cover - 95) <= 1.5 + 2 * error
writeLines(c(
  "# Two averages in a trial of clusters", "",
  paste0(
    "Risk difference or difference of means; coverage of 95% intervals in %. ", replicates,
    " data sets per cell, so that the Monte Carlo error of a coverage of 95% is ",
    sprintf("%.1f", error), ". `make simulate-estimands`."
  ), "",
  paste0(sum(inside), " of ", length(inside), " coverages of `randomized = TRUE` are within 93.5 ",
    "to 96.5% or two Monte Carlo errors of it; ", sum(abs(table$robust - table$truth) <=
      2 * table$robust_se), " of ", nrow(table), " means are within two of the truth."), "",
  paste0("|", paste(names(shown), collapse = "|"), "|"),
  paste0("|", paste(rep("---", ncol(shown)), collapse = "|"), "|"),
  apply(shown, 1L, function(row) paste0("|", paste(trimws(row), collapse = "|"), "|"))
), file.path(here, "estimands.md"))
