separated <- function(design, family = binomial(), ...) {
  suppressWarnings(check_separation(design, family, ...))
}

clustered <- function(n = 200) {
  set.seed(1)
  d <- data.frame(id = rep(seq_len(n / 5), 5), x = rnorm(n), z = rnorm(n))
  d$rare <- rbinom(n, 1, 0.05)
  d$y <- rbinom(n, 1, 0.5)
  d
}

test_that("a level with successes only is found and named", {
  d <- clustered()
  d$y[d$rare == 1] <- 1
  design <- front(y ~ x + rare + z + (1 | id), d, binomial)$design
  expect_identical(
    separated(design), list(separated = TRUE, terms = "rare", direction = 1)
  )
  d$y <- 1 - d$y
  design <- front(y ~ x + rare + z + (1 | id), d, binomial)$design
  expect_identical(separated(design)[-1], list(terms = "rare", direction = -1))
  expect_snapshot(invisible(check_separation(design, binomial())))
  expect_snapshot(error = TRUE, check_separation(design, binomial(), action = "error"))
  expect_false(check_separation(design, binomial(), action = "none")$separated)
})

test_that("a start GLM that converged proves that there is none", {
  d <- clustered()
  d$y[d$rare == 1] <- 1
  design <- front(y ~ rare + (1 | id), d, binomial)$design
  claim <- list(beta = c(0.1, 3), converged = TRUE, info_pd = TRUE, decrement = 1e-10)
  expect_false(check_separation(design, binomial(), claim)$separated)
  for (change in list(
    list(converged = FALSE), list(info_pd = NA), list(beta = c(0.1, 20)), list(beta = c(0, NA)),
    list(decrement = 0.01)
  )) {
    expect_true(separated(design, glm_start = modifyList(claim, change))$separated)
  }
  expect_true(separated(design, glm_start = list(converged = TRUE, info_pd = TRUE))$separated)
})

test_that("no start GLM of any link proves what is not so", {
  d <- clustered(2000)
  d$rare <- as.numeric(seq_len(2000) <= 3)
  d$y[d$rare == 1] <- 1
  for (link in c("logit", "probit", "cloglog", "cauchit")) {
    family <- binomial(link)
    design <- front(y ~ x + rare + (1 | id), d, family)$design
    for (steps in c(5, 10, 25, 60)) {
      fit <- suppressWarnings(glm.fit(design$X, design$y,
        family = family, control = glm.control(epsilon = 1e-300, maxit = steps)
      ))
      decrement <- sum(qr.qty(fit$qr, fit$residuals * sqrt(fit$weights))[1:3]^2)
      start <- list(
        beta = fit$coefficients, converged = decrement < 1e-8, info_pd = TRUE, decrement = decrement
      )
      expect_true(separated(design, family, glm_start = start)$separated, info = link)
    }
  }
})

test_that("complete, quasi-complete and no separation are told apart on many rows", {
  d <- clustered(5000)
  none <- front(y ~ x + z + (1 | id), d, binomial)$design
  expect_false(check_separation(none, binomial())$separated)
  d$y <- as.numeric(d$x + 0.3 * d$z > 0)
  complete <- front(y ~ x + z + (1 | id), d, binomial)$design
  found <- separated(complete)
  expect_true(all(c("x", "z") %in% found$terms))
  d$y[which.max(d$x + 0.3 * d$z)] <- 0 # one row spoils it
  expect_false(separated(front(y ~ x + z + (1 | id), d, binomial)$design)$separated)
  factors <- data.frame(f = factor(rep(1:8, 5)), y = rep(0:1, 20))
  factors$y[factors$f == 3] <- c(0, 1, 0, 1, 1)
  factors$y[factors$f %in% c(1, 2, 4:8)] <- rep(0:1, length.out = 35)
  factors$y[factors$f == 5] <- 0
  factors$id <- rep(1:8, each = 5)
  design <- front(cbind(y, 1 - y) ~ f + (1 | id), factors, binomial)$design
  expect_identical(separated(design)[-1], list(terms = "f5", direction = -1))
})

test_that("a large mean hides nothing", {
  d <- clustered()
  d$time <- 1.7e9 + d$x
  d$y <- as.numeric(d$x > 0)
  found <- separated(front(y ~ time + (1 | id), d, binomial)$design)
  expect_identical(found[-1], list(terms = c("(Intercept)", "time"), direction = c(-1, 1)))
  d$y[c(which.min(d$x), which.max(d$x))] <- 1:0
  expect_false(separated(front(y ~ time + (1 | id), d, binomial)$design)$separated)
})

test_that("all responses equal is separation by the intercept", {
  d <- clustered()
  d$y <- 0
  expect_identical(
    separated(front(y ~ 1 + (1 | id), d, binomial)$design)[-1],
    list(terms = "(Intercept)", direction = -1)
  )
})

test_that("rows without weight or trials do not count", {
  d <- clustered()
  d$y[d$rare == 1] <- 1
  d$y[which(d$rare == 1)[1]] <- 0
  w <- rep(1, 200)
  expect_false(separated(front(y ~ rare + (1 | id), d, binomial, weights = w)$design)$separated)
  w[which(d$rare == 1)[1]] <- 0
  expect_true(separated(front(y ~ rare + (1 | id), d, binomial, weights = w)$design)$separated)
})

test_that("for counts only zeros separate, and only under a log link", {
  d <- clustered()
  d$y <- rpois(200, 2)
  d$y[d$rare == 1] <- 0
  design <- front(y ~ x + rare + (1 | id), d, poisson)$design
  expect_identical(separated(design, poisson())[-1], list(terms = "rare", direction = -1))
  expect_false(separated(design, poisson("sqrt"))$separated)
  expect_false(separated(design, poisson("identity"))$separated)
  d$y[d$rare == 1][1] <- 1
  expect_false(separated(front(y ~ x + rare + (1 | id), d, poisson)$design, poisson())$separated)
  b <- transform(d, y = as.numeric(rare == 1 | x > 0))
  log_design <- front(y ~ rare + (1 | id), b, binomial("log"))$design
  expect_false(separated(log_design, binomial("log"))$separated)
  expect_true(separated(log_design, binomial())$separated)
})

signed_rows <- function(X, y) {
  one <- rep(1, length(y))
  separation_rows(list(X = X, y = y, trials = one, weights = one), "both")
}

test_that("the answer is that of a search over directions", {
  set.seed(2)
  angles <- t(as.matrix(expand.grid(-4:4, -4:4, -4:4)))
  for (i in 1:100) {
    X <- cbind(1, matrix(sample(-1:1, 16, TRUE), 8))
    if (qr(X)$rank < 3) next
    A <- signed_rows(X, rbinom(8, 1, 0.5))
    slack <- A %*% angles
    brute <- any(colSums(slack < 0) == 0 & colSums(slack) > 0)
    step <- project_on_cone(A)
    expect_identical(!is.null(step), brute)
    if (brute) expect_gt(min(A %*% step), -1e-8)
  }
})

test_that("the answer is that of the linear programme", {
  skip_if_not_installed("lpSolve")
  set.seed(4)
  for (i in 1:30) {
    X <- cbind(1, matrix(rnorm(200), 50))
    A <- signed_rows(X, as.numeric(X %*% c(0.3, 1, -1, 2, 0) + rnorm(50) * (i %% 3) / 5 > 0))
    both <- cbind(A, -A)
    programme <- lpSolve::lp("max", colMeans(both), rbind(both, diag(10)),
      rep(c(">=", "<="), c(nrow(A), 10)), rep(0:1, c(nrow(A), 10))
    )
    expect_identical(programme$status, 0L)
    expect_identical(!is.null(project_on_cone(A)), programme$objval > 1e-8)
  }
})

test_that("distinct rows are coded by exact value", {
  X <- cbind(c(1, 1, 2, 1), c(0.1 + 0.2, 0.3, 0.3, 0.3))
  expect_identical(engine_equal_rows(list(X), 4L), c(1L, 2L, 3L, 2L))
  expect_identical(engine_equal_rows(list(matrix(0, 3, 0)), 3L), c(1L, 1L, 1L))
})

test_that("clusters that are all 0 or all 1 send the variance to infinity", {
  d <- small_data()
  d$y <- as.numeric(d$id > 2)
  design <- front(y ~ x + (1 | id), d, binomial)$design
  expect_snapshot(error = TRUE, check_cluster_separation(design, binomial()))
  d$y[which(d$id == 3)[1]] <- 0
  expect_silent(check_cluster_separation(front(y ~ x + (1 | id), d, binomial)$design, binomial()))
  d$y <- 0 # the intercept runs away, not the variance
  expect_silent(check_cluster_separation(front(y ~ x + (1 | id), d, binomial)$design, binomial()))
  counts <- front(s ~ x + (1 | id), d, poisson)$design
  expect_silent(check_cluster_separation(counts, poisson()))
})

test_that("summary() and tests of a separated fit say which covariance they use", {
  for (seed in c(1, 5, 26, 31)) {
    set.seed(seed)
    g <- rep(1:6, each = 20)
    d <- data.frame(
      g, f = factor(sample(4, 120, TRUE)), b = rep(0:1, each = 60), z = rnorm(6)[g], x = rnorm(120)
    )
    d$y <- ifelse(d$f == 1, 0, rbinom(120, 1, plogis(-2.7)))
    fit <- suppressMessages(suppressWarnings(
      glmm(y ~ b + z + x + f + (1 | g), d, binomial(), nAGQ = 1)
    ))
    expect_named(fit$warnings, "separation")
    expect_no_warning(suppressWarnings(
      shown <- capture.output(print(summary(fit))), classes = "margmix_warning"
    ))
    expect_match(shown, "model-based \\(no restricted estimate\\)", all = FALSE)
    expect_no_warning(suppressWarnings(table <- anova(fit), classes = "margmix_warning"))
    expect_false(anyNA(table[c("b", "z", "x"), "Pr(>F)"]))
    expect_error(vcov(fit, type = "KR"), class = "margmix_error_restricted")
  }
})
