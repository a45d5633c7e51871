# Known covariances: singular, sparse, in blocks, against factors of them and normal densities.

# Rows of people with a covariance of rank 17 of 20: a kinship of centred variants, one of three
# twins, and one of somebody whose effect is twice another's.
singular_kinship <- function(visits = 2L) {
  set.seed(8)
  G <- matrix(rbinom(17 * 60, 2, 0.4), 17)
  G <- G[c(1:17, 1, 1), ]
  G <- rbind(G, 2 * G[5, ])
  K <- tcrossprod(G - 0.8) / 60
  id <- paste0("p", seq_len(20))
  K[20, ] <- K[, 20] <- 2 * K[5, ]
  K[20, 20] <- 4 * K[5, 5]
  dimnames(K) <- list(id, id)
  d <- data.frame(id = rep(id, visits), x = rnorm(20 * visits))
  eigen <- eigen(K)
  factor <- eigen$vectors[, 1:17] %*% diag(sqrt(eigen$values[1:17]))
  b <- rep(drop(factor %*% rnorm(17)), visits)
  d$y <- 0.5 * d$x + b + rnorm(nrow(d))
  d$yes <- rbinom(nrow(d), 1, plogis(0.5 * d$x + 4 * b))
  list(K = K, data = d, Z = diag(20)[match(d$id, id), ], factor = factor)
}

test_that("a singular covariance has the density of its effects", {
  s <- singular_kinship()
  d <- s$data
  K <- s$K
  expect_message(
    fit <- glmm(y ~ x + known(1 | id, covariance = K), d, gaussian()), "3 combinations",
    class = "margmix_note_relation"
  )
  V <- fit$theta^2 * s$Z %*% K %*% t(s$Z) + fit$phi * diag(nrow(d))
  r <- d$y - drop(cbind(1, d$x) %*% coef(fit))
  density <- -(nrow(d) * log(2 * pi) + c(determinant(V)$modulus) + sum(r * solve(V, r))) / 2
  expect_equal(c(logLik(fit)), density, tolerance = 1e-10)
  b <- setNames(ranef(fit)[[1L]][[1L]], rownames(ranef(fit)[[1L]]))
  expect_equal(b[rownames(K)], drop(fit$theta^2 * K %*% t(s$Z) %*% solve(V, r)), tolerance = 1e-8)
  expect_equal(b[["p20"]], 2 * b[["p5"]], tolerance = 1e-8)
  expect_equal(unname(b[c("p18", "p19")]), rep(b[["p1"]], 2L), tolerance = 1e-8)
})

test_that("the Laplace approximation is that of independent effects of a factor", {
  s <- singular_kinship(6L)
  d <- s$data
  K <- s$K
  fit <- quietly(glmm(yes ~ x + known(1 | id, covariance = K), d, binomial()))
  expect_gt(fit$theta, 1)
  brute <- laplace_of(
    fit$theta * s$Z %*% s$factor, drop(cbind(1, d$x) %*% coef(fit)),
    function(eta) dbinom(d$yes, 1, plogis(eta), log = TRUE)
  )
  expect_equal(c(logLik(fit)), brute, tolerance = 1e-8)
  # simulated effects have the covariance K
  draws <- related_draws(random_factors(fit$design)[[1L]]$relation, numeric(), diag(20))
  expect_equal(tcrossprod(draws), unname(K), tolerance = 1e-8)
})

# Rows of 45 people, five of whom have none and many several, with a dense covariance.
dense_relatives <- function() {
  set.seed(21)
  G <- matrix(rnorm(45 * 60), 45)
  K <- tcrossprod(G) / 60 + diag(0.2, 45)
  dimnames(K) <- rep(list(paste0("p", seq_len(45))), 2L)
  d <- data.frame(id = sample(rownames(K)[1:40], 90, TRUE), x = rnorm(90), dose = runif(90, 0.5, 2))
  b <- drop(crossprod(chol(K), rnorm(45)))
  d$y <- 3 + 0.5 * d$x + d$dose * b[match(d$id, rownames(K))] + rnorm(90)
  d$weight <- sample(1:3, 90, TRUE)
  list(data = d, K = K, Q = solve(K))
}

test_that("the search with a dense covariance ends where that with its inverse does", {
  s <- dense_relatives()
  d <- s$data
  K <- s$K
  Q <- s$Q
  terms <- list(
    list(y ~ x + known(1 | id, covariance = K), y ~ x + known(1 | id, precision = Q)),
    list(
      y ~ x + known(0 + dose | id, covariance = K), y ~ x + known(0 + dose | id, precision = Q)
    )
  )
  for (formulas in terms) for (REML in c(FALSE, TRUE)) for (weights in list(NULL, d$weight)) {
    rotated <- quietly(glmm(formulas[[1L]], d, gaussian(), weights = weights, REML = REML))
    plain <- quietly(glmm(formulas[[2L]], d, gaussian(), weights = weights, REML = REML))
    expect_equal(c(logLik(rotated)), c(logLik(plain)), tolerance = 1e-11)
    expect_equal(coef(rotated), coef(plain), tolerance = 1e-7)
    expect_equal(
      unname(c(rotated$theta, rotated$phi)), unname(c(plain$theta, plain$phi)), tolerance = 1e-6
    )
    expect_equal(
      unname(rotated$vcov_full), unname(plain$vcov_full), tolerance = if (REML) 1e-5 else 1e-6
    )
    expect_equal(unname(ranef(rotated)[[1L]]), unname(ranef(plain)[[1L]]), tolerance = 1e-6)
    if (REML) {
      df <- function(fit) summary(fit, df = "satterthwaite")$coefficients[, "df"]
      expect_equal(df(rotated), df(plain), tolerance = 1e-5)
    }
  }
})

test_that("a dense covariance without effect has a variance of zero", {
  s <- dense_relatives()
  set.seed(3)
  e <- rnorm(90)
  s$data$y <- 3 + 0.5 * s$data$x + e - ave(e, s$data$id)
  K <- s$K
  for (REML in c(FALSE, TRUE)) {
    fit <- quietly(glmm(
      y ~ x + known(1 | id, covariance = K), s$data, gaussian(), REML = REML
    ))
    reference <- lm(y ~ x, s$data)
    expect_equal(unname(fit$theta), 0, tolerance = 1e-6)
    expect_equal(c(logLik(fit)), c(logLik(reference, REML = REML)), tolerance = 1e-10)
    expect_equal(coef(fit), coef(reference), tolerance = 1e-8)
  }
})

test_that("sparse, dense and blocks of a covariance are one", {
  reference <- new.env()
  sys.source(test_path("..", "reference", "models-kinship.R"), reference)
  s <- reference$pedigree_sample(41, 30, 1, c(0.6, 0, 0.6))
  d <- s$data
  K <- s$K
  Q <- solve(K)
  fit <- function(formula) glmm(formula, d, gaussian())
  by_precision <- fit(y ~ x + known(1 | id, precision = Q))
  sparse <- Matrix::forceSymmetric(Matrix::Matrix(K, sparse = TRUE))
  turned <- sample(nrow(K))
  mixed <- K[turned, turned] # blocks whose levels are not side by side
  packed <- methods::as(Matrix::Matrix(K, sparse = FALSE), "denseMatrix")
  for (K in list(K, sparse, mixed, packed)) {
    known <- fit(y ~ x + known(1 | id, covariance = K))
    expect_equal(logLik(known), logLik(by_precision), tolerance = 1e-12)
    expect_equal(known$theta, by_precision$theta, tolerance = 1e-6)
    # no entries between families
    expect_lt(length(random_factors(known$design)[[1L]]$relation$row), 30 * choose(6, 2) + 1)
  }
})

test_that("variants are tested against relatives with a singular covariance", {
  s <- singular_kinship(1L)
  d <- s$data
  K <- s$K
  set.seed(9)
  G <- matrix(rbinom(20 * 6, 2, 0.4), 20, dimnames = list(d$id, paste0("v", 1:6)))
  fit <- suppressMessages(glmm(y ~ x + known(1 | id, covariance = K), d, gaussian()))
  expect_gt(fit$theta, 0.1)
  scan <- association_scan(fit, G)
  V <- fit$theta^2 * K + fit$phi * diag(20)
  X <- cbind(1, d$x)
  P <- solve(V) - solve(V, X) %*% solve(crossprod(X, solve(V, X)), t(solve(V, X)))
  chi2 <- drop(crossprod(G, P %*% d$y))^2 / diag(crossprod(G, P %*% G))
  expect_equal(scan$p.value, pchisq(unname(chi2), 1, lower.tail = FALSE), tolerance = 1e-8)
})

# Rows of 70 people; ten others are known to a kinship of genotypes centred at the frequencies
# among all 80, which is singular, and more so with two pairs of twins.
centred_kinship <- function(twins) {
  set.seed(12)
  G <- matrix(rbinom(80 * 400, 2, rep(runif(400, 0.2, 0.5), each = 80)), 80)
  if (twins) G[c(2, 79), ] <- G[c(1, 78), ]
  share <- colMeans(G) / 2
  K <- tcrossprod(scale(G, 2 * share, sqrt(2 * share * (1 - share)))) / 400
  dimnames(K) <- rep(list(paste0("p", 1:80)), 2L)
  d <- data.frame(id = rep(rownames(K)[1:70], 2L), x = rnorm(140))
  b <- drop(crossprod(chol(K + diag(1e-9, 80)), rnorm(80)))
  d$y <- 0.5 * d$x + 1.5 * b[match(d$id, rownames(K))] + rnorm(140)
  d$yes <- rbinom(140, 1, plogis(d$y))
  list(data = d, K = K)
}

test_that("the few zeros of a large kinship leave likelihoods, modes and predictions exact", {
  for (twins in c(FALSE, TRUE)) {
    s <- centred_kinship(twins)
    d <- s$data
    K <- s$K
    known <- list(`known(id)` = K)
    zeros <- if (twins) "3 combinations" else "1 combination "
    for (REML in c(FALSE, TRUE)) {
      expect_message(
        fit <- glmm(y ~ x + known(1 | id, covariance = K), d, gaussian(), REML = REML), zeros,
        class = "margmix_note_relation"
      )
      expect_equal(c(logLik(fit)), dense_linear_loglik(fit, known, REML), tolerance = 1e-10)
    }
    # effects of all people, ten of whom have no rows
    V <- fit$theta^2 * K[d$id, d$id] + diag(fit$phi, 140)
    r <- d$y - drop(cbind(1, d$x) %*% coef(fit))
    b <- drop(fit$theta^2 * K[, d$id] %*% solve(V, r))
    found <- ranef(fit)[[1L]]
    expect_equal(found[rownames(K), 1L], unname(b), tolerance = 1e-8)
    new <- data.frame(id = c("p75", "p79"), x = 0)
    expect_equal(
      unname(predict(fit, new)), unname(coef(fit)[1L] + b[new$id]), tolerance = 1e-8
    )
    fit <- quietly(glmm(yes ~ x + known(1 | id, covariance = K), d, binomial()))
    value <- function(fit) dense_laplace_loglik(fit, known)
    expect_gt(fit$theta, 0.5)
    expect_equal(c(logLik(fit)), value(fit), tolerance = 1e-10)
    if (twins) expect_lt(max(abs(dense_slope(fit, value))), 1e-5)
  }
})

test_that("a large matrix that is no covariance is refused with its eigenvalue", {
  K <- diag(80) + 0.5
  K[1, 2] <- K[2, 1] <- 1.75
  dimnames(K) <- list(1:80, 1:80)
  d <- data.frame(id = 1:80, y = rpois(80, 2))
  expect_error(
    glmm(y ~ known(1 | id, covariance = K), d, poisson()), "an eigenvalue of -0.25 among",
    class = "margmix_error_relation"
  )
})
