# How often intervals of gee() miss the truth when clusters are few.
#
#   Rscript bench/simulation/run.R                 5,000 data sets per cell
#                                                  -> inst/extdata/few-clusters.csv.gz, results.md
#   Rscript bench/simulation/run.R 200 quick       200 of them -> quick.csv.gz, quick.md
#   Rscript bench/simulation/run.R resume          goes on where a run was stopped
#   Rscript bench/simulation/run.R table           results.md from the csv
#
# Every cell has its own seed, so that the numbers do not depend on the order of the cells.

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
suppressMessages(library(margmix))
for (file in c("generate.R", "fit.R", "cells.R", "table.R")) source(file.path(here, file))

arguments <- commandArgs(TRUE)
count <- suppressWarnings(as.integer(arguments))
replicates <- if (any(!is.na(count))) count[!is.na(count)][1L] else 5000L
quick <- "quick" %in% arguments
# The vignette reads the full results, too.
file <- file.path(here, if (quick) "quick.csv.gz" else "../../inst/extdata/few-clusters.csv.gz")

# Joint tests of a factor between clusters need two clusters in each of its four arms.
cell_models <- function(cell) {
  if (cell$part != "grid") return("main")
  c("main", "within", if (cell$K >= 10) "between")
}

run_cell <- function(cell, replicates) {
  set.seed(cell$seed)
  family <- if (cell$outcome == "binary") binomial() else poisson()
  correlation <- getExportedValue("margmix", paste0("cor_", cell$corstr))()
  control <- gee_control()
  base <- if (cell$outcome == "binary") qlogis(cell$prevalence) else log(2)
  truth <- c(`(Intercept)` = base, trt = 0, w = 0, x = x_effect)
  kept <- list()
  for (first in seq(1L, replicates, by = 250L)) {
    sets <- min(250L, replicates - first + 1L)
    data <- draw_data(cell, sets)
    for (set in seq_len(sets)) {
      for (model in cell_models(cell)) {
        fit <- fit_of(design_of(data, set, models[[model]]), family, correlation, control)
        found <- if (is.null(fit)) NULL else if (model == "main") {
          intervals_of(fit, truth)
        } else {
          rbind(joint = joint_of(fit, set))
        }
        kept[[model]] <- c(kept[[model]], list(found))
      }
    }
  }
  do.call(rbind, lapply(names(kept), function(model) {
    cell_rows(cell, model, kept[[model]])
  }))
}

# One row for each coefficient, or for the joint test.
cell_rows <- function(cell, model, found) {
  failed <- vapply(found, is.null, NA)
  rows <- if (model == "main") c("trt", "w", "x") else "joint"
  values <- simplify2array(found[!failed]) # coefficients x numbers x fits
  out <- lapply(rows, function(row) {
    v <- t(values[row, , ])
    percent <- function(name) {
      if (name %in% colnames(v)) 100 * mean(v[, name], na.rm = TRUE) else NA_real_
    }
    data.frame(
      cell[c("seed", "part", "case", "outcome", "K", "cv", "icc", "corstr")],
      target = if (model == "main") row else model, replicates = length(found),
      failed = sum(failed), clamped = sum(v[, "clamped"]),
      no_test = sum(is.na(v[, "default"])), default = percent("default"),
      robust = percent("robust"), FW = percent("FW"), MD = percent("MD"),
      hotelling = percent("hotelling"), drawn = percent("drawn"),
      median_df = median(v[, "df"], na.rm = TRUE),
      length = median(v[, "half"], na.rm = TRUE) / (qnorm(0.975) * sd(v[, "estimate"]))
    )
  })
  do.call(rbind, out)
}

# Rows are written as cells are done; `resume` goes on where a run was stopped.
finished <- function() if (file.exists(file)) read.csv(file)$seed
if (!any(c("table", "resume") %in% arguments)) unlink(file)
if (!"table" %in% arguments) {
  for (cell in simulation_cells()) {
    if (cell$seed %in% finished()) next
    seconds <- system.time(rows <- run_cell(cell, replicates))
    rows$cpu_seconds <- sum(seconds[1:2])
    numbers <- vapply(rows, is.double, NA)
    rows[numbers] <- lapply(rows[numbers], signif, 5L)
    first <- !file.exists(file)
    con <- gzfile(file, if (first) "w" else "a")
    write.table(rows, con, col.names = first, row.names = FALSE, quote = FALSE, sep = ",")
    close(con)
    message(sprintf("%s %s K=%d cv=%.1f icc=%.2f: %.0f s", cell$case, cell$outcome, cell$K,
      cell$cv, cell$icc, sum(seconds[1:2])))
  }
}
writeLines(table_text(read.csv(file)), file.path(here, if (quick) "quick.md" else "results.md"))
