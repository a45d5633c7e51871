working <- function(data, ...) {
  gee(y ~ treat + x, data, id = id, family = binomial(), corstr = "independence", ...)
}

expect_hand <- function(fit, exposure, hand, ..., tolerance = 1e-10) {
  for (type in c("KC", "jackknife", "robust")) {
    result <- marginal_standardization(fit, exposure,
      vcov = type, contrast = "difference", ...
    )
    expect_equal(result$means$estimate, c(hand[[1]]$mu, hand[[2]]$mu), tolerance = tolerance)
    expect_equal(
      result$contrasts$std.error^2, hand_variance(hand)[[type]], tolerance = 10 * tolerance,
      info = type
    )
  }
}

test_that("means and variances of randomized clusters are those computed by hand", {
  data <- small_trial()
  fit <- quietly(working(data, control = gee_control(tol = 1e-12)))
  share <- mean(tapply(data$treat, data$id, max))
  weight <- list(individual = rep(1, nrow(data)), cluster = 1 / data$size)
  for (average in names(weight)) {
    hand <- by_hand(data, "treat", weight[[average]], share, "clusters")
    expect_hand(fit, "treat", hand, average = average, randomized = TRUE)
    known <- by_hand(data, "treat", weight[[average]], 0.4)
    expect_hand(fit, "treat", known, average = average, randomized = c(`1` = 0.4, `0` = 0.6))
  }
  expect_equal(
    marginal_standardization(fit, "treat", randomized = c(0.6, 0.4))$means,
    marginal_standardization(fit, "treat", randomized = c(`1` = 0.4, `0` = 0.6))$means
  )
})

test_that("individuals randomized within clusters are counted by row", {
  data <- small_trial()
  fit <- gee(y ~ person + x, data, id = id, family = binomial(), corstr = "independence",
    control = gee_control(tol = 1e-12)
  )
  hand <- by_hand(data, "person", rep(1, nrow(data)), mean(data$person), "individuals")
  expect_hand(fit, "person", hand, randomized = TRUE)
  expect_hand(fit, "person", hand, randomized = "individuals")
})

test_that("propensities and their estimation are counted", {
  data <- small_trial()
  fit <- gee(y ~ person + x, data, id = id, family = binomial(), corstr = "independence",
    control = gee_control(tol = 1e-12)
  )
  exposure <- gee(person ~ x + size, data, id = id, family = binomial(),
    corstr = "independence", control = gee_control(tol = 1e-12)
  )
  model <- glm(person ~ x + size, binomial(), data, control = glm.control(1e-14))
  hand <- by_hand(data, "person", rep(1, nrow(data)), fitted(model))
  result <- marginal_standardization(fit, "person",
    propensity = exposure, contrast = "difference", vcov = "robust"
  )
  expect_equal(result$means$estimate, c(hand[[1]]$mu, hand[[2]]$mu), tolerance = 1e-10)
  # the influence of the propensity model, with a derivative by differences
  outcome <- glm(y ~ person + x, binomial(), data, control = glm.control(1e-14))
  difference <- function(gamma) {
    p <- plogis(drop(model.matrix(model) %*% gamma))
    own <- by_hand_means(outcome, data, p)
    own[2] - own[1]
  }
  h <- 1e-4
  slope <- vapply(1:3, function(j) {
    at <- function(step) difference(replace(coef(model), j, coef(model)[j] + step))
    (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)
  }, 0)
  score <- rowsum(model.matrix(model) * (data$person - fitted(model)), factor(data$id))
  phi <- hand[[2]]$phi - hand[[1]]$phi + drop(score %*% vcov(model) %*% slope)
  expect_equal(result$contrasts$std.error^2, sum(phi^2), tolerance = 1e-7)
})

test_that("a mixed model's means are integrated, and clusters left out are fitted again", {
  data <- small_trial()
  fit <- glmm(y ~ treat + x + (1 | id), data, binomial(), nAGQ = 25)
  share <- mean(tapply(data$treat, data$id, max))
  means <- vapply(0:1, function(a) {
    m <- brute_standardized(fit, transform(data, treat = a), rep(1, nrow(data)))$rows
    p <- if (a == 1) share else 1 - share
    mean(m + (data$treat == a) / p * (data$y - m))
  }, 0)
  result <- marginal_standardization(fit, "treat", randomized = "clusters", vcov = "jackknife-full")
  expect_equal(result$means$estimate, means, tolerance = 1e-9)
  left_out <- vapply(1:18, function(i) {
    rest <- data[data$id != i, ]
    again <- quietly(glmm(y ~ treat + x + (1 | id), rest, binomial(), nAGQ = 25))
    marginal_standardization(again, "treat", randomized = TRUE, contrast = "difference")$
      contrasts$estimate
  }, 0)
  difference <- result$contrasts$estimate[1]
  expect_equal(
    result$contrasts$std.error[1], sqrt(17 / 18 * sum((left_out - difference)^2)), tolerance = 1e-5
  )
})

test_that("one-step and fully iterated jackknife agree with many clusters", {
  set.seed(2)
  size <- rep(c(3, 9), 75)
  data <- data.frame(id = rep(1:150, size))
  data$treat <- (data$id %% 4 < 2) + 0
  b <- rnorm(150)
  data$x <- rnorm(nrow(data))
  data$y <- rbinom(nrow(data), 1, plogis(b[data$id] + 0.5 * data$treat + data$x))
  fit <- gee(y ~ treat + x, data, id = id, family = binomial())
  se <- vapply(c("jackknife", "jackknife-full"), function(type) {
    marginal_standardization(fit, "treat", randomized = TRUE, vcov = type)$contrasts$std.error
  }, numeric(3))
  expect_equal(se[, 1], se[, 2], tolerance = 1e-4)
})

test_that("the averages of a trial are those of MRStdCRT", {
  reference <- read.csv(reference_csv("randomized-peers.csv"))
  data <- subset(respiratory, !(visit == 4 & age > 35))
  data$mean_visit <- ave(data$visit, data$patient)
  share <- mean(tapply(data$treat == "A", data$patient, max))
  for (corstr in unique(reference$corstr)) {
    fit <- gee(outcome ~ treat + I(visit - mean_visit) + mean_visit + age + sex, data,
      id = patient, family = binomial(), corstr = corstr, control = gee_control(tol = 1e-10)
    )
    ours <- lapply(c(individual = "individual", cluster = "cluster"), function(average) {
      marginal_standardization(fit, "treat", average = average, randomized = c(1 - share, share))
    })
    peer <- reference[reference$corstr == corstr, ]
    tolerance <- if (corstr == "independence") 1e-6 else 2e-3
    for (average in names(ours)) {
      expect_equal(
        ours[[average]]$contrasts$estimate, peer[[average]], tolerance = tolerance
      )
    }
    if (corstr != "independence") next
    # their jackknife is around the mean of the estimates, and of ratios themselves
    full <- marginal_standardization(fit, "treat",
      average = "cluster", randomized = c(1 - share, share), vcov = "jackknife-full"
    )
    expect_equal(full$contrasts$std.error[1], peer$cluster_se[1], tolerance = 1e-4)
    test <- test_informative_size(fit, "treat", randomized = c(1 - share, share),
      contrast = "difference", vcov = "jackknife-full"
    )
    expect_equal(-test$statistic, peer$size_statistic[1], tolerance = 1e-3)
  }
})

test_that("single rows have the numbers of beeca and of SAS", {
  data <- read.csv(reference_csv("beeca-trial01.csv"))
  fit <- gee(aval ~ trtp + bl_cov, data, id = seq_along(aval), family = binomial(),
    corstr = "independence", scale = 1
  )
  robust <- marginal_standardization(fit, "trtp", randomized = TRUE, contrast = "difference")
  sas <- read.csv(reference_csv("randomized-published.csv"))
  sas <- setNames(sas$value, sas$name)
  expect_equal(robust$means$estimate, sas[c("risk_0", "risk_1")], tolerance = 1e-6,
    ignore_attr = TRUE
  )
  expect_equal(robust$contrasts$estimate, sas[["difference"]], tolerance = 1e-5)
  # another estimate of the same variance
  expect_equal(robust$contrasts$std.error, sas[["se_ye"]], tolerance = 0.006)
  given <- marginal_standardization(fit, "trtp",
    vcov = "model", covariates = "fixed", contrast = "difference", df = Inf
  )
  expect_equal(given$contrasts$std.error, sas[["se"]], tolerance = 1e-6)
  # their risks end 2e-7 before the maximum
  expect_equal(given$contrasts$conf.low, sas[["lower"]], tolerance = 2e-5)
})

test_that("subgroups add up", {
  data <- small_trial()
  data$side <- ifelse(data$x > 0.5, "right", "left")
  fit <- working(data)
  parts <- marginal_standardization(fit, "treat", by = "side", randomized = TRUE)
  whole <- marginal_standardization(fit, "treat", randomized = TRUE)
  total <- tapply(parts$means$estimate * parts$means$weight, parts$means$level, sum) /
    tapply(parts$means$weight, parts$means$level, sum)
  expect_equal(as.vector(total), whole$means$estimate, tolerance = 1e-12)
})

test_that("degrees of freedom are Welch's of the clusters' sizes", {
  result <- marginal_standardization(working(small_trial()), "treat", randomized = TRUE)
  data <- small_trial()
  size <- tapply(data$id, data$id, length)
  arm <- tapply(data$treat, data$id, max)
  d <- function(side) drop(result$assigned[[side]] %*% c(-1, 1))
  v <- tapply(d("left") * d("right"), arm, sum)
  df <- tapply(size, arm, function(n) sum(n^2)^2 / sum(n^4) - 1)
  expect_equal(result$contrasts$df[1], sum(v)^2 / sum(v^2 / df))
  jackknife <- marginal_standardization(working(small_trial()), "treat", randomized = TRUE,
    vcov = "jackknife")
  expect_equal(jackknife$contrasts$df, rep(16, 3))
})

test_that("prints say what the means rest on", {
  fit <- working(small_trial())
  expect_snapshot({
    marginal_standardization(fit, "treat", randomized = TRUE, contrast = "difference")
    marginal_standardization(fit, "treat", average = "cluster", contrast = "difference")
    test_informative_size(fit, "treat", randomized = c(0.6, 0.4))
  })
})

test_that("what can't be answered is refused", {
  data <- small_trial()
  fit <- working(data)
  one <- function(...) marginal_standardization(fit, "treat", ...)
  within <- gee(y ~ person + x, data, id = id, family = binomial())
  data$third <- ifelse(data$id == 1, 2, data$treat)
  three <- gee(y ~ factor(third) + x, data, id = id, family = binomial())
  even <- gee(outcome ~ treat, respiratory, id = patient, family = binomial())
  expect_snapshot(error = TRUE, {
    one(randomized = c(0, 1))
    one(randomized = c(0.2, 0.3, 0.5))
    one(randomized = "villages")
    one(randomized = TRUE, newdata = data)
    one(randomized = TRUE, estimand = "ATT")
    one(randomized = TRUE, vcov = "model")
    one(randomized = TRUE, propensity = fit)
    one(propensity = stats::glm(treat ~ x, binomial(), data))
    one(propensity = fit)
    marginal_standardization(within, "person", randomized = "clusters")
    marginal_standardization(three, "third", randomized = TRUE)
    marginal_standardization(within, "x", values = 0:1, randomized = TRUE)
    test_informative_size(even, "treat", randomized = TRUE)
    test_informative_size(fit, "treat")
  })
})
