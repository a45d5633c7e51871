# The models of models-kinship.R by GMMAT (restricted and maximum likelihood) and gaston (restricted
# likelihood), tightly tuned -> kinship-peers.csv: variances, coefficients, standard errors and, of
# gaston, the restricted log-likelihood, which leaves out the constant -(n - p) log(2 pi) / 2.
# Run in this folder: Rscript compute-kinship.R

source("models-kinship.R")
suppressMessages(library(GMMAT))
suppressMessages(library(gaston))
options(digits = 15)

rows <- function(package, method, variances, beta, se, logLik = NULL) {
  quantity <- c(
    "residual", "relatives", if (length(variances) > 2) "person", beta_names,
    if (length(se)) paste("se", beta_names), if (length(logLik)) "logLik"
  )
  data.frame(
    quantity, value = signif(unname(c(variances, beta, se, logLik)), 12), method,
    source = paste(package, packageVersion(package))
  )
}

by_GMMAT <- function(model, method) {
  d <- model$data
  several <- anyDuplicated(d$id) > 0
  # of one matrix its method of maximum likelihood is Brent's
  optimizer <- if (method == "REML") "AI" else if (several) "Nelder-Mead" else "Brent"
  K <- if (optimizer == "Brent") model$K else list(K = model$K)
  fit <- glmmkin(y ~ x + sex, d, K,
    id = "id", family = gaussian(), method = method, method.optim = optimizer, tol = 1e-12,
    maxiter = 1000, taumin = 1e-8
  )
  rows("GMMAT", method, fit$theta, fit$coefficients, sqrt(diag(fit$cov)))
}

by_gaston <- function(model) {
  d <- model$data
  K <- model$K[d$id, d$id]
  if (anyDuplicated(d$id)) K <- list(K, outer(d$id, d$id, "==") + 0)
  X <- cbind(1, d$x, d$sex)
  fit <- lmm.aireml(d$y, X, K, eps = 1e-11, max_iter = 1000L, verbose = FALSE)
  # with two matrices it gives no covariance of beta
  se <- if (is.matrix(K)) sqrt(diag(fit$varbeta))
  rows("gaston", "REML", c(fit$sigma2, fit$tau), fit$BLUP_beta, se, fit$logL)
}

beta_names <- c("(Intercept)", "x", "sex")
models <- kinship_models()
table <- lapply(names(models), function(name) {
  model <- models[[name]]
  found <- rbind(by_GMMAT(model, "REML"), by_GMMAT(model, "ML"), by_gaston(model))
  cbind(model = name, found)
})
write.csv(do.call(rbind, table), "kinship-peers.csv", row.names = FALSE, quote = FALSE)
