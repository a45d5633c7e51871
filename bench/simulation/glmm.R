# Error at 5% of the tests of glmm() with few clusters, no effects anywhere.
#
#   Rscript bench/simulation/glmm.R run [REPLICATES [PATTERN]]   cells whose name has PATTERN; each
#                                                  is kept in .build/simulation-glmm, not run again
#   Rscript bench/simulation/glmm.R collect        glmm.csv beside this file
#
# K clusters of 20 rows on average (equal, or gamma sizes with a coefficient of variation of .5,
# at least 4); random effects of standard deviation `sd` on the predictor, slopes half of it.
# Covariates: b, 0/1 between clusters; z, normal between; x, normal within, with the random slope if
# there is one; m, normal with half of its variance between; f, a factor of 4 levels in rows (3 df).
# Crossed: 30 subjects x 10 items, b and z between items, K does not matter; nested: clusters of 4
# parts.

suppressMessages(library(margmix))
batches <- ".build/simulation-glmm"
here <- "bench/simulation"

families <- list(
  binary = list(family = binomial(), level = 0), rare = list(family = binomial(), level = -2.2),
  poisson = list(family = poisson(), level = 0.5), gaussian = list(family = gaussian(), level = 0),
  nbinom = list(family = nbinom2(), level = 1)
)
random <- c(
  intercept = "(1 | g)", slope = "(x | g)", nested = "(1 | g/h)", crossed = "(1 | s) + (1 | g)"
)

cells <- expand.grid(
  K = c(6, 10, 15, 20, 40), sizes = c("equal", "unequal"), family = names(families),
  random = names(random), sd = c(0, 0.3, 0.7, 1.2), stringsAsFactors = FALSE
)
cells <- cells[cells$random != "crossed" | cells$K == 10 & cells$sizes == "equal", ]
cells$name <- with(cells, paste(family, random, sizes, paste0("K", K), paste0("sd", sd), sep = "-"))

draw <- function(cell) {
  K <- cell$K
  size <- if (cell$sizes == "equal") rep(20, K) else pmax(4, round(rgamma(K, 4, 4 / 20)))
  if (cell$random == "crossed") size <- rep(30, K)
  g <- rep(seq_len(K), size)
  n <- length(g)
  s <- if (cell$random == "crossed") rep(1:30, K) else rep(1, n)
  d <- data.frame(
    g = g, s = s, h = unlist(lapply(size, function(k) rep_len(1:4, k))),
    b = sample(rep_len(0:1, K))[g], z = rnorm(K)[g], x = rnorm(n),
    m = (rnorm(K)[g] + rnorm(n)) / sqrt(2), f = factor(sample(4L, n, TRUE))
  )
  eta <- families[[cell$family]]$level + rnorm(K, sd = cell$sd)[g] + switch(cell$random,
    intercept = 0, slope = rnorm(K, sd = cell$sd / 2)[g] * d$x,
    nested = rnorm(4 * K, sd = cell$sd / 2)[4 * (g - 1) + d$h], crossed = rnorm(30, sd = cell$sd)[s]
  )
  d$y <- switch(cell$family,
    binary = , rare = rbinom(n, 1L, plogis(eta)), poisson = rpois(n, exp(eta)),
    gaussian = eta + rnorm(n), nbinom = rnbinom(n, size = 2, mu = exp(eta))
  )
  d
}

# p-values of the terms by: the default; what it was before (model-based, between-within); KC
# (no covariance with crossed factors); model-based z.
tests <- list(
  default = list(), before = list(vcov = "model", df = "between-within"), KC = list(vcov = "KC"),
  z = list(vcov = "model", df = Inf)
)

p_values <- function(cell) {
  formula <- as.formula(paste("y ~ b + z + x + m + f +", random[[cell$random]]))
  fit <- glmm(formula, draw(cell), families[[cell$family]]$family, nAGQ = 1)
  used <- if (cell$random == "crossed") tests[names(tests) != "KC"] else tests
  unlist(lapply(used, function(test) {
    table <- do.call(anova, c(list(fit), test))
    stats::setNames(table[["Pr(>F)"]], rownames(table))
  }))
}

quiet <- function(expr) {
  tryCatch(suppressMessages(suppressWarnings(expr)), margmix_error = function(e) NULL)
}

run_cell <- function(cell, replicates) {
  file <- file.path(batches, paste0(cell$name, ".rds"))
  if (file.exists(file)) return(invisible())
  set.seed(sum(utf8ToInt(cell$name) * seq_len(nchar(cell$name))))
  p <- lapply(seq_len(replicates), function(i) quiet(p_values(cell)))
  saveRDS(list(cell = cell, replicates = replicates, p = do.call(rbind, p)), file)
}

# A row for each cell, test and term: sets that were fitted, per cent below 5%.
report <- function(file) {
  found <- readRDS(file)
  if (is.null(found$p)) return(NULL)
  parts <- do.call(rbind, strsplit(colnames(found$p), ".", fixed = TRUE))
  data.frame(
    found$cell[c("family", "random", "sizes", "K", "sd")], test = parts[, 1L], term = parts[, 2L],
    sets = found$replicates, fitted = colSums(!is.na(found$p)),
    error = round(100 * colMeans(found$p < 0.05, na.rm = TRUE), 2), row.names = NULL
  )
}

args <- commandArgs(TRUE)
dir.create(batches, recursive = TRUE, showWarnings = FALSE)
if (identical(args[1L], "run")) {
  replicates <- if (length(args) > 1L) as.integer(args[2L]) else 1000L
  wanted <- if (length(args) > 2L) cells[grepl(args[3L], cells$name), ] else cells
  for (i in seq_len(nrow(wanted))) run_cell(wanted[i, ], replicates)
} else {
  files <- list.files(batches, "[.]rds$", full.names = TRUE)
  table <- do.call(rbind, lapply(files, report))
  utils::write.csv(table, file.path(here, "glmm.csv"), row.names = FALSE)
}
