# How often diagnose_endogeneity() fires, and what it estimates, in simulated data.
#
#   Rscript bench/simulation/endogeneity.R          2,000 data sets per cell -> endogeneity.csv, .md
#   Rscript bench/simulation/endogeneity.R 100      100 of them
#
# 60 clusters; a covariate x = z + w with z between (sd 0.7) and w within clusters (sd 1), effect
# 0.5, random intercept b of sd 0.8:
#   none       b is independent of x; 2 to 8 rows per cluster, whatever b is
#   planted    b has correlation 0.5 with z; 6 rows per cluster. Given the cluster mean of x, b is
#              normal with a mean linear in it, so that the larger model of the test is the true one
#              and the difference of the effects between and within clusters is known
#   size       b is independent of x, but clusters with large b have more rows

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
suppressMessages(library(margmix))

count <- suppressWarnings(as.integer(commandArgs(TRUE)))
replicates <- if (any(!is.na(count))) count[!is.na(count)][1L] else 2000L

m <- 60L
beta <- 0.5
sd_b <- 0.8
sd_z <- 0.7
rho <- 0.5
rows <- 6L
planted_difference <- rho * sd_b * sd_z / (sd_z^2 + 1 / rows)

draw <- function(family, scenario) {
  z <- rnorm(m, sd = sd_z)
  correlation <- if (scenario == "planted") rho else 0
  b <- sd_b * (correlation * z / sd_z + sqrt(1 - correlation^2) * rnorm(m))
  size <- switch(scenario,
    none = sample(2:8, m, TRUE), planted = rep(rows, m), size = 2L + rpois(m, exp(0.8 + 0.5 * b))
  )
  id <- rep(seq_len(m), size)
  x <- z[id] + rnorm(length(id))
  eta <- switch(family$family, poisson = 0.3, -0.3) + beta * x + b[id]
  y <- switch(family$family,
    binomial = rbinom(length(id), 1, plogis(eta)), poisson = rpois(length(id), exp(eta)),
    gaussian = rnorm(length(id), eta)
  )
  data.frame(id, x, y)
}

one <- function(family, scenario) {
  d <- draw(family, scenario)
  found <- tryCatch(
    suppressMessages(suppressWarnings(
      diagnose_endogeneity(glmm(y ~ x + (1 | id), d, family, nAGQ = 9))
    )),
    error = function(e) NULL
  )
  if (is.null(found)) return(rep(NA_real_, 4L))
  c(
    fires = found$joint$p.value < 0.05, LR = found$joint$LR.p.value < 0.05,
    difference = found$table[1L, "difference"], within = found$table[1L, "within"]
  )
}

cell <- function(family, scenario, seed) {
  set.seed(seed)
  found <- vapply(seq_len(replicates), function(i) one(family, scenario), numeric(4L))
  ok <- !is.na(found[1L, ])
  mean_of <- function(k) mean(found[k, ok])
  se_of <- function(k) sd(found[k, ok]) / sqrt(sum(ok))
  data.frame(
    family = family$family, scenario = scenario, replicates = sum(ok), failed = sum(!ok),
    fires = mean_of(1L), fires_se = se_of(1L), LR_fires = mean_of(2L),
    difference = mean_of(3L), difference_se = se_of(3L),
    truth = if (scenario == "planted") planted_difference else 0,
    within = mean_of(4L), within_se = se_of(4L)
  )
}

families <- list(gaussian(), binomial(), poisson())
scenarios <- c("none", "planted", "size")
cells <- list()
for (i in seq_along(families)) {
  for (j in seq_along(scenarios)) {
    cells[[length(cells) + 1L]] <- cell(families[[i]], scenarios[j], 1000L * i + j)
    write.csv(do.call(rbind, cells), file.path(here, "endogeneity.csv"), row.names = FALSE)
  }
}
table <- do.call(rbind, cells)
number <- function(x, digits = 3L) formatC(x, format = "f", digits = digits)
writeLines(c(
  "# Correlated random effects", "",
  paste(
    "Written by `make simulate-endogeneity`: how often `diagnose_endogeneity()` fires at 5%, and",
    "its estimates, with Monte Carlo standard errors. The effect within clusters is 0.5 everywhere."
  ), "",
  paste(
    "| family | scenario | data sets | F test fires | likelihood ratio fires | difference |",
    "truth | effect within |"
  ),
  "|---|---|---|---|---|---|---|---|",
  paste0(
    "| ", table$family, " | ", table$scenario, " | ", table$replicates, " | ", number(table$fires),
    " (", number(table$fires_se), ") | ", number(table$LR_fires), " | ", number(table$difference),
    " (", number(table$difference_se), ") | ", number(table$truth), " | ", number(table$within),
    " (", number(table$within_se), ") |"
  )
), file.path(here, "endogeneity.md"))
