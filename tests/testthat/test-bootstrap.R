test_that("several responses have the estimates of one refit each", {
  models <- list(
    glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial()),
    glmm(seizures ~ treatment + period + (1 | subject), epilepsy, nbinom2(), nAGQ = 9),
    glmm(Reaction ~ Days + (Days | Subject), read.csv(reference_csv("sleepstudy.csv")))
  )
  for (fit in models) {
    new <- simulate(fit, 6, seed = 3)
    many <- refit(fit, new)
    for (j in 1:6) {
      one <- quietly(refit(fit, new[j]))
      one_row <- quantities_of(one, unname(fit_psi(one)), one$Lambda)
      expect_equal(unlist(many[j, seq_along(one_row)]), one_row,
        tolerance = 1e-4, ignore_attr = TRUE
      )
      # a rule chosen anew differs by its error
      expect_equal(many$logLik[j], one$logLik, tolerance = 1e-5)
    }
  }
  matrix <- refit(models[[2]], as.matrix(simulate(models[[2]], 2, seed = 3)))
  expect_equal(matrix, refit(models[[2]], simulate(models[[2]], 2, seed = 3)))
})

test_that("a response without random variation has a zero, and one without a fit is named", {
  fit <- glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial())
  even <- round(infection$n * ifelse(infection$treatment == "drug", 0.5, 0.25))
  none <- 0 * even
  expect_message(
    found <- refit(fit, list(even = cbind(even, infection$n - even),
      none = cbind(none, infection$n))),
    class = "margmix_note_failed_refits"
  )
  expect_identical(found["even", "sd_(Intercept)|clinic"], 0)
  model <- glm(cbind(even, infection$n - even) ~ treatment, binomial(), infection)
  expect_equal(unlist(found["even", 1:2]), coef(model), tolerance = 1e-6, ignore_attr = TRUE)
  expect_true(is.na(found["none", 1]) && !is.na(found["none", "failed"]))
})

test_that("each replicate has its seed, here and on a cluster", {
  fit <- glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial(),
    nAGQ = 5)
  boot <- suppressWarnings(bootstrap(fit, 10, seed = 4))
  expect_identical(suppressWarnings(bootstrap(fit, 10, seed = 4)), boot)
  again <- refit(fit, list(simulate(fit, 1, seed = boot$seeds[7])[[1]], fit$frame$frame[[1]]))
  expect_equal(unlist(again[1, 1:3]), boot$replicates[7, ], tolerance = 1e-12)
  skip_on_cran()
  cl <- parallel::makeCluster(1L)
  on.exit(parallel::stopCluster(cl))
  expect_identical(suppressWarnings(bootstrap(fit, 10, seed = 4, cl = cl)), boot)
})

test_that("intervals are those of package boot", {
  skip_if_not_installed("boot")
  fit <- glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial(),
    nAGQ = 5)
  boot <- suppressWarnings(bootstrap(fit, 199, seed = 2))
  t <- boot$replicates[is.finite(boot$replicates[, 2]), 2]
  v <- boot$replicate_se[is.finite(boot$replicates[, 2]), 2]^2
  shell <- list(R = length(t), t0 = boot$estimate[2], t = matrix(t), call = quote(boot(sim = "p")),
    data = 1, sim = "ordinary", stype = "i", strata = 1, weights = 1)
  class(shell) <- "boot"
  L <- quantity_influence(fit)[, 2]
  theirs <- boot::boot.ci(shell,
    conf = 0.9, type = c("perc", "bca"), t0 = boot$estimate[[2]], t = t, L = L
  )
  pair <- replace(shell, c("t0", "t"), list(c(boot$estimate[2], boot$se[2]^2), cbind(t, v)))
  student <- boot::boot.ci(pair, conf = 0.9, type = "stud", index = 1:2)$student
  ours <- function(method) unname(confint(boot, 2, 0.9, method)[1, ])
  expect_equal(ours("percentile"), theirs$percent[4:5], tolerance = 1e-10)
  expect_equal(ours("bca"), theirs$bca[4:5], tolerance = 1e-10)
  expect_equal(ours("studentized"), student[4:5], tolerance = 1e-10)
})

test_that("clusters drawn with replacement are clusters of their own", {
  fit <- gee(outcome ~ treat + sex, respiratory, id = patient, family = binomial())
  design <- with_seed(9, drawn_clusters(fit$design))
  drawn <- sub("\\.[0-9]+$", "", design$levels)
  rows <- unlist(lapply(drawn, function(label) which(respiratory$patient == label)))
  data <- respiratory[rows, ]
  data$unit <- rep(seq_along(drawn), diff(design$start))
  again <- gee(outcome ~ treat + sex, data, id = unit, family = binomial())
  found <- bootstrap_quantities(fit, design)
  expect_equal(found$estimate, again$beta, tolerance = 1e-6)
  expect_equal(found$se, unname(sqrt(diag(vcov(again, "robust")))), tolerance = 1e-6)
  boot <- bootstrap(fit, 200, seed = 1)
  expect_equal(apply(boot$replicates, 2, sd), sqrt(diag(vcov(fit))), tolerance = 0.15)
})

test_that("limits of confint(method = \"boot\") are those of bootstrap()", {
  fit <- glmm(cbind(success, n - success) ~ treatment + (1 | clinic), infection, binomial(),
    nAGQ = 5)
  boot <- suppressWarnings(bootstrap(fit, 20, seed = 2))
  limits <- suppressWarnings(
    confint(fit, "all", method = "boot", B = 20, seed = 2, interval = "bca")
  )
  expect_identical(limits, confint(boot, method = "bca"))
  expect_snapshot(boot)
  expect_snapshot(error = TRUE, {
    bootstrap(fit, 0.5)
    bootstrap(fit, 20, type = "residual")
    bootstrap(fit, 20, cl = 2)
    bootstrap(gee(outcome ~ treat, respiratory, id = patient, family = binomial()), 20,
      type = "parametric")
    bootstrap(stats::lm(age ~ sex, respiratory))
    confint(boot, "dose")
    confint(fit, method = "boot", vcov = "KC")
  })
})

test_that("the number of replicates under the names that others have for it is a hint", {
  fit <- result_fit("infection")
  hint <- "`B` is the number of replicates."
  expect_error(bootstrap(fit, nsim = 20), hint, fixed = TRUE, class = "margmix_error_argument")
  expect_error(bootstrap(fit, R = 20), hint, fixed = TRUE, class = "margmix_error_argument")
  expect_error(confint(fit, method = "boot", nsim = 20), hint,
    fixed = TRUE, class = "margmix_error_argument"
  )
})
