# Numbers of the vignettes against closed forms and other packages

test_that("odds ratios of 2 in clinics with risks of 10% and 50% are 1.72 in the population", {
  risk <- c(low = 0.1, high = 0.5)
  treated <- c(low = 2 / 11, high = 2 / 3)
  trial <- expand.grid(arm = c("control", "treated"), clinic = 1:40)
  kind <- ifelse(trial$clinic <= 20, "low", "high")
  trial$events <- round(330 * ifelse(trial$arm == "treated", treated[kind], risk[kind]))
  y <- cbind(events, 330 - events) ~ arm
  odds <- function(p) p / (1 - p)
  exact <- odds(14 / 33) / odds(0.3)
  expect_equal(round(exact, 2), 1.72)
  mixed <- glmm(update(y, . ~ . + (1 | clinic)), trial, binomial())
  marginal <- gee(y, trial, id = clinic, family = binomial())
  expect_equal(odds_ratios(mixed)$estimate, 2, tolerance = 2e-3)
  expect_equal(odds_ratios(marginal)$estimate, exact, tolerance = 1e-8)
  standardized <- as.data.frame(marginal_standardization(mixed, "arm",
    random_effects = "eb", covariates = "fixed", vcov = "model"))
  ratio <- standardized$estimate[standardized$type == "odds_ratio"]
  expect_equal(ratio, exact, tolerance = 2e-3)
  difference <- standardized$estimate[standardized$type == "difference"]
  expect_equal(difference, 14 / 33 - 0.3, tolerance = 2e-3)
})

test_that("trials of catheters: the model with random studies is metafor's", {
  skip_if_not_installed("metafor")
  skip_if_not_installed("metadat")
  skip_if_not_installed("lme4")
  trials <- metadat::dat.nielweise2007
  long <- data.frame(
    study = rep(trials$study, 2), half = rep(c(0.5, -0.5), each = 18),
    y = c(trials$ai, trials$ci), n = c(trials$n1i, trials$n2i)
  )
  long$coated <- long$half + 0.5
  fit <- glmm(cbind(y, n - y) ~ coated + (1 | study) + (0 + half | study), long, binomial(),
    nAGQ = 1
  )
  found <- suppressWarnings(metafor::rma.glmm(
    measure = "OR", ai = ai, n1i = n1i, ci = ci, n2i = n2i, data = trials, model = "UM.RS",
    drop00 = FALSE, nAGQ = 1
  ))
  expect_equal(fixef(fit)[["coated"]], as.vector(found$beta), tolerance = 1e-3)
  expect_equal(component(fit, "Sigma")[2, 2], found$tau2, tolerance = 5e-3)
})

test_that("trials of catheters: given the totals infections are noncentral hypergeometric", {
  skip_if_not_installed("metadat")
  trials <- metadat::dat.nielweise2007
  long <- data.frame(
    study = rep(trials$study, 2), coated = rep(1:0, each = nrow(trials)),
    events = c(trials$ai, trials$ci), n = c(trials$n1i, trials$n2i)
  )
  found <- conditional_logistic(cbind(events, n - events) ~ coated, long, id = study)
  loglik <- function(effect) {
    sum(mapply(function(y, total, n1, n2) {
      x <- max(0, total - n2):min(total, n1)
      terms <- exp(dhyper(x, n1, n2, total, log = TRUE) + x * effect)
      log(terms[x == y] / sum(terms))
    }, trials$ai, trials$ai + trials$ci, trials$n1i, trials$n2i))
  }
  best <- optimize(loglik, c(-4, 2), maximum = TRUE, tol = 1e-9)$maximum
  expect_equal(unname(coef(found)), best, tolerance = 1e-6)
})

test_that("lip cancer in Scotland: the fit has the likelihood of dense algebra, at its maximum", {
  lips <- read.csv(system.file("extdata", "lip-cancer.csv", package = "margmix"))
  # 536 cases, and 264 entries in the list of neighbours, in the BUGS example of these data
  expect_identical(c(nrow(lips), sum(lips$cases)), c(56L, 536L))
  near <- lapply(strsplit(lips$neighbours, " "), as.integer)
  expect_length(unlist(near), 264L)
  W <- matrix(0, 56, 56, dimnames = list(lips$district, lips$district))
  for (i in 1:56) W[i, near[[i]]] <- 1
  formula <- cases ~ I(outdoor / 10) + offset(log(expected)) + bym2(1 | district, W)
  fit <- suppressMessages(glmm(formula, lips, poisson()))
  value <- function(fit) {
    dense_laplace_loglik(fit, list(`bym2(district)` = areas_covariance(W, list(1:56), 1)))
  }
  expect_equal(fit$logLik, value(fit), tolerance = 1e-6)
  expect_lt(max(abs(dense_slope(fit, value)[1:3])), 1e-4)
  less <- function(phi) {
    dense_laplace_loglik(fit, list(`bym2(district)` = areas_covariance(W, list(1:56), phi)))
  }
  expect_lt(less(0.9), value(fit))
  # the effect of outdoor work is half of that in independent districts
  alone <- update(fit, . ~ I(outdoor / 10) + offset(log(expected)) + (1 | district))
  expect_equal(coef(fit)[[2L]] / coef(alone)[[2L]], 0.52, tolerance = 0.01)
})

test_that("body length of mice: the fit is that of dense algebra", {
  skip_if_not_installed("BGLR")
  mice <- new.env()
  data("mice", package = "BGLR", envir = mice)
  d <- data.frame(
    id = as.character(mice$mice.pheno$SUBJECT.NAME), sex = mice$mice.pheno$GENDER,
    cage = as.character(mice$mice.pheno$cage), length = mice$mice.pheno$Obesity.BodyLength
  )
  A <- mice$mice.A
  fit <- glmm(length ~ sex + known(1 | id, covariance = A) + (1 | cage), d, REML = TRUE)
  expect_equal(fit$logLik, dense_linear_loglik(fit, list(`known(id)` = A), TRUE), tolerance = 1e-9)
  shares <- c(fit$theta^2, fit$phi) / sum(fit$theta^2, fit$phi)
  expect_equal(unname(shares), c(0.37, 0.20, 0.43), tolerance = 0.02)
})

test_that("what was put into the simulated vignettes is within the limits of their fits", {
  within <- function(truth, limits) expect_true(all(limits[, 1L] < truth & truth < limits[, 2L]))
  set.seed(4)
  d <- expand.grid(week = 1:20, patient = 1:60)
  d$drug <- as.integer(d$patient > 30)
  state <- replicate(60, 0.8 * arima.sim(list(ar = 0.8), 20, sd = sqrt(1 - 0.8^2)))
  d$seizures <- rpois(nrow(d), exp(1 - 0.5 * d$drug + as.vector(state)))
  series <- glmm(
    seizures ~ drug + ar1(week + 0 | patient), d[runif(nrow(d)) > 1 / 6, ], poisson()
  )
  within(c(1, -0.5, 0.8, 0.8), confint(series, "all"))
  set.seed(12)
  one <- matrix(c(
    1, 0, .5, .5, .5, 0, 1, .5, .5, .5, .5, .5, 1, .5, .5, .5, .5, .5, 1, .5, .5, .5, .5, .5, 1
  ), 5)
  people <- data.frame(id = as.character(1:3000))
  K <- Matrix::kronecker(Matrix::Diagonal(600), one)
  dimnames(K) <- list(people$id, people$id)
  genes <- as.vector(sqrt(1.5) * crossprod(chol(one), matrix(rnorm(3000), 5)))
  people$exposed <- rbinom(3000, 1, 0.4)
  log_odds <- -2 + 0.8 * people$exposed + genes + rnorm(3000, 0, sqrt(0.5))
  people$ill <- rbinom(3000, 5, plogis(log_odds))
  disorder <- glmm(
    cbind(ill, 5 - ill) ~ exposed + known(1 | id, covariance = K) + (1 | id), people, binomial()
  )
  within(c(-2, 0.8, sqrt(1.5), sqrt(0.5)), confint(disorder, "all"))
})

test_that("shares of lineage and place in a tissue are within their limits", {
  skip_if_not_installed("ape")
  set.seed(8)
  lineage <- ape::rcoal(300, paste0("cell", 1:300))
  along <- function(variance) {
    height <- max(ape::node.depth.edgelength(lineage))
    ape::rTraitCont(lineage, sigma = sqrt(variance / height))[lineage$tip.label]
  }
  descent <- along(0.5)
  cells <- data.frame(
    cell = lineage$tip.label, x = 2 * along(1) + runif(300, -1.5, 1.5),
    y = 2 * along(1) + runif(300, -1.5, 1.5), hypoxia = rnorm(300),
    slide = sample(paste0("slide", 1:8), 300, TRUE)
  )
  distance <- as.matrix(dist(cells[c("x", "y")]))
  root <- chol((1 + distance / 0.5) * exp(-distance / 0.5))
  place <- drop(sqrt(0.4) * crossprod(root, rnorm(300)))
  slides <- rnorm(8, 0, sqrt(0.1))[match(cells$slide, paste0("slide", 1:8))]
  eta <- 1.5 + 0.3 * cells$hypoxia + descent + place + slides + rnorm(300, 0, sqrt(0.2))
  cells$count <- rpois(300, exp(eta))
  fit <- glmm(
    count ~ hypoxia + phylo(1 | cell, lineage) + mat(x + y | 1) + (1 | slide) + (1 | cell),
    cells, poisson()
  )
  found <- intraclass_correlation(fit)$variances
  put_in <- c(0.5, 0.4, 0.1, 0.2)
  shares <- put_in / sum(found$variance[c(1L, 6L)], put_in)
  expect_true(all(found$conf.low[2:5] < shares & shares < found$conf.high[2:5]))
  limits <- confint(fit, "all")
  truth <- c(1.5, 0.3, sqrt(put_in), 0.5)
  expect_true(all(limits[, 1L] < truth & truth < limits[, 2L]))
})
