# Marginal models fitted by geepack, its tolerance tightened to 1e-10 -> gee-peers.csv, and its data
# set dietox -> dietox.csv; `error` is geepack's, 1 if it did not converge. Run in this folder:
#   Rscript compute-gee-peers.R

source("models-gee.R")
suppressMessages(library(geepack))
options(digits = 15)

data <- new.env()
for (name in c("ohio", "respiratory")) load(file.path("../../data", paste0(name, ".rda")), data)
dietox <- get(utils::data("dietox", package = "geepack"))
dietox <- dietox[c("Pig", "Time", "Cu", "Weight")]
dietox <- dietox[order(as.character(dietox$Pig), dietox$Time), ]
write.csv(dietox, "dietox.csv", row.names = FALSE, quote = FALSE)

source <- paste0(R.version.string, ", geepack ", packageVersion("geepack"))
models <- marginal_models(data$ohio, data$respiratory, dietox)
tables <- list()
for (name in names(models)) {
  model <- models[[name]]
  model$data$id_number <- match(model$data[[model$id]], unique(model$data[[model$id]]))
  model$data$visit_number <- model$data[[model$visit]]
  for (corstr in marginal_correlations) {
    fit <- geeglm(model$formula, data = model$data, id = id_number, waves = visit_number,
      family = model$family, corstr = corstr,
      control = geese.control(epsilon = 1e-10, maxit = 500)
    )
    geese <- fit$geese
    tables[[paste(name, corstr)]] <- data.frame(
      model = name, corstr = corstr,
      quantity = c(
        paste0("coef:", names(coef(fit))), paste0("se:", names(coef(fit))), "phi",
        paste0("alpha:", seq_along(geese$alpha)), "error"
      ),
      value = sprintf("%.12g", c(
        coef(fit), sqrt(diag(geese$vbeta)), geese$gamma, geese$alpha, geese$error
      )),
      source = source
    )
  }
}
write.csv(do.call(rbind, tables), "gee-peers.csv", row.names = FALSE)
