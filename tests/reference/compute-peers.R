# The reference models fitted by lme4 and glmmTMB, tightly tuned -> glmm-peers.csv; Gaussian
# models fitted by lme4 -> lmm-peers.csv. Run in this folder: Rscript compute-peers.R

source("models.R")
source("integrate.R")
suppressMessages(library(lme4))
options(digits = 15, warn = 1)

versions <- paste0(
  R.version.string, ", lme4 ", packageVersion("lme4"), ", glmmTMB ", packageVersion("glmmTMB")
)
models <- reference_models(read_sets())
points <- list(
  infection = c(1, 5, 20), pump = c(1, 5), toenail = c(1, 25), seeds = c(1, 20),
  epilepsy = c(1, 7), cbpp = c(1, 25), ohio = c(1, 25)
)

# For nAGQ > 1 lme4 (up to 2.0-6) integrates exp(-deviance residual / 2): the log-likelihood of
# the saturated model has to be added to be on the scale of nAGQ = 1. It is 0 for 0/1 responses.
saturated_loglik <- function(d) {
  if (d$family == "binomial") {
    sum(dbinom(d$y, d$trials, d$y / d$trials, log = TRUE))
  } else {
    sum(dpois(d$y, d$y, log = TRUE))
  }
}

# lme4 minimises with an inexact deviance; a very small tolPwrss and three optimisers in turn
# bring it down. One row per cluster (pump, seeds) needs its check of the number of levels
# switched off.
fit_lme4 <- function(model, K) {
  control <- function(optimizer, ...) {
    glmerControl(
      optimizer = optimizer, tolPwrss = 1e-12, calc.derivs = FALSE, optCtrl = list(...),
      check.nobs.vs.nlev = "ignore", check.nobs.vs.nRE = "ignore", check.conv.singular = "ignore"
    )
  }
  formula <- as.formula(mixed_formula(model), globalenv())
  data <- model$data
  fit <- glmer(formula, data, family = model$family, nAGQ = K,
               control = control("bobyqa", rhobeg = 0.02, rhoend = 1e-9, maxfun = 1e5))
  deviance <- update(fit, devFunOnly = TRUE)
  start <- c(getME(fit, "theta"), fixef(fit))
  for (round in 1:3) {
    start <- nlminb(start, deviance, control = list(rel.tol = 1e-15, x.tol = 1e-12))$par
    start <- minqa::bobyqa(start, deviance, control = list(rhobeg = 1e-4, rhoend = 1e-10))$par
  }
  list(theta = start[[1]], beta = start[-1], loglik = -deviance(start) / 2)
}

peer_rows <- function(peer, name, K, loglik, beta, sd) {
  data.frame(
    model = name, rule = as.character(K), peer = peer,
    quantity = c("logLik", paste0("coef:", names(beta)), "sd"),
    value = sprintf("%.10g", c(loglik, beta, abs(sd)))
  )
}

tables <- list()
for (name in names(models)) {
  model <- models[[name]]
  d <- design(model)
  for (K in points[[name]]) {
    fit <- fit_lme4(model, K)
    loglik <- fit$loglik + if (K > 1) saturated_loglik(d) else 0
    message(name, " lme4 K = ", K, ": ", format(loglik, digits = 10))
    beta <- setNames(fit$beta, colnames(d$X))
    tables[[paste(name, K)]] <- peer_rows("lme4", name, K, loglik, beta, fit$theta)
  }
  optimiser <- list(rel.tol = 1e-14, iter.max = 1000, eval.max = 1000)
  fit <- suppressWarnings(glmmTMB::glmmTMB(        # warns that nlminb cannot reach such a tolerance
    as.formula(mixed_formula(model), globalenv()), model$data, family = model$family,
    control = glmmTMB::glmmTMBControl(optCtrl = optimiser)
  ))
  sd <- attr(glmmTMB::VarCorr(fit)$cond[[model$group]], "stddev")
  message(name, " glmmTMB Laplace: ", format(as.numeric(logLik(fit)), digits = 10))
  tables[[paste(name, "glmmTMB")]] <-
    peer_rows("glmmTMB", name, 1, as.numeric(logLik(fit)), glmmTMB::fixef(fit)$cond, sd)
}
peers <- do.call(rbind, unname(tables))
peers$source <- versions
write.csv(peers, "glmm-peers.csv", row.names = FALSE)

# Gaussian models: exact likelihood, so the peer's optimum is the reference.
gaussian <- list(
  "sleepstudy-intercept" = list(Reaction ~ Days + (1 | Subject), sleepstudy),
  "sleepstudy-slope" = list(Reaction ~ Days + (Days | Subject), sleepstudy),
  "sleepstudy-uncorrelated" = list(Reaction ~ Days + (Days || Subject), sleepstudy),
  "dyestuff" = list(Yield ~ 1 + (1 | Batch), Dyestuff),
  "dyestuff2" = list(Yield ~ 1 + (1 | Batch), Dyestuff2)
)
control <- lmerControl(
  optimizer = "nloptwrap", calc.derivs = FALSE, check.conv.singular = "ignore",
  optCtrl = list(algorithm = "NLOPT_LN_BOBYQA", xtol_abs = 1e-12, ftol_abs = 1e-13, maxeval = 1e5)
)
# lmer's optimiser is free of derivatives and leaves five digits; Newton steps on its own deviance
# function add the rest. A variance of zero stays where it is.
polish_lmer <- function(fit) {
  deviance <- update(fit, devFunOnly = TRUE)
  theta <- getME(fit, "theta")
  free <- abs(theta) > 1e-4
  at <- function(x) deviance(replace(theta, free, x))
  for (step in seq_len(4 * any(free))) {
    x <- theta[free]
    theta[free] <- x - solve(numDeriv::hessian(at, x), numDeriv::grad(at, x))
  }
  unoptimised <- lmerControl(optimizer = NULL, calc.derivs = FALSE, check.conv.singular = "ignore")
  lmer(formula(fit), fit@frame, REML = isREML(fit), start = theta, control = unoptimised)
}
rows <- list()
for (name in names(gaussian)) {
  for (REML in c(FALSE, TRUE)) {
    fit <- polish_lmer(
      lmer(gaussian[[name]][[1]], gaussian[[name]][[2]], REML = REML, control = control)
    )
    components <- as.data.frame(VarCorr(fit), order = "lower.tri")
    parts <- ifelse(is.na(components$var1), "", components$var1)
    parts <- ifelse(is.na(components$var2), parts, paste(parts, components$var2, sep = "."))
    groups <- sub("\\.[0-9]+$", "", components$grp)          # terms of (x || g) are numbered g, g.1
    rows[[paste(name, REML)]] <- data.frame(
      model = name,
      method = if (REML) "REML" else "ML",
      quantity = c(
        "logLik", paste0("coef:", names(fixef(fit))), paste0("se:", names(fixef(fit))),
        paste0("sdcor:", groups, ":", parts)
      ),
      value = sprintf(
        "%.10g",
        c(as.numeric(logLik(fit)), fixef(fit), sqrt(diag(as.matrix(vcov(fit)))), components$sdcor)
      ),
      source = versions
    )
  }
}
write.csv(do.call(rbind, unname(rows)), "lmm-peers.csv", row.names = FALSE)
