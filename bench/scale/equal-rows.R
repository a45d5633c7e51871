# B3: three million Bernoulli rows in 500 x 300 crossed levels, with and without equal rows put
# together, and continuous rows, of which none are equal. Writes equal-rows.md.
#
#   Rscript bench/scale/equal-rows.R [crossed rows] [runs]
#
# R_LIBS must name a library with margmix.

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
source(file.path(here, "common.R"))
suppressMessages(library(margmix))

set.seed(2)
n <- size_argument(1L, 3e6)
runs <- size_argument(2L, 3)
d <- data.frame(a = sample(500L, n, TRUE), b = sample(300L, n, TRUE), x = rbinom(n, 1, 0.5))
d$y <- rbinom(n, 1, plogis(-1 + 0.5 * d$x + rnorm(500, sd = 0.7)[d$a] + rnorm(300, sd = 0.5)[d$b]))
some <- data.frame(g = rep(1:20000, each = 10), z = rnorm(2e5))
some$y <- rbinom(2e5, 1, plogis(some$z + rnorm(20000)[some$g]))

# Least wall and processor seconds; alternately, as other work on the machine slows both.
row <- function(name, formula, data) {
  least <- matrix(Inf, 2L, 2L)
  fits <- list()
  for (run in seq_len(runs)) {
    for (k in 1:2) {
      gc()
      control <- glmm_control(collapse = list("auto", FALSE)[[k]])
      time <- system.time(fits[[k]] <- glmm(formula, data, binomial(), control = control))
      least[k, ] <- pmin(least[k, ], c(time[["elapsed"]], sum(time[c("user.self", "sys.self")])))
    }
  }
  difference <- function(f) max(abs(f(fits[[1L]]) - f(fits[[2L]])))
  data.frame(
    rows = name, number = nobs(fits[[1L]]), distinct = fits[[1L]]$patterns %||% NA,
    `auto, s` = least[1L, 1L], `FALSE, s` = least[2L, 1L], `auto, CPU s` = least[1L, 2L],
    `FALSE, CPU s` = least[2L, 2L], `CPU ratio` = least[2L, 2L] / least[1L, 2L],
    coefficients = difference(coef), `log-likelihood` = difference(logLik), check.names = FALSE
  )
}

write_scale("equal-rows", "Equal rows", paste(
  "Seconds of `glmm()` with `collapse = \"auto\"` and `FALSE`, least of", runs, "runs by turns,",
  "one thread; the largest differences of coefficients and log-likelihood."
), rbind(
  row("500 x 300 crossed levels, one 0/1 covariate", y ~ x + (1 | a) + (1 | b), d),
  row("20,000 clusters of 10, continuous covariate", y ~ z + (1 | g), some)
))
