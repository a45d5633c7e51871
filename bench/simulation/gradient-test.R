# Size and power of the test of diagnose_distribution().
#
#   Rscript bench/simulation/gradient-test.R        1,000 data sets a cell -> gradient-test.md
#   Rscript bench/simulation/gradient-test.R 100    100 of them
#
# 50 clusters, logit, one covariate; random intercept normal (sd 1.5), or half of the clusters at
# each of two points of the same sd, or exponential with mean zero. p by 39 simulations.

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
suppressMessages(library(margmix))

count <- suppressWarnings(as.integer(commandArgs(TRUE)))
replicates <- if (any(!is.na(count))) count[!is.na(count)][1L] else 1000L

effects <- list(
  normal = function(m) rnorm(m, sd = 1.5),
  `two points` = function(m) 1.5 * sample(c(-1, 1), m, TRUE),
  exponential = function(m) 1.5 * (rexp(m) - 1)
)

one <- function(draw, n) {
  id <- rep(1:50, each = n)
  d <- data.frame(id, x = rep_len(0:1, length(id)))
  d$y <- rbinom(length(id), 1, plogis(-0.5 + d$x + draw(50)[id]))
  suppressMessages(suppressWarnings(tryCatch(
    {
      fit <- glmm(y ~ x + (1 | id), d, binomial(), nAGQ = 9)
      diagnose_distribution(fit, nsim = 39, at = 0, seed = NULL)$p.value <= 0.05
    },
    margmix_error = function(e) NA
  )))
}

grid <- expand.grid(effects = names(effects), rows = c(6L, 20L), stringsAsFactors = FALSE)
table <- do.call(rbind, lapply(seq_len(nrow(grid)), function(i) {
  set.seed(i)
  found <- replicate(replicates, one(effects[[grid$effects[i]]], grid$rows[i]))
  data.frame(grid[i, ],
    rejected = sprintf("%.1f", 100 * mean(found, na.rm = TRUE)),
    data_sets = sum(!is.na(found))
  )
}))
writeLines(c(
  "# The test of the distribution of the random effects", "",
  paste0(
    "Rejections of a normal random intercept at 5%, in %, in 50 clusters of 6 or 20 binary rows; ",
    "Monte Carlo error of 5%: ", sprintf("%.1f", 100 * sqrt(0.05 * 0.95 / replicates)),
    ". `make simulate-gradient-test`."
  ), "",
  "| random effects | rows per cluster | rejected | data sets |", "|---|---|---|---|",
  apply(table, 1L, function(row) paste0("| ", paste(trimws(row), collapse = " | "), " |"))
), file.path(here, "gradient-test.md"))
