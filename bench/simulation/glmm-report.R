# few-clusters-glmm.csv.bz2 and glmm.md from the cells of glmm.R.

source(file.path(here, "table.R"))

# A row for each term of a cell: per cent of p-values below .05 (missing ones left out), the sets
# with a default test, its median df, in how many of 100 it was Kenward and Roger's, and the commit
# of the package that was run. With effects also `<method>_even`, from even_power().
rates <- function(file) {
  found <- readRDS(file)
  parts <- found$parts
  even <- lapply(c(default_even = "default", KC_even = "KC"), even_power, file = file)
  rejected <- lapply(parts[c("default", "before", "z", "KC")], function(p) {
    rate <- round(100 * colMeans(p < 0.05, na.rm = TRUE), 2)
    ifelse(is.nan(rate), NA, rate)
  })
  data.frame(
    found$cell[c("family", "random", "sizes", "K", "sd", "effect")],
    term = colnames(parts$default), sets = found$replicates,
    fitted = colSums(!is.na(parts$default)), rejected,
    df = round(apply(parts$df, 2L, stats::median, na.rm = TRUE), 1L),
    corrected = round(100 * colMeans(parts$corrected), 1L), commit = found$commit, even,
    row.names = NULL
  )
}

# Per cent of p-values of a cell with effects that are below what 5% of those of the same cell
# without effects are: power at the same error. NA where one of the two is not there.
even_power <- function(method, file) {
  null_file <- sub("-effect", "", file, fixed = TRUE)
  p <- readRDS(file)$parts[[method]]
  if (null_file == file || !file.exists(null_file)) return(rep(NA_real_, ncol(p)))
  null <- readRDS(null_file)$parts[[method]]
  bound <- apply(null, 2L, stats::quantile, 0.05, type = 1L, na.rm = TRUE)
  power <- round(100 * colMeans(p <= rep(bound, each = nrow(p)), na.rm = TRUE), 1L)
  ifelse(is.nan(power), NA, power)
}

# A row for each structure, K and term: ranges over families.
ranges <- function(table) {
  keys <- unique(table[c("random", "sizes", "K", "sd", "term")])
  keys <- keys[order(-(keys$sd == 0.7), keys$sd, match(keys$random, unique(table$random)),
    keys$sizes, keys$K), ]
  do.call(rbind, lapply(seq_len(nrow(keys)), function(i) {
    own <- merge(table, keys[i, ])
    data.frame(
      keys[i, ], families = nrow(own), `**default**` = paste0("**", range_text(own$default), "**"),
      before = range_text(own$before), KC = range_text(own$KC), z = range_text(own$z),
      `median df` = range_text(own$df), `KR in %` = range_text(own$corrected),
      `failed %` = range_text(100 * (1 - own$fitted / own$sets)), check.names = FALSE
    )
  }))
}

cell_words <- function(own, method = "default") {
  sprintf(
    "%s, %s, %s K = %d, sd %s, %s: %.1f%%", own$family, own$random, own$sizes, own$K, own$sd,
    own$term, own[[method]]
  )
}

# `words` and how many; each as an item.
listed <- function(words, own, method = "default") {
  items <- if (nrow(own)) paste("  *", cell_words(own, method))
  c(paste0("* ", words, ": ", if (nrow(own)) paste(nrow(own), "rows.") else "none."), items)
}

above_limit <- function(null, method = "default") {
  p <- null[[method]]
  null[which(p > 6.5 + two_errors(null$fitted)), ]
}

limits_text <- function(null) {
  plain <- null$K >= 10 & null$sd >= 0.5 & null$random == "intercept"
  compared <- vapply(c(before = "before", KC = "KC", z = "z"), function(method) {
    paste(nrow(above_limit(null, method)), "of", sum(!is.na(null[[method]])))
  }, "")
  c(
    listed("Default above 6.5% plus two Monte Carlo SE", above_limit(null)),
    paste0("* The others above it: ", paste(names(compared), compared, collapse = ", "), " rows."),
    listed("Default below 2.5% at K >= 10, sd >= .5, intercept only", null[plain &
      null$default < 2.5, ]),
    listed("Conservative elsewhere (below 2.5%)", null[!plain & null$default < 2.5, ])
  )
}

# Power of the default beside KC's, where both hold their size in the cell without effects.
power_table <- function(table) {
  null <- table[table$effect == 0, ]
  power <- table[table$effect > 0 & table$term != "f", ]
  if (!nrow(power)) return(NULL)
  keys <- c("family", "random", "sizes", "K", "sd", "term")
  size <- null[c(keys, "default", "KC", "fitted")]
  names(size)[7:8] <- c("size", "KC size")
  both <- merge(power, size[setdiff(names(size), "fitted")], by = keys)
  most <- 6.5 + two_errors(both$sets)
  both$`both hold` <- ifelse(both$size <= most & both$`KC size` <= most, "yes", "no")
  both$difference <- both$default - both$KC
  both$`even difference` <- both$default_even - both$KC_even
  both[c(
    keys, "default", "KC", "difference", "size", "KC size", "both hold", "default_even", "KC_even",
    "even difference"
  )]
}

with_decimals <- function(rows, columns) {
  rows[columns] <- lapply(rows[columns], sprintf, fmt = "%.1f")
  rows
}

even_words <- function(difference) sprintf("%.1f", max(0, difference, na.rm = TRUE))

power_text <- function(table) {
  rows <- power_table(table)
  if (is.null(rows)) return("Not run.")
  fair <- rows$difference[rows$`both hold` == "yes"]
  c(
    paste0(
      "Power in %, effects of 1.4 (b), .75 (z), .4 (x) and .35 (m), times sqrt(10 / K), on the ",
      "predictor. Where both hold their size (`size`: the error without effects), the default is ",
      "below KC by ", sprintf("%.1f", max(-fair)), " points at most, above it by ",
      sprintf("%.1f", max(fair)), " at most. Much of this is how far each is from 5% without ",
      "effects. `even`: power at the p-values that 5% of the data sets without effects fall ",
      "below, the same error for both; there the default is below KC by ",
      even_words(-rows$`even difference`), " points at most, above it by ",
      even_words(rows$`even difference`), " at most."
    ), "",
    markdown_table(with_decimals(rows, setdiff(names(rows)[-(1:6)], "both hold")))
  )
}

report <- function(table, cells) {
  null <- table[table$effect == 0, ]
  run <- nrow(unique(null[c("family", "random", "sizes", "K", "sd")]))
  c(
    "# Tests of glmm() with few clusters", "",
    "Written by `make simulate-glmm` (bench/simulation).", "",
    paste0(
      "Error in % of tests at 5%, ", range_text(table$sets, 0L), " data sets per cell (Monte ",
      "Carlo SE ", sprintf("%.1f", two_errors(min(table$sets)) / 2), "), ", run, " of ",
      sum(cells$effect == 0), " cells run; lowest-highest over those of the five families ",
      "(binary with prevalence .5 and about .1, Poisson, Gaussian, negative binomial) that were ",
      "run. Default: Kenward and Roger where they matter; KR in %: how often that was. Before: ",
      "model-based covariance, between-within t; z: the same covariance, normal. KC: of single ",
      "coefficients, one grouping factor. b, z between clusters, x within, with the random slope ",
      "if there is one, m both, f a factor with 3 df. Laplace approximation. Rows of cells that ",
      "were not run are not there."
    ), "",
    markdown_table(ranges(null)), "", "## Held to the limits", "", limits_text(null), "",
    "## Power", "", power_text(table)
  )
}
