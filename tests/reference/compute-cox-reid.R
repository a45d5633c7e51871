# Restricted estimates by the adjusted profile likelihood of Cox and Reid (1987) in plain R.
#
# Writes cox-reid.csv. Integrals are sums over a fine grid, the information in beta comes from
# Louis's identity, the maximum from Newton's method with differences of the criterion
# (helper-restricted.R of tests/testthat). The installed package supplies the design matrices and
# starting values, no number. About ten minutes.
suppressMessages(library(margmix))
helpers <- new.env(parent = asNamespace("margmix"))
for (file in c("helper-brute.R", "helper-restricted.R")) {
  sys.source(file.path("..", "testthat", file), helpers)
}
source("models-cox-reid.R")

models <- cox_reid_models()
rows <- lapply(names(models), function(name) {
  model <- models[[name]]
  fit <- suppressMessages(glmm(model$formula, model$data, model$family, nAGQ = 9))
  start <- c(component(fit, "theta"), if (grepl("nbinom2|Gamma", name)) log(component(fit, "phi")))
  q <- if (name == "slope") 2L else 1L
  grid <- helpers$brute_grid(q, step = c(1 / 25, 1 / 4)[q], reach = c(8, 6.5)[q])
  found <- helpers$brute_restricted_fit(
    list(design = fit$design), model$family, start, fit$beta, grid
  )
  p <- length(found$beta)
  value <- c(
    logLik = found$value, stats::setNames(found$beta, paste0("beta", seq_len(p))),
    stats::setNames(found$v, paste0("v", seq_along(found$v))),
    stats::setNames(sqrt(diag(solve(found$J))), paste0("se", seq_len(p))),
    stats::setNames(sqrt(diag(-solve(found$H))), paste0("se_v", seq_along(found$v)))
  )
  print(value)
  data.frame(model = name, quantity = names(value), value = sprintf("%.10f", value))
})
write.csv(do.call(rbind, rows), "cox-reid.csv", row.names = FALSE, quote = FALSE)
