# Linear traits of relatives whose covariance matrix is known, stated once for compute-kinship.R and
# the tests: families of a pedigree, people whose relationship is estimated from 400 variants, and
# two visits of each person of a pedigree.
#
# A list of list(formula, peer, data, K): `peer` is the fixed part; the packages get K apart.

# Covariance of two founders and their `children`, at unit scale.
family_covariance <- function(children) {
  K <- diag(2 + children)
  K[row(K) != col(K)] <- 0.5
  K[1, 2] <- K[2, 1] <- 0
  K
}

pedigree_sample <- function(seed, families, visits, shares) {
  set.seed(seed)
  children <- sample(1:4, families, TRUE)
  blocks <- lapply(children, family_covariance)
  n <- sum(children + 2)
  K <- matrix(0, n, n)
  last <- 0
  for (block in blocks) {
    at <- last + seq_len(nrow(block))
    K[at, at] <- block
    last <- max(at)
  }
  relatives_sample(K, visits, shares)
}

variant_sample <- function(seed, n, variants, shares) {
  set.seed(seed)
  share <- runif(variants, 0.1, 0.5)
  G <- matrix(rbinom(n * variants, 2, rep(share, each = n)), n)
  scaled <- sweep(sweep(G, 2, 2 * share), 2, sqrt(2 * share * (1 - share)), "/")
  relatives_sample(round(tcrossprod(scaled) / variants, 6), 1, shares)
}

# y with variances `shares` of relatives, of the person (with several visits) and of a visit.
relatives_sample <- function(K, visits, shares) {
  n <- nrow(K)
  id <- paste0("p", seq_len(n))
  dimnames(K) <- list(id, id)
  d <- data.frame(id = rep(id, visits), x = rnorm(n * visits))
  d$sex <- rep(rbinom(n, 1, 0.5), visits)
  b <- sqrt(shares[1]) * drop(crossprod(chol(K), rnorm(n))) + sqrt(shares[2]) * rnorm(n)
  d$y <- 2 + 0.3 * d$x - 0.5 * d$sex + rep(b, visits) + rnorm(nrow(d), 0, sqrt(shares[3]))
  list(data = d, K = K)
}

kinship_models <- function() {
  related <- y ~ x + sex + known(1 | id, covariance = K)
  list(
    pedigree = c(list(formula = related), pedigree_sample(41, 60, 1, c(0.6, 0, 0.6))),
    variants = c(list(formula = related), variant_sample(42, 180, 400, c(0.7, 0, 0.4))),
    visits = c(
      list(formula = update(related, . ~ . + (1 | id))),
      pedigree_sample(43, 40, 2, c(0.5, 0.3, 0.4))
    )
  )
}
