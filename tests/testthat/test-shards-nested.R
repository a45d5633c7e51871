# Nested models of shards: the fit to all rows in memory is the independent reference.

nested_shards <- nested_data()
nested_shards$l <- with(nested_shards, paste0("l", 10 * a + b)) # inner ids that are distinct
nested_shards$third <- nested_shards$row > 2
nested_shards$arm <- factor(nested_shards$a %% 2)
nested_shards$f <- factor(ifelse(nested_shards$x > 0, "u", "v"))

test_that("nested fits to shards are those to all rows", {
  d <- nested_shards
  s <- in_shards(d, "a")
  same <- function(formula, family, nAGQ = c(5, 3), ..., tolerance = 1e-10) {
    settings <- list(formula, family = family, nAGQ = nAGQ, control = exactly(), ...)
    fits <- lapply(list(s, d), function(data) {
      quietly(do.call(glmm, c(settings, list(data = data))))
    })
    expect_same_fit(fits[[1L]], fits[[2L]], tolerance)
    expect_equal(fits[[1L]]$rule, fits[[2L]]$rule, tolerance = 1e-6)
    expect_identical(fits[[1L]]$convergence$pd, fits[[2L]]$convergence$pd)
    expect_equal(ngrps(fits[[1L]]), ngrps(fits[[2L]]))
  }
  same(y ~ x + (1 | a / b), binomial(), "auto")
  same(count ~ x + (x || a) + (1 | b:a), poisson(), 3)
  same(response ~ x + (1 | a) + (x | l), gaussian())
  same(response ~ x + arm + (1 | a / b), gaussian(), REML = TRUE, tolerance = 1e-7)
  same(exp(response) ~ x + (1 | a / b), Gamma("log"), c(3, 1))
  same(count ~ x + (1 | a / b), nbinom1(), 1, offset = quote(x), subset = quote(row < 4))
  same(response ~ x + (1 | a / b / third), gaussian())
  same(count ~ x + (1 | a / b / third), poisson(), 1, tolerance = 1e-9)
})

test_that("what a nested fit to shards answers is that of all rows", {
  d <- nested_shards
  fit <- function(data) {
    quietly(glmm(y ~ f + arm + (1 | a / b), data, binomial(), nAGQ = c(5, 3), control = exactly()))
  }
  new <- rbind(d[c(1, 7, 30), ], transform(d[1:3, ], a = c(1, 99, 99), b = c(77, 1, 2)))
  one <- function(fit) quietly(update(fit, . ~ f + arm + (1 | a), nAGQ = 5))
  there <- fit(in_shards(d, "a"))
  here <- fit(d)
  for (answer in expression(
    vcov(fit, "KC"), vcov(fit, "MBN"), vcov(fit, "robust"), vcov(fit, "KR"),
    summary(fit)$coefficients, summary(fit, vcov = "KC")$coefficients,
    summary(fit, df = "between-within")$coefficients,
    summary(fit, vcov = "robust")$coefficients, as.data.frame(ranef(fit)),
    as.data.frame(ranef(fit, type = "median")), predict(fit, new, se.fit = TRUE),
    predict(fit, new, type = "response", random_effects = "integrate", se.fit = TRUE),
    as.data.frame(marginal_standardization(fit, "f", vcov = "KC")),
    as.data.frame(marginal_standardization(fit, "arm", by = "f", average = "cluster")),
    confint(fit, "fv", method = "profile"), as.data.frame(anova(one(fit), fit))
  )) {
    told <- lapply(list(there, here), function(fit) quietly(eval(answer)))
    expect_equal(told[[1L]], told[[2L]], tolerance = 1e-8, label = deparse(answer)[1L])
  }
})

test_that("any split of the outer clusters is the same data, in any order the same bits", {
  d <- transform(nested_shards, a = letters[a])
  reference <- glmm(count ~ x + (1 | a / b), d, poisson(), nAGQ = 3, control = exactly())
  estimates <- function(fit) c(unclass(fit)[c("beta", "theta", "logLik", "vcov_full")], ranef(fit))
  set.seed(4)
  for (count in c(2, 4, 15)) { # 15 shards of one outer cluster each
    part <- sample(c(seq_len(count), sample(count, 15 - count, TRUE)))
    pieces <- split(d, part[match(d$a, letters)])
    fits <- lapply(list(identity, rev, sample), function(order) {
      pieces <- order(pieces)
      kept <- if (count > 2) Inf else 0
      s <- shards(seq_along(pieces), "a", function(k) pieces[[k]], memory = kept)
      glmm(count ~ x + (1 | a / b), s, poisson(), nAGQ = 3, control = exactly())
    })
    expect_same_fit(fits[[1L]], reference)
    for (fit in fits[-1L]) expect_identical(estimates(fit), estimates(fits[[1L]]))
  }
})

test_that("models that are not nested in the clusters of the shards are refused", {
  d <- nested_shards
  s <- in_shards(d, "a")
  refuse <- function(formula, text, data = s) {
    error <- expect_error(glmm(formula, data, poisson()), class = "margmix_error_shards")
    expect_match(conditionMessage(error), text, fixed = TRUE)
  }
  refuse(count ~ (1 | b / a), "`b`, `b:a`\n  Hint: shards(files, id = ) names the coarsest")
  refuse(count ~ (1 | a) + (1 | arm), "nested in each other")
  d$pair <- d$a %/% 2 # whole in one of the shards, but coarser than what they keep whole
  refuse(count ~ (1 | pair) + (1 | a), "nested in each other", shards(
    list(d$pair < 4, d$pair >= 4), "a", function(rows) d[rows, ]
  ))
  expect_error(shards(list(d$a < 9, d$a > 7), "a", function(rows) d[rows, ]),
    "A cluster is spread over several shards", class = "margmix_error_shards"
  )
  d$same <- d$a + 100
  expect_error(glmm(count ~ (1 | a) + (1 | same), in_shards(d, "a"), poisson()),
    class = "margmix_error_not_identified"
  )
  d$row_of_all <- seq_len(nrow(d))
  expect_error(glmm(y ~ (1 | a / row_of_all), in_shards(d, "a"), binomial()),
    "one 0/1 response per level of `a:row_of_all`", class = "margmix_error_not_identified"
  )
})

test_that("each function of a nested fit works or is refused with class shards", {
  s <- in_shards(nested_shards, "a")
  fit <- quietly(glmm(y ~ f + (1 | a / b), s, binomial(), nAGQ = 3))
  new <- nested_shards[1:5, ]
  calls <- list(
    works = expression(
      print(fit), summary(fit), tidy(fit), glance(fit), report(fit), anova(fit), drop1(fit),
      VarCorr(fit), cluster_coefficients(fit), isSingular(fit), diagnose_convergence(fit)
    ),
    refused = expression(
      predict(fit), fitted(fit), residuals(fit), simulate(fit), augment(fit), model.matrix(fit),
      influence(fit), rank_clusters(fit), marginal_coefficients(fit),
      compare_effects(fit), anova(fit, vcov = "KC"), bootstrap(fit, 2), diagnose_endogeneity(fit),
      marginal_standardization(fit, "f", random_effects = "eb"), diagnose_integration(fit),
      diagnose_overdispersion(fit), intraclass_correlation(fit), marginal_covariance(fit),
      getME(fit, "u"), getME(fit, "flist"), component(fit, "X")
    )
  )
  for (outcome in names(calls)) {
    for (call in as.list(calls[[outcome]])) {
      expect_identical(answer_of(eval(call)), outcome, label = deparse(call)[1L])
    }
  }
  expect_output(print(fit), "15 of `a`, 45 of `a:b` (nested), in 3 shards", fixed = TRUE)
})
