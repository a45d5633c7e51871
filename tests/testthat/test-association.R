# Scans of variants against dense algebra, glm() and exact distributions.

people <- local({
  set.seed(3)
  n <- 120
  d <- data.frame(fam = rep(1:30, each = 4), age = rnorm(n), row.names = paste0("p", 1:n))
  eta <- 0.5 * d$age + rnorm(30)[d$fam]
  d$y <- eta + rnorm(n)
  d$b <- rbinom(n, 1, plogis(eta - 1))
  d$k <- rpois(n, exp(eta / 2))
  d$free <- ave(rep(c(0, 1, 2, 5), 30), d$fam, FUN = sample)
  d
})

genotypes <- local({
  set.seed(4)
  frequency <- runif(40, 0.05, 0.5)
  G <- matrix(rbinom(120 * 40, 2, rep(frequency, each = 120)), 120,
    dimnames = list(sample(rownames(people)), paste0("v", 1:40))
  )
  G[sample(length(G), 60)] <- NA
  G
})

imputed <- local({
  G <- apply(genotypes, 2L, function(g) replace(g, is.na(g), mean(g, na.rm = TRUE)))
  G[rownames(people), ]
})

# r without its part along X; V: n x n.
across <- function(r, V, X) {
  inverse <- solve(V)
  r - drop(inverse %*% X %*% solve(crossprod(X, inverse %*% X), crossprod(X, r)))
}

# P of the working model, n x n.
dense_P <- function(W, sd, X) {
  V <- diag(1 / W) + sd^2 * outer(people$fam, people$fam, "==")
  inverse <- solve(V)
  inverse - inverse %*% X %*% solve(crossprod(X, inverse %*% X), crossprod(X, inverse))
}

test_that("the scan of a linear model is generalized least squares", {
  fit <- glmm(y ~ age + (1 | fam), people)
  scan <- association_scan(fit, genotypes)
  X <- cbind(1, people$age)
  P <- dense_P(rep(1 / fit$phi, 120), fit$theta, X)
  expect_equal(scan$score, drop(crossprod(imputed, P %*% people$y)), tolerance = 1e-10,
    ignore_attr = TRUE
  )
  expect_equal(scan$variance, colSums(imputed * (P %*% imputed)), tolerance = 1e-10,
    ignore_attr = TRUE
  )
  V <- fit$phi * diag(120) + fit$theta^2 * outer(people$fam, people$fam, "==")
  root <- backsolve(chol(V), cbind(X, imputed[, 7L]), transpose = TRUE)
  gls <- summary(lm(backsolve(chol(V), people$y, transpose = TRUE) ~ 0 + root))
  expect_equal(scan$estimate[7L], gls$coefficients[3L, 1L], tolerance = 1e-10)
  expect_equal(scan$std.error[7L], sqrt(gls$cov.unscaled[3L, 3L]), tolerance = 1e-10)
  expect_equal(scan$missing, colSums(is.na(genotypes)), ignore_attr = TRUE)
  expect_equal(scan$frequency, colMeans(genotypes, na.rm = TRUE) / 2, ignore_attr = TRUE)
})

# E f(m + sd t), t ~ N(0, 1), for each m.
normal_mean <- function(f, m, sd) {
  mapply(function(m, sd) {
    integrate(function(t) f(m + sd * t) * dnorm(t), -9, 9, rel.tol = 1e-11)$value
  }, m, sd)
}

# r and W by the definition: per family the mean m and variance v of u at which
# sd sum E(y - mu) = m and 1 / v = 1 + sd^2 sum E(W).
expected_by_family <- function(fit, y, family) {
  fixed <- drop(cbind(1, people$age) %*% fit$beta)
  sd <- fit$theta
  out <- list(r = 0 * y, W = 0 * y)
  for (k in unique(people$fam)) {
    rows <- people$fam == k
    over <- function(m, v, f) normal_mean(f, fixed[rows] + sd * m, rep(sd * sqrt(v), sum(rows)))
    mean_at <- function(v) {
      uniroot(function(m) sd * sum(y[rows] - over(m, v, family$linkinv)) - m, c(-8, 8),
        tol = 1e-12
      )$root
    }
    v <- uniroot(function(v) {
      1 / (1 + sd^2 * sum(over(mean_at(v), v, family$mu.eta))) - v
    }, c(1e-4, 1), tol = 1e-10)$root
    out$r[rows] <- y[rows] - over(mean_at(v), v, family$linkinv)
    out$W[rows] <- over(mean_at(v), v, family$mu.eta)
  }
  out
}

# The derivative of the integrated log-likelihood in the predictor of each row.
integrated_r <- function(fit, y, family, density) {
  fixed <- drop(cbind(1, people$age) %*% fit$beta)
  r <- 0 * y
  for (k in unique(people$fam)) {
    rows <- which(people$fam == k)
    weight <- function(t) {
      eta <- outer(fixed[rows], fit$theta * t, "+")
      exp(colSums(log(density(y[rows], family$linkinv(eta))))) * dnorm(t)
    }
    whole <- integrate(weight, -9, 9, rel.tol = 1e-10)$value
    r[rows] <- vapply(rows, function(j) {
      integrate(function(t) {
        (y[j] - family$linkinv(fixed[j] + fit$theta * t)) * weight(t)
      }, -9, 9, rel.tol = 1e-10)$value / whole
    }, 0)
  }
  r
}

test_that("scores of other families are means over the random effects given the responses", {
  for (family in list(binomial(), poisson())) {
    binary <- family$family == "binomial"
    people$r <- if (binary) people$b else people$k
    fit <- glmm(r ~ age + (1 | fam), people, family, nAGQ = 1)
    scan <- association_scan(fit, genotypes, saddlepoint = FALSE)
    X <- cbind(1, people$age)
    rows <- expected_by_family(fit, people$r, family)
    # before any response is known
    W <- normal_mean(family$mu.eta, drop(X %*% fit$beta), rep(fit$theta, 120))
    P <- dense_P(W, fit$theta, X)
    V <- diag(1 / W) + fit$theta^2 * outer(people$fam, people$fam, "==")
    score <- function(r) drop(crossprod(imputed, across(r, V, X)))
    expect_equal(scan$score, score(rows$r), tolerance = 1e-4, ignore_attr = TRUE)
    # at the level that variances have given the responses
    P_given <- dense_P(rows$W, fit$theta, X)
    level <- scan$variance / colSums(imputed * (P %*% imputed))
    expect_equal(level, rep(sum(diag(P_given)) / sum(diag(P)), 40), tolerance = 5e-3,
      ignore_attr = TRUE
    )
    expect_equal(level, rep(level[1L], 40), tolerance = 1e-6, ignore_attr = TRUE)
    given <- colSums(imputed * (P_given %*% imputed))
    XW <- crossprod(X, W * imputed)
    alone <- colSums(imputed * W * imputed) - colSums(XW * solve(crossprod(X, W * X), XW))
    by_ratio <- association_scan(fit, genotypes, "ratio", saddlepoint = FALSE)
    expect_equal(by_ratio$variance, alone * mean(given / alone), tolerance = 1e-4,
      ignore_attr = TRUE
    )
    density <- if (binary) function(y, mu) dbinom(y, 1, mu) else dpois
    error <- score(integrated_r(fit, people$r, family, density)) - scan$score
    expect_lt(max(abs(error) / sqrt(scan$variance)), 0.01)
  }
  fit <- glmm(b ~ age + (1 | fam), people, binomial(), nAGQ = 1)
  scan <- association_scan(fit, genotypes)
  case <- people[rownames(genotypes), "b"] == 1
  expect_equal(scan$frequency_cases, colMeans(genotypes[case, ], na.rm = TRUE) / 2,
    ignore_attr = TRUE
  )
  expect_equal(scan$frequency_controls, colMeans(genotypes[!case, ], na.rm = TRUE) / 2,
    ignore_attr = TRUE
  )
})

test_that("people of a known relation are scanned with it", {
  set.seed(8)
  K <- kinship_matrix(matrix(rbinom(120 * 300, 2, 0.3), 120), "VanRaden") + diag(0.01, 120)
  dimnames(K) <- list(rownames(people), rownames(people))
  people$id <- rownames(people)
  people$y <- people$age + drop(t(chol(K)) %*% rnorm(120)) + rnorm(120)
  people$b <- +(people$y > 0.5)
  X <- cbind(1, people$age)
  projection <- function(V) {
    inverse <- solve(V)
    inverse - inverse %*% X %*% solve(crossprod(X, inverse %*% X), crossprod(X, inverse))
  }
  fit <- glmm(y ~ age + known(1 | id, covariance = K), people, REML = TRUE)
  scan <- association_scan(fit, genotypes)
  expect_identical(association_scan(fit, genotypes, id = "id"), scan)
  expect_identical(association_scan(fit, genotypes, id = "known(id)"), scan)
  for (wrong in list("age", NA, character(), c("id", "id"), function(x) x)) {
    expect_error(association_scan(fit, genotypes, id = wrong), class = "margmix_error_people")
  }
  P <- projection(fit$phi * diag(120) + fit$theta^2 * K)
  expect_equal(scan$score, drop(crossprod(imputed, P %*% people$y)), tolerance = 1e-7,
    ignore_attr = TRUE
  )
  expect_equal(scan$variance, colSums(imputed * (P %*% imputed)), tolerance = 1e-7,
    ignore_attr = TRUE
  )
  fit <- glmm(b ~ age + known(1 | id, covariance = K), people, binomial())
  mu <- fitted(fit)
  scan <- association_scan(fit, genotypes, saddlepoint = FALSE)
  V <- diag(1 / (mu * (1 - mu))) + fit$theta^2 * K
  P <- projection(V)
  expect_equal(scan$score, drop(crossprod(imputed, across(people$b - mu, V, X))),
    tolerance = 1e-7, ignore_attr = TRUE
  )
  expect_equal(scan$variance, colSums(imputed * (P %*% imputed)), tolerance = 1e-7,
    ignore_attr = TRUE
  )
})

test_that("without variance between families the test is Rao's of glm()", {
  exact <- glmm_control(tolerance = 1e-20)
  suppressMessages(
    fit <- glmm(free ~ age + (1 | fam), people, poisson(), nAGQ = 1, control = exact)
  )
  expect_identical(unname(fit$theta), 0)
  scan <- association_scan(fit, genotypes, saddlepoint = FALSE)
  converged <- glm.control(epsilon = 1e-15, maxit = 50)
  small <- glm(free ~ age, poisson(), people, control = converged)
  for (variant in 1:5) {
    large <- glm(free ~ age + imputed[, variant], poisson(), people, control = converged)
    rao <- anova(small, large, test = "Rao")
    expect_equal(scan$p.value[variant], rao[2L, "Pr(>Chi)"], tolerance = 1e-8)
  }
})

test_that("people with several rows are matched by their grouping factor", {
  set.seed(5)
  ids <- unique(ohio$id)
  G <- matrix(rbinom(length(ids) * 12, 2, 0.3), length(ids), dimnames = list(sample(ids), NULL))
  fit <- glmm(resp ~ age + (1 | id), ohio, binomial(), nAGQ = 1)
  # A variant that everybody has a copy more of is the same variant.
  G[, 1:6] <- 1 - (G[, 1:6] > 0)
  expect_equal(association_scan(fit, G[, 1:6] + 1, saddlepoint = FALSE)$score,
    association_scan(fit, G, saddlepoint = FALSE)$score[1:6], tolerance = 1e-7
  )
  scan <- association_scan(fit, G, saddlepoint = FALSE)
  by_ratio <- association_scan(fit, G, variance = "ratio", saddlepoint = FALSE)
  expect_lt(attr(by_ratio, "ratio_cv"), 0.05)
  expect_equal(by_ratio$variance, scan$variance, tolerance = 0.05)
  expect_output(print(by_ratio), "by a ratio of")
})

# Of a score of independent rows with coefficients g.
two_tails <- function(law, g, mu, trials, q) {
  n <- length(g)
  rows <- list(
    law = law, people = seq_len(n), person = seq_len(n) - 1L, X = matrix(0, n, 1L),
    mu = rep_len(mu, n), trials = rep_len(trials, n), fit = list(control = glmm_control())
  )
  w <- trials * if (law == "binomial") mu * (1 - mu) else mu
  engine_saddlepoint(rows, cbind(g), 1L, matrix(0, 1L, 1L), q / sqrt(sum(g^2 * w)))
}

test_that("the series of a sum of many small terms gives what the terms give", {
  set.seed(6)
  n <- 2000
  for (law in c("binomial", "poisson")) {
    mu <- runif(n, 0.02, 0.6)
    g <- rnorm(n)
    terms <- function(t) {
      x <- g * t
      rise <- mu * expm1(x)
      if (law == "poisson") return(list(rise - mu * x, g * rise, g^2 * (rise + mu)))
      p <- plogis(qlogis(mu) + x)
      list(log1p(mu * expm1(x)) - mu * x, g * (p - mu), g^2 * p * (1 - p))
    }
    at <- function(t) vapply(terms(t), sum, 0)
    sd <- sqrt(at(0)[3L])
    for (z in c(2.5, 6, 9)) {
      tail <- function(q) {
        t <- uniroot(function(t) at(t)[2L] - q, c(-1, 1), tol = 1e-15)$root
        K <- at(t)
        w <- sign(t) * sqrt(2 * (t * q - K[1L]))
        pnorm(-abs(w + log(t * sqrt(K[3L]) / w) / w))
      }
      direct <- tail(z * sd) + tail(-z * sd)
      expect_lt(abs(two_tails(law, g, mu, 1, z * sd) / direct - 1), 1e-6)
    }
  }
})

test_that("the saddlepoint approximation is near the exact distribution where the normal is not", {
  g <- c(0.3, 0.7, 1.1, 1.6, -0.4)
  y <- as.matrix(expand.grid(rep(list(0:12), 5)))
  laws <- list(
    binomial = list(density = function(y) dbinom(y, 150, 0.008), mu = 0.008, trials = 150),
    poisson = list(density = function(y) dpois(y, 1.2), mu = 1.2, trials = 1)
  )
  for (name in names(laws)) {
    law <- laws[[name]]
    mean <- law$mu * law$trials
    variance <- if (name == "binomial") mean * (1 - law$mu) else mean
    probability <- Reduce(`*`, lapply(1:5, function(k) law$density(y[, k])))
    S <- drop(y %*% g) - sum(g) * mean
    for (q in c(2.5, 3.5, 4.5) * sqrt(sum(g^2) * variance)) {
      exact <- sum(probability[abs(S) >= q])
      found <- two_tails(name, g, law$mu, law$trials, q)
      expect_lt(abs(log(found / exact)), 0.1)
    }
    normal <- 2 * pnorm(-q / sqrt(sum(g^2) * variance))
    expect_gt(abs(log(normal / exact)), 1)
  }
  # Beyond what can happen there is no probability.
  expect_identical(two_tails("binomial", g, 0.2, 1, 9), 0)
})

test_that("functions, blocks and files give the same table", {
  fit <- glmm(b ~ age + (1 | fam), people, binomial(), nAGQ = 1)
  whole <- association_scan(fit, genotypes)
  expect_identical(association_scan(fit, genotypes, block = 7L), whole)
  blocks <- list(genotypes[, 1:15], genotypes[, 16:40])
  read <- function(i) if (i <= 2L) blocks[[i]]
  expect_identical(association_scan(fit, read), whole)
  file <- tempfile(fileext = ".tsv")
  on.exit(unlink(file))
  expect_identical(association_scan(fit, genotypes, file = file, block = 9L), file)
  lines <- readLines(file)
  expect_equal(read.delim(file)$p.value, whole$p.value, tolerance = 1e-12)
  for (source in list(genotypes, read)) {
    writeLines(c(lines[1:20], substr(lines[21L], 1L, 5L)), file) # broken off
    association_scan(fit, source, file = file, resume = TRUE)
    expect_identical(readLines(file), lines)
  }
})

test_that("a file is gone on with by the same scan only", {
  fit <- glmm(b ~ age + (1 | fam), people, binomial(), nAGQ = 1)
  file <- tempfile(fileext = ".tsv")
  on.exit(unlink(file))
  association_scan(fit, genotypes, file = file)
  lines <- readLines(file)[1:9]
  refused <- function(given, fit, genotypes, there = lines) {
    writeLines(there, file)
    expect_error(association_scan(fit, genotypes, file = file, resume = TRUE), given,
      class = "margmix_error_argument"
    )
    expect_identical(readLines(file), there)
  }
  refused("variant v8, where v33 is now", fit, genotypes[, 40:1])
  refused("more variants than there are", fit, genotypes[, 1:4])
  refused("other columns", glmm(age ~ 1 + (1 | fam), people), genotypes)
  refused("other scores of variant v8", update(fit, . ~ . - age), genotypes)
  refused("other columns", fit, genotypes, c("any", "text", "at all"))
})

test_that("variants that say nothing have a row with the reason", {
  fit <- glmm(b ~ age + (1 | fam), people, binomial(), nAGQ = 1)
  G <- cbind(genotypes[, 1:2], one = 1, none = NA)
  scan <- association_scan(fit, G)
  expect_identical(scan$method[3:4], c("one value", "no genotypes"))
  expect_true(all(is.na(scan$p.value[3:4])))
  expect_output(print(scan), "4 variants, 2 tested")
  people$known <- imputed[, 1L]
  given <- glmm(b ~ known + (1 | fam), people, binomial(), nAGQ = 1)
  expect_identical(association_scan(given, genotypes)$method[1L], "determined by covariates")
})

test_that("what can't be scanned is refused", {
  fit <- glmm(b ~ age + (1 | fam), people, binomial(), nAGQ = 1)
  expect_error(association_scan(lm(y ~ age, people), genotypes), class = "margmix_error_null_model")
  expect_error(
    association_scan(update(fit, family = binomial("probit")), genotypes),
    class = "margmix_error_null_model"
  )
  expect_error(association_scan(fit, unname(genotypes)), class = "margmix_error_people")
  expect_error(association_scan(fit, genotypes[-1L, ]), class = "margmix_error_people")
  expect_error(association_scan(fit, genotypes, id = "who"), class = "margmix_error_people")
  expect_error(association_scan(fit, genotypes[, 0L]), class = "margmix_error_genotypes")
  twice <- cbind(genotypes, v1 = 1)
  expect_error(association_scan(fit, twice, variants = "v1"), class = "margmix_error_argument")
  expect_error(association_scan(fit, genotypes + 1), class = "margmix_error_genotypes")
  expect_error(association_scan(fit, genotypes, "none"), class = "margmix_error_argument")
  expect_error(kinship_matrix(genotypes, "none"), class = "margmix_error_argument")
  expect_error(association_scan(fit, 1:3), class = "margmix_error_genotypes")
  expect_error(association_scan(fit, function(i) "a"), class = "margmix_error_genotypes")
  more <- rbind(genotypes, somebody = 0)
  expect_message(association_scan(fit, more), class = "margmix_note_people")
})

test_that("arguments of scans and relationship matrices are checked before anything is read", {
  fit <- glmm(y ~ age + (1 | fam), people)
  wrong <- list(
    block = list(0, -1, 2.5, NA, "a", 1:2), n_ratio = list(0, 1, 2.5, NA, "a"),
    saddlepoint = list(NA, "yes"), progress = list(NA, 1), seed = list("a", NA),
    resume = list(TRUE, NA), variants = list(2.5, NA, 99),
    file = list(3, tempdir(), file.path(tempdir(), "none", "scan.tsv"))
  )
  for (name in names(wrong)) {
    for (value in wrong[[name]]) {
      given <- stats::setNames(list(fit, genotypes, value), c("fit", "genotypes", name))
      expect_error(do.call(association_scan, given),
        class = "margmix_error_argument", info = paste(name, deparse(value))
      )
    }
  }
  expect_error(kinship_matrix(genotypes, block = 0), class = "margmix_error_argument")
  for (value in list(NA, "a", -1, 0.6)) {
    expect_error(kinship_matrix(genotypes, min_frequency = value), class = "margmix_error_argument")
  }
  expect_error(kinship_matrix(genotypes, threshold = NA), class = "margmix_error_argument")
  text <- genotypes
  storage.mode(text) <- "character"
  expect_error(association_scan(fit, text), "matrix of type character",
    class = "margmix_error_genotypes"
  )
  expect_message(association_scan(fit, rbind(genotypes, other = 0)), "1 person with genotypes is ")
})

test_that("relationships of people of whom nothing is known together are refused", {
  nobody <- genotypes
  nobody[3L, ] <- NA
  for (method in c("GCTA", "VanRaden")) {
    expect_error(kinship_matrix(nobody, method), rownames(genotypes)[3L],
      class = "margmix_error_genotypes"
    )
  }
  halves <- imputed
  halves[1L, 1:20] <- NA
  halves[2L, 21:40] <- NA
  expect_error(kinship_matrix(halves), "1 pair without", class = "margmix_error_genotypes")
  expect_true(all(is.finite(kinship_matrix(halves, "VanRaden"))))
  constant <- matrix(1, 5L, 4L, dimnames = list(letters[1:5], NULL))
  expect_error(kinship_matrix(constant), class = "margmix_error_genotypes")
  expect_identical(attr(kinship_matrix(cbind(imputed, one = 1)), "left_out"), 1L)
})

test_that("relationship matrices are sums over variants", {
  p <- colMeans(genotypes, na.rm = TRUE) / 2
  z <- sweep(sweep(genotypes, 2L, 2 * p), 2L, sqrt(2 * p * (1 - p)), "/")
  gcta <- outer(1:120, 1:120, Vectorize(function(i, j) mean(z[i, ] * z[j, ], na.rm = TRUE)))
  expect_equal(kinship_matrix(genotypes, block = 11L), gcta, ignore_attr = TRUE)
  expect_identical(dimnames(kinship_matrix(genotypes))[[2L]], rownames(genotypes))
  x <- sweep(genotypes, 2L, 2 * p)
  x[is.na(x)] <- 0
  expect_equal(
    kinship_matrix(genotypes, "VanRaden"), tcrossprod(x) / sum(2 * p * (1 - p)),
    ignore_attr = TRUE
  )
  sparse <- kinship_matrix(genotypes, threshold = 0.2)
  expect_s4_class(sparse, "sparseMatrix")
  expect_true(all(sparse[upper.tri(sparse)] == 0 | sparse[upper.tri(sparse)] >= 0.2))
  rare <- cbind(genotypes, rare = c(1, rep(0, 119)))
  expect_identical(attr(kinship_matrix(rare, min_frequency = 0.01), "left_out"), 1L)
  expect_error(kinship_matrix(rare[, 41L, drop = FALSE]), class = "margmix_error_genotypes")
})

test_that("a scan is drawn", {
  fit <- glmm(b ~ age + (1 | fam), people, binomial(), nAGQ = 1)
  scan <- association_scan(fit, genotypes)
  grDevices::pdf(NULL)
  on.exit(grDevices::dev.off())
  expect_silent(plot(scan))
  expect_silent(plot(scan, "manhattan"))
  expect_silent(plot(scan, "manhattan", position = rep(1:20, 2), chromosome = rep(1:2, each = 20)))
  drawn <- plot_data(scan)
  tested <- scan[!is.na(scan$p.value), ]
  expect_equal(10^-drawn$estimate, sort(tested$p.value), tolerance = 1e-12)
  expect_equal(drawn$x, -log10((seq_len(nrow(tested)) - 0.5) / nrow(tested)), tolerance = 1e-12)
  expect_equal(drawn$variant, tested$variant[order(tested$p.value)])
  along <- plot_data(scan, "manhattan", rep(1:20, 2), rep(c("2", "X"), each = 20))
  expect_equal(along$x, which(!is.na(scan$p.value)) - 1)
  expect_equal(attr(along, "words")$chromosomes$names, c("2", "X"))
  expect_error(plot(scan[is.na(scan$p.value), ]), class = "margmix_error_argument")
  several <- replace(scan, "trait", list("b"))
  expect_error(plot(several[0L, ]), "tested", class = "margmix_error_argument")
  skip_if_not_installed("ggplot2")
  for (type in c("qq", "manhattan")) {
    expect_s3_class(ggplot2::ggplot_build(ggplot2::autoplot(scan, type = type)), "ggplot_built")
  }
})
