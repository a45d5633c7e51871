# Error of joint tests of gee() with few clusters: approximate Hotelling T^2 beside the simulated
# reference, anova(nsim = ).
#
#   Rscript bench/simulation/joint.R [DATA SETS]     1,000 per cell -> joint.csv, joint.md
#
# The cells and data are those of run.R, drawn anew. A test against 199 draws rejects at 5% where at
# most 9 of them are larger, which has the level of a test against infinitely many.

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
suppressMessages(library(margmix))
for (file in c("generate.R", "fit.R", "cells.R")) source(file.path(here, file))
replicates <- as.integer(c(commandArgs(TRUE), 1000L)[1L])
draws <- 199L

rejections <- function(fit) {
  pieces <- engine$cluster_pieces(fit)
  C <- diag(5)[3:5, ]
  V <- engine$engine_sandwich(pieces, "KC", rule = "none")$vcov
  hotelling <- engine$hotelling_test(fit, C, V, "KC", pieces)
  drawn <- engine$simulated_test(fit, C, V, "KC", list(count = draws, seed = NULL), pieces)
  c(hotelling = hotelling$p.value < 0.05, drawn = drawn$p.value <= 0.05, df = hotelling$df2)
}

run_joint <- function(cell) {
  set.seed(cell$seed + 10000L)
  family <- if (cell$outcome == "binary") binomial() else poisson()
  data <- draw_data(cell, replicates)
  factors <- c("within", if (cell$K >= 10) "between")
  rows <- lapply(factors, function(model) {
    found <- lapply(seq_len(replicates), function(set) {
      fit <- fit_of(
        design_of(data, set, models[[model]]), family, margmix::cor_exchangeable(), gee_control()
      )
      if (!is.null(fit)) tryCatch(rejections(fit), error = function(e) rep(NA_real_, 3L))
    })
    values <- do.call(rbind, found)
    data.frame(
      factor = model, cell[c("outcome", "K", "cv", "icc")], replicates = replicates,
      failed = sum(vapply(found, is.null, NA)), no_hotelling = sum(is.na(values[, 1L])),
      no_drawn = sum(is.na(values[, 2L])),
      hotelling = 100 * mean(values[, 1L], na.rm = TRUE),
      drawn = 100 * mean(values[, 2L], na.rm = TRUE),
      df = stats::median(values[, 3L], na.rm = TRUE)
    )
  })
  do.call(rbind, rows)
}

joint_table <- function(results) {
  range_of <- function(x) paste(sprintf("%.1f", range(x)), collapse = "-")
  groups <- split(results, results[c("cv", "K", "factor")], drop = TRUE)
  rows <- vapply(groups, function(g) {
    paste0("| ", paste(c(
      g$factor[1L], sprintf("%.1f", g$cv[1L]), g$K[1L], range_of(g$hotelling), range_of(g$drawn),
      range_of(g$df), range_of(100 * g$failed / g$replicates),
      range_of(100 * g$no_hotelling / g$replicates), range_of(100 * g$no_drawn / g$replicates)
    ), collapse = " | "), " |")
  }, "")
  c(
    "# Joint tests of three coefficients with few clusters", "",
    paste0(
      "Written by `bench/simulation/joint.R`: error in % of nominal 5% tests, ",
      format(results$replicates[1L], big.mark = ","), " data sets per cell; lowest-highest over ",
      "two responses and three ICCs. Design and factors as in `results.md`. Hotelling: ",
      "approximate Hotelling T^2, the default; ",
      "drawn: `anova(nsim = ", draws, ")`; no test: the covariance ",
      "leaves too few degrees of freedom, or is singular."
    ), "",
    paste(
      "| factor | CV | K | Hotelling | **drawn** | denominator df | failed % | no Hotelling % |",
      "no drawn % |"
    ),
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- |", unname(rows)
  )
}

cells <- Filter(function(cell) cell$part == "grid", simulation_cells())
results <- do.call(rbind, lapply(cells, run_joint))
utils::write.csv(results, file.path(here, "joint.csv"), row.names = FALSE)
writeLines(joint_table(results), file.path(here, "joint.md"))
