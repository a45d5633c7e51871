# Coefficients, standard errors of Morel, Bokossa and Neerchal (2003), scale and correlation by
# package geessbin -> mbn-peers.csv. Run in this folder:
#   Rscript compute-mbn-peers.R

source("models-mbn.R")
library(geessbin)
load("../../data/ohio.rda")

tables <- list()
for (clusters in mbn_sizes) {
  for (corstr in mbn_correlations) {
    d <- mbn_children(ohio, clusters)
    fit <- geessbin(resp ~ age + smoke, data = d, id = d$id, corstr = corstr, beta.method = "GEE",
      SE.method = "MB", tol = 1e-10, maxitr = 500
    )
    tables[[length(tables) + 1L]] <- data.frame(
      clusters, corstr,
      quantity = c(paste0("beta", 1:3), paste0("se", 1:3), "scale", "alpha"),
      value = sprintf("%.12g", c(
        fit$coefficients, sqrt(diag(fit$covb)), fit$scale, fit$wcorr[1L, 2L]
      )),
      source = paste("geessbin", packageVersion("geessbin"))
    )
  }
}
write.csv(do.call(rbind, tables), "mbn-peers.csv", row.names = FALSE, quote = FALSE)
