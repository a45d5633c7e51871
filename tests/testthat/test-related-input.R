# Related levels: input that is refused or remarked on, with the name of what is wrong.

counts <- function() {
  set.seed(1)
  d <- expand.grid(t = 1:6, id = letters[1:5], stringsAsFactors = FALSE)
  d$y <- rpois(30, 3)
  d
}

line_precision <- function(names) {
  m <- length(names)
  Q <- diag(2, m)
  Q[abs(row(Q) - col(Q)) == 1] <- -0.9
  dimnames(Q) <- list(names, names)
  Q
}

refused <- function(formula, d = counts(), class = "margmix_error_relation", words = NULL) {
  expect_error(glmm(formula, d, poisson()), words, class = class)
}

test_that("formulas of related levels are read strictly", {
  refused(y ~ ar1(t | id) + phylo(1 | id), class = "margmix_error_formula", words = "tree")
  refused(y ~ ar1(t + id | id), class = "margmix_error_formula", words = "one time variable")
  refused(y ~ ar1(t || id), class = "margmix_error_formula")
  refused(y ~ ou(t | id / t), class = "margmix_error_formula")
  refused(y ~ t - ar1(t | id), class = "margmix_error_formula", words = "subtracted")
  refused(y ~ t * ar1(t | id), class = "margmix_error_formula")
  refused(y ~ known(1 | id), class = "margmix_error_formula", words = "precision = Q")
  refused(y ~ known(1 | id, precision = Q, covariance = K), class = "margmix_error_formula")
  refused(y ~ homtoep(t | id), class = "margmix_error_formula")
})

test_that("times must be numbers, distinct and whole steps apart", {
  d <- counts()
  twice <- rbind(d, d[3:4, ])
  refused(y ~ ar1(t | id), twice, "margmix_error_time", "a:3, a:4")
  expect_s3_class(
    suppressWarnings(glmm(y ~ ar1(factor(t) + 0 | id), twice, poisson())), "margmix_glmm"
  )
  refused(y ~ ar1(t | id), transform(d, t = as.character(t)), "margmix_error_time", "character")
  refused(y ~ ou(t | id), transform(d, t = factor(letters[t])), "margmix_error_time", "factor")
  refused(y ~ ar1(t | id), transform(d, t = sqrt(t)), "margmix_error_time", "whole steps")
  refused(y ~ ar1(t | id), transform(d, t = replace(t, 2, Inf)), "margmix_error_time")
})

test_that("levels are matched with the names of a matrix", {
  Q <- line_precision(letters[1:5])
  refused(y ~ known(1 | id, precision = Q[1:3, 1:3]), words = "lacks: d, e")
  refused(y ~ known(1 | id, precision = unname(Q)), words = "row names")
  refused(y ~ known(1 | id, precision = Q[c(1:5, 5), c(1:5, 5)]), words = "distinct")
  swapped <- Q
  colnames(swapped) <- rev(colnames(Q))
  refused(y ~ known(1 | id, precision = swapped), words = "equal row and column names")
  refused(y ~ known(1 | id, precision = Q[1, 1, drop = FALSE]), words = "two levels")
  refused(y ~ known(1 | id, precision = nowhere), words = "nowhere")
  refused(y ~ known(1 | id, precision = "Q"), words = "square numeric")
  refused(y ~ known(1 | id, precision = Q[, 1:3]), words = "5 x 3")
  suppressMessages(expect_message(
    glmm(y ~ known(1 | id, precision = line_precision(letters[1:7])), counts(), poisson()),
    "f, g",
    class = "margmix_note_relation"
  ))
})

test_that("a dense matrix is read as a sparse one, and no entry escapes the look at symmetry", {
  set.seed(2)
  K <- tcrossprod(matrix(rnorm(70 * 5), 70)) + diag(70)
  K[abs(K) < 0.2] <- 0
  dimnames(K) <- list(1:70, 1:70)
  sparse <- sparse_lower(Matrix::Matrix(K, sparse = TRUE), "K")
  expect_identical(sparse_lower(K, "K")[names(sparse)], sparse)
  whole <- matrix(2L, 3L, 3L, dimnames = list(1:3, 1:3))
  expect_identical(sparse_lower(whole, "K")$below, c(2, 2, 2))
  for (at in list(c(69, 2), c(40, 39), c(2, 70), c(33, 32))) {
    off <- K
    off[at[1L], at[2L]] <- off[at[1L], at[2L]] + 1e-6
    expect_error(sparse_lower(off, "K"), "differ by", class = "margmix_error_relation")
    off[at[1L], at[2L]] <- Inf
    expect_error(sparse_lower(off, "K"), "finite", class = "margmix_error_relation")
  }
})

test_that("matrices must be finite, symmetric and positive definite", {
  Q <- line_precision(letters[1:5])
  refused(y ~ known(1 | id, precision = replace(Q, 2, 0)), words = "symmetric")
  refused(y ~ known(1 | id, precision = replace(Q, 7, NA)), words = "finite")
  refused(y ~ known(1 | id, precision = replace(Q, 7, -1)), words = "positive definite")
  refused(y ~ known(1 | id, covariance = replace(Q, 7, -1)), words = "positive definite")
  W <- 0 * Q
  W[1, 2] <- W[2, 1] <- W[3, 4] <- W[4, 3] <- 1
  refused(y ~ car(1 | id, W), words = "none of e")
  refused(y ~ car(1 | id, -Q), words = "zero diagonal")
  neighbours <- structure(list(2L, 1L), class = "nb")
  refused(y ~ car(1 | id, neighbours), words = "nb2mat")
  refused(y ~ car(1 | id, W == 1), words = "logical")
  negative <- replace(diag(5), c(2, 6), 2)
  dimnames(negative) <- dimnames(Q)
  refused(y ~ known(1 | id, covariance = negative), words = "an eigenvalue of -1 among a, b")
  twins <- kronecker(diag(101), matrix(1, 2, 2))
  dimnames(twins) <- list(1:202, 1:202)
  refused(y ~ known(1 | id, covariance = twins), words = "short by 101")
})

test_that("trees must be rooted and have positive lengths", {
  skip_if_not_installed("ape")
  tree <- ape::read.tree(text = "((a:1,b:1):1,((c:1,d:1):0.5,e:1.5):0.5);")
  fits <- function(tree, words) refused(y ~ phylo(1 | id, tree), words = words)
  fits(ape::drop.tip(tree, "c"), "lacks: c")
  fits(replace(tree, "edge.length", list(NULL)), "no edge.length")
  fits(replace(tree, "edge.length", list(replace(tree$edge.length, 2, 0))), "not so at a")
  fits(replace(tree, "edge.length", list(replace(tree$edge.length, 2, NA))), "missing lengths")
  fits(replace(tree, "tip.label", list(c("a", "a", "c", "d", "e"))), "distinct tip labels")
  fits(ape::unroot(tree), "rooted")
  fits(letters, "class phylo")
  fits(replace(tree, "edge.length", list(replace(tree$edge.length, 2, 1e-11))), "not so at a")
  fits(replace(tree, "edge.length", list(replace(tree$edge.length, 2, Inf))), "finite")
  fits(replace(tree, "edge.length", list(letters[1:8])), "length for every edge")
  # edges to nowhere once took memory of others; a circle has no root
  fits(replace(tree, "edge", list(replace(tree$edge, 3, 99L))), "node 99")
  fits(replace(tree, "Nnode", 3L), "not so at node")
  fits(replace(tree, "tip.label", list(c(NA, "b", "c", "d", "e"))), "tip labels")
  circle <- tree
  circle$edge[c(1, 4), 1L] <- c(8L, 7L)
  circle$root.edge <- 0
  fits(circle, "not so at node")
  suppressMessages(expect_message(
    glmm(y ~ phylo(1 | id, tree), subset(counts(), id != "e"), poisson()), "1 level",
    class = "margmix_note_relation"
  ))
})

test_that("what related levels do not have is said", {
  fit <- glmm(y ~ 1 + ar1(t | id), counts(), poisson())
  expect_error(ranef(fit, type = "mean"), class = "margmix_error_posterior")
  Q <- line_precision(letters[1:5])
  one <- suppressMessages(glmm(y ~ 1 + known(1 | id, precision = Q), counts(), poisson()))
  expect_error(vcov(one, "KC"), class = "margmix_error_crossed_clusters")
})

test_that("a known matrix may say that levels are independent, and has the units of the user", {
  I <- diag(5)
  dimnames(I) <- list(letters[1:5], letters[1:5])
  unidentified <- "margmix_error_not_identified"
  refused(y ~ known(1 | id, precision = I) + (1 | id), class = unidentified, words = "same way")
  first <- subset(counts(), t == 1)
  first$z <- c(0.3, 1, -2, 0.4, 0.8)
  for (REML in c(FALSE, TRUE)) {
    expect_error(
      glmm(z ~ 1 + known(1 | id, precision = 2 * I), first, REML = REML), "one row per level",
      class = unidentified
    )
  }
  d <- counts()
  d$y <- rpois(30, 2 * match(d$id, letters))
  K <- solve(line_precision(letters[1:5]))
  fit <- glmm(y ~ 1 + known(1 | id, covariance = K), d, poisson())
  for (unit in c(1e-12, 1e6)) {
    scaled <- unit * K
    same <- glmm(y ~ 1 + known(1 | id, covariance = scaled), d, poisson())
    expect_equal(same$logLik, fit$logLik, tolerance = 1e-10)
    expect_equal(same$theta * sqrt(unit), fit$theta, tolerance = 1e-5)
    z <- sqrt(d$y)
    linear <- glmm(z ~ 1 + known(1 | id, covariance = K), cbind(d, z), REML = TRUE)
    same <- glmm(z ~ 1 + known(1 | id, covariance = scaled), cbind(d, z), REML = TRUE)
    expect_equal(same$logLik, linear$logLik, tolerance = 1e-10)
  }
})

test_that("related levels that are too large to factor are refused, not searched as if unrelated", {
  set.seed(3)
  K <- crossprod(matrix(rnorm(3600), 60)) / 60 + diag(60)
  dimnames(K) <- list(1:60, 1:60)
  d <- data.frame(id = rep(1:60, 3), x = rnorm(180))
  d$y <- d$x + rnorm(60)[d$id] + rnorm(180)
  fit <- glmm(y ~ x + known(1 | id, covariance = K), d)
  for (fit in list(fit, glmm(y ~ s(x) + (1 | id), d))) {
    design <- fit$design
    # a dense factor of 10,000 levels, n^3 / 6, is within reach; 4e9 had ended at 2,884
    expect_gt(factor_budget(design), 1e12 / 6)
    small <- with_plan(design, budget = 10)
    expect_false(supports(small, "factor"))
    expect_false(supports(small, "unrelated"))
    expect_error(fit_design(small, gaussian()), "Related levels and smooths",
      class = "margmix_error_too_large"
    )
    # and the engine has no answer for them either
    probes <- random_signs(sign_length(design), 2L)
    problem <- list(design = design, family = gaussian(), control = glmm_control())
    if (length(relations(design))) {
      expect_error(stochastic_step(problem, fit_psi(fit), NULL, probes, 1e-6, FALSE), "related")
    }
  }
})

test_that("a covariance relates at most 10,000 levels with each other", {
  skip_if_not_installed("Matrix")
  size <- 10001L
  big <- Matrix::bandSparse(size, k = 0:1, symmetric = TRUE,
    diagonals = list(rep(1, size), rep(0.4, size))
  )
  dimnames(big) <- rep(list(c(letters[1:5], 6:size)), 2L)
  refused(y ~ known(1 | id, covariance = big), class = "margmix_error_related", words = "10000")
})
