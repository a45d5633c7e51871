test_that("likelihood ratio test of fixed effects", {
  large <- result_fit("infection")
  small <- update(large, . ~ . - treatment)
  table <- anova(large, small, df = Inf)
  statistic <- 2 * (as.numeric(logLik(large)) - as.numeric(logLik(small)))
  expect_identical(rownames(table), c("small", "large"))
  expect_identical(table$npar, c(2, 3))
  expect_equal(table$Chisq[2], statistic)
  expect_equal(table[["Pr(>Chisq)"]][2], pchisq(statistic, 1, lower.tail = FALSE))
  expect_equal(table$AIC, c(AIC(small), AIC(large)))
})

test_that("one random column: mixture of chi^2 with r - 1 and r", {
  slope <- result_fit("lmm")
  independent <- result_fit("independent")
  intercept <- glmm(y ~ x + (1 | id), gaussian_data())
  none <- lm(y ~ x, gaussian_data())
  upper <- function(x, df) pchisq(x, df, lower.tail = FALSE)

  table <- anova(intercept, slope)
  expect_equal(table[["Pr(>Chisq)"]][2], mean(upper(table$Chisq[2], 1:2)))
  table <- anova(intercept, independent)
  expect_equal(table[["Pr(>Chisq)"]][2], upper(table$Chisq[2], 1) / 2)
  table <- anova(intercept, none)
  expect_equal(table$logLik[1], as.numeric(logLik(none)))
  expect_equal(table[["Pr(>Chisq)"]][2], upper(table$Chisq[2], 1) / 2)
  # a correlation is inside its range
  table <- anova(independent, slope)
  expect_equal(table[["Pr(>Chisq)"]][2], upper(table$Chisq[2], 1))
  # a fixed effect with it
  table <- anova(update(intercept, . ~ . - x), slope)
  expect_equal(table[["Pr(>Chisq)"]][2], mean(upper(table$Chisq[2], 2:3)))
})

test_that("a variance of zero has p = 1", {
  fit <- result_fit("zero")
  none <- lm(y ~ x, no_variance_data())
  expect_equal(anova(fit, none)[["Pr(>Chisq)"]][2], 1, tolerance = 1e-3)
})

test_that("several random columns: conservative and said so, or simulated", {
  slope <- result_fit("lmm")
  none <- lm(y ~ x, gaussian_data())
  table <- anova(slope, none)
  expect_equal(table[["Pr(>Chisq)"]][2], pchisq(table$Chisq[2], 3, lower.tail = FALSE))
  expect_match(paste(attr(table, "heading"), collapse = "\n"), "conservative", fixed = TRUE)
  simulated <- anova(slope, none, nsim = 9, seed = 1)
  expect_equal(simulated[["Pr(>Chisq)"]][2], 0.1)
  expect_identical(simulated, anova(slope, none, nsim = 9, seed = 1))
})

test_that("simulated statistics follow the mixture", {
  skip_on_cran()
  fit <- glmm(cbind(r, n - r) ~ seed + (1 | plate), seeds, binomial(), nAGQ = 5)
  none <- glm(cbind(r, n - r) ~ seed, binomial(), seeds)
  null <- simulated_statistics(none, fit, 200, seed = 3)
  expect_length(null, 200)
  expect_true(all(null >= 0))
  # half of the mass is at 0 (a little more with 21 plates), and the tail is that of chi^2 / 2
  expect_gt(mean(null < 1e-6), 0.4)
  expect_lt(mean(null > qchisq(0.9, 1)), 0.1)
})

test_that("the likelihood of a model without random effects is that of glm()", {
  fit <- glmm(cbind(r, n - r) ~ seed + (1 | plate), seeds, binomial(), nAGQ = 5)
  none <- glm(cbind(r, n - r) ~ seed, binomial(), seeds)
  expect_equal(loglik_for(none, fit, seeds$r), as.numeric(logLik(none)))
  flat <- lm(y ~ x, gaussian_data())
  expect_equal(loglik_for(flat, result_fit("lmm"), gaussian_data()$y), as.numeric(logLik(flat)))
})

test_that("fits are brought to the finest rule among them", {
  coarse <- glmm(cbind(success, n - success) ~ 1 + (1 | clinic), infection, binomial(), nAGQ = 1)
  fine <- result_fit("infection")
  table <- anova(coarse, fine)
  same <- update(coarse, nAGQ = 25)
  expect_equal(table$logLik[1], as.numeric(logLik(same)))
  expect_snapshot(table)
  nodes <- common_nodes(list(coarse, fine), lapply(list(coarse, fine), level_nodes))
  expect_identical(nodes, rep(list(c(clinic = 25L)), 2))
})

test_that("rules of fits with different grouping factors are matched factor by factor", {
  data <- nested_data()
  nested <- glmm(y ~ x + (1 | a / b), data, binomial(), nAGQ = c(5, 9))
  single <- glmm(y ~ x + (1 | a), data, binomial(), nAGQ = 7)
  table <- anova(single, nested)
  expect_equal(table$logLik[1], single$logLik)
  expect_equal(table$logLik[2], as.numeric(logLik(update(nested, nAGQ = c(7, 9)))))

  data$c <- rep_len(1:4, nrow(data))
  crossed <- glmm(y ~ x + (1 | a / b) + (1 | c), data, binomial())
  table <- anova(nested, crossed)
  expect_equal(table$logLik[1], as.numeric(logLik(update(nested, nAGQ = 1))))
  expect_equal(table$logLik[2], crossed$logLik)
  expect_match(attr(table, "heading"), "rule of the others, Laplace approximation", all = FALSE)
})

test_that("restricted likelihoods compare where the fixed effects are the same", {
  reml <- result_fit("reml")
  intercept <- glmm(y ~ x + (1 | id), gaussian_data(), REML = TRUE)
  expect_equal(anova(reml, intercept)$logLik, c(intercept$logLik, reml$logLik))
  mean_only <- glmm(y ~ 1 + (x | id), gaussian_data(), REML = TRUE)
  plain <- glm(y ~ x, data = gaussian_data())
  expect_snapshot(error = TRUE, {
    anova(mean_only, reml)
    anova(intercept, result_fit("lmm"))
    anova(reml, plain)
  })

  # the adjusted likelihood of another family, with its own rule on both sides
  small <- glmm(cbind(r, n - r) ~ seed + (1 | plate), seeds, binomial(), nAGQ = 9, REML = TRUE)
  large <- suppressMessages(update(small, . ~ . - (1 | plate) + (seed || plate), nAGQ = 5))
  finer <- suppressMessages(update(large, nAGQ = 9))
  table <- anova(small, large)
  expect_equal(table$logLik[1], small$logLik)
  expect_equal(table$logLik[2], as.numeric(logLik(finer)), tolerance = 1e-7)
  expect_error(anova(small, update(small, . ~ . - seed)), class = "margmix_error_anova_restricted")
})

test_that("fits that can't be compared are refused", {
  fit <- result_fit("lmm")
  fewer <- glmm(y ~ x + (1 | id), gaussian_data()[-1, ])
  expect_snapshot(anova(fit, fewer), error = TRUE)
  other <- glmm(I(2 * y) ~ x + (1 | id), gaussian_data())
  expect_snapshot(anova(fit, other), error = TRUE)
  data <- transform(gaussian_data(), half = id < "g", z = x^2)
  clusters <- suppressMessages(glmm(y ~ x + (1 | half), data))
  expect_snapshot(anova(fit, clusters), error = TRUE)
  covariate <- glmm(y ~ z + (1 | id), data)
  expect_snapshot(anova(fit, covariate), error = TRUE)
  expect_snapshot(anova(fit, result_fit("infection")), error = TRUE)
  expect_snapshot(anova(fit, test = "Chisq"), error = TRUE)
})

test_that("Wald tests of terms", {
  fit <- result_fit("respiratory")
  table <- anova(fit)
  expect_identical(rownames(table), c("treat", "center", "age", "treat:center"))
  coefficients <- summary(fit)$coefficients
  expect_equal(table[["F value"]], coefficients$statistic[c(2, 3, 4, 5)]^2)
  expect_equal(table[["Pr(>F)"]], coefficients$p.value[c(2, 3, 4, 5)])
  visits <- glmm(outcome ~ factor(visit) + (1 | patient), respiratory, binomial(), nAGQ = 5)
  b <- coef(visits)[2:4]
  statistic <- sum(b * solve(vcov(visits)[2:4, 2:4], b)) / 3
  expect_equal(anova(visits, df = "between-within")[["F value"]], statistic)
  reference <- joint_df(chosen_df(visits, "default", chosen_vcov(visits, "KR")), diag(4)[2:4, ])
  expect_equal(anova(visits)[["F value"]], reference$scale * statistic)
  expect_equal(anova(visits)[["Den Df"]], reference$df)
  expect_identical(anova(visits)$Df, 3)
  expect_snapshot(anova(fit, vcov = "KC"))
  expect_identical(nrow(anova(glmm(outcome ~ 1 + (1 | patient), respiratory, binomial()))), 0L)
})

test_that("Wald tests of several coefficients with few clusters are those of marginal models", {
  few <- subset(respiratory, patient %in% unique(patient)[1:14])
  fit <- glmm(outcome ~ factor(visit) + (1 | patient), few, binomial(), nAGQ = 9)
  found <- anova(fit, vcov = "KC")
  C <- diag(4)[-1L, ]
  expect_equal(found$`F value`, wald_statistic(fixef(fit), C, vcov(fit, "KC")) / 3)
  expect_equal(found$`Pr(>F)`,
    joint_test(fit, C, vcov(fit, "KC"), "KC", list(count = 30000, seed = 1))$p.value)
  expect_match(heading_text(found), "draws under the working model")
  expect_identical(anova(fit, vcov = "KC", df = Inf)$`Den Df`, Inf)
})

test_that("fits may have names", {
  large <- result_fit("infection")
  small <- update(large, . ~ 1 + (1 | clinic))
  named <- anova(null = small, full = large)
  expect_identical(rownames(named), c("null", "full"))
  expect_identical(do.call(anova, list(full = large, null = small)), named, ignore_attr = "heading")
  expect_equal(named$Chisq, anova(small, large)$Chisq)
})

test_that("with few clusters a fixed effect is tested by simulation on request", {
  large <- glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial(),
    nAGQ = 5)
  small <- update(large, . ~ . - treatment)
  table <- anova(small, large, df = Inf)
  expect_match(attr(table, "heading"), "too small for effects between 8 clusters", all = FALSE)
  simulated <- anova(small, large, nsim = 19, seed = 1)
  expect_match(attr(simulated, "heading"), "19 data sets simulated", all = FALSE)
  # the same statistics by full fits to the same responses
  null <- simulated_statistics(small, large, 5, seed = 1)
  full <- with_seed(1, vapply(1:5, function(i) {
    y <- simulated_response(small, large)
    loglik <- function(fit) {
      fit$design$y <- as.numeric(y)
      refit_at(fit, 5)$logLik
    }
    2 * (loglik(large) - loglik(small))
  }, 0))
  expect_equal(null, full, tolerance = 1e-5)
  p <- simulated[["Pr(>Chisq)"]][2]
  expect_equal(p, (1 + sum(simulated_statistics(small, large, 19, 1) >= table$Chisq[2])) / 20)
})
