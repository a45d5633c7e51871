# Three million Bernoulli rows in 500 x 300 crossed levels, with and without equal rows put
# together, and continuous rows, of which none are equal. Writes equal-rows.md.
#
#   Rscript bench/equal-rows.R            R_LIBS must name a library with margmix

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
suppressMessages(library(margmix))

set.seed(2)
n <- 3e6
d <- data.frame(a = sample(500L, n, TRUE), b = sample(300L, n, TRUE), x = rbinom(n, 1, 0.5))
d$y <- rbinom(n, 1, plogis(-1 + 0.5 * d$x + rnorm(500, sd = 0.7)[d$a] + rnorm(300, sd = 0.5)[d$b]))
some <- data.frame(g = rep(1:20000, each = 10), z = rnorm(2e5))
some$y <- rbinom(2e5, 1, plogis(some$z + rnorm(20000)[some$g]))

timed <- function(collapse, formula, data) {
  gc()
  control <- glmm_control(collapse = collapse)
  seconds <- system.time(fit <- glmm(formula, data, binomial(), control = control))[["elapsed"]]
  list(fit = fit, seconds = seconds)
}

row <- function(name, formula, data) {
  least <- c(Inf, Inf)
  fits <- list()
  for (run in 1:3) { # alternately: other work on the machine slows both
    for (k in 1:2) {
      found <- timed(list("auto", FALSE)[[k]], formula, data)
      least[k] <- min(least[k], found$seconds)
      fits[[k]] <- found$fit
    }
  }
  difference <- function(f) max(abs(f(fits[[1L]]) - f(fits[[2L]])))
  sprintf(
    "| %s | %s | %s | %.2f | %.2f | %.2f | %.0e | %.0e |", name,
    format(nobs(fits[[1L]]), big.mark = ","),
    if (is.null(fits[[1L]]$patterns)) "-" else format(fits[[1L]]$patterns, big.mark = ","),
    least[1L], least[2L], least[2L] / least[1L], difference(coef), difference(logLik)
  )
}

writeLines(c(
  "# Equal rows", "",
  paste(
    "Written by `bench/equal-rows.R`: seconds of `glmm()` with `collapse = \"auto\"` and `FALSE`,",
    "least of three runs, one thread; the largest differences of coefficients and log-likelihood."
  ), "",
  "| rows | number | distinct | auto | FALSE | ratio | coefficients | log-likelihood |",
  "|---|---|---|---|---|---|---|---|",
  row("500 x 300 crossed levels, one 0/1 covariate", y ~ x + (1 | a) + (1 | b), d),
  row("20,000 clusters of 10, continuous covariate", y ~ z + (1 | g), some)
), file.path(here, "equal-rows.md"))
