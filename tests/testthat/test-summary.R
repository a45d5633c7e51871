test_that("the table is estimate, SE, t and p, with the covariance asked for", {
  fit <- result_fit("infection")
  for (type in c("model", "robust", "KC")) {
    table <- summary(fit, vcov = type, df = 11)$coefficients
    se <- sqrt(diag(vcov(fit, type)))
    expect_equal(table$std.error, unname(se))
    expect_equal(table$statistic, unname(coef(fit) / se))
    expect_equal(table$p.value, 2 * pt(-abs(table$statistic), 11))
    expect_equal(table$conf.high, unname(coef(fit) + qt(0.975, 11) * se))
  }
  given <- summary(fit, vcov = 4 * vcov(fit), df = Inf)$coefficients
  expect_equal(given$std.error, 2 * unname(sqrt(diag(vcov(fit)))))
  expect_equal(given$p.value, 2 * pnorm(-abs(given$statistic)))
  expect_equal(vcov(summary(fit, vcov = "robust")), vcov(fit, "robust"))
})

test_that("default df are Kenward and Roger's, of few clusters and of many", {
  # 8 clinics, 273 patients; the treatment varies within clinics
  fit <- result_fit("infection")
  table <- summary(fit)$coefficients
  degrees <- chosen_df(fit, "kenward-roger", chosen_vcov(fit, "KR"))
  expect_identical(table$df, unname(degrees$df))
  expect_gt(table$df[1], 7)
  expect_lt(table$df[1], 9)
  expect_identical(table$df[2], 273 - 2)
  expect_identical(vcov(summary(fit)), vcov(fit, type = "KR"))
  # with the model-based matrix they are those at its own variances
  model <- summary(fit, vcov = "model")
  expect_match(model$words, "Kenward-Roger df")
  expect_equal(model$coefficients$df, table$df, tolerance = 0.1)
})

test_that("with many clusters the model-based matrix is the default", {
  set.seed(4)
  d <- data.frame(g = rep(1:800, each = 4), x = rnorm(3200))
  d$y <- rbinom(3200, 1, plogis(d$x + rnorm(800)[d$g]))
  fit <- glmm(y ~ x + (1 | g), d, binomial(), nAGQ = 9)
  many <- summary(fit)
  expect_identical(many$type, "model")
  expect_match(many$words, "model-based (small-sample correction below 1%), 800", fixed = TRUE)
  expect_match(many$words, "Kenward-Roger df")
  se <- function(type) sqrt(diag(vcov(fit, type)))
  expect_lt(max(abs(se("KR") / se("model") - 1)), 0.01)
})

test_that("other df: clusters for what varies between them, rows for what varies within", {
  table <- summary(result_fit("infection"), df = "between-within")$coefficients
  expect_identical(table$df, c(8 - 1, 273 - 8 - 1))
  # 111 patients, 444 rows; all columns are constant in patients
  table <- summary(result_fit("respiratory"), df = "between-within")$coefficients
  expect_identical(table$df, rep(111 - 5, 5))
  table <- summary(result_fit("infection"), vcov = "robust")$coefficients
  expect_identical(table$df, c(7, 7))
  kc <- summary(result_fit("infection"), vcov = "KC")$coefficients
  expect_equal(kc$df, contrast_df(result_fit("infection")))
})

test_that("the between-cluster share is the intraclass correlation of a column", {
  design <- list(
    X = cbind(1, c(1, 1, 2, 2, 5, 5), c(0, 1, 0, 1, 0, 1), c(1, 2, 2, 3, 5, 7)),
    start = c(0L, 2L, 4L, 6L), levels = c("a", "b", "c"), trials = rep(1, 6), weights = rep(1, 6),
    weights_type = "prior"
  )
  share <- cluster_shares(design)$share
  expect_identical(share[1:3], c(1, 1, 0))
  table <- anova(lm(design$X[, 4] ~ factor(c(1, 1, 2, 2, 3, 3))))
  ms <- table[["Mean Sq"]]
  expect_equal(share[4], (ms[1] - ms[2]) / (ms[1] + ms[2]))
  # K = 3, N = 6, 2 constant columns
  expect_identical(between_within_df(design), c(1, 1, 1, 1))
})

test_that("grouped and single binary rows have the same inference", {
  grouped <- result_fit("infection")
  rows <- rep(1:16, infection$n)
  long <- infection[rows, c("clinic", "treatment")]
  long$y <- as.numeric(sequence(infection$n) <= rep(infection$success, infection$n))
  single <- glmm(y ~ treatment + (1 | clinic), long, binomial(), nAGQ = 25)
  expect_equal(summary(single)$coefficients, summary(grouped)$coefficients, tolerance = 1e-6)
  expect_equal(summary(single, vcov = "KC")$coefficients,
    summary(grouped, vcov = "KC")$coefficients,
    tolerance = 1e-6
  )
})

test_that("the bound of the integration error is from K, 2K + 1 and 4K + 3 nodes, and holds", {
  fit <- glmm(
    cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial(), nAGQ = 3
  )
  change <- abs(engine_loglik_at(fit, 7) - fit$logLik)
  second <- abs(engine_loglik_at(fit, 15) - engine_loglik_at(fit, 7))
  expect_equal(summary(fit)$error, 2 * change + second / (1 - second / change))
  exact <- sum(binomial_clusters(fit, fit_psi(fit)))
  expect_lt(abs(fit$logLik - exact), summary(fit)$error)
  expect_identical(summary(result_fit("lmm"))$error, 0)
  expect_identical(integration_error(fit, budget = 10), NA_real_)
})

test_that("a robust SE far from the model-based one is noted", {
  s <- summary(result_fit("toenail"))
  expect_equal(s$se_ratio,
    sqrt(diag(vcov(result_fit("toenail"), "robust")) / diag(vcov(result_fit("toenail"), "model")))
  )
  expect_match(s$remarks[["robust"]], "scheduled (1.6", fixed = TRUE)
  expect_false("robust" %in% names(summary(result_fit("toenail"), vcov = "KC")$remarks))
})

test_that("few degrees of freedom are noted, very few and high leverage are warned of", {
  data <- transform(infection, arm = as.numeric(clinic %in% 1:2))
  fit <- glmm(cbind(success, n - success) ~ treatment + arm + (1 | clinic), data, binomial())
  expect_snapshot(invisible(summary(fit, vcov = "KC")))
  remarks <- suppressWarnings(summary(fit, vcov = "KC"))$remarks
  expect_match(remarks[["few_clusters"]], "arm (df 1.9)", fixed = TRUE)
  expect_warning(summary(fit, vcov = "KC", df = 3), NA)
  data$arm <- as.numeric(data$clinic == "1")
  fit <- glmm(cbind(success, n - success) ~ treatment + arm + (1 | clinic), data, binomial())
  expect_snapshot(invisible(summary(fit, vcov = "KC")))
})

test_that("bad arguments are refused", {
  fit <- result_fit("infection")
  expect_snapshot(summary(fit, vcov = "HC3"), error = TRUE)
  expect_snapshot(summary(fit, vcov = diag(3)), error = TRUE)
  expect_snapshot(summary(fit, df = -1), error = TRUE)
  expect_snapshot(summary(fit, level = 95), error = TRUE)
  expect_snapshot(summary(fit, vcv = "KC"), error = TRUE)
  expect_error(summary(fit, df = "kenwood"), class = "margmix_error_argument")
  expect_error(summary(fit, vcov = -vcov(fit)), class = "margmix_error_vcov")
})

test_that("the print has rule, error, sizes, convergence and what the coefficients are", {
  expect_snapshot(summary(result_fit("infection")), transform = without_convergence)
  expect_snapshot(summary(result_fit("epilepsy"), vcov = "KC"), transform = without_convergence)
  expect_snapshot(summary(result_fit("zero"), df = Inf), transform = without_convergence)
})

test_that("a model without fixed effects can be summarised", {
  fit <- glmm(seizures ~ 0 + (1 | subject), epilepsy, poisson(), nAGQ = 5)
  expect_identical(nrow(summary(fit)$coefficients), 0L)
  expect_output(print(summary(fit)), "no fixed effects", fixed = TRUE)
  expect_output(print(fit), "no fixed effects", fixed = TRUE)
})

test_that("the limit of convergence that is printed is the one of the fit", {
  control <- glmm_control(tolerance = 1e-6)
  fit <- glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial(),
    nAGQ = 5, control = control
  )
  expect_output(print(summary(fit)), "(limit 1e-06)", fixed = TRUE)
})
