test_that("model-based: inverse information of an independent integral", {
  skip_if_not_installed("numDeriv")
  fit <- result_fit("infection")
  H <- numDeriv::hessian(function(psi) sum(binomial_clusters(fit, psi)), fit_psi(fit))
  expect_equal(unname(vcov(fit, full = TRUE)), solve(-H), tolerance = 1e-5)
  expect_equal(vcov(fit, "model"), vcov(fit, full = TRUE)[1:2, 1:2])
  expect_identical(rownames(vcov(fit)), names(coef(fit)))
})

test_that("robust: the sandwich of the clusters' scores", {
  skip_if_not_installed("numDeriv")
  fit <- result_fit("infection")
  psi <- fit_psi(fit)
  H <- numDeriv::hessian(function(psi) sum(binomial_clusters(fit, psi)), psi)
  scores <- numDeriv::jacobian(function(psi) binomial_clusters(fit, psi), psi)
  V <- solve(H, crossprod(scores)) %*% solve(H)
  expect_equal(unname(vcov(fit, "robust", full = TRUE)), V, tolerance = 1e-5)
  expect_equal(unname(vcov(fit, "robust")), V[1:2, 1:2], tolerance = 1e-5)
})

# B_i, u_i in beta at the estimated sd.
integral_pieces <- function(fit) {
  of_clusters <- function(beta) binomial_clusters(fit, c(beta, fit$theta))
  B_i <- lapply(seq_len(cluster_count(fit$design)), function(i) {
    -numDeriv::hessian(function(beta) of_clusters(beta)[i], fit$beta)
  })
  list(u = numDeriv::jacobian(of_clusters, fit$beta), B_i = B_i, B = Reduce(`+`, B_i))
}

# The definitions, with dense matrices.
dense_KC <- function(pieces) {
  u <- pieces$u
  B_i <- pieces$B_i
  B <- pieces$B
  m <- nrow(u)
  p <- ncol(u)
  root <- function(M) { # M^(-1/2) of a matrix that is similar to a symmetric one
    decomposed <- eigen(M)
    Re(decomposed$vectors %*% diag(1 / sqrt(decomposed$values)) %*% solve(decomposed$vectors))
  }
  A <- lapply(B_i, function(b) root(diag(p) - b %*% solve(B)))
  meat <- Reduce(`+`, lapply(seq_len(m), function(i) tcrossprod(A[[i]] %*% u[i, ])))
  df <- vapply(seq_len(p), function(j) {
    h <- vapply(A, function(a) drop(t(a) %*% solve(B)[, j]), numeric(p))
    M <- outer(seq_len(m), seq_len(m), Vectorize(function(i, k) {
      sum(h[, i] * (((i == k) * B_i[[i]] - B_i[[i]] %*% solve(B, B_i[[k]])) %*% h[, k]))
    }))
    sum(diag(M))^2 / sum(M * t(M))
  }, 0)
  list(vcov = solve(B) %*% meat %*% solve(B), df = df)
}

dense_MBN <- function(pieces, N) {
  m <- nrow(pieces$u)
  p <- ncol(pieces$u)
  bread <- solve(pieces$B)
  M <- (N - 1) / (N - p) * m / (m - 1) * crossprod(pieces$u)
  stopifnot(m > 3 * p)
  bread %*% M %*% bread + p / (m - p) * max(1, sum(diag(bread %*% M)) / p) * bread
}

test_that("KC with its Satterthwaite df, and MBN: the definitions with dense matrices", {
  skip_if_not_installed("numDeriv")
  fit <- result_fit("infection")
  pieces <- integral_pieces(fit)
  dense <- dense_KC(pieces)
  expect_equal(unname(vcov(fit, "KC")), dense$vcov, tolerance = 1e-5)
  expect_equal(summary(fit, vcov = "KC")$coefficients$df, dense$df, tolerance = 1e-4)
  V <- dense_MBN(pieces, sum(infection$n))
  expect_equal(unname(vcov(fit, "MBN")), V, tolerance = 1e-5)
  table <- summary(fit, vcov = "MBN")
  expect_equal(table$coefficients$std.error, sqrt(diag(V)), tolerance = 1e-5)
  expect_equal(table$coefficients$df, c(7, 7))
  expect_match(table$words, "cluster-robust, MBN bias-corrected, 8 clusters")
})

test_that("MBN needs more clusters than coefficients", {
  few <- infection[infection$clinic %in% 1:2, ]
  fit <- suppressMessages(
    glmm(cbind(success, n - success) ~ treatment + (1 | clinic), few, binomial())
  )
  expect_snapshot(vcov(fit, "MBN"), error = TRUE)
})

test_that("lme4 agrees at the Laplace approximation", {
  skip_if_not_installed("lme4")
  fit <- result_fit("epilepsy")
  peer <- lme4::glmer(seizures ~ treatment + log(base) + (period | subject), epilepsy, poisson(),
    control = lme4::glmerControl(
      optimizer = "bobyqa", tolPwrss = 1e-12, check.conv.singular = "ignore"
    )
  )
  expect_equal(as.matrix(vcov(peer)), vcov(fit, "model"), tolerance = 5e-3, ignore_attr = TRUE)
})

test_that("REML: X'V^-1 X inverted, as in lme4", {
  skip_if_not_installed("lme4")
  peer <- lme4::lmer(y ~ x + (x | id), gaussian_data())
  found <- vcov(result_fit("reml"), "model")
  expect_equal(as.matrix(vcov(peer)), found, tolerance = 1e-4, ignore_attr = TRUE)
})

test_that("parameters on the boundary are NA in the full matrix", {
  V <- vcov(result_fit("zero"), full = TRUE)
  expect_true(all(is.na(V["theta_id.(Intercept)", ])))
  expect_false(anyNA(V[c("(Intercept)", "x", "log_phi"), c("(Intercept)", "x", "log_phi")]))
})

test_that("bad requests are refused", {
  fit <- result_fit("infection")
  expect_snapshot(vcov(fit, "CR2"), error = TRUE)
  expect_snapshot(vcov(fit, "KC", full = TRUE), error = TRUE)
})

test_that("the help page quotes the table of joint against conditional information", {
  path <- test_path("..", "reference", "information-peers.csv")
  skip_if_not(file.exists(path), "tests/reference")
  table <- read.csv(path)
  expect_identical(table$clusters, c(5L, 10L, 50L))
  expect_equal(signif(table$lme4_median, 2), c(4.8, 2.5, 0.49))
  expect_equal(table$lme4_largest, c(41, 21, 3.1))
  # glmmTMB takes the joint information as well
  expect_true(all(table$glmmTMB_largest < 0.01))
})
