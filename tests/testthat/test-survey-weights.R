# Weights of a survey by level: published numbers and another package, the pseudo-likelihood by a
# sum over a fine grid, scores by differences, copies of rows and clusters, and what is refused.

source(testthat::test_path("..", "reference", "models-survey.R"), local = TRUE)

# By name; the others multiply the sandwich by m / (m - 1), m clusters.
survey_quantities <- function(fit, names, m) {
  of_levels <- function(S) unname(diag(as.matrix(S)))
  sds <- VarCorr(fit)
  variances <- unlist(lapply(names(sds), function(group) {
    label <- sub(".*:", "", sub("[.].*", "", group))
    effect <- rownames(as.matrix(sds[[group]]))
    stats::setNames(of_levels(sds[[group]]), ifelse(effect == "(Intercept)", label, effect))
  }))
  all <- c(
    logLik = as.numeric(logLik(fit)), coef(fit),
    stats::setNames(sqrt(diag(vcov(fit)) * m / (m - 1)), paste0("se:", names(coef(fit)))),
    stats::setNames(variances, paste0("variance:", names(variances))),
    if (family(fit)$family == "gaussian") c("variance:residual" = sigma(fit)^2)
  )
  unname(all[names])
}

# Fits of models-survey.R as compute-survey-peers.R has them, by their names there.
survey_peer_fit <- function(model) {
  scale <- strsplit(model, "-")[[1L]][2L]
  d <- survey_data()
  two <- survey_weights(d$row, d$subject, scale)
  three <- survey_weights(d$row, d$group, scale, inner = d$subject)
  if (model == "logit-none-three") {
    return(glmm(y ~ x + (1 | school / class), survey_pupils(), binomial(),
      nAGQ = 7, weights = survey_weights(row, top, "none", inner)
    ))
  }
  if (startsWith(model, "logit")) {
    return(glmm(slow ~ Days + (1 | Subject), d, binomial(), nAGQ = 31, weights = two))
  }
  if (endsWith(model, "three")) {
    return(quietly(glmm(Reaction ~ Days + (1 | Group / Subject), d, weights = three)))
  }
  glmm(Reaction ~ Days + (1 | Subject), d, weights = two)
}

survey_data <- function() survey_sleepstudy(reference_csv("sleepstudy.csv"))

survey_example <- function(n = 12L, seed = 3) {
  set.seed(seed)
  d <- data.frame(g = rep(seq_len(n), times = rep(3:6, length.out = n)))
  d$x <- round(rnorm(nrow(d)), 2)
  b <- rnorm(n)[d$g]
  eta <- 0.3 + 0.5 * d$x + b
  d$y <- rbinom(nrow(d), 1, plogis(eta))
  d$count <- rpois(nrow(d), exp(eta / 2))
  d$z <- eta + rnorm(nrow(d))
  d$positive <- rgamma(nrow(d), 2, 2 / exp(eta))
  d$w <- round(runif(nrow(d), 0.5, 4), 2)
  d$v <- round(runif(n, 1, 9), 1)[d$g]
  d
}

survey_fit <- function(d, scale = "none", formula = y ~ x + (1 | g), family = binomial(),
                       weights = survey_weights(d$w, d$v, scale), ...) {
  quietly(glmm(formula, d, family, weights = weights, ...))
}

# The rows' weights after scaling, in words of the help.
by_hand <- function(d, scale) {
  by_cluster <- function(x, f) ave(x, d$g, FUN = f)
  if (scale == "gk") return(list(w = rep(1, nrow(d)), v = by_cluster(d$w * d$v, mean)))
  factor <- switch(scale,
    none = 1, size = by_cluster(d$w, function(w) length(w) / sum(w)),
    effective = by_cluster(d$w, function(w) sum(w) / sum(w^2))
  )
  list(w = d$w * factor, v = d$v)
}

# The terms of log L by cluster, at any psi, by sums over a grid of u.
brute_terms <- function(d, psi, weights, density) {
  u <- seq(-12, 12, length.out = 961)
  eta <- outer(psi[1] + psi[2] * d$x, psi[3] * u, "+")
  log_f <- rowsum(weights$w * density(d, eta, psi), d$g)
  log_f <- log_f + rep(dnorm(u, log = TRUE), each = nrow(log_f))
  top <- apply(log_f, 1L, max)
  weights$v[!duplicated(d$g)] * (top + log(rowSums(exp(log_f - top)) * (u[2] - u[1])))
}

survey_models <- function() {
  list(
    binomial = list(y ~ x + (1 | g), binomial(), function(d, eta, psi) {
      matrix(dbinom(d$y, 1, plogis(eta), log = TRUE), nrow(eta))
    }),
    probit = list(y ~ x + (1 | g), binomial("probit"), function(d, eta, psi) {
      matrix(dbinom(d$y, 1, pnorm(eta), log = TRUE), nrow(eta))
    }),
    poisson = list(count ~ x + (1 | g), poisson(), function(d, eta, psi) {
      matrix(dpois(d$count, exp(eta), log = TRUE), nrow(eta))
    }),
    gaussian = list(z ~ x + (1 | g), gaussian(), function(d, eta, psi) {
      matrix(dnorm(d$z, eta, exp(psi[4] / 2), log = TRUE), nrow(eta))
    }),
    Gamma = list(positive ~ x + (1 | g), Gamma("log"), function(d, eta, psi) {
      phi <- exp(psi[4])
      matrix(dgamma(d$positive, 1 / phi, scale = phi * exp(eta), log = TRUE), nrow(eta))
    })
  )
}

test_that("printed estimates of Stata and GLLAMM, of two levels and of three", {
  d <- survey_data()
  printed <- utils::read.csv(reference_csv("survey-published.csv"))
  rows <- function(...) survey_weights(..., scale = "none")
  three <- rows(d$row_2, d$group_2, inner = d$subject_2)
  fits <- list(
    "stata-rows" = glmm(Reaction ~ Days + (1 | Subject), d, weights = rows(twice)),
    "stata-three" = glmm(Reaction ~ Days + (1 | Group / Subject), d, weights = three),
    "stata-slope" = glmm(Reaction ~ Days + (Days || Group) + (1 | Subject), d, weights = three),
    "gllamm-logit" = glmm(slow ~ Days + (1 | Subject), d, binomial(), nAGQ = 25,
      weights = rows(twice)
    )
  )
  for (model in names(fits)) {
    published <- printed[printed$model == model, ]
    ours <- survey_quantities(fits[[model]], published$quantity, 18)
    expect_true(all(abs(ours - published$value) <= published$tolerance), label = model)
  }
})

# Robust standard errors of the coefficients of a linear model with `(1 | g)`, as if its variances
# were known, times m / (m - 1), from the scores of m clusters. P_j = diag(w) / sigma^2 less what
# the random effect takes.
beta_alone_se <- function(fit, X, y, g, weights) {
  sigma2 <- sigma(fit)^2
  tau2 <- drop(as.matrix(VarCorr(fit)[[1L]]))
  r <- drop(y - X %*% coef(fit))
  pieces <- lapply(split(seq_along(y), g), function(rows) {
    w <- weights$rows[rows] / sigma2
    X_j <- X[rows, , drop = FALSE]
    PX <- w * X_j - outer(w, drop(crossprod(X_j, w))) / (sum(w) + 1 / tau2)
    W <- weights$clusters[rows[1L]]
    list(score = W * drop(crossprod(PX, r[rows])), H = W * crossprod(PX, X_j))
  })
  S <- do.call(rbind, lapply(pieces, `[[`, "score"))
  J <- solve(Reduce(`+`, lapply(pieces, `[[`, "H")))
  sqrt(diag(J %*% crossprod(S) %*% J) * nrow(S) / (nrow(S) - 1))
}

test_that("the PISA data, printed by Stata", {
  d <- utils::read.csv(reference_csv("pisa.csv"))
  covariates <- isei ~ female + high_school + college + one_for + both_for + test_lang
  fit <- glmm(update(covariates, . ~ . + (1 | id_school)), d,
    weights = survey_weights(w_fstuwt, wnrschbw, "size")
  )
  published <- utils::read.csv(reference_csv("survey-published.csv"))
  published <- published[published$model == "stata-pisa", ]
  size <- stats::ave(d$w_fstuwt, d$id_school, FUN = function(w) w / mean(w))
  se <- beta_alone_se(fit, model.matrix(covariates, d), d$isei, d$id_school,
    list(rows = size, clusters = d$wnrschbw)
  )
  ours <- survey_quantities(fit, published$quantity, 148)
  of_se <- startsWith(published$quantity, "se:")
  ours[of_se] <- se[sub("se:", "", published$quantity[of_se])]
  expect_true(all(abs(ours - published$value) <= published$tolerance))
})

test_that("estimates, pseudo-likelihood and standard errors of WeMix", {
  peers <- utils::read.csv(reference_csv("survey-peers.csv"))
  for (model in unique(peers$model)) {
    fit <- survey_peer_fit(model)
    peer <- peers[peers$model == model, ]
    ours <- survey_quantities(fit, peer$quantity, cluster_count(fit$design))
    se <- startsWith(peer$quantity, "se:")
    expect_equal(ours[!se], peer$value[!se], tolerance = 1e-6, label = model)
    # of a linear model its sandwich has beta alone
    linear <- startsWith(model, "linear")
    expect_equal(ours[se], peer$value[se], label = model,
      tolerance = if (!linear) 1e-6 else if (endsWith(model, "three")) 1e-2 else 2e-3
    )
  }
})

test_that("the pseudo-likelihood is its integral, whatever the family and scale", {
  d <- survey_example()
  for (name in names(survey_models())) {
    model <- survey_models()[[name]]
    for (scale in c("none", "size", "effective", "gk")) {
      fit <- survey_fit(d, scale, model[[1L]], model[[2L]], nAGQ = 51)
      weights <- by_hand(d, scale)
      value <- sum(brute_terms(d, fit_psi(fit), weights, model[[3L]]))
      expect_equal(as.numeric(logLik(fit)), value, tolerance = 1e-8, label = paste(name, scale))
    }
  }
})

test_that("the sandwich is that of scores and curvature by differences", {
  skip_if_not_installed("numDeriv")
  d <- survey_example()
  for (name in c("binomial", "gaussian", "Gamma")) {
    model <- survey_models()[[name]]
    fit <- survey_fit(d, "effective", model[[1L]], model[[2L]], nAGQ = 51)
    weights <- by_hand(d, "effective")
    terms <- function(psi) brute_terms(d, psi, weights, model[[3L]])
    psi <- unname(fit_psi(fit))
    scores <- numDeriv::jacobian(terms, psi)
    expect_lt(max(abs(colSums(scores))), 1e-4)
    J <- solve(-numDeriv::hessian(function(psi) sum(terms(psi)), psi))
    expect_equal(unname(vcov(fit, full = TRUE)), J %*% crossprod(scores) %*% J,
      tolerance = 1e-5, label = name
    )
    skip_if_not_installed("sandwich")
    expect_equal(sandwich::sandwich(fit), vcov(fit), tolerance = 1e-8)
  }
})

test_that("whole weights are copies of clusters and of rows", {
  d <- survey_example()
  d$w <- 1 + (seq_along(d$g) %% 3L)
  d$v <- 1 + (d$g %% 2L)
  copies <- d[rep(seq_along(d$g), d$w), ]
  twice <- copies[copies$v == 2, ]
  twice$g <- twice$g + 100
  copies <- rbind(copies, twice)
  for (formula in c(y ~ x + (1 | g), y ~ x + (x | g), count ~ x + (1 | g), z ~ x + (1 | g))) {
    family <- switch(all.vars(formula)[1L], y = binomial(), count = poisson(), z = gaussian())
    fit <- survey_fit(d, "none", formula, family, nAGQ = 11)
    whole <- quietly(glmm(formula, copies, family, nAGQ = 11))
    expect_equal(coef(fit), coef(whole), tolerance = 1e-6)
    expect_equal(fit$theta, whole$theta, tolerance = 1e-5)
    expect_equal(as.numeric(logLik(fit)), as.numeric(logLik(whole)), tolerance = 1e-9)
  }
})

test_that("weights of one are no weights, and the Laplace approximation takes them too", {
  d <- transform(survey_example(), w = 1, v = 1)
  for (nAGQ in c(1, 9)) {
    fit <- survey_fit(d, "size", nAGQ = nAGQ)
    plain <- quietly(glmm(y ~ x + (1 | g), d, binomial(), nAGQ = nAGQ))
    expect_equal(coef(fit), coef(plain), tolerance = 1e-7)
    expect_equal(as.numeric(logLik(fit)), as.numeric(logLik(plain)), tolerance = 1e-10)
    expect_equal(vcov(fit), vcov(plain, "robust"), tolerance = 1e-6)
  }
})

test_that("order of rows, factors of weights and grouped rows make no difference", {
  d <- survey_example()
  fit <- survey_fit(d, "size", nAGQ = 9)
  mixed <- survey_fit(d[sample(nrow(d)), ], "size", nAGQ = 9)
  expect_equal(coef(mixed), coef(fit), tolerance = 1e-7)
  expect_equal(vcov(mixed), vcov(fit), tolerance = 1e-6)
  for (method in c("size", "effective")) {
    one <- survey_fit(d, method, nAGQ = 9)
    # overall weights, and weights of clusters in other units
    other <- survey_fit(transform(d, w = w * v, v = 7 * v), method, nAGQ = 9)
    expect_equal(coef(other), coef(one), tolerance = 1e-6)
    expect_equal(vcov(other), vcov(one), tolerance = 1e-5)
  }
  d$w <- d$v + (d$x > 0)
  d$x <- as.numeric(d$x > 0)
  grouped <- stats::aggregate(cbind(y, n = 1) ~ x + g + w + v, d, sum)
  expect_equal(
    coef(survey_fit(grouped, "size", cbind(y, n - y) ~ x + (1 | g), nAGQ = 9)),
    coef(survey_fit(d, "size", nAGQ = 9)), tolerance = 1e-6
  )
})

test_that("missing weights and `subset` leave rows out, before weights are scaled", {
  d <- survey_example()
  kept <- d[-c(2, 30), ]
  d$w[2] <- NA
  d$v[30] <- NA
  expect_equal(coef(survey_fit(d, "size", nAGQ = 9)), coef(survey_fit(kept, "size", nAGQ = 9)))
  some <- quietly(glmm(y ~ x + (1 | g), kept, binomial(),
    nAGQ = 9, subset = x < 1, weights = survey_weights(w, v)
  ))
  expect_equal(coef(some), coef(survey_fit(kept[kept$x < 1, ], "size", nAGQ = 9)))
  expect_equal(nobs(some), sum(kept$x < 1))
})

test_that("all that is printed and tested has the sandwich, and says so", {
  fit <- survey_fit(survey_example(), "effective", nAGQ = 9)
  se <- sqrt(diag(vcov(fit)))
  expect_equal(summary(fit)$coefficients$std.error, unname(se))
  expect_output(print(summary(fit)), "cluster-robust \\(sandwich\\)")
  expect_output(print(fit), "pseudo-maximum likelihood")
  expect_output(print(fit), "survey weights of rows and clusters, scaled to the\\s+effective size")
  limits <- unclass(confint(fit))["x", ]
  expect_equal(unname(diff(limits)), unname(2 * qt(0.975, 11) * se["x"]), tolerance = 1e-6)
  expect_output(print(odds_ratios(fit)), "cluster-robust")
  expect_s3_class(anova(fit), "anova")
  expect_true(is.na(generics::glance(fit)$AIC))
  expect_output(utils::str(fit), "cluster_weights")
})

test_that("standardized means are those of the population, with weights that are not scaled", {
  d <- survey_example()
  d$x <- as.numeric(d$x > 0)
  fit <- survey_fit(d, "size", nAGQ = 25)
  found <- marginal_standardization(fit, "x")
  u <- seq(-9, 9, length.out = 301)
  mean_at <- function(psi, x) {
    sum(plogis(psi[1] + psi[2] * x + psi[3] * u) * dnorm(u)) * (u[2] - u[1])
  }
  psi <- fit_psi(fit)
  expect_equal(found$means$estimate, c(mean_at(psi, 0), mean_at(psi, 1)), tolerance = 1e-7)
  # means of a model with one more covariate depend on the weights
  d$c <- d$w + d$x
  fit <- survey_fit(d, "size", y ~ x + c + (1 | g), nAGQ = 25)
  psi <- fit_psi(fit)
  risk <- function(psi, x, weight) {
    eta <- psi[1] + psi[2] * x + psi[3] * d$c
    p <- vapply(eta, function(e) sum(plogis(e + psi[4] * u) * dnorm(u)) * (u[2] - u[1]), 0)
    sum(weight * p) / sum(weight)
  }
  found <- marginal_standardization(fit, "x", covariates = "fixed")
  expect_equal(found$means$estimate, c(risk(psi, 0, d$w * d$v), risk(psi, 1, d$w * d$v)),
    tolerance = 1e-7
  )
  skip_if_not_installed("numDeriv")
  g <- numDeriv::grad(function(psi) risk(psi, 1, d$w * d$v), psi)
  expect_equal(found$means$std.error[2L], sqrt(drop(g %*% vcov(fit, full = TRUE) %*% g)),
    tolerance = 1e-5
  )
  expect_output(print(found), "with their survey weights")
  cluster <- marginal_standardization(fit, "x", average = "cluster")
  share <- d$w / ave(d$w, d$g, FUN = sum) * d$v
  expect_equal(cluster$means$estimate[2L], risk(psi, 1, share), tolerance = 1e-7)
  expect_error(marginal_standardization(fit, "x", vcov = "KC"), class = "margmix_error_survey")
  expect_error(marginal_standardization(fit, "x", random_effects = "eb"),
    class = "margmix_error_survey"
  )
})

test_that("diagnose_integration() weighs clusters", {
  d <- survey_example()
  found <- diagnose_integration(survey_fit(d, formula = count ~ x + (1 | g), family = poisson()))
  finest <- found$table$logLik[nrow(found$table)]
  expect_lt(abs(found$importance$logLik - finest), 5 * found$importance$std.error)
  expect_lt(found$error, 1e-4)
  d$h <- d$g %% 4
  for (formula in c(y ~ x + (1 | g), y ~ x + (1 | h / g))) {
    rough <- survey_fit(d, formula = formula, weights = survey_weights(d$w, d$h + 1), nAGQ = 3)
    found <- diagnose_integration(rough)
    finest <- found$table$logLik[nrow(found$table)]
    expect_equal(found$error, abs(as.numeric(logLik(rough)) - finest), tolerance = 1e-6)
    expect_equal(abs(sum(found$clusters$difference)), found$error, tolerance = 1e-8)
  }
})

test_that("bad weights end in errors that name them", {
  d <- survey_example()
  refused <- function(d, pattern, ...) {
    expect_error(survey_fit(d, ...), pattern, class = "margmix_error_survey_weights")
  }
  refused(transform(d, v = v + (seq_along(v) == 5)), "`g` 2")
  refused(transform(d, v = -v), "`clusters`, must be positive")
  refused(transform(d, w = replace(w, 3, 0)), "row 3")
  refused(transform(d, w = replace(w, 4, Inf)), "Inf")
  refused(transform(d, w = as.character(w)), "numeric vector")
  refused <- function(...) expect_error(survey_weights(...), class = "margmix_error_survey_weights")
  refused()
  refused(1:3, 1:4)
  expect_error(survey_weights(1:3, scale = "big"), class = "margmix_error_argument")
})

test_that("what needs a likelihood is refused with the reason", {
  d <- survey_example()
  fit <- survey_fit(d, "size", nAGQ = 9)
  plain <- quietly(glmm(y ~ x + (1 | g), d, binomial(), nAGQ = 9))
  smaller <- survey_fit(d, "size", y ~ 1 + (1 | g), nAGQ = 9)
  survey <- function(expr) {
    expect_error(quietly(expr), class = "margmix_error_survey", label = deparse(substitute(expr)))
  }
  survey(vcov(fit, "KR"))
  survey(vcov(fit, "model"))
  survey(summary(fit, vcov = "KC"))
  survey(anova(fit, smaller))
  survey(anova(plain, fit))
  survey(AIC(fit))
  survey(AIC(plain, fit))
  survey(BIC(fit))
  survey(drop1(fit))
  survey(confint(fit, method = "profile"))
  survey(profile(fit))
  survey(bootstrap(fit, 5))
  survey(refit(fit, d$y))
  survey(compare_distributions(fit))
  survey(mass_points(fit))
  survey(diagnose_endogeneity(fit))
  survey(conditional_logistic(fit))
  survey(survey_fit(d, REML = TRUE))
  survey(survey_fit(d, penalty = "soft"))
  survey(survey_fit(d, control = glmm_control(weights_type = "frequency")))
  d$h <- d$g %% 6
  d$k <- d$h %% 3
  d$l <- seq_along(d$g) %% 5
  survey(survey_fit(d, formula = y ~ x + (1 | k / h / g)))
  survey(survey_fit(d, formula = y ~ x + (1 | g) + (1 | l)))
  survey(gee(y ~ x, d, g, family = binomial(), weights = survey_weights(w, v)))
  expect_equal(AIC(plain), -2 * as.numeric(logLik(plain)) + 6)
})

test_that("shards refuse them", {
  d <- survey_example()
  expect_error(
    glmm(y ~ x + (1 | g), in_shards(d, "g"), binomial(), weights = survey_weights(w, v)),
    "survey weights", class = "margmix_error_shards"
  )
})
