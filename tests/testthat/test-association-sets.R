# Sets of variants against GMMAT, and against drawn scores.

skip_if_not(
  file.exists(test_path("..", "reference", "models-association.R")), "reference tables"
)
association_reference <- new.env()
sys.source(test_path("..", "reference", "models-association.R"), association_reference)
sample_of_sets <- association_reference$association_sample()
peers <- read.csv(test_path("..", "reference", "association-peers.csv"))
peer <- function(quantity) {
  rows <- peers[peers$quantity == quantity, ]
  setNames(rows$value, rows$name)
}
null_of_sets <- function() {
  K <- sample_of_sets$K
  glmm(y ~ x + known(1 | id, covariance = K), sample_of_sets$data, REML = TRUE)
}

test_that("scores, their variances and effects estimated anew are those of GMMAT", {
  null <- null_of_sets()
  expect_equal(c(null$phi, unname(null$theta)^2), unname(c(peer("residual"), peer("K"))),
    tolerance = 1e-6
  )
  scan <- association_scan(null, sample_of_sets$G)
  expect_equal(scan$score, unname(peer("score")), tolerance = 1e-6)
  expect_equal(scan$variance, unname(peer("variance")), tolerance = 1e-6)
  expect_equal(scan$p.value, unname(peer("p")), tolerance = 1e-6)
  K <- sample_of_sets$K
  for (variant in names(peer("wald"))) {
    d <- cbind(sample_of_sets$data, g = sample_of_sets$G[, variant])
    fit <- glmm(y ~ x + g + known(1 | id, covariance = K), d, REML = TRUE)
    expect_equal(fixef(fit)[["g"]], peer("wald")[[variant]], tolerance = 1e-6)
    expect_equal(sqrt(vcov(fit, type = "model")["g", "g"]), peer("wald error")[[variant]],
      tolerance = 1e-6
    )
  }
})

test_that("tests of sets are those of GMMAT", {
  skip_if_not_installed("CompQuadForm")
  tests <- association_sets(null_of_sets(), sample_of_sets$G, sample_of_sets$sets)
  expect_identical(tests$variants, c(8L, 8L))
  expect_equal(tests$p.burden, unname(peer("burden")), tolerance = 1e-6)
  expect_lt(max(abs(tests$p.skat - peer("skat"))), 1e-6) # the absolute error they ask for
  # They take quantiles and the integral from a chi-squared variable with two moments.
  expect_equal(tests$p.skat_o, unname(peer("skat_o")), tolerance = 0.05)
})

test_that("p-values are shares of drawn scores", {
  set.seed(32)
  A <- matrix(rnorm(25), 5)
  V <- crossprod(A) + diag(5)
  draws <- 40000
  U <- matrix(rnorm(5 * draws), draws) %*% chol(V)
  rho <- c(0, 0.1^2, 0.2^2, 0.3^2, 0.4^2, 0.5^2, 0.5, 1)
  Q <- outer(rowSums(U^2), 1 - rho) + outer(rowSums(U)^2, rho)
  p_of <- apply(Q, 2L, function(q) (draws + 1 - rank(q)) / draws)
  smallest <- apply(p_of, 1L, min)
  for (k in which(smallest < 0.2)[1:4]) {
    share <- mean(smallest <= smallest[k])
    expect_lt(abs(skat_o_test(U[k, ], V)$p.skat_o / share - 1), 0.08)
    share <- mean(Q[, 1L] >= Q[k, 1L])
    expect_lt(abs(skat_test(U[k, ], V)$p.skat / share - 1), 6 / sqrt(draws * share) + 1e-3)
  }
})

test_that("the saddlepoint is near the distribution of a sum of exponential variables", {
  lambda <- rep(c(0.6, 0.3, 0.1) / 2, each = 2) # in pairs: a sum of exponentials
  rate <- 1 / c(0.6, 0.3, 0.1)
  for (q in c(0.5, 2, 8, 20)) {
    others <- vapply(1:3, function(i) prod(rate[-i] / (rate[-i] - rate[i])), 0)
    exact <- sum(others * exp(-rate * q))
    expect_lt(abs(quadratic_saddlepoint(q, lambda) / exact - 1), 0.06)
  }
  expect_lt(quadratic_tail(60, lambda), 1e-30)
  skip_if_not_installed("CompQuadForm")
  expect_lt(abs(quadratic_tail(2, lambda, 1e-8) - sum(others * exp(-2 * rate))), 1e-8)
  q <- quadratic_quantile(lambda, 1e-3)
  expect_equal(quadratic_tail(q, lambda), 1e-3, tolerance = 1e-5)
})

test_that("sets that say nothing have a row, and what can't be tested is refused", {
  null <- null_of_sets()
  G <- cbind(sample_of_sets$G, one = 1)
  odd <- list(a = c("v1", "one", "nowhere"), b = "nowhere")
  tests <- association_sets(null, G, odd, test = "skat")
  expect_identical(tests$variants, c(1L, 0L))
  expect_identical(tests$one_value, c(1L, 0L))
  expect_identical(tests$absent, c(1L, 1L))
  expect_identical(is.na(tests$p.skat), c(FALSE, TRUE))
  # One variant is tested as in a scan; counting the other allele changes nothing.
  expect_equal(tests$p.skat[1L], association_scan(null, G)$p.value[1L], tolerance = 1e-9)
  other <- association_sets(null, 2 - G, sample_of_sets$sets)
  expect_equal(other, association_sets(null, G, sample_of_sets$sets), tolerance = 1e-5)
  sets <- sample_of_sets$sets
  expect_error(association_sets(null, G, unname(sets)), class = "margmix_error_argument")
  expect_error(association_sets(null, G, sets, test = "none"), class = "margmix_error_argument")
  expect_error(association_sets(null, G, sets, -1), class = "margmix_error_argument")
  expect_error(
    association_sets(null, function(i) G, sets),
    class = "margmix_error_genotypes"
  )
  expect_error(association_sets(lm(y ~ x, sample_of_sets$data), G, sets),
    class = "margmix_error_null_model"
  )
})
