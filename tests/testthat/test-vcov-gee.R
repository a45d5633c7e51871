one_step <- setdiff(gee_vcov_types, c("jackknife-joint", "jackknife-full"))

test_that("every matrix of a fit is its dense definition", {
  for (name in c("respiratory", "seizures")) {
    fit <- gee_fit(name)
    parts <- gee_equations(fit)
    for (type in one_step) {
      want <- dense_vcov(parts, type)
      expect_equal(unname(vcov(fit, type)), want, tolerance = 1e-10, label = paste(name, type))
    }
  }
  expect_identical(vcov(fit), vcov(fit, "KC"))
})

test_that("the fully iterated jackknife refits without each cluster", {
  fit <- gee_fit("respiratory")
  data <- model.frame(fit)
  ids <- unique(data[["(id)"]])
  beta <- t(vapply(ids, function(id) {
    kept <- data[data[["(id)"]] != id, ]
    coef(suppressMessages(gee(outcome ~ treat + age + baseline, kept,
      id = `(id)`, family = binomial(), corstr = "exchangeable"
    )))
  }, coef(fit)))
  K <- length(ids)
  steps <- sweep(beta, 2L, coef(fit))
  want <- (K - 4) / K * crossprod(steps)
  expect_equal(vcov(fit, "jackknife-full"), want, tolerance = 1e-6)
})

test_that("six cities, 16 children: standard errors printed by other software", {
  path <- test_path("..", "reference", "sixcities16.csv")
  skip_if_not(file.exists(path), "reference tables")
  children <- read.csv(path)
  children$city <- relevel(factor(children$city), "portage")
  fit <- gee(1 - wheeze ~ city + age + smoke, children,
    id = id, family = binomial(), corstr = "exchangeable",
    control = gee_control(alpha_method = "sas")
  )
  se <- function(type) unname(sqrt(diag(vcov(fit, type))))
  printed <- list(
    model = c(2.4743, 0.6959, 0.2376, 0.4510), robust = c(3.0561, 0.6882, 0.2789, 0.3613),
    KC = c(3.17768, 0.74732, 0.28968, 0.39324), MD = c(3.30589, 0.81229, 0.30107, 0.42926),
    FG = c(3.50719, 0.76113, 0.32296, 0.38856), FW = c(3.24242, 0.78048, 0.29543, 0.41165)
  )
  for (type in names(printed)) {
    digits <- if (type %in% c("model", "robust")) 4L else 5L
    expect_equal(round(se(type), digits), printed[[type]], label = type)
  }
})

test_that("geepack's approximate jackknife is (K - p - q - r) / K times MD", {
  path <- test_path("..", "reference", "gee-jackknife.csv")
  skip_if_not(file.exists(path), "reference tables")
  peer <- read.csv(path)
  for (set in unique(peer$set)) {
    for (corstr in unique(peer$corstr)) {
      own <- peer[peer$set == set & peer$corstr == corstr, ]
      fit <- switch(set,
        ohio = gee(resp ~ age * smoke, ohio,
          id = id, family = binomial(), corstr = corstr, scale = own$scale[1L],
          control = gee_control(alpha_method = "geepack", tolerance = 1e-12)
        ),
        respiratory = gee(outcome ~ treat + center + age, respiratory,
          id = patient, family = binomial(), corstr = corstr, scale = own$scale[1L],
          control = gee_control(alpha_method = "geepack", tolerance = 1e-12)
        )
      )
      factor <- with(own[1L, ], (clusters - p - q - r) / clusters)
      want <- matrix(own$value, own$p[1L])
      found <- unname(vcov(fit, "MD")) * factor
      expect_equal(found, want, tolerance = 1e-10, label = paste(set, corstr))
    }
  }
})

test_that("stata's robust matrix has K / (K - 1)", {
  fit <- update(gee_fit("factor"), control = gee_control(alpha_method = "stata"))
  K <- cluster_count(fit$design)
  pieces <- cluster_pieces(fit)
  expect_equal(unname(vcov(fit, "robust")), K / (K - 1) * engine_sandwich(pieces, "robust")$vcov)
})

test_that("default inference: KC with Satterthwaite df, in words", {
  fit <- gee_fit("respiratory")
  found <- coef_inference(fit)
  expect_identical(found$type, "KC")
  expect_equal(unname(found$df), contrast_df(fit, diag(4)))
  expect_match(found$words,
    "SE: cluster-robust, KC bias-corrected, 20 clusters; t intervals with Satterthwaite df",
    fixed = TRUE
  )
  K <- 20
  df <- function(rule, vcov = "KC") unname(coef_inference(fit, vcov, rule)$df)
  expect_equal(df("K-p"), rep(K - 4, 4))
  expect_equal(df("K-pb"), rep(K - 4, 4)) # every covariate is constant in patients
  expect_equal(df("default", "robust"), rep(K - 4, 4))
  expect_equal(df("pan-wall"),
    engine_sandwich(cluster_pieces(fit), "KC", rule = "pan-wall")$df)
  expect_equal(df("fay-graubard", "FG"),
    engine_sandwich(cluster_pieces(fit), "FG", rule = "fay-graubard")$df)
})

test_that("few clusters: notes, warnings, refusals", {
  data <- data.frame(
    y = c(1, 0, 1, 1, 0, 0, 1, 0, 1, 1, 0, 1, 0, 1, 1, 0, 1, 0), id = rep(1:6, each = 3),
    arm = rep(c("a", "b"), each = 9), x = rep(c(-1, 0, 1.5), 6)
  )
  fit <- gee(y ~ arm + x, data, id = id)
  expect_snapshot(invisible(coef_inference(fit)))
  expect_snapshot(coef_inference(update(fit, . ~ x))$notes)
  wide <- update(fit, . ~ factor(id))
  expect_snapshot(vcov(wide, "DF"), error = TRUE)
  expect_snapshot(invisible(coef_inference(wide)))
  expect_true(all(is.nan(vcov(wide))))
  expect_snapshot(vcov(fit, "CR2"), error = TRUE)
})
