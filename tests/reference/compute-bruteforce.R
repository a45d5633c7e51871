# Maximum likelihood of every reference model by brute-force integration -> glmm-bruteforce.csv,
# and by independent adaptive quadrature at the K of the published results -> glmm-aghq.csv.
# Run in this folder: Rscript compute-bruteforce.R   (needs package numDeriv)

source("models.R")
source("integrate.R")
options(digits = 15)

models <- reference_models(read_sets())
points <- list(
  infection = c(1, 5, 20), pump = c(1, 5, 30), toenail = c(1, 25, 50), seeds = c(1, 20),
  epilepsy = c(1, 7), cbpp = c(1, 25), ohio = c(1, 25, 50)
)

exact <- list()
adaptive <- list()
for (name in names(models)) {
  d <- design(models[[name]])
  value <- function(par) as.numeric(grid_loglik(par, d))
  gradient <- function(par) attr(grid_loglik(par, d), "gradient")
  first <- nlminb(start_values(d), function(x) -value(x), function(x) -gradient(x))$par
  root <- covariance_root(first, d)
  fit <- maximise(value, first, root, gradient)
  halved <- as.numeric(grid_loglik(fit$par, d, step = 1 / 80))
  stopifnot(
    fit$decrement < 1e-14, max(abs(gradient(fit$par))) < 1e-7, abs(halved - fit$loglik) < 1e-9
  )
  message(
    name, " exact: logLik ", format(fit$loglik, digits = 12),
    ", half step moves it by ", format(halved - fit$loglik, digits = 2),
    ", decrement ", format(fit$decrement, digits = 2)
  )
  exact[[name]] <- as_rows(name, "exact", fit, d)

  for (K in points[[name]]) {
    value_k <- function(par) aghq_loglik(par, d, K)
    fit_k <- maximise(value_k, fit$par, root)
    stopifnot(fit_k$decrement < 1e-14)
    message(
      name, " K = ", K, ": logLik ", format(fit_k$loglik, digits = 12),
      ", decrement ", format(fit_k$decrement, digits = 2)
    )
    adaptive[[paste(name, K)]] <- as_rows(name, K, fit_k, d)
  }
}

write_table <- function(tables, file) {
  table <- do.call(rbind, unname(tables))
  table$value <- sprintf("%.10g", table$value)
  table$kind <- "computed"
  table$source <- R.version.string
  write.csv(table, file, row.names = FALSE)
}
write_table(exact, "glmm-bruteforce.csv")
write_table(adaptive, "glmm-aghq.csv")
