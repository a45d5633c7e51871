# Mixed models with two nested levels, simulated: clusters a, sub-clusters b within them.

source(file.path(here, "fits.R"), local = TRUE)

# m clusters of 5 sub-clusters of 6 rows.
nested_sim <- function(m, family) {
  set.seed(20240502)
  d <- expand.grid(row = 1:6, b = 1:5, a = seq_len(m))
  d$leaf <- (d$a - 1L) * 5L + d$b
  d$x <- rnorm(nrow(d))
  d$z <- rbinom(m, 1, 0.5)[d$a]
  eta <- -0.5 + 0.5 * d$x + 0.4 * d$z + rnorm(m, sd = 0.8)[d$a] + rnorm(5 * m, sd = 0.7)[d$leaf]
  binary <- family$family == "binomial"
  d$y <- if (binary) rbinom(nrow(d), 1, plogis(eta)) else rpois(nrow(d), exp(eta))
  d[sample(nrow(d)), ]
}

nested_read <- function(fit, package) {
  sds <- switch(package,
    margmix = vapply(nlme::VarCorr(fit), attr, 0, "stddev"),
    lme4 = vapply(lme4::VarCorr(fit), attr, 0, "stddev"),
    glmmTMB = vapply(glmmTMB::VarCorr(fit)$cond, attr, 0, "stddev")
  )
  out <- list(logLik = as.numeric(logLik(fit)), detail = paste("sd", paste(format(sort(unname(sds)),
    digits = 5), collapse = " ")))
  out$estimate <- switch(package,
    margmix = coef(fit), lme4 = lme4::fixef(fit), glmmTMB = glmmTMB::fixef(fit)$cond
  )
  if (package == "margmix") out$se <- sqrt(diag(vcov(fit)))
  out
}

nested_case <- function(work, family, K, targets) {
  formula <- y ~ x + z + (1 | a / b)
  one_fit <- function(package) {
    call <- get(paste0("fit_", package))
    function(data) call(formula, data, family, K)
  }
  list(
    work = work, targets = targets, read = nested_read,
    fits = sapply(c("margmix", names(targets)), one_fit, simplify = FALSE),
    data = function(shrink) nested_sim(1000L %/% shrink, family)
  )
}

list(
  "N1-laplace" = nested_case(
    "logit, (1 | a/b), 1,000 x 5 x 6, Laplace", binomial(), 1L, c(glmmTMB = NA, lme4 = NA)
  ),
  "N1-quadrature" = nested_case(
    "logit, (1 | a/b), 1,000 x 5 x 6, K = 15 x 9", binomial(), c(15L, 9L), NULL
  ),
  "N2-laplace" = nested_case(
    "Poisson, (1 | a/b), 1,000 x 5 x 6, Laplace", poisson(), 1L, c(glmmTMB = NA, lme4 = NA)
  ),
  "N2-quadrature" = nested_case(
    "Poisson, (1 | a/b), 1,000 x 5 x 6, K = 15 x 9", poisson(), c(15L, 9L), NULL
  )
)
