# Error at 5% of the tests of glmm() with few clusters, and their power.
#
#   Rscript bench/simulation/glmm.R run [REPLICATES [PATTERN]]   cells whose name has PATTERN, the
#                                   most telling first, one on each core; each is kept in a file
#                                   of the folder .build/simulation-glmm
#   Rscript bench/simulation/glmm.R collect   what is there -> glmm.md beside this file, and a
#                                   table for the vignette, few-clusters-glmm.csv.bz2
#
# K clusters of 20 rows on average (equal, or gamma sizes with a coefficient of variation of .5,
# at least 4); random effects of standard deviation `sd` on the predictor, slopes half of it.
# Covariates: b, 0/1 between clusters; z, normal between; x, normal within, with the random slope if
# there is one; m, normal with half of its variance between; f, a factor of 4 levels in rows (3 df).
# Crossed: 30 subjects x 10 items, b and z between items, K does not matter; nested: clusters of 4
# parts. No effects, but in cells named `effect`, which measure power.

suppressMessages(library(margmix))
here <- "bench/simulation"
batches <- ".build/simulation-glmm"
saved_file <- "inst/extdata/few-clusters-glmm.csv.bz2"
source(file.path(here, "glmm-report.R"))

families <- list(
  binary = list(family = binomial(), level = 0), rare = list(family = binomial(), level = -2.2),
  poisson = list(family = poisson(), level = 0.5), gaussian = list(family = gaussian(), level = 0),
  nbinom = list(family = nbinom2(), level = 1)
)
random <- c(
  intercept = "(1 | g)", slope = "(x | g)", nested = "(1 | g/h)", crossed = "(1 | s) + (1 | g)"
)
# With 10 clusters; less with more, by the square root.
effects <- c(b = 1.4, z = 0.75, x = 0.4, m = 0.35)

grid <- expand.grid(
  K = c(10, 6, 20, 15, 40), sizes = c("equal", "unequal"), family = names(families),
  random = names(random), sd = c(0.7, 0, 0.3, 1.2), effect = 0, stringsAsFactors = FALSE
)
grid <- grid[grid$random != "crossed" | grid$K == 10 & grid$sizes == "equal", ]
power <- expand.grid(
  K = c(10, 20), sizes = "equal", family = c("binary", "poisson", "gaussian"),
  random = c("intercept", "slope"), sd = 0.7, effect = 1, stringsAsFactors = FALSE
)
cells <- rbind(grid, power)
cell_name <- function(cells) {
  with(cells, paste0(
    family, "-", random, "-", sizes, "-K", K, "-sd", sd, ifelse(effect > 0, "-effect", "")
  ))
}
cells$name <- cell_name(cells)

# Equal sizes, then 10 unequal clusters, power, 10 clusters with other sd, the rest.
turn <- with(cells, ifelse(effect > 0, 3, ifelse(
  sd == 0.7, ifelse(sizes == "equal" & K %in% c(6, 10, 20), 1, ifelse(K == 10, 2, 5)),
  ifelse(sizes == "equal" & K == 10, 4, 6)
)))
cells <- cells[order(turn, match(cells$K, unique(grid$K))), ]

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
  true <- cell$effect * sqrt(10 / K) * effects
  eta <- eta + drop(as.matrix(d[names(effects)]) %*% true)
  d$y <- switch(cell$family,
    binary = , rare = rbinom(n, 1L, plogis(eta)), poisson = rpois(n, exp(eta)),
    gaussian = eta + rnorm(n), nbinom = rnbinom(n, size = 2, mu = exp(eta))
  )
  d
}

quiet <- function(expr) {
  tryCatch(suppressMessages(suppressWarnings(expr)), margmix_error = function(e) NULL)
}

terms <- c(names(effects), "f")

# `column` of a table of terms; NA where there is none.
of_terms <- function(table, column) {
  found <- table[[column]][match(terms, rownames(table))]
  stats::setNames(if (is.null(found)) rep(NA_real_, length(terms)) else found, terms)
}

# p-values of the terms by: the default; what it was before (model-based, between-within); z, as
# most software prints; KC, of single coefficients (none with crossed factors). `df` are those of
# the default, `corrected` whether it was Kenward and Roger's.
one_set <- function(cell) {
  formula <- as.formula(paste("y ~", paste(terms, collapse = " + "), "+", random[[cell$random]]))
  fit <- quiet(glmm(formula, draw(cell), families[[cell$family]]$family, nAGQ = 1))
  if (is.null(fit)) return(NULL)
  tested <- quiet(anova(fit))
  KC <- if (cell$random != "crossed") quiet(as.data.frame(tidy(fit, "fixed", vcov = "KC")))
  if (!is.null(KC)) rownames(KC) <- KC$term
  list(
    default = of_terms(tested, "Pr(>F)"), df = of_terms(tested, "Den Df"),
    before = of_terms(quiet(anova(fit, vcov = "model", df = "between-within")), "Pr(>F)"),
    z = of_terms(quiet(anova(fit, vcov = "model", df = Inf)), "Pr(>F)"),
    KC = of_terms(KC, "p.value"),
    corrected = rep(!identical(quiet(vcov(fit)), vcov(fit, type = "model")), length(terms))
  )
}

run_cell <- function(cell, replicates) {
  file <- file.path(batches, paste0(cell$name, ".rds"))
  if (file.exists(file) && readRDS(file)$replicates >= replicates) return(invisible())
  if (any(saved$sets[cell_name(saved) == cell$name] >= replicates)) return(invisible())
  set.seed(sum(utf8ToInt(cell$name) * seq_len(nchar(cell$name))))
  seconds <- system.time({
    sets <- Filter(Negate(is.null), lapply(seq_len(replicates), function(i) one_set(cell)))
  })[[1L]]
  # sets x terms of each
  parts <- lapply(stats::setNames(nm = names(sets[[1L]])), function(part) {
    do.call(rbind, lapply(sets, `[[`, part))
  })
  commit <- system2("git", c("rev-parse", "--short", "HEAD"), stdout = TRUE)
  saveRDS(list(cell = cell, replicates = replicates, parts = parts, commit = commit), file)
  cat(format(Sys.time(), "%H:%M:%S"), cell$name, round(seconds), "seconds\n")
}

args <- commandArgs(TRUE)
dir.create(batches, recursive = TRUE, showWarnings = FALSE)
saved <- utils::read.csv(saved_file)
if (identical(args[1L], "run")) {
  replicates <- if (length(args) > 1L) as.integer(args[2L]) else 1000L
  wanted <- if (length(args) > 2L) cells[grepl(args[3L], cells$name), ] else cells
  invisible(parallel::mclapply(
    split(wanted, seq_len(nrow(wanted))), run_cell, replicates,
    mc.cores = parallel::detectCores(), mc.preschedule = FALSE
  ))
} else {
  files <- file.path(batches, paste0(cells$name, ".rds"))
  kept <- file.exists(files)
  saved <- saved[!cell_name(saved) %in% cells$name[kept], ]
  if (is.null(saved$default_even)) saved[c("default_even", "KC_even")] <- rep(NA_real_, nrow(saved))
  table <- rbind(do.call(rbind, lapply(files[kept], rates)), saved)
  table <- table[order(match(cell_name(table), cells$name)), ]
  utils::write.csv(table, bzfile(saved_file), row.names = FALSE)
  writeLines(report(table, cells), file.path(here, "glmm.md"))
}
