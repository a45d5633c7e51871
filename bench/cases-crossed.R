# Crossed random effects: lecture evaluations (P4, P5), random pairs of levels (C1), and so many of
# them that nothing can be factored (C2).

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
many_pairs <- random_pairs(1000000L, 100000L, 10000L)

# C2 beside the exact fit of C1. Random signs stand in for a factorisation, so it also says how far
# other signs move the estimates, in their standard errors.
large_case <- function(work, formula, family) {
  fit_pairs <- function(data, seed = NULL) {
    margmix::glmm(formula, data, family, control = margmix::glmm_control(seed = seed))
  }
  list(
    work = work, at_most = TRUE, runs = 3L, targets = c("margmix, a million rows" = 10),
    data = function(shrink) list(small = pairs(shrink), large = many_pairs(shrink)),
    fits = list(
      margmix = function(data) fit_pairs(data$small),
      "margmix, a million rows" = function(data) structure(fit_pairs(data$large), rows = data$large)
    ),
    read = function(fit, package) {
      out <- crossed_read(fit, package)
      out$estimate <- NA_real_ # other data than those of the first fit
      if (is.null(attr(fit, "rows"))) return(out)
      se <- sqrt(diag(vcov(fit, full = TRUE)))
      parameters <- function(fit) c(coef(fit), unlist(lapply(nlme::VarCorr(fit), attr, "stddev")))
      others <- lapply(1:3, function(seed) fit_pairs(attr(fit, "rows"), seed))
      moved <- vapply(others, function(other) {
        change <- parameters(other) - parameters(fit)
        max(abs(change[seq_along(se)] / se), na.rm = TRUE)
      }, 0)
      logLiks <- vapply(others, function(other) as.numeric(logLik(other)), 0)
      out$detail <- sprintf(
        paste(
          "%s; logLik with Monte Carlo sd %.1e (sd over 3 seeds %.1e);",
          "other seeds move estimates by %.2f%% of an SE"
        ),
        out$detail, fit$rule$mc_sd, stats::sd(logLiks), 100 * max(moved)
      )
      out
    }
  )
}

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
  ),
  `C2-lmm` = large_case(
    "C1-lmm, and 10^6 random pairs of 10^5 and 10^4 levels", y ~ x + (1 | s) + (1 | d), gaussian()
  ),
  `C2-logit` = large_case(
    "C1-logit, and 10^6 random pairs of 10^5 and 10^4 levels", z ~ x + (1 | s) + (1 | d), binomial()
  )
)
