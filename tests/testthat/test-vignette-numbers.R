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
