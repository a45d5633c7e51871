# Standard errors of Gaussian models by maximum likelihood: margmix and glmmTMB invert the observed
# information of beta and the variance parameters together, lme4 that of beta given them. Writes
# information-peers.csv: how far apart they are on simulated data with m clusters (glmmTMB: on the
# first 5 of 40 data sets).
#
#   Rscript tests/reference/compute-information.R        (needs lme4 and glmmTMB)

here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))

# Unequal clusters of 4 rows on average, a covariate that varies within and between them.
information_data <- function(m, seed) {
  set.seed(seed)
  d <- data.frame(g = factor(rep(seq_len(m), 2 + rpois(m, 2))))
  g <- as.integer(d$g)
  d$x <- rnorm(m)[g] + rnorm(nrow(d))
  d$y <- 1 + 0.5 * d$x + rnorm(m)[g] + 0.5 * rnorm(m)[g] * d$x + rnorm(nrow(d))
  d
}

standard_errors <- function(m, seed) {
  d <- information_data(m, seed)
  quiet <- function(expr) {
    suppressMessages(suppressWarnings(tryCatch(expr, error = function(e) NULL)))
  }
  own <- quiet(margmix::glmm(y ~ x + (x | g), d))
  lme4 <- quiet(lme4::lmer(y ~ x + (x | g), d, REML = FALSE))
  if (is.null(own) || is.null(lme4) || length(own$boundary)) return(NULL)
  if (abs(logLik(own) - logLik(lme4)) > 1e-5) return(NULL)
  tmb <- if (seed <= 5L) quiet(glmmTMB::glmmTMB(y ~ x + (x | g), d))
  if (!isTRUE(abs(logLik(own) - as.numeric(if (is.null(tmb)) NA else logLik(tmb))) < 1e-5)) {
    tmb <- NULL
  }
  se <- function(V) sqrt(diag(as.matrix(V)))
  data.frame(
    m = m, seed = seed, term = c("(Intercept)", "x"), margmix = se(vcov(own)),
    lme4 = se(vcov(lme4)), glmmTMB = if (is.null(tmb)) NA else se(vcov(tmb)$cond), row.names = NULL
  )
}

rows <- do.call(rbind, lapply(c(5L, 10L, 50L), function(m) {
  do.call(rbind, lapply(1:40, function(seed) standard_errors(m, seed)))
}))
rows <- rows[is.finite(rows$margmix), ]
apart <- function(a, b) 100 * abs(a / b - 1)
table <- do.call(rbind, lapply(split(rows, rows$m), function(r) {
  data.frame(
    clusters = r$m[1L], coefficients = nrow(r),
    lme4_median = median(apart(r$margmix, r$lme4)), lme4_largest = max(apart(r$margmix, r$lme4)),
    glmmTMB_compared = sum(!is.na(r$glmmTMB)),
    glmmTMB_largest = max(apart(r$margmix, r$glmmTMB), na.rm = TRUE)
  )
}))
table[-(1:2)] <- signif(table[-(1:2)], 2)
write.csv(table, file.path(here, "information-peers.csv"), row.names = FALSE)
print(table)
