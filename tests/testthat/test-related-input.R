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

refused <- function(formula, d = counts(), class = "margmix_error_relation", words = "") {
  expect_error(glmm(formula, d, poisson()), words, fixed = TRUE, class = class)
}

noted <- function(formula, d = counts(), words = "", class = "margmix_note_relation") {
  suppressMessages(expect_message(glmm(formula, d, poisson()), words, fixed = TRUE, class = class))
}

test_that("formulas of related levels are read strictly", {
  refused(y ~ ar1(t | id) + phylo(1 | id), class = "margmix_error_formula", words = "tree")
  refused(y ~ ar1(t + id | id), class = "margmix_error_formula", words = "one time variable")
  refused(y ~ ar1(t || id), class = "margmix_error_formula")
  refused(y ~ ou(t | id / t), class = "margmix_error_formula")
  refused(y ~ t - ar1(t | id), class = "margmix_error_formula", words = "subtracted")
  refused(y ~ t * ar1(t | id), class = "margmix_error_formula")
  refused(y ~ known(1 | id), class = "margmix_error_formula", words = "precision = Q")
  refused(y ~ known(1 | id, precision = Q, covariance = K), class = "margmix_error_formula",
    words = "both `precision` and `covariance`"
  )
  # a covariance without its name would be taken for its inverse
  refused(y ~ known(1 | id, K), class = "margmix_error_formula", words = "which it is")
  refused(y ~ bym2(1 | id), class = "margmix_error_formula", words = "without `W`")
  refused(y ~ known(1 | id / t, covariance = K), class = "margmix_error_formula", words = "nested")
  refused(y ~ us(1 | id), class = "margmix_error_formula", words = "us(x | g) is (x | g)")
  refused(y ~ propto(0 + id | 1, K), class = "margmix_error_formula", words = "known(1 | g")
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

test_that("a series must have a correlation to estimate", {
  d <- counts()
  time <- "margmix_error_time"
  refused(y ~ ar1(t | id), subset(d, t == 2), time, "one time in each of 5 series of `id`: a, b")
  refused(y ~ ou(t | id), subset(d, t == 2), time, "(1 | id) has independent effects")
  refused(y ~ rw2(t + 0 | 1), subset(d, t < 3), time, "2 in rw2(t + 0 | 1)")
  refused(y ~ rw1(t + 0 | id), subset(d, id != "b" | t < 2), time, "fewer in b")
  refused(y ~ ar1(t + 0 | 1), d, time, "t = 1, 2, 3, 4, 5 and 1 more in several rows")
  refused(y ~ ou(t | id), transform(d, t = t > 3), time, "a:FALSE, a:TRUE")
  many <- data.frame(t = rep(1:2, 101), id = rep(1:101, each = 2), y = 1:2)
  refused(y ~ rw1(t + 0 | id), many, words = "101 series")
  d$t[3] <- NA
  suppressMessages(expect_output(print(glmm(y ~ ar1(t | id), d, poisson())), "1 row dropped"))
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
  for (name in list(NA, "")) {
    odd <- Q
    dimnames(odd) <- rep(list(c("a", name, "c", "d", "e")), 2L)
    refused(y ~ known(1 | id, precision = odd), words = "missing or empty.\n  Given: row 2")
  }
  # the order does not matter
  shuffled <- Q[c(3, 1, 5, 2, 4), c(3, 1, 5, 2, 4)]
  fits <- suppressMessages(lapply(list(Q, shuffled), function(Q) {
    glmm(y ~ 1 + known(1 | id, precision = Q), transform(counts(), y = y * match(id, letters)),
      poisson()
    )
  }))
  expect_equal(fits[[2L]]$logLik, fits[[1L]]$logLik, tolerance = 1e-10)
  expect_equal(ranef(fits[[2L]])[[1L]][letters[1:5], ], ranef(fits[[1L]])[[1L]][letters[1:5], ],
    tolerance = 1e-6
  )
  spelled <- Q
  dimnames(spelled) <- rep(list(paste0("Sp_", letters[1:5])), 2L)
  refused(y ~ known(1 | sp, precision = spelled), transform(counts(), sp = paste("Sp", id)),
    words = "\"Sp a\" and \"Sp_a\""
  )
  refused(y ~ known(1 | id:t, precision = Q), words = "30 levels of `id:t`")
  refused(y ~ known(1 | g, precision = Q), transform(counts(), g = "a"),
    class = "margmix_error_few_clusters", words = "1 cluster in `known(g)`"
  )
  refused(y ~ known(1 | id, precision = nowhere), words = "nowhere")
  refused(y ~ known(1 | id, precision = mean), words = "square numeric")
  refused(y ~ known(1 | id, precision = NULL), words = "class NULL")
  refused(y ~ known(1 | id, precision = cbind(as.data.frame(Q[, 1:4]), e = "1")),
    words = "5 x 5 (character)"
  )
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
  refused(y ~ known(1 | id, precision = replace(Q, 7, -1)),
    words = "a diagonal entry that is not positive, of b"
  )
  walk <- named_square(crossprod(diff(diag(5))), letters[1:5])
  refused(y ~ known(1 | id, precision = walk), words = "rows that add up to zero")
  strong <- replace(Q, c(2, 6), -3)
  refused(y ~ known(1 | id, precision = strong), words = "5 levels without a Cholesky factor")
  sparse <- Matrix::Matrix(Q, sparse = TRUE)
  sparse[3, 4] <- sparse[4, 3] <- Inf
  refused(y ~ known(1 | id, precision = sparse), words = "finite")
  refused(y ~ known(1 | id, covariance = replace(Q, 7, -1)), words = "positive definite")
  W <- 0 * Q
  W[1, 2] <- W[2, 1] <- W[3, 4] <- W[4, 3] <- 1
  refused(y ~ car(1 | id, W), words = "none for e")
  refused(y ~ car(1 | id, -Q), words = "no area neighbours itself.\n  Given: a, b, c, d, e")
  refused(y ~ car(1 | id, -W), words = "no negative weight.\n  Given: a and b, c and d")
  refused(y ~ bym2(1 | id, 0 * W), words = "two neighbouring areas")
  refused(y ~ bym2(1 | id, replace(W, 11, 1)), words = "symmetric")
  noted(y ~ bym2(1 | id, W), words = "`W` gives 1 area no neighbour.\n  Given: e")
  neighbours <- structure(list(2L, 1L), class = "nb")
  refused(y ~ car(1 | id, neighbours), words = "nb2mat")
  refused(y ~ car(1 | id, W == 1), words = "logical")
  negative <- replace(diag(5), c(2, 6), 2)
  dimnames(negative) <- dimnames(Q)
  refused(y ~ known(1 | id, covariance = negative), words = "an eigenvalue of -1 among a, b")
  twins <- kronecker(diag(101), matrix(1, 2, 2))
  dimnames(twins) <- list(1:202, 1:202)
  refused(y ~ known(1 | id, covariance = twins), words = "below by 101")
})

test_that("trees must be rooted and have positive lengths", {
  skip_if_not_installed("ape")
  tree <- ape::read.tree(text = "((a:1,b:1):1,((c:1,d:1):0.5,e:1.5):0.5);")
  fits <- function(tree, words) refused(y ~ phylo(1 | id, tree), words = words)
  fits(ape::drop.tip(tree, "c"), "lacks: c")
  fits(replace(tree, "edge.length", list(NULL)), "no edge.length")
  fits(replace(tree, "edge.length", list(replace(tree$edge.length, 2, 0))), "not so at a")
  fits(
    replace(tree, "edge.length", list(replace(tree$edge.length, 2, NA))), "missing or non-finite"
  )
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

test_that("terms that the data can't tell apart are refused, or noted where they differ by shape", {
  d <- counts()
  K <- solve(line_precision(letters[1:5]))
  same <- "margmix_error_not_identified"
  copy <- K
  words <- "`known(id)` and `known(id).1` relate the same levels in the same way"
  refused(y ~ known(1 | id, covariance = K) + known(1 | id, covariance = copy), d, same, words)
  twice <- 2 * K[5:1, 5:1]
  refused(y ~ known(1 | id, covariance = K) + known(1 | id, covariance = twice), d, same, words)
  Q <- solve(K)
  refused(y ~ known(1 | id, covariance = K) + known(1 | id, precision = Q), d, same, words)
  refused(y ~ rw1(t + 0 | 1) + rw1(factor(t) + 0 | 1), d, same, "the same way")
  refused(y ~ known(1 | id, covariance = K) + known(1 | id, covariance = K), d,
    "margmix_error_random_terms", "only the sum of their variances shows"
  )
  noted(y ~ ar1(t | id) + ou(t | id), d, "only the shapes of their correlations")
  # other columns, another matrix and other levels are no such case
  silent <- function(formula) {
    expect_no_message(
      suppressWarnings(glmm(formula, d, poisson())), class = "margmix_note_relation"
    )
  }
  d$x <- rnorm(30)
  silent(y ~ known(1 | id, covariance = K) + known(0 + x | id, covariance = copy))
  other <- named_square(0.3^abs(outer(1:5, 1:5, "-")), letters[1:5])
  silent(y ~ known(1 | id, covariance = K) + known(1 | id, covariance = other))
  d$group <- letters[sample(5, 30, TRUE)]
  silent(y ~ known(1 | id, covariance = K) + known(1 | group, covariance = K))
})

test_that("areas of one row each have no independent part beside a residual", {
  W <- 1 * (abs(outer(1:30, 1:30, "-")) == 1)
  dimnames(W) <- list(1:30, 1:30)
  set.seed(4)
  d <- data.frame(area = 1:30, y = cumsum(rnorm(30)) + rnorm(30), n = rpois(30, 4))
  expect_error(glmm(y ~ 1 + bym2(1 | area, W), d), "one row in each area",
    class = "margmix_error_not_identified"
  )
  d$f <- factor(d$area)
  Q <- diag(rowSums(W)) - W
  for (fit in suppressMessages(list(
    glmm(n ~ 1 + bym2(1 | area, W), d, poisson()),
    glmm(y ~ 1 + bym2(1 | area, W), rbind(d, transform(d, y = y + rnorm(30))))
  ))) {
    expect_true(fit$convergence$converged)
  }
  # a residual variance of zero ends in words, not in base R
  again <- d[c(1:30, 1), ]
  for (REML in c(FALSE, TRUE)) {
    expect_error(
      glmm(y ~ 1 + bym2(1 | area, W), again, REML = REML), class = "margmix_error_residual_variance"
    )
  }
  skip_if_not_installed("mgcv")
  smooth <- glmm(y ~ s(f, bs = "mrf", xt = list(penalty = named_square(Q, 1:30))), d)
  expect_true(smooth$convergence$converged)
})

test_that("what related levels do not have is said", {
  fit <- glmm(y ~ 1 + ar1(t | id), counts(), poisson())
  expect_error(ranef(fit, type = "mean"), class = "margmix_error_posterior")
  Q <- line_precision(letters[1:5])
  one <- suppressMessages(glmm(y ~ 1 + known(1 | id, precision = Q), counts(), poisson()))
  expect_error(vcov(one, "KC"), class = "margmix_error_crossed_clusters")
  expect_error(glmm(y ~ 1 + ar1(t | id), counts(), poisson(), nAGQ = 5), "levels are related",
    class = "margmix_error_nAGQ"
  )
  expect_error(gee(y ~ known(1 | id, precision = Q), counts(), id = id, family = poisson()),
    "known(1 | id", fixed = TRUE, class = "margmix_error_random_term"
  )
  # a level that no matrix knows, and a time between steps
  expect_message(predict(one, data.frame(id = c("a", "z"))), "1 new cluster of `known(id)`: z",
    fixed = TRUE, class = "margmix_note_new_clusters"
  )
  expect_error(predict(fit, data.frame(id = "a", t = 2.5)), "a:2.5", class = "margmix_error_time")
  # rows without a weight or an offset are dropped as any are
  for (missing in list(
    glmm(y ~ known(1 | id, precision = Q), counts(), poisson(), weights = c(NA, rep(1, 29))),
    glmm(y ~ known(1 | id, precision = Q) + offset(t), transform(counts(), t = replace(t, 4, NA)),
      poisson()
    )
  )) {
    expect_output(print(missing), "1 row dropped")
  }
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

test_that("a residual variance of zero beside levels of one row is named", {
  cells <- expand.grid(x = 1:7, y = 1:7)
  W <- (as.matrix(dist(cells)) == 1) + 0
  dimnames(W) <- list(paste0("a", 1:49), paste0("a", 1:49))
  drawn <- function(seed, alpha, sd) {
    set.seed(seed)
    d <- data.frame(area = rownames(W), x = rnorm(49))
    d$y <- 1 + d$x + sd * solve(chol(diag(rowSums(W)) - alpha * W), rnorm(49))
    d
  }
  # all of the variation is smooth, or neighbours differ more than others
  smooth <- drawn(1, 0.999, 3)
  rough <- drawn(1, -0.8, 2)
  expect_snapshot({
    fit <- glmm(y ~ x + car(1 | area, W), smooth)
    fit <- glmm(y ~ x + car(1 | area, W), rough)
    fit <- glmm(y ~ x + known(1 | area, precision = diag(rowSums(W)) - 0.5 * W), smooth)
  }, transform = function(lines) gsub("[0-9.]+e-[0-9]+", "<tiny>", lines))
  # two rows in each area tell them apart
  expect_no_warning(glmm(y ~ x + car(1 | area, W), within(rbind(smooth, smooth), {
    y <- y + rnorm(98)
  })))
})
