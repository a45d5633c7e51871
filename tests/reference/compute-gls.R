# The models of models-gls.R by nlme, with ape's corPagel() -> gls-peers.csv: log-likelihood,
# coefficients, standard deviations of the related effects and of the residual, and the correlation
# of a process at distance one. Run in this folder: Rscript compute-gls.R

source("models-gls.R")
source("models-related.R")
library(nlme)
options(digits = 15, warn = 1)

gls_tight <- glsControl(tolerance = 1e-12, msTol = 1e-13, maxIter = 1000, msMaxIter = 1000)
lme_tight <- lmeControl(tolerance = 1e-12, msTol = 1e-13, maxIter = 1000, msMaxIter = 1000,
  niterEM = 50
)

# corExp() has the range 1 / rate, and of its variance the share `nugget` is the residual; the
# correlation corPagel() of an ultrametric tree is lambda times that of Brownian motion.
parts_of <- function(model, fit) {
  shape <- coef(fit$modelStruct$corStruct, unconstrained = FALSE)
  shared <- switch(model$structure,
    corPagel = shape[[1L]], corExp = 1 - shape[["nugget"]], corCAR1 = 1
  )
  r <- switch(model$structure, corExp = exp(-1 / shape[["range"]]), corCAR1 = shape[[1L]])
  c(sd = fit$sigma * sqrt(shared), residual = fit$sigma * sqrt(1 - shared), r = r)
}

structure_of <- function(model, value) {
  if (model$structure == "corPagel") {
    return(ape::corPagel(value, model$tree, form = ~species))
  }
  if (model$structure == "corCAR1") return(corCAR1(value, form = model$time))
  corExp(c(-1 / log(value), 0.3), form = model$time, nugget = TRUE)
}

peer_fit <- function(model, method, value) {
  if (is.null(model$random)) {
    gls(model$peer, model$data, structure_of(model, value), method = method, control = gls_tight)
  } else {
    lme(model$peer, model$data, model$random, structure_of(model, value), method = method,
      control = lme_tight
    )
  }
}

models <- c(gls_phylogenies(), gls_processes(process_data))
rows <- lapply(names(models), function(name) {
  model <- models[[name]]
  do.call(rbind, lapply(c("ML", "REML"), function(method) {
    fits <- lapply(c(0.3, 0.6, 0.8), function(value) {
      tryCatch(peer_fit(model, method, value), error = function(e) NULL)
    })
    values <- vapply(fits, function(fit) if (is.null(fit)) NA else as.numeric(logLik(fit)), 0)
    message(name, " ", method, ": ", paste(format(values, digits = 12), collapse = " "))
    fit <- fits[[which.max(values)]]
    beta <- if (is.null(model$random)) coef(fit) else fixef(fit)
    parts <- parts_of(model, fit)
    data.frame(
      model = name, method = method, quantity = c("logLik", names(beta), names(parts)),
      value = signif(c(max(values, na.rm = TRUE), beta, parts), 12),
      source = paste0(
        "nlme ", packageVersion("nlme"),
        if (model$structure == "corPagel") paste(", ape", packageVersion("ape"))
      )
    )
  }))
})
write.csv(do.call(rbind, rows), "gls-peers.csv", row.names = FALSE)
