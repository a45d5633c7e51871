# Fits of mixed models with one grouping factor `id`, and what is read off them.

fit_margmix <- function(formula, data, family, K, threads = 1L) {
  margmix::glmm(formula, data, family, nAGQ = K, control = margmix::glmm_control(threads = threads))
}

# With nAGQ > 1 logLik() of lme4 lacks the saturated model's log-likelihood, the sum of
# log f(y | y). For 0/1 responses that is 0; it is written out so that other responses can be
# compared.
fit_lme4 <- function(formula, data, family, K) {
  fit <- suppressWarnings(lme4::glmer(formula, data, family, nAGQ = K))
  y <- fit@resp$y
  dropped <- if (K == 1L) 0 else sum(switch(family$family,
    binomial = dbinom(y, 1, y, log = TRUE), poisson = dpois(y, y, log = TRUE)
  ))
  attr(fit, "dropped") <- dropped
  fit
}

fit_glmmTMB <- function(formula, data, family, K) {
  stopifnot(K == 1L)
  glmmTMB::glmmTMB(formula, data, family, control = glmmTMB::glmmTMBControl(parallel = 1L))
}

# mixed_model() takes the fixed and the random part apart.
fit_GLMMadaptive <- function(formula, data, family, K) {
  bar <- reformulas::findbars(formula)[[1L]]
  random <- as.formula(call("~", bar))
  GLMMadaptive::mixed_model(
    reformulas::nobars(formula), random = random, data = data, family = family, nAGQ = K
  )
}

#' @return list(logLik, estimate, se, detail): the fixed effects and, in words, the random sds.
read_fit <- function(fit, package) {
  sds <- switch(package,
    margmix = unlist(lapply(nlme::VarCorr(fit), attr, "stddev")),
    lme4 = attr(lme4::VarCorr(fit)$id, "stddev"),
    glmmTMB = attr(glmmTMB::VarCorr(fit)$cond$id, "stddev"),
    GLMMadaptive = sqrt(diag(fit$D))
  )
  beta <- switch(package,
    margmix = coef(fit), lme4 = lme4::fixef(fit), glmmTMB = glmmTMB::fixef(fit)$cond,
    GLMMadaptive = fit$coefficients
  )
  dropped <- attr(fit, "dropped")
  list(
    logLik = as.numeric(logLik(fit)) + if (is.null(dropped)) 0 else dropped, estimate = beta,
    se = if (package == "margmix") sqrt(diag(vcov(fit))),
    detail = paste("sd", paste(format(unname(sds), digits = 5), collapse = " "))
  )
}
