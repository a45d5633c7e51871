# How far K nodes are from the integral, with one level of random effects and with two nested ones,
# on the same small data: writes accuracy.md.
#
#   Rscript bench/accuracy.R
#
# The integral is a fine trapezoidal sum with R's own densities (tests/testthat/helper-brute.R).
# With one level the six rows of a cluster share a random intercept; with two they are two
# sub-clusters of three rows. The number is the largest error of the log-likelihood of two clusters
# over five data sets.

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
suppressMessages(library(margmix))
space <- new.env(parent = asNamespace("margmix"))
for (file in c("helper-brute.R", "helper-nested.R")) {
  sys.source(file.path(here, "..", "tests", "testthat", file), space)
}

families <- c(
  "binomial-logit", "binomial-probit", "binomial-cloglog", "poisson-log", "nbinom2-log",
  "nbinom1-log", "Gamma-log", "inverse.gaussian-log", "beta-logit", "betabinomial-logit"
)
rules <- c(7L, 15L, 25L, 41L)

errors <- function(name, sd, nested) {
  family <- c(space$all_families(), space$dispersion_families())[[name]]
  found <- vapply(1:5, function(seed) {
    model <- space$toy_nested(family, m = 2L, seed = 100L + seed)
    model$psi[3:4] <- sd
    if (!nested) model <- one_level(model)
    exact <- if (nested) {
      space$brute_nested(model, family)
    } else {
      space$brute_loglik(model, family)
    }
    vapply(rules, function(K) abs(space$toy_engine(model, family, K)$value - exact), 0)
  }, numeric(length(rules)))
  apply(found, 1L, max)
}

# The clusters without their sub-clusters.
one_level <- function(model) {
  design <- model$design
  design$Z <- design$Z[, 1L, drop = FALSE]
  design$theta_row <- design$theta_col <- 0L
  design$groups <- design$structure <- NULL
  list(design = design, psi = model$psi[-4L])
}

cells <- expand.grid(sd = c(0.5, 1), nested = c(FALSE, TRUE), family = families,
  stringsAsFactors = FALSE)
found <- t(mapply(errors, cells$family, cells$sd, cells$nested))
rows <- paste0(
  "| ", cells$family, " | ", ifelse(cells$nested, "(1 \\| a/b)", "(1 \\| a)"), " | ",
  cells$sd, " | ", apply(found, 1L, function(e) {
    paste(formatC(pmax(e, 1e-14), format = "e", digits = 0), collapse = " | ")
  }), " |"
)
writeLines(c(
  "# Error of the rule", "",
  paste(
    "Written by `bench/accuracy.R`: the largest error of the log-likelihood of two clusters of six",
    "rows (two sub-clusters of three) over five data sets, at standard deviations `sd` at every",
    "level, for K nodes per level."
  ), "",
  paste0("| family | terms | sd | ", paste("K =", rules, collapse = " | "), " |"),
  paste0("|---|---|---|", strrep("---|", length(rules))), rows
), file.path(here, "accuracy.md"))
