# The models of models-groups.R by lme4 (Gaussian: ML and REML) and glmmTMB (others: Laplace with
# observed information), tightly tuned -> groups-peers.csv. lme4's optimum of the others is kept as
# well: its deviance is inexact, so it may stop lower. Run in this folder: Rscript compute-groups.R

source("models-groups.R")
suppressMessages({
  library(lme4)
  library(glmmTMB)
})
options(digits = 15, warn = 1)
versions <- paste0("lme4 ", packageVersion("lme4"), ", glmmTMB ", packageVersion("glmmTMB"))

rows <- list()
add <- function(model, method, fit, se) {
  beta <- if (inherits(fit, "glmmTMB")) fixef(fit)$cond else fixef(fit)
  rows[[length(rows) + 1L]] <<- data.frame(
    model = model, method = method, quantity = c("logLik", names(beta), paste0("se:", names(beta))),
    value = signif(c(as.numeric(logLik(fit)), beta, se), 12), source = versions
  )
}

tight <- list(rhoend = 1e-10, maxfun = 1e5)
for (name in names(groups_models())) {
  model <- groups_models()[[name]]
  d <- model$data()
  if (model$family == "gaussian") {
    for (REML in c(FALSE, TRUE)) {
      control <- lmerControl(optimizer = "bobyqa", optCtrl = tight, calc.derivs = FALSE)
      fit <- lmer(model$formula, d, REML = REML, control = control)
      add(name, if (REML) "REML" else "ML", fit, sqrt(diag(as.matrix(vcov(fit)))))
    }
    next
  }
  family <- groups_family(model$family)
  control <- glmmTMBControl(optCtrl = list(iter.max = 1e4, eval.max = 1e4, rel.tol = 1e-14))
  fit <- glmmTMB(model$formula, d, family, control = control)
  add(name, "Laplace", fit, sqrt(diag(vcov(fit)$cond)))
  control <- glmerControl(
    optimizer = "bobyqa", optCtrl = tight, tolPwrss = 1e-11, calc.derivs = FALSE,
    check.nlev.gtr.1 = "ignore"
  )
  fit <- glmer(model$formula, d, family, control = control)
  add(name, "lme4", fit, NA * fixef(fit))
}
write.csv(do.call(rbind, rows), "groups-peers.csv", row.names = FALSE)
