# The models of models-fields.R by glmmTMB, tightly tuned, those but gau() by spaMM, and the linear
# one of the wheat trial by generalized least squares with nlme -> field-peers.csv: log-likelihood,
# coefficients, standard deviation of the field and its range. Run in this folder, for all models or
# some of them, whose rows are replaced: Rscript compute-fields.R [names]

source("models-fields.R")
suppressMessages(library(glmmTMB))
options(digits = 15, warn = 1)

families <- list(
  poisson = poisson(), binomial = binomial(), gaussian = gaussian(), nbinom2 = glmmTMB::nbinom2()
)

# theta of glmmTMB is (log sd, log range), and for mat() the logarithm of its smoothness, held here
peer_fit <- function(model, start) {
  arguments <- list(model$peer, model$data, families[[model$family]],
    control = glmmTMBControl(optCtrl = list(iter.max = 1e4, eval.max = 1e4, rel.tol = 1e-14))
  )
  arguments$start <- list(theta = c(start, if (length(model$nu)) log(model$nu)))
  if (length(model$nu)) arguments$map <- list(theta = factor(c(1, 2, NA)))
  do.call(glmmTMB, arguments)
}

models <- field_models(lapply(c(wheat2 = "wheat2.csv", topo = "topo.csv"), read.csv))
chosen <- commandArgs(TRUE)
if (!length(chosen)) chosen <- names(models)
rows <- lapply(chosen, function(name) {
  model <- models[[name]]
  extent <- if (name == "wheat_exp") 20 else if (grepl("topo|quakes", name)) 3 else 0.3
  fits <- lapply(c(0.3, 1), function(part) peer_fit(model, c(0, log(extent * part))))
  values <- vapply(fits, function(fit) -fit$fit$objective, 0)
  message(name, ": ", paste(format(values, digits = 12), collapse = " "))
  fit <- fits[[which.max(values)]]
  theta <- fit$fit$par[names(fit$fit$par) == "theta"]
  beta <- fixef(fit)$cond
  data.frame(
    model = name, quantity = c("logLik", names(beta), "sd", "range"),
    value = signif(c(max(values), beta, exp(theta[1:2])), 12),
    source = paste("glmmTMB", packageVersion("glmmTMB"))
  )
})

# Matern's correlation of spaMM has the inverse range. Its algebra by sparse precisions works with
# Matrix 1.5-3 too.
spaMM_rows <- function(name, model) {
  text <- gsub(" + 0", "", deparse1(model$formula), fixed = TRUE)
  text <- sub("(exp|mat)\\(([^|]+) \\| (\\w+)[^)]*\\)", "Matern(1 | \\2 %in% \\3)", text)
  family <- if (model$family == "nbinom2") spaMM::negbin() else families[[model$family]]
  fit <- spaMM::fitme(as.formula(sub(" %in% 1", "", text, fixed = TRUE)), model$data,
    family = family, method = "ML", fixed = list(nu = if (length(model$nu)) model$nu else 0.5),
    control = list(nloptr = list(xtol_rel = 1e-9)), control.HLfit = list(algebra = "spprec")
  )
  beta <- spaMM::fixef(fit)
  data.frame(
    model = name, quantity = c("logLik", names(beta), "sd", "range"), value = signif(c(
      logLik(fit), beta, sqrt(fit$lambda), 1 / spaMM::get_ranPars(fit)$corrPars[[1L]]$rho
    ), 12), source = paste("spaMM", packageVersion("spaMM"))
  )
}
matern <- setdiff(chosen, "poisson_gau")
rows <- c(rows, Map(spaMM_rows, matern, models[matern]))

# Residuals of an exponential correlation with a nugget are field plus independent error.
wheat <- models$wheat_exp$data
gls <- nlme::gls(yield ~ 1, wheat,
  correlation = nlme::corExp(c(15, 0.2), form = ~ north + east, nugget = TRUE), method = "ML",
  control = nlme::glsControl(tolerance = 1e-10, msTol = 1e-12, maxIter = 500, msMaxIter = 500)
)
structure <- stats::coef(gls$modelStruct$corStruct, unconstrained = FALSE)
gls_rows <- data.frame(
  model = "wheat_exp", quantity = c("logLik", "(Intercept)", "sd", "range"),
  value = signif(c(
    as.numeric(logLik(gls)), coef(gls), gls$sigma * sqrt(1 - structure[["nugget"]]),
    structure[["range"]]
  ), 12), source = paste("nlme", utils::packageVersion("nlme"))
)
table <- do.call(rbind, c(rows, if ("wheat_exp" %in% chosen) list(gls_rows)))
if (length(chosen) < length(models)) {
  known <- read.csv("field-peers.csv", stringsAsFactors = FALSE)
  table <- rbind(known[known$model %in% setdiff(names(models), chosen), ], table)
}
table <- table[order(match(table$model, names(models))), ]
write.csv(table, "field-peers.csv", row.names = FALSE)
