# Firth's regression of the sample separated_sample() of models-association.R by PLINK 2 (Debian
# package plink2) -> association-plink.csv. Run in this folder: Rscript compute-association-plink.R

source("models-association.R")
sample <- separated_sample()
stem <- tempfile()
calls <- c("0/0", "0/1", "1/1")
body <- data.frame(
  1, seq_len(ncol(sample$G)), colnames(sample$G), "C", "A", ".", "PASS", ".", "GT",
  matrix(calls[t(sample$G) + 1], ncol(sample$G))
)
fixed <- c("#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT")
lines <- c(
  "##fileformat=VCFv4.2", "##FORMAT=<ID=GT,Number=1,Type=String,Description=\"Genotype\">",
  paste(c(fixed, sample$data$id), collapse = "\t"), do.call(paste, c(body, sep = "\t"))
)
writeLines(lines, paste0(stem, ".vcf"))
table <- with(sample$data, data.frame("#IID" = id, y = y + 1, x, check.names = FALSE))
write.table(table, paste0(stem, ".txt"), quote = FALSE, row.names = FALSE, sep = "\t")
system2("plink2", c(
  "--vcf", paste0(stem, ".vcf"), "--pheno", paste0(stem, ".txt"), "--pheno-name", "y",
  "--covar", paste0(stem, ".txt"), "--covar-name", "x", "--glm", "firth", "hide-covar",
  "cols=+a1freq,+beta,-orbeta", "--out", stem
), stdout = FALSE)
found <- read.delim(paste0(stem, ".y.glm.firth"), check.names = FALSE)
version <- sub("^(PLINK v[^ ]+).*", "\\1", system2("plink2", "--version", stdout = TRUE))
# of the allele A, which G counts
sign <- ifelse(found$A1 == "A", 1, -1)
write.csv(
  data.frame(name = found$ID, estimate = sign * found$BETA, error = found$SE, source = version),
  "association-plink.csv", row.names = FALSE, quote = FALSE
)
