# gee() against the frozen numbers of tests/reference (see the README there).

gee_path <- function(...) test_path("..", "reference", ...)
skip_if_not(file.exists(gee_path("models-gee.R")), "reference tables")

published <- read.csv(gee_path("gee-published.csv"), stringsAsFactors = FALSE)

quantities <- function(fit) {
  prefixed <- function(x, prefix) setNames(x, sprintf("%s:%s", prefix, names(x)))
  pieces <- cluster_pieces(fit)
  bread <- solve(apply(pieces$information, 1:2, sum))
  robust <- bread %*% crossprod(pieces$scores) %*% bread
  c(
    prefixed(fit$beta, "coef"), prefixed(setNames(sqrt(diag(robust)), names(fit$beta)), "se"),
    prefixed(setNames(sqrt(diag(bread)), names(fit$beta)), "model-se"),
    prefixed(sqrt(diag(vcov(fit, "robust"))), "robust-se"),
    prefixed(fit$alpha, "alpha"), phi = fit$phi
  )
}

expect_published <- function(fit, model) {
  table <- published[published$model == model, ]
  error <- abs(quantities(fit)[table$quantity] - table$value)
  off <- is.na(error) | error > table$tolerance * (1 + 1e-9)
  expect_identical(table$quantity[off], character())
}

test_that("respiratory: unstructured, as SAS prints it", {
  formula <- outcome ~ treat + center + sex + age + baseline
  for (method in c("sas", "default")) {
    fit <- gee(formula, respiratory, patient, visit,
      family = binomial(), corstr = "unstructured", control = gee_control(method)
    )
    expect_published(fit, "respiratory")
  }
  fit <- gee(formula, respiratory, ~center:id, visit,
    family = binomial(), corstr = "unstructured"
  )
  expect_published(fit, "respiratory")
})

test_that("six cities: SAS models P(wheeze = 0)", {
  d <- read.csv(gee_path("sixcities16.csv"))
  d$city <- factor(d$city, c("portage", "kingston"))
  fit <- gee(1 - wheeze ~ city + age + smoke, d, id, family = binomial(), corstr = "exchangeable",
    control = gee_control("sas")
  )
  expect_published(fit, "sixcities")
})

test_that("seizures: Diggle, Liang and Zeger without patient 207", {
  base <- unique(epilepsy[c("subject", "treatment", "base")])
  long <- rbind(
    data.frame(base[1:2], seizures = base$base, weeks = 8, later = 0),
    data.frame(epilepsy[c("subject", "treatment", "seizures")], weeks = 2, later = 1)
  )
  long <- long[long$subject != long$subject[long$seizures == 151], ]
  fit <- gee(seizures ~ later * treatment + offset(log(weeks)), long, subject,
    family = poisson(), corstr = "exchangeable", control = gee_control("sas")
  )
  expect_published(fit, "seizure")
})

test_that("alpha_method = \"stata\": stationary correlations, probability weights", {
  fit <- gee(y ~ x, read.csv(gee_path("stata-stationary.csv")), id,
    corstr = cor_mdependent(2), control = gee_control("stata")
  )
  expect_published(fit, "stata-stationary")
  fit <- gee(y ~ x, read.csv(gee_path("stata-pweights.csv")), id,
    ipw = w, control = gee_control("stata")
  )
  expect_published(fit, "stata-pweights")
})

test_that("singletons: with option nmp Stata's divisors are those of the default", {
  fit <- gee(y ~ x, read.csv(gee_path("singletons.csv")), id, corstr = "exchangeable")
  expect_published(fit, "stata")
})

test_that("epilepsy: a fixed scale is that of the model-based SE only", {
  fit <- gee(seizures ~ treatment, epilepsy, subject,
    family = poisson(), corstr = "exchangeable", scale = 1
  )
  expect_published(fit, "epilepsy")
})

test_that("ohio: geepack's fixed scale is the Pearson scale of its start", {
  start <- glm(resp ~ age * smoke, binomial(), ohio)
  fit <- gee(resp ~ age * smoke, ohio, id, family = binomial(), corstr = "exchangeable",
    scale = mean(residuals(start, "pearson")^2), control = gee_control("geepack")
  )
  expect_published(fit, "ohio")
})

test_that("ohio: lag-1 and all-lag estimates of AR(1) differ by method", {
  rho <- function(method, scale = NULL) {
    gee(resp ~ age * smoke, ohio, id, age,
      family = binomial(), corstr = "ar1", scale = scale, control = gee_control(method)
    )$alpha[["rho"]]
  }
  expect_equal(rho("sas"), 0.3997, tolerance = 5e-4)
  start <- glm(resp ~ age * smoke, binomial(), ohio)
  scale <- mean(residuals(start, "pearson")^2)
  expect_equal(rho("geepack", scale), 0.5014, tolerance = 5e-4)
})

# Pairs (1, 2), (1, 3), ..., (2, 3), ...: numbered by their first visit.
order_of_geepack <- function(fit) {
  if (length(fit$alpha) == 1L) return("1")
  W <- length(wave_levels(fit$design))
  pairs <- which(upper.tri(diag(W)), arr.ind = TRUE)
  number <- integer(nrow(pairs))
  number[order(pairs[, 1L], pairs[, 2L])] <- seq_len(nrow(pairs))
  as.character(number)
}

test_that("geepack's estimates, robust SE, scale and correlations", {
  env <- new.env()
  sys.source(gee_path("models-gee.R"), env)
  models <- env$marginal_models(ohio, respiratory, read.csv(gee_path("dietox.csv")))
  peers <- read.csv(gee_path("gee-peers.csv"), stringsAsFactors = FALSE)
  for (name in names(models)) {
    for (corstr in env$marginal_correlations) {
      model <- models[[name]]
      table <- peers[peers$model == name & peers$corstr == corstr, ]
      own <- table$quantity == "error"
      if (table$value[own] != 0) next
      fit <- eval(bquote(gee(.(model$formula), model$data,
        id = .(as.name(model$id)), waves = .(as.name(model$visit)), family = model$family,
        corstr = corstr, control = gee_control("geepack", tolerance = 1e-11)
      )))
      names(fit$alpha) <- order_of_geepack(fit)
      found <- quantities(fit)
      table <- table[!own, ]
      expect_equal(found[table$quantity], setNames(table$value, table$quantity), tolerance = 1e-6)
    }
  }
})

# The variance of the weights grows fivefold with time, so that products of residuals divided by one
# scale are no correlations: geepack's reach 1.5, its matrix has negative eigenvalues, and it does
# not converge.
test_that("dietox: what is not a correlation matrix is not used as one", {
  peers <- read.csv(gee_path("gee-peers.csv"), stringsAsFactors = FALSE)
  failed <- peers$quantity == "error" & peers$value != 0
  expect_identical(paste(peers$model, peers$corstr)[failed], "dietox unstructured")
  rows <- peers$model == "dietox" & peers$corstr == "unstructured" & grepl("^alpha", peers$quantity)
  R <- diag(12)
  R[lower.tri(R)] <- peers$value[rows]
  R <- R + t(R) - diag(12)
  expect_gt(max(R), 1.5)
  expect_lt(min(eigen(R)$values), -0.5)
  dietox <- read.csv(gee_path("dietox.csv"))
  fit_with <- function(method) {
    gee(Weight ~ Time + I(Time^2) + Cu, dietox, Pig, Time,
      corstr = "unstructured", control = gee_control(method)
    )
  }
  expect_error(fit_with("geepack"), class = "margmix_error_correlation")
  expect_warning(fit <- fit_with("default"), class = "margmix_warning_correlation")
  expect_true(fit$convergence$converged)
})
