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
  expect_gt(term$`Den Df`, 20)
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
  expect_match(heading_text(found), "F tests with the smallest K - p_b df")
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

test_that("draws: the mean tail probability", {
  fit <- gee_fit("factor")
  small <- update(fit, . ~ treat * center)
  found <- anova(fit, small, nsim = 2000, seed = 3)
  Q <- sum(coef(fit)[4:5] * solve(vcov(fit)[4:5, 4:5], coef(fit)[4:5]))
  draws <- with_seed(3, list(
    z = matrix(rnorm(6 * 111 * 2000), 6 * 111), b = matrix(rnorm(111 * 2000), 111),
    u = runif(2000)
  ))
  C <- diag(6)[4:5, ]
  tails <- engine_joint_tails(cluster_pieces(fit), "KC", C, Q, draws, c(1, numeric(5)))
  expect_equal(found$`F value`, Q / 2)
  expect_identical(found$`Den Df`, NA_real_)
  expect_equal(found$`Pr(>F)`, mean(tails))
  # with 111 clusters the approximation is good
  expect_equal(found$`Pr(>F)`, anova(fit, small)$`Pr(>F)`, tolerance = 0.1)
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

test_that("few clusters: drawn by default, the same whatever the parametrisation", {
  few <- subset(respiratory, patient %in% unique(patient)[1:14])
  few$age_group <- cut(few$age, c(0, 25, 40, 99))
  fit <- quietly(gee(outcome ~ treat + age_group, few, id = patient, family = binomial()))
  found <- anova(fit)
  expect_identical(is.na(found$`Den Df`), c(FALSE, TRUE))
  small <- update(fit, . ~ treat)
  Q <- wald_statistic(coef(fit), diag(4)[3:4, ], vcov(fit))
  expect_equal(found$`F value`[2L], Q / 2)
  expect_equal(unlist(anova(fit, small)[1L, ]), unlist(found[2L, ]))
  turned <- update(fit, . ~ treat + I(age > 25) + I(age > 40))
  expect_equal(anova(turned, small)$`Pr(>F)`, found$`Pr(>F)`[2L], tolerance = 0.02)
  expect_lt(anova(fit, small, nsim = 0)$`Den Df`, 20)
  expect_identical(anova(fit, vcov = "MD", df = "satterthwaite")$`Den Df`[2L], NA_real_)
  # this covariance is no sum of corrected scores alone
  expect_false(is.na(anova(fit, vcov = "MBN", df = "satterthwaite")$`Den Df`[2L]))
  expect_snapshot(found)
})

test_that("one contrast: draws are of the exact distribution that Satterthwaite approximates", {
  fit <- gee_fit("respiratory")
  drawn <- anova(fit, nsim = 20000)
  expect_equal(drawn$`Pr(>F)`, anova(fit)$`Pr(>F)`, tolerance = 0.02)
})

test_that("too few clusters for the contrasts: no test", {
  few <- data.frame(
    y = c(1, 2, 4, 3, 6, 5, 7, 9), id = rep(1:4, each = 2), arm = factor(rep(1:4, each = 2))
  )
  fit <- quietly(gee(y ~ arm, few, id = id))
  expect_true(is.na(anova(fit)$`Pr(>F)`))
  few <- rbind(few, transform(few, id = 1, y = y + c(0, 1), arm = factor(rep(1:4, 2))))
  plain <- quietly(gee(y ~ arm, few[few$id <= 2, ], id = id))
  expect_true(is.na(anova(plain, vcov = "robust", nsim = 9)$`Pr(>F)`))
})
