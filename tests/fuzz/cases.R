# Simulated data sets that are hard to fit, one for each number: used by run.R here and, a few of
# them, by tests/testthat/test-fuzz.R.
#
# A case is a family, a structure of random effects and a difficulty, drawn from its number alone.

fuzz_families <- function() {
  known <- list(
    binomial("logit"), binomial("probit"), binomial("cloglog"), binomial("cauchit"),
    binomial("log"), poisson("log"), poisson("sqrt"), poisson("identity"), gaussian("identity"),
    gaussian("log"), margmix::nbinom2(), margmix::nbinom1(), Gamma("log"),
    inverse.gaussian("log"), margmix::beta_family(), margmix::betabinomial(), Gamma("inverse")
  )
  names(known) <- vapply(known, function(f) paste(f$family, f$link, sep = "-"), "")
  known
}

fuzz_structures <- c(
  intercept = "(1 | a)", slope = "(x | a)", independent = "(x || a)", nested = "(1 | a/b)",
  "nested slope" = "(x | a) + (1 | a:b)", crossed = "(1 | a) + (1 | c)"
)

fuzz_difficulties <- c(
  "none", "rare events", "tiny clusters", "huge clusters", "zero variance", "correlation near 1",
  "badly scaled", "large variance", "few clusters", "separated", "constant clusters", "outlier"
)

#' The data set of a number
#' @return A list: `data`, `formula`, `family`, and the names `family_name`, `structure`,
#'   `difficulty`.
fuzz_case <- function(number, families = fuzz_families(), structures = fuzz_structures) {
  set.seed(1000 + number)
  # Stepped through, so that every difficulty meets every family and structure.
  family_name <- names(families)[1 + number %% length(families)]
  difficulty <- fuzz_difficulties[1 + (number %/% length(families)) %% length(fuzz_difficulties)]
  structure <- names(structures)[1 + (number + number %/% 7L) %% length(structures)]
  family <- families[[family_name]]
  size <- fuzz_size(difficulty)
  d <- expand.grid(row = seq_len(size$rows), b = seq_len(size$leaves), a = seq_len(size$clusters))
  if (difficulty == "tiny clusters") d <- d[runif(nrow(d)) < 0.7, ]
  d$c <- sample(6L, nrow(d), TRUE)
  d$x <- rnorm(nrow(d))
  d$g <- rbinom(size$clusters, 1, 0.5)[d$a]
  eta <- fuzz_level(family, difficulty) + fuzz_effects(d, structure, difficulty, family) +
    fuzz_slope(family) * (d$x + d$g)
  d$y <- fuzz_response(family, eta)
  if (difficulty == "separated") {
    d$g <- as.numeric(d$y > if (family$family == "binomial") 0 else stats::median(d$y))
  }
  if (difficulty == "constant clusters") d$y <- stats::ave(d$y, d$a, FUN = function(y) y[1L])
  if (difficulty == "outlier") {
    d$x[1L] <- 50
    d$y[1L] <- switch(family$family,
      binomial = d$y[1L], beta = 1 - 1e-6, betabinomial = 6, 100 * max(abs(d$y), 1)
    )
  }
  if (difficulty == "badly scaled") {
    d$x <- 1e6 * d$x
    d$g <- 1e-6 * d$g
  }
  d <- d[sample(nrow(d)), ]
  response <- if (family$family == "betabinomial") "cbind(y, 6 - y)" else "y"
  terms <- paste("~ x + g +", fuzz_structures[[structure]])
  list(
    data = d, formula = as.formula(paste(response, terms), globalenv()),
    family = family, family_name = family_name, structure = structure, difficulty = difficulty
  )
}

fuzz_size <- function(difficulty) {
  switch(difficulty,
    "tiny clusters" = list(clusters = 60L, leaves = 2L, rows = 2L),
    "huge clusters" = list(clusters = 4L, leaves = 3L, rows = 250L),
    "few clusters" = list(clusters = 3L, leaves = 3L, rows = 5L),
    list(clusters = sample(c(10L, 25L), 1L), leaves = 3L, rows = sample(2:5, 1L))
  )
}

fuzz_level <- function(family, difficulty) {
  level <- switch(paste0(family$family, "-", family$link),
    "binomial-log" = -2.5, "poisson-sqrt" = 3, "poisson-identity" = 6, "Gamma-inverse" = 2,
    "inverse.gaussian-1/mu^2" = 2, 0.2
  )
  if (difficulty != "rare events") return(level)
  switch(paste0(family$family, "-", family$link),
    "binomial-probit" = -2.2, "binomial-cauchit" = -12, "poisson-sqrt" = 0.4,
    "poisson-identity" = 0.8, "gaussian-identity" = 0.2, "gaussian-log" = -3,
    "Gamma-inverse" = 0.5, -4
  )
}

fuzz_small <- c("log", "identity", "sqrt", "inverse", "1/mu^2") # links with small effects

fuzz_slope <- function(family) if (family$link %in% fuzz_small) 0.1 else 0.4

fuzz_effects <- function(d, structure, difficulty, family) {
  sd <- if (family$link %in% fuzz_small) 0.2 else 0.8
  sd <- sd * switch(difficulty, "zero variance" = 0, "large variance" = 5, 1)
  u <- matrix(rnorm(2L * max(d$a)), ncol = 2L)
  if (difficulty == "correlation near 1") u[, 2L] <- u[, 1L] + 0.02 * u[, 2L]
  effect <- u[d$a, 1L]
  if (grepl("slope|independent", structure)) effect <- effect + 0.5 * u[d$a, 2L] * d$x
  if (grepl("nested", structure)) {
    leaf <- (d$a - 1L) * max(d$b) + d$b
    effect <- effect + 0.8 * rnorm(max(leaf))[leaf]
  }
  if (structure == "crossed") effect <- effect + rnorm(6L)[d$c]
  sd * effect
}

fuzz_response <- function(family, eta) {
  n <- length(eta)
  if (family$link == "log") eta <- pmin(eta, if (family$family == "binomial") -0.02 else 8)
  if (family$family == "poisson" && family$link == "identity") eta <- pmax(eta, 0.02)
  if (family$link %in% c("inverse", "1/mu^2")) eta <- pmax(eta, 0.1)
  mu <- family$linkinv(eta)
  switch(family$family,
    binomial = rbinom(n, 1L, mu), poisson = rpois(n, mu), gaussian = rnorm(n, mu, 0.5),
    Gamma = rgamma(n, 2, 2 / mu), inverse.gaussian = fuzz_inverse_gaussian(n, mu, 2),
    nbinom2 = rnbinom(n, size = 2, mu = mu), nbinom1 = rnbinom(n, size = mu, mu = mu),
    beta = pmin(pmax(rbeta(n, 5 * mu, 5 * (1 - mu)), 1e-6), 1 - 1e-6),
    betabinomial = rbinom(n, 6, rbeta(n, 5 * mu, 5 * (1 - mu)))
  )
}

# Michael, Schucany and Haas (1976); variance mu^3 / shape.
fuzz_inverse_gaussian <- function(n, mu, shape) {
  y <- rnorm(n)^2
  x <- mu + mu^2 * y / (2 * shape) - mu / (2 * shape) * sqrt(4 * mu * shape * y + mu^2 * y^2)
  ifelse(runif(n) <= mu / (mu + x), x, mu^2 / x)
}
