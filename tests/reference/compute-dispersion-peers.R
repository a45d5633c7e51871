# Families with a dispersion fitted by glmmTMB (Laplace), tightly tuned -> dispersion-peers.csv.
# Run in this folder: Rscript compute-dispersion-peers.R

suppressMessages(library(glmmTMB))
source("dispersion-models.R")
data("epilepsy", package = "margmix")
models <- dispersion_models(list(
  epilepsy = epilepsy,
  cbpp = read.csv("cbpp.csv", colClasses = c(herd = "factor", period = "factor")),
  sleepstudy = read.csv("sleepstudy.csv"),
  grouseticks = read.csv("grouseticks.csv"),
  Orthodont = as.data.frame(nlme::Orthodont)
))
versions <- paste0(R.version.string, ", glmmTMB ", packageVersion("glmmTMB"))

# nlminb as far as it goes, then Newton steps on the deviance function of the fit, whose gradient is
# exact.
polish <- function(fit) {
  obj <- fit$obj
  par <- fit$fit$par
  for (step in 1:6) {
    H <- stats::optimHess(par, obj$fn, obj$gr)
    par <- par - drop(solve(H, drop(obj$gr(par))))
  }
  list(logLik = -obj$fn(par), par = par, gradient = max(abs(obj$gr(par))))
}

rows <- lapply(names(models), function(name) {
  model <- models[[name]]
  family <- get(model$peer, envir = asNamespace(model$from))(link = model$link)
  fit <- suppressWarnings(
    glmmTMB(model$formula, model$data, family = family, dispformula = model$dispersion)
  )
  best <- polish(fit)
  message(name, ": ", format(best$logLik, digits = 10), ", gradient ", signif(best$gradient, 2))
  beta <- best$par[names(best$par) == "beta"]
  # of a formula its coefficients, on the log scale
  betad <- best$par[grepl("^betad", names(best$par))]
  one <- length(betad) == 1
  data.frame(
    model = name,
    quantity = c(
      "logLik", paste0("coef:", names(fixef(fit)$cond)),
      if (one) "disp" else paste0("log disp:", names(fixef(fit)$disp)), "sd"
    ),
    value = sprintf("%.10g", c(
      best$logLik, beta, if (one) exp(betad) else betad,
      exp(best$par[names(best$par) == "theta"][1])
    )),
    source = versions
  )
})
write.csv(do.call(rbind, rows), "dispersion-peers.csv", row.names = FALSE)
