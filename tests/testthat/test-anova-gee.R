test_that("one coefficient: the F of the Wald test is its squared t, with its df", {
  fit <- gee_fit("respiratory")
  table <- coef_inference(fit)$table
  found <- anova(fit)
  expect_equal(found$`F value`, table$statistic[-1L]^2)
  expect_equal(found$`Den Df`, table$df[-1L])
  expect_equal(found$`Pr(>F)`, table$p.value[-1L])
})

test_that("several coefficients: approximate Hotelling T^2, whatever the parametrisation", {
  fit <- gee_fit("factor")
  small <- update(fit, . ~ treat * center)
  term <- anova(fit)[3L, ]
  expect_identical(term$Df, 2)
  V <- vcov(fit)[4:5, 4:5]
  eta <- engine_hotelling_eta(cluster_pieces(fit), "KC", diag(6)[4:5, ])
  Q <- sum(coef(fit)[4:5] * solve(V, coef(fit)[4:5]))
  expect_equal(term$`F value`, (eta - 1) / (eta * 2) * Q)
  expect_equal(term$`Den Df`, eta - 1)
  pair <- anova(fit, small)
  expect_equal(unlist(pair[1L, ]), unlist(term))
  expect_equal(unlist(anova(small, fit)[1L, ]), unlist(term))
  turned <- update(fit, . ~ . - cut(age, c(0, 25, 40, 99)) + I(age > 25) + I(age > 40))
  expect_equal(unlist(anova(turned, small)[1L, ]), unlist(term), tolerance = 1e-6)
})

test_that("score test: the equations of the larger model at the smaller one's estimates", {
  fit <- gee_fit("factor")
  small <- update(fit, . ~ treat * center)
  at <- fit
  at$beta[] <- c(small$beta[1:3], 0, 0, small$beta[4])
  at$alpha <- small$alpha
  at$phi <- small$phi
  parts <- gee_equations(at)
  B <- dense_B(parts)
  u <- dense_pieces(parts)$scores
  C <- diag(6)[4:5, ]
  step <- C %*% solve(B, colSums(u))
  V <- C %*% solve(B, crossprod(u)) %*% solve(B, t(C))
  want <- sum(step * solve(V, step))
  expect_equal(anova(fit, small, test = "score")$Chisq, want, tolerance = 1e-8)
  expect_equal(anova(fit, test = "score")$Chisq[3L], want, tolerance = 1e-6)
})

test_that("a score test needs no finite estimate", {
  data <- data.frame(y = rep(c(0, 0, 1, 1, 0, 1), 8), id = rep(1:12, each = 4), w = rep(0:1, 24))
  data$y[data$id <= 4] <- 0
  data$rare <- as.numeric(data$id <= 4)
  large <- suppressWarnings(suppressMessages(gee(y ~ w + rare, data, id = id, family = binomial())))
  small <- suppressMessages(gee(y ~ w, data, id = id, family = binomial()))
  found <- anova(large, small, test = "score")
  expect_true(is.finite(found$Chisq) && found$Chisq > 3)
})

test_that("other covariances and df: an F test that says so", {
  fit <- gee_fit("factor")
  found <- anova(fit, vcov = "robust")
  Q <- sum(coef(fit)[4:5] * solve(vcov(fit, "robust")[4:5, 4:5], coef(fit)[4:5]))
  expect_equal(found$`F value`[3L], Q / 2)
  expect_equal(found$`Den Df`[3L], unname(coef_inference(fit, "robust")$df[1L]))
  expect_match(attr(found, "heading")[2L], "F tests with the smallest df")
  expect_equal(anova(fit, vcov = vcov(fit, "robust"), df = Inf)$`F value`[3L], Q / 2)
})

test_that("the tables say which test they are", {
  fit <- gee_fit("factor")
  small <- update(fit, . ~ treat)
  expect_snapshot(anova(fit, small))
  expect_snapshot(anova(fit, test = "score"))
})

test_that("bad requests are refused", {
  fit <- gee_fit("factor")
  expect_snapshot(anova(fit, lm(age ~ treat, respiratory)), error = TRUE)
  expect_snapshot(anova(fit, update(fit, . ~ sex)), error = TRUE)
  expect_snapshot(anova(fit, update(fit, . ~ treat, subset = age > 20)), error = TRUE)
  expect_snapshot(anova(fit, update(fit, . ~ treat, corstr = "independence")), error = TRUE)
  expect_snapshot(anova(fit, test = "LR"), error = TRUE)
})

test_that("nsim refers the Wald statistic to draws under the working model", {
  fit <- gee_fit("factor")
  small <- update(fit, . ~ treat * center)
  found <- anova(fit, small, nsim = 2000, seed = 3)
  Q <- sum(coef(fit)[4:5] * solve(vcov(fit)[4:5, 4:5], coef(fit)[4:5]))
  pieces <- cluster_pieces(fit)
  z <- with_seed(3, matrix(rnorm(6 * 111 * 2000), 6 * 111))
  drawn <- engine_joint_statistics(pieces, "KC", diag(6)[4:5, ], z)
  expect_equal(found$`F value`, Q / 2)
  expect_equal(found$`Pr(>F)`, (1 + sum(drawn >= Q)) / 2001)
  # with 111 clusters the approximation is good
  expect_equal(found$`Pr(>F)`, anova(fit, small)$`Pr(>F)`, tolerance = 0.3)
  before <- .Random.seed
  anova(fit, small, nsim = 10, seed = 3)
  expect_identical(.Random.seed, before)
  expect_snapshot(anova(fit, small, nsim = 99, seed = 1))
  expect_snapshot(error = TRUE, {
    anova(fit, nsim = -1)
    anova(fit, vcov = "model", nsim = 9)
    anova(fit, vcov = "MBN", nsim = 9)
    anova(fit, test = "score", nsim = 9)
  })
})
