# How far K nodes are from the integral, with one level of random effects and with two nested ones,
# on the same small data: writes accuracy.md.
#
#   Rscript bench/accuracy.R
#
# The integral is a fine trapezoidal sum with R's own densities (tests/testthat/helper-brute.R).
# (1 | a): the six rows of a cluster share a random intercept; (1 | a:b): the three of a sub-cluster
# do; (1 | a/b): both. The number is the largest error of the log-likelihood of two clusters
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

errors <- function(name, sd, terms) {
  family <- c(space$all_families(), space$dispersion_families())[[name]]
  found <- vapply(1:5, function(seed) {
    model <- space$toy_nested(family, m = 2L, seed = 100L + seed)
    model$psi[3:4] <- sd
    nested <- terms == "(1 | a/b)"
    if (!nested) model <- one_level(model, if (terms == "(1 | a)") 1L else 2L)
    exact <- if (nested) {
      space$brute_nested(model, family)
    } else {
      space$brute_loglik(model, family)
    }
    vapply(rules, function(K) abs(space$toy_engine(model, family, K)$value - exact), 0)
  }, numeric(length(rules)))
  apply(found, 1L, max)
}

# One of the two levels alone.
one_level <- function(model, k) {
  design <- model$design
  index <- design$groups[[k]]$index
  design$levels <- design$groups[[k]]$levels
  design$start <- as.integer(c(which(!duplicated(index)) - 1L, length(index)))
  design$Z <- design$Z[, k, drop = FALSE]
  design$theta_row <- design$theta_col <- 0L
  design$groups <- design$structure <- NULL
  list(design = design, psi = model$psi[-(if (k == 1L) 4L else 3L)])
}

cells <- expand.grid(
  terms = c("(1 | a)", "(1 | a:b)", "(1 | a/b)"), sd = c(0.5, 1), family = families,
  stringsAsFactors = FALSE
)
found <- t(mapply(errors, cells$family, cells$sd, cells$terms))
rows <- paste0(
  "| ", cells$family, " | ", sub("|", "\\|", cells$terms, fixed = TRUE), " | ",
  cells$sd, " | ", apply(found, 1L, function(e) {
    paste(formatC(pmax(e, 1e-14), format = "e", digits = 0), collapse = " | ")
  }), " |"
)
writeLines(c(
  "# Error of the rule", "",
  paste(
    "Written by `bench/accuracy.R`: the largest error of the log-likelihood of two clusters of six",
    "rows (two sub-clusters of three) over five data sets, at standard deviations `sd` at every",
    "level, for K nodes per level. (1 | a/b) is beside the two models of one level, of six and of",
    "three rows per integral."
  ), "",
  paste0("| family | terms | sd | ", paste("K =", rules, collapse = " | "), " |"),
  paste0("|---|---|---|", strrep("---|", length(rules))), rows
), file.path(here, "accuracy.md"))
