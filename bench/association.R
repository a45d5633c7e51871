# Null models with a dense relationship matrix, and scans of variants, beside GMMAT. Writes
# association.md. Needs GMMAT (CRAN) and gawk, which it calls.
#
#   Rscript bench/association.R             R_LIBS must name a library with margmix

script <- sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE))
here <- dirname(script)
suppressMessages(library(margmix))

# In a process of its own: its largest resident memory after a scan into a file, in MiB.
arguments <- commandArgs(TRUE)
if (length(arguments)) {
  association_scan(readRDS(arguments[1L]), arguments[2L], "ratio", file = tempfile())
  peak <- grep("^VmHWM", readLines("/proc/self/status"), value = TRUE)
  cat(round(as.numeric(gsub("[^0-9]", "", peak)) / 1024))
  quit()
}
suppressMessages(library(GMMAT))

# GMMAT's own example: 400 people, 100 variants.
agreement <- function() {
  data(example, envir = environment())
  d <- example$pheno
  K <- example$GRM
  file <- system.file("extdata", "geno.txt", package = "GMMAT")
  x <- utils::read.delim(file, skip = 5, header = FALSE)
  G <- t(as.matrix(x[, -(1:3)]))
  dimnames(G) <- list(d$id, x[[1L]])
  theirs <- glmmkin(trait ~ age + sex, d, K, id = "id", family = gaussian())
  table <- scan_gmmat(theirs, file, 5L)
  ours <- glmm(trait ~ age + sex + known(1 | id, covariance = K), d, REML = TRUE)
  scan <- association_scan(ours, G)
  c(
    variances = max(abs(c(ours$phi, ours$theta^2) / theirs$theta - 1)),
    score = max(abs(abs(scan$score) - abs(table$SCORE))) / max(abs(table$SCORE)),
    variance = max(abs(scan$variance / table$VAR - 1)), p = max(abs(scan$p.value - table$PVAL))
  )
}

scan_gmmat <- function(fit, file, skip) {
  out <- tempfile(fileext = ".txt")
  suppressWarnings(glmm.score(fit, infile = file, outfile = out, infile.nrow.skip = skip,
    infile.ncol.skip = 3, infile.ncol.print = 1:3, infile.header.print = c("SNP", "A1", "A2")
  ))
  utils::read.delim(out)
}

cpu <- function(code) sum(system.time(code)[1:2])

set.seed(1)
speed <- function(n, variants) {
  frequency <- runif(variants, 0.05, 0.5)
  ids <- paste0("p", seq_len(n))
  G <- matrix(rbinom(n * variants, 2L, rep(frequency, each = n)), n)
  dimnames(G) <- list(ids, paste0("v", seq_len(variants)))
  K <- kinship_matrix(matrix(rbinom(n * 2000, 2L, 0.3), n), "VanRaden") + diag(0.01, n)
  dimnames(K) <- list(ids, ids)
  d <- data.frame(id = ids, age = rnorm(n))
  d$y <- rbinom(n, 1, plogis(0.3 * d$age + drop(t(chol(K)) %*% rnorm(n))))
  file <- tempfile(fileext = ".txt")
  utils::write.table(data.frame(colnames(G), "A", "C", t(G)), file, sep = "\t", quote = FALSE,
    row.names = FALSE, col.names = FALSE
  )
  seconds <- c(
    null = cpu(ours <- glmm(y ~ age + known(1 | id, covariance = K), d, binomial())),
    null_gmmat = cpu(theirs <- glmmkin(y ~ age, d, K, id = "id", family = binomial())),
    exact = cpu(association_scan(ours, G, variance = "exact")),
    ratio = cpu(association_scan(ours, G, variance = "ratio")),
    scan_gmmat = cpu(scan_gmmat(theirs, file, 0L))
  )
  sprintf("| %d | %d | %.2f | %.2f | %.1f | %.2f | %.2f | %.2f | %.1f | %.1f |", n, variants,
    seconds["null"], seconds["null_gmmat"], seconds["null_gmmat"] / seconds["null"],
    seconds["exact"], seconds["ratio"], seconds["scan_gmmat"],
    seconds["scan_gmmat"] / seconds["exact"], seconds["scan_gmmat"] / seconds["ratio"]
  )
}

# Genotypes of n people named p1, p2, ... -> the path of their .bed file.
bed_file <- function(n, variants) {
  stem <- tempfile()
  frequency <- runif(variants, 0.05, 0.5)
  bed <- file(paste0(stem, ".bed"), "wb")
  writeBin(as.raw(c(0x6c, 0x1b, 0x01)), bed)
  for (of in split(frequency, (seq_along(frequency) - 1L) %/% 2000L)) {
    codes <- matrix(c(3, 2, 0)[rbinom(n * length(of), 2L, rep(of, each = n)) + 1L], 4L)
    writeBin(as.raw(colSums(codes * 4^(0:3))), bed)
  }
  close(bed)
  write <- function(x, end) {
    utils::write.table(x, paste0(stem, end), quote = FALSE, row.names = FALSE, col.names = FALSE)
  }
  ids <- paste0("p", seq_len(n))
  write(data.frame(ids, ids, 0, 0, 0, -9), ".fam")
  write(data.frame(1, paste0("v", seq_len(variants)), 0, seq_len(variants), "A", "C"), ".bim")
  paste0(stem, ".bed")
}

family_data <- function(n) {
  d <- data.frame(
    fam = rep(seq_len(n / 4), each = 4), age = rnorm(n), row.names = paste0("p", seq_len(n))
  )
  eta <- 0.3 * d$age + rnorm(n / 4)[d$fam]
  d$y <- eta + rnorm(n)
  d$ill <- rbinom(n, 1, plogis(eta - 2))
  d
}

# Families of four from a .bed file, by the ratio: variants per second, the null model's fit not
# included.
bed_speed <- function(n, variants) {
  bed <- bed_file(n, variants)
  d <- family_data(n)
  one <- glmm_control(threads = 1L)
  fits <- list(
    linear = glmm(y ~ age + (1 | fam), d, control = one),
    logit = glmm(ill ~ age + (1 | fam), d, binomial(), nAGQ = 1, control = one)
  )
  vapply(names(fits), function(name) {
    seconds <- cpu(scan <- association_scan(fits[[name]], bed, "ratio"))
    sprintf("| %s | %d | %d | %.0f | %.3f |", name, n, variants, variants / seconds,
      genomic_inflation(scan$p.value)
    )
  }, "")
}

bed_memory <- function(n, variants) {
  file <- tempfile()
  saveRDS(glmm(ill ~ age + (1 | fam), family_data(n), binomial(), nAGQ = 1), file)
  peak <- system2("Rscript", c(script, file, bed_file(n, variants)), stdout = TRUE)
  sprintf("| %d | %d | %s |", n, as.integer(variants), peak)
}

same <- agreement()
memory <- vapply(c(1e5, 1e6), function(variants) bed_memory(400L, variants), "")
from_bed <- bed_speed(10000, 50000)
rows <- c(speed(500, 5000), speed(1000, 5000), speed(2000, 50000))
writeLines(c(
  "# Scans of variants", "",
  paste(
    "Written by `bench/association.R`: processor seconds of logit null models with a dense",
    "relationship matrix (here by the Laplace approximation, in GMMAT by penalised",
    "quasi-likelihood), and of scans, here from memory and in GMMAT from a text file."
  ), "",
  paste(
    "| people | variants | null | GMMAT | ratio | scan, exact | scan, ratio | GMMAT |",
    "exact: times | ratio: times |"
  ),
  "|---|---|---|---|---|---|---|---|---|---|", rows, "",
  paste(
    "From a .bed file by the ratio of variances, with saddlepoint tails for the logit model, one",
    "thread, the preparation of the null model for the scan included:"
  ), "",
  "| model | people | variants | variants a second | lambda_GC |", "|---|---|---|---|---|",
  from_bed, "",
  "Peak memory of a process that scans a .bed file (logit) into a file:", "",
  "| people | variants | MiB |", "|---|---|---|", memory, "",
  paste0(
    "GMMAT's example (linear trait, REML): largest relative differences of the variances ",
    format(same[["variances"]], digits = 2), ", of scores ", format(same[["score"]], digits = 2),
    ", of their variances ", format(same[["variance"]], digits = 2), "; of p-values ",
    format(same[["p"]], digits = 2), " (GMMAT prints six digits)."
  )
), file.path(here, "association.md"))
