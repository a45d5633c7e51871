# What a fit to shards answers: everything either works or is an error of class shards.

test_that("each function works or is refused with class shards", {
  s <- in_shards(shard_sample, "g")
  fit <- glmm(bin ~ x + f + (1 | g), s, binomial(), nAGQ = 3)
  small <- glmm(bin ~ x + (1 | g), s, binomial(), nAGQ = 3)
  new <- shard_sample[1:5, ]
  calls <- list(
    works = expression(
      print(fit), summary(fit), summary(fit, vcov = "KC"), coef(fit), fixef(fit), vcov(fit),
      vcov(fit, "KC"), vcov(fit, "MBN"), vcov(fit, "robust"), vcov(fit, full = TRUE), confint(fit),
      confint(small, "x", method = "profile"), logLik(fit), AIC(fit), BIC(fit), deviance(fit),
      nobs(fit), ngrps(fit), df.residual(fit), sigma(fit), formula(fit), terms(fit), family(fit),
      anova(fit), anova(small, fit), drop1(fit), add1(small, ~ . + f), extractAIC(fit),
      update(fit, . ~ . - f), odds_ratios(fit), VarCorr(fit), ranef(fit), tidy(fit), glance(fit),
      report(fit), marginal_standardization(fit, "f"), diagnose_convergence(fit),
      cluster_coefficients(fit), isSingular(fit), getME(fit, "theta"), predict(fit, new),
      predict(fit, new, type = "response", random_effects = "integrate", se.fit = TRUE)
    ),
    refused = expression(
      predict(fit), fitted(fit), residuals(fit), simulate(fit), refit(fit, shard_sample$bin),
      augment(fit), model.matrix(fit), model.frame(fit), component(fit, "X"), weights(fit),
      plot(fit), influence(fit), cooks.distance(fit), rank_clusters(fit),
      marginal_coefficients(fit), compare_effects(fit), anova(fit, vcov = "KC"),
      anova(small, fit, nsim = 2), marginal_standardization(fit, "f", newdata = new),
      bootstrap(fit, 2), diagnose_endogeneity(fit), diagnose_integration(fit),
      diagnose_overdispersion(fit), diagnose_distribution(fit), compare_distributions(fit),
      mass_points(fit), intraclass_correlation(fit), marginal_covariance(fit), plot_data(fit),
      plot_shrinkage(fit), dfbeta(fit), getME(fit, "X")
    )
  )
  for (outcome in names(calls)) {
    for (call in as.list(calls[[outcome]])) {
      expect_identical(answer_of(eval(call)), outcome, label = deparse(call)[1L])
    }
  }
})

test_that("so does each function of a marginal fit", {
  s <- in_shards(shard_sample, "g")
  fit <- gee(bin ~ x + f, s, g, family = binomial(), corstr = "exchangeable")
  new <- shard_sample[1:5, ]
  calls <- list(
    works = expression(
      print(fit), summary(fit), vcov(fit, "MBN"), confint(fit), coef(fit), fixef(fit), nobs(fit),
      sigma(fit), family(fit), formula(fit), terms(fit), df.residual(fit), anova(fit), qic(fit),
      update(fit, . ~ . - f), odds_ratios(fit), tidy(fit), glance(fit), report(fit),
      marginal_standardization(fit, "f"), predict(fit, new), component(fit, "scores"),
      component(fit, "alpha"), cooks.distance(fit)
    ),
    refused = expression(
      predict(fit), fitted(fit), residuals(fit), augment(fit), model.matrix(fit),
      component(fit, "X"), component(fit, "cluster_sizes"), weights(fit), influence(fit),
      bootstrap(fit, 2), vcov(fit, "jackknife-full"), model.frame(fit),
      marginal_standardization(fit, "f", newdata = new), gee(bin ~ x, s, g, ipw = t)
    )
  )
  for (outcome in names(calls)) {
    for (call in as.list(calls[[outcome]])) {
      expect_identical(answer_of(eval(call)), outcome, label = deparse(call)[1L])
    }
  }
})

test_that("one cluster in a shard, and clusters dealt in any way, are the same data", {
  d <- shard_sample
  reference <- quietly(glmm(bin ~ x + (1 | g), d, binomial(), nAGQ = 5, control = exactly()))
  set.seed(8)
  for (case in 1:4) {
    count <- c(2, 5, 9, 30)[case] # 30 shards of one cluster each
    part <- if (count == 30) 1:30 else sample(c(seq_len(count), sample(count, 30 - count, TRUE)))
    pieces <- split(d, part[d$g])
    fits <- lapply(list(identity, rev, sample), function(order) {
      pieces <- order(pieces)
      s <- shards(seq_along(pieces), "g", function(k) pieces[[k]])
      quietly(glmm(bin ~ x + (1 | g), s, binomial(), nAGQ = 5, control = exactly()))
    })
    same <- c("beta", "theta", "logLik", "vcov_full")
    for (fit in fits[-1L]) expect_identical(unclass(fit)[same], unclass(fits[[1L]])[same])
    expect_same_fit(fits[[1L]], reference)
  }
})
