# The estimated correlation between few clusters: ten clusters of 20 binary rows, prevalence .3,
# beta-binomial with correlation .05, half of them treated.
#
#   Rscript bench/simulation/maee.R [SETS]    4,000 data sets -> maee.md

suppressMessages(library(margmix))
here <- "bench/simulation"
source(file.path(here, "table.R"))
count <- commandArgs(TRUE)
sets <- if (length(count)) as.integer(count[1L]) else 4000L
methods <- c("default", "sas", "geepack", "stata", "maee")

estimates <- function() {
  rho <- 0.05
  id <- rep(1:10, each = 20L)
  p <- rbeta(10, 0.3 * (1 / rho - 1), 0.7 * (1 / rho - 1))
  d <- data.frame(id, treat = id %% 2, y = rbinom(200, 1, p[id]))
  vapply(methods, function(method) {
    suppressMessages(suppressWarnings(tryCatch(
      gee(y ~ treat, d, id, family = binomial(), corstr = "exchangeable",
        control = gee_control(alpha_method = method, alpha_bound = FALSE)
      )$alpha[[1L]],
      margmix_error = function(e) NA_real_
    )))
  }, 0)
}

set.seed(1)
found <- t(replicate(sets, estimates()))
rows <- data.frame(
  method = methods, mean = sprintf("%.4f", colMeans(found, na.rm = TRUE)),
  `Monte Carlo SE` = sprintf("%.4f", apply(found, 2L, sd, na.rm = TRUE) / sqrt(sets)),
  failed = colSums(is.na(found)), check.names = FALSE
)
writeLines(c(
  "# Correlation between ten clusters", "",
  paste(
    "Mean estimate in", format(sets, big.mark = ","), "data sets; the correlation is .05.",
    "`alpha_method` of `gee_control()`; `make simulate-maee`."
  ), "", markdown_table(rows)
), file.path(here, "maee.md"))
