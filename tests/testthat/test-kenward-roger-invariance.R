# The same hypothesis asked in another way has the same test: random models, clusters that are few.

random_model <- function(seed) {
  set.seed(seed)
  K <- sample(6:14, 1L)
  g <- rep(seq_len(K), sample(3:9, K, TRUE))
  n <- length(g)
  random <- sample(c("(1 | g)", "(x | g)", "(x || g)", "(1 | h) + (1 | g)", "(1 | g/s)"), 1L)
  d <- data.frame(
    g = g, h = sample(5L, n, TRUE), s = sample(letters[1:3], n, TRUE), x = rnorm(n),
    z = rnorm(K)[g], f = factor(sample(c("a", "b", "c"), K, TRUE)[g], levels = c("a", "b", "c")),
    e = factor(sample(c("u", "v", "w"), n, TRUE))
  )
  if (length(unique(d$f)) < 3L) d$f <- factor(c("a", "b", "c")[g %% 3L + 1L])
  family <- list(gaussian(), binomial(), poisson())[[sample(3L, 1L)]]
  eta <- 0.3 * d$x + rnorm(K, sd = 0.7)[g] + rnorm(K, sd = 0.5)[g] * d$x
  d$y <- switch(family$family,
    gaussian = eta + rnorm(n), binomial = rbinom(n, 1L, plogis(eta)), poisson = rpois(n, exp(eta))
  )
  list(data = d, random = random, family = family)
}

# What is tested of terms that no coding changes: F, its degrees of freedom and p.
terms_of <- function(data, model, random = model$random, fixed = "x + z + f + e", ...) {
  formula <- as.formula(paste("y ~", fixed, "+", random))
  control <- glmm_control(tolerance = 1e-13)
  fit <- quietly(glmm(formula, data, model$family, nAGQ = 1, control = control, ...))
  table <- suppressWarnings(anova(fit, vcov = "KR"))
  as.matrix(table[order(rownames(table)), -1L])
}

expect_same_tests <- function(found, expected, info) {
  expect_equal(found, expected, tolerance = 1e-7, info = info, ignore_attr = TRUE)
}

test_that("the test of a hypothesis does not depend on how the model is written", {
  skip_on_cran()
  tried <- 0L
  for (seed in 1:12) {
    model <- random_model(seed)
    d <- model$data
    given <- tryCatch(terms_of(d, model),
      margmix_error_restricted = function(e) NULL, margmix_error_kenward_roger = function(e) NULL
    )
    if (is.null(given)) next
    tried <- tried + 1L
    info <- paste("seed", seed, model$random, model$family$family)
    expect_same_tests(terms_of(d, model, contrasts = list(f = "contr.sum", e = "contr.helmert")),
      given, paste(info, "contrasts")
    )
    releveled <- transform(d, f = relevel(f, "c"), e = relevel(e, "v"))
    expect_same_tests(terms_of(releveled, model), given, paste(info, "reference"))
    expect_same_tests(terms_of(d, model, fixed = "e + f + z + x"), given, paste(info, "columns"))
    # a new scale of x; a new origin where no uncorrelated slope makes another model of it
    moved <- transform(d, z = 100 * z + 2000, x = 10 * x)
    if (!grepl("||", model$random, fixed = TRUE)) moved$x <- moved$x + 3
    expect_same_tests(terms_of(moved, model), given, paste(info, "covariates"))
    rows <- sample(nrow(d))
    labels <- transform(d[rows, ], g = paste0("k", match(g, sample(unique(g)))))
    expect_same_tests(terms_of(labels, model), given, paste(info, "rows"))
  }
  expect_gt(tried, 8L)
})

test_that("a contrast has the same t test as its own coefficient", {
  d <- random_model(5)$data
  d$y <- d$x + rnorm(nrow(d))
  fit <- quietly(glmm(y ~ x + f + (1 | g), d))
  table <- suppressWarnings(summary(fit, vcov = "KR")$coefficients)
  other <- quietly(glmm(y ~ x + relevel(f, "b") + (1 | g), d))
  covariance <- chosen_vcov(fit, "KR")
  degrees <- chosen_df(fit, "default", covariance)
  expect_equal(hypothesis_df(degrees, rbind(c(0, 0, -1, 1))),
    suppressWarnings(summary(other, vcov = "KR")$coefficients$df)[4], tolerance = 1e-7
  )
  expect_equal(hypothesis_df(degrees, diag(4)), table$df)
})
