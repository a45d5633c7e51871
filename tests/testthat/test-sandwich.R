types <- c("robust", "DF", "KC", "MD", "FG", "FW", "MBN", "jackknife")

# 9 clusters and 27 rows; 10 clusters so that MBN's other branch is seen.
equations <- list(dense_equations(), dense_equations(rep(c(4, 3), 5), seed = 2))

test_that("every covariance is its dense definition", {
  for (parts in equations) {
    pieces <- dense_pieces(parts)
    rows <- sum(vapply(parts, function(x) length(x$e), 1L))
    for (type in types) {
      found <- engine_sandwich(pieces, type, rows = rows)$vcov
      expect_equal(found, dense_vcov(parts, type), tolerance = 1e-10, label = type)
    }
    corrected <- engine_corrected_scores(pieces, "KC")
    expect_equal(corrected$bread, solve(dense_B(parts)), tolerance = 1e-10)
    V <- corrected$bread %*% crossprod(corrected$scores) %*% corrected$bread
    expect_equal(V, dense_vcov(parts, "KC"), tolerance = 1e-10)
  }
})

test_that("the leverage is the largest eigenvalue of the hat matrix of the cluster", {
  parts <- equations[[1L]]
  B <- dense_B(parts)
  want <- vapply(parts, function(x) {
    max(Re(eigen(x$D %*% solve(B, t(x$D)) %*% solve(x$V), only.values = TRUE)$values))
  }, 0)
  expect_equal(engine_sandwich(dense_pieces(parts), "KC")$leverage, want, tolerance = 1e-10)
})

test_that("Satterthwaite df are tr(G)^2 / tr(G^2) of the N x N quadratic form", {
  parts <- equations[[1L]]
  Omega <- dense_residual_covariance(parts)
  contrasts <- cbind(diag(3), c(1, -2, 0.5))
  for (type in c("robust", "KC", "MD", "FG", "FW")) {
    want <- apply(contrasts, 2L, function(c) {
      kinds <- if (type == "FW") c("KC", "MD") else type
      W <- do.call(rbind, lapply(kinds, function(kind) dense_weight_rows(parts, kind, c)))
      G <- W %*% Omega %*% t(W)
      sum(diag(G))^2 / sum(G^2)
    })
    found <- engine_sandwich(dense_pieces(parts), type, contrasts)$df
    expect_equal(found, want, tolerance = 1e-10, label = type)
  }
})

test_that("the joint test has the moments of its definition, and one contrast is Satterthwaite", {
  parts <- equations[[1L]]
  Omega <- dense_residual_covariance(parts)
  C <- rbind(c(0, 1, 0), c(0, 1, -2))
  for (type in c("robust", "KC", "MD", "FG", "FW")) {
    kinds <- if (type == "FW") c("KC", "MD") else type
    rows <- lapply(1:2, function(s) {
      do.call(rbind, lapply(kinds, function(kind) dense_weight_rows(parts, kind, C[s, ]))) /
        sqrt(length(kinds))
    })
    # E[C V C'] and the sum of the variances of the entries of its standardised version
    mean_V <- outer(1:2, 1:2, Vectorize(function(s, t) sum(rows[[s]] * (rows[[t]] %*% Omega))))
    root <- dense_power(mean_V, -0.5)
    g <- lapply(1:2, function(s) root[s, 1L] * rows[[1L]] + root[s, 2L] * rows[[2L]])
    total <- sum(outer(1:2, 1:2, Vectorize(function(s, t) {
      M <- (t(g[[s]]) %*% g[[t]] + t(g[[t]]) %*% g[[s]]) / 2 # d_st = e'Me
      2 * sum(diag(M %*% Omega %*% M %*% Omega))
    })))
    eta <- engine_hotelling_eta(dense_pieces(parts), type, C)
    expect_equal(eta, 2 * 3 / total, tolerance = 1e-10, label = type)
    one <- engine_hotelling_eta(dense_pieces(parts), type, C[2L, , drop = FALSE])
    expect_equal(one, engine_sandwich(dense_pieces(parts), type, t(C))$df[2L], tolerance = 1e-10)
  }
  # The coordinates of the hypothesis do not matter.
  turned <- rbind(c(1, 2), c(-1, 0.5)) %*% C
  expect_equal(engine_hotelling_eta(dense_pieces(parts), "KC", turned),
    engine_hotelling_eta(dense_pieces(parts), "KC", C), tolerance = 1e-10)
})

# Scores v = (v_1, ..., v_m) of the clusters have covariance diag(S_i) + tau^2 diag(f_i f_i') in
# whitened coordinates; along epsilon those at the estimate are s = J v.
dense_shift <- function(S, v, epsilon) {
  m <- length(S)
  p <- length(epsilon)
  block <- function(list) {
    out <- matrix(0, p * m, p * m)
    for (i in seq_len(m)) out[(i - 1) * p + 1:p, (i - 1) * p + 1:p] <- list[[i]]
    out
  }
  f <- lapply(S, function(s) drop(s %*% epsilon))
  b <- vapply(f, function(x) sum(x * epsilon), 0)
  at <- t(vapply(seq_len(m), function(i) {
    total <- -as.vector(S[[i]] %*% epsilon)
    own <- rep(total, m)
    own[(i - 1) * p + 1:p] <- own[(i - 1) * p + 1:p] + epsilon
    own
  }, numeric(p * m))) / sqrt(b)
  G <- at %*% block(S) %*% t(at)
  s <- vapply(v, function(x) sum(x * epsilon), 0)
  T_1 <- sum(diag(at %*% block(lapply(f, tcrossprod)) %*% t(at)))
  list(
    f = f, T = sum(s^2 / b), T_0 = sum(diag(G)), T_1 = T_1, nu = sum(diag(G))^2 / sum(G^2)
  )
}

test_that("tails of the joint statistic are those of scores with the working covariance", {
  pieces <- dense_pieces(equations[[1L]])
  m <- nrow(pieces$scores)
  # larger scores than the model's: tau > 0
  pieces$scores <- 3 * pieces$scores
  C <- rbind(c(0, 1, 0), c(0, 1, -2))
  shift <- c(1, 0, 0)
  set.seed(8)
  draws <- list(z = matrix(rnorm(3 * m * 4), 3 * m), b = matrix(rnorm(4 * m), m), u = runif(4))
  B_i <- lapply(seq_len(m), function(i) pieces$information[, , i])
  L <- t(chol(Reduce(`+`, B_i)))
  S <- lapply(B_i, function(B) solve(L, t(solve(L, B))))
  # S_i is singular where a cluster has few rows
  root <- lapply(S, function(s) {
    e <- eigen((s + t(s)) / 2, symmetric = TRUE)
    e$vectors %*% (sqrt(ifelse(e$values > 1e-12, e$values, 0)) * t(e$vectors))
  })
  v <- lapply(seq_len(m), function(i) solve(L, pieces$scores[i, ]))
  own <- dense_shift(S, v, drop(t(L) %*% shift))
  tau <- sqrt(pmax(0, (own$nu * own$T / qchisq(draws$u, own$nu) - own$T_0) / own$T_1))
  expect_gt(max(tau), 0)
  step <- function(v) C %*% solve(t(L), v)
  R <- qchisq((seq_len(2e5) - 0.5) / 2e5, 2)
  Omega <- step(diag(3)) %*% t(step(diag(3)))
  for (type in c("robust", "KC", "MD", "FW")) {
    powers <- list(robust = 0, KC = -0.5, MD = -1, FW = c(-0.5, -1))[[type]]
    want <- vapply(1:4, function(k) {
      plain <- lapply(seq_len(m), function(i) root[[i]] %*% draws$z[3 * i - 2:0, k])
      moved <- lapply(seq_len(m), function(i) own$f[[i]] * draws$b[i, k] * tau[k])
      total <- Reduce(`+`, plain) + Reduce(`+`, moved)
      meat <- lapply(seq_len(m), function(i) {
        Reduce(`+`, lapply(powers, function(power) {
          A <- dense_power(diag(3) - S[[i]], power)
          tcrossprod(step(A %*% (plain[[i]] + moved[[i]] - S[[i]] %*% total))) / length(powers)
        }))
      })
      # of the error of the working model, another length in the same direction
      error <- drop(step(Reduce(`+`, plain)))
      error <- error / sqrt(sum(error * solve(Omega, error)))
      errors <- outer(error, sqrt(R)) + drop(step(Reduce(`+`, moved)))
      mean(colSums(errors * solve(Reduce(`+`, meat), errors)) > 9)
    }, 0)
    found <- engine_joint_tails(pieces, type, C, 9, draws, shift)
    expect_lt(max(abs(found - want)), 2e-5)
  }
})

test_that("with equal clusters the tails are those of Hotelling's T^2", {
  m <- 7
  q <- 2
  pieces <- list(
    scores = matrix(0, m, q), information = array(diag(q), c(q, q, m)), levels = seq_len(m)
  )
  set.seed(9)
  draws <- list(z = matrix(rnorm(q * m * 4e4), q * m), b = matrix(0, m, 4e4), u = runif(4e4))
  for (p in c(0.5, 0.05, 0.01, 1e-4)) {
    exact <- (m - 1) * q / (m - q) * qf(p, q, m - q, lower.tail = FALSE)
    tail <- engine_joint_tails(pieces, "KC", diag(q), exact, draws)
    # within four standard errors, which are smaller than those of counting
    expect_lt(abs(mean(tail) - p) / (sd(tail) / sqrt(length(tail))), 4)
    expect_lt(sd(tail), sqrt(p * (1 - p)))
  }
})

test_that("Pan and Wall's df match the mean and variance of the sum of squares", {
  parts <- equations[[1L]]
  c <- c(0, 1, 0.5)
  for (type in c("robust", "KC")) {
    W <- dense_weight_rows(parts, type, c)
    s <- drop(W %*% unlist(lapply(parts, `[[`, "e")))^2
    want <- 2 * sum(s)^2 / (length(s) * stats::var(s))
    found <- engine_sandwich(dense_pieces(parts), type, cbind(c), "pan-wall")$df
    expect_equal(found, want, tolerance = 1e-10)
  }
})

# The definition, with the Kp x Kp matrix of all scores.
dense_fay_graubard <- function(parts, type, c) {
  pieces <- dense_pieces(parts)
  B <- dense_B(parts)
  m <- length(parts)
  p <- nrow(B)
  A <- lapply(seq_len(m), function(i) {
    h <- pieces$information[, , i] %*% solve(B)
    switch(type,
      FG = diag((1 - pmin(0.75, diag(h)))^-0.5), KC = dense_power(diag(p) - h, -0.5)
    )
  })
  block <- function(list) {
    out <- matrix(0, m * p, m * p)
    for (i in seq_len(m)) out[(i - 1) * p + 1:p, (i - 1) * p + 1:p] <- list[[i]]
    out
  }
  all_B <- do.call(rbind, lapply(seq_len(m), function(i) pieces$information[, , i]))
  G <- diag(m * p) - all_B %*% solve(B) %*% t(kronecker(rep(1, m), diag(p)))
  M <- block(lapply(A, function(a) tcrossprod(t(a) %*% solve(B, c))))
  w <- apply(pieces$information, 3L, function(b) sum(c * (solve(B - b) - solve(B)) %*% c))
  total <- Reduce(`+`, lapply(seq_len(m), function(i) tcrossprod(A[[i]] %*% pieces$scores[i, ])))
  Psi <- block(lapply(w / sum(w), function(w) w * total))
  product <- Psi %*% t(G) %*% M %*% G
  sum(diag(product))^2 / sum(product * t(product))
}

test_that("Fay and Graubard's df are tr(Psi B1)^2 / tr((Psi B1)^2)", {
  for (parts in equations) {
    for (type in c("FG", "KC")) {
      found <- engine_sandwich(dense_pieces(parts), type, diag(3), "fay-graubard")$df
      want <- apply(diag(3), 2L, function(c) dense_fay_graubard(parts, type, c))
      expect_equal(found, want, tolerance = 1e-10, label = type)
    }
  }
})

test_that("influence is the step without the cluster, and Cook's distance its size", {
  parts <- equations[[1L]]
  pieces <- dense_pieces(parts)
  found <- engine_influence(pieces)
  B <- dense_B(parts)
  for (i in seq_along(parts)) {
    step <- solve(B - pieces$information[, , i], pieces$scores[i, ])
    expect_equal(found$dfbeta[i, ], step, tolerance = 1e-10)
    expect_equal(found$cooks_distance[i], sum(step * (B %*% step)) / 3, tolerance = 1e-10)
  }
})

test_that("the score statistic is its definition, and NaN with too few clusters", {
  pieces <- dense_pieces(equations[[1L]])
  pieces$scores <- pieces$scores + rep(c(0, 0.2, -0.3), each = nrow(pieces$scores))
  B <- apply(pieces$information, 1:2, sum)
  C <- rbind(c(0, 1, 0), c(0, 0, 1))
  u <- colSums(pieces$scores)
  V <- solve(B) %*% crossprod(pieces$scores) %*% solve(B)
  step <- C %*% solve(B, u)
  want <- sum(step * solve(C %*% V %*% t(C), step))
  expect_equal(engine_score_statistic(pieces, C), want, tolerance = 1e-10)
  one <- list(
    scores = pieces$scores[1L, , drop = FALSE], information = array(B, c(3, 3, 1))
  )
  expect_true(is.nan(engine_score_statistic(one, C)))
})

test_that("a cluster that alone determines a coefficient leaves it without variance", {
  pieces <- dense_pieces(equations[[1L]])
  pieces$information[3L, , -1L] <- 0
  pieces$information[, 3L, -1L] <- 0
  pieces$scores[, 3L] <- 0
  for (type in c("robust", "KC", "MD", "FG", "FW")) {
    found <- engine_sandwich(pieces, type)
    expect_true(is.nan(found$vcov[3L, 3L]), label = type)
    expect_true(found$vcov[2L, 2L] > 0, label = type)
    expect_identical(is.nan(found$df), c(FALSE, FALSE, TRUE))
  }
  expect_true(is.nan(engine_hotelling_eta(pieces, "KC", diag(3)[2:3, ])))
  influence <- engine_influence(pieces)
  expect_identical(which(is.nan(influence$cooks_distance)), 1L)
})

test_that("doors for functions of beta: corrected scores and contrasts of a fit", {
  fit <- result_fit("infection")
  found <- corrected_scores(fit)
  expect_identical(dim(found$scores), c(8L, 2L))
  V <- found$bread %*% crossprod(found$scores) %*% found$bread
  expect_equal(V, vcov(fit, "KC"), tolerance = 1e-10)
  expect_equal(contrast_df(fit, diag(2)), summary(fit, vcov = "KC")$coefficients$df)
  expect_equal(contrast_df(fit, c(0, 3)), contrast_df(fit)[2L])
})

test_that("clubSandwich and saws agree", {
  reference_path <- function(...) test_path("..", "reference", ...)
  skip_if_not(file.exists(reference_path("sandwich-peers.csv")), "reference tables")
  reference <- new.env()
  sys.source(reference_path("sandwich-model.R"), reference)
  peer <- read.csv(reference_path("sandwich-peers.csv"))
  data <- read.csv(reference_path("sleepstudy.csv"))
  model <- reference$sandwich_model(data)
  pieces <- reference$sandwich_pieces(model, data[names(resid(model)), "Subject"])
  want <- function(type, quantity) peer$value[peer$type == type & peer$quantity == quantity]
  for (type in c("KC", "MD", "FG")) {
    found <- sqrt(diag(engine_sandwich(pieces, type)$vcov))
    expect_equal(found, want(type, "se"), tolerance = 1e-10, label = type)
  }
  expect_equal(engine_sandwich(pieces, "KC")$df, want("KC", "satterthwaite"), tolerance = 1e-10)
  fay <- engine_sandwich(pieces, "FG", rule = "fay-graubard")$df
  expect_equal(fay, want("FG", "fay-graubard"), tolerance = 1e-10)
  joint <- hotelling_test(list(beta = coef(model)), diag(5)[2:4, ],
    engine_sandwich(pieces, "KC")$vcov, "KC", pieces)
  expect_equal(joint$statistic, want("KC", "F"), tolerance = 1e-10)
  expect_equal(joint$df2, want("KC", "df2"), tolerance = 1e-10)
})
