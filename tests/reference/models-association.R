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

# 0/1 responses of 300 unrelated people, in groups with as many events each, so that the variance
# between groups is zero; all four carriers of v1 have the event.
separated_sample <- function() {
  set.seed(32)
  n <- 300
  d <- data.frame(id = paste0("p", seq_len(n)), x = rnorm(n))
  d$y <- rbinom(n, 1, plogis(0.5 * d$x - 1.5))
  d$group <- 0L
  d$group[order(d$y)] <- rep_len(seq_len(75), n)
  row.names(d) <- d$id
  G <- matrix(rbinom(n * 12, 2, rep(runif(12, 0.02, 0.2), each = n)), n)
  G[, 1] <- 0
  G[which(d$y == 1)[1:4], 1] <- 1
  dimnames(G) <- list(d$id, paste0("v", 1:12))
  list(data = d, G = G)
}
