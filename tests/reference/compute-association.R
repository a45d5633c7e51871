# The sample of models-association.R by GMMAT -> association-peers.csv: scores, their variances, p,
# estimates with variances estimated again (glmm.wald()), and tests of sets. Run in this folder:
# Rscript compute-association.R

source("models-association.R")
suppressMessages(library(GMMAT))
sample <- association_sample()
null <- glmmkin(y ~ x, sample$data, list(K = sample$K), id = "id", tol = 1e-10,
  family = gaussian(), method = "REML"
)
U <- drop(crossprod(sample$G, null$scaled.residuals))
V <- crossprod(sample$G, null$P %*% sample$G)
rows <- function(name, quantity, value) data.frame(name, quantity, value = signif(value, 12))
out <- rbind(
  rows("null", c("residual", "K"), null$theta), rows(names(U), "score", U),
  rows(names(U), "variance", diag(V)),
  rows(names(U), "p", pchisq(U^2 / diag(V), 1, lower.tail = FALSE))
)

file <- tempfile(fileext = ".txt")
write.table(data.frame(colnames(sample$G), "A", "C", t(sample$G)), file,
  sep = "\t", quote = FALSE, row.names = FALSE, col.names = FALSE
)
wald <- glmm.wald(y ~ x, sample$data, list(K = sample$K), id = "id", family = gaussian(),
  method = "REML", infile = file, snps = c("v1", "v9"), infile.ncol.skip = 3,
  infile.ncol.print = 1:3, infile.header.print = c("SNP", "A1", "A2"), tol = 1e-10
)
out <- rbind(out, rows(wald$SNP, "wald", wald$BETA), rows(wald$SNP, "wald error", wald$SE))

rho <- c(0, 0.1^2, 0.2^2, 0.3^2, 0.4^2, 0.5^2, 0.5, 1)
for (set in names(sample$sets)) {
  v <- sample$sets[[set]]
  w <- dbeta(colMeans(sample$G[, v]) / 2, 1, 25)
  tests <- GMMAT:::.skato_pval(w * U[v], V[v, v] * tcrossprod(w), rho)
  out <- rbind(out, rows(set, c("burden", "skat", "skat_o"),
    c(tests$Burden.pval, tests$SKAT.pval, tests$p)
  ))
}
out$source <- paste("GMMAT", packageVersion("GMMAT"))
write.csv(out, "association-peers.csv", row.names = FALSE, quote = FALSE)
