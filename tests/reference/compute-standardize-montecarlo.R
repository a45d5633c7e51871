# Standardized risks of a model with a random slope of the exposure, by Monte Carlo with 10^7 draws
# of the random effects. Nothing of the package is used.
#   cd tests/reference; Rscript compute-standardize-montecarlo.R > standardize-montecarlo.csv
# Model: logit P(y = 1 | b) = b0 + beta0 + (beta1 + b1) a + beta2 x, (b0, b1) = Lambda u, for
# a = 0 and 1, averaged over x = -1, -0.5, 0.5, 2 with equal weights.

beta <- c(-1.2, 0.8, 0.5)
Lambda <- rbind(c(1.1, 0), c(-0.7, 0.9))
x <- c(-1, -0.5, 0.5, 2)
draws <- 1e7
size <- 1e6

set.seed(45)
sums <- squares <- c(0, 0)
for (block in seq_len(draws / size)) {
  b <- matrix(rnorm(2 * size), size) %*% t(Lambda)
  for (a in 0:1) {
    shift <- beta[1] + b[, 1] + (beta[2] + b[, 2]) * a
    risk <- rowMeans(vapply(beta[3] * x, function(more) plogis(shift + more), numeric(size)))
    sums[a + 1] <- sums[a + 1] + sum(risk)
    squares[a + 1] <- squares[a + 1] + sum(risk^2)
  }
}
mean <- sums / draws
write.csv(
  data.frame(
    exposure = 0:1, risk = mean, error = sqrt((squares / draws - mean^2) / draws),
    draws = draws, source = R.version.string
  ),
  row.names = FALSE
)
