# Tests of coefficients where levels are related: how often they reject at 5% in data without
# effects, for a covariate `z` with a pattern like that of the random effects and one without, `x`.
#
#   Rscript bench/simulation/related-tests.R         400 data sets of each kind, some minutes
#
# Writes related-tests.md.

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
suppressMessages(library(margmix))
count <- if (length(commandArgs(TRUE))) as.integer(commandArgs(TRUE)[1L]) else 400L

# Brownian motion along a tree of height one.
on_tree <- function(tree) {
  ape::rTraitCont(tree, sigma = 1 / sqrt(max(ape::node.depth.edgelength(tree))))
}

field <- function(D, correlation) {
  drop(crossprod(chol(correlation(D) + diag(1e-8, nrow(D))), rnorm(nrow(D))))
}

square <- function(n) data.frame(u = runif(n), v = runif(n), x = rnorm(n))
matern <- function(D) (1 + D) * exp(-D)

species <- function(tips) {
  tree <- ape::rcoal(tips)
  b <- on_tree(tree)
  list(
    data = data.frame(species = names(b), z = on_tree(tree)[names(b)], x = rnorm(tips)), b = b,
    tree = tree
  )
}

kinds <- list(
  "Poisson, `ar1()`, 12 series of 8, z a treatment of series" = function() {
    d <- expand.grid(t = 1:8, id = 1:12)
    d$z <- as.integer(d$id > 6)
    d$x <- rnorm(96)
    b <- replicate(12, as.vector(arima.sim(list(ar = 0.7), 8, sd = sqrt(1 - 0.7^2))))
    d$y <- rpois(96, exp(1 + 0.8 * as.vector(b)))
    glmm(y ~ x + z + ar1(t + 0 | id), d, poisson())
  },
  "logit of 6 trials, `phylo()`, 50 tips, z along the tree" = function() {
    s <- species(50)
    tree <- s$tree
    s$data$y <- rbinom(50, 6, plogis(s$b))
    glmm(cbind(y, 6 - y) ~ x + z + phylo(1 | species, tree), s$data, binomial())
  },
  "Poisson, `mat()`, 60 places, range .1, z of range .2" = function() {
    d <- square(60)
    D <- as.matrix(dist(d[1:2])) / 0.1
    d$z <- field(D / 2, matern)
    d$y <- rpois(60, exp(1 + 0.8 * field(D, matern)))
    glmm(y ~ x + z + mat(u + v | 1), d, poisson())
  },
  "linear (REML), `phylo()`, 30 tips, z along the tree" = function() {
    s <- species(30)
    tree <- s$tree
    s$data$y <- s$b + rnorm(30, 0, 0.5)
    glmm(y ~ x + z + phylo(1 | species, tree), s$data, REML = TRUE)
  },
  "linear (REML), `exp()`, 40 places, range .15, z of range .3" = function() {
    d <- square(40)
    D <- as.matrix(dist(d[1:2])) / 0.15
    d$z <- field(D / 2, function(D) exp(-D))
    d$y <- 1 + field(D, function(D) exp(-D)) + rnorm(40, 0, 0.4)
    glmm(y ~ x + z + exp(u + v | 1), d, REML = TRUE)
  }
)

p_values <- function(fit, ...) {
  found <- summary(fit, ...)$coefficients
  found[c("x", "z"), "p.value"]
}

one <- function(draw) {
  fit <- suppressMessages(suppressWarnings(draw()))
  suppressWarnings(c(
    p_values(fit), p_values(fit, vcov = "model", df = Inf),
    if (isTRUE(fit$REML)) p_values(fit, vcov = "model", df = "satterthwaite") else c(NA, NA)
  ))
}

row <- function(name) {
  set.seed(1)
  p <- lapply(seq_len(count), function(i) {
    tryCatch(one(kinds[[name]]), margmix_error = function(e) NULL)
  })
  p <- do.call(rbind, p)
  share <- apply(p < 0.05, 2L, mean)
  words <- ifelse(is.na(share), "", sprintf("%.1f", 100 * share))
  paste("|", paste(c(name, nrow(p), words), collapse = " | "), "|")
}

writeLines(c(
  "# Tests of coefficients where levels are related", "",
  paste0(
    "Written by `bench/simulation/related-tests.R`: ", count, " data sets of each kind without ",
    "effects, seed 1; percent that tests at 5% reject (Monte Carlo standard error ",
    sprintf("%.1f", 100 * sqrt(0.05 * 0.95 / count)), "), by the default (Kenward and Roger where ",
    "it changes a variance by 0.5%), by the normal distribution with the model-based covariance, ",
    "and with Satterthwaite's degrees of freedom. Of data sets with no finite tests only the ",
    "number is seen."
  ), "",
  "| data | sets | default: x | z | normal: x | z | Satterthwaite: x | z |",
  "|---|---|---|---|---|---|---|---|", vapply(names(kinds), row, "")
), file.path(here, "related-tests.md"))
