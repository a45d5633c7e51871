# Separated and boundary data: maximum likelihood, and with the soft penalty of Sterzinger and
# Kosmidis (2023).
#
#   Rscript bench/simulation/soft-penalty.R        1,000 data sets of each kind: soft-penalty.md
#   Rscript bench/simulation/soft-penalty.R 40     40 of each kind
#
# A covariate within clusters and a treatment between them; one random intercept. An estimate counts
# as infinite where maximum likelihood says so (warning or error of separation), or is above 12 in
# size; a standard deviation as zero below 1e-4. Errors are of the effect of the covariate.

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
suppressMessages(library(margmix))

count <- suppressWarnings(as.integer(commandArgs(TRUE)))
replicates <- if (any(!is.na(count))) count[!is.na(count)][1L] else 1000L

kinds <- list(
  separated = list(family = binomial(), K = 20, n = 4, beta = c(0, 5, 0), sd = 1),
  rare = list(family = binomial("cloglog"), K = 15, n = 6, beta = c(-3.5, 1, 1), sd = 1),
  boundary = list(family = binomial("probit"), K = 10, n = 6, beta = c(0, 0.5, 0), sd = 0.2),
  `no events` = list(family = poisson(), K = 10, n = 4, beta = c(-2.5, 1, -1.5), sd = 0.3),
  regular = list(family = binomial(), K = 60, n = 10, beta = c(-0.5, 1, 0), sd = 1)
)

draw <- function(kind) {
  id <- rep(seq_len(kind$K), each = kind$n)
  d <- data.frame(id, x = rep_len(0:1, length(id)), treat = as.integer(id %% 2 == 0))
  eta <- drop(cbind(1, d$x, d$treat) %*% kind$beta) + rnorm(kind$K, sd = kind$sd)[id]
  mu <- kind$family$linkinv(eta)
  d$y <- if (kind$family$family == "poisson") {
    rpois(length(mu), mu)
  } else {
    rbinom(length(mu), 1, mu)
  }
  d
}

one <- function(kind) {
  d <- draw(kind)
  fit <- function(penalty) {
    infinite <- FALSE
    found <- tryCatch(
      withCallingHandlers(
        suppressMessages(
          glmm(y ~ x + treat + (1 | id), d, kind$family, nAGQ = 15, penalty = penalty)
        ),
        margmix_warning_separation = function(w) infinite <<- TRUE,
        warning = function(w) invokeRestart("muffleWarning")
      ),
      margmix_error_variance_separation = function(e) NULL
    )
    if (is.null(found)) return(c(TRUE, FALSE, FALSE, NA, NA))
    beta <- coef(found)
    se <- sqrt(diag(vcov(found, "model")))
    c(
      infinite || max(abs(beta)) > 12, found$theta < 1e-4, found$convergence$converged,
      beta[["x"]] - kind$beta[2L], abs(beta[["x"]] - kind$beta[2L]) < qnorm(0.975) * se[["x"]]
    )
  }
  c(fit(NULL), fit("soft"))
}

table <- do.call(rbind, lapply(names(kinds), function(name) {
  set.seed(match(name, names(kinds)))
  found <- t(vapply(seq_len(replicates), function(i) one(kinds[[name]]), numeric(10L)))
  of <- function(j) mean(found[, j], na.rm = TRUE)
  data.frame(
    kind = name, data_sets = replicates,
    ml_infinite = sum(found[, 1L]), ml_zero = sum(found[, 2L]),
    soft_infinite = sum(found[, 6L]), soft_zero = sum(found[, 7L]),
    soft_not_converged = sum(!found[, 8L]),
    ml_bias = round(mean(found[!found[, 1L], 4L], na.rm = TRUE), 3), soft_bias = round(of(9L), 3),
    ml_rmse = round(sqrt(mean(found[!found[, 1L], 4L]^2, na.rm = TRUE)), 3),
    soft_rmse = round(sqrt(mean(found[, 9L]^2, na.rm = TRUE)), 3),
    soft_cover = round(100 * of(10L), 1)
  )
}))
writeLines(c(
  "# Estimates that run away, and the soft penalty", "",
  paste(
    "Numbers of data sets with an infinite coefficient or a zero standard deviation, by maximum",
    "likelihood (ml) and with `penalty = \"soft\"`; bias, root mean square error (of ml: where it",
    "is finite) and coverage (%, normal intervals) for the covariate. `make simulate-soft-penalty`."
  ), "",
  paste0("|", paste(names(table), collapse = "|"), "|"),
  paste0("|", paste(rep("---", ncol(table)), collapse = "|"), "|"),
  apply(table, 1L, function(row) paste0("|", paste(trimws(row), collapse = "|"), "|"))
), file.path(here, "soft-penalty.md"))
