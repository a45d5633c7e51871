# A linear trait of 240 people in families of 4, and rare variants in two sets.

association_sample <- function() {
  set.seed(31)
  n <- 240
  id <- paste0("p", seq_len(n))
  family <- rep(seq_len(n / 4), each = 4)
  K <- 0.5 * outer(family, family, "==") + diag(0.5, n)
  dimnames(K) <- list(id, id)
  G <- matrix(rbinom(n * 16, 2, rep(runif(16, 0.01, 0.15), each = n)), n)
  dimnames(G) <- list(id, paste0("v", 1:16))
  data <- data.frame(id, x = rnorm(n))
  shared <- drop(t(chol(K)) %*% rnorm(n))
  data$y <- 0.5 * data$x + drop(G[, 1:3] %*% c(0.8, 0.5, -0.3)) + shared + rnorm(n)
  sets <- list(effects = colnames(G)[1:8], none = colnames(G)[9:16])
  list(data = data, K = K, G = G, sets = sets)
}
