# Coverage of the intervals of marginal_standardization().
#
#   Rscript bench/simulation/standardization.R run BATCH [REPLICATES]   one batch, into .build/
#   Rscript bench/simulation/standardization.R bootstrap [REPLICATES [DATASETS]]
#                                                               standard errors beside bootstraps
#   Rscript bench/simulation/standardization.R collect                  the tables beside this file
#
# Binary responses in clusters of 20 rows on average, sizes equal or with a coefficient of variation
# of 0.9 (gamma, at least 2). Exposure 0/1, constant in a cluster, half of the clusters exposed;
# covariate x ~ N(0, 1) with an intraclass correlation of 0.3, with or without an interaction.
#   gee:  the random intercept has the bridge distribution (Wang and Louis 2003), so that the
#         marginal model is exactly logistic; attenuation 0.93. Working correlation exchangeable.
#   glmm: normal random intercept of sd 0, 0.5, 1, 1.5; quadrature with 9 points.
# The truth is an integral over x (and the random intercept): both enter the predictor linearly, so
# that it is the population mean m(eta, s) with s^2 the sum of their variances.

library(margmix)
source("bench/simulation/standardization-report.R")

beta <- c(-0.6, 0.7, 0.5) # intercept, exposure, x
interaction <- 0.4
phi <- 0.93
sizes <- c("equal", "unequal")
batches <- ".build/simulation-standardization"

cells <- rbind(
  expand.grid(
    model = "gee", clusters = c(10, 20, 40, 100), sizes = sizes, interaction = c(FALSE, TRUE),
    sd = NA, stringsAsFactors = FALSE
  ),
  expand.grid(
    model = "glmm", clusters = c(10, 20, 40, 100), sizes = sizes, interaction = NA,
    sd = c(0, 0.5, 1, 1.5), stringsAsFactors = FALSE
  )
)
# Every second of the cells of the mixed model has the interaction.
mixed <- cells$model == "glmm"
cells$interaction[mixed] <- (cells$sizes[mixed] == "unequal") != (cells$sd[mixed] %in% c(0.5, 1.5))

simulate_cell <- function(cell) {
  m <- cell$clusters
  n_i <- rep(20, m)
  if (cell$sizes == "unequal") n_i <- pmax(2, round(rgamma(m, 1 / 0.9^2, 1 / (20 * 0.9^2))))
  id <- rep(seq_len(m), n_i)
  exposed <- sample(rep_len(0:1, m))[id]
  x <- sqrt(0.3) * rnorm(m)[id] + sqrt(0.7) * rnorm(length(id))
  eta <- beta[1] + beta[2] * exposed + beta[3] * x + cell$interaction * interaction * exposed * x
  if (cell$model == "gee") {
    eta <- eta / phi + bridge_effects(m)[id]
  } else {
    eta <- eta + cell$sd * rnorm(m)[id]
  }
  data.frame(y = rbinom(length(id), 1, plogis(eta)), exposed, x, id)
}

bridge_effects <- function(m) {
  u <- runif(m)
  log(sin(phi * pi * u) / sin(phi * pi * (1 - u))) / phi
}

truth <- function(cell) {
  s <- if (cell$model == "gee") 0 else cell$sd
  risk <- vapply(0:1, function(a) {
    total <- sqrt(s^2 + (beta[3] + cell$interaction * interaction * a)^2)
    integrate(function(t) plogis(beta[1] + beta[2] * a + total * t) * dnorm(t), -Inf, Inf,
      rel.tol = 1e-10
    )$value
  }, 0)
  c(
    risk0 = risk[1], risk1 = risk[2], difference = risk[2] - risk[1],
    log_ratio = log(risk[2] / risk[1]), log_odds_ratio = qlogis(risk[2]) - qlogis(risk[1])
  )
}

fit_cell <- function(data, cell) {
  formula <- if (cell$interaction) y ~ exposed * x else y ~ exposed + x
  if (cell$model == "gee") {
    return(gee(formula, data, id = id, family = binomial(), corstr = "exchangeable"))
  }
  formula <- update(formula, . ~ . + (1 | id))
  glmm(formula, data, binomial(), nAGQ = 9, control = glmm_control(separation = "none"))
}

# Estimates on the scale of the interval, standard errors, limits.
read_result <- function(result) {
  rows <- as.data.frame(result)
  log <- rows$type %in% c("ratio", "odds_ratio")
  on_scale <- function(x) ifelse(log, suppressWarnings(log(x)), x)
  data.frame(
    target = c("risk0", "risk1", "difference", "log_ratio", "log_odds_ratio"),
    estimate = on_scale(rows$estimate), se = rows$std.error, low = on_scale(rows$conf.low),
    high = on_scale(rows$conf.high)
  )
}

# default: influence functions, KC, t; delta: covariates held fixed, model-based, normal; and the
# limits of risks that the default standard error would have on the logit scale.
one_replicate <- function(cell) {
  fit <- fit_cell(simulate_cell(cell), cell)
  if (!isTRUE(fit$convergence$converged)) stop("not converged")
  default <- marginal_standardization(fit, "exposed")
  delta <- marginal_standardization(fit, "exposed",
    covariates = "fixed", vcov = "model", df = Inf
  )
  first <- read_result(default)
  logit <- first[1:2, ]
  half <- (logit$high - logit$estimate) / (logit$estimate * (1 - logit$estimate))
  logit$low <- plogis(qlogis(logit$estimate) - half)
  logit$high <- plogis(qlogis(logit$estimate) + half)
  rbind(
    cbind(method = "default", first), cbind(method = "logit limits", logit),
    cbind(method = "delta", read_result(delta))
  )
}

run_cell <- function(cell, replicates) {
  target <- truth(cell)
  failed <- 0
  sums <- NULL
  for (r in seq_len(replicates)) {
    rows <- tryCatch(
      suppressWarnings(suppressMessages(one_replicate(cell))), error = function(e) NULL
    )
    if (is.null(rows) || anyNA(rows$low)) {
      failed <- failed + 1
      next
    }
    at <- target[rows$target]
    now <- cbind(
      n = 1, covered = rows$low <= at & at <= rows$high, estimate = rows$estimate,
      estimate2 = rows$estimate^2, se = rows$se
    )
    sums <- if (is.null(sums)) now else sums + now
  }
  if (is.null(sums)) return(NULL)
  cbind(cell, rows[c("method", "target")], truth = at, sums, failed, row.names = NULL)
}

run <- function(batch, replicates) {
  dir.create(batches, showWarnings = FALSE, recursive = TRUE)
  RNGkind("L'Ecuyer-CMRG")
  set.seed(20260 + batch)
  parts <- lapply(seq_len(nrow(cells)), function(k) run_cell(cells[k, ], replicates))
  write.csv(do.call(rbind, parts), file.path(batches, sprintf("batch-%02d.csv", batch)),
    row.names = FALSE
  )
}

# Standard errors beside the bootstrap: data sets of 100 clusters of unequal sizes with interaction.
#   sampled: clusters are resampled.
#   fixed:   new responses for the same X; from the fitted mixed model, or, as a marginal model does
#            not say how to draw, from the generator at the coefficients of gee().
# A robust standard error of 100 clusters varies by 7% about its mean. Resampling of the same
# clusters varies with it; new responses from a model do not: there the two agree on average only.
bootstrap <- function(replicates, datasets) {
  models <- rep(c("gee", "glmm"), datasets)
  table <- NULL
  for (k in seq_along(models)) {
    table <- rbind(table, cbind(bootstrap_dataset(models[k], k, replicates), replicates))
    write.csv(table, "bench/simulation/standardization-bootstrap.csv", row.names = FALSE)
  }
}

quiet <- function(expr) suppressWarnings(suppressMessages(expr))

bootstrap_dataset <- function(model, seed, replicates) {
  set.seed(seed)
  cell <- data.frame(model = model, clusters = 100, sizes = "unequal", interaction = TRUE, sd = 1)
  data <- simulate_cell(cell)
  fit <- quiet(fit_cell(data, cell))
  standard <- function(fit, ...) read_result(quiet(marginal_standardization(fit, "exposed", ...)))
  estimates <- function(data) {
    standard(fit_cell(data, cell), covariates = "fixed", vcov = "model", df = Inf)$estimate
  }
  spread <- function(draw) {
    one <- function() tryCatch(quiet(estimates(draw())), error = function(e) rep(NA_real_, 5))
    apply(replicate(replicates, one()), 1L, sd, na.rm = TRUE)
  }
  rows <- split(seq_len(nrow(data)), data$id)
  resample <- function() {
    chosen <- rows[sample(length(rows), replace = TRUE)]
    new <- data[unlist(chosen), ]
    new$id <- rep(seq_along(chosen), lengths(chosen))
    new
  }
  redraw <- function() {
    data$y <- if (model == "gee") redraw_marginal(data, fit) else simulate(fit, 1)[[1]]
    data
  }
  compare <- function(covariates, plain, draw) {
    KC <- standard(fit, covariates = covariates)
    data.frame(
      model, data = seed, covariates, target = KC$target, se_KC = KC$se,
      se_plain = standard(fit, covariates = covariates, vcov = plain)$se, bootstrap = spread(draw)
    )
  }
  rbind(compare("sampled", "robust", resample), compare("fixed", "model", redraw))
}

redraw_marginal <- function(data, fit) {
  eta <- predict(fit, data, type = "link")
  rbinom(nrow(data), 1, plogis(eta / phi + bridge_effects(max(data$id))[data$id]))
}

arguments <- commandArgs(trailingOnly = TRUE)
if (arguments[1] == "run") {
  run(as.integer(arguments[2]), if (length(arguments) > 2) as.integer(arguments[3]) else 100L)
} else if (arguments[1] == "bootstrap") {
  bootstrap(
    if (length(arguments) > 1) as.integer(arguments[2]) else 1000L,
    if (length(arguments) > 2) as.integer(arguments[3]) else 8L
  )
} else if (arguments[1] == "collect") {
  collect()
}
