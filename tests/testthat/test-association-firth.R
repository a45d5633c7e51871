# Coefficients by Firth's penalized likelihood, and scans of some variants.

skip_if_not(
  file.exists(test_path("..", "reference", "models-association.R")), "reference tables"
)
association_reference <- new.env()
sys.source(test_path("..", "reference", "models-association.R"), association_reference)
sample <- association_reference$separated_sample()
null <- glmm(y ~ x + (1 | group), sample$data, binomial())

# Firth's modified scores, solved by Fisher scoring with dense matrices.
dense_firth <- function(X, y, offset, family, trials = 1) {
  beta <- rep(0, ncol(X))
  for (step in 1:500) {
    mu <- family$linkinv(drop(X %*% beta) + offset)
    binary <- family$family == "binomial"
    W <- trials * if (binary) mu * (1 - mu) else mu
    inverse <- solve(crossprod(X, W * X))
    h <- W * rowSums((X %*% inverse) * X)
    change <- inverse %*% crossprod(X, y - trials * mu + h * if (binary) 0.5 - mu else 0.5)
    beta <- beta + drop(change)
    if (max(abs(change)) < 1e-13) break
  }
  c(beta[ncol(X)], sqrt(inverse[ncol(X), ncol(X)]))
}

effects_of <- function(scan) unname(cbind(scan$firth.estimate, scan$firth.std.error))

test_that("unrelated people: Firth's regression by its definition, and that of PLINK", {
  expect_equal(null$theta, 0, ignore_attr = TRUE)
  scan <- association_scan(null, sample$G, firth = 1)
  dense <- apply(sample$G, 2L, function(g) {
    dense_firth(cbind(1, sample$data$x, g), sample$data$y, 0, binomial())
  })
  expect_equal(effects_of(scan), unname(t(dense)), tolerance = 1e-8)
  plink <- read.csv(reference_csv("association-plink.csv"))
  expect_identical(scan$variant, plink$name)
  # whose search ends with steps below 1e-4
  expect_lt(max(abs(effects_of(scan) - as.matrix(plink[2:3]))), 2e-4)
  # v1: all carriers have the event
  expect_gt(scan$estimate[1L], scan$firth.estimate[1L])
})

test_that("random effects and offsets of the null model stay where they are", {
  d <- epilepsy
  d$t <- log(d$base / 4)
  set.seed(5)
  G <- matrix(rbinom(59 * 6, 2, 0.2), 59)
  dimnames(G) <- list(unique(d$subject), paste0("v", 1:6))
  fit <- glmm(seizures ~ treatment + offset(t) + (1 | subject), d, poisson(), nAGQ = 1)
  scan <- association_scan(fit, G, firth = 1)
  X <- model.matrix(~treatment, d)
  shift <- predict(fit) - drop(X %*% fixef(fit))
  dense <- apply(G, 2L, function(g) {
    dense_firth(cbind(X, g[as.character(d$subject)]), d$seizures, shift, poisson())
  })
  expect_equal(effects_of(scan), unname(t(dense)), tolerance = 1e-7)

  trials <- glmm(cbind(r, n - r) ~ extract + (1 | plate), seeds, binomial(), nAGQ = 1)
  one <- matrix(rep(0:2, 7), 21, dimnames = list(seq_len(21), "v1"))
  row.names(seeds) <- NULL
  found <- association_scan(trials, one, firth = 1)
  X <- model.matrix(~extract, seeds)
  shift <- predict(trials) - drop(X %*% fixef(trials))
  dense <- dense_firth(cbind(X, one), seeds$r, shift, binomial(), seeds$n)
  expect_equal(drop(effects_of(found)), unname(dense), tolerance = 1e-7)
})

test_that("`firth` is a threshold, for models that have such a likelihood", {
  scan <- association_scan(null, sample$G, firth = 0.05)
  expect_identical(is.na(scan$firth.estimate), !(scan$p.value < 0.05))
  expect_true(any(scan$p.value < 0.05))
  expect_null(association_scan(null, sample$G)$firth.estimate)
  linear <- glmm(x ~ 1 + (1 | group), sample$data)
  expect_error(association_scan(linear, sample$G, firth = 0.1), class = "margmix_error_argument")
  expect_error(association_scan(null, sample$G, firth = 2), class = "margmix_error_argument")
  both <- association_scan(list(a = null, b = linear), sample$G, firth = 1)
  expect_true(all(is.na(both$firth.estimate[both$trait == "b"])))
  expect_false(anyNA(both$firth.estimate[both$trait == "a"]))
})

test_that("some variants are scanned as they are among all", {
  all <- association_scan(null, sample$G)
  expect_same_rows <- function(scan, rows) {
    expect_equal(as.data.frame(scan), as.data.frame(all)[rows, ], ignore_attr = TRUE)
  }
  expect_same_rows(association_scan(null, sample$G, variants = c("v7", "v2")), c(7, 2))
  expect_same_rows(association_scan(null, sample$G, variants = 3:9, block = 2L), 3:9)
  unnamed <- sample$G
  colnames(unnamed) <- NULL
  expect_identical(association_scan(null, unnamed, variants = c(9, 4))$variant, c("9", "4"))
  expect_error(association_scan(null, sample$G, variants = "w"), class = "margmix_error_argument")
  expect_error(association_scan(null, sample$G, variants = 99), class = "margmix_error_argument")
  blocks <- function(i) if (i == 1L) sample$G
  expect_error(association_scan(null, blocks, variants = 1), class = "margmix_error_argument")
})
