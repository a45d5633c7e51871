# The models of models-smooths.R -> smooth-peers.csv: linear ones by mgcv::gam() with method "ML"
# and "REML", counts by lme4 with the penalized columns of mgcv::smooth2random() in place of an
# indicator matrix, which is how package gamm4 fits them. Run in this folder:
# Rscript compute-smooths.R

source("models-smooths.R")
suppressMessages({
  library(mgcv)
  library(lme4)
})
options(digits = 15, warn = 1)

gam_rows <- function(name, model, method) {
  fit <- gam(model$peer, data = model$data, method = method, control = gam.control(epsilon = 1e-10))
  table <- summary(fit)$s.table
  data.frame(
    model = name, method = method, quantity = c("logLik", "edf"),
    value = signif(c(-as.numeric(fit$gcv.ubre), table[1L, "edf"]), 12),
    source = paste("mgcv", packageVersion("mgcv"))
  )
}

lme4_rows <- function(name, model) {
  d <- model$data
  smooth <- smoothCon(s(mag), d, absorb.cons = TRUE)[[1L]]
  random <- smooth2random(smooth, "", type = 2)
  d$linear <- random$Xf[, 1L]
  Xr <- random$rand$Xr
  d$pseudo <- factor(rep(seq_len(ncol(Xr)), length.out = nrow(d)))
  parts <- glFormula(stations ~ linear + (1 | region) + (1 | pseudo), d, family = poisson())
  rows <- parts$reTrms$Gp[names(parts$reTrms$cnms) == "pseudo"] + seq_len(ncol(Xr))
  parts$reTrms$Zt[rows, ] <- t(Xr)
  deviance <- suppressWarnings(do.call(mkGlmerDevfun, parts))
  start <- optimizeGlmer(deviance)
  deviance <- updateGlmerDevfun(deviance, parts$reTrms)
  last <- optimizeGlmer(deviance,
    optimizer = "bobyqa", stage = 2, start = list(theta = start$par, fixef = rep(0, 2)),
    control = list(rhoend = 1e-10, maxfun = 1e5)
  )
  sds <- c(region = "sd_(Intercept)|region", pseudo = "sd_s(mag)")
  data.frame(
    model = name, method = "ML",
    quantity = c("logLik", sds[names(parts$reTrms$cnms)], "s(mag)"),
    value = signif(c(-last$fval / 2, last$par[1:2], last$par[4]), 10),
    source = paste("lme4", packageVersion("lme4"))
  )
}

names <- c("sleepstudy", "dietox")
models <- smooth_models(sapply(names, function(x) read.csv(paste0(x, ".csv")), simplify = FALSE))
linear <- expand.grid(method = c("ML", "REML"), name = names, stringsAsFactors = FALSE)
gam_table <- Map(function(name, method) gam_rows(name, models[[name]], method),
  linear$name, linear$method
)
table <- do.call(rbind, c(gam_table, list(lme4_rows("quakes", models$quakes))))
write.csv(table, "smooth-peers.csv", row.names = FALSE)
