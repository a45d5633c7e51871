# Matrix-adjusted estimating equations by package geeCRT, exchangeable correlation, constant
# variance, weights of pairs equal -> adjusted-peers.csv. Run in this folder:
#   Rscript compute-adjusted-peers.R

source("models-adjusted.R")
library(geeCRT)

d <- adjusted_pigs(read.csv("dietox.csv"))
pairs <- sum(choose(table(d$cluster), 2))
fit <- geemaee(d$Weight, cbind(1, d$Time, d$dose), d$cluster, matrix(1, pairs, 1),
  family = "continuous", link = "identity", epsilon = 1e-11, alpadj = TRUE, makevone = FALSE
)
out <- data.frame(
  quantity = c("beta1", "beta2", "beta3", "alpha"),
  value = sprintf("%.12g", c(fit$beta, fit$alpha)),
  source = paste("geeCRT", packageVersion("geeCRT"))
)
write.csv(out, "adjusted-peers.csv", row.names = FALSE, quote = FALSE)
