# Likelihood ratios of fixed effects with few clusters, by Kenward and Roger's F.

ratio_data <- function(K = 8, seed = 3) {
  set.seed(seed)
  d <- data.frame(g = rep(seq_len(K), each = 12), x = rnorm(12 * K))
  d$arm <- d$g %% 2
  d$f <- factor(rep_len(c("a", "b", "c"), K)[d$g])
  d$y <- rnorm(K, 0, 1.2)[d$g] + 0.3 * d$x + rnorm(nrow(d))
  d$event <- rbinom(nrow(d), 1, plogis(d$y))
  d
}

test_that("the scale of one coefficient is the ratio of the variances", {
  large <- glmm(event ~ arm + x + (1 | g), ratio_data(), binomial(), nAGQ = 7)
  small <- update(large, . ~ . - arm)
  table <- anova(small, large)
  default <- summary(large)$coefficients["arm", ]
  model <- summary(large, vcov = "model")$coefficients["arm", ]
  statistic <- 2 * (as.numeric(logLik(large)) - as.numeric(logLik(small)))
  s <- (model$std.error / default$std.error)^2
  scaled <- default$df * expm1(s * statistic / default$df)
  expect_equal(table$Chisq[2L], statistic)
  expect_equal(table[["Pr(>Chisq)"]][2L], 2 * pt(-sqrt(scaled), default$df))
  expect_match(attr(table, "heading"), "Kenward and Roger's F = .* with 1 and", all = FALSE)
  # other codings of the same two models
  expect_equal(anova(small, update(large, . ~ I(3 * x - 1) + I(x + arm) + (1 | g))), table,
    ignore_attr = TRUE, tolerance = 1e-6
  )
  expect_lt(abs(table[["Pr(>Chisq)"]][2L] - anova(large)["arm", "Pr(>F)"]), 0.05)
})

test_that("a treatment of clusters of equal size has the t test of their means", {
  d <- ratio_data(6)
  large <- glmm(y ~ arm + (1 | g), d)
  means <- aggregate(y ~ g + arm, d, mean)
  exact <- t.test(y ~ arm, means, var.equal = TRUE)
  expect_equal(anova(update(large, . ~ 1 + (1 | g)), large)[["Pr(>Chisq)"]][2L], exact$p.value,
    tolerance = 1e-5
  )
  limits <- confint(large, "arm", method = "profile")
  expect_equal(sort(as.vector(-limits)), as.vector(exact$conf.int), tolerance = 1e-5)
})

test_that("several coefficients of a linear model have pbkrtest's F", {
  skip_if_not_installed("pbkrtest")
  skip_if_not_installed("lme4")
  d <- ratio_data(9)
  large <- glmm(y ~ f + x + (1 | g), d)
  small <- update(large, . ~ . - f)
  table <- anova(small, large)
  theirs <- lme4::lmer(y ~ f + x + (1 | g), d)
  peer <- pbkrtest::KRmodcomp(theirs, lme4::lmer(y ~ x + (1 | g), d))$test
  ml <- lme4::lmer(y ~ f + x + (1 | g), d, REML = FALSE)
  C <- diag(4L)[2:3, ]
  beta <- lme4::fixef(theirs)
  wald <- function(beta, V) sum(C %*% beta * solve(C %*% V %*% t(C), C %*% beta)) / 2
  scale <- peer["Ftest", "stat"] / wald(beta, as.matrix(vcov(ml)))
  nu <- peer["Ftest", "ddf"]
  expect_equal(table[["Pr(>Chisq)"]][2L],
    pf(nu / 2 * expm1(scale * table$Chisq[2L] / nu), 2, nu, lower.tail = FALSE), tolerance = 1e-2
  )
})

test_that("profile limits lie where the log-likelihood has fallen by t on their scale", {
  d <- ratio_data()
  fit <- glmm(event ~ arm + x + (1 | g), d, binomial(), nAGQ = 7)
  limits <- confint(fit, "arm", method = "profile")
  default <- summary(fit)$coefficients["arm", ]
  model <- summary(fit, vcov = "model")$coefficients["arm", ]
  fall <- (default$std.error / model$std.error)^2 *
    default$df * log1p(qt(0.975, default$df)^2 / default$df)
  for (limit in limits) {
    held <- glmm(event ~ x + offset(limit * arm) + (1 | g), d, binomial(), nAGQ = 7)
    expect_equal(2 * (as.numeric(logLik(fit)) - as.numeric(logLik(held))), fall, tolerance = 1e-4)
  }
  expect_output(print(limits), "by Kenward and Roger's t with df")
  usual <- confint(fit, "arm", method = "profile", df = Inf)
  expect_gt(diff(limits[1L, ]), diff(usual[1L, ]))
  expect_output(print(usual), "Too short for effects between 8 clusters")
  expect_equal(confint(profile(fit, "arm")), limits, tolerance = 1e-3, ignore_attr = TRUE)
  expect_equal(confint(profile(fit, "arm", df = Inf)), usual, tolerance = 1e-3, ignore_attr = TRUE)
})

test_that("chi^2 where there is nothing to allow for, or on request", {
  fit <- glmm(outcome ~ treat + age + (1 | patient), respiratory, binomial(), nAGQ = 7)
  small <- update(fit, . ~ . - age)
  if (identical(vcov(fit), vcov(fit, type = "model"))) {
    expect_match(attr(anova(small, fit), "heading"), "chi\\^2 with 1 df", all = FALSE)
  }
  few <- glmm(y ~ arm + (1 | g), ratio_data())
  null <- update(few, . ~ . - arm)
  table <- anova(null, few, df = Inf)
  expect_equal(table[["Pr(>Chisq)"]][2L], pchisq(table$Chisq[2L], 1, lower.tail = FALSE))
  expect_error(anova(null, few, df = 5), class = "margmix_error_argument")
  expect_error(profile(few, "arm", df = 5), class = "margmix_error_argument")
  # a variance and a coefficient: the mixture
  slope <- suppressMessages(glmm(y ~ arm + x + (x | g), ratio_data()))
  expect_match(attr(anova(few, slope), "heading"), "mixture", all = FALSE)
})
