# The models of models-related.R by glmmTMB, tightly tuned -> related-peers.csv: log-likelihood,
# coefficients, standard deviation of the series and its correlation at distance one. Run in this
# folder, with the package installed for its data: Rscript compute-related.R

source("models-related.R")
suppressMessages(library(glmmTMB))
options(digits = 15, warn = 1)
data(epilepsy, package = "margmix")

families <- list(
  poisson = poisson(), binomial = binomial(), gaussian = gaussian(), nbinom2 = glmmTMB::nbinom2()
)
models <- related_models(list(epilepsy = epilepsy))
rows <- lapply(names(models), function(name) {
  model <- models[[name]]
  d <- model$data
  if (grepl("_ou$", name)) d$nt <- numFactor(d$t)
  fit <- glmmTMB(model$peer, d, families[[model$family]], control = glmmTMBControl(
    optCtrl = list(iter.max = 1e4, eval.max = 1e4, rel.tol = 1e-14)
  ))
  series <- VarCorr(fit)$cond[[1L]]
  sd <- unname(attr(series, "stddev")[1L])
  theta <- fit$fit$par[names(fit$fit$par) == "theta"]
  # glmmTMB: r = theta / sqrt(1 + theta^2) for ar1(), rate = exp(theta) for ou()
  r <- if (grepl("_ou$", name)) exp(-exp(theta[2L])) else theta[2L] / sqrt(1 + theta[2L]^2)
  beta <- fixef(fit)$cond
  data.frame(
    model = name, quantity = c("logLik", names(beta), "sd", "r"),
    value = signif(c(as.numeric(logLik(fit)), beta, sd, r), 12),
    source = paste("glmmTMB", packageVersion("glmmTMB"))
  )
})
write.csv(do.call(rbind, rows), "related-peers.csv", row.names = FALSE)
