# Coverage of the intervals of marginal_standardization().
#
#   Rscript bench/simulation/standardization.R run BATCH [REPLICATES]   one batch, into .build/
#   Rscript bench/simulation/standardization.R bootstrap [REPLICATES]   SE beside bootstraps
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
    u <- runif(m)
    b <- log(sin(phi * pi * u) / sin(phi * pi * (1 - u))) / phi
    eta <- eta / phi + b[id]
  } else {
    eta <- eta + cell$sd * rnorm(m)[id]
  }
  data.frame(y = rbinom(length(id), 1, plogis(eta)), exposed, x, id)
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

# Agreed before the simulation was run; lower and upper limits of coverage in percent.
allowed <- function(model, clusters) {
  if (model == "glmm" && clusters < 20) return(c(NA, NA))
  switch(as.character(clusters), `10` = , `20` = c(91.5, 97.5), `40` = c(92.5, 97), c(93.5, 96.5))
}

collect <- function() {
  files <- Sys.glob(file.path(batches, "batch-*.csv"))
  all <- do.call(rbind, lapply(files, read.csv))
  key <- c("model", "clusters", "sizes", "interaction", "sd", "method", "target", "truth")
  all$sd[is.na(all$sd)] <- -1
  sums <- aggregate(all[c("n", "covered", "estimate", "estimate2", "se", "failed")], all[key], sum)
  sums$sd[sums$sd < 0] <- NA
  n <- sums$n
  mean <- sums$estimate / n
  table <- data.frame(
    sums[key[-8]], replicates = n, failed = sums$failed,
    coverage = round(100 * sums$covered / n, 2),
    error = round(100 * sqrt(0.05 * 0.95 / n), 2), bias = signif(mean - sums$truth, 3),
    sd_estimate = signif(sqrt((sums$estimate2 - n * mean^2) / (n - 1)), 4),
    mean_se = signif(sums$se / n, 4)
  )
  limits <- t(mapply(allowed, table$model, table$clusters))
  table$allowed <- ifelse(is.na(limits[, 1]), "", paste(limits[, 1], "to", limits[, 2]))
  table$inside <- is.na(limits[, 1]) | table$coverage >= limits[, 1] & table$coverage <= limits[, 2]
  order <- order(table$model, table$method, table$clusters, table$sd, table$sizes, table$interaction)
  table <- table[order, ]
  write.csv(table, "bench/simulation/standardization.csv", row.names = FALSE)
  writeLines(report(table), "bench/simulation/standardization.md")
}

report <- function(table) {
  targets <- c("risk0", "risk1", "difference", "log_ratio", "log_odds_ratio")
  wide <- function(model, method) {
    part <- table[table$model == model & table$method == method, ]
    cell <- unique(part[c("clusters", "sd", "sizes", "interaction")])
    rows <- vapply(seq_len(nrow(cell)), function(k) {
      same <- Reduce(`&`, lapply(names(cell), function(name) {
        part[[name]] %in% cell[[name]][k]
      }))
      one <- part[same, ]
      value <- one$coverage[match(targets, one$target)]
      outside <- !one$inside[match(targets, one$target)] & method == "default"
      text <- ifelse(is.na(value), "", paste0(sprintf("%.1f", value), ifelse(outside, " *", "")))
      paste0("| ", paste(c(
        cell$clusters[k], if (model == "glmm") cell$sd[k], cell$sizes[k],
        if (cell$interaction[k]) "yes" else "no", text, max(one$replicates), max(one$failed)
      ), collapse = " | "), " |")
    }, "")
    head <- c(
      "clusters", if (model == "glmm") "sd", "sizes", "interaction", "risk 0", "risk 1",
      "difference", "log RR", "log OR", "fits", "failed"
    )
    c(
      paste0("| ", paste(head, collapse = " | "), " |"),
      paste0("|", paste(rep("---", length(head)), collapse = "|"), "|"), rows
    )
  }
  c(
    "# Coverage of marginal standardization", "",
    "Written by `make simulate-standardization`; the design is at the head of",
    "`bench/simulation/standardization.R`. Percent of 95% intervals that cover. A star marks a cell outside the",
    "limits agreed before: 91.5 to 97.5 with 10 and 20 clusters, 92.5 to 97 with 40, 93.5 to 96.5",
    "with 100 (for `glmm()` from 20 clusters on). The Monte Carlo error of a cell is in the csv.",
    "", "## gee(), the default: influence functions, KC, t", "", wide("gee", "default"),
    "", "## glmm(), the default", "", wide("glmm", "default"),
    "", "## gee(), plain delta method: fixed covariates, model-based, normal", "",
    wide("gee", "delta"), "", "## glmm(), plain delta method", "", wide("glmm", "delta")
  )
}

# Standard errors beside the bootstrap, 100 clusters of unequal sizes, with interaction, one data set
# per model. Sampled covariates: resampling of clusters. Fixed covariates: new responses for the same
# X, drawn from the fitted model (mixed model only: a marginal model does not say how to draw).
bootstrap <- function(replicates) {
  estimates <- function(fit, ...) {
    read_result(marginal_standardization(fit, "exposed", ...))
  }
  quiet <- function(expr) suppressWarnings(suppressMessages(expr))
  spread <- function(draw) {
    values <- replicate(replicates, tryCatch(quiet(draw()), error = function(e) rep(NA_real_, 5)))
    apply(values, 1L, sd, na.rm = TRUE)
  }
  parts <- lapply(c("gee", "glmm"), function(model) {
    set.seed(if (model == "gee") 1 else 2)
    cell <- data.frame(model = model, clusters = 100, sizes = "unequal", interaction = TRUE, sd = 1)
    data <- simulate_cell(cell)
    fit <- quiet(fit_cell(data, cell))
    rows <- split(seq_len(nrow(data)), data$id)
    resample <- function() {
      chosen <- rows[sample(length(rows), replace = TRUE)]
      new <- data[unlist(chosen), ]
      new$id <- rep(seq_along(chosen), lengths(chosen))
      estimates(fit_cell(new, cell), vcov = "model", df = Inf)$estimate
    }
    sampled <- data.frame(
      model, covariates = "sampled", target = estimates(fit)$target, se_KC = estimates(fit)$se,
      se_plain = estimates(fit, vcov = "robust")$se, bootstrap = spread(resample)
    )
    if (model == "gee") return(sampled)
    redraw <- function() {
      new <- data
      new$y <- simulate(fit, 1)[[1]]
      estimates(fit_cell(new, cell), covariates = "fixed", vcov = "model", df = Inf)$estimate
    }
    fixed <- data.frame(
      model, covariates = "fixed", target = sampled$target,
      se_KC = estimates(fit, covariates = "fixed")$se,
      se_plain = estimates(fit, covariates = "fixed", vcov = "model")$se, bootstrap = spread(redraw)
    )
    rbind(sampled, fixed)
  })
  table <- do.call(rbind, parts)
  table$ratio_KC <- table$se_KC / table$bootstrap
  table$ratio_plain <- table$se_plain / table$bootstrap
  table$replicates <- replicates
  write.csv(table, "bench/simulation/standardization-bootstrap.csv", row.names = FALSE)
}

arguments <- commandArgs(trailingOnly = TRUE)
if (arguments[1] == "run") {
  run(as.integer(arguments[2]), if (length(arguments) > 2) as.integer(arguments[3]) else 100L)
} else if (arguments[1] == "bootstrap") {
  bootstrap(if (length(arguments) > 1) as.integer(arguments[2]) else 1000L)
} else if (arguments[1] == "collect") {
  collect()
}
