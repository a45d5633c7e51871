# Crossed random effects: lecture evaluations (P4, P5), and random pairs of levels (C1).

crossed_fit <- function(formula, family) {
  gaussian <- family$family == "gaussian"
  list(
    margmix = function(data) margmix::glmm(formula, data, family, nAGQ = 1),
    lme4 = function(data) {
      if (gaussian) return(lme4::lmer(formula, data, REML = FALSE))
      suppressWarnings(lme4::glmer(formula, data, family))
    },
    glmmTMB = function(data) {
      glmmTMB::glmmTMB(formula, data, family, control = glmmTMB::glmmTMBControl(parallel = 1L))
    }
  )
}

crossed_read <- function(fit, package) {
  sds <- switch(package,
    margmix = unlist(lapply(nlme::VarCorr(fit), attr, "stddev")),
    lme4 = unlist(lapply(lme4::VarCorr(fit), attr, "stddev")),
    glmmTMB = unlist(lapply(glmmTMB::VarCorr(fit)$cond, attr, "stddev"))
  )
  beta <- switch(package,
    margmix = coef(fit), lme4 = lme4::fixef(fit), glmmTMB = glmmTMB::fixef(fit)$cond
  )
  list(
    logLik = as.numeric(logLik(fit)), estimate = beta,
    se = if (package == "margmix") sqrt(diag(vcov(fit))),
    detail = paste("sd", paste(format(sort(unname(sds)), digits = 5), collapse = " "))
  )
}

crossed_case <- function(work, formula, family, data, targets) {
  fits <- crossed_fit(formula, family)[c("margmix", names(targets))]
  list(work = work, targets = targets, fits = fits, read = crossed_read, data = data)
}

insteval <- function(shrink) {
  d <- lme4::InstEval
  d <- d[as.integer(d$s) %% shrink == 0L, ]
  d$good <- as.integer(d$y >= 4)
  d
}

# n rows, each a random pair of `s` and `d`.
random_pairs <- function(n, s, d) {
  function(shrink) {
    set.seed(20240501)
    n <- n %/% shrink
    data <- data.frame(
      s = sample(s %/% shrink, n, TRUE), d = sample(d %/% shrink, n, TRUE), x = rnorm(n)
    )
    b <- rnorm(max(data$s))[data$s] + rnorm(max(data$d))[data$d]
    data$y <- 0.5 * data$x + 0.5 * b + rnorm(n)
    data$z <- rbinom(n, 1L, plogis(-0.5 + 0.5 * data$x + 0.7 * b))
    data
  }
}

pairs <- random_pairs(30000L, 3000L, 2000L)
list(
  P4 = crossed_case(
    "InstEval (73,421 rows), y ~ service + (1 | s) + (1 | d), linear, ML",
    y ~ service + (1 | s) + (1 | d), gaussian(), insteval, c(lme4 = 20)
  ),
  P5 = crossed_case(
    "InstEval, y >= 4, logit, same terms, Laplace", good ~ service + (1 | s) + (1 | d), binomial(),
    insteval, c(glmmTMB = 30)
  ),
  `C1-lmm` = crossed_case(
    "30,000 random pairs of 3,000 and 2,000 levels, linear, ML", y ~ x + (1 | s) + (1 | d),
    gaussian(), pairs, c(lme4 = 60)
  ),
  `C1-logit` = crossed_case(
    "the same pairs, logit, Laplace", z ~ x + (1 | s) + (1 | d), binomial(), pairs,
    c(glmmTMB = 200)
  )
)
